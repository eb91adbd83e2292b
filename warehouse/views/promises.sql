-- one row per call and promise to contact the customer
-- kept:    a later call with the same customer, not known to be inbound, started by the due time
-- broken:  none did, and the calls audited so far reach past the due time
-- open:    the due time is later than every call audited so far
-- unknown: the call has no date or no customer id, or a later call was erased, so the later calls cannot be found
create view promises as
with made as (
    select p.*, c.customer_id, c.started_at
    from core.promises p
    join core.current_audits a on a.call_id = p.call_id and a.rulebook_version = p.rulebook_version
    join core.calls c on c.call_id = p.call_id
),
contacted as (
    select
        made.call_id,
        made.promise,
        arg_min(later.call_id, later.started_at) as kept_by_call_id,
        min(later.started_at) as kept_at
    from made
    join core.calls later
        on later.customer_id = made.customer_id
        and later.started_at > made.started_at
        and later.started_at <= made.due_at
    where later.call_id <> made.call_id and later.call_id not in (select call_id from core.impossible_calls)
      and later.direction is distinct from 'inbound'
    group by made.call_id, made.promise
)
select
    c.call_id, c.source, c.started_at, c.local_date, c.iso_week, c.agent_id, c.agent_name, c.team, c.customer_id,
    c.queue, c.direction,
    made.promise,
    made.turn,
    made.start_s,
    made.quote,
    made.within_hours,
    made.made_at,
    made.due_at,
    case
        when made.due_at is null or made.customer_id is null then 'unknown'
        when contacted.kept_at is not null then 'kept'
        when made.call_id in (select call_id from core.contact_gaps) then 'unknown'
        when made.due_at > (
            select max(started_at) from core.calls where call_id not in (select call_id from core.impossible_calls)
        ) then 'open'
        else 'broken'
    end as outcome,
    contacted.kept_by_call_id,
    contacted.kept_at
from made
join core.calls c on c.call_id = made.call_id
left join contacted on contacted.call_id = made.call_id and contacted.promise = made.promise;
comment on view promises is 'One row per promise to contact the customer, and whether a call followed in time. Key: call_id, promise.';
