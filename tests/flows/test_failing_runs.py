"""Runs that fail say so everywhere, and can be tried again; nothing is left running and nothing is said twice."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import msgspec
import pytest

from callaudit.cli.run_history import past_runs
from callaudit.flows.auditing.audit_run import AuditRun
from callaudit.flows.auditing.ledger import said_of
from callaudit.flows.settings import load_settings
from callaudit.transcription.errors import LockedError, SetupError
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.published import open_published

AT = datetime(2026, 3, 9, 2, tzinfo=UTC)
HELLO = ("C: Hello", "A: Hello")
NOISE = ("leaked", "nanobind", "Traceback", "semaphore", "refleaks")


def ready_to_publish(installation):
    installation.say("T-1", *HELLO, started_at="2026-03-03T10:15:00-05:00")
    run = AuditRun(load_settings(installation.settings), started_at=AT)
    for batch in run.batches(run.find()):
        run.store(run.audit(batch), batch)
    return run


def last_run(installation):
    past, _ = past_runs(installation.settings)
    return past.runs[0].run


def test_publishing_that_failed_says_why_and_works_when_it_is_tried_again(installation):
    run = ready_to_publish(installation)
    in_the_way = run.settings.published
    in_the_way.write_text("no folder")
    with run:
        for _ in range(2):
            run.settle_promises()
            with pytest.raises(SetupError, match="nothing was published") as error:
                run.finish()
            assert str(in_the_way) in error.value.why
        in_the_way.unlink()
        run.settle_promises()
        assert run.finish().audited == 1
    assert last_run(installation).state == "finished"
    with open_published(in_the_way) as copy:
        assert copy.rows("select call_id from calls") == [{"call_id": "T-1"}]


def test_a_run_that_cannot_begin_lets_go_of_the_warehouse(installation):
    with ready_to_publish(installation) as run:
        run.finish()
    settings = load_settings(installation.settings)
    nowhere = msgspec.structs.replace(settings, site=msgspec.structs.replace(settings.site, timezone="No/Where"))

    with pytest.raises(duckdb.Error) as error:
        AuditRun(nowhere, started_at=AT)

    assert "No/Where" in str(error.value)
    # The error still holds the run that was not made; another process opens the warehouse all the same.
    code = "import sys; from pathlib import Path; from callaudit.warehouse.connect import open_writer; "
    code += "open_writer(Path(sys.argv[1])).close()"
    subprocess.run([sys.executable, "-c", code, str(settings.warehouse)], check=True)


def test_a_run_whose_publishing_failed_for_good_is_a_failed_run(installation):
    run = ready_to_publish(installation)
    run.settings.published.write_text("no folder")
    with pytest.raises(SetupError), run:
        run.finish()
    assert last_run(installation).state == "failed"
    assert last_run(installation).message.startswith("nothing was published")


def test_a_second_run_that_comes_between_is_named_instead(installation):
    run = ready_to_publish(installation)
    run.ledger.con.close()
    code = "import sys, time; from pathlib import Path; from callaudit.warehouse.connect import open_writer; "
    code += "con = open_writer(Path(sys.argv[1])); print('held', flush=True); time.sleep(600)"
    other = subprocess.Popen([sys.executable, "-c", code, run.settings.warehouse], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(LockedError) as error:
            run.finish()
        assert str(other.pid) in error.value.why
    finally:
        other.kill()
        other.wait()
    with run:
        assert run.finish().audited == 1


def test_a_run_with_a_failed_batch_is_written_down_as_failed(installation):
    installation.say("T-1", *HELLO, started_at="2026-03-03T10:15:00-05:00")
    with AuditRun(load_settings(installation.settings), started_at=AT) as run:
        (batch,) = run.batches(run.find())
        run.give_up(batch, KeyError("Jane Doe"))
        run.finish()
    last = last_run(installation)
    assert (last.state, last.failed) == ("failed", 1)
    assert last.message.partition("; ")[2].split()[0] in (run.settings.home / "errors.log").read_text()
    assert re.fullmatch(r"KeyError; E-[0-9a-f]{8} in errors\.log", last.message)


def test_an_error_of_ours_is_told_in_one_line():
    assert said_of(SetupError("no weights", why="looked in a,\nthen b")) == "no weights (looked in a, then b)"


BROKEN = """
import sys
from callaudit.flows.auditing.audit_run import AuditRun

def broken(run, audited, batch):
    raise RuntimeError("words of a call")

AuditRun.store = broken
from callaudit.cli import main
main()
"""


@pytest.mark.slow
def test_a_failed_batch_ends_the_command_prefect_and_the_history_alike(installation):
    installation.say("T-1", *HELLO, started_at="2026-03-03T10:15:00-05:00")
    done = subprocess.run(
        [sys.executable, "-c", BROKEN, "--config", installation.settings, "run"],
        cwd=installation.root, env=environment(installation), capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 70, done.stdout + done.stderr
    (said,) = done.stderr.splitlines()
    reference = re.search(r"callaudit broke down: RuntimeError: .* \((E-[0-9a-f]{8}) in (.*)\)", said)
    log = Path(reference[2]).read_text()
    assert reference[1] in log
    assert "in broken" in log
    assert "words of a call" not in log
    last = last_run(installation)
    assert (last.state, last.failed) == ("failed", 1)
    assert "RuntimeError" in last.message
    with sqlite3.connect(installation.root / "prefect" / "prefect.db") as prefect:
        assert prefect.execute("select state_type from flow_run").fetchall() == [("FAILED",)]


@pytest.mark.slow
def test_a_run_that_is_killed_leaves_no_server_and_says_nothing(installation, tmp_path):
    for n in range(3):
        installation.say(f"T-{n}", "C: Hello", f"A: Hello {n}", started_at="2026-03-03T10:15:00-05:00")
    with (tmp_path / "said").open("w") as said:
        run = subprocess.Popen(
            [sys.executable, "-m", "callaudit.cli", "--config", installation.settings, "run"],
            cwd=installation.root, env=environment(installation), stdout=said, stderr=said,
        )  # fmt: skip
        until(lambda: "publishing" in (tmp_path / "said").read_text() or run.poll() is not None)
        left = below(run.pid)
        assert left
        run.send_signal(signal.SIGKILL)
        run.wait()
    until(lambda: not any(map(is_running, left)))
    assert not any(word in (tmp_path / "said").read_text() for word in NOISE)
    con = open_writer(load_settings(installation.settings).warehouse)
    con.close()


def test_an_interpreter_that_knew_everything_ends_without_a_word():
    modules = ("flows.nightly_audit", "flows.weekly_report", "flows.reaudit", "doctor", "flows.review")
    everything = "import " + ", ".join(f"callaudit.{name}" for name in modules)
    done = subprocess.run([sys.executable, "-c", everything], capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_dead_prefect_server_is_told_in_one_sentence(installation):
    installation.say("K-1", "A: Hello.", "C: I am furious.", started_at="2026-03-09T09:00:00-04:00")
    done = subprocess.run(
        [sys.executable, "-m", "callaudit.cli", "--config", installation.settings, "run"],
        cwd=installation.root,
        env={**environment(installation), "PREFECT_API_URL": "http://127.0.0.1:9/api"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.startswith("Error: the Prefect server at http://127.0.0.1:9/api does not answer\n")
    assert not any(word in done.stderr for word in NOISE)


def environment(installation):
    return {**os.environ, "PREFECT_HOME": str(installation.root / "prefect"), "COLUMNS": "200"}


def until(what):
    end = time.monotonic() + 300
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.2)


def below(pid):
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *below(child)]
    return found


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
