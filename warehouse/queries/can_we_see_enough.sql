-- How much of what was called for could be judged, week by week?
select iso_week, calls, round(100 * coverage, 1) as coverage_percent, calls_roles_unknown, calls_without_times
from coverage
where scorecard = 'house'
order by iso_week desc nulls last;
