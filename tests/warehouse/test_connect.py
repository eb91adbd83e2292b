import hashlib
import os
import re
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from callaudit.transcription.errors import InputError, LockedError, SetupError
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.load import load
from callaudit.warehouse.publish import publish
from callaudit.warehouse.published import Published, open_published
from callaudit.warehouse.schema import MIGRATIONS

HOLD = """
import sys, pathlib
from callaudit.warehouse.connect import open_writer
con = open_writer(pathlib.Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_writer_is_refused_and_told_who_holds_the_file(tmp_path):
    path = tmp_path / "w.duckdb"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LockedError, match="in use") as refusal:
            open_writer(path)
        assert f"process {holder.pid}" in refusal.value.why
        holder.stdin.close()
    open_writer(path).close()


def test_opening_again_changes_nothing(tmp_path):
    open_writer(tmp_path / "w.duckdb").close()
    before = (tmp_path / "w.duckdb").read_bytes()
    open_writer(tmp_path / "w.duckdb").close()
    assert (tmp_path / "w.duckdb").read_bytes() == before


def test_the_folder_of_a_new_warehouse_is_made(tmp_path):
    open_writer(tmp_path / "home" / "deep" / "w.duckdb").close()
    assert (tmp_path / "home" / "deep" / "w.duckdb").is_file()


def test_a_file_by_a_newer_program_is_refused(tmp_path):
    con = open_writer(tmp_path / "w.duckdb")
    con.execute("insert into core.migrations values (9999, '9999_future.sql', 'x')")
    con.close()
    with pytest.raises(SetupError, match="newer callaudit") as refusal:
        open_writer(tmp_path / "w.duckdb")
    assert "9999_future.sql" in refusal.value.why


def test_a_migration_changed_after_it_was_applied_is_refused(tmp_path):
    migrations = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, migrations)
    open_writer(tmp_path / "w.duckdb", migrations=migrations).close()
    first = migrations / "0001_core.sql"
    first.write_text(first.read_text() + "\n-- one more thought\n")
    with pytest.raises(SetupError, match="do not match") as refusal:
        open_writer(tmp_path / "w.duckdb", migrations=migrations)
    assert "0001_core.sql" in refusal.value.why


def test_line_ends_of_another_system_are_no_change(tmp_path):
    migrations = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, migrations)
    open_writer(tmp_path / "w.duckdb").close()
    first = migrations / "0001_core.sql"
    first.write_bytes(first.read_bytes().replace(b"\n", b"\r\n"))
    open_writer(tmp_path / "w.duckdb", migrations=migrations).close()


def test_a_migration_that_fails_leaves_nothing_of_itself(tmp_path):
    migrations = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, migrations)
    broken = migrations / "9998_broken.sql"
    broken.write_text("create table core.half (i integer);\nselect no_such_column;\n")
    with pytest.raises(SetupError, match=re.escape("9998_broken.sql")):
        open_writer(tmp_path / "w.duckdb", migrations=migrations)
    broken.unlink()
    con = open_writer(tmp_path / "w.duckdb", migrations=migrations)
    assert con.execute("select count(*) from duckdb_tables() where table_name = 'half'").fetchone() == (0,)
    con.close()


def made_by(path, files):
    """A warehouse as a program that knew only these migrations left it, with one run in it."""
    with duckdb.connect(path, config={"storage_compatibility_version": "v1.4.0"}) as con:
        for file in files:
            con.execute(file.read_text())
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            con.execute("insert into core.migrations values (?, ?, ?)", [int(file.name[:4]), file.name, digest])
        con.execute(
            "insert into core.runs values ('R', 'manual', 'finished', now(), now(), 'v1', 0, 0, 0, 0, 0, 0, '')"
        )
        con.execute("insert into core.calls (call_id, source) values ('C1', 'main')")
    return path


@pytest.mark.parametrize("known", range(1, len(list(MIGRATIONS.glob("*.sql"))) + 1))
def test_every_older_schema_is_brought_forward_and_kept_beside(tmp_path, known):
    files = sorted(MIGRATIONS.glob("*.sql"))
    path = made_by(tmp_path / "w.duckdb", files[:known])
    con = open_writer(path)
    assert con.execute("select run_id from runs").fetchall() == [("R",)]
    assert con.execute("select number from core.migrations").fetchall() == [(int(f.name[:4]),) for f in files]
    con.close()
    kept = [p.name for p in tmp_path.glob("w.duckdb.*")]
    assert kept == [f"w.duckdb.before-{later.name[:4]}" for later in files[known : known + 1]]
    if kept:
        with duckdb.connect(tmp_path / kept[0], read_only=True) as former:
            assert former.execute("select count(*) from core.migrations").fetchall() == [(known,)]
            assert former.execute("select call_id from core.calls").fetchall() == [("C1",)]


def test_erasures_are_carried_into_their_new_table(tmp_path):
    path = made_by(tmp_path / "w.duckdb", sorted(MIGRATIONS.glob("*.sql"))[:4])
    with duckdb.connect(path) as con:
        con.execute("insert into core.erasures values ('E1', 'hash of the id', 'hash of the file', now(), 'asked')")
    con = open_writer(path)
    assert con.execute("select erasure_id, kind, key_hash, calls from core.erasures order by kind").fetchall() == [
        ("E1", "call", "hash of the id", 1),
        ("E1", "recording", "hash of the file", 1),
    ]
    con.close()


def test_without_room_for_the_copy_beside_it_nothing_is_changed(tmp_path):
    path = made_by(tmp_path / "w.duckdb", sorted(MIGRATIONS.glob("*.sql"))[:4])
    before = path.read_bytes()
    (tmp_path / "w.duckdb.before-0005.part").mkdir()
    with pytest.raises(SetupError, match="not brought up"):
        open_writer(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_warehouse_is_refused(tmp_path):
    (tmp_path / "w.duckdb").write_text("dear diary\n" * 1000)
    with pytest.raises(SetupError, match="cannot open the warehouse"):
        open_writer(tmp_path / "w.duckdb")


def test_the_database_of_another_program_is_left_alone(tmp_path):
    with duckdb.connect(tmp_path / "w.duckdb") as con:
        con.execute("create table recipes (name varchar)")
    with pytest.raises(SetupError, match="another program's") as refusal:
        open_writer(tmp_path / "w.duckdb")
    assert "recipes" in refusal.value.why


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    tmp_path.chmod(0o555)
    with pytest.raises(SetupError, match="cannot open the warehouse"):
        open_writer(tmp_path / "w.duckdb")


def test_the_file_can_be_read_by_older_clients(tmp_path):
    con = open_writer(tmp_path / "w.duckdb")
    (tags,) = con.execute("select tags from duckdb_databases() where database_name = current_database()").fetchone()
    con.close()
    assert tags["storage_version"].startswith("v1.4")


def test_nothing_published_yet_says_so(tmp_path):
    with pytest.raises(InputError, match="nothing is published") as refusal:
        open_published(tmp_path)
    assert refusal.value.tries == ("callaudit run",)


def test_a_published_file_that_is_damaged_says_so(tmp_path):
    (tmp_path / "audit.duckdb").write_bytes(b"not a database" * 1000)
    with pytest.raises(InputError, match="cannot read"):
        open_published(tmp_path)


@pytest.fixture(scope="module")
def published(empty_warehouse, builders, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    con = open_writer(Path(shutil.copy(empty_warehouse, home)))
    load(con, [builders.audited()], run_id="R1")
    publish(con, home / "published")
    with open_published(home / "published") as copy:
        yield copy


def test_rows_frame_and_arrow_show_the_same(published):
    sql = "select call_id, started_at from calls"
    assert published.rows(sql) == published.arrow(sql).to_pylist()
    assert published.frame(sql).call_id.tolist() == ["C1"]
    assert published.rows("select call_id from calls where call_id = ?", ["C1"]) == [{"call_id": "C1"}]
    assert published.frame("select call_id from calls where call_id = $id", {"id": "C2"}).empty


def test_moments_are_given_in_utc_and_times_of_day_on_the_clock_of_the_site(published):
    (row,) = published.rows("select started_at::varchar as utc, started_local from calls")
    assert row == {"utc": "2026-03-02 08:00:00+00", "started_local": datetime(2026, 3, 2, 8, 0)}  # noqa: DTZ001  A local time has no zone.


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_text('/etc/hostname')",
        "attach '/tmp/elsewhere.duckdb'",
        "copy calls to '/tmp/calls.csv'",
        "export database '/tmp/calls'",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "create table t (i integer)",
        "delete from core.calls",
        "update core.findings set verdict = 'met'",
    ],
)
def test_the_published_copy_reaches_nothing_and_changes_nothing(published, sql):
    with pytest.raises(InputError, match="cannot run"):
        published.rows(sql)


def test_variables_of_the_program_are_no_tables(published):
    secret = published.frame("from calls")
    assert not secret.empty
    with pytest.raises(InputError):
        published.rows("from secret")


@pytest.mark.parametrize("how", ["rows", "frame", "arrow"])
@pytest.mark.parametrize(("sql", "says"), [("selct 1", "cannot run"), ("", "empty"), ("-- later", "empty")])
def test_a_query_that_cannot_run_says_why(published, how, sql, says):
    with pytest.raises(InputError, match=says):
        getattr(published, how)(sql)


def test_a_query_where_the_connection_itself_is_gone_says_why(tmp_path):
    copy = Published(duckdb.connect(), tmp_path / "audit.duckdb")
    copy.close()
    with pytest.raises(InputError, match="cannot run"):
        copy.rows("from calls")


def test_batches_are_worked_out_while_they_are_read(published):
    far = "select i, if(i > 9000000, error('too far'), 0) as checked from range(10000000) t(i)"
    with published.batches(far, rows=1000) as (schema, batches):
        assert schema.names == ["i", "checked"]
        assert next(batches).num_rows == 1000
        with pytest.raises(InputError, match="cannot run") as refusal:
            list(batches)
        assert "too far" in refusal.value.why


def test_another_question_can_be_asked_when_batches_are_left_unread(published):
    with published.batches("from range(10000000)") as (_, batches):
        next(batches)
    assert published.rows("select 1 as one") == [{"one": 1}]


def test_plain_batches_hold_no_nested_values_and_keep_columns_of_one_name(published):
    sql = "select 1 as a, 2 as a, [1, null] as l, {'x': 'y'} as s, interval 1 day as i"
    with published.batches(sql, plain=True) as (schema, batches):
        assert schema.names == ["a", "a", "l", "s", "i"]
        assert [column.to_pylist()[0] for column in next(batches).columns] == [1, 2, "[1,null]", '{"x":"y"}', "1 day"]


def test_ctrl_c_stops_a_query_that_has_no_rows_to_show_yet(published):
    # In a process of its own: what else a test process does keeps a signal waiting.
    script = (
        "import os, pathlib, signal, sys, threading\n"
        "from callaudit.warehouse.published import open_published\n"
        "with open_published(pathlib.Path(sys.argv[1])) as published:\n"
        "    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "    published.rows('select count(*) from range(1000000000000)')\n"
    )
    stopped = subprocess.run(
        [sys.executable, "-c", script, str(published.path.parents[1])],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert "KeyboardInterrupt" in stopped.stderr


def test_words_are_carried_into_the_columns_that_hold_their_times(tmp_path):
    path = made_by(tmp_path / "w.duckdb", sorted(MIGRATIONS.glob("*.sql"))[:8])
    told = [{"text": "so", "start": 1.0, "end": 1.5, "confidence": None}]
    masked = [{"text": "my card", "start": 2.0, "end": 2.25, "confidence": 0.5}]
    with duckdb.connect(path) as con:
        for position, (text, words) in enumerate((("so", told), ("my card", masked), ("none timed", []))):
            con.execute(
                "insert into core.utterances values ('C1', ?, 0, 'agent', 0, 1, 2, ?, 0, false, null, ?)",
                [position, text, words],
            )
    con = open_writer(path)
    assert con.execute("select text, words from utterances order by position").fetchall() == [
        ("so", told),
        ("my card", masked),
        ("none timed", []),
    ]
    assert con.execute("select word_texts from core.utterances order by position").fetchall() == [
        (None,),
        (["my card"],),
        (None,),
    ]
    con.close()


def test_migrations_are_numbered_one_after_another():
    numbers = sorted(int(file.name[:4]) for file in MIGRATIONS.glob("*.sql"))
    assert numbers == list(range(1, len(numbers) + 1))
