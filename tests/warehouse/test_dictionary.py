"""The catalogue is the only source: what is in it is in the dictionary, and joins follow from the keys."""

import re
import shutil
from pathlib import Path

import pytest

from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.dictionary import joins, read_dictionary
from callaudit.warehouse.publish import publish
from callaudit.warehouse.published import open_published


@pytest.fixture(scope="module")
def published(empty_warehouse, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    con = open_writer(Path(shutil.copy(empty_warehouse, home)))
    con.execute("create table core.kept_apart (a integer not null, b integer)")
    con.execute("comment on table core.kept_apart is 'One row per it''s a <b>. Key: a; b is free.'")
    publish(con, home / "published")
    with open_published(home / "published") as copy:
        yield copy


@pytest.fixture(scope="module")
def found(published):
    return read_dictionary(published)


def test_it_holds_every_table_view_column_and_macro_of_the_catalogue(published, found):
    relations = {r.title: r for r in (*found.tables, *found.views)}
    # The rows of the views that are counted in a copy stand for themselves.
    columns = published.rows(
        "select schema_name, table_name, column_name from duckdb_columns()"
        " where not internal and schema_name <> 'counted'"
    )
    assert {(r.schema, r.name, c.name) for r in relations.values() for c in r.columns} == {
        (c["schema_name"], c["table_name"], c["column_name"]) for c in columns
    }
    assert {m.call for m in found.macros} == {
        "note_of(note, seconds, how_many)",
        "reason_of(reason_code, miss_kind, seconds, how_many, limit_number, limit_unit, since, confidence, named, "
        "other_call_id)",
        "scorecard(call)",
        "compliance_by_week(agent)",
        "quotes(words)",
        "said(phrase)",
        "wilson_low(k, n)",
        "wilson_high(k, n)",
        "least_judged()",
        "site_timezone()",
    }


def test_everything_in_it_says_what_it_means(found):
    silent = [r.title for r in (*found.tables, *found.views) if not r.meaning]
    silent += [f"{r.title}.{c.name}" for r in found.views for c in r.columns if not c.meaning]
    silent += [m.call for m in found.macros if not m.meaning]
    assert silent == []


def test_the_key_is_read_from_the_comment_and_taken_out_of_its_words(found):
    (table,) = (t for t in found.tables if t.name == "kept_apart")
    assert table.key == ("a",)
    assert table.meaning == "One row per it's a <b>. b is free."
    for relation in (*found.tables, *found.views):
        assert set(relation.key) <= {c.name for c in relation.columns}
        assert "Key:" not in relation.meaning
        assert re.fullmatch(r"[^.].*[.)]", relation.meaning), relation.meaning


def test_what_has_the_key_of_another_joins_it_and_only_the_nearest(found):
    among = joins(found.tables)
    told = {(j.one, j.many, j.by, j.single) for j in among}
    assert ("core.calls", "core.transcripts", ("call_id",), True) in told
    assert ("core.calls", "core.utterances", ("call_id",), False) in told
    assert ("core.call_measures", "core.findings", ("call_id", "rulebook_version"), False) in told
    assert ("core.rules", "core.findings", ("rulebook_version", "rule_id"), False) in told
    assert ("core.calls", "core.findings") not in {(j.one, j.many) for j in among}


def test_a_number_that_counts_within_a_table_joins_nothing(found):
    assert not [j for j in joins((*found.tables, *found.views)) if {"position", "episode", "promise"} & set(j.by)]


def test_every_join_is_one_that_sql_can_make(published, found):
    for j in (*joins(found.tables), *joins([v for v in found.views if v.schema == "main"])):
        published.rows(f"select count(*) from {j.one} join {j.many} using ({', '.join(j.by)})")
