"""A removal carried out to its end: warehouse, published copies, pages, sound, unfinished work.

What is to go is written down first (`removal.json`), so that a removal that was cut off is completed by the next
command that writes: run, erase, retain or reaudit.
"""

import html
import os
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from shutil import rmtree

import msgspec

from callaudit.flows.access import readable
from callaudit.flows.auditing.transcription_pool import read_staged
from callaudit.flows.erasure.file_search import file_names, review_forms
from callaudit.flows.report_files import remake_places, remake_week, render_call
from callaudit.flows.settings import Settings
from callaudit.flows.staging.shared_store import SharedStore
from callaudit.flows.telemetry.events import Busy, tell
from callaudit.flows.telemetry.json_log import forget_calls
from callaudit.reports.page import INDEX, call_file_name, weekly_file_name
from callaudit.reports.places import AGENTS
from callaudit.reports.weekly.queries import AGENT_WEEKS, WEEKS
from callaudit.reports.wording import iso_week, week_start
from callaudit.transcription.errors import SetupError
from callaudit.transcription.inbox import Fingerprints
from callaudit.transcription.transcript import Call
from callaudit.warehouse.connect import Writer, open_writer
from callaudit.warehouse.erase import Gone, Kind, erase, remove_words, rewrite
from callaudit.warehouse.publish import publish
from callaudit.warehouse.published import Published, newest_generation, open_published
from callaudit.warehouse.search import backups


class Page(msgspec.Struct, frozen=True):
    """A page that shows what goes: of a call, or of a week by a scorecard."""

    path: str
    call_id: str = ""
    week: str = ""
    scorecard: str = ""


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a removal has to do; `silent` are the sha256 whose audio copies go, `wordless` the calls.

    `shared` are names of `gone` that others bear too: a search for them afterwards would find those.
    """

    erasure_id: str
    kind: Kind
    at: datetime
    reason: str = ""
    gone: Gone = Gone()
    wordless: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    pages: tuple[Page, ...] = ()
    made_elsewhere: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()

    @property
    def reaches_the_warehouse(self) -> bool:
        """Whether rows go, and not only sound."""
        return bool(self.gone.calls or self.gone.recordings or self.gone.places or self.wordless)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the pages: made again without what went, or taken away; `again` are commands that make them."""

    made: tuple[str, ...]
    taken: tuple[str, ...]
    again: tuple[str, ...]


def begin(settings: Settings, removal: Removal, con: Writer) -> Outcome:
    """Write down what is to be done, then do it; the connection is closed.

    Raises SetupError where there is no room for the new file, LockedError where another program took the warehouse in
    between; what is left to do is then done by the next command that writes.
    """
    part = settings.removal.with_name(f"{settings.removal.name}.part")
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(msgspec.json.encode(removal))
            file.flush()
            os.fsync(file.fileno())
        part.replace(settings.removal)
    except OSError as error:
        con.close()
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise SetupError(
            "nothing was erased: what is to be done cannot be written down",
            why=f"{settings.removal}: {error.strerror}.",
            tries=("free some space", f"check that {settings.home} can be written"),
        ) from error
    return _carry_out(settings, removal, con)


def complete(settings: Settings) -> Removal | None:
    """Finish a removal that was cut off, and return it; None where there is none, which costs one look.

    Raises as `begin` does.
    """
    try:
        content = settings.removal.read_bytes()
    except FileNotFoundError:
        return None
    try:
        removal = msgspec.json.decode(content, type=Removal)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SetupError(
            f"{settings.removal} cannot be read, so an erasure cannot be completed",
            why=str(error),
            tries=("callaudit erase  again as before", f"then remove {settings.removal}"),
        ) from error
    tell(Busy(what="completing an erasure"))
    _carry_out(settings, removal, open_writer(settings.warehouse))
    return removal


def affected_pages(settings: Settings, removal: Removal, shown: Published | None, weeks: set[str]) -> tuple[Page, ...]:
    """The pages on disk that show what goes: the calls' own, those of the weeks, those that name it."""
    by_file = {}
    if shown is not None:
        rows = shown.rows("select call_id, sha256 from calls")
        by_file = {call_file_name(row["call_id"]): row for row in rows}
    own = {call_file_name(call_id) for call_id in (*removal.gone.calls, *removal.wordless)}
    silent = set(removal.silent)
    named = (*removal.gone.names, *(removal.gone.calls if removal.kind != "retention" else ()))
    found = []
    for path in sorted((settings.reports / "calls").glob("*.html")):
        row = by_file.get(path.name)
        if path.name in own or (row is not None and row["sha256"] in silent) or file_names(path, named):
            found.append(Page(path=str(path), call_id=row["call_id"] if row is not None else ""))
    for path in sorted(settings.reports.glob("weekly-*")):
        week = _WEEK.fullmatch(path.name)
        if week is not None and (week[1] in weeks or file_names(path, named)):
            found.append(Page(path=str(path), week=week[1], scorecard=_scorecard(path, settings)))
    if found or removal.reaches_the_warehouse:
        # They show figures and quotes of every week, and lead to the pages above.
        found += [
            Page(path=str(p))
            for p in (settings.reports / INDEX, *(settings.reports / AGENTS).glob("*.html"))
            if p.exists()
        ]
    return tuple(found)


def weeks_that_show(weeks: set[str], *, trends: bool) -> set[str]:
    """The weeks whose page quotes calls of those weeks; with `trends` also those whose trend reaches back to them."""
    dated = [week_start(week) for week in weeks if week]
    return {iso_week(day + timedelta(days=7 * n)) for day in dated for n in range(WEEKS if trends else AGENT_WEEKS)}


def gather(settings: Settings) -> None:
    """Bring home what several machines finished, where a removal looks for it, and forget what they did not finish.

    Only under the warehouse's lock, when no run is on. Raises SetupError where the shared place cannot be used.
    """
    if not settings.shared:
        return
    try:
        place = SharedStore(settings.shared)
        place.download_all(transcripts=settings.staging, audio=settings.audio)
        place.clear_unfinished()
    except OSError as error:
        raise SetupError(
            f"the shared place {settings.shared} cannot be cleared, so nothing was removed",
            why=str(error),
            tries=("check that it can be reached and written",),
        ) from error


def staged_calls(settings: Settings, wanted: Callable[[Call], bool]) -> Iterator[tuple[Path, str]]:
    """Unfinished transcripts of calls that are wanted: file and sha256."""
    for path in sorted(settings.staging.glob("*.json")):
        transcript = read_staged(path)
        if transcript is not None and transcript.recording is not None and wanted(transcript.call):
            yield path, transcript.recording.sha256


_WEEK = re.compile(r"weekly-(\d{4}-W\d\d)\b.*")
_CARD = re.compile(r'<meta name="callaudit-scorecard" content="([^"]*)">')


def _carry_out(settings: Settings, removal: Removal, con: Writer) -> Outcome:
    gone = removal.gone
    try:
        # Under the lock: no run makes new copies or pages of what goes.
        _remove_files(settings, removal)
        if gone.calls or gone.recordings or gone.places:
            erase(con, gone, erasure_id=removal.erasure_id, kind=removal.kind, reason=removal.reason, at=removal.at)
        if removal.wordless:
            remove_words(con, removal.wordless, on=removal.at.date())
        if removal.reaches_the_warehouse:
            tell(Busy(what="writing the warehouse anew"))
            rewrite(con)
            # Only the new copy stays: the older ones hold what went.
            mode = settings.access.published_mode
            publish(open_writer(settings.warehouse), settings.published, keep=1, mode=mode)
        con.close()
        outcome = _make_pages(settings, removal)
        settings.removal.unlink()
    except OSError as error:
        raise SetupError(
            "the erasure is not finished",
            why=f"{error.filename or settings.home}: {error.strerror}. What is left to do is written down.",
            tries=("free some space", "then callaudit run  (it completes what was begun)"),
        ) from error
    finally:
        con.close()
    return outcome


def _remove_files(settings: Settings, removal: Removal) -> None:
    for sha256 in {*removal.gone.recordings, *removal.silent}:
        for copy in settings.audio.glob(f"{sha256[:40]}*"):
            copy.unlink(missing_ok=True)
    for sha256 in removal.gone.recordings:
        for staged in settings.staging.glob(f"{sha256[:40]}-*"):
            staged.unlink(missing_ok=True)
    rmtree(settings.fetched, ignore_errors=True)
    if removal.reaches_the_warehouse:
        for left in (*backups(settings.warehouse), *_left_by_kills(settings)):
            _remove(left)
    for page in removal.pages:
        Path(page.path).unlink(missing_ok=True)
    for other in removal.made_elsewhere:
        _remove(Path(other))
    if removal.gone.recordings:
        fingerprints = Fingerprints(settings.fingerprints)
        for sha256 in removal.gone.recordings:
            fingerprints.forget(sha256)
        fingerprints.save()
    if settings.log is not None:
        forget_calls(settings.log, removal.gone.calls, removal.gone.recordings)


def _remove(path: Path) -> None:
    if path.is_dir():
        rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _left_by_kills(settings: Settings) -> Iterator[Path]:
    """What a command that was killed had half written, and what DuckDB had put aside when memory was short.

    A report that is being made at this moment loses its unfinished file too: it shows what is to go.
    """
    for folder, pattern in (
        (settings.home, "*.part"),
        (settings.home, ".export.*"),
        (settings.home, f"{settings.warehouse.name}.tmp"),
        (settings.staging, "*.part"),
        (settings.audio, "*.part*"),
        (settings.published, "**/*.tmp"),
        (settings.reports, "**/.*.partial"),
        (settings.root, ".review-*.part*"),
    ):
        yield from folder.glob(pattern)


def made_elsewhere(settings: Settings, ids: Collection[str] = ()) -> tuple[str, ...]:
    """What other commands made of all calls and can make again, and the forms for reviews that name one of the ids."""
    forms = (path for path in review_forms(settings) if file_names(path, ids))
    return tuple(str(path) for path in (*(p for p in _elsewhere(settings) if p.exists()), *forms))


def _elsewhere(settings: Settings) -> dict[Path, str]:
    return {settings.export: "callaudit export", settings.reports / "dictionary.html": "callaudit dictionary"}


def _make_pages(settings: Settings, removal: Removal) -> Outcome:
    """Every affected page once more, from what is left; a page that has nothing left to show stays away."""
    made: list[str] = []
    away: list[Page] = []
    commands = _elsewhere(settings)
    again = {
        commands.get(path, f"callaudit review sample --out {path.name}"): None
        for path in map(Path, removal.made_elsewhere)
    }
    if removal.pages and newest_generation(settings.published) is not None:
        tell(Busy(what="making the pages again"))
        mode = settings.access.reports_mode
        with open_published(settings.published) as published, readable(settings.reports, mode=mode):
            calls = {r["call_id"] for r in published.rows("select call_id from calls")}
            weeks = {r["iso_week"] for r in published.rows("select iso_week from weeks where calls > 0")}
            places = False
            for page in removal.pages:
                path = Path(page.path)
                if page.call_id in calls:
                    made.append(str(render_call(settings, published, page.call_id)))
                elif page.week in weeks and path.name == weekly_file_name(page.week, page.scorecard):
                    made.append(str(remake_week(settings, published, week=page.week, scorecard=page.scorecard)))
                elif not page.week and not page.call_id and path.parent.name != "calls":
                    places = True
                else:
                    away.append(page)
            if places:
                made.extend(map(str, remake_places(settings, published)))
            # The list of a week's calls came back with the week's page.
            made += [page.path for page in away if Path(page.path).exists()]
            away = [page for page in away if not Path(page.path).exists()]
            again |= {f"callaudit report --week {page.week}": None for page in away if page.week in weeks}
    taken = (*(page.path for page in away), *removal.made_elsewhere)
    return Outcome(made=tuple(made), taken=taken, again=tuple(again))


def _scorecard(path: Path, settings: Settings) -> str:
    """The frame that a weekly page was made in."""
    if path.suffix != ".html":
        return settings.report.scorecard
    with path.open(encoding="utf-8", errors="replace") as page:
        found = _CARD.search(page.read(4096))
    return html.unescape(found[1]) if found else settings.report.scorecard
