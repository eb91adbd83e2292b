"""When the nightly audit and the weekly report start by themselves: the times, and the files that hold them.

`callaudit.toml` is where the times are; `prefect.yaml` beside it repeats them for `prefect deploy`.
"""

import asyncio
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import tomlkit
from prefect.server.schemas.schedules import CronSchedule
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from callaudit import ENVIRONMENT, HEART_BEAT
from callaudit.flows.access import write_whole
from callaudit.flows.settings import Settings, settings_of
from callaudit.transcription.errors import InputError, SetupError

PREFECT_FILE = "prefect.yaml"
ENTRYPOINTS = {
    "nightly": "callaudit.flows.nightly_audit.nightly_audit",
    "weekly": "callaudit.flows.weekly_report.weekly_report",
}
"""Where Prefect finds the flow of each schedule."""

_HEAD = """\
`callaudit schedule` writes the deployments "nightly" and "weekly" here, with the times that callaudit.toml holds.
Whatever else is in this file stays."""
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """One flow that starts by itself. `entrypoint` is where Prefect finds it, `parameters` what it is started with."""

    name: str
    flow: str
    entrypoint: str
    description: str
    words: str
    cron: str
    zone: str
    parameters: dict[str, Any]


def schedules(settings: Settings) -> tuple[Schedule, ...]:
    """The runs that the settings ask for: the nightly audit, the weekly report, both or none.

    They are told the settings' file by its full path, for they may be started in another folder.
    """
    zone = settings.schedule.zone or settings.site.timezone
    config = {"config": str(settings.file.resolve())} if settings.file else {}
    asked = []
    if at := settings.schedule.nightly:
        asked.append(
            Schedule(
                name="nightly",
                flow="nightly-audit",
                entrypoint=ENTRYPOINTS["nightly"],
                description="Audit every recording that is not audited yet",
                words=f"every night at {at}",
                cron=_cron(at),
                zone=zone,
                parameters={**config, "wait_for_lock": True},
            )
        )
    if settings.schedule.weekly:
        weekday, at = settings.schedule.weekly.split()
        asked.append(
            Schedule(
                name="weekly",
                flow="weekly-report",
                entrypoint=ENTRYPOINTS["weekly"],
                description="Make the report of the last full week, and mail it where [mail] is set up",
                words=f"every {weekday.capitalize()} at {at}",
                cron=_cron(at, weekday),
                zone=zone,
                parameters={**config, "mail": True},
            )
        )
    return tuple(asked)


def _cron(at: str, weekday: str = "") -> str:
    hour, minute = at.split(":")
    return f"{int(minute)} {int(hour)} * * {weekday[:3] or '*'}"


def fire_times(schedule: Schedule, *, after: datetime, count: int = 5) -> list[datetime]:
    """The next `count` times it starts, in its own zone, as Prefect's scheduler computes them.

    A time that the clocks skip in spring moves by as much as they skip, one that they show twice in autumn counts once:
    there is one start a night.
    """
    cron = CronSchedule(cron=schedule.cron, timezone=schedule.zone)
    times = asyncio.run(cron.get_dates(count, after))
    zone = ZoneInfo(schedule.zone)
    return [datetime.fromtimestamp(time.timestamp(), zone) for time in times]


def set_times(settings: Settings, **times: str) -> Settings:
    """Write times into `[schedule]` of callaudit.toml and read it again; everything else in the file stays as it is.

    Raises SetupError where there is no file, or a time or zone is none; then nothing is written.
    """
    if settings.file is None:
        raise SetupError("there is no callaudit.toml to keep the schedule in", tries=("callaudit init",))
    document = tomlkit.parse(settings.file.read_text(encoding="utf-8"))
    table = document.setdefault("schedule", tomlkit.table())
    for key, value in times.items():
        # Set in place, so that the comment behind a value stays.
        table[key] = value
    text = tomlkit.dumps(document)
    changed = settings_of(text, settings.file)
    write_whole(settings.file, text)
    return changed


def checked_weekday(given: str) -> str:
    """The weekday's full name. Raises InputError for what begins none."""
    found = [day for day in _WEEKDAYS if len(given) >= 3 and day.startswith(given.lower())]
    if not found:
        raise InputError(f"“{given}” is no weekday", tries=("--on monday",))
    return found[0]


def write_prefect_yaml(settings: Settings) -> Path:
    """Put the deployments of the settings' schedules into prefect.yaml beside callaudit.toml.

    Deployments of other names, other keys and comments stay. Written twice it is the same. Raises SetupError where the
    file that is there is no prefect.yaml.
    """
    path = settings.root.resolve() / PREFECT_FILE
    yaml = YAML()
    yaml.width = 120
    try:
        document = yaml.load(path) if path.exists() else None
    except YAMLError as error:
        raise SetupError(f"{path} is not valid YAML", why=str(error), tries=("mend it, or move it away",)) from error
    if document is None:
        document = CommentedMap()
        document.yaml_set_start_comment(_HEAD)
    if isinstance(document, dict) and document.get("deployments") is None:
        document["deployments"] = []
    present = document.get("deployments") if isinstance(document, dict) else None
    if not isinstance(present, list):
        raise SetupError(f"{path} is no prefect.yaml", tries=("mend it, or move it away",))
    wanted = {schedule.name: _deployment(schedule, settings) for schedule in schedules(settings)}
    for number in reversed(range(len(present))):
        found = _ours(present[number])
        if found in wanted:
            _merge(present[number], wanted.pop(found))
        elif found:
            del present[number]
    present.extend(wanted.values())
    text = StringIO()
    yaml.dump(document, text)
    write_whole(path, text.getvalue())
    return path


def _ours(deployment: object) -> str:
    """Which of our schedules a deployment in prefect.yaml is; "" for somebody else's, also of a flow of ours."""
    if not isinstance(deployment, dict):
        return ""
    name = str(deployment.get("name"))
    return name if ENTRYPOINTS.get(name) == deployment.get("entrypoint") else ""


def _merge(old: dict[str, Any], new: dict[str, Any]) -> None:
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(old.get(key), dict):
            _merge(old[key], value)
        else:
            old[key] = value


def _deployment(schedule: Schedule, settings: Settings) -> dict[str, Any]:
    folder = str(settings.root.resolve())
    return {
        "name": schedule.name,
        "description": schedule.description,
        "entrypoint": schedule.entrypoint,
        "parameters": schedule.parameters,
        "schedules": [{"slug": schedule.name, "cron": schedule.cron, "timezone": schedule.zone, "active": True}],
        # The flows are installed with callaudit: nothing is pulled, the run only starts in the settings' folder.
        "pull": [{"prefect.deployments.steps.set_working_directory": {"directory": folder}}],
        "work_pool": {"name": settings.schedule.pool, "job_variables": {"env": ENVIRONMENT | HEART_BEAT}},
    }
