"""The JSON that openai-whisper writes, and its kin: whisperX, whisper-timestamped, the OpenAI API's verbose_json.

Source: openai/whisper `transcribe.py` and `timing.py`; m-bain/whisperX `schema.py`. Times are seconds. Nobody's role
is known, and only whisperX labels speakers. Text and words begin with a space. whisperX leaves a word that it cannot
align ("2014.") without times. `avg_logprob` is no confidence of the words, so without words there is none.
"""

import msgspec

from transcription.exports.shape import Content, Export, Known, Said, Shape, Share, Time, said_in_words
from transcription.transcript import Seconds, Word


class _Word(msgspec.Struct, gc=False):
    word: str | None = None
    text: str | None = None
    start: Time | None = None
    end: Time | None = None
    probability: Share | None = None
    score: Share | None = None
    confidence: Share | None = None
    speaker: str | None = None


class _Segment(msgspec.Struct):
    text: str
    start: Time
    end: Time
    words: list[_Word] | None = None
    speaker: str | None = None


class _File(msgspec.Struct):
    segments: list[_Segment]
    duration: Time | None = None
    language: str | None = None


_DECODER = msgspec.json.Decoder(_File)


def _read(content: Content, known: Known) -> Export:
    file = _DECODER.decode(content.text)
    said = [piece for segment in file.segments for piece in _said(segment, known.pause)]
    # Whisper's times drift in silence, and a channel of one party is mostly silence: they are not when it speaks.
    return Export(said=tuple(said), own_channels=False, duration=file.duration, language=file.language)


def _said(segment: _Segment, pause: Seconds) -> list[Said]:
    words = _words(segment.words or [])
    speakers = {w.speaker or segment.speaker or "" for w in segment.words or ()}
    if len(speakers) > 1 and words:
        labels = [w.speaker or segment.speaker or "" for w in segment.words or ()]
        return said_in_words(zip(labels, words, strict=True), pause)
    known = [w.confidence for w in words if w.confidence is not None]
    return [
        Said(
            speaker=segment.speaker or "",
            text=segment.text,
            start=segment.start,
            end=segment.end,
            words=words,
            confidence=sum(known) / len(known) if known else None,
        )
    ]


def _words(spoken: list[_Word]) -> tuple[Word, ...]:
    words: list[Word] = []
    for one in spoken:
        if one.start is None or one.end is None:
            return ()  # A word without its time: none of the segment's words can be placed.
        sure = next((c for c in (one.probability, one.score, one.confidence) if c is not None), None)
        words.append(Word((one.word or one.text or "").strip(), one.start, one.end, sure))
    return tuple(words)


WHISPER = Shape(
    name="Whisper",
    known_by="JSON with segments, and beside them text, language or word_segments",
    recognises=lambda c: c.has("segments") and any(c.has(k) for k in ("text", "language", "word_segments")),
    read=_read,
)
