-- What an earlier callaudit stored although no call can be so: see transcription/possible.py, whose limits these are.
-- Every view leaves them out, and so does every run: it looks at their recordings again. Each part asks for one column
-- alone, so that DuckDB passes over whole blocks by their largest value.

-- one row per call that cannot have been so
create view core.impossible_calls as
select call_id, min(reason) as reason
from (
    select call_id, 'its start lies before 1990' as reason from core.calls
    where started_at < timestamptz '1990-01-01 00:00:00+00'
    union all
    select call_id, 'its start lies in the future' from core.calls
    where started_at > now() + interval 1 day
    union all
    select call_id, 'it is longer than 8 hours' from core.recordings where duration_s > 28800
    union all
    select call_id, 'it is longer than 8 hours' from core.utterances where start_s > 28800
    union all
    select call_id, 'it is longer than 8 hours' from core.utterances where end_s > 28800
    union all
    select call_id, 'it is longer than 8 hours' from core.speech_spans where end_s > 28800
    union all
    select call_id, 'it is longer than 8 hours' from core.music_spans where end_s > 28800
)
group by call_id;
comment on view core.impossible_calls is 'One row per stored call that cannot have been so, with what is wrong; no other view shows it. Key: call_id.';
