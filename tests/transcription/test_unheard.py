"""Speech that holds no words is found, heard again, and told."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from callaudit.transcription.engines import Channel, Written
from callaudit.transcription.speech import overlaps, total, union
from callaudit.transcription.transcript import Provenance, Span, Word
from callaudit.transcription.unheard import heard_again, without_words

SPEECH = (Span(0.0, 4.0), Span(10.0, 14.0))


def said(text: str, *, start: float, each: float = 0.4, confidence: float | None = 0.9) -> list[Word]:
    return [Word(w, start + n * each, start + (n + 1) * each, confidence) for n, w in enumerate(text.split())]


class Hearing:
    """An engine that hears what is said in the spans that it is given; it remembers what it was asked to hear."""

    provenance = Provenance(engine="hearing", model="script", weights_hash="0", settings_hash="0")
    model, batch, takes_glossary = "script", 1, True

    def __init__(self, *words: Word) -> None:
        self.words = words
        self.asked: list[Channel] = []

    def transcribe(self, heard: Sequence[Channel]) -> list[Written]:
        self.asked += heard
        return [Written([w for w in self.words if any(_within(w, s) for s in c.spans)], "en") for c in heard]


def _within(word: Word, span: Span) -> bool:
    return span.start <= (word.start + word.end) / 2 < span.end


def channel(spans: tuple[Span, ...] = SPEECH) -> Channel:
    return Channel(samples=np.zeros(16000 * 15, np.float32), sample_rate=16000, spans=spans, glossary=("Dana",))


def test_a_stretch_of_speech_that_no_word_is_near_is_a_hole():
    assert without_words(SPEECH, said("a b c d e f g h i j", start=0.0)) == [(Span(10.0, 14.0),)]


def test_speech_with_words_all_through_has_no_hole():
    words = said("a b c d e f g h i j", start=0.0) + said("a b c d e f g h i j", start=10.0)

    assert without_words(SPEECH, words) == []


def test_what_is_shorter_than_a_second_is_no_hole():
    assert without_words((Span(0.0, 0.9),), []) == []


def test_a_word_that_is_said_to_last_for_seconds_fills_no_hole():
    (hole,) = without_words((Span(0.0, 6.0),), [Word("the", 0.0, 6.0, 0.9)])

    assert hole[-1].end == 6.0
    assert total(hole) > 4.0


def test_long_numbers_take_their_time():
    assert without_words((Span(0.0, 3.5),), [Word("20,186,655", 0.0, 3.5, 0.9)]) == []


@st.composite
def calls(draw: st.DrawFn) -> tuple[tuple[Span, ...], list[Word]]:
    times = st.floats(0.0, 60.0).map(lambda t: round(t, 2))
    spans = union(Span(t, t + draw(st.floats(0.1, 8.0))) for t in draw(st.lists(times, max_size=8)))
    words = [Word("so", t, t + draw(st.floats(0.0, 3.0)), 0.9) for t in sorted(draw(st.lists(times, max_size=20)))]
    return spans, words


@given(calls())
def test_holes_are_speech_without_words_and_leave_out_none_of_it(call: tuple[tuple[Span, ...], list[Word]]):
    spans, words = call
    holes = [part for hole in without_words(spans, words, shortest=0.0) for part in hole]

    assert holes == sorted(holes)
    assert abs(total(overlaps(holes, spans)) - total(holes)) < 1e-6
    reached = union(Span(w.start - 0.3, min(w.end, w.start + 1.0) + 0.3) for w in words)
    assert abs(total(holes) - (total(spans) - total(overlaps(spans, reached)))) < 1e-6


def test_a_hole_is_heard_again_without_a_prompt_and_its_words_stand_in_their_place():
    first = Written(said("a b c d e f g h i j", start=0.0), "en")
    engine = Hearing(*said("i am so sorry about all of that today", start=10.0))

    (written,) = heard_again([channel()], [first], engine, floor=0.15)

    assert [w.text for w in written.words] == "a b c d e f g h i j i am so sorry about all of that today".split()
    assert [(c.glossary, c.language) for c in engine.asked] == [((), "en")]


class HearingInCompany(Hearing):
    """An engine that understands a stretch of speech only together with another one."""

    def transcribe(self, heard: Sequence[Channel]) -> list[Written]:
        return [
            w if len(c.spans) > 1 else Written([], "en") for c, w in zip(heard, super().transcribe(heard), strict=True)
        ]


class HearingAlone(Hearing):
    """An engine that understands a stretch of speech only by itself."""

    def transcribe(self, heard: Sequence[Channel]) -> list[Written]:
        return [
            w if len(c.spans) == 1 else Written([], "en") for c, w in zip(heard, super().transcribe(heard), strict=True)
        ]


def test_the_holes_of_a_channel_are_heard_together_and_each_takes_its_own_words():
    spans = (Span(0.0, 2.0), Span(10.0, 12.0), Span(30.0, 32.0))
    first = Written(said("a b c d e", start=10.0), "en")
    engine = HearingInCompany(*said("express please", start=0.5), *said("thank you", start=30.5))

    (written,) = heard_again([channel(spans)], [first], engine, floor=0.15)

    assert [w.text for w in written.words] == "express please a b c d e thank you".split()
    assert [c.spans for c in engine.asked] == [(spans[0], spans[2])]


def test_what_is_not_understood_together_is_heard_by_itself():
    spans = (Span(0.0, 2.0), Span(10.0, 12.0), Span(30.0, 32.0))
    first = Written(said("a b c d e", start=10.0), "en")
    engine = HearingAlone(*said("express please", start=0.5), *said("thank you", start=30.5))

    (written,) = heard_again([channel(spans)], [first], engine, floor=0.15)

    assert [w.text for w in written.words] == "express please a b c d e thank you".split()
    assert [c.spans for c in engine.asked] == [(spans[0], spans[2]), spans[:1], spans[2:]]


def test_a_hole_that_is_the_only_one_is_heard_once():
    engine = Hearing()

    heard_again([channel()], [Written(said("a b c d e f g h i j", start=0.0), "en")], engine, floor=0.15)

    assert len(engine.asked) == 1


def test_words_that_were_not_believed_give_way_to_what_is_heard_again():
    first = Written(said("a b c d e f g h i j", start=0.0) + said("la " * 9, start=10.0), "en")
    engine = Hearing(*said("i am so sorry about all of that today", start=10.0))

    (written,) = heard_again([channel()], [first], engine, floor=0.15)

    # The loop's first words are beside the hole.
    assert [w.text for w in written.words].count("la") == 2
    assert "sorry" in [w.text for w in written.words]


def test_a_word_that_is_known_from_before_is_not_said_twice_but_takes_the_time_of_both():
    first = Written([Word("2018", 0.0, 0.6, 0.9)], "en")
    engine = Hearing(Word("2018", 1.2, 1.6, 0.9), Word("model", 2.0, 2.4, 0.9))

    (written,) = heard_again([channel((Span(0.0, 3.0),))], [first], engine, floor=0.15)

    assert [(w.text, w.start, w.end) for w in written.words] == [("2018", 0.0, 1.6), ("model", 2.0, 2.4)]


def test_where_nothing_is_missing_nothing_is_heard_again():
    first = Written(said("a b c d e f g h i j", start=0.0) + said("a b c d e f g h i j", start=10.0), "en")
    engine = Hearing()

    assert heard_again([channel()], [first], engine, floor=0.15) == [first]
    assert engine.asked == []
