"""What a look through a source finds: recordings that are ready, and files that cannot be audited."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256 as sha256_hash
from pathlib import Path

import msgspec

from callaudit.transcription.errors import Refusal, Trace, Unreadable
from callaudit.transcription.inbox.metadata import printable
from callaudit.transcription.inbox.source import Source
from callaudit.transcription.inbox.storage import fetch, sha256_of, storage_of
from callaudit.transcription.transcript import Call


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """A recording that is ready to be transcribed, or an export of a transcript that is ready to be read.

    `export` is the shape of the export, "" for a recording. `by_speaker` holds the label and file of each party
    where one export each was made of them; `path` is then the first and `sha256` is over all.

    `path` is where its bytes can be read on this machine; for a recording in an object store, whose path below the
    source is `key`, only while `local_copy` holds it.
    """

    path: Path
    sha256: str
    size: int
    call: Call
    source: Source
    key: str = ""
    export: str = ""
    by_speaker: tuple[tuple[str, Path], ...] = ()

    @property
    def place(self) -> str:
        """The recording as people know it: its path, or its URL."""
        return storage_of(self.source).place(self.key) if self.key else str(self.path)

    @property
    def name(self) -> str:
        """The recording's own name, safe to print."""
        return printable(self.key.rpartition("/")[2] or self.path.name)


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """A file that cannot be audited; `code` is what reports count by, `next_step` is for a person.

    `started_at` is when the call began, None where that cannot be read. `trace` says where callaudit broke down on it,
    None for every other reason.
    """

    path: str
    sha256: str | None
    size: int
    code: Refusal
    reason: str
    next_step: str
    source: str
    started_at: datetime | None = None
    trace: Trace | None = None

    @classmethod
    def of(cls, arrival: Arrival, error: Unreadable) -> "Quarantined":
        """An arrival that turned out to be unreadable."""
        return quarantined(
            arrival.source, arrival.place, arrival.sha256, arrival.size, error, started_at=arrival.call.started_at
        )


class Inbox(msgspec.Struct, frozen=True, kw_only=True):
    """What one scan found.

    `already` were known by their sha256, `duplicates` are further copies of the same bytes in this scan, `unsettled`
    were still being written and wait for the next run, `erased` lie in the source although their calls were erased.
    """

    arrivals: tuple[Arrival, ...]
    quarantined: tuple[Quarantined, ...]
    already: int
    duplicates: int
    unsettled: int = 0
    erased: int = 0


@contextmanager
def local_copy(arrival: Arrival) -> Iterator[Path]:
    """The recording as a file on this machine, fetched if need be and then removed again.

    Raises `Unreadable` where it cannot be fetched, or is not any more what the scan saw; the next run tries again.
    """
    if not arrival.key:
        yield arrival.path
        # What was heard is stored under the fingerprint that the scan took.
        if not arrival.by_speaker:
            _check_unchanged(arrival)
        return
    try:
        # What the scan kept is there already.
        if not arrival.path.exists():
            _fetch_again(arrival)
        yield arrival.path
    finally:
        arrival.path.unlink(missing_ok=True)


def fetched_path(folder: Path, place: str) -> Path:
    """Where a recording from an object store is put: its own name, made harmless, in a folder of its own."""
    name = re.sub(r"[^\w.-]", "_", place.rpartition("/")[2])[-80:].lstrip(".") or "recording"
    return folder / sha256_hash(place.encode("utf-8", "surrogateescape")).hexdigest()[:16] / name


def quarantined(
    source: Source,
    place: str,
    digest: str | None,
    size: int,
    error: Unreadable,
    *,
    started_at: datetime | None = None,
) -> Quarantined:
    """A line of the quarantine."""
    return Quarantined(
        path=place,
        sha256=digest,
        size=size,
        code=error.code,
        reason=f"{error.what} ({error.why})" if error.why else error.what,
        next_step="; or ".join(error.tries),
        source=source.name,
        started_at=started_at,
        trace=error.trace,
    )


def _fetch_again(arrival: Arrival) -> None:
    try:
        digest = fetch(storage_of(arrival.source), arrival.key, arrival.path)
    except OSError as error:
        raise _not_fetched(arrival, str(error).partition("\n")[0]) from error
    if digest != arrival.sha256 and not arrival.by_speaker:
        raise _not_fetched(arrival, _REPLACED)


_REPLACED = "it was replaced by another while this run went on"


def _check_unchanged(arrival: Arrival) -> None:
    try:
        digest = sha256_of(arrival.path)
    except OSError as error:
        raise _changed(arrival, f"it went away while this run went on: {error.strerror}") from error
    if digest != arrival.sha256:
        raise _changed(arrival, _REPLACED)


def _changed(arrival: Arrival, found: str) -> Unreadable:
    return Unreadable(
        "failed_changed",
        f"{arrival.name}: {found}",
        why=printable(arrival.place),
        tries=("the next run takes the file as it is then",),
    )


def _not_fetched(arrival: Arrival, found: str) -> Unreadable:
    return Unreadable(
        "failed_fetch",
        f"{arrival.name}: cannot be fetched: {found}",
        why=printable(arrival.place),
        tries=("the next run tries again", "check the network and the right to read the object"),
    )
