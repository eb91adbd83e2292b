"""What a call can be: the one gate for its start and its length, whatever brought it.

A date that no call has, or a length that no recorder keeps, is a mistake of whoever wrote it down: a null date, seconds
read as milliseconds, a clock that was never set. Such a call is refused with what was found. Stored, it would
stand in every later figure.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from callaudit.transcription.errors import Unreadable
from callaudit.transcription.transcript import Seconds, Transcript

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
"""Before it nobody kept digital recordings of calls; null dates (0001, 1900, 1970) lie there."""

AHEAD = timedelta(days=1)
"""A call may begin so long after now: clocks differ, and so do zones."""

LONGEST: Seconds = 8 * 3600.0
"""What lasts longer is no call, and would ask for more memory than there is."""


def check_start(started_at: datetime | None, *, place: str, now: datetime | None = None) -> None:
    """Raises `Unreadable` (`metadata_impossible`) for a start before `EARLIEST` or more than `AHEAD` after now.

    `place` says where the time was read; `now` is the clock's unless it is given. No start at all passes.
    """
    if started_at is None:
        return
    # Compared as numbers of seconds: years 1 and 9999 have no place in every zone.
    at = _seconds(started_at)
    now = now or datetime.now(UTC)
    if at < _seconds(EARLIEST):
        found = f"before {EARLIEST.year}"
    elif at > _seconds(now + AHEAD):
        found = f"more than a day after now ({now:%Y-%m-%d})"
    else:
        return
    raise Unreadable(
        "metadata_impossible",
        f"the call would have begun {found}: {started_at.isoformat(sep=' ')}",
        why=place,
        tries=(
            "correct started_at, or how its source writes times (started_format); the next run picks it up",
            "check this machine's clock if the time is right",
        ),
    )


def check_length(seconds: Iterable[Seconds | None], *, name: str, place: str) -> None:
    """Raises `Unreadable` (`too_long`) where one of these times from the start of a call lies beyond `LONGEST`."""
    # Written so that what is no number is beyond it too.
    beyond = [s for s in seconds if s is not None and not s <= LONGEST]
    if beyond:
        raise Unreadable(
            "too_long",
            f"{name}: {max(beyond) / 3600:,.0f} hours long; a call has at most {LONGEST / 3600:g}",
            why=place,
            tries=("export it again with times in seconds from the start", "cut it into its calls"),
        )


def check(transcript: Transcript, *, now: datetime | None = None) -> None:
    """The gate for a whole transcript: its start, its length, and every time in it. Raises `Unreadable`."""
    recording = transcript.recording
    place = recording.path if recording is not None else transcript.call.call_id
    check_start(transcript.call.started_at, place=place, now=now)
    check_length(_times(transcript), name=transcript.call.call_id, place=place)


def _times(transcript: Transcript) -> Iterable[Seconds | None]:
    if transcript.recording is not None:
        yield transcript.recording.duration
    for utterance in transcript.utterances:
        yield utterance.start
        yield utterance.end
        yield from (word.end for word in utterance.words)
    for spans in (*transcript.speech.values(), *transcript.music.values()):
        yield from (span.end for span in spans)


def _seconds(at: datetime) -> float:
    offset = at.utcoffset() or timedelta()
    return (at.replace(tzinfo=None) - datetime(1, 1, 1)).total_seconds() - offset.total_seconds()  # noqa: DTZ001  Without an offset on purpose.
