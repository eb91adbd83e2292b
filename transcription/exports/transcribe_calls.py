"""Amazon Transcribe Call Analytics.

Source: Amazon Transcribe developer guide, "Post-call analytics output". Times are milliseconds, confidences are
text. Each turn names its role and lists its words; punctuation stands between them as items of its own.
"""

import msgspec

from callaudit.transcription.exports.contact_lens import ROLES
from callaudit.transcription.exports.shape import (
    Content,
    Export,
    Known,
    Millis,
    Said,
    Shape,
    from_millis,
    share,
    unfinished,
)
from callaudit.transcription.transcript import Word


class _Item(msgspec.Struct, rename="pascal", gc=False):
    content: str
    type: str = "pronunciation"
    begin_offset_millis: Millis | None = None
    end_offset_millis: Millis | None = None
    confidence: str | float | None = None


class _Turn(msgspec.Struct, rename="pascal"):
    participant_role: str
    begin_offset_millis: Millis
    end_offset_millis: Millis
    content: str
    items: list[_Item] | None = None


class _Characteristics(msgspec.Struct, rename="pascal"):
    total_conversation_duration_millis: Millis | None = None


class _Metadata(msgspec.Struct, rename="pascal"):
    output: str = ""


class _File(msgspec.Struct, rename="pascal"):
    transcript: list[_Turn]
    job_status: str = "COMPLETED"
    language_code: str | None = None
    content_metadata: _Metadata | None = None
    conversation_characteristics: _Characteristics | None = None


_DECODER = msgspec.json.Decoder(_File)


def _read(content: Content, _: Known) -> Export:
    file = _DECODER.decode(content.text)
    if file.job_status != "COMPLETED":
        raise unfinished(file.job_status)
    length = (
        file.conversation_characteristics.total_conversation_duration_millis
        if file.conversation_characteristics
        else None
    )
    return Export(
        said=tuple(
            Said(
                speaker=turn.participant_role,
                role=ROLES.get(turn.participant_role),
                text=turn.content,
                start=from_millis(turn.begin_offset_millis),
                end=from_millis(turn.end_offset_millis),
                words=_words(turn.items or (), f"Transcript[{n}].Items"),
            )
            for n, turn in enumerate(file.transcript)
        ),
        own_channels=True,
        duration=None if length is None else from_millis(length),
        language=file.language_code,
        masked=file.content_metadata is not None and file.content_metadata.output == "Redacted",
    )


def _words(items: list[_Item] | tuple[()], place: str) -> tuple[Word, ...]:
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
    read=_read,
    piece=("ParticipantRole", "BeginOffsetMillis", "Content"),
    around=(b'{"JobStatus":"COMPLETED","Transcript":[', b"]}"),
)
