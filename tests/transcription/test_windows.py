from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from callaudit.transcription.engines import Channel
from callaudit.transcription.engines.windows import LONGEST, PADDING, moved_back, sound_of, windows
from callaudit.transcription.speech import padded, total, union
from callaudit.transcription.transcript import Span, Word

RATE = 1000


def channel(*spans: tuple[float, float], seconds: float = 200.0) -> Channel:
    line = np.random.default_rng(0).normal(0.0, 0.1, round(seconds * RATE)).astype(np.float32)
    return Channel(samples=line, sample_rate=RATE, spans=tuple(Span(*s) for s in spans))


def test_cuts_fill_a_window_before_the_next_begins():
    assert windows(channel((10, 12), (50, 51), (100, 120), (150, 155))) == [
        (Span(9.7, 12.3), Span(49.7, 51.3), Span(99.7, 120.3)),
        (Span(149.7, 155.3),),
    ]


def test_a_short_pause_stays_in_its_cut():
    assert windows(channel((10, 11), (11.5, 12))) == [(Span(9.7, 12.3),)]


def test_speech_without_a_pause_is_parted_where_it_is_quietest():
    heard = channel((10, 60))
    heard.samples[30 * RATE : 30 * RATE + 200] = 0.0

    parts = [cut for window in windows(heard) for cut in window]

    assert parts[0].end == parts[1].start == 30.1
    assert (parts[0].start, parts[-1].end) == (9.7, 60.3)


def test_silence_is_not_heard():
    assert windows(channel()) == []


def test_word_times_of_a_window_move_back_to_where_they_were_said():
    window = (Span(10.0, 12.0), Span(50.0, 51.0), Span(100.0, 120.0))

    said = [Word("x", *times) for times in [(0.5, 0.9), (1.8, 2.1), (2.1, 2.6), (4.0, 4.5), (22.0, 30.0)]]

    assert [(w.start, w.end) for w in moved_back(said, window)] == [
        (10.5, 10.9),
        (11.8, 12.0),
        (50.1, 50.6),
        (101.0, 101.5),
        (119.0, 120.0),
    ]


TENTHS = st.integers(0, 2000).map(lambda n: n / 10)
SPANS = st.lists(st.tuples(TENTHS, TENTHS).map(sorted).filter(lambda p: p[0] < p[1]), max_size=8)


@settings(max_examples=50)
@given(SPANS)
def test_windows_hold_all_speech_once_in_order_and_none_is_too_long(spoken: list[list[float]]):
    heard = channel(*((s.start, s.end) for s in union(Span(*p) for p in spoken)))

    found = windows(heard)
    cuts = [cut for window in found for cut in window]

    assert all(total(window) <= LONGEST + 1e-6 for window in found)
    assert all(a.end <= b.start + 1e-9 for a, b in pairwise(cuts))
    assert union(cuts) == union(padded(union(heard.spans, gap=0.6), PADDING, duration=200.0))
    assert all(abs(len(sound_of(heard, w)) / RATE - total(w)) < 0.01 * len(w) for w in found)
