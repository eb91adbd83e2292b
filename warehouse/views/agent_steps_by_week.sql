-- one row per ISO week, scorecard, agent and step; calls without an agent are left out
create view agent_steps_by_week as
select
    iso_week,
    scorecard,
    agent_id,
    step,
    date_trunc('week', any_value(local_date))::date as week_start,
    arg_max(agent_name, started_at) as agent_name,
    arg_max(team, started_at) as team,
    arg_max(step_number, started_at) as step_number,
    arg_max(step_title, started_at) as step_title,
    count(*) as calls,
    count(*) filter (verdict <> 'not_applicable') as applicable,
    count(*) filter (verdict in ('met', 'missed')) as judged,
    count(*) filter (verdict = 'met') as met,
    count(*) filter (verdict = 'missed') as missed,
    count(*) filter (verdict = 'unsure') as unsure,
    met / nullif(judged, 0) as rate,
    wilson_low(met, judged) as wilson_low,
    wilson_high(met, judged) as wilson_high,
    unsure / nullif(applicable, 0) as unsure_share
from call_steps
where iso_week is not null and agent_id is not null
group by iso_week, scorecard, agent_id, step;
comment on view agent_steps_by_week is 'One row per ISO week, scorecard, agent and step. Mostly a handful of calls: see agent_step_month. Key: iso_week, scorecard, agent_id, step.';
