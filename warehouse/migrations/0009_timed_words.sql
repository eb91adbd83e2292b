-- A word's text stands in its utterance already: of each word its times and confidence are kept beside it, and its
-- own text only where the spaces of the utterance's text do not tell it.

alter table core.utterances rename to former_utterances;
create table core.utterances (
    call_id varchar not null,
    position integer not null,
    turn integer not null,
    role varchar not null,
    channel integer,
    start_s double,
    end_s double,
    text varchar not null,
    char_offset integer not null,
    is_signal boolean not null,
    confidence double,
    word_starts double[] not null,
    word_ends double[] not null,
    word_confidences double[] not null,
    word_texts varchar[]
);
insert into core.utterances
select
    * exclude (words),
    list_transform(words, lambda w: w.start),
    list_transform(words, lambda w: w."end"),
    list_transform(words, lambda w: w.confidence),
    case when len(words) > 0 and list_transform(words, lambda w: w.text) <> string_split(text, ' ')
        then list_transform(words, lambda w: w.text)
    end
from core.former_utterances
order by rowid;
drop table core.former_utterances;
comment on table core.utterances is 'One row per utterance of a call. Key: call_id, position.';
