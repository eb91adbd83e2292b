"""The weekly page, its other forms and the pages of calls, made from the published copy."""

from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from flows.access import for_readers
from flows.settings import Settings
from reports import Format, call_page
from reports.formats import write_formats
from reports.page import call_file_name, call_link, weekly_file_name
from reports.weekly.numbers import Weekly, weekly
from reports.weekly.readings import Readings, read
from transcription.errors import InputError
from warehouse.connect import Published, open_published


class ReportFiles(msgspec.Struct, frozen=True, kw_only=True):
    """Where the pages of one week are, and the other forms of the report beside them."""

    week: str
    weekly: Path
    call_pages: tuple[Path, ...]
    beside: tuple[Path, ...] = ()


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A week's report: the figures, and the files that show them."""

    readings: Readings
    page: Weekly
    files: ReportFiles


@for_readers
def make_report(settings: Settings, *, week: str, scorecard: str, formats: Collection[Format] = ()) -> Report:
    """The weekly page, the call pages it links to, and its other forms; without `formats` those of the settings.

    Raises InputError for a week without calls, SetupError where a form needs a library that is not here.
    """
    with open_published(settings.published) as published:
        chosen = choose_week(published, week, today=datetime.now(ZoneInfo(settings.site.timezone)).date())
        readings = read(published, week=chosen, scorecard=scorecard)
        page = weekly(readings)
        with_pages = _calls_with_pages(settings, published, readings, page)
        pages = tuple(render_call(settings, published, call_id) for call_id in with_pages)
    made = write_formats(
        readings,
        page,
        formats or settings.report.formats,
        out=settings.reports / weekly_file_name(chosen),
        url=settings.report.url,
        with_pages=frozenset(with_pages),
    )
    files = ReportFiles(week=chosen, weekly=made[0], call_pages=pages, beside=made[1:])
    return Report(readings=readings, page=page, files=files)


@for_readers
def render_call(settings: Settings, published: Published, call_id: str) -> Path:
    """One call's page, with its playable copy where there is one."""
    rows = published.rows("select sha256 from calls where call_id = ?", [call_id])
    if not rows:
        raise InputError(f"no call is called “{call_id}”", tries=("callaudit calls list",))
    audio = settings.audio / f"{(rows[0]['sha256'] or '')[:40]}.webm"
    out = settings.reports / "calls" / call_file_name(call_id)
    return call_page.render(published, call_id, out=out, audio=audio if audio.exists() else None)


def choose_week(published: Published, week: str, *, today: date) -> str:
    """The ISO week that is meant; raises InputError naming the weeks there are."""
    known = [r["iso_week"] for r in published.rows("select iso_week from weeks where calls > 0 order by iso_week")]
    if week == "newest":
        chosen = known[-1] if known else ""
    elif week == "last":
        year, number, _ = (today - timedelta(days=7)).isocalendar()
        chosen = f"{year}-W{number:02}"
    else:
        chosen = week
    if chosen not in known:
        raise InputError(
            f"there are no dated calls in week {chosen or week}",
            why=f"Weeks with calls: {', '.join(known[-6:])}." if known else "No dated call has been audited yet.",
            tries=(f"callaudit report --week {known[-1]}",) if known else ("callaudit run",),
        )
    return str(chosen)


def _calls_with_pages(settings: Settings, published: Published, readings: Readings, page: Weekly) -> list[str]:
    """The week's calls as the settings ask for, and every call that the weekly page leads to."""
    rows = published.rows(
        "select call_id, iso_week = $week and ($all or tense) as wanted from calls "
        "where list_contains($weeks, iso_week) order by call_id",
        {"week": readings.week, "weeks": list(readings.weeks), "all": settings.report.call_pages == "all"},
    )
    linked = set(_links(msgspec.to_builtins(page)))
    return [r["call_id"] for r in rows if r["wanted"] or call_link(r["call_id"]) in linked]


def _links(shown: object) -> Iterator[str]:
    """The addresses of calls in whatever a page is made of, without the second in the call."""
    if isinstance(shown, str) and shown.startswith("calls/"):
        yield shown.partition("#")[0]
    elif isinstance(shown, dict):
        for value in shown.values():
            yield from _links(value)
    elif isinstance(shown, list | tuple):
        for value in shown:
            yield from _links(value)
