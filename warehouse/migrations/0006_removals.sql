-- What goes is counted by week and leaves a hash that names nobody; words may go before verdicts.

alter table core.erasures add column iso_week varchar;
comment on table core.erasures is 'One row per thing erased, without personal data. Kind "recording" holds a hash of the sha256 of a file, which is not audited again; the other kinds (call, customer, retention) say how many calls of a week went. Key: erasure_id, kind, key_hash, iso_week.';

alter table core.transcripts add column words_removed_on date;

create table core.contact_gaps (
    call_id varchar not null
);
comment on table core.contact_gaps is 'One row per call after which a call with the same customer was erased: whether a promise was kept cannot be told any more. Key: call_id.';
