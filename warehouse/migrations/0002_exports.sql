-- A call may come as a transcript that another system exported: then there is no sound to describe.

alter table core.recordings alter column sample_rate drop not null;
alter table core.recordings alter column channels drop not null;
alter table core.recordings alter column duration_s drop not null;
comment on table core.recordings is 'One row per call that came as a file: a recording, or an export of its transcript (codec "export"). Key: call_id; sha256 is the identity that makes a rerun do nothing.';
