"""Where there is speech on each channel, and what follows from it: overlaps, shared silence, dual mono.

Speech is found by energy alone, against a noise floor that follows the line. That is enough for
recordings made by a telephone system; music on hold counts as sound. A better detector replaces
`speech_spans` and `speech_by_channel` and nothing else: all other functions here work on spans.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from transcription.audio import Samples
from transcription.transcript import Seconds, Span

Levels = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

_FRAME: Seconds = 0.02
_SILENCE = -90.0  # dB below full scale; digital silence has no logarithm.

# Speech is at least this loud (dB below full scale), this far above the noise floor, and not this far below
# the loud speech of the same channel: a line without noise would else turn every breath into speech.
_QUIETEST = -55.0
_ABOVE_FLOOR = 9.0
_BELOW_SPEECH = 32.0

# The floor is the level that one frame in ten stays under, within about half a minute.
_FLOOR_SHARE = 0.10
_FLOOR_WINDOW: Seconds = 30.0

# Clicks are shorter than the shortest word; the closure of a "p" or "t" is shorter than a pause.
_SHORTEST: Seconds = 0.10
_CLOSURE: Seconds = 0.30
_EDGE: Seconds = 0.06

# Crosstalk, in dB: see `speech_by_channel`.
_WEAKER_THAN_OTHER = 10.0
_WEAKER_THAN_USUAL = 10.0
_LEAK = 25.0


def speech_spans(samples: Samples, sample_rate: int) -> tuple[Span, ...]:
    """Where one channel has speech: sorted, disjoint spans, none shorter than 0.1 s.

    `samples` is float32 [n], full scale 1.0.
    """
    levels = _levels(samples, sample_rate)
    return _spans(_loud(levels), len(samples) / sample_rate)


def speech_by_channel(samples: Samples, sample_rate: int) -> tuple[tuple[Span, ...], ...]:
    """Where each channel of [channels, n] has speech of its own, without the other party's echo.

    With two channels, a moment is crosstalk and not speech when the other channel speaks at the same time and

    - is louder by 25 dB or more, whatever else holds, or
    - is louder by 10 dB or more, and this channel is 10 dB or more below its own usual level, which is the
      median of its speech while the other channel is quiet (at least 1 s of it).

    A quiet customer under a loud agent is thus kept: quiet is this customer's usual level.
    """
    duration = samples.shape[1] / sample_rate
    levels = [_levels(channel, sample_rate) for channel in samples]
    loud = [_loud(level) for level in levels]
    if len(levels) == 2:
        loud = [
            _mended(loud[0] & ~_crosstalk(levels[0], loud[0], levels[1], loud[1])),
            _mended(loud[1] & ~_crosstalk(levels[1], loud[1], levels[0], loud[0])),
        ]
    return tuple(_spans(flags, duration) for flags in loud)


def is_silent(samples: Samples, sample_rate: int) -> bool:
    """Whether a channel [n] never rises to speech."""
    return not speech_spans(samples, sample_rate)


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
    quiet = samples.shape[1] * 10 ** (_SILENCE / 10)
    if min(left, right) <= quiet:
        return False
    return abs(both) / (left * right) ** 0.5 > 0.99 and max(left, right) / min(left, right) < 4.0


# Laws of spans. All take and return sorted, disjoint spans.


def union(*groups: Iterable[Span], gap: Seconds = 0.0) -> tuple[Span, ...]:
    """The spans of all groups as one; neighbours no more than `gap` seconds apart are joined."""
    joined: list[Span] = []
    for span in sorted(span for group in groups for span in group):
        if joined and span.start <= joined[-1].end + gap:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return tuple(joined)


def overlaps(a: Sequence[Span], b: Sequence[Span], *, shortest: Seconds = 0.0) -> tuple[Span, ...]:
    """Where both have speech at once, leaving out what is not longer than `shortest` seconds."""
    found: list[Span] = []
    i = j = 0
    while i < len(a) and j < len(b):
        start, end = max(a[i].start, b[j].start), min(a[i].end, b[j].end)
        if end - start > shortest:
            found.append(Span(start, end))
        if a[i].end <= b[j].end:
            i += 1
        else:
            j += 1
    return tuple(found)


def both_silent(
    a: Sequence[Span], b: Sequence[Span], *, duration: Seconds, shortest: Seconds = 0.0
) -> tuple[Span, ...]:
    """Where neither has speech, from 0 to `duration`, leaving out what is not longer than `shortest` seconds."""
    silent: list[Span] = []
    quiet_since = 0.0
    for span in union(a, b):
        if min(span.start, duration) - quiet_since > shortest:
            silent.append(Span(quiet_since, min(span.start, duration)))
        quiet_since = max(quiet_since, span.end)
    if duration - quiet_since > shortest:
        silent.append(Span(quiet_since, duration))
    return tuple(silent)


def total(spans: Iterable[Span]) -> Seconds:
    """Their length together, in seconds."""
    return sum((span.duration for span in spans), 0.0)


def padded(spans: Iterable[Span], by: Seconds, *, duration: Seconds) -> tuple[Span, ...]:
    """The spans made `by` seconds longer on both sides, within 0 and `duration`; those that then touch are joined."""
    return union(Span(max(0.0, s.start - by), min(duration, s.end + by)) for s in spans)


def _levels(samples: Samples, sample_rate: int) -> Levels:
    """Loudness of each 20 ms in dB below full scale."""
    width = round(_FRAME * sample_rate)
    count = len(samples) // width
    frames = samples[: count * width].reshape(count, width)
    # An offset of the line is no sound: the mean of each frame is taken off.
    power = np.einsum("ij,ij->i", frames, frames) / width - frames.mean(axis=1) ** 2
    return np.asarray(10.0 * np.log10(np.maximum(power, 10 ** (_SILENCE / 10))), np.float32)


def _loud(levels: Levels) -> Flags:
    """Frames that rise to speech, closures filled and clicks removed."""
    if not len(levels):
        return np.zeros(0, np.bool_)
    speech_level = float(np.percentile(levels, 98))
    threshold = np.maximum(_noise_floor(levels) + _ABOVE_FLOOR, max(_QUIETEST, speech_level - _BELOW_SPEECH))
    # A line that is loud all the time has no floor to be heard under; never ask for more than its own loud speech.
    threshold = np.minimum(threshold, max(_QUIETEST, speech_level - 6.0))
    flags = levels > threshold
    flags = _without_runs(flags, value=False, shorter_than=round(_CLOSURE / _FRAME))
    return _without_runs(flags, value=True, shorter_than=round(_SHORTEST / _FRAME))


def _mended(flags: Flags) -> Flags:
    """A closure looks like crosstalk while the other party speaks; what is left of an echo is too short for speech."""
    flags = _without_runs(flags, value=True, shorter_than=round(_SHORTEST / _FRAME))
    return _without_runs(flags, value=False, shorter_than=round(_CLOSURE / _FRAME))


def _noise_floor(levels: Levels) -> Levels:
    """The level around each frame that one frame in ten stays under: by whole seconds, smoothed over half a minute."""
    per_block = round(1.0 / _FRAME)
    blocks = -(-len(levels) // per_block)
    filled = np.pad(levels, (0, blocks * per_block - len(levels)), mode="edge").reshape(blocks, per_block)
    quiet = np.percentile(filled, 100 * _FLOOR_SHARE, axis=1)
    half = round(_FLOOR_WINDOW / 2)
    around = sliding_window_view(np.pad(quiet, half, mode="edge"), 2 * half + 1)
    floor = np.percentile(around, 100 * _FLOOR_SHARE, axis=1)
    return np.repeat(floor, per_block)[: len(levels)].astype(np.float32)


def _crosstalk(levels: Levels, loud: Flags, other: Levels, other_loud: Flags) -> Flags:
    alone = levels[loud & ~other_loud]
    usual = float(np.median(alone)) if len(alone) >= round(1.0 / _FRAME) else np.inf
    louder_by = _held(other) - levels
    weak = (louder_by >= _WEAKER_THAN_OTHER) & (levels <= usual - _WEAKER_THAN_USUAL)
    if usual == np.inf:
        weak = louder_by >= _WEAKER_THAN_OTHER + _WEAKER_THAN_USUAL
    return loud & other_loud & (weak | (louder_by >= _LEAK))


def _held(levels: Levels) -> Levels:
    """The loudest of each frame and the 0.1 s before it: an echo comes late."""
    width = round(0.1 / _FRAME) + 1
    if not len(levels):
        return levels
    held = sliding_window_view(np.pad(levels, (width - 1, 0), mode="edge"), width).max(axis=1)
    return np.asarray(held, np.float32)


def _runs(flags: Flags) -> npt.NDArray[np.int64]:
    """[k, 2] frame numbers: where each run of true frames starts and ends (not included)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0]))))
    return edges.reshape(-1, 2)


def _without_runs(flags: Flags, *, value: bool, shorter_than: int) -> Flags:
    kept = flags.copy()
    for start, end in _runs(flags == value):
        inside = value or (start > 0 and end < len(flags))
        if end - start < shorter_than and inside:
            kept[start:end] = not value
    return kept


def _spans(flags: Flags, duration: Seconds) -> tuple[Span, ...]:
    flags = _without_runs(flags, value=True, shorter_than=round(_SHORTEST / _FRAME))
    runs = [Span(round(float(s) * _FRAME, 3), round(float(e) * _FRAME, 3)) for s, e in _runs(flags)]
    # Words begin and end below the threshold.
    return padded(runs, _EDGE, duration=duration)
