-- How much of what was called for could be judged, week by week?
-- $scorecard  The scorecard to judge by. Without it: select 'house'
select iso_week, calls, round(100 * coverage, 1) as coverage_percent, round(100 * unsure_share, 1) as unsure_percent,
    calls_roles_unknown, calls_without_times
from coverage
where scorecard = $scorecard
order by iso_week desc nulls last;
