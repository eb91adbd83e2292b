"""`callaudit query`, `export` and `dictionary` as an analyst meets them."""

import csv
import json
import os
import signal
import stat
import subprocess
import time

import pyarrow.parquet as pq
import pytest

from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.publish import publish
from callaudit.warehouse.site_clock import keep_clock


@pytest.fixture
def asked(installation):
    """An installation whose published copy holds two calls and nothing about them."""
    home = installation.root / "callaudit-home"
    con = open_writer(home / "warehouse.duckdb")
    con.execute(
        """
        insert into core.calls (call_id, source, agent_name, queue)
        values ('C1', 'main', 'Marco | Lee', E'two\\nlines'), ('C2', 'main', null, '=cmd()')
        """
    )
    publish(con, home / "published")
    return installation


CALLS = "select call_id, agent_name, queue, [1, 2] as list, 1.50 as price from core.calls order by call_id"


def test_json_keeps_lists_numbers_and_what_is_missing(asked):
    rows = json.loads(asked.callaudit("query", CALLS, "--output", "json").stdout)
    assert rows == [
        {"call_id": "C1", "agent_name": "Marco | Lee", "queue": "two\nlines", "list": [1, 2], "price": 1.5},
        {"call_id": "C2", "agent_name": None, "queue": "=cmd()", "list": [1, 2], "price": 1.5},
    ]


def test_moments_are_shown_on_the_clock_of_the_site_as_the_times_beside_them_are(installation):
    home = installation.root / "callaudit-home"
    con = open_writer(home / "warehouse.duckdb")
    keep_clock(con, "Asia/Kolkata")
    publish(con, home / "published")
    asked = "select timestamptz '2026-03-02 20:00:00+00' as at"
    assert "2026-03-03 01:30 IST" in installation.callaudit("query", asked).stdout
    assert "2026-03-03 01:30:00.000000+0530" in installation.callaudit("query", asked, "--output", "csv").stdout


def test_csv_is_read_back_as_it_was_and_nested_values_are_json(asked):
    rows = list(csv.DictReader(asked.callaudit("query", CALLS, "--output", "csv").stdout.splitlines(keepends=True)))
    assert [r["queue"] for r in rows] == ["two\nlines", "=cmd()"]
    assert json.loads(rows[0]["list"]) == [1, 2]


def test_a_cell_cannot_break_a_markdown_table(asked):
    lines = asked.callaudit("query", CALLS, "--output", "markdown").stdout.splitlines()
    assert len(lines) == 4
    assert "Marco \\| Lee | two lines |" in lines[2]


def test_a_files_name_tells_the_format_and_the_file_is_its_owners(asked):
    for name in ("calls.csv", "calls.json", "calls.md", "calls.parquet", "calls.txt"):
        asked.callaudit("query", CALLS, "--out", name)
        file = asked.root / name
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.stat().st_size > 20
    assert pq.read_table(asked.root / "calls.parquet").column("call_id").to_pylist() == ["C1", "C2"]
    assert "C2" in (asked.root / "calls.txt").read_text()
    assert not list(asked.root.glob("*.part"))
    assert not list(asked.root.glob(".*.part"))


def test_columns_of_one_name_are_told_apart_where_a_row_goes_by_name(asked):
    assert json.loads(asked.callaudit("query", "select 1 as a, 2 as a", "-f", "json").stdout) == [{"a": 1, "a_1": 2}]


@pytest.mark.parametrize("output", ["table", "csv", "json", "markdown"])
def test_an_answer_without_rows_is_no_error(asked, output):
    asked.callaudit("query", "select * from core.calls where false", "--output", output)


def test_what_is_no_format_is_answered_with_those_there_are(asked):
    assert "--output markdown" in asked.callaudit("query", "select 1", "--output", "xml", check=4).stderr
    assert "--output csv" in asked.callaudit("query", "select 1", "--out", "x.xyz", check=4).stderr
    assert "--out FILE.parquet" in asked.callaudit("query", "select 1", "--output", "parquet", check=4).stderr


@pytest.mark.parametrize(
    "sql",
    [
        "copy core.calls to 'stolen.csv'",
        "select * from read_csv('callaudit.toml')",
        "attach 'other.duckdb'",
        "delete from core.calls",
        "set enable_external_access = true",
        "install httpfs",
    ],
)
def test_a_query_reads_the_copy_and_nothing_else(asked, sql):
    refused = asked.callaudit("query", sql, check=4).stderr
    assert "the query cannot run" in refused
    assert "try:" in refused
    assert not (asked.root / "stolen.csv").exists()


def test_an_error_in_the_middle_of_the_rows_leaves_no_file(asked):
    sql = "select i, if(i = 900000, error('boom'), 0) from range(1000000) t(i)"
    assert "boom" in asked.callaudit("query", sql, "--out", "big.csv", check=4).stderr
    assert not [p for p in asked.root.iterdir() if "big" in p.name]


def test_a_file_that_cannot_be_written_is_named(asked):
    assert "cannot write nowhere/x.csv" in asked.callaudit("query", "select 1", "-o", "nowhere/x.csv", check=3).stderr


def test_saved_queries_are_listed_and_asked_with_values(asked):
    assert "one_agent" in asked.callaudit("query", "--list").stdout
    asked.callaudit("query", "one_agent", "agent=Marco Lee", "-f", "csv")
    assert json.loads(asked.callaudit("query", "select $who as who", "who=a=b", "-f", "json").stdout) == [
        {"who": "a=b"}
    ]
    assert "has no value “team”" in asked.callaudit("query", "one_agent", "team=red", check=4).stderr
    assert "There are: " in asked.callaudit("query", "one_agnet", check=4).stderr


def test_ctrl_c_stops_a_query_and_leaves_no_file(asked):
    sql = "select a.range from range(1000000000000) a"
    running = asked.start("query", sql, "--out", "endless.csv", stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not list(asked.root.glob(".endless.csv.*.part")):
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(running.pid, signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert "Stopped." in err
    assert "Traceback" not in err
    assert not [p for p in asked.root.iterdir() if "endless" in p.name]


def test_export_and_dictionary_say_where_they_are(asked):
    assert "callaudit-home/export" in asked.callaudit("export").stdout
    assert (asked.root / "callaudit-home" / "export" / "rules").is_dir()
    asked.callaudit("export", "calls", "--out", "lake")
    assert sorted(p.name for p in (asked.root / "lake").iterdir()) == ["_callaudit_export.json", "calls"]
    assert "there is no view “calls2”" in asked.callaudit("export", "calls2", check=4).stderr
    page = asked.callaudit("dictionary").stdout.strip()
    assert page.endswith("reports/dictionary.html")
    asked.callaudit("dictionary", "--out", "d.html")
    assert "Data dictionary" in (asked.root / "d.html").read_text()
