"""Calls, or only their words, out of the warehouse for good.

DuckDB marks deleted rows and may keep their bytes, so a removal ends with `rewrite`: all that is left goes into a new
file, which takes the place of the old one. What stays of a call is a count in its week and a hash that names nobody.
"""

import hashlib
import os
import re
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path, PurePath
from typing import Literal

import duckdb
import msgspec
import pyarrow as pa

from callaudit.transcription.errors import SetupError
from callaudit.warehouse.arrow_tables import arrow_table
from callaudit.warehouse.session import disk_full_as_setup_error, registered, transaction

Kind = Literal["call", "customer", "retention"]


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """Calls that are to leave nothing behind, and everything by which a trace of them can be found.

    `recordings` are sha256, `places` the paths or URLs the recordings came from, `names` the ids and names that a
    search afterwards must not find, `weeks` how many calls of each ISO week go ("" for undated ones).
    """

    calls: tuple[str, ...] = ()
    recordings: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    weeks: dict[str, int] = {}


class Aged(msgspec.Struct, frozen=True):
    """A call with the day it counts from: its own, or for an undated call that of the run which first judged it."""

    call_id: str
    sha256: str | None
    iso_week: str | None
    day: date
    has_words: bool


def tombstone(sha256: str) -> str:
    """What is kept of an erased recording: the hash of its hash says nothing to who does not hold the recording."""
    return hashlib.sha256(f"erased {sha256}".encode()).hexdigest()


class ErasedRecordings:
    """The sha256 of the recordings that were erased, as a container: it can be asked, not listed."""

    def __init__(self, hashes: Iterable[str]) -> None:
        self._hashes = frozenset(hashes)

    def __contains__(self, sha256: object) -> bool:
        return bool(self._hashes) and isinstance(sha256, str) and tombstone(sha256) in self._hashes


def erased_recordings(con: duckdb.DuckDBPyConnection) -> ErasedRecordings:
    """The recordings that must not be audited again."""
    rows = con.execute("select key_hash from core.erasures where kind = 'recording'").fetchall()
    return ErasedRecordings(key_hash for (key_hash,) in rows)


def traces_of_call(con: duckdb.DuckDBPyConnection, call_id: str) -> Gone:
    """What the warehouse holds of one call, a file in quarantine included; empty where it holds nothing.

    A file that was refused before its metadata told an id goes by its name, with or without its ending, or its place.
    """
    audited = con.execute("select call_id from core.calls where call_id = ?", [call_id]).fetchall()
    refused = [
        (path, sha256)
        for path, sha256, theirs in con.execute("select path, sha256, call_id from core.quarantine").fetchall()
        if theirs == call_id or (theirs is None and call_id in _names_of_file(path))
    ]
    return _traces(con, {c for (c,) in audited}, refused, names=(call_id,))


def unnamed_refused(con: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """The places of files that were refused before anything told whose they are."""
    rows = con.execute("select path from core.quarantine where call_id is null and customer_id is null").fetchall()
    return tuple(path for (path,) in rows)


def traces_of_customer(con: duckdb.DuckDBPyConnection, customer_id: str, *, theirs_too: Collection[str] = ()) -> Gone:
    """What the warehouse holds of a customer: every call, and files in quarantine that name the customer.

    `theirs_too` are places of refused files that are known to be the customer's from elsewhere.
    """
    calls = con.execute("select call_id, customer_name from core.calls where customer_id = ?", [customer_id]).fetchall()
    names = {customer_id, *(name for _, name in calls if name)}
    ids = {call_id for call_id, _ in calls}
    refused = [
        (path, sha256)
        for path, sha256, call_id, theirs, told in con.execute(
            """
            select path, sha256, call_id, customer_id, concat_ws(' ', path, reason, next_step) from core.quarantine
            """
        ).fetchall()
        if call_id in ids or theirs == customer_id or path in theirs_too or whole_word(customer_id).search(told)
    ]
    return _traces(con, ids, refused, names=sorted(names))


def traces_of_calls(
    con: duckdb.DuckDBPyConnection, call_ids: Collection[str], refused_files: Collection[tuple[str, str]] = ()
) -> Gone:
    """What the warehouse holds of these audited calls and refused files (path and sha256)."""
    refused = con.execute(
        "select path, sha256 from core.quarantine where call_id in (select unnest(?))", [sorted(call_ids)]
    ).fetchall()
    return _traces(con, set(call_ids), [*refused, *refused_files], names=())


def refused_before(con: duckdb.DuckDBPyConnection, day: date) -> list[tuple[str, str, date]]:
    """Files in quarantine of a day before: path, sha256 ("" where unknown), and the day of the call.

    Where the day of the call is unknown, it is that of the run that first refused the file.
    """
    rows = con.execute(
        """
        select path, sha256, coalesce(local_date, runs.started_at::date) as day
        from core.quarantine q left join core.runs on runs.run_id = q.first_run_id
        where day < ? order by all
        """,
        [day],
    ).fetchall()
    return [(path, sha256, day) for path, sha256, day in rows]


class OthersCalledSo(msgspec.Struct, frozen=True):
    """A name that also stands in calls that would stay: whose, and how many they are."""

    name: str
    calls: int


def others_called_so(con: duckdb.DuckDBPyConnection, gone: Gone) -> tuple[OthersCalledSo, ...]:
    """The names of `gone` that are a word without a figure, as first names are, and stand in calls that stay.

    In what customers and agents are called there, and in what was said.
    """
    found = []
    for name in gone.names:
        if not name.isalpha():
            continue
        # All rows are fetched: DuckDB takes no other work on a connection with a result that is not read to its end.
        ((calls,),) = con.execute(
            """
            with named as (
                select call_id from core.calls
                where regexp_matches(
                    concat_ws(' | ', agent_id, agent_name, customer_id, customer_name), $word, 'i')
                union
                select call_id from core.utterances where regexp_matches(text, $word, 'i'))
            select count(*) from named where call_id not in (select unnest($gone))
            """,
            {"word": rf"(^|[^\p{{L}}\p{{N}}]){name}($|[^\p{{L}}\p{{N}}])", "gone": list(gone.calls)},
        ).fetchall()
        if calls:
            found.append(OthersCalledSo(name, int(calls)))
    return tuple(found)


def customers_called(con: duckdb.DuckDBPyConnection, customer_id: str) -> tuple[str, ...]:
    """The different names that calls under one customer id bear."""
    rows = con.execute(
        "select min(customer_name) as name from core.calls where customer_id = ? and trim(customer_name) <> '' "
        "group by lower(trim(customer_name)) order by name",
        [customer_id],
    ).fetchall()
    return tuple(name for (name,) in rows)


def ages(con: duckdb.DuckDBPyConnection) -> list[Aged]:
    """Every audited call with the day that its age is counted from, in order of call id."""
    rows = con.execute(
        """
        select c.call_id, r.sha256, c.iso_week,
               coalesce(c.local_date, (select min(runs.started_at)::date from core.call_measures m
                                       join core.runs using (run_id) where m.call_id = c.call_id)) as day,
               t.words_removed_on is null as has_words
        from core.calls c
        join core.transcripts t on t.call_id = c.call_id
        left join core.recordings r on r.call_id = c.call_id
        order by c.call_id
        """
    ).fetchall()
    return [Aged(*row) for row in rows if row[3] is not None]


def whole_word(text: str) -> re.Pattern[str]:
    """Finds the text where no letter or digit stands against it: customer 12 is not in 2012."""
    return re.compile(rf"(?<![^\W_]){re.escape(text)}(?![^\W_])")


@disk_full_as_setup_error("nothing was removed from the warehouse: it cannot be written")
def erase(
    con: duckdb.DuckDBPyConnection, gone: Gone, *, erasure_id: str, kind: Kind, reason: str, at: datetime
) -> None:
    """Delete every row of the calls and leave their tombstones, all or nothing; doing it again changes nothing.

    Rows of others that name an erased call (a promise kept by it) lose the name and keep their verdict.
    Raises SetupError where the disk does not take it.
    """
    asked = arrow_table(pa.schema([("call_id", pa.string())]), [list(gone.calls)])
    with registered(con, {"gone": asked}), transaction(con):
        _mind_the_gap(con, gone)
        con.execute(_WITHOUT_NOTES.format("batch_gone"))
        for (table,) in con.execute(
            """
            select table_name from duckdb_columns() semi join duckdb_tables() using (database_name, table_oid)
            where schema_name = 'core' and column_name = 'call_id' and database_name = current_database()
            order by all
            """
        ).fetchall():
            con.execute(f'delete from core."{table}" where call_id in (from batch_gone)')  # noqa: S608  Names of ours.
        con.execute(
            """
            delete from core.quarantine
            where list_contains($recordings, sha256) and sha256 <> '' or list_contains($places, path)
            """,
            {"recordings": list(gone.recordings), "places": list(gone.places)},
        )
        _forget_in_messages(con, (*gone.names, *gone.calls, *gone.places))
        _forget_in_notes(con, (*gone.names, *gone.calls, *gone.places))
        con.execute("delete from core.erasures where erasure_id = ?", [erasure_id])
        for recording in gone.recordings:
            con.execute(
                "insert into core.erasures by name select ? as erasure_id, 'recording' as kind, ? as key_hash, "
                "? as erased_at, '' as reason, 0 as calls",
                [erasure_id, tombstone(recording), at],
            )
        for week, calls in sorted(gone.weeks.items()):
            con.execute(
                "insert into core.erasures by name select ? as erasure_id, ? as kind, '' as key_hash, ? as erased_at, "
                "? as reason, ? as calls, ? as iso_week",
                [erasure_id, kind, at, reason, calls, week or None],
            )


@disk_full_as_setup_error("nothing was removed from the warehouse: it cannot be written")
def remove_words(con: duckdb.DuckDBPyConnection, call_ids: Collection[str], *, on: date) -> None:
    """Take the words of calls and every quote of them; verdicts, reasons, times and measures stay.

    A call without its words is never judged again. Doing it again changes nothing.
    Raises SetupError where the disk does not take it.
    """
    asked = arrow_table(pa.schema([("call_id", pa.string())]), [sorted(call_ids)])
    with registered(con, {"aged": asked}), transaction(con):
        for statement in _WITHOUT_WORDS:
            con.execute(f"{statement} where call_id in (from batch_aged)")
        con.execute(_WITHOUT_NOTES.format("batch_aged"))
        con.execute(
            "update core.transcripts set words_removed_on = ? "
            "where words_removed_on is null and call_id in (from batch_aged)",
            [on],
        )


_WITHOUT_WORDS = (
    "delete from core.utterances",
    "update core.transcripts set role_evidence = ''",
    # The words that a reason names; earlier callaudits wrote them in brackets.
    """
    update core.findings set
        former_reason = replace(former_reason, concat(' (', array_to_string(named, ', '), ')'), ''),
        named = [],
        evidence = list_transform(evidence, lambda e: struct_pack(
            kind := e.kind, turn := e.turn, "role" := e.role, start_s := e.start_s, end_s := e.end_s, quote := '',
            char_start := null::integer, char_end := null::integer, note := e.note, act := e.act,
            probability := e.probability, nearest_line := e.nearest_line))
    """,
    "update core.episodes set opened_by = ''",
    "update core.promises set quote = ''",
    "update core.reviews set note = ''",
    "update core.dispute_events set note = ''",
)
# Of what was agreed about a moment of a call.
_WITHOUT_NOTES = """
    update core.agreements set note = ''
    where agreement_id in (select agreement_id from core.saved_moments where call_id in (from {}))
"""


def rewrite(con: duckdb.DuckDBPyConnection) -> None:
    """Put all that is left into a new file in place of the old one, and close the connection.

    The old file stays locked until the new one has its name, so no other writer can come in between. A crash at any
    point leaves the old file or the new one, whole.

    Raises SetupError where there is no room for it.
    """
    name, place = con.execute(
        "select database_name, path from duckdb_databases() where database_name = current_database()"
    ).fetchone() or ("", "")
    path = Path(place)
    fresh = path.with_name(f"{path.name}.rewritten")
    try:
        for left in (fresh, fresh.with_name(f"{fresh.name}.wal")):
            left.unlink(missing_ok=True)
        con.execute("checkpoint")
        quoted = str(fresh).replace("'", "''")
        con.execute(f"attach '{quoted}' as rewritten (storage_version 'v1.4.0')")
        con.execute(f'copy from database "{name}" to rewritten')
        con.execute("detach rewritten")
        _swap(fresh, path)
    except (duckdb.IOException, duckdb.FatalException, OSError) as error:
        con.close()
        for left in (fresh, fresh.with_name(f"{fresh.name}.wal")):
            with suppress(OSError):
                left.unlink(missing_ok=True)
        raise SetupError(
            "the warehouse cannot be written anew: what was removed may still lie in its file",
            why=f"{path}: {str(error).strip()}",
            tries=("free as much space as the file takes", "then callaudit run  (it completes what was begun)"),
        ) from error
    finally:
        con.close()


def _swap(fresh: Path, path: Path) -> None:
    fresh.chmod(path.stat().st_mode)
    with fresh.open("rb") as written:
        os.fsync(written.fileno())
    # All of it is in the file; left behind, it would be taken for the new file's.
    path.with_name(f"{path.name}.wal").unlink(missing_ok=True)
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _names_of_file(path: str) -> set[str]:
    """What a file may be called by: its place, its name, and that without one or two endings."""
    name = PurePath(path).name
    return {path, name, PurePath(name).stem, PurePath(PurePath(name).stem).stem}


def _traces(
    con: duckdb.DuckDBPyConnection,
    call_ids: Collection[str],
    refused: Sequence[tuple[str, str]],
    *,
    names: Sequence[str],
) -> Gone:
    rows = con.execute(
        """
        select c.call_id, c.iso_week, r.sha256, r.path from core.calls c left join core.recordings r using (call_id)
        where c.call_id in (select unnest(?)) order by c.call_id
        """,
        [sorted(call_ids)],
    ).fetchall()
    weeks: dict[str, int] = {}
    for _, week, _, _ in rows:
        weeks[week or ""] = weeks.get(week or "", 0) + 1
    recordings = {sha256 for _, _, sha256, _ in rows if sha256} | {sha256 for _, sha256 in refused if sha256}
    places = {path for *_, path in rows if path} | {path for path, _ in refused}
    return Gone(
        calls=tuple(call_id for call_id, *_ in rows),
        recordings=tuple(sorted(recordings)),
        places=tuple(sorted(places)),
        names=tuple(names),
        weeks=dict(sorted(weeks.items())),
    )


def _mind_the_gap(con: duckdb.DuckDBPyConnection, gone: Gone) -> None:
    """Calls that stay although a later call with their customer goes: their promises cannot be judged again."""
    con.execute(
        """
        create or replace temp table orphaned as
        with going as (
            select call_id, customer_id, started_at from core.calls where call_id in (from batch_gone)
            union
            select call_id, customer_id, started_at from core.quarantine
            where list_contains($recordings, sha256) and sha256 <> '' or list_contains($places, path)
        )
        select distinct earlier.call_id, later.call_id as erased
        from core.calls earlier
        join going later on later.customer_id = earlier.customer_id and later.started_at > earlier.started_at
        where earlier.call_id not in (from batch_gone)
        """,
        {"recordings": list(gone.recordings), "places": list(gone.places)},
    )
    con.execute(
        """
        insert into core.contact_gaps
        select distinct call_id from orphaned where call_id not in (select call_id from core.contact_gaps)
        """
    )
    con.execute(
        """
        update core.findings f set
            other_call_id = null,
            former_reason = replace(
                replace(former_reason, concat(', in call ', other_call_id, '.'), ', in a call that was erased.'),
                concat('; the next call was ', other_call_id, ','), '; the next call was one that was erased,')
        from orphaned o where f.call_id = o.call_id and f.other_call_id = o.erased
        """
    )
    con.execute("drop table orphaned")


def _forget_in_messages(con: duckdb.DuckDBPyConnection, names: Collection[str]) -> None:
    """A run that failed may have said on which file."""
    patterns = [whole_word(name) for name in names if name]
    for run_id, message in con.execute("select run_id, message from core.runs where message <> ''").fetchall():
        if any(pattern.search(message) for pattern in patterns):
            con.execute("update core.runs set message = 'failed on what was erased since' where run_id = ?", [run_id])


def _forget_in_notes(con: duckdb.DuckDBPyConnection, names: Collection[str]) -> None:
    """What was agreed with an agent may have been agreed over a customer."""
    patterns = [whole_word(name) for name in names if name]
    for agreement_id, note in con.execute("select agreement_id, note from core.agreements where note <> ''").fetchall():
        if any(pattern.search(note) for pattern in patterns):
            con.execute("update core.agreements set note = '' where agreement_id = ?", [agreement_id])
