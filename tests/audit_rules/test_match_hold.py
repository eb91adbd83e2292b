"""`hold`: asked for, explained, limited, kept."""

import msgspec
import pytest

from callaudit.audit_rules.audit import audit
from callaudit.audit_rules.authoring.examples import parse_example
from callaudit.audit_rules.finding import EvidenceKind, PauseKind, Verdict
from callaudit.audit_rules.sentences import note_of, reason_of
from callaudit.transcription.transcript import Span, SpeakerRole
from tests.support.rules import Judge, RulebookOf, block

ASKED = "hold: {aspect: asked, any_of: [hold on, bear with me]}"
ANNOUNCED = """
- id: apology.asks_first
  asks: Is it so?
  why: Because.
  sources: [A1]
  hold: {aspect: asked, any_of: [hold on, just a second]}
  examples: {met: 'A: yes'}
"""
RETURNS = "hold: {aspect: returns, longest: 60, any_of: [thank you for (waiting|holding)]}"
BEFORE = "[0-3] C: The lamp is broken.\n[3.2-6] A: "


def call(asked: str, back_at: float, said: str) -> str:
    return f"{BEFORE}{asked}\n[{back_at}-{back_at + 4}] A: {said}"


def test_a_hold_that_was_asked_for_is_met(judge: Judge) -> None:
    found = judge(ASKED, call("Please hold on.", 30, "Thanks."))

    assert found.verdict is Verdict.MET
    assert [(e.kind, e.quote or note_of(e, found)) for e in found.evidence] == [
        (EvidenceKind.MET, "Please hold on"), (EvidenceKind.TRIGGER, "both silent for 24 s"),
    ]  # fmt: skip


def test_a_hold_stays_a_hold_whichever_rules_are_retired(rulebook_of: RulebookOf) -> None:
    example = parse_example(call("Please hold on.", 30, "Thanks."))
    retired = rulebook_of(apology=block(f"status: retired\n{ASKED}"))

    found = audit(example.transcript, retired)

    assert not found.findings
    assert [(p.kind, p.start, p.end) for p in found.holds] == [(PauseKind.SILENT, 6.0, 30.0)]
    assert not found.silences


def test_a_long_silence_that_is_no_hold_is_dead_air_unless_the_customer_was_to_speak(rulebook_of: RulebookOf) -> None:
    book = rulebook_of(apology=block(ASKED))
    told = [call("Let me see.", 30, "Here."), f"{BEFORE}What is its number?\n[30-31] C: Nine."]

    silences = [audit(parse_example(text).transcript, book).silences for text in told]

    assert [[(p.kind, p.start, p.end) for p in some] for some in silences] == [
        [(PauseKind.DEAD_AIR, 6.0, 30.0)], [(PauseKind.EXCUSED, 6.0, 30.0)],
    ]  # fmt: skip


@pytest.mark.parametrize("back", ["Thanks.", "Hold on."], ids=["never", "too late"])
def test_a_silence_that_nobody_asked_for_is_no_hold_but_dead_air(judge: Judge, back: str) -> None:
    found = judge(ASKED, call("I see what you mean.", 30, back))

    assert (found.verdict, reason_of(found)) == (Verdict.NOT_APPLICABLE, "There was no hold.")


def test_music_makes_a_hold_that_nobody_asked_for(rulebook_of: RulebookOf) -> None:
    example = parse_example(call("I see what you mean.", 30, "Thanks.")).transcript
    transcript = msgspec.structs.replace(example, music={SpeakerRole.AGENT: (Span(8.0, 28.0),)})

    found = audit(transcript, rulebook_of(hold=block(ASKED, rule_id="hold.asks_first"))).findings[0]

    assert (found.verdict, reason_of(found)) == (Verdict.MISSED, "A hold of 24 s: not asked for before the silence.")


@pytest.mark.parametrize(("back_at", "verdict"), [(13.9, Verdict.NOT_APPLICABLE), (14.0, Verdict.MET)])
def test_a_hold_begins_at_eight_seconds(judge: Judge, back_at: float, verdict: Verdict) -> None:
    assert judge(ASKED, call("Please hold on.", back_at, "Thanks.")).verdict is verdict


def test_without_times_there_is_no_hold_to_judge(judge: Judge) -> None:
    body = "needs_times: true\n" + ASKED

    assert judge(body, "C: The lamp is broken.\nA: Please hold on.").verdict is Verdict.NOT_ASSESSABLE


def test_one_of_two_holds_that_was_only_announced_for_a_moment_is_a_miss(judge: Judge) -> None:
    asked = "hold: {aspect: asked, any_of: [hold on], announces: [let me check], announced_up_to: 30}"
    two = call("Please hold on.", 30, "It is in stock.") + (
        "\n[35-36] C: Good.\n[37-38] A: Great news indeed.\n[39-40] C: Yes?\n[41-42] A: Let me check.\n[90-91] A: Done."
    )

    assert judge(asked, two).verdict is Verdict.MISSED


@pytest.mark.parametrize(
    ("asked", "back_at", "said", "verdict", "reason"),
    [
        ("Hold on for one minute.", 60, "Thank you for waiting.", Verdict.MET, "The hold was handled so."),
        ("Hold on for one minute.", 90, "Thank you for waiting.", Verdict.MISSED, "Back after 84 s; limit 60 s."),
        ("Hold on for 1.5 minutes.", 90, "Thank you for waiting.", Verdict.MET, "The hold was handled so."),
        ("Hold on for two minutes.", 60, "It is in stock.", Verdict.MISSED,
         "Back after 54 s without thanks for waiting."),
        ("Hold on.", 60, "Thank you for waiting.", Verdict.MET, "The hold was handled so."),
        ("Hold on.", 90, "Thank you for waiting.", Verdict.MISSED, "Back after 84 s; limit 60 s."),
        ("Just a second.", 60, "Thank you for waiting.", Verdict.MET, "The hold was handled so."),
        ("Thank you for waiting, hold on.", 60, "It is in stock.", Verdict.MISSED,
         "Back after 54 s without thanks for waiting."),
        ("Hold on.", 60, "Thank you for waiting five minutes.", Verdict.MET, "The hold was handled so."),
    ],
)  # fmt: skip
def test_the_agent_returns_in_time_and_thanks(
    judge: Judge, asked: str, back_at: float, said: str, verdict: Verdict, reason: str
) -> None:
    found = judge(RETURNS, call(asked, back_at, said), also=ANNOUNCED)

    assert (found.verdict, reason_of(found)) == (verdict, reason)


def test_a_strange_number_is_survived(judge: Judge) -> None:
    for asked in ("Hold on for zero minutes.", "Hold on for 99999999999999999999 minutes.", "Hold on ٣ minutes."):
        assert judge(RETURNS, call(asked, 60, "Thank you for waiting."), also=ANNOUNCED).verdict in (
            Verdict.MET,
            Verdict.MISSED,
        )
