import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transcription.conftest import RATE, spoken
from transcription.audio import Samples
from transcription.speech import (
    both_silent,
    is_dual_mono,
    is_silent,
    overlaps,
    padded,
    speech_by_channel,
    speech_spans,
    total,
    union,
)
from transcription.transcript import Span

SPOKEN = [(1.0, 2.0), (4.0, 4.5), (7.0, 9.0)]


def noise(seconds: float, level: float, seed: int = 1) -> Samples:
    return np.random.default_rng(seed).normal(0.0, level, round(seconds * RATE)).astype(np.float32)


@pytest.mark.parametrize("hiss", [0.0, 1e-4, 3e-3, 2e-2], ids=["digital silence", "quiet", "telephone", "bad line"])
def test_speech_is_found_within_a_tenth_of_a_second_whatever_the_line(hiss: float):
    spans = speech_spans(spoken(SPOKEN, seconds=10.0) + noise(10.0, hiss), RATE)

    assert len(spans) == 3
    for span, (start, end) in zip(spans, SPOKEN, strict=True):
        assert abs(span.start - start) <= 0.1
        assert abs(span.end - end) <= 0.1


def test_within_half_a_minute_the_floor_follows_a_line_that_becomes_noisy():
    line = spoken([(10.0, 12.0), (100.0, 102.0)], seconds=120.0)
    line[40 * RATE :] += noise(80.0, 1e-2)

    spans = speech_spans(line, RATE)

    assert [round(s.start) for s in spans if not 39.5 <= s.start < 70] == [10, 100]


def test_a_minute_of_syllables_without_a_pause_is_one_stretch_of_speech():
    spans = speech_spans(spoken([(0.0, 60.0)], seconds=60.0), RATE)

    assert len(spans) == 1
    assert spans[0].duration > 59.5


def test_a_click_is_no_speech_and_a_closure_is_no_pause():
    spans = speech_spans(spoken([(1.0, 1.04), (3.0, 3.5), (3.7, 4.2)], seconds=6.0), RATE)

    assert len(spans) == 1
    assert abs(spans[0].start - 3.0) < 0.1
    assert abs(spans[0].end - 4.2) < 0.1


def test_a_quiet_speaker_is_heard():
    assert len(speech_spans(spoken(SPOKEN, seconds=10.0, level=0.01), RATE)) == 3


@pytest.mark.parametrize("level", [0.0, 1e-4, 5e-4])
def test_a_line_that_only_hisses_is_silent(level: float):
    assert is_silent(noise(20.0, level), RATE)


def test_nothing_has_no_speech():
    assert speech_spans(np.zeros(0, np.float32), RATE) == ()
    assert speech_spans(np.zeros(7, np.float32), RATE) == ()


def test_crosstalk_is_not_speech_of_the_other_party():
    agent = spoken([(1.0, 4.0)], seconds=10.0)
    customer = spoken([(6.0, 9.0)], seconds=10.0, which=1)
    echo = np.roll(agent, RATE // 25) * 0.05  # 26 dB weaker, 40 ms late

    left, right = speech_by_channel(np.stack([agent, customer + echo]), RATE)

    assert [round(s.start) for s in left] == [1]
    assert [round(s.start) for s in right] == [6]


def test_an_echo_that_is_the_only_sound_of_a_channel_is_not_speech():
    agent = spoken([(1.0, 4.0), (6.0, 8.0)], seconds=10.0)

    left, right = speech_by_channel(np.stack([agent, agent * 0.04]), RATE)

    assert len(left) == 2
    assert right == ()


def test_a_quiet_customer_who_talks_over_a_loud_agent_is_kept():
    agent = spoken([(1.0, 5.0)], seconds=10.0, level=0.5)
    customer = spoken([(3.0, 4.0), (6.0, 9.0)], seconds=10.0, which=1, level=0.06)

    left, right = speech_by_channel(np.stack([agent, customer]), RATE)

    assert abs(total(overlaps(left, right)) - 1.0) < 0.2


def test_the_same_mix_on_both_channels_is_dual_mono():
    mix = spoken(SPOKEN, seconds=10.0)

    assert is_dual_mono(np.stack([mix, mix]))
    assert is_dual_mono(np.stack([mix, -0.8 * mix + noise(10.0, 1e-3)]))


def test_two_parties_a_silent_channel_and_crosstalk_are_not_dual_mono():
    agent, customer = spoken([(1.0, 4.0)], seconds=10.0), spoken([(6.0, 9.0)], seconds=10.0)

    assert not is_dual_mono(np.stack([agent, customer]))
    assert not is_dual_mono(np.stack([agent, np.zeros_like(agent)]))
    assert not is_dual_mono(np.stack([agent, 0.1 * agent]))
    assert not is_dual_mono(agent[None])


def test_an_hour_of_speech_is_found_a_hundred_times_faster_than_it_was_spoken():
    minute = spoken([(n + 0.1, n + 0.7) for n in range(60)], seconds=60.0)
    ten_minutes = np.tile(minute, (2, 10))

    began = time.process_time()
    speech_by_channel(ten_minutes, RATE)

    assert time.process_time() - began < 600 / 100


TENTHS = st.integers(0, 200).map(lambda n: n / 10)
SPANS = st.lists(st.tuples(TENTHS, TENTHS).map(sorted).filter(lambda p: p[0] < p[1])).map(
    lambda pairs: union([Span(*p) for p in pairs])
)


def covered(spans: tuple[Span, ...]) -> set[int]:
    """The tenths of a second inside the spans."""
    return {n for s in spans for n in range(round(s.start * 10), round(s.end * 10))}


def is_sorted_and_disjoint(spans: tuple[Span, ...]) -> bool:
    return all(s.start < s.end for s in spans) and all(a.end < b.start for a, b in pairwise(spans))


@given(SPANS, SPANS)
def test_overlap_is_what_both_cover(a: tuple[Span, ...], b: tuple[Span, ...]):
    assert covered(overlaps(a, b)) == covered(a) & covered(b)
    assert overlaps(a, b) == overlaps(b, a)


@given(SPANS, SPANS)
def test_union_is_what_either_covers(a: tuple[Span, ...], b: tuple[Span, ...]):
    assert covered(union(a, b)) == covered(a) | covered(b)
    assert is_sorted_and_disjoint(union(a, b))


@given(SPANS, SPANS)
def test_shared_silence_is_what_neither_covers(a: tuple[Span, ...], b: tuple[Span, ...]):
    silent = both_silent(a, b, duration=20.0)

    assert covered(silent) == set(range(200)) - covered(a) - covered(b)
    assert is_sorted_and_disjoint(silent)


@given(SPANS, SPANS, st.integers(1, 50).map(lambda n: n / 10))
def test_no_shorter_silence_is_reported_than_asked_for(a: tuple[Span, ...], b: tuple[Span, ...], shortest: float):
    assert set(both_silent(a, b, duration=20.0, shortest=shortest)) == {
        s for s in both_silent(a, b, duration=20.0) if s.duration > shortest
    }


@given(SPANS, st.integers(0, 30).map(lambda n: n / 10))
def test_padding_covers_more_and_stays_in_the_call(a: tuple[Span, ...], by: float):
    wider = padded(a, by, duration=20.0)

    assert covered(a) <= covered(wider) <= set(range(200))


@given(st.lists(st.floats(-0.875, 0.875, width=32), max_size=200), st.integers(1, 60))
def test_spans_are_sorted_disjoint_and_inside_any_sound(pieces: list[float], repeat: int):
    sound = np.repeat(np.array(pieces, np.float32), repeat * 8)
    sound[::2] *= -1

    spans = speech_spans(sound, RATE)

    assert is_sorted_and_disjoint(spans)
    assert all(s.start >= 0.0 and s.end <= len(sound) / RATE for s in spans)
