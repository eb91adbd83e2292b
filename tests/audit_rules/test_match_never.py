"""`never` and `at_most`: what the agent leaves unsaid, or says no more often than."""

import pytest

from callaudit.audit_rules.finding import EvidenceKind, Verdict
from callaudit.audit_rules.sentences import note_of, reason_of
from tests.support.rules import Judge

CALM = "never: {any_of: [calm down], unless: [things calm down]}"


def test_what_was_never_said_is_met_and_shows_what_was_searched(judge: Judge) -> None:
    found = judge(CALM, "C: This is ridiculous.\nA: I can see why.\nC: So?\nA: Let me look.")

    assert (found.verdict, reason_of(found)) == (Verdict.MET, "Never said.")
    assert note_of(found.evidence[0], found) == "searched 2 agent turns"


def test_once_is_a_miss_with_the_words(judge: Judge) -> None:
    found = judge(CALM, "C: This is ridiculous.\nA: Please CALM down, sir.")

    assert (found.verdict, reason_of(found)) == (Verdict.MISSED, "Said once.")
    assert [(e.kind, e.quote) for e in found.evidence] == [(EvidenceKind.AGAINST, "Please CALM down, sir")]


def test_every_time_is_counted(judge: Judge) -> None:
    assert reason_of(judge(CALM, "C: Oh!\nA: Calm down. Calm down.\nC: No!\nA: Calm down.")) == "Said 3 times."


def test_the_customer_may_say_it(judge: Judge) -> None:
    assert judge(CALM, "C: Calm down!\nA: Of course, sir.").verdict is Verdict.MET


def test_an_exception_is_no_offence(judge: Judge) -> None:
    assert judge(CALM, "C: Hi there.\nA: When things calm down we deliver.").verdict is Verdict.MET


EXCUSE = "never: {any_of: [nothing i can do], followed_by: {any_of: [what i can do, i can do]}, within: 2 agent turns}"


@pytest.mark.parametrize(
    ("call", "verdict"),
    [
        ("C: Hi there.\nA: There is nothing I can do.", Verdict.MISSED),
        ("C: Hi there.\nA: There is nothing I can do. What I can do is ask.", Verdict.MET),
        ("C: Hi there.\nA: There is nothing I can do.\nC: Why?\nA: What I can do is ask.", Verdict.MET),
        ("C: Hi there.\nA: There is nothing I can do.\nC: Why?\nA: Well.\nC: So?\nA: What I can do is ask.",
         Verdict.MISSED),
        ("A: What I can do is ask.\nC: So?\nA: There is nothing I can do.", Verdict.MISSED),
    ],
)  # fmt: skip
def test_an_offer_soon_after_makes_it_good(judge: Judge, call: str, verdict: Verdict) -> None:
    assert judge(EXCUSE, call).verdict is verdict


def test_what_was_made_good_is_no_evidence_against(judge: Judge) -> None:
    body = EXCUSE.replace("2 agent turns", "1 agent turn")
    found = judge(body, "C: Hi.\nA: Nothing I can do. What I can do is ask.\nC: And?\nA: Nothing I can do.")

    assert reason_of(found) == "Said once."
    assert [e.turn for e in found.evidence] == [3]


@pytest.mark.parametrize(("at", "verdict"), [(15, Verdict.MET), (17, Verdict.MISSED)])
def test_the_offer_may_have_a_limit_in_seconds(judge: Judge, at: int, verdict: Verdict) -> None:
    body = EXCUSE.replace("2 agent turns", "10 s")
    call = f"[0-1] C: Hi.\n[2-5] A: Nothing I can do.\n[6-7] C: So?\n[{at}-30] A: What I can do is ask."

    assert judge(body, call).verdict is verdict


THRICE = "at_most: {times: 2, any_of: [sorry], unless_said: {any_of: [sorry about]}}"


@pytest.mark.parametrize(
    ("said", "verdict", "reason"),
    [
        ("Hello there.", Verdict.NOT_APPLICABLE, "Never said."),
        ("Sorry. Hello there.", Verdict.MET, "Said once; limit 2."),
        ("Sorry. Yes, sorry.", Verdict.MET, "Said 2 times; limit 2."),
        ("Sorry. Yes, sorry. So sorry.", Verdict.MISSED, "Said 3 times; limit 2."),
        ("Sorry. Yes, sorry. So sorry about the lamp.", Verdict.MET, "Said 3 times, with one that is specific."),
    ],
)
def test_three_are_too_many_unless_one_redeems_them(judge: Judge, said: str, verdict: Verdict, reason: str) -> None:
    found = judge(THRICE, f"C: My lamp is broken.\nA: {said}")

    assert (found.verdict, reason_of(found)) == (verdict, reason)


def test_an_agent_who_only_signals_said_nothing_to_judge(judge: Judge) -> None:
    for body in (CALM, THRICE):
        assert judge(body, "C: My lamp is broken.\nA: Okay.").verdict is Verdict.NOT_APPLICABLE
