"""Words that a recogniser made up are dropped, each for its reason; what people say stays."""

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from callaudit.transcription.engines import EngineName
from callaudit.transcription.hallucinations import FLOORS, Reason, guarded, without_loops
from callaudit.transcription.transcript import Span, Word

HERE = (Span(0.0, 100.0),)


def said(text: str, *, start: float = 0.0, each: float = 0.3, confidence: float | None = 0.9) -> list[Word]:
    return [Word(w, start + n * each, start + (n + 1) * each, confidence) for n, w in enumerate(text.split())]


def text(words: tuple[Word, ...]) -> str:
    return " ".join(w.text for w in words)


def test_each_dropped_word_is_counted_for_its_reason():
    words = (
        said("good morning")
        + said("maybe", start=1.0, confidence=0.1)
        + said("la la la la la la la", start=2.0)
        + said("thank you", start=9.0)
    )

    kept, dropped = guarded(words, (Span(0.0, 5.0),), floor=0.2)

    assert text(kept) == "good morning la"
    assert dropped == {Reason.SILENCE: 2, Reason.UNCERTAIN: 1, Reason.REPEATED: 6}


def test_a_phrase_that_runs_in_a_loop_is_said_once():
    words = tuple(said("i will check " + "that for you now " * 6 + "goodbye"))

    assert text(without_loops(words)) == "i will check that for you now goodbye"


def test_people_may_repeat_themselves():
    for spoken in (
        "no no no no",
        "yes yes of course",
        "can you hear me can you hear me can you hear me",
        "bye bye bye",
    ):
        assert text(without_loops(tuple(said(spoken)))) == spoken


def test_numbers_may_repeat_themselves():
    for number in ("0 0 0 0 0 0 0 0", "five five five five five five five oh", "zero " * 8):
        assert text(without_loops(tuple(said(number)))) == number.strip()


def test_text_that_compresses_as_no_speech_does_is_dropped():
    words = tuple(said("so we said that it is what it is and a b " * 6))

    assert without_loops(words) != words


def test_thank_you_over_a_breath_is_invented_and_a_real_one_stays():
    thanks = said("thank you", start=1.0, each=0.2)

    assert guarded(thanks, (Span(1.0, 1.1),)).dropped == {Reason.INVENTED: 2}
    assert text(guarded(thanks, (Span(1.0, 1.4),)).words) == "thank you"


def test_thank_you_within_a_sentence_is_never_invented():
    words = said("thank you for your patience", start=1.0, each=0.05)

    assert len(guarded(words, (Span(1.0, 1.1),)).words) == 5


def test_a_word_without_a_confidence_reaches_every_floor():
    assert len(guarded(said("hello", confidence=None), HERE, floor=0.9).words) == 1


@given(st.lists(st.sampled_from("yes no well ok thank you 5 four".split()), max_size=60))
def test_what_is_kept_and_what_is_dropped_are_all_there_was(spoken: list[str]):
    words = said(" ".join(spoken))

    kept, dropped = guarded(words, HERE)

    assert len(kept) + sum(dropped.values()) == len(words)
    assert [w for w in words if w in set(kept)] == list(kept)


def test_every_engine_has_a_floor():
    assert {"auto", *FLOORS} == set(get_args(EngineName))
