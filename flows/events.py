"""What a run tells while it works: structured log records, for the terminal, for logs, for tests.

A run never prints. It logs to "callaudit.run"; a handler shows or stores what it hears. Records hold call ids
and counts, never what was said.
"""

import logging

import msgspec

LOGGER = logging.getLogger("callaudit.run")


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened in a run."""


class Started(Event, frozen=True, kw_only=True):
    """Calls were found and work begins; `exports` of them come as words, the others as `audio_seconds` of sound."""

    run_id: str
    calls: int
    audio_seconds: float
    engine: str
    notice: str
    rules: int
    already: int
    exports: int = 0


class Transcribed(Event, frozen=True, kw_only=True):
    """One call's words are known.

    `reused` means by a finished transcript of an earlier, interrupted run, `imported` by another system's export.
    """

    call_id: str
    file: str
    audio_seconds: float
    reused: bool
    imported: bool = False


class Refused(Event, frozen=True, kw_only=True):
    """One file cannot be audited; the run goes on."""

    file: str
    code: str
    reason: str
    next_step: str
    again: bool


class Stored(Event, frozen=True, kw_only=True):
    """A batch is safe in the warehouse."""

    calls: int


class Doing(Event, frozen=True, kw_only=True):
    """What the run is busy with, in two or three words."""

    what: str


def tell(event: Event) -> None:
    """Log an event."""
    LOGGER.info(type(event).__name__, extra={"event": event})
