-- one row per file that could not be audited and still is not
create view not_audited as
select
    q.path,
    nullif(q.sha256, '') as sha256,
    q.size,
    q.source,
    q.code,
    q.is_retryable,
    q.reason,
    q.next_step,
    q.call_id,
    q.local_date,
    q.iso_week,
    q.first_run_id,
    q.last_run_id,
    r.started_at as found_at,
    strftime(r.started_at at time zone site_timezone(), '%G-W%V') as found_week
from core.quarantine q
left join core.runs r on r.run_id = q.first_run_id
where q.resolved_run_id is null;
comment on view not_audited is 'One row per file left out of every figure, with the reason and what to do. Its week is known only where its metadata could be read. Key: path, sha256.';
