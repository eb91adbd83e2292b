"""`timing`: interruptions, listening signals, answer gaps, all from when each channel speaks."""

import pytest

from audit_rules.finding import EvidenceKind, Verdict
from tests.audit_rules.conftest import Judge

CUTS_IN = "applies: episode\nneeds_times: true\ntiming: {aspect: interruption}"
VENT = "This is ridiculous, it came on Monday and it was broken"


@pytest.mark.parametrize(
    ("start", "end", "verdict"),
    [
        (5.0, 12.0, Verdict.MISSED),
        (10.4, 14.0, Verdict.MET),
        (9.5, 14.0, Verdict.MISSED),
        (9.6, 14.0, Verdict.MET),
        (0.9, 14.0, Verdict.MET),
        (1.0, 14.0, Verdict.MISSED),
        (5.0, 6.4, Verdict.MET),
        (5.0, 6.5, Verdict.MISSED),
        (9.0, 10.4, Verdict.MET),
        (9.0, 10.5, Verdict.MISSED),
    ],
)
def test_taking_the_floor_or_talking_over_the_customer_is_an_interruption(
    judge: Judge, start: float, end: float, verdict: Verdict
) -> None:
    found = judge(CUTS_IN, f"[0-10] C: {VENT}\n[{start}-{end}] A: Account number please")

    assert found.verdict is verdict


def test_an_interruption_says_how_long_both_spoke(judge: Judge) -> None:
    found = judge(CUTS_IN, f"[0-10] C: {VENT}\n[8-14] A: Account number please")

    assert found.reason == "Spoke over the customer for 2.0 s."
    assert [(e.kind, e.start, e.end) for e in found.evidence] == [
        (EvidenceKind.AGAINST, 8.0, 14.0), (EvidenceKind.TRIGGER, 0.0, 10.0),
    ]  # fmt: skip


def test_a_signal_interrupts_nobody(judge: Judge) -> None:
    assert judge(CUTS_IN, f"[0-10] C: {VENT}\n[9-11] A: Mm hmm.\n[12-13] A: So sorry for that.").verdict is Verdict.MET


def test_cutting_in_before_the_upset_is_not_this_rules_concern(judge: Judge) -> None:
    call = f"[0-5] C: My lamp came\n[3-8] A: Which lamp was that?\n[10-20] C: {VENT}\n[21-22] A: Sorry for that."

    assert judge(CUTS_IN, call).verdict is Verdict.MET


def test_interruptions_cannot_be_judged_without_times(judge: Judge) -> None:
    found = judge(CUTS_IN, f"C: {VENT}\nA: Account number please")

    assert (found.verdict, found.reason) == (
        Verdict.NOT_ASSESSABLE, "The recording does not show when each party speaks.",
    )  # fmt: skip


SIGNALS = "applies: episode\nneeds_times: true\ntiming: {aspect: signal, longest_turn: 15, acknowledged_by: [i hear]}"


@pytest.mark.parametrize(
    ("call", "verdict"),
    [
        (f"[0-14.9] C: {VENT}\n[15-17] A: Account number?", Verdict.NOT_APPLICABLE),
        (f"[0-15] C: {VENT}\n[15-17] A: Account number?", Verdict.MISSED),
        (f"[0-15] C: {VENT}\n[7-7.4] A: Mhm.\n[15-17] A: Account number?", Verdict.MET),
        (f"[0-15] C: {VENT}\n[16-17] A: I hear you.", Verdict.MET),
        (f"[0-15] C: {VENT}\n[16-17] A: Okay.", Verdict.MET),
        (f"[0-15] C: {VENT}\n[16-17] A: Mm hmm.", Verdict.MET),
    ],
)
def test_a_long_complaint_gets_a_listening_signal(judge: Judge, call: str, verdict: Verdict) -> None:
    assert judge(SIGNALS, call).verdict is verdict


def test_the_verdict_on_a_long_complaint_says_how_long_it_was(judge: Judge) -> None:
    found = judge(SIGNALS, f"[0-20] C: {VENT}\n[20-22] A: Account number?")

    assert found.reason == "No listening signal in 20 s of venting, and none right after."


PROMPT = "needs_times: true\ntiming: {aspect: answer_gap, median_gap: 3, longest_silence: 7}"


@pytest.mark.parametrize(
    ("call", "verdict", "reason"),
    [
        ("[0-3] C: Hi.\n[6-7] A: Hello there.", Verdict.MET, "Answers came after 3.0 s (median)."),
        ("[0-3] C: Hi.\n[6.2-7] A: Hello there.", Verdict.MISSED,
         "Half of the answers took longer than 3.2 s; limit 3.0 s."),
        ("[0-3] C: Hi.\n[4-5] A: Hello there.\n[12.5-13] A: So.", Verdict.MISSED, "Dead air of 7.5 s; limit 7.0 s."),
        ("[0-3] C: Hi.\n[4-5] A: Hello there.\n[13-14] A: So.", Verdict.MET, "Answers came after 1.0 s (median)."),
        ("[0-3] A: Hello there.\n[4-5] C: Hi.", Verdict.NOT_APPLICABLE, "The agent never had to answer."),
        ("[0-3] C: Hi.\n[15-16] A: Hello there.\n[17-18] C: So.\n[19-20] A: Yes.", Verdict.MET,
         "Answers came after 1.0 s (median)."),
        ("[0-3] C: Hi.\n[6-7] C: Are you there?\n[8-9] A: Yes, I am.", Verdict.MET,
         "Answers came after 1.0 s (median)."),
    ],
)  # fmt: skip
def test_answers_come_promptly(judge: Judge, call: str, verdict: Verdict, reason: str) -> None:
    found = judge(PROMPT, call)

    assert (found.verdict, found.reason) == (verdict, reason)
