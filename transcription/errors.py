"""Errors a person can act on: what is wrong, where, why, and what to try.

    CallauditError           exit 1
    |-- SetupError           exit 3: settings, rules, weights, disk: nothing can run
    |-- InputError           exit 4: what was asked for is not there or cannot be read
    |   `-- Unreadable       one recording or its metadata: quarantined, the run goes on
    `-- LockedError          exit 6: another run holds the warehouse

Exit 2 is a wrong command line; exit 5 says that a run finished but some calls failed; exit 70 is any other error, which
is a mistake of callaudit's own or of a library's.
"""

import errno
import traceback
from collections.abc import Iterator
from enum import StrEnum
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

import msgspec


class Trace(msgspec.Struct, frozen=True):
    """Where an error was raised and what caused it, in files, lines and kinds; `reference` is its short name."""

    reference: str
    frames: str


class CallauditError(Exception):
    """One sentence saying what is wrong, with its place, its reason and the next steps.

    Shown by the command line as::

        Error: WHAT
          WHY (with the place)
          try: NEXT STEP
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, why: str = "", tries: tuple[str, ...] = ()) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.tries = tries

    def __str__(self) -> str:
        return "\n  ".join([self.what, *([self.why] if self.why else []), *(f"try: {t}" for t in self.tries)])


class SetupError(CallauditError):
    """Something every call needs is missing or wrong."""

    exit_code = 3


class InputError(CallauditError):
    """What was asked for does not exist or cannot be read."""

    exit_code = 4


class Refusal(StrEnum):
    """Why a file cannot become a transcript, in one stable word that reports count by."""

    ARCHIVE = "archive"
    DUPLICATE_BYTES = "duplicate_bytes"
    DUPLICATE_CALL_ID = "duplicate_call_id"
    EMPTY_FILE = "empty_file"
    EXPORT_FAILED = "export_failed"
    EXPORT_INCOMPLETE = "export_incomplete"
    EXPORT_UNFINISHED = "export_unfinished"
    EXPORT_UNKNOWN = "export_unknown"
    EXPORT_UNPARSABLE = "export_unparsable"
    EXPORT_UNUSABLE = "export_unusable"
    FAILED_CHANGED = "failed_changed"
    FAILED_FETCH = "failed_fetch"
    FAILED_READING = "failed_reading"
    FAILED_RECOGNISER = "failed_recogniser"
    INTERNAL_ERROR = "internal_error"
    LINKED_FOLDER = "linked_folder"
    METADATA_IMPOSSIBLE = "metadata_impossible"
    METADATA_INCOMPLETE = "metadata_incomplete"
    METADATA_MISSING = "metadata_missing"
    METADATA_UNPARSABLE = "metadata_unparsable"
    METADATA_WITHOUT_RECORDING = "metadata_without_recording"
    NOT_AUDIO = "not_audio"
    NOT_FOUND = "not_found"
    NOT_READABLE = "not_readable"
    NO_SAMPLES = "no_samples"
    NO_TRANSCRIPT = "no_transcript"
    NO_WORDS = "no_words"
    SEVERAL_CALLS = "several_calls"
    SEVERAL_RECORDINGS = "several_recordings"
    TOO_LONG = "too_long"
    TOO_SHORT = "too_short"
    TRUNCATED = "truncated"
    UNSUPPORTED_CHANNELS = "unsupported_channels"

    @property
    def is_retryable(self) -> bool:
        """Whether the reason lies outside the file's own sound, so that the same file may pass another time."""
        return self in _RETRYABLE


_RETRYABLE = frozenset(
    {
        Refusal.DUPLICATE_BYTES,
        Refusal.DUPLICATE_CALL_ID,
        Refusal.FAILED_CHANGED,
        Refusal.FAILED_FETCH,
        Refusal.FAILED_READING,
        Refusal.FAILED_RECOGNISER,
        Refusal.INTERNAL_ERROR,
        Refusal.METADATA_IMPOSSIBLE,
        Refusal.METADATA_INCOMPLETE,
        Refusal.METADATA_MISSING,
        Refusal.METADATA_UNPARSABLE,
        Refusal.METADATA_WITHOUT_RECORDING,
        Refusal.NOT_FOUND,
        Refusal.NOT_READABLE,
    }
)


class Unreadable(InputError):
    """One recording cannot become a transcript, for the reason that `code` names (one of `Refusal`).

    `trace` says where an `internal_error` happened.
    """

    def __init__(
        self, code: str, what: str, *, why: str = "", tries: tuple[str, ...] = (), trace: Trace | None = None
    ) -> None:
        super().__init__(what, why=why, tries=tries)
        self.code = Refusal(code)
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions cross process boundaries by their positional arguments only.
        again = partial(Unreadable, self.code, self.what, why=self.why, tries=self.tries, trace=self.trace)
        return again, ()


class LockedError(CallauditError):
    """Another process holds the warehouse's writing lock; `holder` says which, as far as it is known."""

    exit_code = 6

    def __init__(self, what: str, *, why: str = "", tries: tuple[str, ...] = (), holder: str = "") -> None:
        super().__init__(what, why=why, tries=tries)
        self.holder = holder


def broke_down(name: str, place: str, error: BaseException) -> Unreadable:
    """One call that a mistake of ours, of a library's or of the machine's stopped: an `internal_error`.

    What the error says is left out, as it may quote the call. Its trace is found in errors.log by the reference.
    """
    trace = trace_of(error)
    frames = traceback.extract_tb(error.__traceback__)
    at = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return Unreadable(
        "internal_error",
        f"{name}: callaudit broke down on it",
        why=f"{place}: {type(error).__name__}{at}; {trace.reference} in errors.log",
        tries=("callaudit transcribe FILE  (to see it happen)", "report it; the next run tries it again"),
        trace=trace,
    )


_FIRST_FRAMES, _LAST_FRAMES = 5, 25


def trace_of(error: BaseException) -> Trace:
    """Where an error was raised, and what caused it, never what an error says.

    The same mistake at the same place has the same reference, from wherever it is told.
    """
    told, places = [], []
    for one in _causes(error):
        frames = traceback.extract_tb(one.__traceback__)
        places.append(f"{type(one).__qualname__} {frames[-1].filename} {frames[-1].lineno}" if frames else "")
        left_out = len(frames) - _FIRST_FRAMES - _LAST_FRAMES
        lines = frames.format()
        if left_out > 0:
            first, last = frames[:_FIRST_FRAMES], frames[-_LAST_FRAMES:]
            middle = f"  ... {left_out} more\n"
            lines = [*traceback.format_list(first), middle, *traceback.format_list(last)]
        told.append(f"{''.join(lines)}{type(one).__module__}.{type(one).__qualname__}\n")
    reference = f"E-{sha256('; '.join(places).encode()).hexdigest()[:8]}"
    return Trace(reference, "was caused by\n".join(told))


def is_disk_full(error: BaseException | None) -> bool:
    """Whether a full disk, or a used-up share of it, is behind an error."""
    return any(isinstance(one, OSError) and one.errno in _FULL for one in _causes(error))


def can_heal(error: BaseException | None) -> bool:
    """Whether trying again may help: storage comes back, a lock is let go, a full disk is cleared.

    Storage that failed is an OSError, or an error of ours that was raised from one. A mistake in the settings stays
    one, also where it shows as a file that is not there.
    """
    if isinstance(error, SetupError):
        return is_disk_full(error)
    return any(isinstance(cause, OSError | LockedError) for cause in _causes(error))


_FULL = (errno.ENOSPC, errno.EDQUOT)


def disk_full(name: str, place: str, error: OSError) -> SetupError:
    """The disk took no more while a call was worked on: it concerns every call, so the run ends."""
    return SetupError(
        f"the disk is full: {error.filename or place}",
        why=f"{name}: {error.strerror}. What was finished is safe.",
        tries=("free some space", "then callaudit run  (it goes on where it stopped)"),
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
