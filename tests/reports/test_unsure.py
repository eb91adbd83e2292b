"""What is unsure is shown as that: on a call's page, in the week's page, its workbook, its mail and its summary."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from callaudit.audit_rules.acts.said import Certainty, Witness
from callaudit.audit_rules.finding import EvidenceKind, Finding, Reason, Upset, Verdict
from callaudit.reports.call_page import render
from callaudit.reports.call_page.page import call_page
from callaudit.reports.call_page.queries import read
from callaudit.reports.formats.chat_summary import plain_summary
from callaudit.reports.mail import letter
from callaudit.reports.weekly.page import weekly
from callaudit.reports.weekly.queries import read as read_week
from callaudit.reports.weekly.rates import unsure_of
from callaudit.reports.weekly.rows import Judged
from callaudit.reports.weekly.tables import tables
from callaudit.warehouse.arrow_tables import AuditedCall
from callaudit.warehouse.reviews import Review

MARCH = datetime(2026, 3, 5, 14, 7, tzinfo=timezone(timedelta(hours=1)))
LINE = "i can only imagine how tiring that was"


def with_findings(call: AuditedCall, *changed: Finding, **measures: object) -> AuditedCall:
    """The call with these findings in place of its own."""
    by_rule = {f.rule_id: f for f in call.audit.findings} | {f.rule_id: f for f in changed}
    replaced = msgspec.structs.replace(
        call.audit,
        findings=tuple(by_rule.values()),
        measures=msgspec.structs.replace(call.audit.measures, **measures),
    )
    return AuditedCall(call.transcript, replaced)


def unsure(centre, call: AuditedCall, rule: str, quote: str, witness: Witness, **understood: object) -> Finding:
    heard = centre.evidence(call.transcript, quote, EvidenceKind.NEAR_MISS)
    return Finding(
        rule_id=rule,
        verdict=Verdict.UNSURE,
        reason=Reason.NEAR_ENOUGH,
        evidence=(msgspec.structs.replace(heard, **understood),),
        certainty=Certainty.POSSIBLE,
        witness=witness,
    )


@pytest.fixture(scope="module")
def doubtful(centre):
    """The angry call with three unsure verdicts, each by another witness."""
    call = centre.angry_call("C-UNSURE", MARCH)
    met = next(f for f in call.audit.findings if f.rule_id == "apology.given")
    heard = msgspec.structs.replace(met.evidence[0], act="apologises", probability=0.998)
    return with_findings(
        call,
        unsure(
            centre, call, "empathy.acknowledges_feeling", "I can hear how frustrating", Witness.RECOGNISER,
            act="acknowledges_feeling", probability=0.412, like=LINE,
        ),
        unsure(
            centre, call, "empathy.is_specific", "three calls and a lost day", Witness.BOTH,
            act="acknowledges_this_case", probability=0.934,
        ),
        msgspec.structs.replace(met, evidence=(heard,), certainty=Certainty.SURE, witness=Witness.PHRASES),
    )  # fmt: skip


@pytest.fixture(scope="module")
def page(published, doubtful):
    return call_page(read(published([doubtful]), "C-UNSURE"), "house")


def lines_of(page):
    return {rule.rule_id: (step, rule) for step in page.scorecards[0].steps for rule in step.rules}


def test_an_unsure_rule_has_an_icon_a_word_and_a_number_of_its_own(page):
    lines = lines_of(page)
    step, rule = lines["empathy.acknowledges_feeling"]

    assert (rule.verdict, rule.css, rule.icon) == ("unsure", "unsure", "\N{ALMOST EQUAL TO}")
    assert rule.icon not in {r.icon for _, r in lines.values() if r.css != "unsure"}
    assert step.css == "unsure"
    assert rule.number is not None
    assert rule.can_review
    assert rule.number in {pin.number for pin in page.pins if pin.css == "unsure"}
    assert "unsure" in page.has


def test_evidence_says_whether_phrases_heard_it_or_the_recogniser_understood_it(page):
    lines = lines_of(page)

    def quote(rule):
        (found, *_) = lines[rule][1].quotes
        return found.label, found.understood, found.nearest_line

    assert quote("apology.given") == ("Heard:", "", "")
    assert quote("empathy.acknowledges_feeling") == ("Nearest", "understood as: acknowledges feeling (41%)", LINE)
    assert quote("empathy.is_specific") == ("Nearest", "understood as: acknowledges this case (93%)", "")


def test_the_score_says_beside_it_how_much_was_judged_and_how_much_is_unsure(page):
    assert page.score_note == "9 of 14 rules met"
    assert page.score_judged == "88% judged, 2 rules unsure"
    assert page.scorecards[0].coverage == "2 rules are unsure, outside the score."


def test_a_call_of_which_too_little_was_judged_says_so_in_place_of_a_score(published, centre):
    call = centre.angry_call("C-LITTLE", MARCH)
    doubts = [
        msgspec.structs.replace(f, verdict=Verdict.UNSURE)
        for f in call.audit.findings
        if f.verdict in (Verdict.MET, Verdict.MISSED)
    ]
    page = call_page(read(published([with_findings(call, *doubts[:10])]), "C-LITTLE"), "house")

    assert (page.scored, page.score_note) == (False, "Not enough could be judged")
    assert page.scorecards[0].coverage == (
        "10 rules are unsure, outside the score. Only 38% of what the call called for was judged; under 50% there is "
        "no score."
    )


def test_a_call_that_is_perhaps_tense_asks_for_a_listener(published, centre):
    call = with_findings(centre.angry_call("C-PERHAPS", MARCH), upset=Upset.PERHAPS, calmed=None)
    published_copy = published([call])

    assert call_page(read(published_copy, "C-PERHAPS"), "house").outcome == "Perhaps tense: a person should listen."
    week = weekly(read_week(published_copy, week="2026-W10", scorecard="house"))
    assert [line.mood for line in week.calls] == ["perhaps tense"]
    assert week.summary.startswith("1 call audited, 0 of them tense, 1 perhaps.")
    assert [f.rate.n for f in week.figures if f.name == "Tense calls calmed"] == [0]


def test_a_page_holds_the_line_it_is_like_and_the_marks_to_decide_it(published, doubtful, tmp_path):
    out = render(published([doubtful]), "C-UNSURE", out=tmp_path / "call.html", scorecard="house")
    html = out.read_text()

    assert LINE in html
    assert 'data-verdict="unsure"' in html


def test_a_person_who_decides_an_unsure_verdict_reverses_nothing(published, doubtful):
    review = Review(
        review_id="R", call_id="C-UNSURE", rule_id="empathy.is_specific", verdict=Verdict.MET, reviewer="Eva",
        reviewed_at=datetime(2026, 3, 9, tzinfo=UTC),
    )  # fmt: skip
    page = call_page(read(published([doubtful], reviews=[review]), "C-UNSURE"), "house")

    assert lines_of(page)["empathy.is_specific"][1].override == "Eva decided this (the rule said unsure)."


def test_bounds_hold_the_rate_and_nothing_unsure_says_nothing():
    some = unsure_of(Judged(met=6, judged=8, unsure=2, applicable=12))
    none = unsure_of(Judged(met=6, judged=8, unsure=0, applicable=8))

    assert (some.share.share, some.low, some.high) == (2 / 12, 0.6, 0.8)
    assert (some.text, some.span) == ("17% unsure", "between 60% and 80%, as the unsure ones turn out")
    assert (none.text, none.span, none.low, none.high) == ("", "", 0.75, 0.75)
    assert unsure_of().low is None


@pytest.fixture(scope="module")
def week(published, centre):
    """Twenty calls; apology.given is unsure on five of them, and with it the step says what is left of it."""
    calls = []
    for n in range(20):
        call = centre.angry_call(f"C{n:02}", MARCH + timedelta(minutes=n), agent=n % 4)
        doubts = [
            msgspec.structs.replace(f, verdict=Verdict.UNSURE)
            for f in call.audit.findings
            if n < 5 and f.rule_id.startswith("apology.")
        ]
        calls.append(with_findings(call, *doubts))
    readings = read_week(published(calls), week="2026-W10", scorecard="house")
    return readings, weekly(readings)


def test_the_share_of_unsure_stands_beside_each_step_rule_scorecard_and_headline(week):
    _, page = week
    step = next(s for s in page.steps if s.step == "apology")

    assert (step.count, step.value, step.unsure.text) == ("15", "100%", "25% unsure")
    assert step.unsure.span == "between 75% and 100%, as the unsure ones turn out"
    assert {r.rule_id: r.unsure.text for r in step.rules} == {
        "apology.given": "25% unsure",
        "apology.is_specific": "25% unsure",
    }
    assert all(s.unsure.text == "" for s in page.steps if s.step != "apology")
    assert [s.unsure.text for s in page.scorecards] == ["", "2% unsure"]
    assert page.figures[0].note == "of the steps that applied, 2% unsure"
    assert any(f.name == "Could be judged" and "10 of them unsure (3%)" in f.value for f in page.quality)


def test_the_workbooks_tables_hold_the_share_and_the_bounds(week):
    readings, page = week
    made = tables(readings, page)
    for name, row in (("steps", 3), ("rules", 7), ("steps by week", 3)):
        titles = [column.title for column in made[name].columns]
        at = titles.index("Unsure")
        assert titles[at : at + 3] == ["Unsure", "If all unsure missed", "If all unsure met"]
        assert made[name].rows[row][at] == 0.25
    assert made["steps"].rows[3][at : at + 3] == (0.25, 0.75, 1.0)
    calls = [column.title for column in made["calls"].columns]
    assert {row[calls.index("Rules unsure")] for row in made["calls"].rows} == {0, 2}


def test_mail_and_summary_say_it_beside_the_step(week):
    readings, page = week

    assert any("Say sorry for it" in line and "25% unsure" in line for line in plain_summary(page).splitlines())
    assert letter(readings, page).html.count("25% unsure") == 1
