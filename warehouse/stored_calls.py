"""The calls that were audited before, to be judged again."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

import duckdb
import msgspec

from callaudit.audit_rules.conversation import Contact
from callaudit.transcription.transcript import Transcript
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.contacts import contacts, known_until
from callaudit.warehouse.published import newest_generation, open_published
from callaudit.warehouse.transcripts import transcripts


class StoredCalls(msgspec.Struct, frozen=True, kw_only=True):
    """Transcripts in order of call id, read as they are asked for, and what promises to call back are judged by."""

    count: int
    transcripts: Iterator[Transcript]
    contacts: dict[str, list[Contact]]
    known_until: datetime | None


@contextmanager
def stored_calls(published: Path, warehouse: Path) -> Iterator[StoredCalls]:
    """The calls of the published copy, so that no run is held up; of the warehouse where nothing is published yet.

    Raises:
        InputError: there is neither.
        LockedError: only the warehouse is there, and a run holds it.
    """
    if newest_generation(published) is None and warehouse.is_file():
        con = open_writer(warehouse)
        try:
            yield calls_in(con)
        finally:
            con.close()
    else:
        with open_published(published) as copy:
            yield calls_in(copy.connection)


class ToJudge(msgspec.Struct, frozen=True):
    """A stored call that a rulebook has not judged, with the rulebook whose verdicts count now."""

    call_id: str
    iso_week: str | None
    judged_by: str


def not_judged_by(
    con: duckdb.DuckDBPyConnection, rulebook_version: str, *, since: date | None = None, week: str | None = None
) -> list[ToJudge]:
    """The calls with words that this rulebook has not judged, in order of call id.

    `since` leaves out earlier days and undated calls, `week` all but one ISO week.
    """
    rows = con.execute(
        """
        select c.call_id, c.iso_week, a.rulebook_version
        from core.calls c join core.transcripts t using (call_id) join core.current_audits a using (call_id)
        where t.words_removed_on is null
          and c.call_id not in (select call_id from core.call_measures where rulebook_version = $version)
          and ($since is null or c.local_date >= $since) and ($week is null or c.iso_week = $week)
        order by c.call_id
        """,
        {"version": rulebook_version, "since": since, "week": week},
    ).fetchall()
    return [ToJudge(*row) for row in rows]


def verdicts_changed(con: duckdb.DuckDBPyConnection, rulebook_version: str, *, run_id: str) -> int:
    """How many verdicts of a run by this rulebook are others than those of the rulebook before."""
    (count,) = con.execute(
        """
        select count(*) from verdict_changes v
        semi join core.call_measures m
            on m.call_id = v.call_id and m.rulebook_version = v.rulebook_version and m.run_id = $run
        where v.rulebook_version = $version
        """,
        {"run": run_id, "version": rulebook_version},
    ).fetchone() or (0,)
    return int(count)


def contact_gaps(con: duckdb.DuckDBPyConnection) -> set[str]:
    """The calls after which a call with the same customer was erased, so that no later contact proves nothing."""
    return {call_id for (call_id,) in con.execute("select call_id from core.contact_gaps").fetchall()}


def calls_in(con: duckdb.DuckDBPyConnection, call_ids: Collection[str] | None = None) -> StoredCalls:
    """The calls behind an open connection; `call_ids` asks for the transcripts of these only."""
    # Read to its end: DuckDB registers no table on a connection whose last answer was not.
    ((stored,),) = con.execute("select count(*) from core.transcripts where words_removed_on is null").fetchall()
    count = int(stored) if call_ids is None else len(call_ids)
    return StoredCalls(
        count=count,
        transcripts=transcripts(con, call_ids=call_ids),
        contacts=contacts(con),
        known_until=known_until(con),
    )
