"""Recorded announcements are nobody's words."""

from pathlib import Path
from random import Random

import msgspec
import pytest

from callaudit.audit_rules.audit import audit
from callaudit.audit_rules.rulebook import load_rulebook
from callaudit.audit_rules.sentences import reason_of
from callaudit.transcription.announcements import Repeated, marked, repeated, wording
from callaudit.transcription.exports import read_export
from callaudit.transcription.transcript import (
    Call,
    Provenance,
    RolesFrom,
    Span,
    SpeakerRole,
    Transcript,
    Utterance,
    Word,
)

CASES = Path(__file__).parents[1] / "cases" / "exports"
AGENT, CUSTOMER, SYSTEM = SpeakerRole.AGENT, SpeakerRole.CUSTOMER, SpeakerRole.SYSTEM
GROUPS = wording().recorded
EXAMPLES = [(name, text) for name, group in GROUPS.items() for text in group.examples]
NEAR_MISSES = [(name, text) for name, group in GROUPS.items() for text in group.near_misses]


def spoken(text: str, *, start: float = 0.0, pace: float = 0.3, role: SpeakerRole = AGENT) -> Utterance:
    words = text.split()
    return Utterance.of_words(
        tuple(Word(w, round(start + n * pace, 3), round(start + (n + 1) * pace, 3), 0.9) for n, w in enumerate(words)),
        role=role,
        channel=0,
    )


def transcript_of(*utterances: Utterance, call_id: str = "C-1", source: str = "main") -> Transcript:
    speech: dict[SpeakerRole, tuple[Span, ...]] = {AGENT: (), CUSTOMER: ()}
    for u in utterances:
        if u.start is not None and u.end is not None:
            speech[u.role] = (*speech[u.role], Span(u.start, u.end))
    return Transcript(
        call=Call(call_id=call_id, source=source),
        utterances=utterances,
        provenance=Provenance(engine="test", model="", weights_hash="", settings_hash=""),
        roles_from=RolesFrom.CHANNELS,
        speech=speech,
    )


def recorded(text: str) -> str:
    """What of the text is recorded, said as one utterance."""
    return " ".join(u.text for u in marked(transcript_of(spoken(text))).utterances if u.role is SYSTEM)


@pytest.mark.parametrize(("group", "text"), EXAMPLES)
def test_what_recordings_say_is_nobodys(group: str, text: str) -> None:
    assert recorded(text) == text


@pytest.mark.parametrize(("group", "text"), NEAR_MISSES)
def test_what_people_say_in_like_words_stays_theirs(group: str, text: str) -> None:
    assert recorded(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "Thank you for calling Brightwater, this is Dana. This call may be recorded for training purposes.",
        "This call may be recorded for quality and training purposes.",
        "Thank you for holding. Please stay on the line.",
    ],
)
def test_an_agent_who_says_in_person_that_the_call_may_be_recorded_is_still_the_agent(text: str) -> None:
    assert recorded(text) == ""


def test_before_and_after_a_recording_in_one_utterance_the_agent_speaks() -> None:
    text = (
        "Please hold the line while I look. All of our agents are currently busy. Your call is important to us. "
        "Thank you for holding. I am back."
    )
    pieces = marked(transcript_of(spoken(text))).utterances

    assert [(u.role, u.text) for u in pieces] == [
        (AGENT, "Please hold the line while I look."),
        (SYSTEM, "All of our agents are currently busy. Your call is important to us."),
        (AGENT, "Thank you for holding. I am back."),
    ]
    assert [w for u in pieces for w in u.words] == list(spoken(text).words)


def test_a_recording_speaks_in_its_own_time() -> None:
    call = transcript_of(spoken("Please hold.", start=0.0), spoken("Your call is important to us.", start=5.0))

    assert marked(call).speech == {AGENT: (Span(0.0, 0.6),), CUSTOMER: (), SYSTEM: (Span(5.0, 6.8),)}


def test_where_a_recording_speaks_at_an_unknown_time_nobodys_times_are_claimed() -> None:
    said = spoken("I see. Your call is important to us. All of our agents are busy.", start=1.0)

    assert marked(transcript_of(msgspec.structs.replace(said, words=()))).speech == {}


def test_a_voicemail_greeting_on_the_customers_side_is_no_customer() -> None:
    greeting = spoken(
        "The person you are calling is not available. Please leave a message after the tone.", role=CUSTOMER
    )
    call = transcript_of(greeting, spoken("This is Dana of Brightwater, please call us back.", start=20.0))

    findings = audit(marked(call), load_rulebook()).findings

    assert {reason_of(f) for f in findings} == {"No words of the customer were understood."}


def test_a_hold_announcement_earns_and_costs_the_agent_nothing() -> None:
    found = []
    for name in ("with_hold_announcement", "without_hold_announcement"):
        call = read_export(CASES / f"{name}.json", call=Call(call_id="C-1", source="cases"))
        found.append([(f.rule_id, f.verdict, reason_of(f)) for f in audit(call, load_rulebook()).findings])

    assert found[0] == found[1]


TUNED = "Brightwater now delivers lamps on every day of the week."


def calls_that_say(text: str, paces: list[float], source: str = "main") -> list[Transcript]:
    return [
        transcript_of(spoken(text, pace=pace), call_id=f"{source}-{n}", source=source) for n, pace in enumerate(paces)
    ]


def test_what_many_calls_of_a_source_repeat_in_the_same_time_is_recorded() -> None:
    calls = calls_that_say(TUNED, [0.3, 0.3, 0.31, 0.3, 0.29])
    found = repeated(calls, {})

    assert found == (
        Repeated(source="main", sentence="brightwater now delivers lamps on every day of the week", calls=5),
    )


def test_what_is_known_for_a_recording_is_not_found_again() -> None:
    calls = calls_that_say(TUNED, [0.3] * 6)

    assert repeated(calls, {"main": [TUNED.upper()]}) == ()
    assert len(repeated(calls, {"other": [TUNED]})) == 1
    assert repeated([marked(call, [TUNED]) for call in calls], {}) == ()


def test_a_source_names_sentences_that_its_own_recordings_say() -> None:
    call = transcript_of(spoken(f"{TUNED} I am back."))

    assert [u.role for u in marked(call).utterances] == [AGENT]
    assert [(u.role, u.text) for u in marked(call, [TUNED.upper()]).utterances] == [
        (SYSTEM, TUNED), (AGENT, "I am back."),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "paces"),
    [
        (TUNED, [0.3, 0.3, 0.3, 0.3]),
        (TUNED, [0.2, 0.25, 0.3, 0.35, 0.4]),
        ("Thank you for calling Brightwater.", [0.3] * 9),
        ("Is there anything else that we can help you with today?", [0.3] * 9),
        ("Thank you for calling Brightwater today, my name is Dana.", [0.3] * 9),
    ],
    ids=["in too few calls", "each in their own time", "short", "a question", "in the first person"],
)
def test_what_people_repeat_stays_theirs(text: str, paces: list[float]) -> None:
    assert repeated(calls_that_say(text, paces), {}) == ()


def test_repeats_do_not_depend_on_the_order_of_calls_nor_on_a_call_that_comes_twice() -> None:
    calls = [*calls_that_say(TUNED, [0.3] * 6), *calls_that_say(TUNED, [0.3] * 6, "other")]
    shuffled = [*calls, calls[0]]
    Random(1).shuffle(shuffled)

    assert repeated(shuffled, {}) == repeated(calls, {})
