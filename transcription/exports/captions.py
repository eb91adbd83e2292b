"""WebVTT and SRT: captions as Zoom, Teams and others write them.

Source: WebVTT, W3C candidate recommendation of 2019; for who speaks, what those programs write: `<v Name>text</v>`
(Teams), `Name: text` (Zoom), `(Name)` alone on a line. A colon also stands in ordinary speech ("the answer is: no"),
so a name before a colon or in brackets counts only if it recurs or is in the roster. Captions have no words, no
confidences, and times that say when to show them, not when each party speaks.
"""

import html
import re
from collections import Counter
from collections.abc import Iterator

from transcription.exports.shape import Content, Export, Flaw, Known, Said, Shape, folded
from transcription.transcript import Seconds

# Hours may be missing in WebVTT; SRT writes a comma.
_CLOCK = r"(?:(\d{1,4}):)?([0-5]\d):([0-5]\d)[.,](\d{3})"
_TIMES = re.compile(rf"{_CLOCK}\s+-->\s+{_CLOCK}(?:\s.*)?")
_SRT_START = re.compile(rf"\s*\d+\s*\r?\n{_CLOCK}\s+-->\s+{_CLOCK}")
_ENDING = re.compile(r"\n[^\S\n]*\n")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>")
_TAG = re.compile(r"</?[^>]*>")
_PREFIX = re.compile(r"([^\W\d_][^:<>\n]{0,60}?):\s+(?=\S)")
_BRACKETED = re.compile(r"\(([^()\n]{1,60})\)\s*\n")


def seconds_of(clock: str) -> Seconds | None:
    """A caption's clock ("00:01:02.500", "01:02.500", "00:01:02,500") in seconds; None for what is none."""
    match = re.fullmatch(_CLOCK, clock)
    return _seconds(match.groups()) if match else None


def _seconds(parts: tuple[str | None, ...]) -> Seconds:
    hours, minutes, whole, thousandths = (int(p or 0) for p in parts)
    return (3_600_000 * hours + 60_000 * minutes + 1000 * whole + thousandths) / 1000


def _read(content: Content, known: Known) -> Export:
    cues = list(_cues(_text(content.text)))
    named = Counter(name for _, _, text in cues if (name := _unmarked_name(text)))
    accepted = {name for name, times in named.items() if times > 1 or folded(name) in known.roster}
    return Export(
        said=tuple(
            piece for start, end, text in cues for piece in _said(text, accepted, start=start, end=end) if piece.text
        )
    )


def _cues(text: str) -> Iterator[tuple[Seconds, Seconds, str]]:
    """Start, end and text of each cue; notes, styles and regions are none."""
    for block in _ENDING.split(text):
        lines = block.strip("\n").split("\n")
        at = next((n for n, line in enumerate(lines[:2]) if "-->" in line), None)
        if at is None:
            continue
        times = _TIMES.fullmatch(lines[at].strip())
        if times is None:
            raise Flaw(
                "export_unparsable",
                f"expected times like 00:01:02.500 --> 00:01:04.000, found {lines[at].strip()[:60]!r}",
                tries=("export the captions again",),
            )
        yield _seconds(times.groups()[:4]), _seconds(times.groups()[4:]), "\n".join(lines[at + 1 :]).strip()


def _unmarked_name(text: str) -> str:
    """The name that stands before a colon or alone in brackets, which may be none."""
    match = _BRACKETED.match(text) or _PREFIX.match(text)
    return _plain(match[1]) if match else ""


def _said(text: str, accepted: set[str], *, start: Seconds, end: Seconds) -> list[Said]:
    if _VOICE.search(text):
        before, *voices = _VOICE.split(text)
        pairs = [("", before), *zip(voices[::2], voices[1::2], strict=True)]
        return [Said(speaker=_plain(name), text=_plain(words), start=start, end=end) for name, words in pairs]
    match = _BRACKETED.match(text) or _PREFIX.match(text)
    if match and _plain(match[1]) in accepted:
        return [Said(speaker=_plain(match[1]), text=_plain(text[match.end() :]), start=start, end=end)]
    return [Said(text=_plain(text), start=start, end=end)]


def _plain(text: str) -> str:
    return " ".join(html.unescape(_TAG.sub("", text)).split())


def _text(content: bytes) -> str:
    return content.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")


WEBVTT = Shape(
    name="WebVTT",
    known_by="text that begins with WEBVTT",
    recognises=lambda c: c.text.startswith(b"WEBVTT"),
    read=_read,
)
SRT = Shape(
    name="SRT",
    known_by="text that begins with a number and 00:00:01,000 --> 00:00:02,000",
    recognises=lambda c: _SRT_START.match(c.text[:200].decode("utf-8", "replace")) is not None,
    read=_read,
)
