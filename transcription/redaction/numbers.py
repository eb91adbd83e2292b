"""Numbers in a stream of words, written ("4111-1111") or spoken ("double five", "oh", "forty two", "nine hundred").

What is counted or measured ("five days", "$20", "3.11.4", "18:45", "16/03/2026") is told from what is read out.
"""

import re
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

DIGITS = {
    **{word: str(n) for n, word in enumerate("zero one two three four five six seven eight nine".split())},
    **dict.fromkeys("oh o nought naught nil".split(), "0"),
}
TEENS = {
    word: str(n)
    for n, word in enumerate(
        "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split(), 10
    )
}
TENS = {word: str(n) for n, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_TENS = TENS | {"fourty": "4"}
_WORDS = DIGITS | TEENS | {word: tens + "0" for word, tens in _TENS.items()}
_POWERS = {"hundred": 100, "thousand": 1000, "million": 1_000_000, "billion": 1_000_000_000}
_REPEATS = {"double": 2, "triple": 3, "treble": 3, "quadruple": 4}

# What people say between digits; a recogniser hears "to" and "for" as well.
BETWEEN = frozenset(
    """um umm uh uhh er err erm ah hm hmm mm mhm mm-hmm and dash hyphen space then okay ok so yeah yes right
    slash""".split()
) | {""}
_MISHEARD = {"to": "2", "too": "2", "for": "4", "won": "1", "ate": "8"}
_MOST_BETWEEN = 3
_FIRST = frozenset((*_WORDS, *_REPEATS, *_MISHEARD, "a"))

UNITS = frozenset(
    """dollar dollars buck bucks pound pounds euro euros cent cents pence quid percent per cent second seconds minute
    minutes min mins hour hours hrs day days night nights week weeks month months year years decade decades time times
    people person persons guys men women kids customer customers guest guests piece pieces item items order orders box
    boxes pair pairs pack packs mile miles km kilometers kilometres meter meters metre metres feet foot inch inches
    centimeters centimetres cm mm kilo kilos kg gram grams lb lbs degrees point points star stars am pm oclock o'clock
    volt volts amp amps watt watts hertz hz gigabytes gigabyte gb gigs gig megabytes mb megs terabytes tb views screws
    bricks bags call calls letters emails messages business working chairs tables units million billion k grand
    ago later times-a-week""".split()
)

_WRITTEN = re.compile(r"\+?\d+(?:[-./()]+\d+)*")
_MONEY = re.compile(r"[$£€]\S+|\S+[$£€%]")
_CLOCK = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?(?:am|pm)?")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_YEARS = re.compile(r"(?:19|20)\d\d[-/](?:19|20)?\d\d")
_YMD = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
_DMY = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})")


class Piece(NamedTuple):
    """Part of a number as it was said; `first` and `last` are positions in the stream, both included.

    `counted` marks what was said as an amount ("one hundred and forty two"), not digit by digit.
    """

    digits: str
    first: int
    last: int
    counted: bool = False


class Number(NamedTuple):
    """Pieces that were said one after another."""

    pieces: tuple[Piece, ...]

    @property
    def digits(self) -> str:
        """All digits in the order said."""
        return "".join(p.digits for p in self.pieces)

    @property
    def first(self) -> int:
        """The position of its first word."""
        return self.pieces[0].first

    @property
    def last(self) -> int:
        """The position of its last word."""
        return self.pieces[-1].last


def numbers(plain: Sequence[str], breaks: Collection[int] = (), taken: Collection[int] = ()) -> Iterator[Number]:
    """The numbers of a stream in order.

    `breaks` are positions where a number cannot go on, `taken` those that belong to something else.
    """
    start = 0
    for end in (*sorted({*breaks, *taken, *(n + 1 for n in taken)}), len(plain)):
        if end > start and start not in taken:
            yield from _unbroken(plain[start:end], start)
        start = end


def _unbroken(plain: Sequence[str], offset: int) -> Iterator[Number]:
    begins = [n for n, word in enumerate(plain) if begins_number(word)]
    pieces: list[Piece] = []
    between = 0
    i = 0
    while i < len(plain):
        if not pieces:
            # Outside a number nothing happens before the next one may begin.
            next_one = bisect_left(begins, i)
            if next_one == len(begins):
                return
            i, between = begins[next_one], 0
        piece = piece_at(plain, i, inside=bool(pieces)) if begins_number(plain[i]) else None
        if piece is not None:
            if pieces and not _joins(plain, pieces[-1], piece):
                yield _number(pieces, offset)
                pieces = []
            pieces.append(piece)
            between = 0
            i = piece.last + 1
            continue
        between += 1
        if pieces and (plain[i] not in BETWEEN or between > _MOST_BETWEEN):
            # What is counted is no part of what was read out: "... oh one nine, two days ago".
            if plain[i] in UNITS:
                pieces.pop()
            if pieces:
                yield _number(pieces, offset)
            pieces = []
        i += 1
    if pieces:
        yield _number(pieces, offset)


def _number(pieces: Sequence[Piece], offset: int) -> Number:
    return Number(tuple(Piece(p.digits, p.first + offset, p.last + offset, p.counted) for p in pieces))


def _joins(plain: Sequence[str], before: Piece, piece: Piece) -> bool:
    """Whether a piece goes on with the one before it; "and" between two amounts makes a list, not a number."""
    if "and" not in plain[before.last + 1 : piece.first]:
        return True
    return all(len(p.digits) != 2 and not p.counted and not is_year(p.digits) for p in (before, piece))


def is_year(digits: str) -> bool:
    """Whether four digits read as a year of our time."""
    return len(digits) == 4 and digits[:2] in {"19", "20"}


@lru_cache(maxsize=1 << 16)
def begins_number(word: str) -> bool:
    """Whether a number may begin with this word; most words begin none, and it is asked of every word."""
    return word in _FIRST or word[:1].isdigit() or word[:1] == "+"


@lru_cache(maxsize=1 << 16)
def may_be_number(word: str) -> bool:
    """Whether a number may begin with this word, or a figure is written in it."""
    return begins_number(word) or has_figure(word)


@lru_cache(maxsize=1 << 16)
def has_figure(word: str) -> bool:
    """Whether a figure is written anywhere in the word."""
    return any(map(str.isdigit, word))


def piece_at(plain: Sequence[str], i: int, *, inside: bool = False) -> Piece | None:
    """The piece that begins at position i; `inside` a number more words are digits ("oh", "to")."""
    word = plain[i]
    if not begins_number(word):
        return None
    following = plain[i + 1] if i + 1 < len(plain) else ""
    next_digit = _one_digit(following)
    if word in _REPEATS and next_digit:
        return Piece(next_digit * _REPEATS[word], i, i + 1)
    counted = _amount(plain, i)
    if counted is not None:
        return counted
    if word in _TENS and next_digit not in {"", "0"}:
        return Piece(_TENS[word] + next_digit, i, i + 1)
    goes_on = bool(next_digit) or following in _TENS or following in _REPEATS
    if word in {"oh", "o"}:
        digits = "0" if inside or goes_on else ""
    elif word in _MISHEARD:
        digits = _MISHEARD[word] if inside and goes_on else ""
    else:
        digits = _WORDS.get(word) or _written(word)
    return Piece(digits, i, i) if digits else None


def written_date(word: str) -> bool:
    """Whether the word is a date in figures ("16/03/2026", "1990-11-02")."""
    if ymd := _YMD.fullmatch(word):
        return 1 <= int(ymd[2]) <= 12 and 1 <= int(ymd[3]) <= 31
    if dmy := _DMY.fullmatch(word):
        low, high = sorted((int(dmy[1]), int(dmy[2])))
        return 1 <= low <= 12 and high <= 31
    return False


def _written(word: str) -> str:
    if not word or not (word[0].isdigit() or word[0] == "+") or not word.isascii():
        return ""
    if _MONEY.fullmatch(word) or _CLOCK.fullmatch(word) or _THOUSANDS.fullmatch(word) or _YEARS.fullmatch(word):
        return ""
    if written_date(word) or not _WRITTEN.fullmatch(word):
        return ""
    parts = [len(p) for p in word.lstrip("+").split(".")]
    # Decimals, versions and network addresses have short or many parts; a phone number with points has not.
    if len(parts) > 1 and (min(parts) < 2 or parts[-1] < 3 or len(parts) > 3):
        return ""
    return re.sub(r"\D", "", word)


def _one_digit(word: str) -> str:
    return DIGITS.get(word, word if len(word) == 1 and word.isascii() and word.isdigit() else "")


def _below_hundred(plain: Sequence[str], i: int) -> tuple[int, int]:
    """The number below a hundred said at position i, and how many words it takes; no words for none."""
    word = plain[i] if i < len(plain) else ""
    following = plain[i + 1] if i + 1 < len(plain) else ""
    if word in _TENS:
        unit = DIGITS.get(following, "0") if following not in {"oh", "o"} else "0"
        return int(_TENS[word]) * 10 + int(unit), 1 + (unit != "0")
    if word in TEENS:
        return int(TEENS[word]), 1
    if word in DIGITS and word not in {"oh", "o"}:
        return int(DIGITS[word]), 1
    if word.isascii() and word.isdigit() and len(word) <= 4:
        return int(word), 1
    return (1, 1) if word == "a" and following in _POWERS else (0, 0)


def _amount(plain: Sequence[str], i: int) -> Piece | None:
    """An amount with "hundred", "thousand" ... that begins at position i.

    "Nine hundred nine eight two" is 900 and three digits more: read out, not counted.
    """
    total = part = powers = 0
    counted = False
    at = i
    while True:
        value, used = _below_hundred(plain, at)
        after = at + used
        power = _word(plain, after) in _POWERS
        if not used or (not power and not powers):
            break
        if not power and value < 10 and plain[at - 1] != "and" and _is_digit(_word(plain, after)):
            break
        part += value
        at = after
        while (word := _word(plain, at)) in _POWERS:
            powers += 1
            if word == "hundred":
                part *= 100
            else:
                total, part, counted = total + part * _POWERS[word], 0, True
            at += 1
        if not power:
            break
        if _word(plain, at) == "and" and _below_hundred(plain, at + 1)[1]:
            at, counted = at + 1, True
    return Piece(str(total + part), i, at - 1, counted) if powers else None


def _word(plain: Sequence[str], i: int) -> str:
    return plain[i] if i < len(plain) else ""


def _is_digit(word: str) -> bool:
    return bool(_one_digit(word)) or word in _REPEATS


def luhn(digits: str) -> bool:
    """The check digit of payment cards (ISO/IEC 7812-1, annex B)."""
    doubled = [int(d) * (2 if n % 2 else 1) for n, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0
