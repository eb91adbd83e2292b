"""Finding calls among many: the worst first, by who, when, where and what was missed."""

import shutil
from pathlib import Path

import pytest

from callaudit.audit_rules.finding import Verdict
from callaudit.transcription.errors import InputError
from callaudit.warehouse.call_list import Asked, list_calls
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.load import load
from callaudit.warehouse.publish import publish
from callaudit.warehouse.published import open_published
from callaudit.warehouse.rulebooks import store_rulebook

RULES = ("apology.given", "apology.is_specific", "ownership.avoids_blame", "pace.shows_urgency")
CALLS = {
    "good": ("met", "met", "met", "met"),
    "fair": ("met", "missed", "met", "missed"),
    "poor": ("met", "missed", "missed", "unsure"),
    "fail": ("missed", "met", "met", "met"),
    "open": ("unsure", "unsure", "unsure", "met"),
}


@pytest.fixture(scope="module")
def published(empty_warehouse, builders, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    con = open_writer(Path(shutil.copy(empty_warehouse, home)))
    store_rulebook(con, builders.rulebook("v2", critical_fails_call=True))
    teams = (("A0", "Red"), ("A1", "Blue"))
    calls = [
        builders.audited(
            call_id,
            dict(zip(RULES, verdicts, strict=True)),
            version="v2",
            agent_id=teams[n % 2][0],
            team=teams[n % 2][1],
            queue="returns",
            started_at=builders.monday.replace(day=2 + 7 * (n > 2)),
        )
        for n, (call_id, verdicts) in enumerate(CALLS.items())
    ]
    load(con, calls, run_id="R1")
    publish(con, home / "published")
    with open_published(home / "published") as copy:
        yield copy


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["fail", "poor", "fair", "good", "open"]),
        ({"order": "best"}, ["good", "fair", "poor", "fail", "open"]),
        ({"order": "newest"}, ["fail", "open", "fair", "good", "poor"]),
        ({"agent": "A1"}, ["fail", "fair"]),
        ({"agent": "Agent A1"}, ["fail", "fair"]),
        ({"team": "Red", "week": "2026-W10"}, ["poor", "good"]),
        ({"queue": "returns", "limit": 2}, ["fail", "poor"]),
        ({"step": "pace", "verdict": Verdict.MISSED}, ["fair"]),
        ({"step": "ownership", "verdict": Verdict.UNSURE}, ["open"]),
        ({"verdict": Verdict.MISSED}, ["fail", "poor", "fair"]),
        ({"verdict": Verdict.NOT_ASSESSABLE}, []),
    ],
)
def test_calls_are_found_and_the_worst_stand_first(published, asked, found):
    rows, count = list_calls(published, Asked(scorecard="house", **asked))

    assert [row["call_id"] for row in rows] == found
    assert count == (5 if "limit" in asked else len(found))


def test_a_failed_call_says_so_in_place_of_a_score(published):
    rows, _ = list_calls(published, Asked(scorecard="house"))

    assert [(row["score"], row["critical"]) for row in rows] == [
        ("failed", 1),
        ("25", 0),
        ("60", 0),
        ("100", 0),
        (None, None),
    ]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"agent": "Agent A"}, "no agent “Agent A” .* Did you mean “Agent A1”"),
        ({"team": "red"}, "no team “red”.*There are: Blue, Red"),
        ({"step": "paces"}, "no step “paces” .* Did you mean “pace”"),
        ({"scorecard": "hose", "step": "pace"}, "no scorecard “hose”"),
        ({"scorecard": "hose"}, "no scorecard “hose” .* Did you mean “house”"),
    ],
)
def test_a_name_that_nobody_has_is_told_from_no_calls(published, asked, said):
    with pytest.raises(InputError, match=f"(?s){said}"):
        list_calls(published, Asked(**{"scorecard": "house", **asked}))


def test_a_query_that_cannot_run_names_the_columns_of_the_view_it_asks(published):
    with pytest.raises(InputError) as refused:
        published.rows("select agnt from Call_Scorecards")

    assert "call_scorecards has: call_id, source," in refused.value.why
    assert "findings has" not in refused.value.why
