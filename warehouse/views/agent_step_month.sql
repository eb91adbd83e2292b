-- one row per ISO week, scorecard, agent and step, over the four ISO weeks that end with that week
-- team figures are over the same weeks and hold the agent's own calls too
create view agent_step_month as
with ends as (
    select distinct iso_week, week_start from agent_steps_by_week
),
month as (
    select
        ends.iso_week,
        w.scorecard,
        w.agent_id,
        w.step,
        any_value(ends.week_start) as week_start,
        arg_max(w.agent_name, w.week_start) as agent_name,
        arg_max(w.team, w.week_start) as team,
        arg_max(w.step_number, w.week_start) as step_number,
        arg_max(w.step_title, w.week_start) as step_title,
        sum(w.calls)::bigint as calls,
        sum(w.applicable)::bigint as applicable,
        sum(w.judged)::bigint as judged,
        sum(w.met)::bigint as met,
        sum(w.missed)::bigint as missed,
        sum(w.unsure)::bigint as unsure
    from ends
    join agent_steps_by_week w on w.week_start between ends.week_start - 21 and ends.week_start
    group by ends.iso_week, w.scorecard, w.agent_id, w.step
)
select
    iso_week,
    scorecard,
    agent_id,
    step,
    week_start,
    week_start - 21 as first_week_start,
    agent_name,
    team,
    step_number,
    step_title,
    calls,
    applicable,
    judged,
    met,
    missed,
    unsure,
    met / nullif(judged, 0) as rate,
    wilson_low(met, judged) as wilson_low,
    wilson_high(met, judged) as wilson_high,
    unsure / nullif(applicable, 0) as unsure_share,
    sum(judged) over team_step::bigint as team_judged,
    sum(met) over team_step::bigint as team_met,
    sum(met) over team_step / nullif(sum(judged) over team_step, 0) as team_rate
from month
window team_step as (partition by iso_week, scorecard, team, step);
comment on view agent_step_month is 'One row per ISO week, scorecard, agent and step over four weeks, with the figures of the agent''s own team beside it. Key: iso_week, scorecard, agent_id, step.';
