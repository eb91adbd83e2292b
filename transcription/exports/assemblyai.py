"""AssemblyAI, transcript of API version 2.

Source: AssemblyAI's Python SDK, `types.py`. Times are milliseconds, but `audio_duration` is in seconds. Channels are
numbered from 1, as text. `utterances` is null unless channels or speakers were asked for; the words may still name
them. A transcript may be an error, with its reason.
"""

import msgspec

from callaudit.transcription.exports.shape import (
    Export,
    Known,
    Millis,
    Said,
    Shape,
    Share,
    Time,
    failed,
    from_millis,
    of_json,
    said_in_words,
    unfinished,
)
from callaudit.transcription.transcript import Word


class _Word(msgspec.Struct):
    text: str
    start: Millis
    end: Millis
    confidence: Share | None = None
    speaker: str | None = None
    channel: str | int | None = None


class _Utterance(_Word):
    words: list[_Word] = []


class _File(msgspec.Struct):
    status: str
    error: str | None = None
    words: list[_Word] | None = None
    utterances: list[_Utterance] | None = None
    audio_duration: Time | None = None
    language_code: str | None = None
    multichannel: bool | None = None
    dual_channel: bool | None = None
    speech_model: str | None = None
    redact_pii: bool | None = None


def _read(file: _File, known: Known) -> Export:
    if file.status == "error":
        raise failed(file.error or "no reason given")
    if file.status != "completed":
        raise unfinished(file.status)
    several = bool(file.multichannel or file.dual_channel)
    if file.utterances:
        said = [_said(utterance, several) for utterance in file.utterances]
    else:
        by_channel: dict[str, list[tuple[str, Word]]] = {}
        for word in file.words or ():
            speaker = _speaker(word, several)
            by_channel.setdefault(speaker if several else "", []).append((speaker, _word(word)))
        said = [piece for words in by_channel.values() for piece in said_in_words(words, known.pause)]
    return Export(
        said=tuple(said),
        model=file.speech_model or "",
        own_channels=several,
        duration=file.audio_duration,
        language=file.language_code,
        masked=bool(file.redact_pii),
    )


def _said(utterance: _Utterance, several: bool) -> Said:
    return Said(
        speaker=_speaker(utterance, several),
        text=utterance.text,
        start=from_millis(utterance.start),
        end=from_millis(utterance.end),
        words=tuple([_word(w) for w in utterance.words]),
        confidence=utterance.confidence,
    )


def _speaker(spoken: _Word | _Utterance, several: bool) -> str:
    """The channel where each party has one ("1"; the speaker is then "1A" or "1"), else the speaker ("A")."""
    if several and spoken.channel is not None:
        return str(spoken.channel)
    return spoken.speaker or ""


def _word(word: _Word) -> Word:
    return Word(word.text, from_millis(word.start), from_millis(word.end), word.confidence)


ASSEMBLYAI = Shape(
    name="AssemblyAI",
    known_by="JSON with id, status, and audio_duration, utterances or error",
    recognises=lambda c: c.has("id", "status") and (c.has("audio_duration") or c.has("utterances") or c.has("error")),
    read=of_json(_File, _read),
    piece=("text", "start", "end", "speaker", "confidence", "words"),
    around=(b'{"id":"","status":"completed","utterances":[', b"]}"),
)
