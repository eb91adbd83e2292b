-- one row per call, role and stretch of speech on that role's channel
create view speech as
select call_id, role as speaker, position, start_s, end_s
from core.speech_spans
where call_id not in (select call_id from core.impossible_calls);
comment on view speech is 'One row per stretch of speech of a speaker with a channel of their own, from sound, not from words. Key: call_id, speaker, position.';
