"""WebVTT and SRT: captions as Zoom, Teams, whisperX, whisper.cpp and others write them.

Source: WebVTT, W3C candidate recommendation of 2019; SubRip has no specification. A cue begins at its time code, not at
a blank line: programs leave that line out, or put one inside a cue. Who speaks is in `<v Name>text</v>` (Teams) or in
the marks of `exports.marks`. Captions have no words, no confidences, and times that say when to show them, not when
each party speaks. Some show a sentence again and again with another word of it highlighted: that is one cue.
"""

import html
import re

import msgspec

from callaudit.transcription.exports.marks import Piece, check_nothing_left, pieces_of
from callaudit.transcription.exports.shape import Content, Export, Flaw, Known, Said, Shape
from callaudit.transcription.transcript import Seconds

# Hours may be missing in WebVTT; SRT writes a comma, and some programs two digits behind it, or none.
_CLOCK = r"(?:(\d{1,4}):)?([0-5]?\d):([0-5]\d)(?:[.,](\d{1,3}))?"
_TIMES = re.compile(rf"{_CLOCK}\s*-->\s*{_CLOCK}(?:\s.*)?")
_SRT_START = re.compile(rf"\s*(?:\d+\s*\n\s*)?{_CLOCK}\s*-->\s*{_CLOCK}")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>")
_TAG = re.compile(r"</?[^>]*>|\{\\[^}]*\}")
_HIGHLIGHT = re.compile(r"<(?:u|b|i|font|c)(?:[\s.][^>]*)?>")
# whisper.cpp marks that somebody else speaks next, and not who.
_NEXT_SPEAKER = "[SPEAKER_TURN]"
# One cue goes on where the one before it ended; programs round.
_NO_GAP: Seconds = 0.1


class _Cue(msgspec.Struct):
    start: Seconds
    end: Seconds
    lines: list[str]


def seconds_of(clock: str) -> Seconds | None:
    """A caption's clock ("00:01:02.500", "01:02.5", "00:01:02,50") in seconds; None for what is none."""
    match = re.fullmatch(_CLOCK, clock)
    return _seconds(match.groups()) if match else None


def _seconds(parts: tuple[str | None, ...]) -> Seconds:
    hours, minutes, whole = (int(p or 0) for p in parts[:3])
    thousandths = int((parts[3] or "0").ljust(3, "0"))
    return (3_600_000 * hours + 60_000 * minutes + 1000 * whole + thousandths) / 1000


def _read(content: Content, known: Known) -> Export:
    cues = _collapsed(_cues(content.text.decode("utf-8")))
    unmarked = [cue for cue in cues if not _VOICE.search("\n".join(cue.lines))]
    marked = iter(pieces_of([[_plain(line) for line in cue.lines if _plain(line)] for cue in unmarked], known.names))
    said: list[tuple[_Cue, Piece]] = []
    for cue in cues:
        voices = _voices("\n".join(cue.lines))
        said += [(cue, piece) for piece in (voices or next(marked))]
    labels = frozenset(label for _, (label, _) in said if label)
    check_nothing_left([piece for _, piece in said], labels, known.names)
    return Export(
        said=tuple(Said(speaker=label, text=text, start=cue.start, end=cue.end) for cue, (label, text) in said)
    )


def _cues(text: str) -> list[_Cue]:
    """Start, end and lines of each cue; notes, styles and regions are none. Raises `Flaw` for a broken time code."""
    lines = [line.strip() for line in text.split("\n")]
    times: list[tuple[int, re.Match[str]]] = []
    for n, line in enumerate(lines):
        if "-->" in line:
            match = _TIMES.fullmatch(line)
            if match is None:
                raise Flaw(
                    "export_unparsable",
                    f"line {n + 1}: expected times like 00:01:02.500 --> 00:01:04.000, found {line[:60]!r}",
                    tries=("export the captions again",),
                )
            times.append((n, match))
    heads = _heads(lines, [n for n, _ in times])
    ends = [*heads[1:], len(lines)]
    return [
        _Cue(_seconds(match.groups()[:4]), _seconds(match.groups()[4:]), _without_notes(lines[n + 1 : end]))
        for (n, match), end in zip(times, ends, strict=True)
    ]


def _heads(lines: list[str], times: list[int]) -> list[int]:
    """The line with which each cue begins: its name where it has one, which may be a number, else its time code."""

    def has_name(n: int) -> bool:
        before = lines[n - 1] if n else ""
        if not before or before.startswith("WEBVTT"):
            return False
        is_apart = n < 2 or not lines[n - 2]
        return is_apart or (before.isdecimal() and numbered)

    first = times[0] if times else 0
    numbered = first > 0 and lines[first - 1].isdecimal()
    named = bool(times) and has_name(first)
    # A file that names no cue has words, not names, behind a blank line in a cue.
    return [n - 1 if has_name(n) and (named or lines[n - 1].isdecimal()) else n for n in times]


def _without_notes(lines: list[str]) -> list[str]:
    kept: list[str] = []
    in_note = False
    for before, line in zip(["", *lines], lines, strict=False):
        in_note = bool(line) and (in_note or (not before and bool(kept) and re.match(r"NOTE(\s|$)", line) is not None))
        if line and not in_note:
            kept.append(line)
    return kept


def _collapsed(cues: list[_Cue]) -> list[_Cue]:
    """The cues, those that show the same words with another of them highlighted as one."""
    kept: list[_Cue] = []
    at, spoken = -1, ""
    for cue in cues:
        shown = "\n".join(cue.lines)
        before, spoken = spoken, _plain(shown)
        found = _HIGHLIGHT.search(shown)
        here = len(_plain(shown[: found.start()])) if found is not None else -1
        last = kept[-1] if kept else None
        # The highlight moves on, or is off between two words; where it begins anew, the words are said anew.
        moves_on = here > at or here < 0 <= at
        same = last is not None and abs(cue.start - last.end) <= _NO_GAP and spoken == before
        if last is not None and same and moves_on:
            last.end = cue.end
            at = max(at, here)
        else:
            kept.append(_Cue(cue.start, cue.end, cue.lines))
            at = here
    return kept


def _voices(text: str) -> list[Piece]:
    """What each voice of a cue says; none where it has no voice tags."""
    if not _VOICE.search(text):
        return []
    before, *voices = _VOICE.split(text)
    pairs = [("", before), *zip(voices[::2], voices[1::2], strict=True)]
    return [(_plain(name), _plain(words)) for name, words in pairs if _plain(words)]


def _plain(text: str) -> str:
    return " ".join(html.unescape(_TAG.sub("", text).replace(_NEXT_SPEAKER, "")).split())


WEBVTT = Shape(
    name="WebVTT",
    known_by="text that begins with WEBVTT",
    recognises=lambda c: c.text.lstrip().startswith(b"WEBVTT"),
    read=_read,
)
SRT = Shape(
    name="SRT",
    known_by="text that begins with a number and 00:00:01,000 --> 00:00:02,000",
    recognises=lambda c: _SRT_START.match(c.text[:200].decode("utf-8", "replace")) is not None,
    read=_read,
)
