-- one row per ISO week of the call (NULL where unknown), ISO week of the run that found it, source and reason
create view not_audited_by_week as
select iso_week, found_week, source, code, count(*) as files, min(next_step) as next_step
from not_audited
group by iso_week, found_week, source, code;
comment on view not_audited_by_week is 'One row per week, source and reason: how many files were left out. Key: iso_week, found_week, source, code.';
