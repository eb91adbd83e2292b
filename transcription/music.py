"""Where a channel carries music, such as music on hold.

Music holds its notes: for some seconds the same few frequencies stand out again and again, which neither voices nor
noise do. This is continuous frequency activation, from K. Seyerlehner et al., "Automatic music detection in
television productions", DAFx-07, on the telephone's band.
"""

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from callaudit.transcription.audio import Samples
from callaudit.transcription.loudness import FRAME, Flags, Levels, runs, without_runs
from callaudit.transcription.transcript import Seconds, Span, Spans

_WINDOW: Seconds = 0.064
_HOP: Seconds = 0.032
_BAND = (150.0, 3400.0)  # Hz

# A frequency stands out where it is so many dB above the mean of the frequencies around it.
_STANDS_OUT = 5.0
_AROUND: float = 330.0  # Hz

# Judged by the second, over so many frames around it.
_BLOCK = 80
_STEP = 16
_PEAKS = 5
# A quarter of the blocks of a sound must reach this. Of 20 in noise, hum or typing 19 stay below 1.6, and never a
# quarter comes to 1.2; of 28 minutes of sampled instruments the least was 2.0, plucked tones have 2.0 in the middle.
_HELD_NOTES = 1.4
_AT_LEAST = 0.75

# Music is nearly as loud as speech (dB) and on hold lasts some seconds.
_QUIETEST = -50.0
_BELOW_SPEECH = 25.0
_SHORTEST: Seconds = 4.0
_BETWEEN_NOTES: Seconds = 1.0

_AT_ONCE = 2048


def music_spans(samples: Samples, sample_rate: int, *, levels: Levels, voiced: Flags, speech_level: float) -> Spans:
    """Where one channel [n] has music: sorted, disjoint, none shorter than 4 s.

    `levels` and `voiced` are its loudness and whether a voice is likely, by 20 ms; `speech_level` is the loudness of
    its speech in dB, or -inf where it has none. Memory does not grow with the length.
    """
    loud = levels > max(_QUIETEST, speech_level - _BELOW_SPEECH)
    if total_seconds(loud) < _SHORTEST:
        return ()
    # A word now and then, or what only sounds like one, does not end the music; its notes have pauses.
    sounding = without_runs(loud & ~voiced, value=False, shorter_than=round(_BETWEEN_NOTES / FRAME))
    long = [(a, b) for a, b in runs(sounding) if (b - a) * FRAME >= _SHORTEST and loud[a:b].mean() >= 0.5]
    if not long:
        return ()
    held = np.array(_held_notes(samples, sample_rate))
    centres = (np.arange(len(held)) * _STEP + _BLOCK / 2) * _HOP / FRAME
    spans = []
    for start, end in long:
        notes = held[(centres >= start) & (centres < end)]
        if len(notes) and np.quantile(notes, _AT_LEAST) > _HELD_NOTES:
            spans.append(Span(round(float(start) * FRAME, 3), round(float(end) * FRAME, 3)))
    return tuple(spans)


def total_seconds(flags: Flags) -> Seconds:
    """How long the flags are true together."""
    return float(flags.sum()) * FRAME


def _held_notes(samples: Samples, sample_rate: int) -> list[float]:
    """For each block of `_BLOCK` frames, one every `_STEP`: how much its five most held frequencies stand out."""
    width, hop = round(_WINDOW * sample_rate), round(_HOP * sample_rate)
    frames = (len(samples) - width) // hop + 1
    held: list[float] = []
    # Whole blocks of whole pieces, so that the blocks at the seams are the same however long the sound is.
    for first in range(0, max(0, frames - _BLOCK + 1), _AT_ONCE):
        last = min(frames, first + _AT_ONCE + _BLOCK - _STEP)
        outstanding = _outstanding(samples[first * hop : (last - 1) * hop + width], sample_rate)
        counted = np.cumsum(np.pad(outstanding, ((1, 0), (0, 0))), axis=0, dtype=np.float32)
        starts = range(0, min(_AT_ONCE, last - first - _BLOCK + 1), _STEP)
        shares = np.stack([(counted[start + _BLOCK] - counted[start]) / _BLOCK for start in starts])
        held += _peaks(shares).tolist()
    return held


def _outstanding(samples: Samples, sample_rate: int) -> npt.NDArray[np.bool_]:
    """[frames, frequencies]: which frequencies stand out of their neighbours."""
    width, hop = round(_WINDOW * sample_rate), round(_HOP * sample_rate)
    per_hertz = width / sample_rate
    around = round(_AROUND * per_hertz) // 2
    low, high = round(_BAND[0] * per_hertz), round(_BAND[1] * per_hertz)
    windows = sliding_window_view(samples, width)[::hop] * np.hanning(width).astype(np.float32)
    power = np.abs(np.fft.rfft(windows, axis=1)[:, max(0, low - around) : high + around + 1]) ** 2
    decibels = 10.0 * np.log10(power + 1e-7)
    sums = np.cumsum(np.pad(decibels, ((0, 0), (1, 0))), axis=1)
    wide = 2 * around + 1
    mean = (sums[:, wide:] - sums[:, :-wide]) / wide
    return np.asarray(decibels[:, around : around + mean.shape[1]] - mean > _STANDS_OUT)


def _peaks(shares: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """[blocks]: the five highest peaks of each block's shares over the median around them, together."""
    padded = np.pad(shares, ((0, 0), (6, 6)), mode="edge")
    above = shares - np.median(sliding_window_view(padded, 13, axis=1), axis=2)
    is_peak = (shares >= np.roll(shares, 1, axis=1)) & (shares >= np.roll(shares, -1, axis=1))
    return np.asarray(np.sort(above * is_peak, axis=1)[:, -_PEAKS:].sum(axis=1), np.float32)
