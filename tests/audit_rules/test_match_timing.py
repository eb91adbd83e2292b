"""`timing`: interruptions, listening signals, answer gaps, all from when each channel speaks."""

from pathlib import Path

import pytest

from callaudit.audit_rules.audit import audit
from callaudit.audit_rules.finding import EvidenceKind, Finding, Verdict
from callaudit.audit_rules.rulebook import load_rulebook
from callaudit.audit_rules.sentences import reason_of
from callaudit.transcription.exports import read_export
from callaudit.transcription.transcript import Call, Provenance, RolesFrom, Span, SpeakerRole, Transcript, Utterance
from tests.support.rules import Judge

CASES = Path(__file__).parents[1] / "cases" / "timing"

CUTS_IN = "applies: upset\nneeds_times: true\ntiming: {aspect: interruption}"
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

    assert reason_of(found) == "Spoke over the customer for 2.0 s."
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

    assert (found.verdict, reason_of(found)) == (
        Verdict.NOT_ASSESSABLE, "The recording does not show when each party speaks.",
    )  # fmt: skip


SIGNALS = "applies: upset\nneeds_times: true\ntiming: {aspect: signal, longest_turn: 15, acknowledged_by: [i hear]}"


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

    assert reason_of(found) == "No listening signal in 20 s of venting, and none right after."


PROMPT = "needs_times: true\ntiming: {aspect: answer_gap, median_gap: 3, longest_silence: 7}"


@pytest.mark.parametrize(
    ("call", "verdict", "reason"),
    [
        ("[0-3] C: Hi.\n[6-7] A: Hello there.", Verdict.MET, "Answers came after 3.0 s (median)."),
        ("[0-3] C: Hi.\n[6.2-7] A: Hello there.", Verdict.MISSED,
         "Half of the answers took longer than 3.2 s; limit 3.0 s."),
        ("[0-3] C: Hi.\n[4-5] A: Hello there.\n[12.5-13] A: So.", Verdict.MISSED, "Dead air of 7.5 s; limit 7.0 s."),
        ("[0-3] C: Hi.\n[4-5] A: Hello there.\n[35-36] A: So.", Verdict.MISSED, "Dead air of 30.0 s; limit 7.0 s."),
        ("[0-3] C: Hi.\n[4-5] A: Hello there?\n[35-36] C: So.\n[37-38] A: Yes.", Verdict.MET,
         "Answers came after 1.0 s (median)."),
        ("[0-3] C: Hi.\n[4-5] A: Hello there.\n[35-36] C: So.\n[37-38] A: Yes.", Verdict.MISSED,
         "Dead air of 30.0 s; limit 7.0 s."),
        ("[0-3] A: Hello there.\n[4-5] C: Hi.", Verdict.NOT_APPLICABLE, "The agent never had to answer."),
        ("[0-3] C: Hi.\n[15-16] A: Hello there.\n[37-38] C: So.\n[39-40] A: Yes.", Verdict.MISSED,
         "Dead air of 21.0 s, 2 times in all; limit 7.0 s."),
        ("[0-3] C: Hi.\n[2.8-5] A: Hello there.\n[9-11] C: So.\n[10.9-12] A: Yes.", Verdict.MET,
         "Answers came after 0.0 s (median)."),
        ("[0-3] C: Hi.\n[6-7] C: Are you there?\n[8-9] A: Yes, I am.", Verdict.MET,
         "Answers came after 1.0 s (median)."),
    ],
)  # fmt: skip
def test_answers_come_promptly(judge: Judge, call: str, verdict: Verdict, reason: str) -> None:
    found = judge(PROMPT, call)

    assert (found.verdict, reason_of(found)) == (verdict, reason)


def of_case(name: str) -> Finding:
    """What the shipped rule says of a call that was once judged wrongly."""
    transcript = read_export(CASES / f"{name}.json", call=Call(call_id=name, source="cases"))
    findings = audit(transcript, load_rulebook()).findings
    return next(f for f in findings if f.rule_id == "pace.answers_promptly")


def test_an_answer_that_begins_before_the_customer_ends_is_no_wait() -> None:
    found = of_case("latch")

    assert (found.verdict, reason_of(found)) == (Verdict.MET, "Answers came after 0.0 s (median).")


def test_long_silences_that_nobody_announced_are_dead_air() -> None:
    found = of_case("deadair")

    assert (found.verdict, reason_of(found)) == (Verdict.MISSED, "Dead air of 45.0 s, 2 times in all; limit 10.0 s.")
    assert [(e.start, e.end) for e in found.evidence] == [(12.0, 42.0), (46.0, 91.0)]


HOLDS = """
- id: apology.asks_first
  asks: Is it so?
  why: Because.
  sources: [A1]
  hold: {aspect: asked, any_of: [hold on, one moment]}
  examples: {met: 'A: yes'}
"""


@pytest.mark.parametrize(
    "said",
    ["[4-5] A: Hold on please.", "[3.2-5] A: I see.\n[5.2-6] C: One moment, I will get the bill."],
    ids=["by the agent", "by the customer"],
)
def test_a_silence_that_was_announced_is_no_dead_air(judge: Judge, said: str) -> None:
    found = judge(PROMPT, f"[0-3] C: Hi.\n{said}\n[40-42] A: It is in stock.", also=HOLDS)

    assert found.verdict is Verdict.MET


def test_a_sound_without_words_is_no_listening_signal_and_no_silence_either() -> None:
    call = Call(call_id="C-1", source="cases")
    said = (
        Utterance(role=SpeakerRole.CUSTOMER, text=VENT, start=0.0, end=20.0),
        Utterance(role=SpeakerRole.AGENT, text="Account number?", start=20.5, end=22.0),
    )
    transcript = Transcript(
        call=call,
        utterances=said,
        provenance=Provenance(engine="test", model="", weights_hash="", settings_hash=""),
        roles_from=RolesFrom.CHANNELS,
        speech={SpeakerRole.AGENT: (Span(9.0, 9.6), Span(20.5, 22.0)), SpeakerRole.CUSTOMER: (Span(0.0, 20.0),)},
    )

    found = next(
        f for f in audit(transcript, load_rulebook()).findings if f.rule_id == "listen.gives_listening_signals"
    )

    assert (found.verdict, reason_of(found)) == (
        Verdict.NOT_ASSESSABLE, "The agent was heard while the customer spoke, but no words of it.",
    )  # fmt: skip
