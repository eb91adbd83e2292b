-- one row per call and long silence that is no hold
create view silences as
select call_id, position, start_s, end_s, end_s - start_s as duration_s, kind
from core.silences
semi join core.current_audits using (call_id, rulebook_version);
comment on view silences is 'One row per long silence of both parties that is no hold: dead air was the agent''s to fill. Key: call_id, position.';
