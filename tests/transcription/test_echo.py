"""The other party's echo on a channel: found, taken out, and never a party's own words."""

from functools import cache

import numpy as np
import pytest

from callaudit.transcription.audio import Audio, Samples, decode
from callaudit.transcription.echo import without_echo
from callaudit.transcription.speakers import layout_of
from callaudit.transcription.speech import Heard, both_silent, heard_by_channel, overlaps, total
from callaudit.transcription.transcript import Span
from tests.support.sound import RATE, RECORDINGS, spoken, voice

# Delay in seconds, level in dB, hiss of the lines in dB.
ECHOES = [
    (0.03, -8.0, None), (0.15, -12.0, None), (0.3, -20.0, None), (0.0, -20.0, -45.0), (0.15, -8.0, -45.0),
    (0.3, -14.0, -45.0), (0.3, -20.0, -45.0),
]  # fmt: skip


@cache
def a_call() -> Samples:
    """The start of a demo call, both channels."""
    call = decode(next(RECORDINGS.glob("*C-1002*.flac")))
    return call.samples[:, : 26 * call.sample_rate]


def with_echo(
    samples: Samples, *, on: int, lag: float, level: float, noise: float | None, rate: int = 16000
) -> Samples:
    """The channels with an echo of the other one on channel `on`, on lines that hiss at `noise` dB."""
    echoed = samples.copy()
    late = round(lag * rate)
    echoed[on, late:] += np.float32(10 ** (level / 20)) * samples[1 - on, : samples.shape[1] - late]
    if noise is not None:
        echoed += np.random.default_rng(3).normal(0.0, 10 ** (noise / 20), echoed.shape).astype(np.float32)
    return echoed


@cache
def undisturbed(noise: float | None) -> tuple[Heard, ...]:
    """What is on a call's channels without an echo."""
    return heard_by_channel(with_echo(a_call(), on=0, lag=0.0, level=-200.0, noise=noise), 16000)


def heard(samples: Samples, rate: int = 16000) -> tuple[Heard, ...]:
    cleaned, echoes = without_echo(samples, rate)
    return heard_by_channel(cleaned, rate, echoes=echoes)


def longest(spans: tuple[Span, ...]) -> float:
    return max((s.duration for s in spans), default=0.0)


def beyond(spans: tuple[Span, ...], others: tuple[Span, ...]) -> tuple[Span, ...]:
    """Where the spans are and the others are not."""
    return overlaps(spans, both_silent(others, (), duration=1e4))


@pytest.mark.parametrize(("lag", "level", "noise"), ECHOES)
def test_with_an_echo_each_party_speaks_when_they_did_without(lag: float, level: float, noise: float | None) -> None:
    clean = undisturbed(noise)

    found = heard(with_echo(a_call(), on=0, lag=lag, level=level, noise=noise))

    for own, before in zip(found, clean, strict=True):
        assert longest(beyond(own.speech, before.speech)) < 0.3
        assert longest(beyond(before.speech, own.speech)) < 0.3
    both = overlaps(found[0].speech, found[1].speech)
    assert longest(beyond(both, overlaps(clean[0].speech, clean[1].speech))) < 0.3


def test_the_echo_is_told_with_its_delay_and_level_and_the_rest_is_untouched() -> None:
    cleaned, (own, other) = without_echo(with_echo(a_call(), on=1, lag=0.15, level=-12.0, noise=None), 16000)

    assert own is None
    assert other is not None
    assert (round(other.lag, 3), round(other.level)) == (0.15, -12)
    # What is left of the echo is 30 dB weaker than it was.
    left, echo = cleaned[1] - a_call()[1], a_call()[0] * 10 ** (-12 / 20)
    assert np.mean(left**2) < np.mean(echo**2) / 1000
    assert (cleaned[0] == a_call()[0]).all()


def test_a_call_without_an_echo_keeps_every_sample() -> None:
    cleaned, echoes = without_echo(a_call(), 16000)

    assert cleaned is a_call()
    assert echoes == (None, None)


def test_echoes_on_both_channels_are_both_taken_out() -> None:
    both = with_echo(a_call(), on=0, lag=0.15, level=-12.0, noise=None)
    both[1] = with_echo(a_call(), on=1, lag=0.06, level=-14.0, noise=None)[1]

    _, echoes = without_echo(both, 16000)

    assert [(round(e.lag, 2), round(e.level)) for e in echoes if e is not None] == [(0.15, -12), (0.06, -14)]


@pytest.mark.parametrize("level", [-8.0, -20.0])
def test_what_both_say_at_once_is_kept(level: float) -> None:
    agent = spoken([(1.0, 8.0), (14.0, 17.0)], seconds=20.0, level=0.3)
    customer = spoken([(6.0, 13.0), (15.0, 16.0)], seconds=20.0, which=1, level=0.3)

    found = heard(with_echo(np.stack([agent, customer]), on=0, lag=0.2, level=level, noise=-55.0, rate=RATE), RATE)

    both = overlaps(found[0].speech, found[1].speech, shortest=0.3)
    assert [(round(s.start), round(s.end)) for s in both] == [(6, 8), (15, 16)]
    assert not any(own.doubtful for own in found)


def test_a_channel_that_only_repeats_the_other_one_is_silent() -> None:
    customer = voice(1)[: 20 * RATE]

    found = heard(
        with_echo(np.stack([np.zeros_like(customer), customer]), on=0, lag=0.2, level=-10.0, noise=-60.0, rate=RATE),
        RATE,
    )

    assert found[0].speech == ()
    assert total(found[1].speech) > 15


def test_music_on_both_channels_is_no_echo() -> None:
    clock = np.arange(30 * RATE) / RATE
    chord = sum(0.05 * np.sin(2 * np.pi * hertz * clock) for hertz in (262.0, 330.0, 392.0)).astype(np.float32)
    talk = np.stack([spoken([(0.0, 5.0)], seconds=30.0), spoken([(6.0, 9.0)], seconds=30.0, which=1)])

    cleaned, echoes = without_echo(talk + np.stack([chord, 0.5 * chord]), RATE)

    assert echoes == (None, None)
    assert cleaned.shape == talk.shape


def test_where_an_echo_wanders_timing_is_not_known_and_that_is_said() -> None:
    """An echo whose delay changes all the time is no filter: what is left of it cannot be told from speech."""
    call = a_call()
    echoed = call.copy()
    clock = np.arange(call.shape[1])
    late = clock - 16000 * (0.1 + 0.004 * np.sin(2 * np.pi * clock / 16000 / 3))
    echoed[0] += np.float32(0.4) * np.interp(late, clock, call[1]).astype(np.float32)
    cleaned, echoes = without_echo(echoed, 16000)
    audio = Audio(samples=cleaned, sample_rate=16000, source_rate=16000, codec="flac")

    layout = layout_of(audio, heard_by_channel(cleaned, 16000, echoes=echoes), echoes=echoes, agent_channel=0)

    assert not layout.times_known
    assert any("not known" in w for w in layout.warnings)
