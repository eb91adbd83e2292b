-- one row per call and scorecard; a rule that stands in two steps counts in both
-- score = 100 x weight met / weight judged, where at least `least_judged()` of the weight called for was judged
-- failed: a critical rule was missed, and the scorecard says that this fails a call; then score = 0
-- coverage = rules judged / rules applicable
create view call_scorecards as
select
    call_id,
    any_value(source) as source,
    any_value(started_at) as started_at,
    any_value(local_date) as local_date,
    iso_week,
    agent_id,
    any_value(agent_name) as agent_name,
    any_value(team) as team,
    any_value(customer_id) as customer_id,
    any_value(queue) as queue,
    any_value(direction) as direction,
    any_value(rulebook_version) as rulebook_version,
    scorecard,
    any_value(scorecard_title) as scorecard_title,
    -- The order in which weights are added up must not decide.
    round(sum(weight_judged) / nullif(sum(weight_applicable), 0), 9) as judged_share,
    bool_or(failed) as failed,
    case
        when bool_or(failed) then 0.0
        when judged_share >= least_judged() then 100.0 * sum(weight_met) / nullif(sum(weight_judged), 0)
    end as score,
    sum(rules_met + rules_missed) / nullif(sum(rules - rules_not_applicable), 0) as coverage,
    sum(rules - rules_not_applicable)::bigint as rules_applicable,
    sum(rules_met + rules_missed)::bigint as rules_judged,
    sum(rules_met)::bigint as rules_met,
    sum(rules_missed)::bigint as rules_missed,
    sum(rules_unsure)::bigint as rules_unsure,
    sum(rules_unsure) / nullif(sum(rules - rules_not_applicable), 0) as unsure_share,
    sum(rules_not_assessable)::bigint as rules_not_assessable,
    sum(rules_not_applicable)::bigint as rules_not_applicable,
    coalesce(len(list_distinct(flatten(list(critical_rules_missed) filter (critical_misses > 0)))), 0) as critical_misses,
    count(*) filter (verdict in ('met', 'missed')) as steps_judged,
    count(*) filter (verdict = 'met') as steps_met,
    count(*) filter (verdict = 'missed') as steps_missed,
    count(*) filter (verdict = 'unsure') as steps_unsure,
    count(*) filter (verdict <> 'not_applicable') as steps_applicable,
    bool_or(is_overridden) as is_overridden
from call_steps
group by call_id, iso_week, agent_id, scorecard;
comment on view call_scorecards is 'One row per call and scorecard: score 0 to 100 over what was judged, with how much that was, and critical misses. Key: call_id, scorecard.';
