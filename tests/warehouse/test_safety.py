"""Kills and full disks: what was stored before is safe, what was under way is whole or absent."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.load import load
from callaudit.warehouse.publish import publish
from callaudit.warehouse.published import open_published
from callaudit.warehouse.rulebooks import store_rulebook

ROOT = Path(__file__).parents[2]
KILLS = ROOT / "benchmarks" / "kill_rounds.py"
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def kills():
    spec = importlib.util.spec_from_file_location("kill_rounds", KILLS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_every_call_whole_or_absent():
    done = subprocess.run(
        [sys.executable, str(KILLS), "2"], env=ENVIRONMENT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing lost, nothing halved" in done.stdout


@pytest.mark.parametrize(
    "harm",
    [
        "delete from core.findings where call_id = '0-3' and rule_id = 'rule1'",
        "delete from core.utterances where call_id = '0-3'",
        "update core.findings set named = ['6'] where call_id = '0-3' and rule_id = 'rule0'",
        "insert into core.calls from core.calls where call_id = '0-3'",
        "delete from core.calls where call_id = '0-3'",
        "update core.calls set agent_id = '6' where call_id = '0-3'",
        "insert into core.migrations values (1500, '1500_half.sql', '')",
    ],
)
def test_what_looks_at_the_remains_of_a_kill_sees_what_is_broken(tmp_path, kills, harm):
    con = open_writer(tmp_path / "w.duckdb")
    store_rulebook(con, SimpleNamespace(version="v1", rules=(), scorecards={}))
    load(con, [kills.audited(f"0-{n}", "7") for n in range(kills.CALLS)], run_id="R")
    kills._whole(con, "the warehouse")
    con.execute(harm)
    with pytest.raises(SystemExit, match="not whole"):
        kills._whole(con, "the warehouse")
    con.close()


# No file may grow beyond what the argument allows, as on a disk that is full.
FILL = """
import importlib.util, pathlib, resource, signal, sys
from callaudit.transcription.errors import SetupError
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.load import load
from callaudit.warehouse.publish import publish
spec = importlib.util.spec_from_file_location("kill_rounds", sys.argv[1])
kills = importlib.util.module_from_spec(spec)
spec.loader.exec_module(kills)
home, room = pathlib.Path(sys.argv[2]), int(sys.argv[3])
con = open_writer(home / "w.duckdb")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
try:
    for batch in range(1, 2000):
        load(con, [kills.audited(f"{batch}-{n}", str(batch)) for n in range(kills.CALLS)], run_id="R")
        print(batch, flush=True)
    publish(con, home / "published")
except SetupError as error:
    print("stopped:", error, flush=True)
"""


@pytest.mark.slow
def test_a_full_disk_stops_cleanly_with_everything_before_it_safe(tmp_path, kills):
    con = open_writer(tmp_path / "w.duckdb")
    store_rulebook(con, SimpleNamespace(version="v1", rules=(), scorecards={}))
    load(con, [kills.audited(f"0-{n}", "7") for n in range(kills.CALLS)], run_id="R")
    publish(con, tmp_path / "published")
    room = (tmp_path / "w.duckdb").stat().st_size + 300_000
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(KILLS), str(tmp_path), str(room)],
        env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    stored, _, why = done.stdout.partition("stopped: ")
    assert why.startswith("the warehouse cannot be written"), done.stdout + done.stderr
    stored = stored.split()
    with open_published(tmp_path / "published") as copy:
        assert copy.rows("select count(*) as n from calls") == [{"n": kills.CALLS}]
    con = open_writer(tmp_path / "w.duckdb")
    kills._whole(con, "the warehouse")
    batches = con.execute("select count(distinct split_part(call_id, '-', 1)) - 1 from core.calls").fetchone()[0]
    assert batches == len(stored) > 0
    load(con, [kills.audited(f"{len(stored) + 1}-{n}", "8") for n in range(kills.CALLS)], run_id="R")
    publish(con, tmp_path / "published")
    with open_published(tmp_path / "published") as copy:
        assert copy.rows("select count(*) as n from calls") == [{"n": kills.CALLS * (len(stored) + 2)}]
