import re
import shutil
from pathlib import Path

import pytest

from callaudit.transcription.errors import InputError, SetupError
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.load import load
from callaudit.warehouse.publish import publish
from callaudit.warehouse.published import open_published
from callaudit.warehouse.queries import QUERIES, saved_queries, saved_query, values_for


@pytest.fixture(scope="module")
def published(empty_warehouse, builders, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    con = open_writer(Path(shutil.copy(empty_warehouse, home)))
    load(
        con,
        [
            builders.audited(
                "C1", {"apology.given": "missed", "pace.shows_urgency": "met"}, customer_id="k", promises=(1.0,)
            ),
            builders.audited("C2", customer_id="k", started_at=builders.monday.replace(day=4)),
        ],
        run_id="R1",
    )
    publish(con, home / "published")
    with open_published(home / "published") as copy:
        yield copy


@pytest.fixture(scope="module")
def empty(empty_warehouse, tmp_path_factory):
    home = tmp_path_factory.mktemp("nothing")
    publish(open_writer(Path(shutil.copy(empty_warehouse, home))), home / "published")
    with open_published(home / "published") as copy:
        yield copy


def answer(published, name, **given):
    query = saved_query(name)
    return published.rows(query.sql, values_for(query, given, published) or None)


@pytest.mark.parametrize("name", sorted(path.stem for path in QUERIES.glob("*.sql")))
def test_a_saved_query_runs_and_its_title_is_a_question(published, name):
    query = saved_query(name)
    assert "?" in query.title
    assert re.fullmatch(r"[a-z_]+", query.name)
    assert set(re.findall(r"\$([a-z_]+)", query.sql)) == {value.name for value in query.values}
    answer(published, name)


@pytest.mark.parametrize("name", sorted(path.stem for path in QUERIES.glob("*.sql")))
def test_a_saved_query_runs_where_there_are_no_calls_yet(empty, name):
    answer(empty, name)


def test_saved_queries_find_what_they_ask_for(published):
    assert [r["call_id"] for r in answer(published, "calls_to_hear_first")] == ["C1"]
    assert [r["call_id"] for r in answer(published, "broken_promises")] == ["C1"]
    assert answer(published, "rules_most_missed")[0]["rule_id"] == "apology.given"
    assert {r["quote"] for r in answer(published, "who_said")} == {"so sorry"}
    assert [r["calls"] for r in answer(published, "one_agent")] == [2]
    assert answer(published, "one_agent", agent="nobody") == []


def test_a_question_is_asked_with_the_value_given_else_with_one_it_picks_itself(published):
    query = saved_query("one_call")
    assert values_for(query, {}, published) == {"call": "C1", "scorecard": "house"}
    assert values_for(query, {"call": "C2"}, published) == {"call": "C2", "scorecard": "house"}
    assert {r["rule_id"] for r in answer(published, "one_call", call="C2")} == {"apology.given"}
    assert answer(published, "one_call", call="'; drop table core.calls; --") == []


def test_a_value_that_a_question_does_not_know_is_answered_with_those_it_does(published):
    with pytest.raises(InputError, match="has no value “team”") as refusal:
        values_for(saved_query("one_agent"), {"team": "red"}, published)
    assert "agent, scorecard" in refusal.value.why


@pytest.mark.parametrize("text", ["select 1;", "", "-- What?\n-- $agent who\nselect $agent;"])
def test_a_file_that_is_no_question_is_named(tmp_path, text):
    (tmp_path / "mine.sql").write_text(text)
    with pytest.raises(SetupError, match="is no saved query"):
        saved_queries(tmp_path)


def test_a_folder_of_ones_own_adds_and_replaces(tmp_path):
    (tmp_path / "mine.sql").write_text("-- What is mine?\nselect 1;\n")
    (tmp_path / "who_calms.sql").write_text("-- Who calms?\nselect 2;\n")
    queries = saved_queries(tmp_path)
    assert queries["mine"].title == "What is mine?"
    assert queries["who_calms"].title == "Who calms?"
    assert len(queries) == len(saved_queries()) + 1


def test_a_query_that_does_not_exist_names_those_that_do():
    with pytest.raises(InputError, match="no saved query is called") as refusal:
        saved_query("who_clams")
    assert "who_calms" in refusal.value.why
    assert refusal.value.tries[0] == "callaudit query who_calms"
