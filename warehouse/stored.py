"""The calls that were audited before, to be judged again: read without holding up a run."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import duckdb
import msgspec

from audit_rules.conversation import Contact
from transcription.transcript import Transcript
from warehouse import load
from warehouse.connect import newest_generation, open_published, open_writer


class StoredCalls(msgspec.Struct, frozen=True, kw_only=True):
    """Transcripts in order of call id, read as they are asked for, and what promises to call back are judged by."""

    count: int
    transcripts: Iterator[Transcript]
    contacts: dict[str, list[Contact]]
    known_until: datetime | None


@contextmanager
def stored_calls(published: Path, warehouse: Path) -> Iterator[StoredCalls]:
    """The calls of the published copy; of the warehouse itself where nothing is published yet.

    Raises:
        InputError: there is neither.
        LockedError: only the warehouse is there, and a run holds it.
    """
    if newest_generation(published) is None and warehouse.is_file():
        con = open_writer(warehouse)
        try:
            yield _calls(con)
        finally:
            con.close()
    else:
        with open_published(published) as copy:
            yield _calls(copy.connection)


def _calls(con: duckdb.DuckDBPyConnection) -> StoredCalls:
    (count,) = con.execute("select count(*) from core.transcripts where words_removed_on is null").fetchone() or (0,)
    contacts = {
        customer: [Contact(call_id=c, started_at=at, direction=direction) for c, at, direction in calls]
        for customer, calls in load.contacts(con).items()
    }
    return StoredCalls(count=count, transcripts=load.transcripts(con), contacts=contacts, known_until=load.horizon(con))
