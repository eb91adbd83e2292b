-- one row per run
create view runs as
select
    run_id, kind, state, started_at, ended_at, rulebook_version, found, audited, quarantined, failed, already,
    duplicates, message
from core.runs;
comment on view runs is 'One row per run: what it found and what became of it. Key: run_id.';
