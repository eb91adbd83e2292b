"""Rev.ai, transcript of an asynchronous job.

Source: Rev.ai's API documentation, "Get transcript by id" (`application/vnd.rev.transcript.v1.0+json`). Times are
seconds. A monologue has one speaker, a number that says nothing of roles; where it has a name, `speaker_info` holds it.
Between the words stand elements for punctuation and spaces, without times; what was not understood is `unknown`.
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
    numbered,
    of_json,
    said_in_words,
)


class _Element(msgspec.Struct, gc=False):
    type: str
    value: str
    ts: Time | None = None
    end_ts: Time | None = None
    confidence: Share | None = None


class _Name(msgspec.Struct):
    display_name: str | None = None


class _Monologue(msgspec.Struct):
    elements: list[_Element]
    speaker: int | None = None
    speaker_info: _Name | None = None


class _File(msgspec.Struct):
    monologues: list[_Monologue]


def _read(file: _File, known: Known) -> Export:
    said = [piece for one in file.monologues for piece in _said(one, known)]
    return Export(said=tuple(said))


def _said(monologue: _Monologue, known: Known) -> list[Said]:
    name = monologue.speaker_info.display_name if monologue.speaker_info else None
    speaker = name or numbered(monologue.speaker)
    words: list[Token] = []
    apart = True
    for element in monologue.elements:
        if element.type not in {"text", "punct", "unknown"}:
            raise Flaw("export_unparsable", f"an element of the unknown type {element.type!r}: {element.value[:60]!r}")
        value = element.value
        if element.type == "punct" and not value.strip():
            apart = True
        elif words and not apart:
            last = words[-1]
            until = last.end if element.end_ts is None else element.end_ts
            words[-1] = Token(last.text + value.strip(), last.start, until, last.confidence)
            apart = value[-1:].isspace()
        else:
            words.append(Token(value.strip(), element.ts, element.end_ts, element.confidence))
            apart = value[-1:].isspace()
    return said_in_words([(speaker, word) for word in words if word.text], known.pause)


REV_AI = Shape(
    name="Rev.ai",
    known_by="JSON with monologues that have elements",
    recognises=lambda c: c.inside("monologues", "elements"),
    read=of_json(_File, _read),
    piece=("speaker", "elements"),
    around=(b'{"monologues":[', b"]}"),
)
