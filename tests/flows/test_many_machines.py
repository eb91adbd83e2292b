"""A night that many processes share, here or on other machines: the same findings, nothing lost, nothing twice."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from callaudit.flows.auditing.audit_run import AuditRun
from callaudit.flows.auditing.process_workers import ProcessWorkers
from callaudit.flows.settings import load_settings
from callaudit.flows.staging.shared_store import SharedStore
from callaudit.transcription.errors import SetupError
from callaudit.warehouse.published import open_published

pytestmark = pytest.mark.slow

AT = datetime(2026, 3, 9, 2, tzinfo=UTC)
CALLS = 24


@pytest.fixture
def many(installation):
    """Exports in batches of two: calls that are alike and not the same, each customer with two of them."""
    for n in range(CALLS):
        installation.say(
            f"T-{n:02}",
            "A: Thank you for calling, this is Ines.",
            f"C: This is ridiculous, I am very angry, that is call {n} and my card is 4111 1111 1111 1111.",
            f"A: I am so sorry about that, I will call you back in {n + 1} hours.",
            started_at=f"2026-03-0{1 + n % 7}T10:{n:02}:00-05:00",
            customer={"id": f"K-{n // 2}"},
            direction="outbound" if n % 3 == 0 else "inbound",
        )
    installation.settings.write_text(
        installation.settings.read_text(encoding="utf-8").replace("workers = 1", "calls_per_batch = 4\nworkers = 1"),
        encoding="utf-8",
    )
    return installation


def found_in(settings, tables=("calls", "findings", "utterances", "promises", "call_measures")):
    with open_published(settings.published) as published:
        return {
            name: published.rows(f"select * exclude (run_id) from core.{name} order by all")
            if name == "call_measures"
            else published.rows(f"select * from core.{name} order by all")
            for name in tables
        }


def apart(settings, home, **run):
    """The same installation with a home of its own."""
    return msgspec.structs.replace(
        settings,
        paths=msgspec.structs.replace(settings.paths, home=home),
        run=msgspec.structs.replace(settings.run, **run),
    )


def run_once(settings, *, in_workers=False, in_between=lambda run, number: None):
    with AuditRun(settings, started_at=AT) as run:
        for number, batch in enumerate(run.batches(run.find())):
            run.store(run.audit(batch, apart=in_workers), batch)
            in_between(run, number)
        run.settle_promises()
        run.finish()
    return found_in(settings)


def test_one_worker_two_workers_and_none_find_the_same_and_a_killed_worker_loses_nothing(many):
    settings = load_settings(many.settings)
    killed = []

    def kill(run, number):
        if number == 1:
            worker = next(iter(run.execution.beside._pool._processes))
            os.kill(worker, signal.SIGKILL)
            killed.append(worker)

    here = run_once(apart(settings, "here"))
    assert len(here["calls"]) == CALLS
    assert run_once(apart(settings, "two", workers=2), in_workers=True, in_between=kill) == here
    assert killed
    assert run_once(apart(settings, "one", workers=1), in_workers=True) == here


def test_the_call_that_kills_its_worker_is_refused_and_the_others_are_audited(many, monkeypatch):
    settings = load_settings(many.settings)
    submit = ProcessWorkers.submit

    def submit_and_die(self, batch):
        """Stands in for a system that ends a process for its memory."""
        submit(self, batch)
        if any(arrival.call.call_id == "T-05" for arrival in batch.arrivals):
            for process in list(self._pool._processes.values()):
                process.kill()

    monkeypatch.setattr(ProcessWorkers, "submit", submit_and_die)
    found = run_once(apart(settings, "dies", workers=1), in_workers=True)
    assert {row["call_id"] for row in found["calls"]} == {f"T-{n:02}" for n in range(CALLS)} - {"T-05"}
    with open_published(apart(settings, "dies").published) as published:
        assert published.rows("select code from not_audited") == [{"code": "failed_reading"}]


def test_workers_end_when_their_run_is_killed(many, tmp_path):
    pids = tmp_path / "pids"
    script = (
        "import os, sys, time\nfrom pathlib import Path\nfrom callaudit.flows.auditing.audit_run import AuditRun\n"
        "from callaudit.flows.settings import load_settings\n"
        "if __name__ == '__main__':\n"
        f"    with AuditRun(load_settings(Path({str(many.settings)!r}))) as run:\n"
        "        first, *_ = run.batches(run.find())\n"
        "        run.audit(first, apart=True)\n"
        f"        part = Path({str(pids)!r} + '.part')\n"
        "        part.write_text(' '.join(map(str, run.execution.beside._pool._processes)))\n"
        f"        part.replace({str(pids)!r})\n"
        "        time.sleep(600)\n"
    )
    file = tmp_path / "killed_run.py"
    file.write_text(script, encoding="utf-8")
    run = subprocess.Popen([sys.executable, str(file)], cwd=tmp_path)
    assert until(pids.exists, seconds=120)
    run.kill()
    run.wait()
    workers = [int(pid) for pid in pids.read_text().split()]
    assert workers
    assert until(lambda: not any(alive(pid) for pid in workers), seconds=20)


def test_two_machines_find_the_same_and_a_killed_worker_loses_and_doubles_nothing(many):
    distributed = pytest.importorskip("distributed", reason="needs the extra dask")
    settings = load_settings(many.settings)
    here = run_once(apart(settings, "here"))
    shared = many.root / "shared"
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:

        def kill(run, number):
            if number == 2:
                os.kill(cluster.workers[0].pid, signal.SIGKILL)

        there = apart(settings, "there", scheduler=cluster.scheduler_address, shared=str(shared))
        assert run_once(there, in_between=kill) == here
    assert list(shared.glob("*/*")) == []


def test_a_shared_place_that_is_not_set_is_told(many):
    pytest.importorskip("distributed", reason="needs the extra dask")
    with pytest.raises(SetupError, match="several machines need a shared place"):
        run_once(apart(load_settings(many.settings), "nowhere", scheduler="tcp://127.0.0.1:9"))


def test_what_several_machines_had_finished_when_a_run_was_cut_off_is_not_lost(tmp_path):
    shared = SharedStore(str(tmp_path / "shared"))
    (tmp_path / "home").mkdir()
    finished = tmp_path / "home" / f"{'a' * 40}-engine-hash.json"
    finished.write_bytes(b"{}")
    shared.upload(tmp_path / "home", {"a" * 40})
    finished.unlink()
    SharedStore(str(tmp_path / "shared")).download_all(transcripts=tmp_path / "home", audio=tmp_path / "audio")
    assert finished.read_bytes() == b"{}"
    assert list((tmp_path / "shared").glob("*/*")) == []


def until(happened, *, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not (done := happened()) and time.monotonic() < end:
        time.sleep(0.05)
    return bool(done)


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
