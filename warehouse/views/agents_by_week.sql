-- one row per ISO week, scorecard and agent; met and missed are steps of calls; calls without an agent are left out
create view agents_by_week as
select
    s.iso_week,
    s.scorecard,
    s.agent_id,
    date_trunc('week', any_value(s.local_date))::date as week_start,
    arg_max(s.agent_name, s.started_at) as agent_name,
    arg_max(s.team, s.started_at) as team,
    count(*) as calls,
    count(s.score) as calls_scored,
    avg(s.score) as score,
    sum(s.steps_judged)::bigint as judged,
    sum(s.steps_met)::bigint as met,
    sum(s.steps_missed)::bigint as missed,
    sum(s.steps_unsure)::bigint as unsure,
    sum(s.steps_met) / nullif(sum(s.steps_judged), 0) as rate,
    wilson_low(sum(s.steps_met), sum(s.steps_judged)) as wilson_low,
    wilson_high(sum(s.steps_met), sum(s.steps_judged)) as wilson_high,
    sum(s.steps_unsure) / nullif(sum(s.steps_applicable), 0) as unsure_share,
    sum(s.critical_misses)::bigint as critical_misses,
    count(*) filter (s.critical_misses > 0) as calls_with_critical_miss,
    count(*) filter (c.tense) as tense_calls,
    count(*) filter (c.calmed) as calmed_calls,
    count(*) filter (c.upset = 'perhaps') as perhaps_tense_calls
from call_scorecards s
join calls c on c.call_id = s.call_id
where s.iso_week is not null and s.agent_id is not null
group by s.iso_week, s.scorecard, s.agent_id;
comment on view agents_by_week is 'One row per ISO week, scorecard and agent. Few calls: read the interval, not the rate. Key: iso_week, scorecard, agent_id.';
