"""Files that could not be audited, with their reason, until they can be."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from callaudit.transcription.errors import Refusal
from callaudit.transcription.transcript import (
    Call,
)
from callaudit.warehouse.arrow_tables import (
    arrow_table,
)
from callaudit.warehouse.session import disk_full_as_setup_error, registered, texts, transaction
from callaudit.warehouse.site_clock import ON_CLOCK


class NotAudited(Protocol):
    """A file that could not be audited, as the inbox reports it."""

    @property
    def path(self) -> str: ...  # noqa: D102  As the class says.
    @property
    def sha256(self) -> str | None: ...  # noqa: D102  As the class says.
    @property
    def size(self) -> int: ...  # noqa: D102  As the class says.
    @property
    def code(self) -> str: ...  # noqa: D102  As the class says.
    @property
    def reason(self) -> str: ...  # noqa: D102  As the class says.
    @property
    def next_step(self) -> str: ...  # noqa: D102  As the class says.
    @property
    def source(self) -> str: ...  # noqa: D102  As the class says.
    @property
    def started_at(self) -> datetime | None: ...  # noqa: D102  As the class says.


@disk_full_as_setup_error()
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
    with registered(con, {"quarantine": table}), transaction(con):
        con.execute(
            f"""
            create or replace temp table arrived as
            select b.* exclude (utc_offset_s) replace (coalesce(q.first_run_id, b.first_run_id) as first_run_id)
            from (select *, {ON_CLOCK} from batch_quarantine) b left join core.quarantine q using (path, sha256)
            """  # noqa: S608  Words of ours.
        )
        con.execute("delete from core.quarantine q using arrived a where q.path = a.path and q.sha256 = a.sha256")
        con.execute("insert into core.quarantine by name from arrived")
        con.execute("drop table arrived")


def known_recordings(con: duckdb.DuckDBPyConnection, *, retry_failed: bool = False) -> set[str]:
    """The sha256 of every recording that need not be looked at again.

    Those are the audited ones and, unless `retry_failed`, those in quarantine for what is in the audio itself. A file
    that was refused for its metadata, or whose audit failed, is not among them: it may pass now. Nor is one that was
    stored although no call can be so. Those that were erased are told apart by `warehouse.erase.erased_recordings`.
    """
    return texts(
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
