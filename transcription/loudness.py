"""How loud each moment of a channel is, and which moments rise out of its line: energy alone.

It cannot tell a voice from music or noise (`transcription.voice_activity` does), but it knows to 20 ms when a sound
begins.
"""

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from callaudit.transcription.audio import Samples
from callaudit.transcription.transcript import Seconds

Levels = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

FRAME: Seconds = 0.02
SILENCE = -90.0  # dB below full scale; digital silence has no logarithm.

# Speech is at least this loud (dB below full scale), this far above the noise floor, and not this far below
# the loud speech of the same channel: a line without noise would else turn every breath into speech.
_QUIETEST = -60.0
_ABOVE_FLOOR = 4.0
_BELOW_SPEECH = 32.0

# The floor is the level that one frame in ten stays under, within about half a minute.
_FLOOR_SHARE = 0.10
_FLOOR_WINDOW: Seconds = 30.0


def levels_of(samples: Samples, sample_rate: int) -> Levels:
    """Loudness of each 20 ms in dB below full scale."""
    width = round(FRAME * sample_rate)
    count = len(samples) // width
    frames = samples[: count * width].reshape(count, width)
    # An offset of the line is no sound: the mean of each frame is taken off.
    power = np.einsum("ij,ij->i", frames, frames) / width - frames.mean(axis=1) ** 2
    return np.asarray(10.0 * np.log10(np.maximum(power, 10 ** (SILENCE / 10))), np.float32)


def loud_frames(levels: Levels, speech_level: float) -> Flags:
    """Frames that rise out of the line as speech does, given how loud the speech of this channel is (dB)."""
    threshold = np.maximum(noise_floor(levels) + _ABOVE_FLOOR, max(_QUIETEST, speech_level - _BELOW_SPEECH))
    # A line that is loud all the time has no floor to be heard under; never ask for more than its own loud speech.
    return np.asarray(levels > np.minimum(threshold, speech_level - 6.0))


def noise_floor(levels: Levels) -> Levels:
    """The level around each frame that one frame in ten stays under: by whole seconds, smoothed over half a minute."""
    per_block = round(1.0 / FRAME)
    blocks = -(-len(levels) // per_block)
    filled = np.pad(levels, (0, blocks * per_block - len(levels)), mode="edge").reshape(blocks, per_block)
    quiet = np.percentile(filled, 100 * _FLOOR_SHARE, axis=1)
    half = round(_FLOOR_WINDOW / 2)
    around = sliding_window_view(np.pad(quiet, half, mode="edge"), 2 * half + 1)
    floor = np.percentile(around, 100 * _FLOOR_SHARE, axis=1)
    return np.repeat(floor, per_block)[: len(levels)].astype(np.float32)


def held(levels: Levels) -> Levels:
    """The loudest of each frame and the 0.1 s before it: an echo comes late."""
    width = round(0.1 / FRAME) + 1
    if not len(levels):
        return levels
    return np.asarray(sliding_window_view(np.pad(levels, (width - 1, 0), mode="edge"), width).max(axis=1), np.float32)


def runs(flags: Flags) -> npt.NDArray[np.int64]:
    """[k, 2] frame numbers: where each run of true frames starts and ends (not included)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0]))))
    return edges.reshape(-1, 2)


def without_runs(flags: Flags, *, value: bool, shorter_than: int) -> Flags:
    """The flags without the runs of `value` that are shorter than so many frames; a gap at either end stays a gap."""
    kept = flags.copy()
    for start, end in runs(flags == value):
        inside = value or (start > 0 and end < len(flags))
        if end - start < shorter_than and inside:
            kept[start:end] = not value
    return kept
