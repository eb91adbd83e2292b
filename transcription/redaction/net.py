"""A net without cues: cards, social security numbers, IBANs and e-mail addresses by their shape alone.

It is cast over the words of a call before they are stored, whatever the cues said of them, and by `callaudit scan`
over everything that was stored.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from callaudit.transcription.redaction.numbers import MAY_BE_NUMBER, numbers
from callaudit.transcription.redaction.shapes import CARD_LENGTHS, IBAN_LENGTHS, is_card, is_iban, is_social
from callaudit.transcription.redaction.spelling import READINGS, canonical, written_date

# Where RE2 finds nothing of this in a text, the net finds nothing either: a sign that is no ASCII may be a digit.
CANDIDATES = (
    r"@|[^\x00-\x7f]|[0-9]([^0-9\n]{0,6}[0-9]){8}|[(\[{<][aA][tT][)\]}>]|[A-Za-z]{2}[0-9]{2}.?[A-Za-z0-9]{3}"
    r"|(?i:((zero|oh?|one|two|three|four|five|six|seven|eight|nine|[a-z]+teen|ten|eleven|twelve|[a-z]+ty|double|triple)"
    r"[^a-z0-9]+){5})"
)
_CANDIDATES = re.compile(r"[@\d]|[^\x00-\x7f]|\bat\b", re.IGNORECASE)
_EMAIL = re.compile(
    r"[^\W_][\w.+%'-]{0,63}(?:@| ?[(\[{<]at[)\]}>] ?)(?=[\w.-]{0,63}[^\W\d_])[\w-]{1,63}"
    r"(?:(?:\.| ?[(\[{<]dot[)\]}>] ?)[\w-]{1,63}){0,8}",
    re.IGNORECASE,
)
_RUN = re.compile(r"[0-9](?:[^\w\n]{0,4}_?[^\w\n]{0,2}[0-9])*")
_GROUP = re.compile(r"[0-9]+")
_IBAN_BEGINS = re.compile(r"(?<![^\W_])[a-z]{2}[ -]?\d{2}(?=[ .-]?[a-z0-9])", re.IGNORECASE)
_PART = re.compile(r"[ .-]{0,3}([a-z0-9]+)", re.IGNORECASE)
_FULL_GROUP = 4
_PRINTED = ((4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (4, 4, 4, 4, 2), (4, 4, 4, 3), (4, 4, 4, 1), (4, 4, 5))
_MOST_GROUPS = max(map(len, _PRINTED))
# So much of a hash goes on after its first digits: “sha256 0000101124364479a000...”.
_LONG_HEX = re.compile(r"[0-9a-fA-F]{8}")
_TABLE = re.compile(r"\t|\| | \|")
_FEWEST_SPOKEN = 6


class Caught(NamedTuple):
    """What stands from character `start` to before `end` of a text, and what it is."""

    start: int
    end: int
    kind: str


def caught(text: str) -> list[Caught]:
    """The cards, social security numbers, IBANs and e-mail addresses that are written in a text, in order."""
    if _CANDIDATES.search(text) is None:
        return []
    plain, origin = _canonical(text)
    found = [Caught(m.start(), m.end(), "email") for m in _EMAIL.finditer(plain)] if _may_have_email(plain) else []
    found += _ibans(plain)
    for run in _RUN.finditer(plain):
        if run.end() - run.start() >= 9:
            found += _in_run(plain, run)
    if origin is not None:
        found = [Caught(origin[one.start], origin[one.end - 1] + 1, one.kind) for one in found]
    return sorted(found)


def kinds_left(text: str) -> Iterator[str]:
    """The kind of everything that the net catches in a text, and of each card whose digits are spelt out in it."""
    for line in text.splitlines():
        yield from (one.kind for one in caught(line))
        yield from _spelt_out(line)


def _may_have_email(plain: str) -> bool:
    return "@" in plain or re.search(r"[(\[{<]at[)\]}>]", plain, re.IGNORECASE) is not None


def _canonical(text: str) -> tuple[str, Sequence[int] | None]:
    """The text with plain signs, and for each of its characters the place it came from; None for the same place."""
    if text.isascii():
        return text, None
    signs = [canonical(c) for c in text]
    origin = [n for n, sign in enumerate(signs) for _ in sign]
    return "".join(signs), origin


def _in_run(plain: str, run: re.Match[str]) -> Iterator[Caught]:
    """The cards and social security numbers among groups of digits with nothing but marks between them."""
    groups = list(_GROUP.finditer(plain, run.start(), run.end()))
    sizes = _sizes(groups)
    if len(groups) > 1 and sum(sizes) in CARD_LENGTHS and _is_one_card(plain, groups):
        yield Caught(groups[0].start(), groups[-1].end(), "card")
        return
    first = 0
    while first < len(groups):
        after = first
        if first == 0 or _begins_here(plain, groups, first):
            after += _printed_card(plain, groups[first : first + _MOST_GROUPS])
        if after > first:
            yield Caught(groups[first].start(), groups[after - 1].end(), "card")
        elif sizes[first : first + 3] == (3, 2, 4) and _is_social_here(plain, groups, first):
            after = first + 3
            yield Caught(groups[first].start(), groups[after - 1].end(), "ssn")
        first = max(after, first + 1)


def _begins_here(plain: str, groups: Sequence[re.Match[str]], first: int) -> bool:
    """Whether a number printed by fours may begin with this group: not in the middle of a longer one, by fours too."""
    if len(groups[first][0]) != _FULL_GROUP or len(groups[first - 1][0]) != _FULL_GROUP:
        return True
    before = _between(plain, groups[first - 1], groups[first])
    return first + 1 == len(groups) or before != _between(plain, groups[first], groups[first + 1])


def _between(plain: str, one: re.Match[str], other: re.Match[str]) -> str:
    return plain[one.end() : other.start()]


def _sizes(groups: Sequence[re.Match[str]]) -> tuple[int, ...]:
    return tuple([len(g[0]) for g in groups])


def _printed_card(plain: str, groups: Sequence[re.Match[str]]) -> int:
    """How many groups from the first are a card number as cards print it, by fours, 4-6-5 or in one; 0 for none."""
    if len(groups[0][0]) in CARD_LENGTHS:
        return int(is_card(groups[0][0]) and not _in_a_hash(plain, groups[0]))
    if len(groups[0][0]) != _FULL_GROUP:
        return 0
    for shape in _PRINTED:
        some = groups[: len(shape)]
        if _sizes(some) == shape and is_card("".join(g[0] for g in some)):
            return len(shape)
    return 0


def _is_one_card(plain: str, groups: Sequence[re.Match[str]]) -> bool:
    """Whether groups of any size are the digits of a card with the same mark between all, or blanks and hyphens.

    Not the cells of a table, a date with its time, decimals in a row, or the number of a hash and how it begins.
    """
    if not is_card("".join(g[0] for g in groups)) or _LONG_HEX.match(plain, groups[-1].end()):
        return False
    written = plain[groups[0].start() : groups[-1].end()]
    between = {_between(plain, *pair) for pair in pairwise(groups)}
    if any(_TABLE.search(gap) for gap in between) or any(written_date(word) for word in written.split()):
        return _sizes(groups) in _PRINTED
    if re.search(r"\d:\d\d\b", written) and len({*_sizes(groups)}) > 1:
        return False
    return len(between) == 1 or ({c for gap in between for c in gap} <= set(" -,./") and "." not in between)


def _in_a_hash(plain: str, group: re.Match[str]) -> bool:
    """Whether letters on both sides, or a decimal point before, make it no number of its own."""
    around = plain[max(0, group.start() - 12) : group.start()], plain[group.end() : group.end() + 12]
    left = re.search(r"[^\W_]+$", around[0])
    right = re.match(r"[^\W_]+", around[1])
    hexadecimal = [side[0] for side in (left, right) if side]
    if hexadecimal and all(re.fullmatch(r"[0-9a-fA-F]+", side) for side in hexadecimal):
        return True
    return re.search(r"\d\.$", around[0]) is not None or re.match(r"\.\d", around[1]) is not None


def _is_social_here(plain: str, groups: Sequence[re.Match[str]], first: int) -> bool:
    one, two, three = groups[first : first + 3]
    gaps = [_between(plain, *pair).strip() or " " for pair in ((one, two), (two, three))]
    if gaps[0] != gaps[1] or not is_social((one[0], two[0], three[0])):
        return False
    # In a longer number with the same mark it is a part of that: "12-345-67-8901".
    edges = [groups[n : n + 2] for n in (first - 1, first + 2) if 0 <= n < len(groups) - 1]
    if any(gaps[0] == (_between(plain, *pair).strip() or " ") for pair in edges):
        return False
    return gaps[0] != " " or three[0][:2] not in {"19", "20"}


def _ibans(plain: str) -> Iterator[Caught]:
    end = 0
    for begin in _IBAN_BEGINS.finditer(plain):
        if begin.start() < end:
            continue
        joined, at = "", begin.start()
        length = IBAN_LENGTHS.get(plain[at : at + 2].lower(), 0)
        while len(joined) < length and (part := _PART.match(plain, at)) is not None:
            joined += part[1].lower()
            at = part.end()
        if is_iban(joined):
            end = at
            yield Caught(begin.start(), end, "account")


def _spelt_out(line: str) -> Iterator[str]:
    """The cards among numbers that are spelt out, or partly: "four five double three ..."."""
    plain = [token for word in line.split() for token in READINGS[word]]
    figures = [n for n, token in enumerate(plain) if MAY_BE_NUMBER[token]]
    if sum(not plain[n][:1].isdigit() for n in figures) < _FEWEST_SPOKEN:
        return
    for number in numbers(plain, figures):
        spelt = any(not plain[p.first].isdigit() for p in number.pieces)
        if spelt and is_card(number.digits):
            yield "card"


def in_words(words: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """The first and the last word of everything the net catches in the words of an utterance, and its kind."""
    ends = [*accumulate(map(len, words))]
    # A word ends behind as many blanks as there are words before it.
    after = [end + n for n, end in enumerate(ends)]
    at = 0
    for one in caught(" ".join(words)):
        while after[at] <= one.start:
            at += 1
        last = at
        while after[last] < one.end:
            last += 1
        yield at, last, one.kind
