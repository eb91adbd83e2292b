import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callaudit.transcription.audio import Samples, decode
from callaudit.transcription.echo import is_dual_mono
from callaudit.transcription.engines import Channel, choose
from callaudit.transcription.speech import (
    both_silent,
    heard_by_channel,
    overlaps,
    padded,
    speech_by_channel,
    speech_spans,
    total,
    union,
)
from callaudit.transcription.transcript import Span
from callaudit.transcription.voice_activity import voice_probabilities
from tests.support.sound import RATE, RECORDINGS, spoken, voice

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
    assert speech_spans(noise(20.0, level), RATE) == ()


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


# What the rules time, on two channels whose truth is known.


def timed(agent: list[tuple[float, float]], customer: list[tuple[float, float]], seconds: float):
    channels = np.stack([spoken(agent, seconds=seconds), spoken(customer, seconds=seconds, which=1)])
    hiss = np.stack([noise(seconds, 1e-3, 1), noise(seconds, 1e-3, 2)])
    return speech_by_channel(channels + hiss, RATE)


def music(seconds: float, level: float = 0.1) -> Samples:
    """A slow tune of chords, as on hold."""
    clock = np.arange(round(seconds * RATE)) / RATE
    roots = np.array([220.0, 196.0, 174.6, 164.8])[(clock // 2).astype(int) % 4]
    phase = 2 * np.pi * np.cumsum(roots) / RATE
    return (level * sum(np.sin(k * phase) for k in (1.0, 1.26, 1.5, 2.0)) / 2).astype(np.float32)


def test_an_interruption_is_timed_from_its_first_sound():
    agent, customer = timed([(4.0, 8.0)], [(1.0, 6.0)], 10.0)

    (overlap,) = overlaps(agent, customer)

    assert overlap.start == pytest.approx(4.0, abs=0.1)
    assert overlap.duration == pytest.approx(2.0, abs=0.2)


def test_a_listening_signal_is_short_speech_inside_the_others():
    agent, customer = timed([(4.0, 4.5), (12.0, 14.0)], [(1.0, 10.0)], 15.0)

    signal = agent[0]

    assert signal.duration == pytest.approx(0.5, abs=0.15)
    assert customer[0].start < signal.start < signal.end < customer[0].end


def test_an_answer_gap_is_right_to_a_tenth_of_a_second():
    agent, customer = timed([(5.3, 8.0)], [(1.0, 4.0)], 10.0)

    assert agent[0].start - customer[0].end == pytest.approx(1.3, abs=0.1)


def test_dead_air_and_a_silent_hold_are_as_long_as_they_were():
    agent, customer = timed([(1.0, 4.0), (20.0, 22.0)], [(9.0, 11.0)], 24.0)

    silent = both_silent(agent, customer, duration=22.0, shortest=2.0)

    assert [round(s.duration, 1) for s in silent] == [pytest.approx(5.0, abs=0.2), pytest.approx(9.0, abs=0.2)]


def test_music_on_hold_is_music_and_the_call_around_it_is_speech():
    agent = spoken([(1.0, 5.0), (36.0, 40.0)], seconds=42.0)
    agent[6 * RATE : 35 * RATE] += music(29.0)
    customer = spoken([(5.2, 5.8)], seconds=42.0, which=1)

    left, right = heard_by_channel(np.stack([agent, customer]), RATE)

    (hold,) = left.music
    assert hold.start == pytest.approx(6.0, abs=0.5)
    assert hold.end == pytest.approx(35.0, abs=0.5)
    assert [s.duration for s in both_silent(left.speech, right.speech, duration=40.0, shortest=8.0)] == [
        pytest.approx(30.2, abs=0.4)
    ]
    assert right.music == ()


def test_talk_is_never_music():
    assert heard_by_channel(spoken([(0.5, 28.0)], seconds=30.0)[None], RATE)[0].music == ()


@pytest.mark.slow
def test_ten_minutes_of_silence_noise_and_music_hold_no_speech_and_so_no_words():
    rate = 16_000
    clock = np.arange(120 * rate) / rate
    random = np.random.default_rng(5)
    ringing = 0.1 * (np.sin(2 * np.pi * 440 * clock) + np.sin(2 * np.pi * 480 * clock)) * (clock % 6 < 2)
    sounds = [np.zeros(120 * rate), random.normal(0, 3e-3, 120 * rate), random.normal(0, 0.1, 120 * rate), ringing]
    line = np.concatenate([*sounds, np.repeat(music(120.0), rate // RATE)]).astype(np.float32)

    (spans,) = speech_by_channel(line[None], rate)

    engine = choose("faster-whisper", model="tiny.en")
    (written,) = engine.transcribe([Channel(samples=line, sample_rate=rate, spans=spans)])
    assert len(line) == 600 * rate
    assert (spans, written.words) == ((), [])


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length_of_a_call():
    def peak(minutes: int) -> int:
        sound = np.tile(voice(0, 16_000)[: 10 * 16_000], 6 * minutes)[None]
        tracemalloc.start()
        speech_by_channel(sound, 16_000)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    two, six = peak(2), peak(6)

    # What remains is what is kept by 20 ms; the sound itself is 3.8 MB a minute.
    assert (six - two) / 4 < 400_000


def test_silero_in_numpy_gives_what_its_authors_give():
    # By onnxruntime 1.31 with silero_vad_16k_sequence.onnx of silero-vad 6.2.3 on the first 3 s of the demo call.
    sound = decode(next(RECORDINGS.glob("*C-1002*.flac"))).samples[:, : 3 * 16_000]

    probable = voice_probabilities(sound)

    assert probable.shape == (2, 94)
    assert probable[0, ::10] == pytest.approx(
        [0.00947, 0.00369, 0.00232, 0.28412, 0.9826, 0.99999, 0.99998, 0.99997, 1.0, 0.99998], abs=1e-4
    )
    assert voice_probabilities(sound[:1])[0] == pytest.approx(probable[0], abs=1e-5)
