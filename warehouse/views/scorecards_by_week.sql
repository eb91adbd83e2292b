-- one row per ISO week and scorecard; met and missed are steps of calls, followed or not, as in agents_by_week
create view scorecards_by_week as
select
    iso_week,
    scorecard,
    date_trunc('week', any_value(local_date))::date as week_start,
    any_value(scorecard_title) as scorecard_title,
    count(*) as calls,
    count(score) as calls_scored,
    -- The order in which parts are added up must not show.
    round(avg(score), 9) as score,
    sum(steps_applicable)::bigint as applicable,
    sum(steps_judged)::bigint as judged,
    sum(steps_met)::bigint as met,
    sum(steps_missed)::bigint as missed,
    sum(steps_unsure)::bigint as unsure,
    sum(steps_met) / nullif(sum(steps_judged), 0) as rate,
    wilson_low(sum(steps_met), sum(steps_judged)) as wilson_low,
    wilson_high(sum(steps_met), sum(steps_judged)) as wilson_high,
    sum(steps_unsure) / nullif(sum(steps_applicable), 0) as unsure_share,
    sum(rules_applicable)::bigint as rules_applicable,
    sum(rules_judged)::bigint as rules_judged,
    sum(rules_judged) / nullif(sum(rules_applicable), 0) as coverage,
    count(critical_misses) as critical_judged_calls,
    count(*) filter (critical_misses > 0) as calls_with_critical_miss,
    count(distinct agent_id) as agents,
    list_sort(list(distinct rulebook_version)) as rulebook_versions
from call_scorecards
where iso_week is not null
group by iso_week, scorecard;
comment on view scorecards_by_week is 'One row per ISO week and scorecard: the headline figures; the rate is the share of steps followed. Key: iso_week, scorecard.';
