"""The JSON that openai-whisper writes, and its kin: whisperX, whisper-timestamped, the OpenAI API's verbose_json.

Source: openai/whisper `transcribe.py` and `timing.py`; m-bain/whisperX `schema.py`. Times are seconds. Nobody's role
is known, and only whisperX labels speakers. Text and words begin with a space. whisperX leaves a word that it cannot
align ("2014.") without times. `avg_logprob` is no confidence of the words, so without words there is none.
"""

import msgspec

from callaudit.transcription.exports.shape import (
    Export,
    Flaw,
    Known,
    Said,
    Shape,
    Share,
    Time,
    Token,
    of_json,
    said_in_words,
    timed,
)
from callaudit.transcription.transcript import Seconds, mean_confidence


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


def _read(file: _File, known: Known) -> Export:
    said = [piece for segment in file.segments for piece in _said(segment, known.pause)]
    # Whisper's times drift in silence, and a channel of one party is mostly silence: they are not when it speaks.
    return Export(said=tuple(said), own_channels=False, duration=file.duration, language=file.language)


def _said(segment: _Segment, pause: Seconds) -> list[Said]:
    words = [Token((w.word or w.text or "").strip(), w.start, w.end, _sure(w)) for w in segment.words or ()]
    labels = _labels(segment)
    if len(set(labels)) > 1:
        if "".join(w.text for w in words) != "".join(segment.text.split()):
            raise Flaw(
                "export_unparsable",
                f"several speakers in one segment whose words are not its text: {segment.text.strip()[:60]!r}",
                tries=("export the transcript again, with words and speakers",),
            )
        return said_in_words(zip(labels, words, strict=True), pause)
    placed = timed(words)
    return [
        Said(
            speaker=labels[0] if labels else segment.speaker or "",
            text=segment.text,
            start=segment.start,
            end=segment.end,
            words=placed,
            confidence=mean_confidence(w.confidence for w in placed),
        )
    ]


def _labels(segment: _Segment) -> list[str]:
    """Who says each word. One without a label goes on with the word before it, or begins a sentence with the next."""
    spoken = segment.words or []
    if not any(w.speaker for w in spoken):
        return [segment.speaker or ""] * len(spoken)
    labels: list[str] = []
    for n, word in enumerate(spoken):
        after = next((w.speaker for w in spoken[n:] if w.speaker), None)
        # A sentence that has ended is not gone on with.
        ended = n > 0 and (spoken[n - 1].word or spoken[n - 1].text or "").rstrip().endswith((".", "?", "!"))
        before = labels[-1] if labels else None
        labels.append(word.speaker or (after if ended or before is None else before) or before or "")
    return labels


def _sure(word: _Word) -> float | None:
    return next((c for c in (word.probability, word.score, word.confidence) if c is not None), None)


WHISPER = Shape(
    name="Whisper",
    known_by="JSON with segments, and beside them text, language or word_segments",
    recognises=lambda c: c.has("segments") and any(c.has(k) for k in ("text", "language", "word_segments")),
    read=of_json(_File, _read),
    piece=("start", "end", "text"),
    around=(b'{"text":"","segments":[', b"]}"),
)
