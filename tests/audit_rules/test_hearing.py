"""Words that the recogniser is unsure of accuse nobody."""

import pytest

from callaudit.audit_rules.audit import audit
from callaudit.audit_rules.finding import EvidenceKind, Finding, Verdict
from callaudit.audit_rules.sentences import reason_of
from callaudit.transcription.transcript import Call, Provenance, RolesFrom, SpeakerRole, Transcript, Utterance, Word
from tests.support.rules import RulebookOf, block

CALM = "never: {any_of: [calm down]}"


def heard(text: str, *, role: SpeakerRole = SpeakerRole.AGENT, **unsure: float) -> Utterance:
    """An utterance whose words are certain but for those named."""
    words = tuple(
        Word(text=w, start=float(n), end=n + 0.5, confidence=unsure.get(w.strip("?.,").lower(), 0.95))
        for n, w in enumerate(text.split())
    )
    return Utterance.of_words(words, role=role)


@pytest.fixture
def judged(rulebook_of: RulebookOf):
    def judge(body: str, *said: Utterance) -> Finding:
        provenance = Provenance(engine="whisper", model="tiny.en", weights_hash="", settings_hash="")
        transcript = Transcript(
            call=Call(call_id="C1", source="test"),
            utterances=(heard("Hello there.", role=SpeakerRole.CUSTOMER), *said),
            provenance=provenance,
            roles_from=RolesFrom.CHANNELS,
        )
        return audit(transcript, rulebook_of(apology=block(body))).findings[0]

    return judge


def test_certain_words_accuse(judged) -> None:
    assert judged(CALM, heard("Please calm down.")).verdict is Verdict.MISSED


def test_one_doubtful_word_is_enough_to_say_nothing(judged) -> None:
    found = judged(CALM, heard("Please calm down.", calm=0.31))

    assert found.verdict is Verdict.NOT_ASSESSABLE
    assert reason_of(found) == "The words that would count against the agent were heard too uncertainly (0.31)."
    assert [(e.kind, e.quote) for e in found.evidence] == [(EvidenceKind.AGAINST, "Please calm down")]


def test_a_doubtful_word_beside_them_does_not_matter(judged) -> None:
    assert judged(CALM, heard("Please calm down.", please=0.1)).verdict is Verdict.MISSED


def test_words_said_once_for_certain_accuse_whatever_else_was_doubtful(judged) -> None:
    found = judged(CALM, heard("Now calm down.", calm=0.2), heard("You must calm down."))

    assert (found.verdict, reason_of(found), len(found.evidence)) == (Verdict.MISSED, "Said once.", 1)


def test_words_without_a_certainty_accuse(judged) -> None:
    assert judged(CALM, Utterance(role=SpeakerRole.AGENT, text="Calm down.")).verdict is Verdict.MISSED


def test_doubtful_words_still_earn_a_met(judged) -> None:
    assert judged("expect: {any_of: [sorry]}", heard("I am sorry.", sorry=0.1)).verdict is Verdict.MET


def test_too_often_needs_enough_certain_words(judged) -> None:
    twice = "at_most: {times: 1, any_of: [sorry]}"
    assert judged(twice, heard("Sorry."), heard("Sorry for that.")).verdict is Verdict.MISSED
    assert judged(twice, heard("Sorry."), heard("Sorry for that.", sorry=0.2)).verdict is Verdict.NOT_ASSESSABLE


def test_asking_again_must_have_been_heard(judged) -> None:
    again = "asks_again: {slots: {name: {asks: [your name]}}}"
    answer = heard("Smith it is.", role=SpeakerRole.CUSTOMER)
    first = heard("What is your name?")
    assert judged(again, first, answer, heard("And your name?")).verdict is Verdict.MISSED
    assert judged(again, first, answer, heard("And your name?", name=0.2)).verdict is Verdict.NOT_ASSESSABLE
