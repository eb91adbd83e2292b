"""Checks everything that a run needs, without changing anything."""

import platform
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import msgspec

from audit_rules.examples import run_examples
from audit_rules.rulebook import load_rulebook
from flows.recognition import choose_engine
from flows.settings import Settings, load_settings
from transcription.errors import CallauditError
from transcription.inbox import preview
from warehouse.connect import open_published, open_writer

_LEAST_FREE = 2 << 30


class Check(msgspec.Struct, frozen=True):
    """One thing looked at."""

    state: Literal["ok", "warn", "FAIL"]
    name: str
    says: str
    next_step: str = ""


def examine(config: Path | None) -> Iterator[Check]:
    """Every check in order; a failed one never stops the ones after it."""
    yield Check("ok", "Python", platform.python_version())
    try:
        settings = load_settings(config)
    except CallauditError as error:
        yield _failed("settings", error)
        return
    where = str(settings.file or "no callaudit.toml here: the defaults")
    yield Check("ok" if settings.file else "warn", "settings", where, "" if settings.file else "callaudit init")
    yield _rules(settings)
    yield from _sources(settings)
    yield _engine(settings)
    yield _warehouse(settings)
    yield _published(settings)
    yield _disk(settings)
    yield Check("ok", "time zone", f"{settings.site.timezone} (site.timezone)")


def _rules(settings: Settings) -> Check:
    try:
        rulebook = load_rulebook(*settings.rule_folders)
    except CallauditError as error:
        return _failed("rules", error)
    outcomes = list(run_examples(rulebook))
    failed = sorted({o.rule_id for o in outcomes if not o.passed})
    if failed:
        return Check("FAIL", "rules", f"examples of {', '.join(failed)} do not pass", "callaudit rules test")
    return Check("ok", "rules", f"{len(rulebook.rules)} rules, all {len(outcomes)} examples pass")


def _sources(settings: Settings) -> Iterator[Check]:
    if not settings.sources:
        yield Check("warn", "recordings", "no [[sources]] set: name a folder on each run", "callaudit init --show")
    for source in settings.inbox_sources():
        try:
            seen = preview(source, show=0)
        except CallauditError as error:
            step = f"mkdir {source.folder}" if isinstance(source.folder, Path) and not source.folder.exists() else ""
            yield Check("FAIL", "recordings", error.what, step or (error.tries[0] if error.tries else ""))
        else:
            yield Check("ok", "recordings", f"{source.folder} ({source.name}): {seen.recordings} files")


def _engine(settings: Settings) -> Check:
    try:
        engine = choose_engine(settings.engine, fetch=False)
    except CallauditError as error:
        return _failed("engine", error)
    provenance = engine.provenance
    if provenance.notice:
        step = f"callaudit models fetch {settings.engine.model}"
        if find_spec("whisper") is None:
            step = 'pip install "call-audit[whisper]"'
        return Check("warn", "engine", f"{provenance.engine}: {provenance.notice}", step)
    return Check("ok", "engine", f"{provenance.engine} {provenance.model}")


def _warehouse(settings: Settings) -> Check:
    if not settings.warehouse.exists():
        return Check("ok", "warehouse", f"{settings.warehouse} (made by the first run)")
    try:
        open_writer(settings.warehouse).close()
    except CallauditError as error:
        return _failed("warehouse", error)
    return Check("ok", "warehouse", f"{settings.warehouse}, not locked")


def _published(settings: Settings) -> Check:
    try:
        with open_published(settings.published) as published:
            (row,) = published.rows("select count(*) as calls, max(local_date) as newest from calls")
    except CallauditError as error:
        return Check("warn", "published copy", error.what, "callaudit run")
    return Check("ok", "published copy", f"{row['calls']} calls, the newest of {row['newest']}")


def _disk(settings: Settings) -> Check:
    folder = next(p for p in (settings.home, *settings.home.absolute().parents) if p.exists())
    free = shutil.disk_usage(folder).free
    says = f"{free / 1e9:.1f} GB free at {folder}"
    return Check("ok", "disk", says) if free > _LEAST_FREE else Check("FAIL", "disk", says, "free some space")


def _failed(name: str, error: CallauditError) -> Check:
    return Check("FAIL", name, error.what, error.tries[0] if error.tries else "")
