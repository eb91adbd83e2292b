-- How does one agent do, week by week?
-- $agent  The agent, by id or name. Without it: select agent_name from agents_by_week where scorecard = 'house' group by agent_name order by sum(judged) desc, agent_name limit 1
-- $scorecard  The scorecard to judge by. Without it: select 'house'
select iso_week, agent_name, calls, judged, met, round(100 * rate, 1) as percent, round(100 * wilson_low, 1) as low,
    round(100 * wilson_high, 1) as high, round(100 * unsure_share, 1) as percent_unsure, round(score, 1) as score
from compliance_by_week($agent)
where scorecard = $scorecard
order by iso_week desc;
