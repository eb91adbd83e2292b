-- How often was each step followed in the newest week?
-- $scorecard  The scorecard to judge by. Without it: select 'house'
select step_title, judged, met, round(100 * rate, 1) as percent, round(100 * wilson_low, 1) as low,
    round(100 * wilson_high, 1) as high, round(100 * unsure_share, 1) as percent_unsure
from steps_by_week
where scorecard = $scorecard and iso_week = (select max(iso_week) from weeks where calls > 0)
order by step_number;
