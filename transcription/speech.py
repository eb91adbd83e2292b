"""Where there is speech on each channel, and what follows from it: overlaps, shared silence.

A moment is speech where `voice` hears a voice; where it begins and ends is read off the sound's own loudness, which
is right to about 40 ms where the voice alone is 100 ms late (`docs/speech_activity.md` has the figures). Music,
ringing and noise are no speech. Another detector replaces `speech_by_channel` and nothing else: all other functions
here work on spans.
"""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from callaudit.transcription.audio import Samples
from callaudit.transcription.echo import Echo
from callaudit.transcription.loudness import (
    FRAME,
    SILENCE,
    Flags,
    Levels,
    held,
    levels_of,
    loud_frames,
    runs,
    without_runs,
)
from callaudit.transcription.music import music_spans
from callaudit.transcription.transcript import Seconds, Span, Spans
from callaudit.transcription.voice_activity import FRAME as VOICE_FRAME
from callaudit.transcription.voice_activity import Probabilities, at_rate, voice_probabilities

# Raised whenever the same sound gives other spans.
VERSION = 3

# A voice is there from where its probability passes the second number to where it falls below it again, if it reaches
# the first in between. Of the demo's voices 0.3 keeps 0.1 to 0.9 % more than 0.4, 0.5 loses 0.1 to 0.3 %; but noise
# that sets in at once comes to 0.31, and in 28 minutes of sampled instruments 0.4 lets one second pass.
_VOICE = 0.4
_STILL_VOICE = 0.1
# Music now and then resembles a voice; a voice over music is rarely unsure.
_VOICE_IN_MUSIC = 0.8
# Sure enough to stand where energy hears nothing, as in noise.
_SURE = 0.8

# The probability rises late at the beginning of a word and falls late after its end.
_RISES_LATE: Seconds = 0.12
_FALLS_LATE: Seconds = 0.10
_AFTER: Seconds = 0.08

# A sound of up to this length that is half a voice is a voice: single words are heard in part.
_ONE_SOUND: Seconds = 2.0
_WITHIN_SOUND: Seconds = 0.12

# Clicks are shorter than the shortest word; the closure of a "p" or "t" is shorter than a pause.
_SHORTEST: Seconds = 0.10
_CLOSURE: Seconds = 0.30
_EDGE: Seconds = 0.03

# Crosstalk, in dB: see `speech_by_channel`.
_WEAKER_THAN_OTHER = 10.0
_LEAK_SHARE = 0.25
_ABOVE_LEAK = 12.0
_LEAK = 30.0

# Against an echo that was taken out, in dB: what is this much weaker is the rest of it, and what is not this much
# louder may be. A voice of one's own is as loud as the other party's, an echo seldom.
_REST = 3.0
# So much doubtful speech at a stretch could be judged as speaking over somebody.
_DOUBTFUL: Seconds = 0.5
# Speech over the other party that is weaker (dB) and rises and falls with them, up to half a second late, may be an
# echo whose path no filter follows. Its loudness then goes along with theirs like this, over so much speech.
_GOES_ALONG = 0.7
_COMPARED: Seconds = 2.0
_WEAKER = 3.0
_LATEST: Seconds = 0.5


class Heard(msgspec.Struct, frozen=True):
    """What is on one channel: sorted, disjoint spans of speech and of music.

    `doubtful` is where speech may be an echo: as loud as one that was taken out, or as loud as the other party was.
    """

    speech: Spans
    music: Spans
    doubtful: Spans = ()


def speech_spans(samples: Samples, sample_rate: int) -> Spans:
    """Where one channel, float32 [n], has speech: sorted, disjoint spans, none shorter than 0.1 s."""
    return speech_by_channel(samples[None], sample_rate)[0]


def speech_by_channel(samples: Samples, sample_rate: int) -> tuple[Spans, ...]:
    """Where each channel of [channels, n] has speech of its own; see `heard_by_channel`."""
    return tuple(one.speech for one in heard_by_channel(samples, sample_rate))


def heard_by_channel(samples: Samples, sample_rate: int, *, echoes: Sequence[Echo | None] = ()) -> tuple[Heard, ...]:
    """What is on each channel of float32 [channels, n], full scale 1.0.

    `echoes` is what `echo.without_echo` took out of each channel; what is left of it there is no speech.
    With two channels, a moment while the other party speaks is crosstalk and not speech when it is

    - 30 dB or more weaker than the other party (the loudest of the 0.1 s before), whatever else holds, or
    - 10 dB or more weaker, and less than 12 dB above what leaks at least, which is the lower quartile of that
      difference while the other speaks.

    A quiet customer who talks over a loud agent is thus kept: this customer is not usually speaking then.
    No span of speech is shorter than 0.1 s. Memory beside the sound grows by some kilobytes a minute.
    """
    duration = samples.shape[1] / sample_rate
    probabilities = voice_probabilities(at_rate(samples, sample_rate))
    channels = [_Channel.of(*one, sample_rate) for one in zip(samples, probabilities, strict=True)]
    flags = [one.speech for one in channels]
    if len(channels) == 2:
        flags = [
            _without_echo(flags[0], _crosstalk(channels[0].levels, channels[1].levels, flags[1])),
            _without_echo(flags[1], _crosstalk(channels[1].levels, channels[0].levels, flags[0])),
        ]
    heard = []
    for n, (own, one, echo) in enumerate(zip(flags, channels, echoes or (None,) * len(channels), strict=True)):
        rest = doubt = np.zeros_like(own)
        if echo is not None:
            above_echo = one.levels - held(echo.taken)
            sounding = echo.taken > SILENCE
            rest, doubt = sounding & (above_echo < -_REST), sounding & (above_echo < _REST)
        spoken = _without_echo(own, rest) if rest.any() else own
        if len(channels) == 2:
            other = channels[1 - n]
            doubt = doubt | _goes_along(one.levels, other.levels, spoken & flags[1 - n])
        doubtful = without_runs(spoken & doubt, value=False, shorter_than=round(_WITHIN_SOUND / FRAME))
        doubtful = without_runs(doubtful, value=True, shorter_than=round(_DOUBTFUL / FRAME))
        heard.append(Heard(_spans(spoken, duration), one.music, _spans(doubtful, duration)))
    return tuple(heard)


# Laws of spans. All take and return sorted, disjoint spans.


def union(*groups: Iterable[Span], gap: Seconds = 0.0) -> Spans:
    """The spans of all groups as one; neighbours no more than `gap` seconds apart are joined."""
    joined: list[Span] = []
    for span in sorted(span for group in groups for span in group):
        if joined and span.start <= joined[-1].end + gap:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return tuple(joined)


def overlaps(a: Sequence[Span], b: Sequence[Span], *, shortest: Seconds = 0.0) -> Spans:
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


def both_silent(a: Sequence[Span], b: Sequence[Span], *, duration: Seconds, shortest: Seconds = 0.0) -> Spans:
    """Where neither has speech, from 0 to `duration`, leaving out what is not longer than `shortest` seconds."""
    silent: list[Span] = []
    quiet_since = 0.0
    # Not by `union`: this is asked of every call, and nobody needs its spans.
    for start, end in sorted([(span.start, span.end) for span in (*a, *b)]):
        if min(start, duration) - quiet_since > shortest:
            silent.append(Span(quiet_since, min(start, duration)))
        quiet_since = max(quiet_since, end)
    if duration - quiet_since > shortest:
        silent.append(Span(quiet_since, duration))
    return tuple(silent)


def total(spans: Iterable[Span]) -> Seconds:
    """Their length together, in seconds."""
    return sum((span.duration for span in spans), 0.0)


def padded(spans: Iterable[Span], by: Seconds, *, duration: Seconds) -> Spans:
    """The spans made `by` seconds longer on both sides, within 0 and `duration`; those that then touch are joined."""
    return union(Span(max(0.0, s.start - by), min(duration, s.end + by)) for s in spans)


class _Channel(msgspec.Struct, frozen=True):
    """A channel by 20 ms: its loudness, where it has speech, and its music."""

    levels: Levels
    speech: Flags
    music: Spans

    @classmethod
    def of(cls, samples: Samples, probabilities: Probabilities, sample_rate: int) -> "_Channel":
        levels = levels_of(samples, sample_rate)
        if not len(levels):
            return cls(levels, np.zeros(0, np.bool_), ())
        frame = ((np.arange(len(levels)) + 0.5) * FRAME / VOICE_FRAME).astype(np.int64)
        probable = probabilities[np.minimum(frame, len(probabilities) - 1)]
        voiced = _voiced(probable, _VOICE)
        level = float(np.percentile(levels[voiced], 90)) if voiced.any() else -np.inf
        sure = _voiced(probable, _VOICE_IN_MUSIC)
        music = music_spans(samples, sample_rate, levels=levels, voiced=sure, speech_level=level)
        voiced &= sure | ~_within(music, len(levels))
        if not voiced.any():
            return cls(levels, voiced, music)
        return cls(levels, _sharpened(voiced, probable, loud_frames(levels, level)), music)


def _voiced(probable: Probabilities, enough: float) -> Flags:
    """The stretches that are still a voice and somewhere reach `enough`."""
    flags = probable >= _STILL_VOICE
    for start, end in runs(flags):
        if probable[start:end].max() < enough:
            flags[start:end] = False
    return flags


def _within(spans: Iterable[Span], frames: int) -> Flags:
    flags = np.zeros(frames, np.bool_)
    for span in spans:
        flags[round(span.start / FRAME) : round(span.end / FRAME)] = True
    return flags


def _sharpened(voiced: Flags, probable: Probabilities, loud: Flags) -> Flags:
    """Speech with the edges that its sound has: what is loud near a voice, and where a voice is sure, that too."""
    loud = without_runs(loud, value=False, shorter_than=round(_WITHIN_SOUND / FRAME))
    near, sure = np.zeros_like(voiced), np.zeros_like(voiced)
    for start, end in runs(voiced):
        near[max(0, start - round(_RISES_LATE / FRAME)) : end + round(_AFTER / FRAME)] = True
        sure[start : max(start + 2, end - round(_FALLS_LATE / FRAME))] = True
    flags = (loud & near) | (sure & (probable >= _SURE))
    for start, end in runs(loud):
        if end - start <= round(_ONE_SOUND / FRAME) and near[start:end].mean() >= 0.5:
            flags[start:end] = True
    return _mended(without_runs(flags, value=True, shorter_than=2))


def _mended(flags: Flags) -> Flags:
    """Closures are part of the word; what is too short for speech is a click."""
    flags = without_runs(flags, value=False, shorter_than=round(_CLOSURE / FRAME))
    return without_runs(flags, value=True, shorter_than=round(_SHORTEST / FRAME))


def _without_echo(speaks: Flags, crosstalk: Flags) -> Flags:
    """Speech without the echo, and without the bits of it that rose above the leak before closures join them."""
    left = without_runs(speaks & ~crosstalk, value=True, shorter_than=round(_SHORTEST / FRAME))
    return _mended(left)


def _crosstalk(levels: Levels, other: Levels, other_speaks: Flags) -> Flags:
    """Where this channel has no more than what leaks from the other one; the other's speech counts 0.1 s longer."""
    above_other = levels - held(other)
    speaking = held(np.where(other_speaks, other, SILENCE).astype(np.float32)) > SILENCE
    if not speaking.any():
        return speaking
    leak = float(np.quantile(above_other[speaking], _LEAK_SHARE))
    weak = above_other < -_LEAK
    if leak <= -_WEAKER_THAN_OTHER:
        weak |= above_other < min(leak + _ABOVE_LEAK, -_WEAKER_THAN_OTHER)
    return np.asarray(speaking & weak)


def _goes_along(levels: Levels, other: Levels, at_once: Flags) -> Flags:
    """Where both speak at once, if this channel is weaker there and as loud as the other one was a moment before."""
    frames = np.flatnonzero(at_once)
    latest = round(_LATEST / FRAME)
    frames = frames[frames >= latest]
    if len(frames) * FRAME < _COMPARED or np.mean(levels[frames] - other[frames]) > -_WEAKER:
        return np.zeros_like(at_once)
    own = levels[frames] - levels[frames].mean()
    before = np.stack([other[frames - late] for late in range(latest + 1)])
    before -= before.mean(axis=1, keepdims=True)
    alike = before @ own / np.sqrt((own @ own) * (before * before).sum(axis=1) + 1e-9)
    return at_once if alike.max() >= _GOES_ALONG else np.zeros_like(at_once)


def _spans(flags: Flags, duration: Seconds) -> Spans:
    spans = [Span(round(float(s) * FRAME, 3), round(float(e) * FRAME, 3)) for s, e in runs(flags)]
    # Words begin and end below the threshold.
    return padded(spans, _EDGE, duration=duration)
