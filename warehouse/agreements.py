"""What was agreed with agents in coaching."""

import hashlib
from datetime import date, datetime

import duckdb
import msgspec

from callaudit.transcription.transcript import Seconds
from callaudit.warehouse.session import transaction


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """A step to work on; `moments` are the calls listened to, each with its second or None."""

    agent_id: str
    scorecard: str
    step: str
    agreed_on: date
    agreed_by: str
    note: str = ""
    moments: tuple[tuple[str, Seconds | None], ...] = ()


def keep_agreement(con: duckdb.DuckDBPyConnection, agreement: Agreement, *, at: datetime) -> bool:
    """Keep it. The same again adds nothing; returns whether it was new."""
    told = "\x1f".join(
        (agreement.agent_id, agreement.scorecard, agreement.step, agreement.agreed_on.isoformat(), agreement.agreed_by,
         agreement.note, repr(agreement.moments))
    )  # fmt: skip
    key = hashlib.sha256(told.encode()).hexdigest()[:32]
    if con.execute("select 1 from core.agreements where agreement_id = ?", [key]).fetchall():
        return False
    with transaction(con):
        con.execute(
            "insert into core.agreements values (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                key, agreement.agent_id, agreement.scorecard, agreement.step, agreement.agreed_on, agreement.agreed_by,
                agreement.note, at,
            ],
        )  # fmt: skip
        for position, (call_id, second) in enumerate(agreement.moments):
            con.execute("insert into core.saved_moments values (?, ?, ?, ?)", [key, position, call_id, second])
    return True


def drop_agreement(con: duckdb.DuckDBPyConnection, agreement_id: str) -> None:
    """Take it back, with the moments that were listened to."""
    with transaction(con):
        for table in ("agreements", "saved_moments"):
            con.execute(f"delete from core.{table} where agreement_id = ?", [agreement_id])  # noqa: S608  Names of ours.
