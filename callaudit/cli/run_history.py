"""Past runs in words, with the times of the business's own zone."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from callaudit.flows.settings import load_settings
from callaudit.warehouse.history import History, PastRun, history


def past_runs(config: Path | None) -> tuple[History, ZoneInfo]:
    """The runs of the settings' warehouse, and the zone to show them in. Raises as `warehouse.history.history`."""
    settings = load_settings(config)
    return history(settings.warehouse, settings.published), ZoneInfo(settings.site.timezone)


def run_row(one: PastRun, zone: ZoneInfo) -> dict[str, object]:
    """A run in one line."""
    run = one.run
    return {
        "run": run.run_id,
        "kind": run.kind,
        "started": f"{run.started_at.astimezone(zone):%Y-%m-%d %H:%M %Z}",
        "took": _took(one),
        "outcome": run.state,
        "found": run.found,
        "audited": run.audited,
        "refused": run.quarantined,
        "message": run.message,
    }


def run_facts(one: PastRun, zone: ZoneInfo) -> dict[str, str]:
    """Everything known of a run, as a name and a text."""
    run = one.run
    died = "died: it ended without a word, as by a power cut; what it had stored is safe"
    facts = {
        "run": run.run_id,
        "kind": run.kind,
        "outcome": died if run.state == "died" else run.state,
        "message": run.message,
        "started": _time(run.started_at, zone),
        "ended": _time(run.ended_at, zone),
        "took": _took(one),
        "rulebook": run.rulebook_version or "",
        "found": f"{run.found:,}",
        "audited": f"{run.audited:,}",
        "refused": f"{run.quarantined:,}",
        **({"left for the next run": f"{run.failed:,}"} if run.failed else {}),
        "known before": f"{run.already:,}",
        "copies left out": f"{run.duplicates:,}",
        **{f"refused as {code}": f"{files:,}" for code, files in one.refused.items()},
    }
    return {name: text for name, text in facts.items() if text}


def _time(at: datetime | None, zone: ZoneInfo) -> str:
    return "" if at is None else f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"


def _took(one: PastRun) -> str:
    if one.run.ended_at is None:
        return ""
    seconds = round((one.run.ended_at - one.run.started_at).total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 3600 else f"{seconds // 3600} h {seconds % 3600 // 60} min"
