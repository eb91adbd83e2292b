"""What is exported is what the views say, and no reader ever meets half of it."""

import json
import shutil
import stat
from datetime import timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.dataset
import pytest

from callaudit.transcription.errors import InputError, SetupError
from callaudit.warehouse import export
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.export import MARKER, export_views
from callaudit.warehouse.load import load
from callaudit.warehouse.publish import publish
from callaudit.warehouse.published import open_published


@pytest.fixture(scope="module")
def published(empty_warehouse, builders, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    con = open_writer(Path(shutil.copy(empty_warehouse, home)))
    calls = [
        builders.audited(f"C{n:03}", started_at=builders.monday + timedelta(days=n % 14), agent_id=f"a{n % 3}")
        for n in range(60)
    ]
    load(con, [*calls, builders.audited("C999", started_at=None)], run_id="R1")
    publish(con, home / "published")
    with open_published(home / "published") as copy:
        yield copy


@pytest.fixture(scope="module")
def folder(published, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lake") / "export"
    export_views(published, folder)
    return folder


def test_every_view_but_the_words_is_written_row_by_row(published, folder):
    views = {r["view_name"] for r in published.rows("select view_name from duckdb_views() where schema_name = 'main'")}
    views = {v for v in views if not v.startswith(("duckdb_", "pragma_", "sqlite_"))}
    assert {p.name for p in folder.iterdir()} == views - {"turns", "utterances", "speech"} | {MARKER}
    for view in views - {"turns", "utterances", "speech"}:
        (row,) = published.rows(f"select count(*) as n from {view}")
        written = duckdb.sql(f"from read_parquet('{folder}/{view}/**/*.parquet', hive_partitioning = true)")
        assert written.count("*").fetchall() == [(row["n"],)], view


def test_pandas_pyarrow_and_duckdb_read_the_same_calls_by_week(published, folder):
    rows = published.rows("select coalesce(iso_week, 'undated') as week, count(*) as n from calls group by all")
    expected = {r["week"]: r["n"] for r in rows}
    assert expected == {"2026-W10": 32, "2026-W11": 28, "undated": 1}
    frame = pd.read_parquet(folder / "calls")
    assert frame.groupby("iso_week", observed=True).call_id.nunique().to_dict() == expected
    table = pyarrow.dataset.dataset(folder / "calls", partitioning="hive").to_table()
    counts = table.group_by("iso_week").aggregate([("call_id", "count")]).to_pylist()
    assert {c["iso_week"]: c["call_id_count"] for c in counts} == expected
    found = duckdb.sql(
        f"select iso_week, count(*) from read_parquet('{folder}/calls/**/*.parquet', hive_partitioning = 1) group by 1"
    )
    assert dict(found.fetchall()) == expected


def test_nested_evidence_comes_back_as_lists(folder):
    (row,) = duckdb.sql(
        f"select evidence from read_parquet('{folder}/findings/**/*.parquet') where call_id = 'C001'"
    ).fetchall()
    assert [piece["quote"] for piece in row[0]] == ["fed up", "so sorry"]


def test_the_same_warehouse_gives_the_same_bytes(published, folder, tmp_path):
    export_views(published, tmp_path / "again")
    files = sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(tmp_path / "again") for p in (tmp_path / "again").rglob("*") if p.is_file())
    assert [f for f in files if (folder / f).read_bytes() != (tmp_path / "again" / f).read_bytes()] == []


def test_only_the_owner_can_read_it(folder):
    modes = {(p.is_dir(), stat.S_IMODE(p.stat().st_mode)) for p in [folder, *folder.rglob("*")]}
    assert modes == {(True, 0o700), (False, 0o600)}


def test_a_new_export_takes_the_place_of_the_old_one(published, tmp_path):
    export_views(published, tmp_path / "lake")
    (tmp_path / "lake" / "calls" / "stale.parquet").write_bytes(b"x")
    export_views(published, tmp_path / "lake", views=("calls", "turns"))
    assert sorted(p.name for p in (tmp_path / "lake").iterdir()) == [MARKER, "calls", "turns"]
    assert not (tmp_path / "lake" / "calls" / "stale.parquet").exists()
    assert [v["name"] for v in json.loads((tmp_path / "lake" / MARKER).read_text())["views"]] == ["calls", "turns"]
    assert list(tmp_path.iterdir()) == [tmp_path / "lake"]


def test_a_folder_that_is_no_export_is_left_alone(published, tmp_path):
    (tmp_path / "thesis.doc").write_text("years of work")
    with pytest.raises(SetupError, match="is no export of callaudit"):
        export_views(published, tmp_path)
    assert (tmp_path / "thesis.doc").read_text() == "years of work"


def test_a_view_that_does_not_exist_is_answered_with_those_that_do(published, tmp_path):
    with pytest.raises(InputError, match="there is no view") as refusal:
        export_views(published, tmp_path / "lake", views=("cals",))
    assert "calls, " in refusal.value.why


def test_an_export_that_fails_half_way_leaves_the_former_one(published, tmp_path, monkeypatch):
    export_views(published, tmp_path / "lake", views=("calls",))
    before = sorted(p.name for p in (tmp_path / "lake").rglob("*"))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export.pyarrow.parquet.ParquetWriter, "write_batch", full)
    with pytest.raises(SetupError, match="nothing was exported") as refusal:
        export_views(published, tmp_path / "lake")
    assert "No space left" in refusal.value.why
    assert sorted(p.name for p in (tmp_path / "lake").rglob("*")) == before
    assert list(tmp_path.iterdir()) == [tmp_path / "lake"]


def test_what_a_killed_export_left_is_put_right_by_the_next(published, tmp_path):
    export_views(published, tmp_path / "lake", views=("calls",))
    (tmp_path / "lake").rename(tmp_path / ".lake.0123abcd.old")
    (tmp_path / ".lake.0123abcd.part").mkdir()
    export_views(published, tmp_path / "lake", views=("rules",))
    assert [p.name for p in tmp_path.iterdir()] == ["lake"]
