"""Coaching cards and what drives misses: true of the figures, silent where they are thin."""

import random
import re
from datetime import UTC, datetime

import msgspec
import pytest

from callaudit.audit_rules.audit import audit
from callaudit.audit_rules.authoring.examples import examples_of, parse_example
from callaudit.audit_rules.finding import Audit, Evidence, EvidenceKind, Finding, Miss, Reason, Verdict
from callaudit.audit_rules.rulebook import load_rulebook
from callaudit.reports.page import write_page
from callaudit.reports.statistics import common_difference
from callaudit.reports.weekly.misses import SHAPES
from callaudit.reports.weekly.page import weekly
from callaudit.reports.weekly.queries import read
from callaudit.warehouse.arrow_tables import AuditedCall

WEEK = "2026-W10"
ON = datetime(2026, 3, 4, 9, tzinfo=UTC)


_PAGES = {}


def page_of(store, scorecard="house"):
    """The figures, worked out once."""
    if (id(store), scorecard) not in _PAGES:
        _PAGES[id(store), scorecard] = store, weekly(read(store, week=WEEK, scorecard=scorecard))
    return _PAGES[id(store), scorecard][1]


@pytest.fixture(scope="module")
def weak(published, centre):
    """Agent 3 never says the problem back and always checks that it is settled; the others do both on most calls."""

    def skill(week, agent, step):
        if agent == 3 and step in ("clarify", "follow_up"):
            return 0.05 if step == "clarify" else 0.97
        return 0.7

    def quoted(n, finding):
        if finding.rule_id != "clarify.mirrors":
            return finding
        said = Evidence(kind=EvidenceKind.NEAR_MISS, turn=1, start=5.0, quote=f"So it is parcel number {n}?")
        return msgspec.structs.replace(finding, evidence=(said,))

    calls = centre.random_calls(4, 80, skill=skill)
    for n, call in enumerate(calls):
        findings = tuple(quoted(n, finding) for finding in call.audit.findings)
        calls[n] = AuditedCall(call.transcript, msgspec.structs.replace(call.audit, findings=findings))
    return published(calls)


def test_a_card_names_the_step_that_is_clearly_below_the_team_and_nobody_else_has_one(weak):
    page = page_of(weak)

    assert [card.name for card in page.cards] == ["Grace Silva"]
    card = page.cards[0]
    assert card.work_on.title == "Say the problem back"
    assert "; the team on " in card.work_on.detail
    assert not any(other.is_clear for other in page.other_cards)


def test_what_is_not_clear_is_told_as_a_count_and_said_to_be_unclear(weak):
    for card in page_of(weak).other_cards:
        if card.work_on:
            assert card.work_on.detail.startswith("Not clearly below the team, but missed most often: on ")


def test_no_card_is_made_of_a_handful_of_calls(published, centre):
    assert page_of(published([centre.angry_call(f"c{i}", ON, i) for i in range(3)])).cards == ()
    assert page_of(published([centre.angry_call(f"c{i}", ON, i) for i in range(3)])).other_cards == ()


def test_moments_of_a_card_are_the_agent_s_own_calls_of_the_step_and_at_most_three(weak, tmp_path):
    page = page_of(weak)
    html = write_page(tmp_path / "weekly.html", "weekly/weekly.html.j2", page=page).read_text()
    agents = {row["call_id"]: row["agent_name"] for row in weak.rows("select call_id, agent_name from calls")}
    cards = (*page.cards, *page.other_cards)

    assert len(page.cards[0].moments) >= 2
    for card in cards:
        assert len(card.moments) <= 3
        assert {agents[moment.call_id] for moment in card.moments} <= {card.name}
        assert all(f'href="{moment.href}"' in html for moment in card.moments)


def test_teams_show_their_rate_and_what_changed_since_the_four_weeks_before(published, centre):
    def skill(week, agent, step):
        return 0.95 if agent % 2 == 0 and week >= 4 else 0.1

    page = page_of(published(centre.random_calls(8, 64, skill=skill)))

    assert {team.name: team.change.words for team in page.teams} == {
        "Billing": "No clear change",
        "Retention": "Better",
    }
    assert all(agent.spark is not None for team in page.teams for agent in team.agents)


def test_a_team_s_own_share_of_a_step_is_not_told_from_few_calls(published, centre):
    few, many = (page_of(published(centre.random_calls(1, n))) for n in (8, 120))

    assert {share for team in few.heat.teams for share in team.shares} <= {""}
    assert all(re.fullmatch(r"\d+", share) for team in many.heat.teams for share in team.shares)


def test_weeks_judged_by_other_rules_are_not_compared(published, centre):
    old, new = centre.rulebook("v1"), centre.rulebook("v2", reworded=["solution.is_offered"])
    last = datetime(2026, 3, 2, tzinfo=UTC)
    calls = [
        AuditedCall(c.transcript, msgspec.structs.replace(c.audit, rulebook_version="v2"))
        if c.transcript.call.started_at >= last
        else c
        for c in centre.random_calls(8, 24)
    ]

    page = page_of(published(calls, rulebooks=[old, new]))

    assert {agent.change.words for team in page.teams for agent in team.agents} == {"Rules changed"}
    assert not page.agent_sparks


def test_the_points_lost_and_the_ways_of_missing_add_up(weak):
    page = page_of(weak)
    missed = weak.rows(
        "select count(*) as n from findings where iso_week = '2026-W10' and verdict = 'missed' and status = 'live'"
    )[0]["n"]

    assert sum(shape.misses for shape in page.drivers.shapes) == missed
    assert sum(lost.share for lost in page.drivers.lost) == pytest.approx(1)
    judged = weak.rows(
        "select count(*) as n from call_scorecards where iso_week = '2026-W10' and scorecard = 'house' and score > 0"
    )[0]["n"]
    by_title = dict(page.drivers.groups)
    assert sum(group.calls for group in by_title["By team"]) == sum(group.calls for group in by_title["By mood"])
    assert sum(group.calls for group in by_title["By team"]) >= judged


LATE = """\
C: This is ridiculous, I am furious, this is the third time I've called.
A: Can I take your account number?
C: It is one two three four.
A: And your post code?
C: N one.
A: Thank you. And the first line of the address?
C: Ten High Street.
A: Let me look that up.
C: Fine.
A: I completely understand how frustrating this is. I am so sorry about that.
"""


def test_every_way_in_which_a_shipped_rule_is_missed_has_a_name(published):
    book = load_rulebook()
    texts = [text for rule in book.rules for verdict, text in examples_of(rule) if verdict is Verdict.MISSED]
    calls = []
    for n, text in enumerate([*texts, LATE]):
        made = parse_example(text)
        known = msgspec.structs.replace(made.transcript.call, call_id=f"E{n:03}", started_at=ON)
        heard = msgspec.structs.replace(made.transcript, call=known)
        calls.append(AuditedCall(heard, audit(heard, book, contacts=made.contacts, known_until=made.known_until)))

    rows = read(published(calls, rulebooks=[book]), week=WEEK, scorecard="house").misses

    shapes = {row.miss_kind for row in rows}
    assert shapes <= set(SHAPES)
    assert {"never", "forbidden", "wrong_order", "timing", "hold"} <= shapes


@pytest.fixture(scope="module")
def shipped(published, centre):
    """Calls of five agents, judged by the shipped rules with drawn verdicts."""
    book, draw = load_rulebook(), random.Random(3)
    calls = []
    for n in range(60):
        heard = centre.transcript(centre.named_call(f"S{n}", ON, n % 5), centre.ANGRY[:7])
        said = Evidence(kind=EvidenceKind.MET, turn=1, start=5.0, quote="This is the third time I've called")
        drawn = {rule.id: draw.choice((Verdict.MET, Verdict.MET, Verdict.MISSED)) for rule in book.rules}
        findings = tuple(
            Finding(
                rule_id=rule, verdict=verdict, reason=Reason.HEARD, evidence=(said,),
                miss=Miss.NEVER if verdict is Verdict.MISSED else None,
            )
            for rule, verdict in drawn.items()
        )  # fmt: skip
        measured = centre.audit(heard, {}, tense=True, calmed=draw.random() < 0.5)
        calls.append(
            AuditedCall(heard, Audit(call_id=f"S{n}", rulebook_version=book.version, findings=findings, episodes=(),
                                     promises=(), measures=measured.measures))
        )  # fmt: skip
    return published(calls, rulebooks=[book])


def test_what_goes_with_calmed_calls_is_asked_of_every_rule_about_the_agents_own_words(shipped):
    book = load_rulebook()
    on_the_card = {rule for step in book.scorecards["house"].steps for rule in step.rules}
    of_the_agent = {r.id for r in book.rules if r.status == "live" and r.speaker == "agent" and r.id in on_the_card}

    asked = {row.rule_id for row in read(shipped, week=WEEK, scorecard="house").calmed}

    # These speak of the customer too, in what calls for them.
    assert {"agreement.asks_consent", "agreement.explains_next_steps", "clarify.asks_questions"} < asked
    assert asked == of_the_agent
    assert "agreement.customer_accepts" not in asked


@pytest.mark.parametrize("name", sorted(load_rulebook().scorecards))
def test_every_section_can_be_framed_by_any_shipped_scorecard(shipped, name, tmp_path):
    titles = [step.title for step in load_rulebook().scorecards[name].steps]
    page = page_of(shipped, name)
    html = write_page(tmp_path / "weekly.html", "weekly/weekly.html.j2", page=page).read_text()

    assert [step.title for step in page.steps] == titles
    assert page.heat is not None
    assert list(page.heat.steps) == titles
    assert all(len(row.cells) == len(titles) for team in page.heat.teams for row in team.rows)
    assert {lost.title for lost in page.drivers.lost} <= set(titles)
    assert page.drivers.shapes
    cards = (*page.cards, *page.other_cards)
    assert cards
    assert {a.title for card in cards for a in (card.work_on, card.went_well) if a} <= set(titles)
    for section in ("steps", "heat", "agents", "coaching", "hear", "misses", "calls", "data", "how"):
        assert f'<section id="{section}"' in html


def test_a_difference_is_compared_inside_each_stratum_only():
    # In both strata the first group hits ten points oftener; pooled, the second would look better.
    strata = [((9, 10), (72, 90)), ((36, 90), (3, 10))]

    found = common_difference(strata)

    assert found is not None
    assert found[0] == pytest.approx(0.1)
    assert found[1].low < 0 < found[1].high
    assert common_difference([((3, 4), (0, 0))]) is None


def test_the_range_of_a_common_difference_holds_as_often_as_it_says():
    draw = random.Random(11)
    held = 0
    for _ in range(600):
        strata = []
        for _ in range(20):
            base, n, other = draw.uniform(0.2, 0.7), draw.randint(4, 25), draw.randint(2, 12)
            hits = sum(draw.random() < base + 0.1 for _ in range(n))
            strata.append(((hits, n), (sum(draw.random() < base for _ in range(other)), other)))
        found = common_difference(strata)
        held += found is not None and found[1].low <= 0.1 <= found[1].high
    assert 0.93 <= held / 600 <= 0.975
