"""A week's figures beside what the scorecard aims at: on the page, in the workbook, in the mail's text."""

import msgspec
import pytest

from callaudit.audit_rules.rule import TeamTargets
from callaudit.reports.formats.chat_summary import plain_summary
from callaudit.reports.statistics import Rate
from callaudit.reports.weekly.aims import score_target, step_aim
from callaudit.reports.weekly.edition import WHOLE, Edition
from callaudit.reports.weekly.page import weekly
from callaudit.reports.weekly.queries import read
from callaudit.reports.weekly.tables import tables


@pytest.fixture(scope="module")
def aimed(centre, published):
    """A week of calls, and a house card with a target for its score, for one step, and others for one team."""
    book = centre.rulebook()
    house = book.scorecards["house"]
    steps = tuple(msgspec.structs.replace(s, target=60.0) if s.id == "empathy" else s for s in house.steps)
    team = TeamTargets(target=50.0, steps={"empathy": 5.0})
    card = msgspec.structs.replace(house, steps=steps, target=75.0, least_calls=15, teams={"Billing": team})
    book.scorecards["house"] = card
    return published(centre.random_calls(1, 80), rulebooks=[book])


def test_a_target_stands_beside_its_step_and_nowhere_else(aimed):
    readings = read(aimed, week="2026-W10", scorecard="house")
    page = weekly(readings)

    assert [step.step for step in page.steps if step.aim] == ["empathy"]
    (said,) = [step.aim.words for step in page.steps if step.aim]
    assert said.startswith("Target 60%: ")
    assert said[:1].lower() + said[1:] in plain_summary(page)
    assert (0.6, said) in [row[-2:] for row in tables(readings, page)["steps"].rows]
    assert [card.target for card in page.scorecards] == ["", "target 75"]


def test_a_team_is_held_to_its_own_target(aimed):
    readings = read(aimed, week="2026-W10", scorecard="house", edition=Edition(team="Billing"))

    assert score_target(readings) == "target 50"
    assert step_aim(readings, "empathy", Rate.of(3, 30)).words == "Target 5%: reached"


@pytest.mark.parametrize(
    ("hits", "calls", "stands"),
    [
        (60, 100, "reached"),
        (20, 100, "clearly missed"),
        (57, 100, "not reached, but within the likely range"),
        (2, 14, "fewer than 15 calls"),
        (14, 14, "fewer than 15 calls"),
    ],
)
def test_a_target_is_missed_only_where_the_whole_range_lies_below_it(aimed, hits, calls, stands):
    readings = read(aimed, week="2026-W10", scorecard="house", edition=WHOLE)

    assert step_aim(readings, "empathy", Rate.of(hits, calls)).words == f"Target 60%: {stands}"
    assert step_aim(readings, "apology", Rate.of(hits, calls)) is None
