import re
import shutil
from pathlib import Path

import pytest

from transcription.errors import InputError
from warehouse.connect import open_published, open_writer
from warehouse.load import load
from warehouse.publish import publish
from warehouse.queries import QUERIES, saved_queries, saved_query


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


@pytest.mark.parametrize("name", sorted(path.stem for path in QUERIES.glob("*.sql")))
def test_a_saved_query_runs_and_its_title_is_a_question(published, name):
    query = saved_query(name)
    assert "?" in query.title
    assert re.fullmatch(r"[a-z_]+", query.name)
    published.rows(query.sql)


def test_saved_queries_find_what_they_ask_for(published):
    assert [r["call_id"] for r in published.rows(saved_query("calls_to_hear_first").sql)] == ["C1"]
    assert [r["call_id"] for r in published.rows(saved_query("broken_promises").sql)] == ["C1"]
    assert published.rows(saved_query("rules_most_missed").sql)[0]["rule_id"] == "apology.given"


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
