"""Findings into the warehouse, and what later runs need out of it.

Everything here may be run twice: a batch replaces its own calls and leaves nothing of their former
verdicts behind. Call ids and file names come from the outside world, so they reach SQL only as
parameters or Arrow columns.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from callaudit.audit_rules.finding import Finding
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
from callaudit.warehouse.rulebooks import check_rulebooks_stored
from callaudit.warehouse.session import disk_full_as_setup_error, registered, transaction
from callaudit.warehouse.site_clock import ON_CLOCK


@disk_full_as_setup_error()
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
    check_rulebooks_stored(con, {audited.audit.rulebook_version for audited in batch})
    ordered = in_order(batch)
    stored = _stored_transcripts(con, [audited.audit.call_id for audited in ordered])
    hashes = {i: transcript_hash(a.transcript) for a in ordered if (i := a.audit.call_id) in stored}
    kept = {i for i, digest in hashes.items() if stored[i] == digest}
    with transaction(con):
        if stored:
            audits = [[a.audit.call_id for a in ordered], [a.audit.rulebook_version for a in ordered]]
            _delete_former(con, arrow_table(_AUDIT_KEY, audits), kept)
        tables = _insert_streaming(con, "utterances", arrow_parts(ordered, hashes=hashes, kept=kept))
        _insert(con, tables, run_id)
        _resolve(con, tables["recordings"], files, run_id)


@disk_full_as_setup_error()
def load_tables(
    con: duckdb.DuckDBPyConnection, tables: Mapping[str, pa.Table], *, run_id: str, files: Collection[str] = ()
) -> None:
    """Load a batch that was made into tables elsewhere (`warehouse.arrow_tables.to_arrow`), all or nothing, as `load`.

    Raises InputError where the rulebook was not stored first, SetupError where the disk does not take it.
    """
    if not tables or not tables["calls"].num_rows:
        return
    audits = tables["call_measures"].select(_AUDIT_KEY.names)
    check_rulebooks_stored(con, set(audits["rulebook_version"].unique().to_pylist()))
    stored = _stored_transcripts(con, tables["calls"]["call_id"].to_pylist())
    arrived = zip(*(tables["transcripts"][name].to_pylist() for name in ("call_id", "transcript_hash")), strict=True)
    kept = {call_id for call_id, digest in arrived if stored.get(call_id) == digest}
    with transaction(con):
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
    with registered(con, {"recordings": recordings}):
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
    with registered(con, {streamed: reader}), ThreadPoolExecutor(1, "insert") as inserting:
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


@disk_full_as_setup_error()
def add_audits(con: duckdb.DuckDBPyConnection, batch: Sequence[AuditedCall], *, run_id: str) -> None:
    """Put further audits of stored transcripts beside those of other rulebooks, all or nothing.

    What was heard is left as it is. A call that is not stored (any more) is left out.

    Raises InputError and SetupError as `load` does.
    """
    stored = _stored_transcripts(con, [audited.audit.call_id for audited in batch])
    batch = [audited for audited in batch if audited.audit.call_id in stored]
    if not batch:
        return
    check_rulebooks_stored(con, {audited.audit.rulebook_version for audited in batch})
    tables = audits_to_arrow(batch, stored=stored)
    with transaction(con):
        _delete_same_audits(con, tables["call_measures"].select(_AUDIT_KEY.names))
        _insert(con, tables, run_id)


@disk_full_as_setup_error()
def replace_findings(con: duckdb.DuckDBPyConnection, judged: Sequence[tuple[str, str, Finding]]) -> None:
    """Put single findings, each with its call and rulebook, in place of those that stand there, all or nothing.

    Raises SetupError where the disk does not take it.
    """
    if not judged:
        return
    with registered(con, {"findings": findings_to_arrow(judged)}), transaction(con):
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


CALL_ID = pa.schema([("call_id", pa.string())])
_AUDIT_KEY = pa.schema([("call_id", pa.string()), ("rulebook_version", pa.string())])


def _stored_transcripts(con: duckdb.DuckDBPyConnection, call_ids: Sequence[str]) -> dict[str, str]:
    """The transcript hash of those calls that are in the warehouse."""
    with registered(con, {"asked": arrow_table(CALL_ID, [call_ids])}):
        return dict(
            con.execute(
                "select call_id, transcript_hash from core.transcripts semi join batch_asked using (call_id)"
            ).fetchall()
        )


def _delete_former(con: duckdb.DuckDBPyConnection, audits: pa.Table, kept: Collection[str]) -> None:
    """Take out the calls of these audits, and what was heard and said of them unless their words are kept."""
    heard = [i for i in audits["call_id"].to_pylist() if i not in kept]
    with registered(con, {"audits": audits, "heard": arrow_table(CALL_ID, [heard])}):
        for name in OF_CALL:
            con.execute(f"delete from core.{name} where call_id in (select call_id from batch_audits)")  # noqa: S608  Names of ours.
        for name in (*OF_TRANSCRIPT, *OF_AUDIT):
            con.execute(f"delete from core.{name} where call_id in (select call_id from batch_heard)")  # noqa: S608  Names of ours.
    _delete_same_audits(con, audits)


def _delete_same_audits(con: duckdb.DuckDBPyConnection, audits: pa.Table) -> None:
    with registered(con, {"audits": audits}):
        for name in OF_AUDIT:
            con.execute(
                f"""
                delete from core.{name} using batch_audits b
                where {name}.call_id = b.call_id and {name}.rulebook_version = b.rulebook_version
                """  # noqa: S608  Names of ours.
            )


def _insert(con: duckdb.DuckDBPyConnection, tables: Mapping[str, pa.Table], run_id: str) -> None:
    with registered(con, tables):
        for name in tables:
            run = ", $run as run_id" if name == "call_measures" else f", {ON_CLOCK}" if name == "calls" else ""
            if tables[name].num_rows:
                con.execute(
                    f"insert into core.{name} by name select *{run} from batch_{name}",  # noqa: S608  Names of ours.
                    {"run": run_id} if name == "call_measures" else None,
                )
