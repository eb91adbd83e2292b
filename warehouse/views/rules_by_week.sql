-- one row per ISO week and rule, trial rules included; rate is over calls in which the rule was judged
create view rules_by_week as
select
    c.iso_week,
    f.rule_id,
    date_trunc('week', any_value(c.local_date))::date as week_start,
    arg_max(r.step, c.started_at) as step,
    arg_max(r.asks, c.started_at) as asks,
    arg_max(r.status, c.started_at) as status,
    count(*) as calls,
    count(*) filter (f.verdict <> 'not_applicable') as applicable,
    count(*) filter (f.verdict in ('met', 'missed')) as judged,
    count(*) filter (f.verdict = 'met') as met,
    count(*) filter (f.verdict = 'missed') as missed,
    count(*) filter (f.verdict = 'unsure') as unsure,
    count(*) filter (f.verdict = 'not_assessable') as not_assessable,
    count(*) filter (f.verdict = 'not_applicable') as not_applicable,
    met / nullif(judged, 0) as rate,
    wilson_low(met, judged) as wilson_low,
    wilson_high(met, judged) as wilson_high,
    unsure / nullif(applicable, 0) as unsure_share,
    met / nullif(judged + unsure, 0) as rate_if_missed,
    (met + unsure) / nullif(judged + unsure, 0) as rate_if_met,
    count(*) filter (f.is_overridden) as overridden,
    list_sort(list(distinct f.rulebook_version)) as rulebook_versions
from core.current_findings f
join core.calls c on c.call_id = f.call_id
left join core.rules r on r.rulebook_version = f.rulebook_version and r.rule_id = f.rule_id
where c.iso_week is not null
group by c.iso_week, f.rule_id;
comment on view rules_by_week is 'One row per ISO week and rule: in how many calls it was called for, judged and met. Key: iso_week, rule_id.';
