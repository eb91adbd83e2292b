"""What a run tells while it works: structured log records, for the terminal, for logs, for tests.

A run never prints. It logs to "callaudit.run"; a handler shows or stores what it hears. Records hold call ids
and counts, never what was said.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

LOGGER = logging.getLogger("callaudit.run")


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened in a run."""


class Opened(Event, frozen=True, kw_only=True):
    """The run holds the warehouse; what is told from now on belongs to it."""

    run_id: str


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
    """One file cannot be audited; the run goes on. `recording` is the start of its sha256, "" where it has none."""

    file: str
    code: str
    reason: str
    next_step: str
    again: bool
    recording: str = ""
    call_id: str = ""


class Stored(Event, frozen=True, kw_only=True):
    """A batch is safe in the warehouse."""

    calls: int


class Spent(Event, frozen=True, kw_only=True):
    """What a part of a batch's audit took: seconds of processor time, in whichever process it was done."""

    step: str
    processor: float


class Busy(Event, frozen=True, kw_only=True):
    """What the run is busy with, in two or three words."""

    what: str


class StepDone(Event, frozen=True, kw_only=True):
    """A step of the run took so long; steps that are made batch by batch are told for each batch.

    `processor` is the processor time of the run's own process meanwhile.
    """

    step: str
    seconds: float
    processor: float = 0.0


class Ended(Event, frozen=True, kw_only=True):
    """The run is over, one way or the other; `error_kind` is the class of what broke it, "" where nothing did."""

    state: str
    seconds: float
    error_kind: str = ""
    exit_code: int = 0


@contextmanager
def step(name: str) -> Iterator[None]:
    """Tell how long the block took; also a decorator."""
    began, spent = time.monotonic(), time.process_time()
    try:
        yield
    finally:
        tell(StepDone(step=name, seconds=time.monotonic() - began, processor=time.process_time() - spent))


def tell(event: Event) -> None:
    """Log an event."""
    LOGGER.info(type(event).__name__, extra={"event": event})
