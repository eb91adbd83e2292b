"""Amazon Transcribe Call Analytics.

Source: Amazon Transcribe developer guide, "Post-call analytics output". Times are milliseconds, confidences are
text. Each turn names its role and lists its words; punctuation stands between them as items of its own.
"""

from collections.abc import Sequence

import msgspec

from callaudit.transcription.exports.amazon import Analysis, Turn
from callaudit.transcription.exports.shape import Export, Known, Millis, Shape, from_millis, of_json, share
from callaudit.transcription.transcript import Word


class _Item(msgspec.Struct, rename="pascal", gc=False):
    content: str
    type: str = "pronunciation"
    begin_offset_millis: Millis | None = None
    end_offset_millis: Millis | None = None
    confidence: str | float | None = None


class _Turn(Turn, rename="pascal", kw_only=True):
    participant_role: str
    items: list[_Item] | None = None


class _File(Analysis, rename="pascal", kw_only=True):
    transcript: list[_Turn]


def _read(file: _File, _: Known) -> Export:
    turns = enumerate(file.transcript)
    return file.export(
        t.said(t.participant_role, words=_words(t.items or (), f"Transcript[{n}].Items")) for n, t in turns
    )


def _words(items: Sequence[_Item], place: str) -> tuple[Word, ...]:
    words: list[Word] = []
    for item in items:
        if item.type == "punctuation":
            if words:
                last = words[-1]
                words[-1] = Word(last.text + item.content, last.start, last.end, last.confidence)
        elif item.begin_offset_millis is None or item.end_offset_millis is None:
            return ()  # A word without its time: none of the turn's words can be placed.
        else:
            start, end = from_millis(item.begin_offset_millis), from_millis(item.end_offset_millis)
            words.append(Word(item.content, start, end, share(item.confidence, f"{place}: Confidence")))
    return tuple(words)


TRANSCRIBE_CALLS = Shape(
    name="Transcribe Call Analytics",
    known_by="JSON with a JobStatus, and a Transcript whose turns have a ParticipantRole",
    recognises=lambda c: c.has("JobStatus") and c.inside("Transcript", "ParticipantRole"),
    read=of_json(_File, _read),
    piece=("ParticipantRole", "BeginOffsetMillis", "Content"),
    around=(b'{"JobStatus":"COMPLETED","Transcript":[', b"]}"),
)
