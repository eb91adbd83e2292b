"""Deepgram, pre-recorded audio, API version 1.

Source: Deepgram's Python SDK, types of the listen v1 response. Times are seconds. `utterances` are there only if the
request asked for them; without them each channel is one stream of words. `metadata.created` is when Deepgram
answered, not when the call was.
"""

import msgspec

from transcription.exports.shape import Content, Export, Known, Said, Shape, said_in_words, seconds, share
from transcription.transcript import Word


class _Word(msgspec.Struct):
    word: str
    start: float
    end: float
    confidence: float | None = None
    punctuated_word: str | None = None
    speaker: int | None = None


class _Alternative(msgspec.Struct):
    words: list[_Word] = []


class _Channel(msgspec.Struct):
    alternatives: list[_Alternative] = []


class _Utterance(msgspec.Struct):
    start: float
    end: float
    channel: int
    transcript: str
    confidence: float | None = None
    words: list[_Word] = []
    speaker: int | None = None


class _Output(msgspec.Struct):
    channels: list[_Channel]
    utterances: list[_Utterance] | None = None


class _Model(msgspec.Struct):
    name: str = ""


class _Metadata(msgspec.Struct):
    duration: float | None = None
    model_info: dict[str, _Model] | None = None


class _File(msgspec.Struct):
    results: _Output
    metadata: _Metadata


_DECODER = msgspec.json.Decoder(_File)


def _read(content: Content, known: Known) -> Export:
    file = _DECODER.decode(content.text)
    channels = file.results.channels
    several = len(channels) > 1
    if file.results.utterances is not None:
        said = [_said(u, several, f"results.utterances[{n}]") for n, u in enumerate(file.results.utterances)]
    else:
        said = []
        for number, channel in enumerate(channels):
            spoken = channel.alternatives[0].words if channel.alternatives else []
            place = f"results.channels[{number}].alternatives[0].words"
            labelled = [(str(number) if several else _speaker(w.speaker), _word(w, place)) for w in spoken]
            said += said_in_words(labelled, known.pause)
    return Export(
        said=tuple(said),
        model=", ".join(sorted(m.name for m in (file.metadata.model_info or {}).values() if m.name)),
        own_channels=several,
        duration=seconds(file.metadata.duration, "metadata.duration"),
    )


def _said(utterance: _Utterance, several: bool, place: str) -> Said:
    return Said(
        speaker=str(utterance.channel) if several else _speaker(utterance.speaker),
        text=utterance.transcript,
        start=seconds(utterance.start, f"{place}.start"),
        end=seconds(utterance.end, f"{place}.end"),
        words=tuple(_word(w, f"{place}.words") for w in utterance.words),
        confidence=share(utterance.confidence, f"{place}.confidence"),
    )


def _speaker(number: int | None) -> str:
    return "" if number is None else str(number)


def _word(word: _Word, place: str) -> Word:
    start, end = seconds(word.start, f"{place}.start") or 0.0, seconds(word.end, f"{place}.end") or 0.0
    return Word(word.punctuated_word or word.word, start, end, share(word.confidence, f"{place}.confidence"))


DEEPGRAM = Shape(
    name="Deepgram",
    known_by="JSON with metadata and results, and in the results channels with alternatives",
    recognises=lambda c: c.has("metadata") and c.inside("results", "channels") and c.inside("results", "alternatives"),
    read=_read,
)
