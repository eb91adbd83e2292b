"""The index of all reports and the agents' pages: what they lead to, and what they say of a person."""

import re
from datetime import UTC, date, datetime

import msgspec
import pytest

from callaudit.audit_rules.acts.said import Witness
from callaudit.reports.page import NO_BRAND, brand
from callaudit.reports.places import make_places
from callaudit.reports.places.agents import agent_pages
from callaudit.reports.weekly import render
from callaudit.transcription.errors import SetupError
from callaudit.warehouse.agreements import Agreement
from callaudit.warehouse.arrow_tables import AuditedCall

WEEK = "2026-W10"
AGREED = date(2026, 1, 26)


def learned(week: int, agent: int, step: str) -> float:
    """Agent 0 names the feeling from the seventh week on; nobody else changes."""
    if agent == 0 and step == "empathy":
        return 0.97 if week >= 6 else 0.1
    return 0.7


def agreement(step: str, agent: str = "a0", **others: object) -> Agreement:
    return Agreement(agent_id=agent, scorecard="house", step=step, agreed_on=AGREED, agreed_by="Lea Roth", **others)


@pytest.fixture(scope="module")
def centre_that_learned(published, centre):
    """Twelve weeks; two things were agreed with agent 0 and one with agent 1 when half of them were over."""
    agreed = [agreement("empathy", note="name it in the first turn", moments=(("C060000", 9.5), ("C060004", None)))]
    agreed += [agreement("solution"), agreement("empathy", "a1")]
    return published(centre.random_calls(12, 24, agents=4, skill=learned), agreed=agreed)


def of(store, agent: str, with_pages: frozenset[str] = frozenset()):
    return dict(agent_pages(store, scorecard="house", with_pages=with_pages))[agent]


def test_what_changed_since_it_was_agreed_is_called_better_and_the_rest_is_not(centre_that_learned):
    named, solved = of(centre_that_learned, "a0").agreed
    if named.title != "Name the feeling":
        named, solved = solved, named

    assert (named.change.words, named.change.tone) == ("Better", "good")
    assert named.told == "agreed on 26 January 2026 with Lea Roth"
    assert solved.change.tone == ""
    assert of(centre_that_learned, "a1").agreed[0].change.tone == ""


def test_a_moment_that_was_listened_to_leads_to_its_page_where_there_is_one(centre_that_learned):
    page = of(centre_that_learned, "a0", frozenset({"C060000.html"}))
    (agreed,) = [one for one in page.agreed if one.moments]

    assert agreed.moments == (("C060000 at 0:09", "../calls/C060000.html#t=9.5"), ("C060004", ""))


def test_a_miss_that_the_recogniser_alone_heard_is_no_critical_moment(published, centre):
    proven, accused = (
        centre.angry_call(name, datetime(2026, 3, day, 9, tzinfo=UTC)) for name, day in (("proven", 3), ("accused", 4))
    )
    alone = tuple(msgspec.structs.replace(f, witness=Witness.RECOGNISER) for f in accused.audit.findings)
    accused = AuditedCall(accused.transcript, msgspec.structs.replace(accused.audit, findings=alone))

    missed = of(published([proven, accused]), "a0").missed

    assert [(moment.call_id, moment.critical) for moment in missed] == [("proven", True), ("accused", False)]


def test_an_agents_page_names_no_colleague(centre_that_learned, tmp_path):
    make_places(centre_that_learned, tmp_path, scorecard="house", brand=NO_BRAND)
    page = (tmp_path / "agents" / "a0.html").read_text()

    assert "Anton Martin" in page
    assert not [name for name in ("Chloe", "Brown", "Emil", "Rao", "Grace", "Silva") if re.search(rf"\b{name}\b", page)]


def test_a_step_is_not_compared_across_a_change_of_its_rule(published, centre):
    store = published(
        centre.random_calls(12, 24, agents=4, skill=learned),
        rulebooks=(centre.rulebook("v0", reworded=["empathy.acknowledges_feeling"]), centre.rulebook("v1")),
        agreed=[agreement("empathy")],
    )

    assert of(store, "a0").agreed[0].change.words == "Rule changed: not comparable"


def test_the_index_leads_to_the_weeks_that_were_made_and_to_every_agent(centre_that_learned, tmp_path):
    render(centre_that_learned, week=WEEK, out=tmp_path / f"weekly-{WEEK}-house.html")
    render(centre_that_learned, week=WEEK, scorecard="five_tips", out=tmp_path / f"weekly-{WEEK}-five_tips.html")
    (tmp_path / f"weekly-{WEEK}-house-calls.html").write_text("<title>All calls</title>")

    index, *agents = make_places(centre_that_learned, tmp_path, scorecard="house", brand=NO_BRAND)
    links = re.findall(r'href="([^"#]+)"', index.read_text())

    assert links == [
        f"weekly-{WEEK}-house.html",
        f"weekly-{WEEK}-five_tips.html",
        *(f"agents/a{n}.html" for n in range(4)),
    ]
    assert [path.name for path in agents] == [f"a{n}.html" for n in range(4)]
    assert index.read_text().count("(no report)") == 11


def test_the_page_of_an_agent_who_is_no_more_goes(centre_that_learned, tmp_path):
    left = tmp_path / "agents" / "gone.html"
    left.parent.mkdir()
    left.write_text("Somebody")

    make_places(centre_that_learned, tmp_path, scorecard="house", brand=NO_BRAND)

    assert not left.exists()


def test_a_logo_is_part_of_the_page_and_no_other_file_is_taken_for_one(centre_that_learned, tmp_path):
    logo = tmp_path / "logo.svg"
    logo.write_text("<svg/>")
    index, *_ = make_places(centre_that_learned, tmp_path / "r", scorecard="house", brand=brand("A & B", logo))
    page = index.read_text()

    assert 'src="data:image/svg+xml;base64,PHN2Zy8+" alt=""' in page
    assert "A &amp; B" in page
    for name, why in (("logo.exe", "no picture"), ("none.png", "cannot be read")):
        with pytest.raises(SetupError, match=why):
            brand("", tmp_path / name)
