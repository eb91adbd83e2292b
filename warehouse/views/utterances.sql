-- one row per call and utterance
create view utterances as
select call_id, position, turn, role, channel, start_s, end_s, text, char_offset, is_signal, confidence, words
from core.utterances;
comment on view utterances is 'One row per utterance: what was said, by whom, when, word by word. Key: call_id, position.';
