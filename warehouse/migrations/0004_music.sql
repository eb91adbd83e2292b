-- Music on hold is heard as such.

create table core.music_spans (
    call_id varchar not null,
    role varchar not null,
    position integer not null,
    start_s double not null,
    end_s double not null
);
comment on table core.music_spans is 'One row per stretch of music on the channel of one role, such as music on hold. Key: call_id, role, position.';
