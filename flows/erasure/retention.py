"""What is older than the settings keep it: sound, then words, then whole calls."""

import secrets
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec

from callaudit.flows.auditing.transcription_pool import read_staged
from callaudit.flows.erasure.removal import (
    Outcome,
    Removal,
    affected_pages,
    begin,
    complete,
    gather,
    made_elsewhere,
    weeks_that_show,
)
from callaudit.flows.settings import Settings
from callaudit.warehouse.connect import Writer, open_writer
from callaudit.warehouse.erase import Aged, ages, refused_before, traces_of_calls
from callaudit.warehouse.published import newest_generation, open_published


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """The calls whose copy of the sound, whose words, and which altogether are past their age, by id.

    `staged` are transcripts as old as those words that were finished once and never loaded, `refused` the path and
    sha256 of files in quarantine as old as those calls.
    """

    audio: tuple[Aged, ...]
    words: tuple[Aged, ...]
    calls: tuple[Aged, ...]
    staged: tuple[Path, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.audio or self.words or self.calls or self.staged or self.refused)


class Retained(msgspec.Struct, frozen=True, kw_only=True):
    """What was past its age; `outcome` is None where nothing was changed."""

    due: Due
    outcome: Outcome | None


def retain(settings: Settings, *, today: date | None = None, dry_run: bool = False) -> Retained:
    """Take away what is past the age that `[retention]` keeps it for; `today` is the day in UTC that ages count to.

    A call that goes takes what is left of its words and sound with it. Raises LockedError while a run holds the
    warehouse, and as `flows.erasure.removal.begin` does.
    """
    if not dry_run:
        complete(settings)
    nothing = Retained(due=Due(audio=(), words=(), calls=()), outcome=None)
    kept = settings.retention
    if not (kept.audio_days or kept.transcripts_days or kept.findings_days) or not settings.warehouse.is_file():
        return nothing
    con = open_writer(settings.warehouse)
    try:
        if not dry_run:
            gather(settings)
        due = _due(settings, con, today or datetime.now(UTC).date())
        if dry_run or not due:
            return Retained(due=due, outcome=None)
        for staged in due.staged:
            staged.unlink(missing_ok=True)
        gone = traces_of_calls(con, [call.call_id for call in due.calls], due.refused)
        at = datetime.now(UTC)
        removal = Removal(
            erasure_id=f"E{at:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}",
            kind="retention",
            at=at,
            gone=gone,
            wordless=tuple(call.call_id for call in due.words),
            silent=tuple(call.sha256 for call in due.audio if call.sha256),
            made_elsewhere=(
                made_elsewhere(settings, [call.call_id for call in (*due.words, *due.calls)])
                if due.words or due.calls
                else ()
            ),
        )
        weeks = weeks_that_show({call.iso_week or "" for call in (*due.words, *due.calls)}, trends=False)
        if newest_generation(settings.published) is not None:
            with open_published(settings.published) as shown:
                removal = msgspec.structs.replace(removal, pages=affected_pages(settings, removal, shown, weeks))
        return Retained(due=due, outcome=begin(settings, removal, con))
    finally:
        con.close()


def _due(settings: Settings, con: Writer, today: date) -> Due:
    kept = settings.retention
    calls = ages(con)
    past = today - timedelta(days=kept.findings_days)
    copies = {path.stem for path in settings.audio.glob("*.webm")}
    whole = _older(calls, kept.findings_days, today)
    going = {call.call_id for call in whole}
    staying = [call for call in calls if call.call_id not in going]
    return Due(
        audio=tuple(c for c in _older(staying, kept.audio_days, today) if (c.sha256 or "")[:40] in copies),
        words=tuple(c for c in _older(staying, kept.transcripts_days, today) if c.has_words),
        calls=tuple(whole),
        refused=tuple((path, sha256) for path, sha256, _ in refused_before(con, past)) if kept.findings_days else (),
        staged=_staged(settings, kept.transcripts_days or kept.findings_days, today),
    )


def _staged(settings: Settings, days: int, today: date) -> tuple[Path, ...]:
    """Transcripts that wait to be loaded, by the day of the call, of undated ones by the day they were written."""
    if not days:
        return ()
    past = today - timedelta(days=days)
    return tuple(path for path in sorted(settings.staging.glob("*.json")) if _day_of(path) < past)


def _day_of(staged: Path) -> date:
    transcript = read_staged(staged)
    if transcript is not None and transcript.call.started_at is not None:
        return transcript.call.started_at.date()
    return datetime.fromtimestamp(staged.stat().st_mtime, UTC).date()


def _older(calls: Sequence[Aged], days: int, today: date) -> list[Aged]:
    if not days:
        return []
    return [call for call in calls if call.day < today - timedelta(days=days)]
