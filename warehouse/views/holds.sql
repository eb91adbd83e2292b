-- one row per call and hold
create view holds as
select call_id, position, start_s, end_s, end_s - start_s as duration_s, kind
from core.holds
semi join core.current_audits using (call_id, rulebook_version);
comment on view holds is 'One row per hold of a call: music, both silent, or told by words only. Key: call_id, position.';
