-- one row per call and turn of a recording: a greeting, a menu, a notice
create view announcements as
select call_id, turn, start_s, end_s, text
from turns
where speaker = 'system';
comment on view announcements is 'One row per turn of a recording that was played, not spoken by a party. Key: call_id, turn.';
