"""The speech of a channel in windows that a recogniser hears at once, and its words' times back in the call.

Cuts are stretches of speech with the short pauses inside them and a little of the line around them. They are laid end
to end until a window is full, so that silence costs nothing: between two cuts the recogniser hears twice the padding
instead of the pause. Each word's time is then moved back to where it was said.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from callaudit.transcription import speech
from callaudit.transcription.audio import Samples
from callaudit.transcription.engines import Channel
from callaudit.transcription.transcript import Seconds, Span, Word

# Whisper hears 30 s at once; where the sound ends a little sooner it closes its last sentence.
LONGEST: Seconds = 28.0
PADDING: Seconds = 0.3
JOIN: Seconds = 0.6

Window = tuple[Span, ...]

_FRAME: Seconds = 0.02
_QUIET_FRAMES = 10


def windows(channel: Channel) -> list[Window]:
    """The cuts of a channel in order of time, in groups of at most `LONGEST` seconds of sound."""
    duration = len(channel.samples) / channel.sample_rate
    cuts = speech.padded(speech.union(channel.spans, gap=JOIN), PADDING, duration=duration)
    groups: list[list[Span]] = []
    for cut in (part for whole in cuts for part in _divided(whole, channel)):
        if groups and speech.total(groups[-1]) + cut.duration <= LONGEST:
            groups[-1].append(cut)
        else:
            groups.append([cut])
    return [tuple(group) for group in groups]


def sound_of(channel: Channel, window: Window) -> Samples:
    """What is heard in a window: float32 [n] at the channel's sample rate."""
    edges = ((round(cut.start * channel.sample_rate), round(cut.end * channel.sample_rate)) for cut in window)
    return np.concatenate([channel.samples[first:last] for first, last in edges])


def moved_back(words: Sequence[Word], window: Window) -> list[Word]:
    """The words of a window at their times in the call; a word belongs to the cut that holds its middle."""
    return [_moved_back(word, window) for word in words]


def _moved_back(word: Word, window: Window) -> Word:
    middle, before = (word.start + word.end) / 2, 0.0
    cut = window[0]
    for cut in window:
        if middle < before + cut.duration or cut is window[-1]:
            break
        before += cut.duration
    moved = cut.start - before
    start = min(max(word.start + moved, cut.start), cut.end)
    return Word(word.text, round(start, 3), round(min(max(word.end + moved, start), cut.end), 3), word.confidence)


def _divided(cut: Span, channel: Channel) -> Iterator[Span]:
    """The cut in parts of at most a window, parted where it is quietest: hardly ever inside a word."""
    start = cut.start
    while cut.end - start > LONGEST:
        end = _quietest(channel, Span(start + LONGEST / 2, start + LONGEST))
        yield Span(start, end)
        start = end
    yield Span(start, cut.end)


def _quietest(channel: Channel, within: Span) -> Seconds:
    """The middle of the quietest fifth of a second."""
    width = round(_FRAME * channel.sample_rate)
    first = math.ceil(within.start * channel.sample_rate)
    count = math.floor(within.duration / _FRAME) - 1
    frames = channel.samples[first : first + count * width].reshape(count, width).astype(np.float64)
    power = np.convolve(np.einsum("ij,ij->i", frames, frames), np.ones(_QUIET_FRAMES), mode="valid")
    return round(first / channel.sample_rate + (int(np.argmin(power)) + _QUIET_FRAMES / 2) * _FRAME, 3)
