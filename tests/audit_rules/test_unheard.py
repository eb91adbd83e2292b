"""Where speech was not understood, nobody is said to have missed what may have been said there."""

from pathlib import Path
from textwrap import indent

import msgspec
import pytest

from callaudit.audit_rules.audit import audit
from callaudit.audit_rules.finding import Finding, Verdict
from callaudit.audit_rules.rulebook import load_rulebook
from callaudit.audit_rules.sentences import reason_of
from callaudit.transcription.transcript import Call, Provenance, RolesFrom, Span, SpeakerRole, Transcript, Utterance

APOLOGY = "expect: {any_of: [sorry]}"
SOON = "when: {speaker: customer, any_of: [refund]}\nexpect: {any_of: [sorry], within: 1 agent turn}"
IN_TIME = "when: {speaker: customer, any_of: [refund]}\nexpect: {any_of: [sorry], within: 5 s}"
NEVER = "never: {any_of: [calm down]}"
LINES = [
    (SpeakerRole.AGENT, "Good morning.", 0.0, 2.0),
    (SpeakerRole.CUSTOMER, "I want my refund.", 3.0, 5.0),
    (SpeakerRole.AGENT, "One moment.", 6.0, 7.0),
    (SpeakerRole.CUSTOMER, "Well.", 10.0, 11.0),
    (SpeakerRole.AGENT, "You have to calm down.", 20.0, 22.0),
]


def judged(folder: Path, body: str, *unheard: Span, role: SpeakerRole = SpeakerRole.AGENT) -> Finding:
    head = "- id: apology.given\n  asks: Is it so?\n  why: Because.\n  sources: [A1]\n"
    rule = f"{head}{indent(body, '  ')}\n  examples: {{met: 'A: yes'}}\n"
    (folder / "apology.yaml").write_text(rule, encoding="utf-8")
    rulebook = load_rulebook(folder, shipped=False, recogniser=False)
    transcript = Transcript(
        call=Call(call_id="C1", source="here"),
        utterances=tuple(Utterance(role=who, text=text, start=a, end=b) for who, text, a, b in LINES),
        provenance=Provenance(engine="e", model="m", weights_hash="", settings_hash=""),
        roles_from=RolesFrom.CHANNELS,
    )
    if unheard:
        transcript = msgspec.structs.replace(transcript, unheard={role: unheard})
    return audit(transcript, rulebook).findings[0]


@pytest.mark.parametrize(
    ("body", "unheard", "verdict"),
    [
        (APOLOGY, (), Verdict.MISSED),
        (APOLOGY, (Span(15.0, 17.0),), Verdict.NOT_ASSESSABLE),
        (SOON, (Span(7.5, 9.0),), Verdict.NOT_ASSESSABLE),
        (SOON, (Span(15.0, 17.0),), Verdict.MISSED),
        (SOON, (Span(0.5, 1.5),), Verdict.MISSED),
        (IN_TIME, (Span(8.0, 9.5),), Verdict.NOT_ASSESSABLE),
        (IN_TIME, (Span(15.0, 17.0),), Verdict.MISSED),
        (NEVER, (Span(15.0, 17.0),), Verdict.MISSED),
    ],
)
def test_missed_is_not_said_where_the_agents_words_were_not_understood(
    tmp_path: Path, body: str, unheard: tuple[Span, ...], verdict: Verdict
):
    assert judged(tmp_path, body, *unheard).verdict is verdict


@pytest.mark.parametrize(
    ("role", "verdict"),
    [(SpeakerRole.CUSTOMER, Verdict.MISSED), (SpeakerRole.UNKNOWN, Verdict.NOT_ASSESSABLE)],
)
def test_only_speech_that_may_be_the_agents_counts(tmp_path: Path, role: SpeakerRole, verdict: Verdict):
    assert judged(tmp_path, APOLOGY, Span(15.0, 17.0), role=role).verdict is verdict


def test_the_reason_says_how_much_was_not_understood(tmp_path: Path):
    finding = judged(tmp_path, APOLOGY, Span(15.0, 17.0))

    assert reason_of(finding) == "No words were understood in 2.0 s of speech there."
