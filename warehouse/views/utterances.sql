-- one row per call and utterance
create view utterances as
select
    call_id, position, turn, role as speaker, channel, start_s, end_s, text, char_offset, is_signal, confidence,
    case when len(word_starts) = 0 then [] else
        list_transform(
            list_zip(coalesce(word_texts, string_split(text, ' ')), word_starts, word_ends, word_confidences),
            lambda w: {'text': w[1], 'start': w[2], 'end': w[3], 'confidence': w[4]}
        )
    end as words
from core.utterances
where call_id not in (select call_id from core.impossible_calls);
comment on view utterances is 'One row per utterance: what was said, by whom, when, word by word. Key: call_id, position.';
