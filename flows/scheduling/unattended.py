"""What every flow does alike when nobody watches: its name, its second tries, and who hears when it fails."""

import atexit
import os
import sys
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from prefect import Flow
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.runtime import deployment
from prefect.runtime import flow_run as this_run
from prefect.tasks import exponential_backoff

from callaudit.flows.alerts import failure, tell
from callaudit.flows.settings import load_settings
from callaudit.transcription.errors import CallauditError, can_heal, is_disk_full

BACK_OFF: dict[str, Any] = {
    "retries": 4,
    "retry_delay_seconds": exponential_backoff(10),
    "retry_jitter_factor": 0.5,
    # Who sits before a run frees the disk sooner than it would be tried again.
    "retry_condition_fn": lambda task, run, state: (
        can_heal(error_of(state)) and (is_scheduled() or not is_disk_full(error_of(state)))
    ),
}
"""Second tries of a task after some 10, 20, 40 and 80 seconds, each a little later, for what may heal by itself."""


def error_of(state: State[Any]) -> BaseException | None:
    """The exception that ended a run in this process; None where there was none or it is not known here."""
    found = getattr(state, "data", None)
    found = getattr(found, "result", found)
    return found if isinstance(found, BaseException) else None


@atexit.register
def _without_last_words() -> None:
    """Prefect's threads keep DuckDB's module alive, whose binding reports every object of its own as leaked at the end.

    That would stand in the log of every scheduled run. All that is worth telling has been told by now.
    """
    sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def is_scheduled() -> bool:
    """Whether nobody sits before this run: it was started for a deployment."""
    return deployment.id is not None


def run_name(what: str) -> str:
    """“audit 2026-03-09 02:00”: when the run was to start, by the site's clock."""
    try:
        zone = ZoneInfo(load_settings(_config(this_run.parameters)).site.timezone)
    except CallauditError:
        zone = ZoneInfo("UTC")
    return f"{what} {this_run.scheduled_start_time.astimezone(zone):%Y-%m-%d %H:%M %Z}"


def tell_failure(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Tell people that a scheduled run failed or was killed; from the command line they see it themselves."""
    if flow_run.deployment_id is None:
        return
    try:
        settings = load_settings(_config(flow_run.parameters))
    except CallauditError:
        # Where the settings cannot be read nobody is known who could be told; Prefect shows the run as failed.
        return
    crashed = state.type is StateType.CRASHED
    tell(settings, failure(flow_run.name, None if crashed else error_of(state)))


def _config(parameters: dict[str, Any]) -> Path | None:
    return Path(parameters["config"]) if parameters.get("config") else None
