"""Findings into the warehouse, and what later runs need out of it.

Everything here may be run twice: a batch replaces its own calls and leaves nothing of their former
verdicts behind. Call ids and file names come from the outside world, so they reach SQL only as
parameters or Arrow columns.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from itertools import accumulate
from typing import Any, Protocol

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from callaudit.audit_rules.conversation import Contact
from callaudit.audit_rules.finding import Finding, Verdict
from callaudit.audit_rules.rule import Rule, Scorecard
from callaudit.transcription.errors import InputError, Refusal, SetupError
from callaudit.transcription.inbox.roster import Roster
from callaudit.transcription.transcript import (
    Call,
    Provenance,
    Recording,
    RolesFrom,
    Span,
    SpeakerRole,
    Transcript,
    Utterance,
    Word,
)
from callaudit.warehouse.arrow_tables import (
    OF_AUDIT,
    OF_CALL,
    OF_TRANSCRIPT,
    SCHEMAS,
    AuditedCall,
    arrow_parts,
    arrow_table,
    audits_to_arrow,
    findings_to_arrow,
    in_order,
    transcript_hash,
)


class LoadedRulebook(Protocol):
    """What the warehouse keeps of a rulebook."""

    @property
    def version(self) -> str: ...  # noqa: D102
    @property
    def rules(self) -> tuple[Rule, ...]: ...  # noqa: D102
    @property
    def scorecards(self) -> Mapping[str, Scorecard]: ...  # noqa: D102


class NotAudited(Protocol):
    """A file that could not be audited, as the inbox reports it."""

    @property
    def path(self) -> str: ...  # noqa: D102
    @property
    def sha256(self) -> str | None: ...  # noqa: D102
    @property
    def size(self) -> int: ...  # noqa: D102
    @property
    def code(self) -> str: ...  # noqa: D102
    @property
    def reason(self) -> str: ...  # noqa: D102
    @property
    def next_step(self) -> str: ...  # noqa: D102
    @property
    def source(self) -> str: ...  # noqa: D102
    @property
    def started_at(self) -> datetime | None: ...  # noqa: D102


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


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """A person's verdict on a finding. The newest one of a call and rule counts, whichever rulebook judged."""

    review_id: str
    call_id: str
    rule_id: str
    verdict: Verdict
    reviewer: str
    reviewed_at: datetime
    rulebook_version: str | None = None
    note: str = ""
    sample_id: str | None = None
    is_blind: bool | None = None


@contextmanager
def _disk_full_as_setup_error() -> Iterator[None]:
    """What was stored before stays: a failed write closes the file to this process and does not harm it."""
    try:
        yield
    except (duckdb.IOException, duckdb.FatalException, duckdb.TransactionException) as error:
        raise SetupError(
            "the warehouse cannot be written",
            why=f"{str(error).strip()} What was stored before is safe.",
            tries=("free some space", "then callaudit run  (it goes on where it stopped)"),
        ) from error


@_disk_full_as_setup_error()
def load(
    con: duckdb.DuckDBPyConnection, batch: Sequence[AuditedCall], *, run_id: str, files: Collection[str] = ()
) -> None:
    """Put a batch of audited calls in place of whatever was known of them, all or nothing.

    A transcript that has not changed keeps its rows and the findings of other rulebooks; a changed
    one takes every verdict on the old words with it. Files in quarantine that are now audited leave it, as do
    `files`: further ones that the calls came in.

    Raises:
        InputError: a call stands twice in the batch, an audit belongs to another call, a start has no
            offset, or the rulebook was not stored first.
        SetupError: the disk does not take it.
    """
    if not batch:
        return
    _check_rulebooks_stored(con, {audited.audit.rulebook_version for audited in batch})
    ordered = in_order(batch)
    stored = _stored_transcripts(con, [audited.audit.call_id for audited in ordered])
    hashes = {i: transcript_hash(a.transcript) for a in ordered if (i := a.audit.call_id) in stored}
    kept = {i for i, digest in hashes.items() if stored[i] == digest}
    with _transaction(con):
        if stored:
            audits = [[a.audit.call_id for a in ordered], [a.audit.rulebook_version for a in ordered]]
            _delete_former(con, arrow_table(_AUDIT_KEY, audits), kept)
        tables = _insert_streaming(con, "utterances", arrow_parts(ordered, hashes=hashes, kept=kept))
        _insert(con, tables, run_id)
        _resolve(con, tables["recordings"], files, run_id)


@_disk_full_as_setup_error()
def load_tables(
    con: duckdb.DuckDBPyConnection, tables: Mapping[str, pa.Table], *, run_id: str, files: Collection[str] = ()
) -> None:
    """Load a batch that was made into tables elsewhere (`warehouse.arrow_tables.to_arrow`), all or nothing, as `load`.

    Raises InputError where the rulebook was not stored first, SetupError where the disk does not take it.
    """
    if not tables or not tables["calls"].num_rows:
        return
    audits = tables["call_measures"].select(_AUDIT_KEY.names)
    _check_rulebooks_stored(con, set(audits["rulebook_version"].unique().to_pylist()))
    stored = _stored_transcripts(con, tables["calls"]["call_id"].to_pylist())
    arrived = zip(*(tables["transcripts"][name].to_pylist() for name in ("call_id", "transcript_hash")), strict=True)
    kept = {call_id for call_id, digest in arrived if stored.get(call_id) == digest}
    with _transaction(con):
        if stored:
            _delete_former(con, audits, kept)
        _insert(con, _without(tables, kept) if kept else tables, run_id)
        _resolve(con, tables["recordings"], files, run_id)


def _without(tables: Mapping[str, pa.Table], kept: Collection[str]) -> dict[str, pa.Table]:
    """The tables without the words of these calls."""
    ids = pa.array(sorted(kept), pa.string())
    return {
        name: table.filter(pc.invert(pc.is_in(table["call_id"], ids))) if name in OF_TRANSCRIPT else table
        for name, table in tables.items()
    }


def _resolve(con: duckdb.DuckDBPyConnection, recordings: pa.Table, files: Collection[str], run_id: str) -> None:
    """What was in quarantine and is audited now leaves it."""
    with _registered(con, {"recordings": recordings}):
        con.execute(
            """
            update core.quarantine set resolved_run_id = $run
            where resolved_run_id is null
              and (sha256 in (select sha256 from batch_recordings) or path in (select path from batch_recordings)
                   or path in $files)
            """,
            {"run": run_id, "files": list(files)},
        )


def _insert_streaming(
    con: duckdb.DuckDBPyConnection, streamed: str, parts: Iterator[dict[str, pa.Table]]
) -> dict[str, pa.Table]:
    """Insert one table in a single statement while its parts are made; returns the other tables, whole.

    DuckDB asks for the next part in one thread while another takes in the last one. A statement of its own for each
    part would cost twice the time: DuckDB writes only what fills its blocks at once, and the rest again at the end.
    """
    others: dict[str, list[pa.Table]] = {name: [SCHEMAS[name].empty_table()] for name in SCHEMAS if name != streamed}
    failed: list[BaseException] = []

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            for tables in parts:
                for name, tables_of_name in others.items():
                    tables_of_name.append(tables[name])
                yield from tables[streamed].to_batches()
        except BaseException as error:  # DuckDB would pass on only its text.
            failed.append(error)
            raise

    reader = pa.RecordBatchReader.from_batches(SCHEMAS[streamed], batches())
    with _registered(con, {streamed: reader}), ThreadPoolExecutor(1, "insert") as inserting:
        inserted = inserting.submit(con.execute, f"insert into core.{streamed} by name select * from batch_{streamed}")  # noqa: S608  Names of ours.
        try:
            inserted.result()
        except KeyboardInterrupt:
            con.interrupt()
            raise
        except duckdb.Error as error:
            if failed:
                raise failed[0] from error
            raise
    return {name: pa.concat_tables(some) for name, some in others.items()}


@_disk_full_as_setup_error()
def add_audits(con: duckdb.DuckDBPyConnection, batch: Sequence[AuditedCall], *, run_id: str) -> None:
    """Put further audits of stored transcripts beside those of other rulebooks, all or nothing.

    What was heard is left as it is. A call that is not stored (any more) is left out.

    Raises InputError and SetupError as `load` does.
    """
    stored = _stored_transcripts(con, [audited.audit.call_id for audited in batch])
    batch = [audited for audited in batch if audited.audit.call_id in stored]
    if not batch:
        return
    _check_rulebooks_stored(con, {audited.audit.rulebook_version for audited in batch})
    tables = audits_to_arrow(batch, stored=stored)
    with _transaction(con):
        _delete_same_audits(con, tables["call_measures"].select(_AUDIT_KEY.names))
        _insert(con, tables, run_id)


@_disk_full_as_setup_error()
def replace_findings(con: duckdb.DuckDBPyConnection, judged: Sequence[tuple[str, str, Finding]]) -> None:
    """Put single findings, each with its call and rulebook, in place of those that stand there, all or nothing.

    Raises SetupError where the disk does not take it.
    """
    if not judged:
        return
    with _registered(con, {"findings": findings_to_arrow(judged)}), _transaction(con):
        con.execute(
            """
            delete from core.findings f using batch_findings b
            where f.call_id = b.call_id and f.rulebook_version = b.rulebook_version and f.rule_id = b.rule_id
            """
        )
        con.execute("insert into core.findings by name from batch_findings")
        # Who compares the hash only learns that verdicts are others than before.
        con.execute(
            """
            update core.call_measures m set verdicts_hash = md5(concat(m.verdicts_hash, b.verdicts))
            from (
                select call_id, rulebook_version, string_agg(concat(rule_id, verdict) order by rule_id) as verdicts
                from batch_findings group by all
            ) b
            where m.call_id = b.call_id and m.rulebook_version = b.rulebook_version
            """
        )


@_disk_full_as_setup_error()
def store_rulebook(
    con: duckdb.DuckDBPyConnection, rulebook: LoadedRulebook, *, loaded_at: datetime | None = None
) -> None:
    """Make a rulebook the one in force; an older one comes back. Storing the one in force again changes its aims only.

    What scorecards aim at, and how they call scores, is kept as it is now: a target is no part of how a call is judged.
    """
    with _transaction(con):
        _store_aims(con, rulebook.scorecards.values())
        newest = con.execute(
            "select rulebook_version, load_number from core.rulebooks order by load_number desc limit 1"
        ).fetchone()
        if newest is not None and newest[0] == rulebook.version:
            return
        load_number = newest[1] + 1 if newest is not None else 1
        for table in ("rulebooks", "rules", "scorecard_steps"):
            con.execute(f"delete from core.{table} where rulebook_version = ?", [rulebook.version])  # noqa: S608  Names of ours.
        con.execute("insert into core.rulebooks values (?, ?, ?)", [rulebook.version, load_number, loaded_at])
        rules = [
            [
                rulebook.version, r.id, r.step, r.asks, r.why, list(r.sources), r.status, r.applies, _definition(r),
                r.matcher, r.speaker, r.milestone or None, r.missed,
            ]
            for r in sorted(rulebook.rules, key=lambda rule: rule.id)
        ]  # fmt: skip
        steps = [
            [
                rulebook.version, card.name, card.title, number, step.id, step.title, rule_id, weight,
                rule_id in card.critical, card.critical_fails_call and rule_id in card.critical,
            ]
            for _, card in sorted(rulebook.scorecards.items())
            for number, step in enumerate(card.steps, start=1)
            for rule_id, weight in step.rules.items()
        ]  # fmt: skip
        _insert_rows(con, "rules", rules)
        _insert_rows(con, "scorecard_steps", steps)


def _store_aims(con: duckdb.DuckDBPyConnection, cards: Iterable[Scorecard]) -> None:
    con.execute("delete from core.targets; delete from core.bands")
    for card in cards:
        aims: list[tuple[str | None, str | None, float | None]] = [
            (None, None, card.target),
            *((None, step.id, step.target) for step in card.steps),
            *((team, None, asked.target) for team, asked in card.teams.items()),
            *((team, step, target) for team, asked in card.teams.items() for step, target in asked.steps.items()),
        ]
        given = [[card.name, team, step, target, card.least_calls] for team, step, target in aims if target is not None]
        _insert_rows(con, "targets", given)
        _insert_rows(con, "bands", [[card.name, band, lowest] for band, lowest in card.bands.items()])


@_disk_full_as_setup_error()
def store_roster(con: duckdb.DuckDBPyConnection, roster: Roster) -> None:
    """Keep the roster as it is now, in place of the one before."""
    with _transaction(con):
        con.execute("delete from core.roster")
        _insert_rows(con, "roster", map(msgspec.structs.astuple, roster.posts))


def _insert_rows(con: duckdb.DuckDBPyConnection, table: str, rows: Iterable[Sequence[object]]) -> None:
    for row in rows:
        con.execute(f"insert into core.{table} values ({', '.join('?' * len(row))})", row)  # noqa: S608  Names of ours.


def new_run_id(con: duckdb.DuckDBPyConnection, started_at: datetime) -> str:
    """The id of a run that begins then: its time, or the second after the newest run where a clock was set back.

    What came after what is read from the order of these ids.
    """
    wanted = f"R{started_at:%Y%m%d-%H%M%S}"
    ((newest,),) = con.execute("select max(run_id) from core.runs where run_id similar to 'R\\d{8}-\\d{6}'").fetchall()
    if newest is None or newest < wanted:
        return wanted
    return f"R{datetime.strptime(newest, 'R%Y%m%d-%H%M%S') + timedelta(seconds=1):%Y%m%d-%H%M%S}"  # noqa: DTZ007  An id.


@_disk_full_as_setup_error()
def record_run(con: duckdb.DuckDBPyConnection, run: Run) -> None:
    """Write down a run, in place of what was known of it."""
    with _transaction(con):
        con.execute("delete from core.runs where run_id = ?", [run.run_id])
        con.execute(
            "insert into core.runs values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", list(msgspec.structs.astuple(run))
        )


@_disk_full_as_setup_error()
def mark_dead_runs(con: duckdb.DuckDBPyConnection) -> int:
    """Mark as died every run that never told its end: the holder of the only writer knows that none of them runs.

    Returns how many there were.
    """
    with _transaction(con):
        return len(
            con.execute("update core.runs set state = 'died' where state = 'running' returning run_id").fetchall()
        )


@_disk_full_as_setup_error()
def quarantine(
    con: duckdb.DuckDBPyConnection,
    items: Iterable[NotAudited],
    *,
    run_id: str,
    calls: Mapping[str, Call] | None = None,
) -> None:
    """Write down files that could not be audited, once per path and content.

    `calls` gives the call of a path where its metadata could be read; it is counted in its week wherever a start is
    known.
    A file that was resolved earlier and fails again is back in quarantine.
    """
    known = calls or {}
    rows = {(i.path, i.sha256 or ""): _quarantine_row(i, known.get(i.path), run_id) for i in items}
    if not rows:
        return
    table = arrow_table(_QUARANTINE, list(zip(*(rows[key] for key in sorted(rows)), strict=True)))
    with _registered(con, {"quarantine": table}), _transaction(con):
        con.execute(
            f"""
            create or replace temp table arrived as
            select b.* exclude (utc_offset_s) replace (coalesce(q.first_run_id, b.first_run_id) as first_run_id)
            from (select *, {_ON_CLOCK} from batch_quarantine) b left join core.quarantine q using (path, sha256)
            """  # noqa: S608  Words of ours.
        )
        con.execute("delete from core.quarantine q using arrived a where q.path = a.path and q.sha256 = a.sha256")
        con.execute("insert into core.quarantine by name from arrived")
        con.execute("drop table arrived")


@_disk_full_as_setup_error()
def add_reviews(con: duckdb.DuckDBPyConnection, reviews: Iterable[Review]) -> int:
    """Add what people judged; a review that is known by its id is left as it is. Returns how many were new."""
    rows = {r.review_id: r for r in reviews}
    with _transaction(con):
        known = {i for (i,) in con.execute("select review_id from core.reviews").fetchall()}
        new = [rows[i] for i in sorted(rows.keys() - known)]
        for r in new:
            con.execute(
                """
                insert into core.reviews by name
                select $review_id as review_id, $call_id as call_id, $rule_id as rule_id,
                       $rulebook_version as rulebook_version, $verdict as verdict, $reviewer as reviewer,
                       $reviewed_at as reviewed_at, $note as note, $sample_id as sample_id, $is_blind as is_blind
                """,
                {**msgspec.structs.asdict(r), "verdict": r.verdict.value},
            )
    return len(new)


def known_recordings(con: duckdb.DuckDBPyConnection, *, retry_failed: bool = False) -> set[str]:
    """The sha256 of every recording that need not be looked at again.

    Those are the audited ones and, unless `retry_failed`, those in quarantine for what is in the audio itself. A file
    that was refused for its metadata, or whose audit failed, is not among them: it may pass now. Nor is one that was
    stored although no call can be so. Those that were erased are told apart by `warehouse.erase.erased_recordings`.
    """
    return _texts(
        con,
        """
        select sha256 from core.recordings where call_id not in (select call_id from core.impossible_calls)
        union select sha256 from core.quarantine
        where not $retry_failed and resolved_run_id is null
          and not is_retryable
        """,
        {"retry_failed": retry_failed},
    )


def audited_recordings(con: duckdb.DuckDBPyConnection) -> dict[str, tuple[str, str]]:
    """The call and the path of each audited recording or export, by its sha256."""
    rows = con.execute("select sha256, call_id, path from core.recordings").fetchall()
    return {sha256: (call_id, path) for sha256, call_id, path in rows}


def quarantined_files(con: duckdb.DuckDBPyConnection) -> set[tuple[str, str]]:
    """Path and sha256 ("" where unknown) of every file that is in quarantine now."""
    return {
        (path, sha256)
        for path, sha256 in con.execute(
            "select path, sha256 from core.quarantine where resolved_run_id is null"
        ).fetchall()
    }


def known_calls(con: duckdb.DuckDBPyConnection, call_ids: Collection[str] | None = None) -> dict[str, str | None]:
    """The audited calls with the sha256 of their recording (None for one that came as text); all, or those asked for.

    Another recording under the same call id would replace the call, so a run looks here first.
    """
    with _registered(con, {"asked": arrow_table(_CALL_ID, [[*(call_ids or ())]])}):
        return dict(
            con.execute(
                """
                select call_id, sha256 from core.calls left join core.recordings using (call_id)
                where ($all or call_id in (from batch_asked))
                  and call_id not in (select call_id from core.impossible_calls)
                """,
                {"all": call_ids is None},
            ).fetchall()
        )


def _possible(con: duckdb.DuckDBPyConnection) -> str:
    """What is asked of a call id so that a call that cannot have been so is left out.

    A copy that an earlier callaudit published knows nothing of such calls.
    """
    known = con.execute("select 1 from duckdb_views() where view_name = 'impossible_calls'").fetchall()
    return "call_id not in (select call_id from core.impossible_calls)" if known else "true"


def contacts(con: duckdb.DuckDBPyConnection, customers: Collection[str] | None = None) -> dict[str, list[Contact]]:
    """The dated calls of each customer id in order. Where a kept promise is looked for.

    Of all customers, or of those asked for.
    """
    found: dict[str, list[Contact]] = {}
    with _registered(con, {"asked": arrow_table(_CUSTOMER_ID, [[*(customers or ())]])}):
        rows = con.execute(
            f"""
            select customer_id, call_id, started_at, direction, interaction_id from core.calls
            where customer_id is not null and started_at is not null
              and ($all or customer_id in (from batch_asked)) and {_possible(con)}
            order by customer_id, started_at, call_id
            """,  # noqa: S608  Words of ours.
            {"all": customers is None},
        ).fetchall()
    for customer_id, call_id, started_at, direction, interaction_id in rows:
        contact = Contact(call_id=call_id, started_at=started_at, direction=direction, interaction_id=interaction_id)
        found.setdefault(customer_id, []).append(contact)
    return found


def newest_start(con: duckdb.DuckDBPyConnection) -> datetime | None:
    """The newest start of a call."""
    rows: list[tuple[datetime | None]] = con.execute(
        f"select max(started_at) from core.calls where {_possible(con)}"  # noqa: S608  Words of ours.
    ).fetchall()
    return rows[0][0]


def known_until(con: duckdb.DuckDBPyConnection) -> datetime | None:
    """Until when calls are known: a promise that is due later cannot be judged yet. None where nothing is known."""
    rows: list[tuple[datetime | None]] = con.execute("from core.known_until").fetchall()
    return rows[0][0]


def transcripts(
    con: duckdb.DuckDBPyConnection,
    *,
    call_ids: Collection[str] | None = None,
    without_rulebook: str | None = None,
    at_once: int = 1000,
) -> Iterator[Transcript]:
    """The stored transcripts as they were loaded, in order of call id; those that lost their words are not.

    A call's start is on the clock of the site.

    `call_ids` asks for these only; `without_rulebook` leaves out calls that this rulebook version has
    judged. Loading between two transcripts is allowed: the calls to give are chosen at the first one.
    """
    wanted = [
        call_id
        for (call_id,) in con.execute(
            f"""
            select call_id from core.transcripts
            where words_removed_on is null and {_possible(con)} and ($version is null or call_id not in
                (select call_id from core.call_measures where rulebook_version = $version))
            order by call_id
            """,  # noqa: S608  Words of ours.
            {"version": without_rulebook},
        ).fetchall()
    ]
    if call_ids is not None:
        asked = set(call_ids)
        wanted = [call_id for call_id in wanted if call_id in asked]
    for first in range(0, len(wanted), at_once):
        yield from _read_transcripts(con, wanted[first : first + at_once])


_CALL_ID = pa.schema([("call_id", pa.string())])
_CUSTOMER_ID = pa.schema([("customer_id", pa.string())])
_AUDIT_KEY = pa.schema([("call_id", pa.string()), ("rulebook_version", pa.string())])
_QUARANTINE = pa.schema(
    [
        ("path", pa.string()), ("sha256", pa.string()), ("size", pa.int64()), ("source", pa.string()),
        ("code", pa.string()), ("reason", pa.string()), ("next_step", pa.string()), ("call_id", pa.string()),
        ("started_at", pa.timestamp("us", tz="UTC")), ("first_run_id", pa.string()), ("last_run_id", pa.string()),
        ("resolved_run_id", pa.string()), ("customer_id", pa.string()), ("is_retryable", pa.bool_()),
    ]
)  # fmt: skip


def _quarantine_row(item: NotAudited, call: Call | None, run_id: str) -> tuple[Any, ...]:
    started_at = call.started_at if call is not None and item.started_at is None else item.started_at
    return (
        item.path, item.sha256 or "", item.size, item.source, item.code, item.reason, item.next_step,
        call.call_id if call is not None else None, started_at, run_id, run_id, None,
        call.customer_id if call is not None else None, Refusal(item.code).is_retryable,
    )  # fmt: skip


# The day and the week of a start, and how far its clock is from UTC, are those of the site.
_ON_CLOCK = """
    datediff('second', started_at at time zone 'UTC', started_at at time zone site_timezone()) as utc_offset_s,
    (started_at at time zone site_timezone())::date as local_date,
    strftime(started_at at time zone site_timezone(), '%G-W%V') as iso_week
"""


@_disk_full_as_setup_error()
def keep_clock(con: duckdb.DuckDBPyConnection, timezone: str) -> None:
    """Count days and weeks by the clock of this IANA zone from now on, and again for all that is stored.

    Does nothing where that is the clock already. Raises SetupError where the disk does not take it.
    """
    if con.execute("select timezone from core.site").fetchall() == [(timezone,)]:
        return
    with _transaction(con):
        con.execute("delete from core.site")
        con.execute("insert into core.site values (?)", [timezone])
        of_day = ("local_date", "iso_week")
        for table, columns in (("calls", ("utc_offset_s", *of_day)), ("quarantine", of_day)):
            con.execute(
                f"update core.{table} t set {', '.join(f'{c} = n.{c}' for c in columns)} "  # noqa: S608  Names of ours.
                f"from (select rowid as id, {_ON_CLOCK} from core.{table} where started_at is not null) n "
                "where n.id = t.rowid"
            )


def _definition(rule: Rule) -> str:
    """What the rule looks for, as JSON; its examples are its tests and change nothing."""
    told = {"id", "asks", "why", "sources", "status", "applies", "milestone", "missed", "examples"}
    fields = {k: v for k, v in msgspec.structs.asdict(rule).items() if k not in told and v is not None}
    return msgspec.json.encode(fields, order="deterministic").decode()


def _check_rulebooks_stored(con: duckdb.DuckDBPyConnection, versions: set[str]) -> None:
    missing = versions - _texts(con, "select rulebook_version from core.rulebooks")
    if missing:
        raise InputError(
            f"rulebook {min(missing)} is not in the warehouse",
            why="Its scorecards and weights are needed to score the calls it judged.",
            tries=("store_rulebook(con, rulebook) before load",),
        )


def _stored_transcripts(con: duckdb.DuckDBPyConnection, call_ids: Sequence[str]) -> dict[str, str]:
    """The transcript hash of those calls that are in the warehouse."""
    with _registered(con, {"asked": arrow_table(_CALL_ID, [call_ids])}):
        return dict(
            con.execute(
                "select call_id, transcript_hash from core.transcripts semi join batch_asked using (call_id)"
            ).fetchall()
        )


def _delete_former(con: duckdb.DuckDBPyConnection, audits: pa.Table, kept: Collection[str]) -> None:
    """Take out the calls of these audits, and what was heard and said of them unless their words are kept."""
    heard = [i for i in audits["call_id"].to_pylist() if i not in kept]
    with _registered(con, {"audits": audits, "heard": arrow_table(_CALL_ID, [heard])}):
        for name in OF_CALL:
            con.execute(f"delete from core.{name} where call_id in (select call_id from batch_audits)")  # noqa: S608  Names of ours.
        for name in (*OF_TRANSCRIPT, *OF_AUDIT):
            con.execute(f"delete from core.{name} where call_id in (select call_id from batch_heard)")  # noqa: S608  Names of ours.
    _delete_same_audits(con, audits)


def _delete_same_audits(con: duckdb.DuckDBPyConnection, audits: pa.Table) -> None:
    with _registered(con, {"audits": audits}):
        for name in OF_AUDIT:
            con.execute(
                f"""
                delete from core.{name} using batch_audits b
                where {name}.call_id = b.call_id and {name}.rulebook_version = b.rulebook_version
                """  # noqa: S608  Names of ours.
            )


def _insert(con: duckdb.DuckDBPyConnection, tables: Mapping[str, pa.Table], run_id: str) -> None:
    with _registered(con, tables):
        for name in tables:
            run = ", $run as run_id" if name == "call_measures" else f", {_ON_CLOCK}" if name == "calls" else ""
            if tables[name].num_rows:
                con.execute(
                    f"insert into core.{name} by name select *{run} from batch_{name}",  # noqa: S608  Names of ours.
                    {"run": run_id} if name == "call_measures" else None,
                )


@contextmanager
def _transaction(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    con.begin()
    try:
        yield
        con.commit()
    except BaseException:
        # A commit that the disk refused has ended the transaction already.
        with suppress(duckdb.TransactionException):
            con.rollback()
        raise


@contextmanager
def _registered(
    con: duckdb.DuckDBPyConnection, tables: Mapping[str, pa.Table | pa.RecordBatchReader]
) -> Iterator[None]:
    for name, table in tables.items():
        con.register(f"batch_{name}", table)
    try:
        yield
    finally:
        # In a transaction that failed nothing more can be said; its end takes the names away too.
        with suppress(duckdb.Error):
            for name in tables:
                con.unregister(f"batch_{name}")


def _texts(con: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, object] | None = None) -> set[str]:
    return {text for (text,) in con.execute(sql, parameters).fetchall()}


def _arrow(con: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    return con.sql(sql).to_arrow_table()


def _spans(con: duckdb.DuckDBPyConnection, table: str) -> dict[str, dict[SpeakerRole, tuple[Span, ...]]]:
    """The spans of the wanted calls, by call and role."""
    rows = con.execute(
        f"""
        select call_id, role, list(start_s order by position), list(end_s order by position) from core.{table}
        semi join batch_wanted using (call_id) group by all order by all
        """  # noqa: S608  A name of ours.
    ).fetchall()
    spans: dict[str, dict[SpeakerRole, tuple[Span, ...]]] = {}
    for call_id, role, starts, ends in rows:
        spans.setdefault(call_id, {})[SpeakerRole(role)] = tuple(map(Span, starts, ends))
    return spans


def _read_transcripts(con: duckdb.DuckDBPyConnection, call_ids: Sequence[str]) -> Iterator[Transcript]:
    with _registered(con, {"wanted": arrow_table(_CALL_ID, [call_ids])}):
        heads = _arrow(
            con,
            """
            select * from core.transcripts join core.calls using (call_id) left join core.recordings using (call_id)
            semi join batch_wanted using (call_id) order by call_id
            """,
        ).to_pylist()
        utterances = _arrow(
            con, "from core.utterances semi join batch_wanted using (call_id) order by call_id, position"
        )
        speech, music, unheard = (_spans(con, f"{what}_spans") for what in ("speech", "music", "unheard"))
    heard: dict[str, list[Utterance]] = {}
    for call_id, utterance in zip(utterances["call_id"].to_pylist(), _utterances(utterances), strict=True):
        heard.setdefault(call_id, []).append(utterance)
    for row in heads:
        call_id = row["call_id"]
        yield Transcript(
            call=call_of(row),
            utterances=tuple(heard.get(call_id, ())),
            provenance=Provenance(
                engine=row["engine"],
                model=row["model"],
                weights_hash=row["weights_hash"],
                settings_hash=row["settings_hash"],
                notice=row["notice"],
            ),
            recording=_recording(row) if row["sha256"] is not None else None,
            language=row["language"],
            roles_from=RolesFrom(row["roles_from"]),
            role_confidence=row["role_confidence"],
            role_evidence=row["role_evidence"],
            speech=dict.fromkeys(map(SpeakerRole, row["speech_roles"]), ()) | speech.get(call_id, {}),
            music=music.get(call_id, {}),
            unheard=unheard.get(call_id, {}),
            dropped_words=row["dropped_words"],
            redactions=row["redactions"],
            warnings=tuple(row["warnings"]),
        )


def call_of(row: Mapping[str, Any]) -> Call:
    """The call of a row of `core.calls`."""
    started_at = None
    if row["started_at"] is not None:
        offset = timedelta(seconds=row["utc_offset_s"])
        # Arithmetic on the naive time: a year-one start would leave the calendar on its way through UTC.
        started_at = (row["started_at"].replace(tzinfo=None) + offset).replace(tzinfo=timezone(offset))
    return Call(
        call_id=row["call_id"],
        source=row["source"],
        interaction_id=row["interaction_id"],
        started_at=started_at,
        agent_id=row["agent_id"],
        agent_name=row["agent_name"],
        team=row["team"],
        customer_id=row["customer_id"],
        customer_name=row["customer_name"],
        queue=row["queue"],
        direction=row["direction"],
    )


def _recording(row: Mapping[str, Any]) -> Recording:
    return Recording(
        path=row["path"],
        sha256=row["sha256"],
        size=row["size"],
        codec=row["codec"],
        sample_rate=row["sample_rate"],
        channels=row["channels"],
        duration=row["duration_s"],
    )


def _utterances(table: pa.Table) -> Iterator[Utterance]:
    """Column by column: a dict for every word would take ten times as long."""
    starts, ends, confidences = (table[f"word_{name}"].combine_chunks() for name in ("starts", "ends", "confidences"))
    words = list(zip(*(column.flatten().to_pylist() for column in (starts, ends, confidences)), strict=True))
    borders = accumulate(starts.value_lengths().to_pylist())
    columns = (
        table[name].to_pylist() for name in ("role", "text", "start_s", "end_s", "channel", "confidence", "word_texts")
    )
    first = 0
    for end, role, text, start_s, end_s, channel, confidence, texts in zip(borders, *columns, strict=True):
        own = texts if texts is not None else text.split(" ") if end > first else ()
        yield Utterance(
            role=_ROLES[role],
            text=text,
            start=start_s,
            end=end_s,
            channel=channel,
            words=tuple(Word(t, *numbers) for t, numbers in zip(own, words[first:end], strict=True)),
            confidence=confidence,
        )
        first = end


_ROLES = {role.value: role for role in SpeakerRole}
