"""Plain text with a line for each turn: `Name: words`, with or without a time before or behind the name.

There is no specification; what is read are the marks of `exports.marks`. A line without a name goes on with the one
before it. Of the times only the starts are known.
"""

import re
from collections import Counter

from callaudit.transcription.exports.captions import seconds_of
from callaudit.transcription.exports.marks import Piece, check_nothing_left, pieces_of
from callaudit.transcription.exports.roles import PARTIES
from callaudit.transcription.exports.shape import Content, Export, Known, Said, Shape, comparable
from callaudit.transcription.transcript import Seconds

_STAMP = r"(?:\d{1,2}:)?[0-5]?\d:[0-5]\d(?:[.,]\d{1,3})?"
_BEFORE = re.compile(rf"\s*[\[(]?({_STAMP})[\])]?\s*(?:-\s*)?(?=\S)")
_BEHIND = re.compile(rf"([^:\n]{{1,60}}?)\s*[\[(]({_STAMP})[\])]\s*(:?)\s*")


def _lines(text: str) -> list[tuple[Seconds | None, str]]:
    """Time and words of each line that has any."""
    lines: list[tuple[Seconds | None, str]] = []
    for line in text.split("\n"):
        before, behind = _BEFORE.match(line), _BEHIND.match(line)
        if before is not None:
            lines.append((seconds_of(before[1]), line[before.end() :].strip()))
        elif behind is not None:
            lines.append((seconds_of(behind[2]), f"{behind[1]}: {line[behind.end() :]}".strip()))
        elif line.strip():
            lines.append((None, line.strip()))
    return lines


def _is_dialogue(content: Content) -> bool:
    text = content.text.decode("utf-8", "replace")
    if content.keys or not all(c.isprintable() or c in "\n\t" for c in text[:2000]):
        return False
    pieces = _pieces(_lines(text), frozenset())
    times = Counter(label for label, _ in pieces)
    parties = all(comparable(label) in PARTIES for label in times)
    # "Date: today" over a table of fields is no turn: nobody in it speaks twice.
    return len(times) > 1 and pieces[0][0] != "" and (parties or times.most_common(1)[0][1] > 1)


def _pieces(lines: list[tuple[Seconds | None, str]], names: frozenset[str]) -> list[Piece]:
    """Label and words of each line."""
    cues = pieces_of([[line] for _, line in lines], names | frozenset(PARTIES), goes_on=True)
    return [cue[0] if cue else ("", "") for cue in cues]


def _read(content: Content, known: Known) -> Export:
    lines = _lines(content.text.decode("utf-8"))
    pieces = _pieces(lines, known.names)
    check_nothing_left(pieces, frozenset(label for label, _ in pieces if label), known.names)
    return Export(
        said=tuple(
            Said(speaker=label, text=text, start=time) for (time, _), (label, text) in zip(lines, pieces, strict=True)
        )
    )


PLAIN = Shape(
    name="plain text",
    known_by="text with lines such as “Agent: Hello”, in a file that ends in .txt",
    recognises=_is_dialogue,
    read=_read,
)
