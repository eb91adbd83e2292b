"""The other party heard on a channel, and its removal: an echo of their voice, or a line that leaks.

A headset's microphone hears its own loudspeaker, a line sends back what it was sent, and so one party's words stand on
the other's channel, weaker and later. A recogniser writes them down there as if the other party had said them. Here
the echo path from one channel to the other is measured as a filter, and what it lets through is subtracted; what both
parties say at once stays, because only a copy of the other channel goes.

The delay is the strongest in the correlation of the channels with every frequency counted alike (C. Knapp and
G. Carter, "The generalized correlation method for estimation of time delay", 1976). The filter is the one that leaves
least (N. Wiener; S. Haykin, "Adaptive Filter Theory"), where loud speech of the channel's own counts little.
`docs/echo.md` has the figures.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from callaudit.transcription.audio import Samples
from callaudit.transcription.loudness import SILENCE, Levels, levels_of
from callaudit.transcription.transcript import Seconds
from callaudit.transcription.voice_activity import FRAME as VOICE_FRAME
from callaudit.transcription.voice_activity import at_rate, voice_probabilities

_Reals = npt.NDArray[np.float64]
_Channel = npt.NDArray[np.float32]

# How late an echo may come, and how much before the sound, for recorders that shift their channels.
_LONGEST: Seconds = 0.5
_EARLY: Seconds = 0.005
# An echo is blurred: so much of it before its strongest moment and so much after it is taken out.
_BEFORE: Seconds = 0.008
_AFTER: Seconds = 0.032

# What is compared: stretches in which the other party speaks, enough of them to be sure, evenly over the call.
_BLOCK: Seconds = 1.0
_MOST_BLOCKS = 120
_LEAST_BLOCKS = 4
_QUIETEST = 1e-6  # mean square
_VOICE = 0.5
_VOICED_SHARE = 0.3

# Frequencies that telephones carry (Hz).
_BAND = (200.0, 3500.0)

# How far the strongest delay must stand out of the others, and how near to each other the strongest delays of two
# halves of the blocks must be, which chance brings about once in fifty times.
_STANDS_OUT = 12.0
_SAME_DELAY: Seconds = 0.005

# An echo weaker than this against the other party is heard by nobody, nor by a recogniser (dB).
_WEAKEST = -40.0
# The path of an echo may change: it is looked for again in stretches of this length.
_STRETCH: Seconds = 60.0
# Sound filtered at once.
_AT_ONCE = 1 << 18


class Echo(msgspec.Struct, frozen=True, kw_only=True):
    """The other party on a channel.

    - `lag`: how many seconds after the other channel it is strongest.
    - `level`: how loud it is against the other channel, in dB.
    - `taken`: how loud what was taken out is, in dB below full scale, by 20 ms.
    """

    lag: Seconds
    level: float
    taken: Levels


class _Copy(msgspec.Struct, frozen=True, kw_only=True):
    """What of one channel is on another: as sound there, after `lag` samples, at a level in dB."""

    sound: _Channel
    lag: int
    level: float


def without_echo(samples: Samples, sample_rate: int) -> tuple[Samples, tuple[Echo | None, ...]]:
    """The channels of float32 [channels, n] without the other party's echo, and what echo each had.

    Only two channels are compared, and not where both carry the same mix; where neither has an echo the samples come
    back as they are.
    """
    echoes: list[Echo | None] = [None] * len(samples)
    if len(samples) != 2 or is_dual_mono(samples):
        return samples, tuple(echoes)
    # Loud blocks first: hearing voices costs more, and most calls have no echo.
    loud = [_loud_blocks(channel, sample_rate) for channel in samples]
    if all(_lag(samples[[own, 1 - own]], sample_rate, loud[1 - own]) is None for own in (0, 1)):
        return samples, tuple(echoes)
    voices = voice_probabilities(at_rate(samples, sample_rate))
    starts = [_voiced_blocks(*both, sample_rate) for both in zip(samples, voices, strict=True)]
    cleaned = samples
    while waiting := [own for own in (0, 1) if echoes[own] is None]:
        copies = {own: _copy(cleaned[[own, 1 - own]], sample_rate, starts[1 - own]) for own in waiting}
        found = {own: copy for own, copy in copies.items() if copy is not None}
        if not found:
            break
        # The louder one first: while it is there, the other channel seems to repeat this one.
        own = max(found, key=lambda one: found[one].level)
        echoes[own] = Echo(
            lag=found[own].lag / sample_rate,
            level=round(found[own].level, 1),
            taken=levels_of(found[own].sound, sample_rate),
        )
        cleaned = cleaned.copy() if cleaned is samples else cleaned
        cleaned[own] -= found[own].sound
    return cleaned, tuple(echoes)


def is_dual_mono(samples: Samples) -> bool:
    """Whether two channels carry the same mix of both parties, so that they cannot tell them apart.

    True for a correlation above 0.99 (either polarity, so that lossy copies count) at levels within 6 dB;
    a faint copy is crosstalk of a one-sided call, not dual mono. False where a channel is silent.
    """
    if len(samples) != 2:
        return False
    # In blocks and in double precision: an hour of squares in float32 loses the small ones.
    left = right = both = 0.0
    for start in range(0, samples.shape[1], 1 << 20):
        a, b = samples[:, start : start + (1 << 20)].astype(np.float64)
        left, right, both = left + float(a @ a), right + float(b @ b), both + float(a @ b)
    quiet = samples.shape[1] * 10 ** (SILENCE / 10)
    if min(left, right) <= quiet:
        return False
    return abs(both) / (left * right) ** 0.5 > 0.99 and max(left, right) / min(left, right) < 4.0


def _copy(pair: Samples, sample_rate: int, starts: Sequence[int]) -> _Copy | None:
    """What of the second channel is on the first; None where it cannot be heard there."""
    some = _some(starts)
    whole = _part(pair, sample_rate, some, 0, pair.shape[1])
    if whole is None:
        return None
    sound = whole.sound
    width = round(_STRETCH * sample_rate)
    for start in range(0, pair.shape[1], width):
        end = min(start + width, pair.shape[1])
        inside = [s for s in starts if start <= s < end]
        more = _part(np.stack([pair[0] - sound, pair[1]]), sample_rate, inside, start, end)
        if more is not None:
            sound[start:end] += more.sound
    return _Copy(sound=sound, lag=whole.lag, level=_level(sound, pair[1], sample_rate, some))


def _part(pair: Samples, sample_rate: int, starts: Sequence[int], start: int, end: int) -> _Copy | None:
    """The same from one sample to another, by the blocks at `starts`."""
    lag = _lag(pair, sample_rate, starts)
    if lag is None:
        return None
    first, taps = _echo_path(pair, sample_rate, starts, lag)
    sound = _filtered(pair[1], first, taps, start, end)
    level = _level(sound, pair[1][start:end], sample_rate, [s - start for s in starts])
    return _Copy(sound=sound, lag=lag, level=level) if level >= _WEAKEST else None


def _level(sound: _Channel, other: _Channel, sample_rate: int, starts: Sequence[int]) -> float:
    """How loud a copy is against the channel that it repeats, in dB, over the blocks at `starts`."""
    width = round(_BLOCK * sample_rate)
    loud = [sum(_mean_square(one[s : s + width]) for s in starts) for one in (sound, other)]
    return 10.0 * float(np.log10((loud[0] + 1e-20) / loud[1]))


def _loud_blocks(channel: _Channel, sample_rate: int) -> list[int]:
    """Where blocks begin in which a channel has sound."""
    width = round(_BLOCK * sample_rate)
    starts = range(0, len(channel) - width + 1, width)
    return [start for start in starts if _mean_square(channel[start : start + width]) > _QUIETEST]


def _voiced_blocks(channel: _Channel, voice: npt.NDArray[np.float32], sample_rate: int) -> list[int]:
    """Those of them in which somebody speaks: music and hum may be on both channels without being an echo."""
    frames = round(_BLOCK / VOICE_FRAME)
    return [
        start
        for start in _loud_blocks(channel, sample_rate)
        if (voice[(at := round(start / sample_rate / VOICE_FRAME)) : at + frames] > _VOICE).mean() >= _VOICED_SHARE
    ]


def _some(starts: Sequence[int]) -> Sequence[int]:
    """No more than are needed, evenly."""
    if len(starts) <= _MOST_BLOCKS:
        return starts
    return [starts[n * len(starts) // _MOST_BLOCKS] for n in range(_MOST_BLOCKS)]


def _lag(pair: Samples, sample_rate: int, starts: Sequence[int]) -> int | None:
    """By how many samples the first channel of [2, n] repeats the second; None where it does not."""
    if len(starts) < _LEAST_BLOCKS:
        return None
    starts = _some(starts)
    halves = [_response(pair, sample_rate, starts[n::2]) for n in range(2)]
    first, second = (int(np.abs(half).argmax()) for half in halves)
    together = np.abs(halves[0] + halves[1])
    lag = int(together.argmax()) - round(_LONGEST * sample_rate)
    if abs(first - second) > _SAME_DELAY * sample_rate or together.max() < _STANDS_OUT * np.median(together):
        return None
    # Strongest before the sound itself: it is the second channel that repeats the first.
    return lag if lag >= -_EARLY * sample_rate else None


def _response(pair: Samples, sample_rate: int, starts: Sequence[int]) -> _Reals:
    """How strongly the first channel repeats the second at each delay up to the longest, before and after.

    Every frequency counts alike.
    """
    longest, width = round(_LONGEST * sample_rate), round(_BLOCK * sample_rate)
    size = _power_of_two(2 * (width + longest))
    cross, power = np.zeros(size // 2 + 1, np.complex128), np.zeros(size // 2 + 1)
    for start in starts:
        own, other = _piece(pair[0], start, start + width), _piece(pair[1], start - longest, start + width + longest)
        spectrum, weight = np.fft.rfft(other, size), _weight(own, other)
        cross += weight * np.fft.rfft(own, size) * np.conj(spectrum)
        power += weight * np.abs(spectrum) ** 2
    hertz = np.fft.rfftfreq(size, 1 / sample_rate)
    band = (hertz >= _BAND[0]) & (hertz <= _BAND[1])
    # What has no power in the other channel comes from elsewhere.
    even = np.where(band, cross / np.sqrt(power + 1e-3 * power[band].mean()), 0)
    return np.asarray(np.fft.irfft(even, size)[(np.arange(-longest, longest + 1) - longest) % size])


def _echo_path(pair: Samples, sample_rate: int, starts: Sequence[int], lag: int) -> tuple[int, _Reals]:
    """The filter from the second channel of [2, n] to the first around a delay, and the delay of its first value."""
    width = round(_BLOCK * sample_rate)
    first, taps = lag - round(_BEFORE * sample_rate), round((_BEFORE + _AFTER) * sample_rate)
    size = _power_of_two(width + 2 * taps)
    own = [_piece(pair[0], s, s + width) for s in starts]
    other = [_piece(pair[1], s - first - taps, s - first + width) for s in starts]
    spectra = [np.fft.rfft(one, size) for one in other]
    weights = [_weight(*both) for both in zip(own, other, strict=True)]
    alike = sum(w * np.fft.irfft(np.abs(x) ** 2, size)[:taps] for w, x in zip(weights, spectra, strict=True))
    table = np.asarray(alike)[np.abs(np.arange(taps)[:, None] - np.arange(taps)[None])]
    # Keeps the filter from inventing what the other channel does not carry, as above the telephone's band.
    table[np.diag_indices(taps)] *= 1.001
    solved = np.linalg.inv(table)
    values = np.zeros(taps)
    # The table counts the edges of the blocks a little differently; a second round mends that.
    for _ in range(2):
        passed = np.fft.rfft(values, size)
        repeated = np.zeros(taps)
        for piece, spectrum, weight in zip(own, spectra, weights, strict=True):
            left = piece - np.fft.irfft(spectrum * passed, size)[taps : taps + width]
            repeated += weight * np.fft.irfft(np.fft.rfft(left, size) * np.conj(spectrum), size)[np.arange(taps) - taps]
        values += solved @ repeated
    return first, values


def _filtered(channel: _Channel, first: int, taps: _Reals, start: int, end: int) -> _Channel:
    """A channel as it arrives on the other from one sample to another: filtered, and `first` samples later."""
    size = _power_of_two(_AT_ONCE + len(taps))
    passed = np.fft.rfft(taps, size)
    arrived = np.zeros(end - start, np.float32)
    for at in range(start, end, _AT_ONCE):
        until = min(at + _AT_ONCE, end)
        piece = _piece(channel, at - first - len(taps) + 1, until - first)
        sound = np.fft.irfft(np.fft.rfft(piece, size) * passed, size)
        arrived[at - start : until - start] = sound[len(taps) - 1 : len(piece)]
    return arrived


def _weight(own: _Reals, other: _Reals) -> float:
    return 1.0 / (_mean_square(own) + 0.01 * _mean_square(other) + 1e-12)


def _piece(channel: _Channel, start: int, end: int) -> _Reals:
    """The samples from `start` to `end`, silence where there are none."""
    piece = np.zeros(end - start)
    first, last = max(0, start), min(len(channel), end)
    if first < last:
        piece[first - start : last - start] = channel[first:last]
    return piece


def _mean_square(samples: _Reals | _Channel) -> float:
    return float(samples @ samples) / len(samples)


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()
