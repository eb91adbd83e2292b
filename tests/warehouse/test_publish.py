import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from callaudit.audit_rules.finding import Verdict
from callaudit.transcription.errors import LockedError, SetupError
from callaudit.warehouse import file_copy
from callaudit.warehouse import publish as publish_module
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.load import load
from callaudit.warehouse.materialise import COUNTED
from callaudit.warehouse.publish import publish
from callaudit.warehouse.published import newest_generation, open_published
from callaudit.warehouse.reviews import Review, add_reviews
from callaudit.warehouse.rulebooks import store_rulebook

COUNT = "select count(*) as n from calls"


@pytest.fixture
def publish_with(tmp_path, builders):
    """Publishes after adding one more call; returns how many calls there are."""
    path, folder = tmp_path / "w.duckdb", tmp_path / "published"

    def go(n, **options):
        con = open_writer(path)
        store_rulebook(con, builders.rulebook())
        load(con, [builders.audited(f"C{n}")], run_id="R")
        return publish(con, folder, **options)

    return go


def seen(folder):
    with open_published(folder) as published:
        return published.rows(COUNT)[0]["n"]


def test_a_reader_keeps_the_old_copy_until_it_closes(publish_with, tmp_path):
    folder = tmp_path / "published"
    publish_with(1)
    with open_published(folder) as reader:
        publish_with(2)
        assert reader.rows(COUNT) == [{"n": 1}]
        # The same process, while the old copy is still open.
        assert seen(folder) == 2
    assert seen(folder) == 2


def test_the_copy_cannot_be_written_and_the_last_ones_are_kept(publish_with, tmp_path):
    for n in range(5):
        path = publish_with(n, keep=2)
    assert path == tmp_path / "published" / "audit.duckdb"
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    kept = sorted(p.name for p in (tmp_path / "published" / "generations").iterdir())
    assert kept == ["audit-000004.duckdb", "audit-000005.duckdb"]
    assert seen(tmp_path / "published") == 5


def test_the_mode_can_be_chosen(publish_with):
    assert stat.S_IMODE(publish_with(1, mode=0o440).stat().st_mode) == 0o440


def test_a_disk_without_links_gets_a_copy(publish_with, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    publish_with(1)
    publish_with(2)
    assert seen(tmp_path / "published") == 2


def test_a_full_disk_leaves_the_former_copy(publish_with, tmp_path, monkeypatch):
    publish_with(1)

    def fill(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(file_copy.shutil, "copyfileobj", fill)
    with pytest.raises(SetupError, match="disk is full"):
        publish_with(2)
    assert seen(tmp_path / "published") == 1
    assert not list((tmp_path / "published").rglob("*.part"))


def test_a_writer_that_got_in_before_the_copy_stops_the_publication(tmp_path, builders, monkeypatch):
    path, folder = tmp_path / "w.duckdb", tmp_path / "published"
    con = open_writer(path)
    intruder = (
        "import sys, pathlib; from callaudit.warehouse.connect import open_writer;"
        "con = open_writer(pathlib.Path(sys.argv[1])); print('in', flush=True); sys.stdin.read()"
    )
    holders = []

    def intrude(*arguments, **options):
        holders.append(
            subprocess.Popen(
                [sys.executable, "-c", intruder, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        )
        assert holders[0].stdout.readline() == "in\n"
        return copy(*arguments, **options)

    copy = publish_module._copy
    monkeypatch.setattr(publish_module, "_copy", intrude)
    with pytest.raises(LockedError, match="before it could be published"):
        publish(con, folder)
    holders[0].communicate()
    assert not (folder / "audit.duckdb").exists()


def test_no_writer_gets_in_while_the_file_is_copied(publish_with, tmp_path, monkeypatch):
    real, tried = shutil.copyfileobj, []
    attempt = (
        "import sys, pathlib\n"
        "from callaudit.warehouse.connect import open_writer\n"
        "from callaudit.transcription.errors import LockedError\n"
        "try: open_writer(pathlib.Path(sys.argv[1]))\nexcept LockedError: print('refused')"
    )

    def copy(*arguments):
        done = subprocess.run(
            [sys.executable, "-c", attempt, str(tmp_path / "w.duckdb")], capture_output=True, text=True, check=True
        )
        tried.append(done.stdout)
        return real(*arguments)

    monkeypatch.setattr(file_copy.shutil, "copyfileobj", copy)
    publish_with(1)
    assert tried == ["refused\n"]


# Dies at the k-th of the steps that change the disk.
DIE = """
import os, pathlib, sys
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.publish import publish

path, folder, step = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
con = open_writer(path)
con.execute("insert into core.runs by name select 'R' || count(*) as run_id, 'nightly' as kind, 'finished' as state,"
            " now() as started_at, 0 as found, 0 as audited, 0 as quarantined, 0 as failed, 0 as already,"
            " 0 as duplicates, '' as message from core.runs")
done = 0

def dying(call):
    def instead(*arguments, **options):
        global done
        done += 1
        if done == step:
            os.kill(os.getpid(), 9)
        return call(*arguments, **options)
    return instead

for name in ("fchmod", "fsync", "replace", "link", "rename", "unlink"):
    setattr(os, name, dying(getattr(os, name)))
pathlib.Path.replace = lambda self, target: os.replace(self, target)
pathlib.Path.unlink = lambda self, missing_ok=False: os.unlink(self)
publish(con, folder)
"""


@pytest.mark.slow
def test_a_kill_at_any_step_leaves_the_old_copy_or_the_new_one(tmp_path):
    path, folder = tmp_path / "w.duckdb", tmp_path / "published"
    publish(open_writer(path), folder)
    former = 0
    for step in range(1, 20):
        done = subprocess.run([sys.executable, "-c", DIE, str(path), str(folder), str(step)], check=False)
        with open_published(folder) as published:
            runs = published.rows("select count(*) as n from runs")[0]["n"]
        assert former <= runs <= step
        con = open_writer(path)
        assert con.execute("select count(*) from runs").fetchone() == (step,)
        con.close()
        former = runs
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
    assert step > 6, "the steps were not reached"
    assert runs == step
    assert not list(folder.rglob("*.part"))


READ = """
import sys, pathlib
from callaudit.warehouse.published import open_published
with open_published(pathlib.Path(sys.argv[1])) as published:
    for _ in sys.stdin:
        print(published.rows("select count(*) as n, count(distinct reason) as r from findings")[0], flush=True)
"""


def test_a_reader_in_another_process_goes_on_when_its_copy_is_long_gone(publish_with, tmp_path):
    publish_with(0, keep=1)
    with subprocess.Popen(
        [sys.executable, "-c", READ, str(tmp_path / "published")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:

        def ask():
            reader.stdin.write("?\n")
            reader.stdin.flush()
            return reader.stdout.readline()

        first = ask()
        assert "'n': 1" in first
        for n in range(1, 4):
            publish_with(n, keep=1)
            assert ask() == first
        reader.stdin.close()
    assert seen(tmp_path / "published") == 4


def test_what_is_counted_in_the_copy_is_what_the_views_say(tmp_path, builders):
    con = open_writer(tmp_path / "w.duckdb")
    store_rulebook(con, builders.rulebook())
    verdicts = ("met", "missed", "not_applicable", "not_assessable")
    load(
        con,
        [
            builders.audited(
                f"C{n}",
                {"apology.given": verdicts[n % 4], "ownership.avoids_blame": verdicts[n % 3]},
                started_at=builders.monday + timedelta(days=n),
                agent_id=f"a{n % 3}",
            )
            for n in range(30)
        ],
        run_id="R",
    )
    views = (*COUNTED, "call_steps", "findings")
    said = {view: con.execute(f"from {view} order by all").fetchall() for view in views}
    columns = "select table_name, column_name, data_type, comment from duckdb_columns() where schema_name = 'main'"
    described = con.execute(f"{columns} order by all").fetchall()
    publish(con, tmp_path / "published")
    with open_published(tmp_path / "published") as copy:
        for view in views:
            assert copy.connection.execute(f"from {view} order by all").fetchall() == said[view], view
        assert copy.connection.execute(f"{columns} order by all").fetchall() == described
        assert copy.rows("select count(*) as n from counted.rows_of_call_scorecards") == [{"n": 30}]
    assert not list((tmp_path / "published").rglob("*.part*"))


@pytest.fixture(scope="module")
def twelve_weeks(tmp_path_factory, builders):
    """Twelve calls, one a week, published."""
    home = tmp_path_factory.mktemp("weeks")
    con = open_writer(home / "w.duckdb")
    store_rulebook(con, builders.rulebook())
    load(con, [weekly_call(builders, n) for n in range(12)], run_id="R1")
    publish(con, home / "published")
    return home


@pytest.fixture
def a_year(tmp_path, twelve_weeks):
    """A copy of those twelve weeks to change."""
    return Path(shutil.copytree(twelve_weeks, tmp_path / "a_year"))


def weekly_call(builders, n, verdict="met", **more):
    started = builders.monday + timedelta(weeks=n) if n is not None else None
    return builders.audited(
        more.pop("call_id", f"C{n}"),
        {"apology.given": verdict},
        **{"started_at": started, "agent_id": f"a{(n or 0) % 2}"} | more,
    )


def published_again(home):
    """What the next copy says, and what it says when the former one is not there to take anything from."""
    con = open_writer(home / "w.duckdb")
    said = {view: con.execute(f"from {view} order by all").fetchall() for view in COUNTED}
    publish(con, home / "published")
    with open_published(home / "published") as copy:
        return {v: copy.connection.execute(f"from {v} order by all").fetchall() for v in COUNTED}, said


def load_one(con, builders, call, run_id="R2"):
    load(con, [call], run_id=run_id)


CHANGES = {
    "nothing": lambda _, __: None,
    "a call more": lambda con, b: load_one(con, b, weekly_call(b, 3, call_id="new")),
    "a call in a new week": lambda con, b: load_one(con, b, weekly_call(b, 12)),
    "an undated call": lambda con, b: load_one(con, b, weekly_call(b, None)),
    "another verdict of the same run": lambda con, b: load_one(con, b, weekly_call(b, 5, "missed"), "R1"),
    "mended metadata": lambda con, b: load_one(con, b, weekly_call(b, 5, agent_id="a9")),
    "a call that moves to another week": lambda con, b: load_one(
        con, b, weekly_call(b, 5, started_at=b.monday + timedelta(weeks=7))
    ),
    "a person's verdict": lambda con, b: add_reviews(con, [review_of(b, "C5")]),
    "an erased call": lambda con, _: erase(con, ["C5"]),
    "another rulebook": lambda con, b: store_rulebook(con, b.rulebook("v2", critical=())),
}


def review_of(builders, call_id):
    return Review(
        review_id="1", call_id=call_id, rule_id="apology.given", verdict=Verdict.MISSED, reviewer="Eva",
        reviewed_at=builders.monday,
    )  # fmt: skip


def erase(con, call_ids):
    for table in ("calls", "call_measures", "findings", "transcripts", "recordings"):
        con.execute(f"delete from core.{table} where call_id in ?", [call_ids])


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_is_taken_over_from_the_former_copy_is_what_the_views_say(a_year, builders, change):
    con = open_writer(a_year / "w.duckdb")
    change(con, builders)
    con.close()
    counted, said = published_again(a_year)
    assert counted == said


def test_only_the_weeks_that_changed_are_counted_again(a_year, builders):
    former = newest_generation(a_year / "published")
    former.chmod(0o600)
    with duckdb.connect(former) as con:
        # Not true, so that it shows where it is taken from.
        con.execute("update counted.rows_of_steps_by_week set calls = 77")
        con.execute("update counted.rows_of_agent_step_month set calls = 77")
    con = open_writer(a_year / "w.duckdb")
    load_one(con, builders, weekly_call(builders, 5, "missed"))
    con.close()
    counted, _ = published_again(a_year)
    with open_published(a_year / "published") as copy:
        week = "select week_start, bool_and(calls = 77) as former from {} group by all order by all"
        month = [row["former"] for row in copy.rows(week.format("agent_step_month"))]
        single = [row["former"] for row in copy.rows(week.format("steps_by_week"))]
    assert single == [n != 5 for n in range(12)]
    assert month == [n not in {5, 6, 7, 8} for n in range(12)]
    assert len(counted["call_scorecards"]) == 12


def test_a_former_copy_that_cannot_be_read_is_not_needed(a_year):
    former = newest_generation(a_year / "published")
    former.chmod(0o600)
    former.write_bytes(b"no database at all")
    counted, said = published_again(a_year)
    assert counted == said
