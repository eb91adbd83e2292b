-- How did one step go over the weeks?
-- $step  The step's id in its scorecard. Without it: select step from steps_by_week where scorecard = 'house' group by step order by sum(judged) desc, step limit 1
-- $scorecard  The scorecard to judge by. Without it: select 'house'
select iso_week, step_title, judged, met, round(100 * rate, 1) as percent, round(100 * wilson_low, 1) as low,
    round(100 * wilson_high, 1) as high, round(100 * unsure_share, 1) as percent_unsure, len(rulebook_versions) as rulebooks
from steps_by_week
where step = $step and scorecard = $scorecard
order by iso_week desc;
