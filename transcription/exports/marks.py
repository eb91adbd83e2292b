"""Who speaks, as the lines of captions and plain text mark it: `Name: words`, `[Name]: words`, `(Name)` and their kin.

A colon also stands in ordinary speech ("the answer is: no") and brackets hold noises ("[laughter]"). So a mark counts
only where it cannot be anything else: its label recurs, is a known name, is a number or a name that a machine gives
("SPEAKER_00"), or is written as a name of several words. A mark that is left inside the words is an error: whose words
follow it is not certain.
"""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import msgspec

from callaudit.transcription.exports.shape import Flaw, comparable

_CHANGE = re.compile(r"\s*(?:>>+|[-\u2013\u2014](?=\s?\S))\s*")
_BRACKETED = re.compile(r"[\[(]\s*([^\[\]()\n]{1,60}?)\s*[\])]\s*(:?)(?:\s+|$)")
_COLON = re.compile(r"(\+?[^\W_][^:<>\[\]\n]{0,60}?)\s?:(?:\s+|$)")
_MACHINE = re.compile(
    r"(?:speaker|spk|channel|ch|participant|party|caller|voice)[\s_-]*\w{1,3}|\+?\d[\d\s()./-]{5,}", re.IGNORECASE
)
_CLOCK_INSIDE = re.compile(
    r"-->|(?<![\w:])\d{1,2}:[0-5]\d:[0-5]\d(?:[.,]\d{1,3})?(?![\w:])|(?<![\w:])[0-5]?\d:[0-5]\d[.,]\d{2,3}(?!\w)"
)
_CHANGE_INSIDE = re.compile(r"(?<=\s)>>+(?=\s)")
# What transcribers put in brackets that is nobody's name.
_NOTES = frozenset(
    "laughter laughs laughing laugh music applause silence pause inaudible unintelligible indiscernible crosstalk "
    "noise ringing beep beeping sigh sighs cough coughs foreign redacted overlapping hold".split()
)
# Fewer labels do not show by which custom a file sets them.
_CUSTOM_SHOWS = 3


class _Mark(msgspec.Struct, frozen=True):
    """What may say who speaks, at the beginning of a line; `bare`: in brackets without a colon."""

    label: str
    rest: str
    bare: bool = False


_Marks = Sequence[Sequence[_Mark | None]]
"""The mark of each line of each cue, None for a line without."""

Piece = tuple[str, str]
"""A label ("" for nobody) and what is said."""


def pieces_of(cues: Sequence[Sequence[str]], names: frozenset[str], *, goes_on: bool = False) -> list[list[Piece]]:
    """For each cue, given as its lines without tags, who says what in it: several speakers are several pieces.

    A line without a mark goes on with the line before it in its cue. A cue without one goes on with the cue before it
    where the file labels only changes of the speaker (no label is repeated while its speaker goes on), or where it
    always `goes_on`.
    """
    marks = [[_mark(line) for line in lines] for lines in cues]
    accepted = _accepted(marks, names)
    carries = goes_on or _labels_changes_only(marks, accepted)
    given: list[list[Piece]] = []
    speaker = ""
    for lines, marked in zip(cues, marks, strict=True):
        dialogue = sum(_CHANGE.match(line) is not None for line in lines) > 1
        if not carries:
            speaker = ""
        cue: list[tuple[str, list[str]]] = []
        for line, mark in zip(lines, marked, strict=True):
            sign = _CHANGE.match(line)
            if mark is not None and mark.label in accepted and _counts(mark, accepted[mark.label]):
                speaker = mark.label
                cue.append((speaker, [mark.rest]))
            elif sign is not None and (dialogue or line.lstrip().startswith(">>")):
                speaker = ""
                cue.append((speaker, [line[sign.end() :]]))
            elif cue:
                cue[-1][1].append(line)
            else:
                cue.append((speaker, [line]))
        given.append([(label, " ".join(" ".join(words).split())) for label, words in cue])
    return [[(label, text) for label, text in cue if text] for cue in given]


def check_nothing_left(said: Sequence[Piece], labels: frozenset[str], known: frozenset[str]) -> None:
    """Raises `Flaw` for a time code or somebody's mark inside what is said: it would be taken for words."""
    names = sorted({name for name in {*labels, *known} if len(name) > 1 and not name.isdecimal()}, key=len)
    either = "|".join(re.escape(name).replace(r"\ ", r"\s+") for name in reversed(names))
    marked = re.compile(rf"(?<!\w)(?:{either})\s?:(?=\s|$)|[\[(](?:{either})[\])]", re.IGNORECASE) if names else None
    for _, text in said:
        clock = _CLOCK_INSIDE.search(text)
        if clock is not None:
            raise _left(f"a time code stands inside the words: {_around(text, clock)}")
        change = _CHANGE_INSIDE.search(text)
        if change is not None:
            raise _left(f"somebody else begins to speak inside the words: {_around(text, change)}")
        for found in marked.finditer(text) if marked is not None else ():
            # "Ask the agent: he knows" is speech; labels are written as names are.
            if not found[0].lstrip("[(")[0].islower() or found[0].rstrip(" :)]").lstrip("[(") in labels:
                raise _left(f"somebody is named inside the words of another: {_around(text, found)}")


def _left(what: str) -> Flaw:
    return Flaw("export_unparsable", what, tries=("export the transcript with each turn on a line of its own",))


def _around(text: str, found: re.Match[str]) -> str:
    return repr(text[max(0, found.start() - 20) : found.end() + 20])


def _mark(line: str) -> _Mark | None:
    sign = _CHANGE.match(line)
    text = line[sign.end() :] if sign is not None else line.lstrip()
    match = _BRACKETED.match(text)
    if match is not None:
        return _Mark(" ".join(match[1].split()), text[match.end() :].strip(), bare=not match[2])
    match = _COLON.match(text)
    return _Mark(" ".join(match[1].split()), text[match.end() :].strip()) if match is not None else None


def _accepted(marks: _Marks, names: frozenset[str]) -> dict[str, bool]:
    """The labels that name speakers, and whether that is certain of each without its recurring."""
    times = Counter(mark.label for cue in marks for mark in cue if mark is not None and not _is_note(mark))
    sure = {
        label: comparable(label) in names or _MACHINE.fullmatch(label) is not None or _is_full_name(label)
        for label in times
    }
    accepted = {label: certain for label, certain in sure.items() if certain or times[label] > 1}
    firsts = [cue[0].label if cue[0] is not None and not cue[0].bare else "" for cue in marks if cue]
    if len(set(firsts)) > 1 and all(label in accepted or (label and _is_name(label)) for label in firsts):
        # Every cue begins with a name and a colon, so what is named but once is a speaker too.
        accepted |= dict.fromkeys(set(firsts) - accepted.keys(), False)
    return accepted | dict.fromkeys(_always_bracketed(marks), True)


def _always_bracketed(marks: _Marks) -> set[str]:
    """The labels of a file of which every cue begins with one in brackets: noises do not come so regularly."""
    firsts = [cue[0] for cue in marks if cue and cue[0] is not None]
    labels = [mark.label for mark in firsts if mark.bare and mark.rest and not _is_note(mark)]
    times = Counter(labels)
    regular = len(labels) == len(marks) and len(times) > 1 and min(times.values()) > 1
    return set(times) if regular else set()


def _counts(mark: _Mark, certain: bool) -> bool:
    if not mark.bare or certain:
        return True
    # "[NAME]" is what a mask leaves of a name.
    return not _is_note(mark) and (not mark.rest or (_is_name(mark.label) and not mark.label.isupper()))


def _is_note(mark: _Mark) -> bool:
    return mark.bare and (not _NOTES.isdisjoint(comparable(mark.label).replace("_", " ").split()))


def _is_name(label: str) -> bool:
    """Written as names are: each word begins with a capital or a number."""
    return all(word[0].isupper() or not word[0].isalpha() for word in label.split())


def _is_full_name(label: str) -> bool:
    words = label.split()
    return 2 <= len(words) <= 4 and all(word[0].isupper() and not word.isupper() for word in words)


def _labels_changes_only(marks: _Marks, accepted: dict[str, bool]) -> bool:
    labels = [mark.label for cue in marks for mark in cue if mark is not None and mark.label in accepted]
    return len(labels) >= _CUSTOM_SHOWS and all(before != after for before, after in pairwise(labels))
