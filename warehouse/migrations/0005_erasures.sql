-- core.erasures: one row per thing erased in an erasure. Key: erasure_id, kind, key_hash.
-- An erasure may be of a customer, an agent, a call or the calls before a day; its recordings are remembered one by one.

alter table core.erasures rename to former_erasures;
create table core.erasures (
    erasure_id varchar not null,
    kind varchar not null,
    key_hash varchar not null,
    erased_at timestamptz not null,
    reason varchar not null,
    calls integer not null
);
insert into core.erasures
select erasure_id, 'call', call_hash, erased_at, reason, 1 from core.former_erasures
union all
select erasure_id, 'recording', sha256, erased_at, reason, 1 from core.former_erasures where sha256 <> '';
drop table core.former_erasures;
comment on table core.erasures is 'One row per thing erased: hashes only. Kind "recording" holds the sha256 of a file, which is not audited again; calls says how many calls went. Key: erasure_id, kind, key_hash.';
