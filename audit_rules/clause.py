"""The clause that a few words of a turn stand in: “because the” alone tells a reader nothing."""

import re

# A place with fewer words is quoted with the words around it, up to so many, no further away than so many characters.
LEAST_WORDS, MOST_WORDS = 4, 24
_REACH = 300
_WORD, _SPACE = re.compile(r"\S+"), re.compile(r"\s")
# Ends of clauses, then of sentences only: a sign of them, and a space or the end after it.
_SILENT = " ,;:.…-\u2013\u2014"
_ENDS = (re.compile(r"[,;:.?!…]+(?=\s|$)|\s[-\u2013\u2014]+(?=\s)"), re.compile(r"[.?!…]+(?=\s|$)"))


def clause_around(text: str, start: int, end: int) -> tuple[int, int]:
    """Where the clause around characters `start` to `end` of a text begins and ends; long places stay as they are.

    Where that clause has fewer than `LEAST_WORDS` words it is the sentence, and where it has more than `MOST_WORDS`
    only the words nearest to the place; of the signs at its end only question and exclamation marks are quoted.
    """
    place_end = end
    for ends in _ENDS:
        if len(text[start:end].split()) >= LEAST_WORDS:
            break
        marks = [mark.span() for mark in ends.finditer(text, max(0, start - _REACH), end + _REACH)]
        first = max((after for _, after in marks if after <= start), default=_whole(text, start - _REACH))
        last = min((after for _, after in marks if after >= end), default=_whole(text, end + _REACH))
        start, end = _nearest(text, start, end, first, last)
    return start, end if end == place_end else max(place_end, start + len(text[start:end].rstrip(_SILENT)))


def _whole(text: str, at: int) -> int:
    """That character or, where it stands inside a word, the space after the word; within the text."""
    space = _SPACE.search(text, max(0, at))
    return 0 if at <= 0 else space.start() if space else len(text)


def _nearest(text: str, start: int, end: int, first: int, last: int) -> tuple[int, int]:
    """The place with as many words of `first` to `last` around it as there is room for, as many before as after."""
    before = [word.start() for word in _WORD.finditer(text, first, last) if word.start() < start]
    after = [word.end() for word in _WORD.finditer(text, first, last) if word.end() > end]
    room = max(0, MOST_WORDS - len(text[start:end].split()))
    half = room // 2
    taken = max(half, room - len(after))
    before = before[-taken:] if taken else []
    after = after[: room - len(before)]
    return min([start, *before[:1]]), max([end, *after[-1:]])
