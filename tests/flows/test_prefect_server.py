"""Schedules on a real Prefect server with a real worker, as docs/scheduling.md has them started."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
import yaml
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Scheduled

from callaudit.flows.scheduling.deployments import deploy, server
from callaudit.flows.settings import load_settings
from callaudit.serve import leave_one_late_run
from callaudit.warehouse.published import open_published
from tests.support.installation import Installation

# A shared machine may be slow; an idle one needs a tenth of it.
PATIENCE = 240.0


def until(what: Callable[[], Any], *, of: "subprocess.Popen[str] | None" = None) -> Any:
    """Whatever it says as soon as that is something."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if of is not None and of.poll() is not None:
            pytest.fail(f"ended with {of.returncode} before its time")
        if found := what():
            return found
        time.sleep(0.3)
    pytest.fail("waited in vain")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(api: str) -> bool:
    try:
        return httpx.get(f"{api}/health").status_code == 200
    except httpx.TransportError:
        return False


def children(pid: int) -> list[int]:
    """The processes below one, all the way down (Linux)."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += [int(child), *children(int(child))]
    return found


def environment_of(pid: int) -> dict[str, str]:
    entries = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)


class Hooked(BaseHTTPRequestHandler):
    """A webhook's other end."""

    told: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.told.append({"header": self.headers["X-Callaudit"], **json.loads(body)})
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Nothing on the terminal."""


class Site:
    """An installation with a Prefect server, its schedules deployed on it, and a worker."""

    def __init__(self, root: Path, webhook: int) -> None:
        self.installation = Installation(root)
        self.root = root
        text = self.installation.settings.read_text(encoding="utf-8")
        alerts = f'[alerts]\nwebhook = "http://127.0.0.1:{webhook}/"\n[schedule]\nnightly = "02:30"\nweekly = ""\n'
        self.installation.settings.write_text(text + alerts, encoding="utf-8")
        port = free_port()
        self.api = f"http://127.0.0.1:{port}/api"
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "DO_NOT"))},
            "PREFECT_HOME": str(root / "prefect"),
            "PREFECT_API_URL": self.api,
            "CALLAUDIT_ALERTS__WEBHOOK_HEADER": "X-Callaudit: open sesame",
        }
        self.processes: list[subprocess.Popen[str]] = []
        self.server = self.start("prefect", "server", "start", "--port", str(port))
        until(lambda: answers(self.api), of=self.server)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "callaudit.cli", "-c", str(self.installation.settings), *arguments]
        log = (self.root / f"{arguments[1]}.log").open("w")
        started = subprocess.Popen(
            command, cwd=self.root, env=self.env, stdout=log, stderr=log, text=True, start_new_session=True
        )
        self.processes.append(started)
        return started

    def callaudit(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "callaudit.cli", "-c", str(self.installation.settings), *arguments]
        done = subprocess.run(command, cwd=self.root, env=self.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ask(self, path: str, **body: object) -> Any:
        answer = httpx.post(f"{self.api}/{path}", json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def run_now(self) -> str:
        """Ask for a nightly run at once; the run's id."""
        found = httpx.get(f"{self.api}/deployments/name/nightly-audit/nightly", timeout=60).json()
        return str(self.ask(f"deployments/{found['id']}/create_flow_run")["id"])

    def flow_run(self, run: str) -> dict[str, Any]:
        return dict(httpx.get(f"{self.api}/flow_runs/{run}", timeout=60).json())

    def wait_for(self, run: str, *states: str) -> dict[str, Any]:
        return until(lambda: (it := self.flow_run(run))["state_name"] in states and it)

    def artifacts(self, run: str) -> dict[str, Any]:
        found = self.ask("artifacts/filter", artifacts={"flow_run_id": {"any_": [run]}})
        return {one["key"] or one["type"]: one["data"] for one in found}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    webhook = HTTPServer(("127.0.0.1", 0), Hooked)
    threading.Thread(target=webhook.serve_forever, daemon=True).start()
    made = Site(tmp_path_factory.mktemp("site"), webhook.server_port)
    try:
        made.callaudit("schedule", "deploy")
        made.start("prefect", "worker", "start", "--pool", "callaudit")
        yield made
    finally:
        for one in reversed(made.processes):
            os.killpg(one.pid, signal.SIGTERM)
            one.wait(timeout=PATIENCE)
        webhook.shutdown()


@pytest.mark.slow
def test_what_prefect_yaml_says_is_on_the_server_once_however_often_it_is_deployed(site):
    with temporary_settings({PREFECT_API_URL: site.api}):
        again = deploy(load_settings(site.installation.settings))
    assert again == [
        "nightly-audit/nightly: every night at 02:30, America/New_York."
    ]  # The pool and the rule were there.

    (deployment,) = site.ask("deployments/filter")
    (ours,) = yaml.safe_load((site.root / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    (schedule,) = deployment["schedules"]
    assert deployment["work_pool_name"] == "callaudit"
    assert deployment["parameters"] == ours["parameters"]
    assert schedule["schedule"]["cron"] == "30 2 * * *"
    assert schedule["schedule"]["timezone"] == "America/New_York"
    (rule,) = site.ask("automations/filter")
    assert rule["trigger"]["posture"] == "Proactive"
    assert rule["trigger"]["within"] == 90
    assert rule["actions"][0]["state"] == "CRASHED"


@pytest.mark.slow
def test_nothing_is_told_to_anybody_outside(site):
    """Prefect would send statistics; each process we start is told not to, and the server says that it does not."""
    settings = httpx.get(f"{site.api}/admin/settings", timeout=60).json()
    assert settings["server"]["analytics_enabled"] is False
    assert settings["server"]["ui"]["v2_enabled"] is False
    for process in site.processes:
        for pid in (process.pid, *children(process.pid)):
            told = environment_of(pid)
            assert told["DO_NOT_TRACK"] == "1"
            assert told["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"


@pytest.mark.slow
def test_a_worker_runs_a_night_to_its_end_and_people_see_what_it_did(site):
    site.installation.say(
        "D-1",
        "A: Hello, this is Ines.",
        "C: This is the third time I call, I am fed up.",
        "A: I can see why you are fed up after three calls.",
        started_at="2026-03-05T10:15:00+00:00",
    )
    run = site.wait_for(site.run_now(), "Completed", "Failed", "Crashed")
    assert run["state_name"] == "Completed", (site.root / "prefect.log").read_text()

    with open_published(load_settings(site.installation.settings).published) as published:
        assert published.rows("select call_id from calls") == [{"call_id": "D-1"}]
        assert published.rows("select count(*) > 20 as many from findings") == [{"many": True}]
    # By the site's clock, New York's, and not the server's.
    assert run["name"].startswith("audit 2")
    assert run["expected_start_time"][11:13] != run["name"][-5:-3]
    shown = site.artifacts(run["id"])
    assert shown["progress"] == 100
    table = shown["nightly-audit"]
    for row in ("| audited | 1 of 1 |", "| quarantined | 0 |", "| failed, tried again next time | 0 |"):
        assert row in table
    for row in ("x real time", "| tense calls | ", "| critical misses | "):
        assert row in table
    assert run["state"]["data"] is None or "storage_key" not in run["state"]["data"]  # The result is not stored twice.


@pytest.mark.slow
def test_a_run_that_is_killed_is_marked_as_crashed_and_people_are_told(site):
    """It waits for the warehouse, which somebody holds, and is then killed as by kill -9 or for want of memory."""
    held = (
        "import sys, time; from pathlib import Path; from callaudit.warehouse.connect import open_writer;"
        "con = open_writer(Path(sys.argv[1])); print('held', flush=True); time.sleep(600)"
    )
    warehouse = load_settings(site.installation.settings).warehouse
    holder = subprocess.Popen([sys.executable, "-c", held, str(warehouse)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        Hooked.told.clear()
        run = site.run_now()
        until(lambda: _waits(site, run))
        engine = [pid for pid in children(site.processes[-1].pid) if environment_of(pid).get("PREFECT__FLOW_RUN_ID")]
        os.kill(engine[-1], signal.SIGKILL)
        crashed = site.wait_for(run, "Crashed", "Completed", "Failed")
    finally:
        holder.kill()
        holder.wait()
    assert crashed["state_name"] == "Crashed"
    (told,) = until(lambda: Hooked.told)
    assert told["event"] == "callaudit.run-failed"
    assert told["header"] == "open sesame"
    assert told["says"].endswith("ended before it was done.")


def _waits(site: Site, run: str) -> bool:
    tasks = site.ask("task_runs/filter", flow_runs={"id": {"any_": [run]}})
    return any(task["state_name"] == "AwaitingRetry" for task in tasks)


@pytest.mark.slow
def test_of_the_nights_that_passed_unserved_one_is_made_up_for(site):
    """What served a deployment was away for three nights: the last of them finds all that the others would have."""
    with temporary_settings({PREFECT_API_URL: site.api}), server() as client:
        flow = client.create_flow_from_name("nobody-runs-this")
        deployment = client.create_deployment(flow_id=flow, name="away")
        now = datetime.now(UTC)
        times = [now + timedelta(days=days) for days in (-3, -2, -1, 1)]
        for when in times:
            client.create_flow_run_from_deployment(deployment, state=Scheduled(scheduled_time=when))
        leave_one_late_run(client, deployment)
        left = client.read_flow_runs(deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])))
    assert sorted(run.expected_start_time.date() for run in left) == [when.date() for when in times[-2:]]


@pytest.mark.slow
def test_serve_needs_no_server_and_stops_at_ctrl_c_with_everything_it_started(installation):
    installation.settings.write_text(
        installation.settings.read_text(encoding="utf-8") + '[schedule]\nnightly = "02:30"\n', encoding="utf-8"
    )
    port = free_port()
    served = installation.start("serve", "--port", str(port), stderr=subprocess.STDOUT)
    try:
        lines = []
        for line in served.stdout:
            lines.append(line)
            if "Waiting" in line:
                break
        text = "".join(lines)
        assert "every night at 02:30, America/New_York" in text
        assert f"http://127.0.0.1:{port}" in text
        found = httpx.post(f"http://127.0.0.1:{port}/api/deployments/filter", json={}, timeout=60).json()
        assert {one["name"] for one in found} == {"nightly", "weekly"}
        assert len(httpx.post(f"http://127.0.0.1:{port}/api/automations/filter", json={}, timeout=60).json()) == 1
        below = children(served.pid)
        os.killpg(served.pid, signal.SIGINT)
        rest, _ = served.communicate(timeout=PATIENCE)
    finally:
        if served.poll() is None:
            os.killpg(served.pid, signal.SIGKILL)
    assert served.returncode == 0, rest
    assert "Traceback" not in rest
    assert "Stopped. Nothing starts by itself" in rest
    assert below
    until(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in below))
