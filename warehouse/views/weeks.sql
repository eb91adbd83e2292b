-- one row per ISO week with calls or with files left out
create view weeks as
with audited as (
    select
        iso_week,
        any_value(week_start) as week_start,
        count(*) as calls,
        count(distinct agent_id) as agents,
        count(tense) as tense_judged_calls,
        count(*) filter (tense) as tense_calls,
        count(*) filter (calmed) as calmed_calls,
        count(*) filter (upset = 'perhaps') as perhaps_tense_calls,
        sum(duration_s) as duration_s
    from calls
    where iso_week is not null
    group by iso_week
),
left_out as (
    select coalesce(iso_week, found_week) as iso_week, count(*) as not_audited
    from not_audited
    where coalesce(iso_week, found_week) is not null
    group by 1
)
select
    iso_week,
    coalesce(week_start, strptime(iso_week || '-1', '%G-W%V-%u')::date) as week_start,
    coalesce(calls, 0) as calls,
    coalesce(agents, 0) as agents,
    coalesce(tense_judged_calls, 0) as tense_judged_calls,
    coalesce(tense_calls, 0) as tense_calls,
    coalesce(calmed_calls, 0) as calmed_calls,
    coalesce(perhaps_tense_calls, 0) as perhaps_tense_calls,
    duration_s,
    coalesce(not_audited, 0) as not_audited
from audited
full join left_out using (iso_week);
comment on view weeks is 'One row per ISO week: how many calls were audited and how many files left out (those without a date in the week they were found). Key: iso_week.';
