-- Is a low step a matter of the team or of single agents? (newest four weeks)
-- $scorecard  The scorecard to judge by. Without it: select 'house'
select team, step_title, count(*) as agents, sum(judged) as judged, round(100 * any_value(team_rate), 1) as team_percent,
    round(100 * min(wilson_high) filter (judged >= 5), 1) as lowest_agent_at_best,
    round(100 * sum(unsure) / nullif(sum(applicable), 0), 1) as percent_unsure
from agent_step_month
where scorecard = $scorecard and iso_week = (select max(iso_week) from weeks where calls > 0)
group by team, step_title, step_number
order by team_percent nulls last, team, step_number;
