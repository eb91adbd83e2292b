-- Until when calls are known: the newest look for recordings, and not after the newest call, for what began after that
-- may not have come in yet. A call that is dated wrongly moves it by the clock at most.

-- one row
create view core.known_until as
select least(
    (select max(started_at) from core.calls where call_id not in (select call_id from core.impossible_calls)),
    (select max(started_at) from core.runs where kind = 'nightly' and state in ('running', 'finished'))
) as known_until;
comment on view core.known_until is 'One row: until when calls are known, so that a promise due by then is kept or broken. Key: known_until.';

-- What kept promises are looked for in. A file that could not be audited may hold the very call, and which way it went is
-- not stored of it. Under an id that is taken it is counted as the call that has it.

-- one row per dated call of a known customer
create view core.contacts as
select customer_id, call_id, started_at, direction, interaction_id
from core.calls
where customer_id is not null and started_at is not null
  and call_id not in (select call_id from core.impossible_calls)
union all
select distinct customer_id, call_id, started_at, null, null
from core.quarantine
where resolved_run_id is null and customer_id is not null and started_at is not null
  and call_id not in (select call_id from core.calls);
comment on view core.contacts is 'One row per dated call of a known customer, those that could not be audited included (without direction). Key: call_id, started_at.';

-- one row per call and promise to contact the customer, as `audit_rules.matchers.kept_promise` judges it
-- kept:    an outbound call with the same customer, of another conversation, started by the due time
-- broken:  none did, calls are known until the due time, and a call was promised
-- open:    the due time is later than calls are known
-- unknown: calls cannot tell: the call has no date or no customer id or could not be judged; the promise was, or may have
--          been, to be kept in writing; a call in time has no direction, could not be audited or is of the same
--          conversation; or a later call was erased
create view promises as
with made as (
    select p.*, c.customer_id, c.started_at, c.interaction_id, m.upset
    from core.promises p
    join core.current_audits a on a.call_id = p.call_id and a.rulebook_version = p.rulebook_version
    join core.call_measures m on m.call_id = p.call_id and m.rulebook_version = p.rulebook_version
    join core.calls c on c.call_id = p.call_id
),
contacted as (
    select
        made.call_id,
        made.promise,
        arg_min(later.call_id, (later.started_at, later.call_id)) filter (
            later.direction = 'outbound' and (later.interaction_id = made.interaction_id) is not true
        ) as kept_by_call_id,
        min(later.started_at) filter (
            later.direction = 'outbound' and (later.interaction_id = made.interaction_id) is not true
        ) as kept_at
    from made
    join core.contacts later
        on later.customer_id = made.customer_id
        and later.started_at > made.started_at
        and later.started_at <= made.due_at
    where later.call_id <> made.call_id and later.direction is distinct from 'inbound'
    group by made.call_id, made.promise
)
select
    c.call_id, c.source, c.started_at, c.local_date, c.iso_week, strftime(c.local_date, '%Y-%m') as month,
    c.agent_id, c.agent_name, c.team, c.customer_id, c.queue, c.direction,
    made.promise,
    made.turn,
    made.start_s,
    made.quote,
    made.medium,
    made.within_hours,
    made.made_at,
    made.due_at,
    case
        when made.due_at is null or made.customer_id is null or made.upset = 'unknown'
            or made.medium = 'writing' then 'unknown'
        when contacted.kept_at is not null then 'kept'
        when made.call_id in (select call_id from core.contact_gaps) then 'unknown'
        when coalesce(made.due_at > (from core.known_until), true) then 'open'
        when contacted.call_id is not null or made.medium <> 'call' then 'unknown'
        else 'broken'
    end as outcome,
    contacted.kept_by_call_id,
    contacted.kept_at
from made
join core.calls c on c.call_id = made.call_id
left join contacted on contacted.call_id = made.call_id and contacted.promise = made.promise;
comment on view promises is 'One row per promise to contact the customer, and whether a call followed in time. Key: call_id, promise.';
