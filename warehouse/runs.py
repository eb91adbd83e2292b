"""Runs: what was begun when, and how it ended."""

from datetime import datetime, timedelta

import duckdb
import msgspec

from callaudit.warehouse.session import disk_full_as_setup_error, transaction


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the pipeline, told again with the same `run_id` as it goes on.

    `kind` is "nightly", "reaudit" or "manual"; `state` is "running", "finished", "failed" or "died".
    """

    run_id: str
    kind: str
    state: str
    started_at: datetime
    ended_at: datetime | None = None
    rulebook_version: str | None = None
    found: int = 0
    audited: int = 0
    quarantined: int = 0
    failed: int = 0
    already: int = 0
    duplicates: int = 0
    message: str = ""


def new_run_id(con: duckdb.DuckDBPyConnection, started_at: datetime) -> str:
    """The id of a run that begins then: its time, or the second after the newest run where a clock was set back.

    What came after what is read from the order of these ids.
    """
    wanted = f"R{started_at:%Y%m%d-%H%M%S}"
    ((newest,),) = con.execute("select max(run_id) from core.runs where run_id similar to 'R\\d{8}-\\d{6}'").fetchall()
    if newest is None or newest < wanted:
        return wanted
    return f"R{datetime.strptime(newest, 'R%Y%m%d-%H%M%S') + timedelta(seconds=1):%Y%m%d-%H%M%S}"  # noqa: DTZ007  An id.


@disk_full_as_setup_error()
def record_run(con: duckdb.DuckDBPyConnection, run: Run) -> None:
    """Write down a run, in place of what was known of it."""
    with transaction(con):
        con.execute("delete from core.runs where run_id = ?", [run.run_id])
        con.execute(
            "insert into core.runs values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", list(msgspec.structs.astuple(run))
        )


@disk_full_as_setup_error()
def mark_dead_runs(con: duckdb.DuckDBPyConnection) -> int:
    """Mark as died every run that never told its end: the holder of the only writer knows that none of them runs.

    Returns how many there were.
    """
    with transaction(con):
        return len(
            con.execute("update core.runs set state = 'died' where state = 'running' returning run_id").fetchall()
        )
