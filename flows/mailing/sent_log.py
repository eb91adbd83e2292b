"""Who was mailed which week, in a small SQLite file: a recipient is claimed before the mail leaves, never after.

So a crash between sending and recording leaves a claim and not a second mail: at most one, and a person decides
(`--again`). The other choice, to send again whenever in doubt, would double mails on every lost connection.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from callaudit.transcription.errors import SetupError

State = Literal["sending", "sent"]

_TABLE = """
create table if not exists mailed (
    week text not null, scorecard text not null, recipient text not null,
    state text not null check (state in ('sending', 'sent')),
    digest text not null, times integer not null, begun_at text not null, sent_at text, reply text,
    primary key (week, scorecard, recipient)
) strict
"""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one recipient and week; `times` counts the mails that a server took, `begun_at` is in UTC."""

    recipient: str
    state: State
    digest: str
    times: int
    begun_at: str


class Mailed:
    """The record of one week by one scorecard. Every change is on disk before the call returns."""

    def __init__(self, con: sqlite3.Connection, week: str, scorecard: str) -> None:
        self._con = con
        self._key = (week, scorecard)

    def of(self, recipient: str) -> Claim | None:
        """What is known of a recipient; None of one who was never mailed this week."""
        row = self._con.execute(
            "select recipient, state, digest, times, begun_at from mailed "
            "where (week, scorecard, recipient) = (?, ?, ?)",
            (*self._key, recipient.casefold()),
        ).fetchone()
        return Claim(recipient=row[0], state=row[1], digest=row[2], times=row[3], begun_at=row[4]) if row else None

    def claim(self, recipient: str, digest: str, *, again: bool = False) -> bool:
        """Take the right to mail a recipient; False where another run has it or had it. `again` takes it anyway."""
        on_conflict = (
            "do update set state = 'sending', digest = excluded.digest, begun_at = excluded.begun_at"
            if again
            else "do nothing"
        )
        done = self._con.execute(
            f"insert into mailed values (?, ?, ?, 'sending', ?, 0, ?, null, null) on conflict {on_conflict}",  # noqa: S608  Two literals.
            (*self._key, recipient.casefold(), digest, _now()),
        )
        return done.rowcount == 1

    def sent(self, recipient: str, reply: str) -> None:
        """The server took it."""
        self._con.execute(
            "update mailed set state = 'sent', times = times + 1, sent_at = ?, reply = ? "
            "where (week, scorecard, recipient) = (?, ?, ?)",
            (_now(), reply, *self._key, recipient.casefold()),
        )

    def release(self, recipient: str) -> None:
        """The server surely did not take it: as if this had not been tried."""
        at = (*self._key, recipient.casefold())
        self._con.execute("delete from mailed where (week, scorecard, recipient) = (?, ?, ?) and times = 0", at)
        self._con.execute("update mailed set state = 'sent' where (week, scorecard, recipient) = (?, ?, ?)", at)


@contextmanager
def open_mailed(path: Path, *, week: str, scorecard: str) -> Iterator[Mailed]:
    """Open the record, made on first use. Raises SetupError where it cannot be read or written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        # Each statement is a transaction of its own, on disk when it returns.
        with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as con:
            con.execute("pragma synchronous = full")
            con.execute(_TABLE)
            yield Mailed(con, week, scorecard)
    except (sqlite3.Error, OSError) as error:
        raise SetupError(
            f"the record of sent mails, {path}, cannot be used",
            why=f"{error}. Without it a mail could be sent twice.",
            tries=("check the disk and the file's permissions",),
        ) from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
