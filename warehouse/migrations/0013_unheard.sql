-- Speech in which no words were understood is kept with the words: what was said there is not known.

create table core.unheard_spans (
    call_id varchar not null,
    role varchar not null,
    position integer not null,
    start_s double not null,
    end_s double not null
);
comment on table core.unheard_spans is 'One row per stretch of speech in which no words were understood, heard twice more in vain, by the role whose channel it is on; unknown where one channel may hold both. Key: call_id, role, position.';
