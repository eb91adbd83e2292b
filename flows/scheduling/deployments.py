"""The schedules as a Prefect server knows them: work pool, deployments, and the rule that finds runs that died."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from prefect.automations import (
    AutomationCore,
    ChangeFlowRunState,
    EventTrigger,
    Posture,
    ResourceSpecification,
)
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL
from prefect.workers.process import ProcessWorker

from callaudit import ENVIRONMENT
from callaudit.flows.scheduling.schedule import PREFECT_FILE, schedules
from callaudit.flows.settings import Settings
from callaudit.transcription.errors import CallauditError, SetupError

ZOMBIES = "callaudit: a run without a pulse has crashed"
SILENCE = timedelta(seconds=90)
"""So long may a run be silent: three of its heart beats. Then its machine is gone."""

FLOWS = {"nightly": "nightly-audit", "weekly": "weekly-report"}
"""The flow of each schedule, by Prefect's name."""


def deploy(settings: Settings) -> list[str]:
    """Hand the deployments of prefect.yaml to the Prefect server, with all they need there; says what was done.

    What is there already is brought up to date, what is no longer scheduled is taken away. Raises SetupError where no
    server is set or it does not answer, CallauditError with Prefect's own words where it refuses.
    """
    said = []
    with server() as client:
        try:
            client.read_work_pool(settings.schedule.pool)
        except ObjectNotFound:
            client.create_work_pool(_work_pool(settings.schedule.pool))
            said.append(f"Made the work pool {settings.schedule.pool}.")
        asked = schedules(settings)
        if asked:
            _prefect_deploy(settings, [schedule.name for schedule in asked])
        said += [f"{schedule.flow}/{schedule.name}: {schedule.words}, {schedule.zone}." for schedule in asked]
        for name in FLOWS.keys() - {schedule.name for schedule in asked}:
            if take_away(client, name):
                said.append(f"{FLOWS[name]}/{name} is not scheduled any more.")
        if watch_for_zombies(client):
            said.append(f"A run that is silent for {SILENCE.seconds} seconds will be marked as crashed.")
    return said


@contextmanager
def server() -> Iterator[SyncPrefectClient]:
    """A client of the Prefect server that is set. Raises SetupError where none is, or it does not answer."""
    url = PREFECT_API_URL.value()
    if not url:
        raise SetupError(
            "no Prefect server is set",
            tries=("callaudit prefect server start", "export PREFECT_API_URL=http://127.0.0.1:4200/api"),
        )
    with get_client(sync_client=True) as client:
        if problem := client.api_healthcheck():
            raise SetupError(
                f"the Prefect server at {url} does not answer",
                why=f"{type(problem).__name__}.",
                tries=("callaudit prefect server start", "check PREFECT_API_URL"),
            )
        yield client


def _prefect_deploy(settings: Settings, names: list[str]) -> None:
    asked = [part for name in names for part in ("--name", name)]
    file = settings.root.resolve() / PREFECT_FILE
    done = subprocess.run(  # noqa: S603  Words of our own, and no shell.
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--prefect-file", str(file), *asked],
        cwd=settings.root,
        env={**ENVIRONMENT, **os.environ, "PREFECT_API_URL": PREFECT_API_URL.value() or "", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CallauditError(
            "Prefect did not take the deployments", why=(done.stderr + done.stdout).strip(), tries=(f"check {file}",)
        )


def _work_pool(name: str) -> WorkPoolCreate:
    template = ProcessWorker.get_default_base_job_template()
    return WorkPoolCreate(name=name, type="process", base_job_template=template)


def take_away(client: SyncPrefectClient, name: str) -> bool:
    """Delete the deployment of a schedule, with the runs that were still to come; whether there was one."""
    try:
        found = client.read_deployment_by_name(f"{FLOWS[name]}/{name}")
    except ObjectNotFound:
        return False
    client.delete_deployment(found.id)
    return True


def watch_for_zombies(client: SyncPrefectClient) -> bool:
    """Have the server mark our runs as crashed that neither beat nor end for `SILENCE`; whether that was new to it.

    A worker marks what it sees die. When the machine goes, nobody is left to see it.
    """
    wanted = AutomationCore(
        name=ZOMBIES,
        description="Made by callaudit. A run sends a heart beat every 30 seconds; see docs/scheduling.md.",
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat"},
            expect={
                "prefect.flow-run.heartbeat",
                *(f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")),
            },
            match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
            match_related=ResourceSpecification(
                {"prefect.resource.role": "flow", "prefect.resource.name": sorted(FLOWS.values())}
            ),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=SILENCE,
        ),
        actions=[
            ChangeFlowRunState(
                name="Crashed",
                state=StateType.CRASHED,
                force=False,
                message=f"No sign of life for {SILENCE.seconds} s: its machine or process is gone.",
            )
        ],
    )
    present = client.read_automations_by_name(ZOMBIES)
    for extra in present[1:]:
        client.delete_automation(extra.id)
    if not present:
        client.create_automation(wanted)
        return True
    # Whoever has switched it off meant it.
    client.update_automation(present[0].id, wanted.model_copy(update={"enabled": present[0].enabled}))
    return False
