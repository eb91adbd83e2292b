"""Calls that are heard a second time in another way: which ones are drawn, and what came of it."""

from collections.abc import Iterable
from datetime import datetime

import duckdb
import msgspec

from callaudit.audit_rules.finding import Verdict
from callaudit.warehouse.session import transaction


class Sampled(msgspec.Struct, frozen=True):
    """A call to hear again: where its recording was found, and the hash of the words that are stored."""

    call_id: str
    source: str
    path: str
    sha256: str
    transcript_hash: str


class HeardAgain(msgspec.Struct, frozen=True, kw_only=True):
    """One rule on one call: its verdict on the stored words and on those of the second hearing.

    `engine`, `model` and `settings_hash` are those of the second hearing.
    """

    call_id: str
    rule_id: str
    rulebook_version: str
    transcript_hash: str
    engine: str
    model: str
    settings_hash: str
    verdict: Verdict
    verdict_again: Verdict
    heard_at: datetime


def sample(
    con: duckdb.DuckDBPyConnection, *, size: int, week: str, engine: str, model: str, rulebook_version: str
) -> tuple[Sampled, ...]:
    """Calls with recordings whose words this engine and model wrote and which this rulebook judged last.

    Each call's lot is a hash of its id, and the lowest lots are drawn (permanent random numbers: Ohlsson 1995), so that
    a larger sample holds the smaller one. `week` is an ISO week, "" for all.
    """
    rows = con.execute(
        """
        select c.call_id, c.source, r.path, r.sha256, t.transcript_hash
        from core.calls c
        join core.recordings r using (call_id)
        join core.transcripts t using (call_id)
        join core.current_audits a using (call_id)
        where r.codec <> 'export' and t.words_removed_on is null and t.engine = $engine and t.model = $model
            and a.rulebook_version = $rulebook and ($week = '' or c.iso_week = $week)
        order by sha256(c.call_id), c.call_id
        limit $size
        """,
        {"engine": engine, "model": model, "rulebook": rulebook_version, "week": week, "size": size},
    ).fetchall()
    return tuple(Sampled(*row) for row in rows)


def store(con: duckdb.DuckDBPyConnection, rows: Iterable[HeardAgain]) -> None:
    """Write down what came of second hearings, in place of what was known of the same calls; all or nothing."""
    told = [msgspec.structs.astuple(row) for row in rows]
    with transaction(con):
        for (call_id,) in {row[:1] for row in told}:
            con.execute("delete from core.heard_again where call_id = ?", [call_id])
        if told:
            con.executemany("insert into core.heard_again values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", told)
