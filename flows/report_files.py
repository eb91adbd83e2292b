"""The weekly page, its other forms and the pages of calls, made from the published copy."""

import secrets
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from callaudit.flows.access import for_readers
from callaudit.flows.settings import Settings
from callaudit.reports import Format, call_page
from callaudit.reports.formats.all_formats import write_formats
from callaudit.reports.page import Brand, brand, call_file_name, complete, weekly_file_name, write_page
from callaudit.reports.places import make_places
from callaudit.reports.weekly.edition import Edition, choose_edition
from callaudit.reports.weekly.moments import all_calls
from callaudit.reports.weekly.page import Weekly, weekly
from callaudit.reports.weekly.pseudonyms import pseudonymised
from callaudit.reports.weekly.queries import Readings, read
from callaudit.transcription.errors import InputError, SetupError
from callaudit.warehouse.published import Published, open_published

_PAGE: tuple[Format, ...] = ("html",)


class Narrowed(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asks a report to be of, in their own words; `agent` is an id or a name."""

    team: str = ""
    queue: str = ""
    agent: str = ""
    pseudonyms: bool = False


EVERYBODY = Narrowed()
"""A report of all calls, with names."""


class ReportFiles(msgspec.Struct, frozen=True, kw_only=True):
    """Where the pages of one week are, and the other forms of the report beside them.

    `places` are the pages that lead to others: the list of calls, the teams', the agents', the index of all.
    """

    week: str
    weekly: Path
    call_pages: tuple[Path, ...]
    beside: tuple[Path, ...] = ()
    places: tuple[Path, ...] = ()


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A week's report: the figures, and the files that show them."""

    readings: Readings
    page: Weekly
    files: ReportFiles


@for_readers
def make_report(
    settings: Settings,
    *,
    week: str,
    scorecard: str,
    formats: Collection[Format] = (),
    narrowed: Narrowed = EVERYBODY,
) -> Report:
    """The weekly page, the pages it links to, and its other forms; without `formats` those of the settings.

    A report of everybody comes with a page of each team. The index and the agents' pages are made anew with every
    report, except under pseudonyms: those pages name people.

    Raises InputError for a week without calls and for a team, queue or agent that no call names, SetupError where a
    form needs a library that is not here.
    """
    with open_published(settings.published) as published:
        chosen = choose_week(published, week, today=datetime.now(ZoneInfo(settings.site.timezone)).date())
        edition = choose_edition(published, team=narrowed.team, queue=narrowed.queue, agent=narrowed.agent)
        readings = read(published, week=chosen, scorecard=scorecard, edition=edition)
        if narrowed.pseudonyms:
            readings = pseudonymised(readings, pseudonym_key(settings.pseudonym_key))
        rendered: set[str] = set()
        report = _write(settings, published, readings, formats or settings.report.formats, rendered)
        if narrowed.pseudonyms:
            return report
        places = list(report.files.places)
        if edition.is_whole:
            for team in sorted({call.team for call in readings.calls if call.team}):
                own = read(published, week=chosen, scorecard=scorecard, edition=Edition(team=team))
                of_team = _write(settings, published, own, _PAGE, rendered).files
                places += [of_team.weekly, *of_team.places]
        places += make_places(published, settings.reports, scorecard=scorecard, brand=brand_of(settings))
    return msgspec.structs.replace(report, files=msgspec.structs.replace(report.files, places=tuple(places)))


def remake_week(settings: Settings, published: Published, *, week: str, scorecard: str) -> Path:
    """The page of everybody's week once more, with its list of calls and the call pages it links to."""
    return _write(settings, published, read(published, week=week, scorecard=scorecard), _PAGE, set()).files.weekly


def remake_places(settings: Settings, published: Published) -> tuple[Path, ...]:
    """The index and the agents' pages once more."""
    return make_places(published, settings.reports, scorecard=settings.report.scorecard, brand=brand_of(settings))


def brand_of(settings: Settings) -> Brand:
    """The company's name and logo as the settings have them; raises SetupError for a logo that cannot be shown."""
    return brand(settings.report.company, settings.root / settings.report.logo if settings.report.logo else None)


def _write(
    settings: Settings, published: Published, readings: Readings, formats: Collection[Format], rendered: set[str]
) -> Report:
    """One edition of a week: its page, list of calls, other forms, and the call pages that are not `rendered` yet."""
    page, own = weekly(readings), brand_of(settings)
    linked = _calls_with_pages(settings, published, readings, page)
    pages = _render_calls(
        settings, published, [call for call in linked if call not in rendered], scorecard=readings.scorecard
    )
    rendered.update(linked)
    with_pages = frozenset(linked)
    made = write_formats(
        readings,
        page,
        formats,
        out=settings.reports / weekly_file_name(readings.week, readings.scorecard, readings.edition.suffix),
        url=settings.report.url,
        with_pages=with_pages,
        brand=own,
    )
    places: tuple[Path, ...] = ()
    if page.all_calls_href:
        out = settings.reports / page.all_calls_href
        places = (write_page(out, "weekly/calls.html.j2", brand=own, page=page, calls=all_calls(readings, with_pages)),)
    files = ReportFiles(week=readings.week, weekly=made[0], call_pages=pages, beside=made[1:], places=places)
    return Report(readings=readings, page=page, files=files)


@for_readers
def render_call(settings: Settings, published: Published, call_id: str) -> Path:
    """One call's page, with its playable copy where there is one."""
    return _render_calls(settings, published, [call_id], scorecard=settings.report.scorecard)[0]


def _render_calls(
    settings: Settings, published: Published, call_ids: Sequence[str], *, scorecard: str
) -> tuple[Path, ...]:
    rows = published.rows(
        "select call_id, sha256 from calls where call_id in (select unnest($calls))", {"calls": call_ids}
    )
    heard = {row["call_id"]: settings.audio / f"{(row['sha256'] or '')[:40]}.webm" for row in rows}
    for call_id in call_ids:
        if call_id not in heard:
            raise InputError(f"no call is called “{call_id}”", tries=("callaudit calls list",))
    pages = {
        call_id: (settings.reports / "calls" / call_file_name(call_id), audio if audio.exists() else None)
        for call_id, audio in ((call_id, heard[call_id]) for call_id in call_ids)
    }
    return call_page.render_calls(published, pages, scorecard=scorecard, brand=brand_of(settings))


def pseudonym_key(file: Path) -> bytes:
    """The key of the pseudonyms, made on first use and readable by its owner only: whoever has it can tell who is who.

    Raises SetupError where the file cannot be read or written, or holds no key.
    """
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            with complete(file, mode=0o600) as partial:
                partial.write_text(f"{secrets.token_hex(_KEY_BYTES)}\n", encoding="ascii")
        key = bytes.fromhex(file.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise SetupError(
            f"the key of the pseudonyms, {file}, cannot be used",
            why=f"{error.strerror if isinstance(error, OSError) else 'It is not a line of hexadecimal digits'}.",
            tries=("put back the file from a backup", f"remove {file}: the next report makes new pseudonyms"),
        ) from error
    if len(key) < _KEY_BYTES:
        raise SetupError(
            f"the key of the pseudonyms, {file}, is too short",
            why=f"It has {len(key)} bytes of {_KEY_BYTES}; a short one can be guessed.",
            tries=("put back the file from a backup", f"remove {file}: the next report makes new pseudonyms"),
        )
    return key


_KEY_BYTES = 32


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
    """The week's calls as the settings ask for, and every call that the weekly page leads to.

    None under pseudonyms, because a call's page names people.
    """
    if readings.edition.pseudonyms:
        return []
    narrowed, values = readings.edition.where("c")
    rows = published.rows(
        f"""
        select c.call_id, c.iso_week = $week and ($all or c.tense or c.upset = 'perhaps') as wanted from calls c
        where list_contains($weeks, c.iso_week) {narrowed} order by c.call_id
        """,  # noqa: S608  Words of ours.
        {
            "week": readings.week,
            "weeks": list(readings.weeks),
            "all": settings.report.call_pages == "all",
            **values,
        },
    )
    return [r["call_id"] for r in rows if r["wanted"] or r["call_id"] in page.linked_calls]
