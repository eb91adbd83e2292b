-- one row per ISO week, scorecard and step; rate is over calls in which the step was judged
create view steps_by_week as
select
    iso_week,
    scorecard,
    step,
    date_trunc('week', any_value(local_date))::date as week_start,
    arg_max(step_number, started_at) as step_number,
    arg_max(step_title, started_at) as step_title,
    count(*) as calls,
    count(*) filter (verdict <> 'not_applicable') as applicable,
    count(*) filter (verdict in ('met', 'missed')) as judged,
    count(*) filter (verdict = 'met') as met,
    count(*) filter (verdict = 'missed') as missed,
    count(*) filter (verdict = 'unsure') as unsure,
    count(*) filter (verdict = 'not_assessable') as not_assessable,
    met / nullif(judged, 0) as rate,
    wilson_low(met, judged) as wilson_low,
    wilson_high(met, judged) as wilson_high,
    unsure / nullif(applicable, 0) as unsure_share,
    met / nullif(judged + unsure, 0) as rate_if_missed,
    (met + unsure) / nullif(judged + unsure, 0) as rate_if_met,
    sum(critical_misses)::bigint as critical_misses,
    list_sort(list(distinct rulebook_version)) as rulebook_versions
from call_steps
where iso_week is not null
group by iso_week, scorecard, step;
comment on view steps_by_week is 'One row per ISO week, scorecard and step: in how many calls it was called for, judged and met. Key: iso_week, scorecard, step.';
