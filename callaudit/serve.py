"""`callaudit serve`: both schedules in one process, with a Prefect server of its own where none is set."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterNextScheduledStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.deployments.runner import RunnerDeployment
from prefect.flows import load_flow_from_entrypoint
from prefect.runner import Runner
from prefect.schedules import Cron
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.types.entrypoint import EntrypointType

from callaudit.console import out
from callaudit.flows.scheduling.deployments import FLOWS, SILENCE, server, take_away, watch_for_zombies
from callaudit.flows.scheduling.own_server import listens, started
from callaudit.flows.scheduling.schedule import Schedule, schedules
from callaudit.flows.settings import Settings
from callaudit.transcription.errors import SetupError


def serve(settings: Settings, *, port: int = 4200, quiet: bool = False) -> None:
    """Start the nightly and the weekly run when their time comes, until Ctrl-C or SIGTERM.

    A run that is under way then is stopped, and the next one goes on from what it finished. A time that passed while
    nothing was served is made up for once. Raises SetupError where nothing is scheduled or the server does not start.
    """
    asked = schedules(settings)
    if not asked:
        raise SetupError("no run is scheduled", tries=("callaudit schedule nightly --at 02:00",))
    with _some_server(port, quiet=quiet) as client:
        runner = Runner(
            name="callaudit-serve", pause_on_shutdown=False, limit=None, heartbeat_seconds=SILENCE.seconds / 3
        )
        for schedule in asked:
            served = cast("UUID", runner.add_deployment(_deployment(schedule)))
            leave_one_late_run(client, served)
        for name in FLOWS.keys() - {schedule.name for schedule in asked}:
            take_away(client, name)
        watch_for_zombies(client)
        asyncio.run(_until_stopped(runner, quiet=quiet))
    if not quiet:
        out.print("Stopped. Nothing starts by itself until callaudit serve is started again.")


async def _until_stopped(runner: Runner, *, quiet: bool) -> None:
    """Poll for runs until a signal comes; then stop those that are under way."""
    serving = asyncio.ensure_future(runner.start())
    await asyncio.sleep(0)  # It sets a handler of its own first, which forgets to wait for what it stops.
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
    if not quiet:
        out.print("Waiting; Ctrl-C stops.", markup=False)
    with suppress(asyncio.CancelledError):
        await serving


def _deployment(schedule: Schedule) -> RunnerDeployment:
    flow: Flow[..., Any] = load_flow_from_entrypoint(schedule.entrypoint)
    return cast(  # Outside of a coroutine it is no coroutine.
        "RunnerDeployment",
        flow.to_deployment(
            schedule.name,
            description=schedule.description,
            schedule=Cron(schedule.cron, timezone=schedule.zone, slug=schedule.name),
            parameters=schedule.parameters,
            entrypoint_type=EntrypointType.MODULE_PATH,
        ),
    )


@contextmanager
def _some_server(port: int, *, quiet: bool) -> Iterator[SyncPrefectClient]:
    """The server that PREFECT_API_URL names, or one of our own, for this machine only, while the block lasts."""
    if url := PREFECT_API_URL.value():
        if not quiet:
            out.print(f"Prefect server: {url}", markup=False)
        with server() as client:
            yield client
        return
    if listens(port):
        raise SetupError(
            f"something listens on port {port} already",
            tries=(
                f"export PREFECT_API_URL=http://127.0.0.1:{port}/api  (if it is your Prefect server)",
                f"callaudit serve --port {port + 1}",
            ),
        )
    if not quiet:
        out.print("starting a Prefect server for this machine ...", style="dim")
    command = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with started(command, port=port) as url:
        if not quiet:
            out.print(f"Prefect's page: http://127.0.0.1:{port}", markup=False)
        # The flows run in processes of their own.
        os.environ["PREFECT_API_URL"] = url
        with temporary_settings({PREFECT_API_URL: url}), server() as client:
            yield client


def leave_one_late_run(client: SyncPrefectClient, deployment: UUID) -> None:
    """Of the runs whose time passed while nothing was served keep the last: it finds all that the others would have."""
    late = client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])),
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
            next_scheduled_start_time=FlowRunFilterNextScheduledStartTime(before_=datetime.now(UTC)),  # type: ignore[arg-type]  # Prefect takes any datetime here.
        ),
        sort=FlowRunSort.NEXT_SCHEDULED_START_TIME_ASC,
        limit=200,
    )
    for run in late[:-1]:
        client.delete_flow_run(run.id)
