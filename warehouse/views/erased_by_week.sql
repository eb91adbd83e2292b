-- one row per ISO week of the calls (NULL for undated ones) and kind of erasure
create view erased_by_week as
select iso_week, kind, sum(calls)::bigint as calls
from core.erasures
where kind <> 'recording'
group by iso_week, kind;
comment on view erased_by_week is 'One row per week and kind: how many audited calls were erased, and so are in no figure. Key: iso_week, kind.';
