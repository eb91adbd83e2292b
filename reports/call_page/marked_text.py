"""A turn's words cut where something begins or ends: evidence, uncertain words, masked words."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import msgspec

from callaudit.reports.call_page.queries import UtteranceRow
from callaudit.transcription.redaction import KINDS

Tone = Literal["met", "missed", "near"]

UNCERTAIN = 0.5
"""Words the recogniser gave less than this are dotted."""

# Other words in brackets, "[laughs]", are what a recogniser wrote.
_MASK = re.compile(rf"\[((?:{'|'.join(KINDS)})(?: [a-z]+)*)\]")
# What was done outweighs what nearly was.
_WEIGHTIEST_FIRST: tuple[Tone, ...] = ("missed", "met", "near")


class Highlight(msgspec.Struct, frozen=True, kw_only=True):
    """Characters of a turn that are evidence of the finding with this number."""

    number: int
    tone: Tone
    start: int
    end: int


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """Words that look alike throughout.

    `numbers` are the findings they are evidence of, `ends` those whose evidence ends here; `masked` says what stood
    there, where something was taken out.
    """

    text: str
    numbers: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()
    tone: Tone | None = None
    uncertain: bool = False
    masked: str = ""


def pieces(text: str, highlights: Sequence[Highlight], uncertain: Sequence[tuple[int, int]] = ()) -> tuple[Piece, ...]:
    """The text in pieces; joined (masks as they stood) they are the text again, whatever overlaps."""
    length = len(text)
    marks = [
        msgspec.structs.replace(h, start=max(0, h.start), end=min(length, h.end))
        for h in highlights
        if max(0, h.start) < min(length, h.end)
    ]
    masks = {m.start(): m for m in _MASK.finditer(text)}
    cuts = {0, length}
    for start, end in [*((h.start, h.end) for h in marks), *uncertain, *(m.span() for m in masks.values())]:
        cuts |= {min(max(start, 0), length), min(max(end, 0), length)}
    edges = sorted(cuts)
    made = []
    for start, end in pairwise(edges):
        over = [h for h in marks if h.start <= start and end <= h.end]
        mask = next((m for m in masks.values() if m.start() <= start and end <= m.end()), None)
        if mask is not None and start != mask.start():
            continue
        made.append(
            Piece(
                text=mask.group() if mask else text[start:end],
                numbers=tuple(sorted({h.number for h in over})),
                ends=tuple(sorted({h.number for h in over if h.end == (mask.end() if mask else end)})),
                tone=next((tone for tone in _WEIGHTIEST_FIRST if any(h.tone == tone for h in over)), None),
                uncertain=mask is None and any(a <= start and end <= b for a, b in uncertain),
                masked=mask.group(1) if mask else "",
            )
        )
    return tuple(made)


def uncertain_words(utterances: Sequence[UtteranceRow]) -> list[tuple[int, int]]:
    """Where in a turn's text the recogniser was uncertain, from its utterances' words."""
    found = []
    for utterance in utterances:
        at = utterance.char_offset
        for word in utterance.words or ():
            end = at + len(word.text)
            if word.confidence is not None and word.confidence < UNCERTAIN:
                found.append((at, end))
            at = end + 1
    return found
