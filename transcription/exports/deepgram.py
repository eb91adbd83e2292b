"""Deepgram, pre-recorded audio, API version 1.

Source: Deepgram's Python SDK, types of the listen v1 response. Times are seconds. `utterances` are there only if the
request asked for them; without them each channel is one stream of words. `metadata.created` is when Deepgram
answered, not when the call was.
"""

import msgspec

from callaudit.transcription.exports.shape import (
    Export,
    Known,
    Said,
    Shape,
    Share,
    Time,
    numbered,
    of_json,
    said_in_words,
)
from callaudit.transcription.language import shared
from callaudit.transcription.transcript import Word


class _Word(msgspec.Struct, gc=False):
    word: str
    start: Time
    end: Time
    confidence: Share | None = None
    punctuated_word: str | None = None
    speaker: int | None = None


class _Alternative(msgspec.Struct):
    words: list[_Word] = []


class _Channel(msgspec.Struct):
    alternatives: list[_Alternative] = []


class _Detected(msgspec.Struct):
    detected_language: str | None = None


class _Utterance(msgspec.Struct):
    start: Time
    end: Time
    channel: int
    transcript: str
    confidence: Share | None = None
    words: list[_Word] = []
    speaker: int | None = None


class _Output(msgspec.Struct):
    # Where there are utterances, their words stand there once more: then these are only counted.
    channels: list[msgspec.Raw]
    utterances: list[_Utterance] | None = None


class _Model(msgspec.Struct):
    name: str = ""


class _Metadata(msgspec.Struct):
    duration: Time | None = None
    model_info: dict[str, _Model] | None = None


class _File(msgspec.Struct):
    results: _Output
    metadata: _Metadata


_CHANNEL = msgspec.json.Decoder(_Channel)
_DETECTED = msgspec.json.Decoder(_Detected)


def _read(file: _File, known: Known) -> Export:
    several = len(file.results.channels) > 1 or len({u.channel for u in file.results.utterances or ()}) > 1
    if file.results.utterances:
        said = [_said(utterance, several) for utterance in file.results.utterances]
    else:
        said = []
        for number, channel in enumerate(map(_CHANNEL.decode, file.results.channels)):
            spoken = channel.alternatives[0].words if channel.alternatives else []
            labelled = [(numbered(number if several else w.speaker), _word(w)) for w in spoken]
            said += said_in_words(labelled, known.pause)
    return Export(
        said=tuple(said),
        model=", ".join(sorted(m.name for m in (file.metadata.model_info or {}).values() if m.name)),
        own_channels=several,
        duration=file.metadata.duration,
        language=shared([_DETECTED.decode(channel).detected_language for channel in file.results.channels]),
    )


def _said(utterance: _Utterance, several: bool) -> Said:
    return Said(
        speaker=numbered(utterance.channel if several else utterance.speaker),
        text=utterance.transcript,
        start=utterance.start,
        end=utterance.end,
        words=tuple([_word(w) for w in utterance.words]),
        confidence=utterance.confidence,
    )


def _word(word: _Word) -> Word:
    return Word(word.punctuated_word or word.word, word.start, word.end, word.confidence)


DEEPGRAM = Shape(
    name="Deepgram",
    known_by="JSON with metadata and results, and in the results channels with alternatives",
    recognises=lambda c: c.has("metadata") and c.inside("results", "channels") and c.inside("results", "alternatives"),
    read=of_json(_File, _read),
    piece=("start", "channel", "transcript"),
    around=(b'{"metadata":{},"results":{"channels":[],"utterances":[', b"]}}"),
)
