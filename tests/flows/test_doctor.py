"""What `callaudit doctor` sees: everything in order, everything wrong, a run at work."""

import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink

from callaudit.cli.run_history import past_runs, run_facts
from callaudit.doctor import check_mail, check_schedule, check_warehouse, examine
from callaudit.flows.erasure.erase import erase_now
from callaudit.flows.settings import load_settings
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.runs import Run, record_run

pytestmark = pytest.mark.slow


@pytest.fixture
def smtp_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    controller = Controller(Sink(), hostname="127.0.0.1", port=port, ready_timeout=60)
    controller.start()
    yield port
    controller.stop()


@pytest.fixture
def prefect_answers():
    """A server that answers as Prefect does when it is asked for a deployment; `told` is what, by path."""
    told = {}

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            found = told.get(self.path)
            self.send_response(404 if found is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(found or {}).encode())

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Answers)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/api", told
    server.shutdown()


def mailing(installation, port, *, to="d@e.f"):
    with installation.settings.open("a") as file:
        file.write(f'[mail]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\nfrom = "a@b.c"\nto = ["{to}"]\n')


def files_of(installation):
    return {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in installation.root.rglob("*") if p.is_file()}


def test_an_installation_in_order_has_nothing_to_try_and_is_left_as_it_is(installation, smtp_port):
    installation.say("T-1", "C: Hello", "A: Hello", started_at="2026-03-03T10:15:00-05:00")
    installation.run(at=datetime.now(UTC))
    mailing(installation, smtp_port)
    with installation.settings.open("a") as file:
        file.write('[schedule]\nnightly = ""\n')
    before = files_of(installation)
    checks = {check.name: check for check in examine(installation.settings)}
    assert files_of(installation) == before
    # The only model here is the one for demonstrations, and doctor does not hide that.
    assert {name for name, check in checks.items() if check.state != "ok"} == {"engine"}
    assert "1 calls" in checks["warehouse"].says
    assert "1 of 1 audited" in checks["last run"].says
    assert "2026-03-03" in checks["published copy"].says
    assert "America/New_York" in checks["time zone"].says
    assert "answers" in checks["mail"].says


def test_everything_that_is_wrong_is_said_at_once_with_what_to_try(installation, monkeypatch):
    installation.run(at=datetime(2026, 3, 9, 2, tzinfo=UTC))
    home = installation.root / "callaudit-home"
    (home / "warehouse.duckdb").chmod(0o644)
    (home / "published" / "audit.duckdb").unlink()
    for copy in (home / "published" / "generations").iterdir():
        copy.unlink()
    installation.inbox.rmdir()
    rules = installation.root / "rules"
    rules.mkdir()
    (rules / "apology.yaml").write_text("- id: apology.given\n  asks: x\n")
    with installation.settings.open("a") as file:
        file.write('[mail]\nhost = "127.0.0.1"\nport = 1\nsecurity = "none"\n')
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    done = installation.callaudit("doctor", "--json", check=3)
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    wrong = {name: check["state"] for name, check in checks.items() if check["state"] != "ok"}
    assert wrong == {
        "rules": "FAIL", "recordings": "FAIL", "engine": "warn", "last run": "warn", "published copy": "warn",
        "access": "warn", "mail": "FAIL", "schedule": "warn",
    }  # fmt: skip
    assert [name for name, check in checks.items() if check["state"] != "ok" and not check["tries"]] == []
    assert "days ago" in checks["last run"]["says"]
    assert "warehouse.duckdb" in checks["access"]["says"]


@pytest.mark.parametrize("is_installed", [True, False])
def test_a_faster_engine_that_is_not_installed_is_said(installation, monkeypatch, is_installed):
    pytest.importorskip("whisper", reason="the package whisper is not installed")
    pytest.importorskip("faster_whisper", reason="the package faster_whisper is not installed")
    monkeypatch.setenv("CALLAUDIT_ENGINE__NAME", "whisper")
    if not is_installed:
        monkeypatch.setitem(sys.modules, "faster_whisper", None)
    checks = {check.name: check for check in examine(installation.settings)}
    assert ("speed" in checks) == (not is_installed)
    if not is_installed:
        assert "call-audit[faster-whisper]" in checks["speed"].tries[0]


def test_a_mail_server_that_does_not_answer_now_is_a_warning(installation):
    mailing(installation, 1)
    check = check_mail(load_settings(installation.settings))
    assert (check.state, "refused" in check.says) == ("warn", True)


def test_a_schedule_is_alive_when_its_server_knows_it_and_somebody_waits_to_run_it(installation, prefect_answers):
    url, told = prefect_answers
    settings = load_settings(installation.settings)
    where = "/api/deployments/name/nightly-audit/nightly"
    seen = [check_schedule(settings, url="http://127.0.0.1:1/api")]
    for answer in (None, {"paused": True, "status": "READY"}, {"paused": False, "status": "NOT_READY"}):
        told[where] = answer
        seen.append(check_schedule(settings, url=url))
    assert [check.state for check in seen] == ["warn"] * 4
    for check, says in zip(
        seen, ("no Prefect server answers", "does not know it", "paused", "no process"), strict=True
    ):
        assert says in check.says
        assert check.tries
    told[where] = {"paused": False, "status": "READY"}
    alive = check_schedule(settings, url=url)
    assert alive.state == "ok"
    assert "every night at 02:00 (America/New_York), in " in alive.says


def test_without_a_schedule_nothing_is_asked(installation):
    with installation.settings.open("a") as file:
        file.write('[schedule]\nnightly = ""\n')
    assert check_schedule(load_settings(installation.settings), url="http://127.0.0.1:1/api").state == "ok"


def test_who_holds_the_warehouse_is_said_with_since_when(installation):
    warehouse = installation.root / "callaudit-home" / "warehouse.duckdb"
    open_writer(warehouse).close()
    code = f"import duckdb, sys; c = duckdb.connect({str(warehouse)!r}); print(flush=True); sys.stdin.read()"
    # Called as a run would be; what follows the command's name might be a customer's id and is not told.
    called = [sys.executable, "-c", code, "callaudit.cli", "-c", "x.toml", "erase", "--customer", "K-77"]
    with subprocess.Popen(called, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        check = next(check_warehouse(load_settings(installation.settings)))
        holder.stdin.close()
    assert check.state == "warn"
    assert f"process {holder.pid} (callaudit erase, since " in check.says
    assert "K-77" not in check.says


# ---------- runs


def test_a_run_that_never_told_its_end_has_died_and_the_next_run_writes_that_down(installation):
    warehouse = installation.root / "callaudit-home" / "warehouse.duckdb"
    con = open_writer(warehouse)
    began = datetime(2026, 3, 9, 2, tzinfo=UTC)
    record_run(con, Run(run_id="R20260309-020000", kind="nightly", state="running", started_at=began, found=7))
    con.close()
    found, zone = past_runs(installation.settings)
    assert [(one.run.state, one.run.found, one.run.ended_at) for one in found.runs] == [("died", 7, None)]
    assert "power cut" in run_facts(found.runs[0], zone)["outcome"]

    (installation.inbox / "lost.wav").write_text("not a sound")
    os.utime(installation.inbox / "lost.wav", (1_700_000_000, 1_700_000_000))
    installation.run(at=datetime(2026, 3, 10, 2, tzinfo=UTC))
    with open_writer(warehouse) as con:
        states = con.execute("select state from core.runs order by started_at").fetchall()
        assert states == [("died",), ("finished",)]
        # While somebody holds the warehouse, the published copy tells the same.
        shown = installation.callaudit("runs").stdout
    assert "died" in shown
    assert f"At work now: process {os.getpid()}" in shown
    newest, _ = past_runs(installation.settings)[0].runs
    assert newest.refused == {"metadata_missing": 1}


def test_an_unknown_run_is_answered_with_where_to_look(installation):
    done = installation.callaudit("runs", "show", "R1", check=4)
    assert "try: callaudit runs" in done.stderr
    assert json.loads(installation.callaudit("runs", "--json").stdout) == {"runs": [], "held_by": ""}


def poisoned(installation):
    """A warehouse in which an earlier version stored a null date."""
    for n in range(2):
        installation.say(f"T-{n}", "C: Hello", f"A: Hello {n}", started_at="2026-03-03T10:15:00-05:00")
    installation.run(at=datetime(2026, 3, 9, 2, tzinfo=UTC))
    con = open_writer(load_settings(installation.settings).warehouse)
    con.execute("update core.calls set started_at = timestamptz '0001-01-01 00:00:00+00' where call_id = 'T-1'")
    con.close()
    return load_settings(installation.settings)


def named(settings):
    return [check.says for check in check_warehouse(settings) if check.name == "stored calls"]


def test_a_stored_call_that_cannot_have_been_so_is_named_and_heard_again_by_the_next_run(installation):
    settings = poisoned(installation)
    assert named(settings) == ["left out of every figure: T-1 (its start lies before 1990)"]
    assert installation.run(at=datetime(2026, 3, 10, 2, tzinfo=UTC)).audited == 1
    assert named(settings) == []


def test_a_stored_call_that_cannot_have_been_so_can_be_erased(installation):
    settings = poisoned(installation)
    assert not erase_now(settings, call_id="T-1").rows_left
    assert named(settings) == []
