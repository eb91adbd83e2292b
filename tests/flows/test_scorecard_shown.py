"""What the terminal says of one call."""

from types import SimpleNamespace

import pytest

from callaudit.audit_rules.acts.said import Certainty, Witness
from callaudit.audit_rules.authoring.examples import parse_example
from callaudit.audit_rules.finding import Audit, Evidence, EvidenceKind, Finding, Measures, Reason, Upset, Verdict
from callaudit.audit_rules.rule import Examples, Rule, Scorecard, Step
from callaudit.audit_rules.scorecard import score, verdicts_of
from callaudit.console import show_scorecard


def test_unsure_is_said_with_what_was_understood_and_how_much_of_the_call_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rules = tuple(
        Rule(id=i, asks=f"Does the agent {i}?", why="w", sources=("A3",), examples=Examples(met="A: x"))
        for i in ("apology.given", "pace.shows_urgency", "solution.is_offered")
    )
    card = Scorecard(name="h", title="House", steps=(Step(id="s", title="All", rules={r.id: 1.0 for r in rules}),))
    near = Evidence(
        kind=EvidenceKind.NEAR_MISS, quote="that is not nice", act="apologises", probability=0.412,
        like="i am sorry to hear it",
    )  # fmt: skip
    findings = (
        Finding(
            rule_id="apology.given", verdict=Verdict.UNSURE, reason=Reason.NEAR_ENOUGH, evidence=(near,),
            certainty=Certainty.POSSIBLE, witness=Witness.RECOGNISER,
        ),
        Finding(rule_id="pace.shows_urgency", verdict=Verdict.MET, reason=Reason.HEARD),
        Finding(rule_id="solution.is_offered", verdict=Verdict.MISSED, reason=Reason.NOT_HEARD),
    )  # fmt: skip
    measures = Measures(turns_agent=1, turns_customer=1, words_agent=4, words_customer=2, upset=Upset.PERHAPS)
    audit = Audit(
        call_id="C1", rulebook_version="v1", findings=findings, episodes=(), promises=(), measures=measures
    )  # fmt: skip
    book = SimpleNamespace(rules=rules)

    scored = score(verdicts_of(findings), book, card)  # type: ignore[arg-type]  Tests give less than types ask.
    show_scorecard("c1.wav", parse_example("C: It broke.\nA: That is not nice.").transcript, audit, scored, book)  # type: ignore[arg-type]  Tests give less than types ask.
    said = capsys.readouterr().out

    assert said.startswith("c1.wav  example\n")
    assert "50 of 100, 67% of what applies was judged, 33% is unsure; perhaps a tense call" in said
    assert [said.index(rule.id) for rule in (rules[2], rules[0], rules[1])] == sorted(said.index(r.id) for r in rules)
    assert "Unsure: a person should listen (1)\n  Does the agent apology.given?" in said
    assert "“that is not nice” understood as: apologises (41%), like “i am sorry to hear it”" in said
