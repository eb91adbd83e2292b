-- one row per call and turn: the utterances of one speaker until the other takes the floor
create view turns as
select
    call_id,
    turn,
    any_value(role) as speaker,
    first(start_s order by char_offset) as start_s,
    max(end_s) as end_s,
    string_agg(text, ' ' order by char_offset) as text,
    any_value(is_signal) as is_signal,
    count(*) as utterances
from core.utterances
where call_id not in (select call_id from core.impossible_calls)
group by call_id, turn;
comment on view turns is 'One row per turn of a call, as a listener would count it. Key: call_id, turn.';
