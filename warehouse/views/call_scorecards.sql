-- one row per call and scorecard; a rule that stands in two steps counts in both
-- score = 100 x weight met / weight judged, where at least `least_judged()` of the weight called for was judged
-- failed: a critical rule was missed, and the scorecard says that this fails a call; then score = 0
-- coverage = rules judged / rules applicable
-- critical_misses is NULL where critical rules were called for and none of them could be judged
create view call_scorecards as
with summed as (
    select
        call_id,
        iso_week,
        agent_id,
        scorecard,
        any_value(scorecard_title) as scorecard_title,
        any_value(rulebook_version) as rulebook_version,
        -- The order in which weights are added up must not decide.
        round(sum(weight_judged) / nullif(sum(weight_applicable), 0), 9) as judged_share,
        100.0 * sum(weight_met) / nullif(sum(weight_judged), 0) as score,
        sum(rules - rules_not_applicable)::bigint as rules_applicable,
        sum(rules_met + rules_missed)::bigint as rules_judged,
        sum(rules_met)::bigint as rules_met,
        sum(rules_missed)::bigint as rules_missed,
        sum(rules_unsure)::bigint as rules_unsure,
        sum(rules_not_assessable)::bigint as rules_not_assessable,
        sum(rules_not_applicable)::bigint as rules_not_applicable,
        sum(critical_applicable) > 0 and sum(critical_judged) = 0 as critical_unknown,
        coalesce(len(list_distinct(flatten(list(critical_rules_missed) filter (critical_misses > 0)))), 0)
            as critical_misses,
        count(*) filter (verdict in ('met', 'missed')) as steps_judged,
        count(*) filter (verdict = 'met') as steps_met,
        count(*) filter (verdict = 'missed') as steps_missed,
        count(*) filter (verdict = 'unsure') as steps_unsure,
        count(*) filter (verdict <> 'not_applicable') as steps_applicable,
        bool_or(failed) as failed,
        bool_or(is_overridden) as is_overridden
    from call_steps
    group by call_id, iso_week, agent_id, scorecard
)
select
    c.call_id, c.source, c.started_at, c.local_date, s.iso_week, strftime(c.local_date, '%Y-%m') as month, s.agent_id,
    c.agent_name, c.team, c.customer_id, c.queue, c.direction,
    s.rulebook_version,
    r.duration_s,
    m.upset,
    case m.upset when 'clear' then true when 'none' then false end as tense,
    m.calmed,
    s.scorecard,
    s.scorecard_title,
    s.judged_share,
    s.failed,
    case when s.failed then 0.0 when s.judged_share >= least_judged() then s.score end as score,
    s.rules_judged / nullif(s.rules_applicable, 0) as coverage,
    s.rules_applicable,
    s.rules_judged,
    s.rules_met,
    s.rules_missed,
    s.rules_unsure,
    s.rules_unsure / nullif(s.rules_applicable, 0) as unsure_share,
    s.rules_not_assessable,
    s.rules_not_applicable,
    case when not s.critical_unknown then s.critical_misses end as critical_misses,
    s.steps_judged,
    s.steps_met,
    s.steps_missed,
    s.steps_unsure,
    s.steps_applicable,
    s.is_overridden
from summed s
join core.calls c on c.call_id = s.call_id
join core.call_measures m on m.call_id = s.call_id and m.rulebook_version = s.rulebook_version
left join core.recordings r on r.call_id = s.call_id;
comment on view call_scorecards is 'One row per call and scorecard: score 0 to 100 over what was judged, with how much that was, and critical misses. Key: call_id, scorecard.';
