-- one row per ISO week, scorecard and agent; met and missed are steps of calls, followed or not; calls without an agent are left out
create view agents_by_week as
select
    iso_week,
    scorecard,
    agent_id,
    date_trunc('week', any_value(local_date))::date as week_start,
    arg_max(agent_name, started_at) as agent_name,
    arg_max(team, started_at) as team,
    count(*) as calls,
    count(score) as calls_scored,
    round(avg(score), 9) as score,
    sum(steps_judged)::bigint as judged,
    sum(steps_met)::bigint as met,
    sum(steps_missed)::bigint as missed,
    sum(steps_unsure)::bigint as unsure,
    sum(steps_met) / nullif(sum(steps_judged), 0) as rate,
    wilson_low(sum(steps_met), sum(steps_judged)) as wilson_low,
    wilson_high(sum(steps_met), sum(steps_judged)) as wilson_high,
    sum(steps_unsure) / nullif(sum(steps_applicable), 0) as unsure_share,
    sum(critical_misses)::bigint as critical_misses,
    count(critical_misses) as critical_judged_calls,
    count(*) filter (critical_misses > 0) as calls_with_critical_miss,
    count(tense) as tense_judged_calls,
    count(*) filter (tense) as tense_calls,
    count(*) filter (calmed) as calmed_calls,
    count(*) filter (upset = 'perhaps') as perhaps_tense_calls
from call_scorecards
where iso_week is not null and agent_id is not null
group by iso_week, scorecard, agent_id;
comment on view agents_by_week is 'One row per ISO week, scorecard and agent. Few calls: read the interval, not the rate. Key: iso_week, scorecard, agent_id.';
