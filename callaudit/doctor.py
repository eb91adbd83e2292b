"""Checks everything that a run, its reports and its schedule need, without changing anything."""

import platform
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import httpx
import msgspec

from callaudit.audit_rules.authoring.examples import run_examples
from callaudit.audit_rules.authoring.lint import advice
from callaudit.audit_rules.rulebook import load_rulebook
from callaudit.flows.auditing.transcription_pool import choose_engine
from callaudit.flows.mailing.smtp import greet
from callaudit.flows.scheduling.own_server import named_server
from callaudit.flows.settings import MailSettings, Settings, load_settings, mail_password
from callaudit.reports.formats.pdf import write_pdf
from callaudit.reports.mail import draw
from callaudit.transcription.errors import CallauditError, LockedError
from callaudit.transcription.inbox import preview
from callaudit.transcription.inbox.roster import read_roster
from callaudit.warehouse.history import condition, history
from callaudit.warehouse.published import open_published
from callaudit.warehouse.runs import Run

_LEAST_FREE = 2 << 30
_LATE = timedelta(days=2)
_SHOWN = 3


class Check(msgspec.Struct, frozen=True):
    """One thing looked at; `tries` are the next steps where it is not in order."""

    state: Literal["ok", "warn", "FAIL"]
    name: str
    says: str
    tries: tuple[str, ...] = ()


def examine(config: Path | None) -> Iterator[Check]:
    """Every check in order; a failed one never stops the ones after it."""
    yield Check("ok", "Python", platform.python_version())
    try:
        settings = load_settings(config)
    except CallauditError as error:
        yield _failed("settings", error)
        return
    where = str(settings.file or "no callaudit.toml here: the defaults")
    yield Check("ok" if settings.file else "warn", "settings", where, () if settings.file else ("callaudit init",))
    yield _time_zone(settings)
    yield _rules(settings)
    yield from _roster(settings)
    yield from _sources(settings)
    yield from _engine(settings)
    yield from check_warehouse(settings)
    yield _published(settings)
    yield from _readable_by_others(settings)
    yield _disk(settings)
    yield from _forms(settings)
    yield check_mail(settings)
    yield check_schedule(settings, url=_server_url())


def _time_zone(settings: Settings) -> Check:
    zone = settings.site.timezone
    return Check("ok", "time zone", f"{zone}, where it is {datetime.now(ZoneInfo(zone)):%H:%M} (site.timezone)")


def _rules(settings: Settings) -> Check:
    try:
        rulebook = load_rulebook(*settings.rule_folders, recogniser=settings.run.acts)
        rulebook.scorecard(settings.report.scorecard)
    except CallauditError as error:
        return _failed("rules", error)
    outcomes = list(run_examples(rulebook))
    failed = sorted({o.rule_id for o in outcomes if not o.passed})
    if failed:
        return Check("FAIL", "rules", f"examples of {_listed(failed)} do not pass", ("callaudit rules test",))
    says = f"{len(rulebook.rules)} rules, all {len(outcomes)} examples pass"
    if settings.rule_folders:
        shipped = load_rulebook(recogniser=False)
        own = {r.id for r in rulebook.rules if r not in shipped.rules}
        others = {name for name, act in rulebook.acts.items() if act != shipped.acts.get(name)}
        warned = sorted({a.rule_id for a in advice(rulebook) if a.rule_id in own | others})
        says += f", {len(own)} of them yours" if own else ""
        if warned:
            return Check("warn", "rules", f"{says}; remarks on {_listed(warned)}", ("callaudit rules lint",))
    return Check("ok", "rules", says)


def _roster(settings: Settings) -> Iterator[Check]:
    if settings.roster is None:
        return
    try:
        roster = read_roster(settings.roster)
    except CallauditError as error:
        yield _failed("roster", error)
        return
    agents = {post.agent_id for post in roster.posts}
    strangers: set[str] = set()
    with suppress(CallauditError), open_published(settings.published) as published:
        rows = published.rows("select distinct agent_id from calls where agent_id is not null")
        strangers = {row["agent_id"] for row in rows} - agents
    says = f"{len(agents)} agents in {settings.roster}"
    if strangers:
        yield Check("warn", "roster", f"{says}; calls are by others too: {_listed(sorted(strangers))}", ("add them",))
    else:
        yield Check("ok", "roster", says)


def _sources(settings: Settings) -> Iterator[Check]:
    if not settings.sources:
        yield Check("warn", "recordings", "no [[sources]] set: name a folder on each run", ("callaudit init --show",))
    for source in settings.inbox_sources():
        try:
            seen = preview(source, show=0)
        except CallauditError as error:
            missing = isinstance(source.folder, Path) and not source.folder.exists()
            yield Check("FAIL", "recordings", error.what, (f"mkdir {source.folder}",) if missing else error.tries[:1])
        else:
            yield Check("ok", "recordings", f"{source.folder} ({source.name}): {seen.recordings} files")


def _engine(settings: Settings) -> Iterator[Check]:
    try:
        engine = choose_engine(settings.engine, fetch=False)
    except CallauditError as error:
        yield _failed("engine", error)
        return
    provenance = engine.provenance
    if provenance.notice:
        step = f"callaudit models fetch {settings.engine.model}"
        if find_spec("whisper") is None:
            step = 'pip install "call-audit[whisper]"  (or a folder of a converted model: docs/recognition.md)'
        yield Check("warn", "engine", f"{provenance.engine}: {provenance.notice}", (step,))
    else:
        yield Check("ok", "engine", f"{provenance.engine} {provenance.model}")
    if provenance.engine == "whisper" and find_spec("faster_whisper") is None:
        says = "faster-whisper, which writes more words an hour on a CPU, is not installed (docs/recognition.md)"
        yield Check("warn", "speed", says, ('pip install "call-audit[faster-whisper]"', 'then name = "faster-whisper"'))


def check_warehouse(settings: Settings) -> Iterator[Check]:
    """The writer's file, or who holds it, and the last run."""
    if not settings.warehouse.exists():
        yield Check("ok", "warehouse", f"{settings.warehouse} (made by the first run)")
        return
    try:
        found = condition(settings.warehouse)
    except LockedError as error:
        # A run at work is in order; one that should have ended long ago shows by its beginning.
        step = "let it finish; if it hangs, end it: the next run goes on where it stopped"
        yield Check("warn", "warehouse", f"{settings.warehouse} is held by {error.holder}", (step,))
    except CallauditError as error:
        yield _failed("warehouse", error)
        return
    else:
        pending = f"; the next run applies {', '.join(found.pending)}" if found.pending else ""
        size = f"{found.bytes / 1e6:,.0f} MB"
        yield Check("ok", "warehouse", f"{settings.warehouse}, {found.calls:,} calls, {size}, not locked{pending}")
        if found.impossible:
            wrong = _listed([f"{call_id} ({reason})" for call_id, reason in found.impossible.items()])
            steps = ("callaudit run  (looks at their recordings again)", "callaudit erase --call ID")
            yield Check("warn", "stored calls", f"left out of every figure: {wrong}", steps)
    yield _last_run(settings)


def _last_run(settings: Settings) -> Check:
    try:
        past = history(settings.warehouse, settings.published)
    except CallauditError as error:
        return _failed("last run", error)
    nightly = [one.run for one in past.runs if one.run.kind == "nightly"]
    if not nightly:
        return Check("ok", "last run", "none is known yet")
    last = nightly[0]
    says = f"{last.run_id} {outcome(last)}"
    age = datetime.now(UTC) - last.started_at
    if last.state == "finished":
        if age > _LATE:
            return Check("warn", "last run", f"{says}; {age.days} days ago", ("callaudit run",))
        return Check("ok", "last run", says)
    return Check("warn", "last run", says, ("callaudit run  (it goes on where that one stopped)",))


def outcome(run: Run) -> str:
    """What became of a run, in half a sentence."""
    done = f"{run.audited:,} of {run.found:,} audited" + (f", {run.quarantined:,} refused" if run.quarantined else "")
    if run.state == "finished":
        return f"finished: {done}"
    if run.state == "failed":
        return f"failed: {run.message or 'without a word'}"
    return "died: it never told its end; what it had stored is safe"


def _published(settings: Settings) -> Check:
    try:
        with open_published(settings.published) as published:
            (row,) = published.rows("select count(*) as calls, max(local_date) as newest from calls")
    except CallauditError as error:
        return Check("warn", "published copy", error.what, ("callaudit run",))
    return Check("ok", "published copy", f"{row['calls']:,} calls, the newest of {row['newest'] or 'an unknown day'}")


def _readable_by_others(settings: Settings) -> Iterator[Check]:
    """Files of the home that more people may read than the settings say; those of an earlier callaudit, mostly."""
    allowed = {settings.published: settings.access.published_mode}
    loose = []
    for path in sorted(settings.home.rglob("*")) if settings.home.is_dir() else ():
        mode = path.lstat().st_mode
        allowance = next((m for folder, m in allowed.items() if folder in path.parents), 0o600)
        if stat.S_ISREG(mode) and mode & 0o077 & ~allowance:
            loose.append(path)
    if loose:
        names = _listed([str(p.relative_to(settings.home)) for p in loose])
        step = f"chmod -R go= {settings.home}  (the next run opens what [access] names)"
        yield Check("warn", "access", f"others may read {names} in {settings.home}", (step,))


def _disk(settings: Settings) -> Check:
    folder = next(p for p in (settings.home, *settings.home.absolute().parents) if p.exists())
    free = shutil.disk_usage(folder).free
    # A run publishes a whole copy beside the former ones.
    size = settings.warehouse.stat().st_size if settings.warehouse.exists() else 0
    needed = max(_LEAST_FREE, 2 * size)
    says = f"{free / 1e9:.1f} GB free at {folder}, {needed / 1e9:.1f} GB needed"
    if free > needed:
        return Check("ok", "disk", says)
    return Check("FAIL", "disk", says, ("free some space", "callaudit retain --dry-run  (what is past its age)"))


def _forms(settings: Settings) -> Iterator[Check]:
    """What only some forms of the report need, where they are asked for."""
    if "pdf" in {*settings.report.formats, *(settings.mail.attach if settings.mail.host else ())}:
        try:
            with tempfile.TemporaryDirectory() as folder:
                page = Path(folder) / "page.html"
                page.write_text("<p>callaudit", encoding="utf-8")
                write_pdf(page, out=page.with_suffix(".pdf"))
        except CallauditError as error:
            yield _failed("PDF", error)
        else:
            yield Check("ok", "PDF", "a page was printed")
    if settings.mail.host:
        try:
            draw('<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"></svg>')
        except CallauditError as error:
            yield Check("warn", "mail's picture", f"{error.what}; the mail goes without it", error.tries[:1])
        else:
            yield Check("ok", "mail's picture", "can be drawn")


def check_mail(settings: Settings) -> Check:
    """Whether the mail server would take a mail; it is greeted and nothing is sent."""
    mail = settings.mail
    if not mail.host:
        return Check("warn", "mail", "no SMTP server set: callaudit mail will not work", ("set [mail] host, from, to",))
    if missing := [name for name, given in (("from", mail.sender), ("to", mail.to)) if not given]:
        return Check("FAIL", "mail", f"[mail] {' and '.join(missing)} not set", ("callaudit init --show",))
    try:
        trouble = greet(mail, mail_password(settings))
    except CallauditError as error:
        return _failed("mail", error)
    where = f"{mail.host}:{mail.port}"
    if trouble:
        return Check("warn", "mail", f"{where} cannot be reached now: {trouble}", ("check [mail] host and port",))
    return Check("ok", "mail", f"{where} {_greeted(mail)}; {len(mail.to)} recipients")


def _server_url() -> str:
    """Where a Prefect server is set, or where `callaudit serve` would start one."""
    return named_server() or "http://127.0.0.1:4200/api"


def check_schedule(settings: Settings, *, url: str) -> Check:
    """Whether somebody will start the nightly run: a Prefect server that knows it, and a process that asks for it."""
    at = settings.schedule.nightly
    if not at:
        return Check("ok", "schedule", "no nightly run is set ([schedule] nightly): it starts by hand or by cron")
    zone = settings.schedule.zone or settings.site.timezone
    set_so = f"every night at {at} ({zone})"
    by_cron = 'or let cron start callaudit run, and set [schedule] nightly = ""'
    try:
        answer = httpx.get(f"{url}/deployments/name/nightly-audit/nightly", timeout=5)
    except httpx.HTTPError:
        says = f"{set_so}, but nothing starts it: no Prefect server answers at {url}"
        return Check("warn", "schedule", says, ("callaudit serve", by_cron))
    if answer.status_code != httpx.codes.OK:
        says = f"{set_so}, but the Prefect server at {url} does not know it"
        return Check("warn", "schedule", says, ("callaudit serve", "or callaudit schedule deploy", by_cron))
    told = answer.json()
    if told["paused"]:
        return Check("warn", "schedule", f"{set_so}, but it is paused at {url}", ("resume it on Prefect's page",))
    if told["status"] != "READY":
        says = f"{set_so}, known at {url}, but no process there waits to run it"
        return Check("warn", "schedule", says, ("callaudit serve", f"or a worker of the pool {settings.schedule.pool}"))
    left = _until(at, zone, datetime.now(UTC))
    return Check("ok", "schedule", f"{set_so}, in {left}; {url} is ready to start it")


def _until(at: str, zone: str, now: datetime) -> str:
    """How long it is until the clock shows `at`: hours and minutes."""
    here = now.astimezone(ZoneInfo(zone))
    hour, minute = map(int, at.split(":"))
    coming = here.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if coming <= here:
        coming += timedelta(days=1)
    minutes = round((coming.astimezone(UTC) - now).total_seconds() / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def _greeted(mail: MailSettings) -> str:
    return f"lets {mail.user} in" if mail.user else "answers"


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"


def _failed(name: str, error: CallauditError) -> Check:
    return Check("FAIL", name, error.what, error.tries[:1])
