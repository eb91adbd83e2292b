import re
import tomllib

import pytest

from callaudit.warehouse.schema import COLUMNS, VIEW_ORDER, VIEWS


@pytest.fixture
def columns(warehouse):
    return warehouse.execute(
        "select schema_name, table_name, column_name, comment from duckdb_columns() where not internal"
    ).fetchall()


def test_every_column_says_what_it_means(columns):
    assert len(columns) > 400
    assert [f"{s}.{t}.{c}" for s, t, c, comment in columns if not comment] == []


def test_every_table_view_and_macro_says_what_it_is(warehouse):
    named = warehouse.execute(
        """
        select schema_name || '.' || table_name, comment from duckdb_tables() where not internal and not temporary
        union all select schema_name || '.' || view_name, comment from duckdb_views() where not internal
        union all select function_name, comment from duckdb_functions() where not internal
        """
    ).fetchall()
    assert len(named) > 45
    assert [name for name, comment in named if not comment] == []


def test_every_table_and_view_says_what_a_row_is(warehouse):
    comments = dict(
        warehouse.execute(
            """
            select table_name, comment from duckdb_tables() where not internal
            union all select view_name, comment from duckdb_views() where not internal
            """
        ).fetchall()
    )
    assert [name for name, comment in comments.items() if not comment.startswith("One row")] == []


def test_every_table_and_view_names_its_key(warehouse):
    comments = warehouse.execute(
        """
        select table_name, comment from duckdb_tables() where not internal
        union all select view_name, comment from duckdb_views() where not internal
        """
    ).fetchall()
    assert [name for name, comment in comments if "Key:" not in comment and name != "view_sets"] == []


def test_no_meaning_is_written_for_a_column_that_does_not_exist(columns):
    places = {(table, column) for _, table, column, _ in columns}
    names = {column for _, column in places}
    glossary = tomllib.loads(COLUMNS.read_text())
    assert sorted(glossary.pop("everywhere").keys() - names) == []
    assert [(t, c) for t, section in glossary.items() for c in section if (t, c) not in places] == []


def test_every_view_file_is_used_and_opens_with_its_grain():
    assert sorted(VIEW_ORDER) == sorted(path.stem for path in VIEWS.glob("*.sql"))
    for name in VIEW_ORDER:
        first = (VIEWS / f"{name}.sql").read_text().splitlines()[0]
        assert re.match(r"-- one row per |-- [A-Z]", first), name


def test_keys_are_keys(warehouse, builders):
    """The comment of a table or view names its key; no two rows share one."""
    from datetime import timedelta

    from callaudit.warehouse.load import load

    load(
        warehouse,
        [
            builders.audited(f"C{n}", promises=(1.0, 2.0), started_at=builders.monday + timedelta(days=n))
            for n in range(9)
        ],
        run_id="R1",
    )
    load(warehouse, [builders.audited("C3")], run_id="R2")
    relations = warehouse.execute(
        """
        select schema_name || '.' || table_name, comment from duckdb_tables() where not internal
        union all select schema_name || '.' || view_name, comment from duckdb_views() where not internal
        """
    ).fetchall()
    for table, comment in relations:
        if "Key:" not in comment:
            continue
        key = re.search(r"Key: ([a-z0-9_, ]+)", comment)[1].strip(" ,")
        twice = warehouse.execute(f"select {key} from {table} group by {key} having count(*) > 1").fetchall()
        assert twice == [], table
