"""Numbers in a stream of words, written ("4111-1111") or spoken ("double five", "oh", "forty two", "nine hundred").

What is counted or measured ("five days", "$20", "3.11.4", "18:45", "16/03/2026") is told from what is read out.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from callaudit.transcription.redaction.spelling import DIGITS, POWERS, REPEATS, TEENS, TENS, OfEachWord

_WORDS = DIGITS | TEENS | {word: tens + "0" for word, tens in TENS.items()}

# What people say between digits; a recogniser hears "to" and "for" as well.
BETWEEN = frozenset(
    """um umm uh uhh er err erm ah hm hmm mm mhm mm-hmm and dash hyphen space then okay ok so yeah yes right
    slash""".split()
) | {""}
_MISHEARD = {"to": "2", "too": "2", "for": "4", "won": "1", "ate": "8"}
_MOST_BETWEEN = 3
_MOST_POWERS = 8
_FIRST = frozenset((*_WORDS, *REPEATS))
_INSIDE = _FIRST | set(_MISHEARD)

UNITS = frozenset(
    """dollar dollars buck bucks pound pounds euro euros cent cents pence quid percent per cent second seconds minute
    minutes min mins hour hours hrs day days night nights week weeks month months year years decade decades time times
    people person persons guys men women kids customer customers guest guests piece pieces item items order orders box
    boxes pair pairs pack packs mile miles km kilometers kilometres meter meters metre metres feet foot inch inches
    centimeters centimetres cm mm kilo kilos kg gram grams lb lbs degrees point points star stars am pm oclock o'clock
    volt volts amp amps watt watts hertz hz gigabytes gigabyte gb gigs gig megabytes mb megs terabytes tb views screws
    bricks bags call calls letters emails messages business working chairs tables units million billion k grand
    ago later times-a-week pixels px megapixels rpm calories followers subscribers likes reviews users records rows
    visitors seats tickets watts lumens litres liters gallons ml inhabitants residents
    steps megabit megabits mbit""".split()
)


BEFORE_YEARS = frozenset(
    """in since until till from by of year before after during january february march april may june july august
    september october november december""".split()
)


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


def numbers(
    plain: Sequence[str], figures: Sequence[int], breaks: Collection[int] = (), taken: Collection[int] = ()
) -> Iterator[Number]:
    """The numbers of a stream in order.

    `figures` are the positions at which one may begin, `breaks` those where a number cannot go on, `taken` those that
    belong to something else.
    """
    closed = sorted({*breaks, *taken, *(n + 1 for n in taken), len(plain)})
    at = 0
    while at < len(figures):
        start = figures[at]
        end = closed[bisect_left(closed, start + 1)]
        after = bisect_left(figures, end, at)
        if start not in taken:
            yield from _unbroken(plain[start:end], [n - start for n in figures[at:after]], start)
        at = after


def _unbroken(plain: Sequence[str], begins: Sequence[int], offset: int) -> Iterator[Number]:
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
        piece = piece_at(plain, i, inside=bool(pieces))
        if piece is not None:
            if pieces and not _joins(plain, pieces[-1], piece):
                yield _number(pieces, offset)
                pieces = []
            pieces.append(piece)
            between = 0
            i = piece.last + 1
            continue
        # A mark that stands alone ("4539 - - 1488") parts nothing.
        between += plain[i] != ""
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
    """Whether a piece goes on with the one before it.

    "And" between two amounts makes a list, not a number, and "in 2023" is a year.
    """
    if is_year(before.digits) and before.first and plain[before.first - 1] in BEFORE_YEARS:
        return False
    if "and" not in plain[before.last + 1 : piece.first]:
        return True
    return all(
        plain[p.first] in REPEATS or (len(p.digits) != 2 and not p.counted and not is_year(p.digits))
        for p in (before, piece)
    )


def is_year(digits: str) -> bool:
    """Whether four digits read as a year of our time."""
    return len(digits) == 4 and digits[:2] in {"19", "20"}


def begins_number(word: str) -> bool:
    """Whether a number may begin with this word; most words begin none."""
    return word in _FIRST or word[:1].isdigit()


def has_figure(word: str) -> bool:
    """Whether a figure is written anywhere in the word."""
    return any(map(str.isdigit, word))


MAY_BE_NUMBER = OfEachWord(lambda word: begins_number(word) or has_figure(word))
"""Whether a number may begin with a word, or a figure is written in it."""


def piece_at(plain: Sequence[str], i: int, *, inside: bool = False) -> Piece | None:
    """The piece that begins at position i; `inside` a number more words are digits ("oh", "to")."""
    word = plain[i]
    # Figures are digits, or what was read as no number: an amount, a date, a model.
    written = word if word.isdigit() and word.isascii() else ""
    if not written and word not in _INSIDE:
        return None
    following = _word(plain, i + 1)
    next_digit = _one_digit(following)
    if word in REPEATS and next_digit:
        return Piece(next_digit * REPEATS[word], i, i + 1)
    if following in POWERS or _word(plain, i + 2) in POWERS:
        counted = _amount(plain, i)
        if counted is not None:
            return counted
    if word in TENS and next_digit not in {"", "0"}:
        return Piece(TENS[word] + next_digit, i, i + 1)
    goes_on = bool(next_digit) or following in TENS or following in REPEATS
    if word in {"oh", "o"}:
        digits = "0" if inside or goes_on else ""
    elif word in _MISHEARD:
        # Who writes figures writes no digits in letters: "29 90, 250 for 39 90".
        digits = _MISHEARD[word] if inside and goes_on and not following.isdigit() else ""
    else:
        digits = written or _WORDS.get(word, "")
    return Piece(digits, i, i) if digits else None


def _one_digit(word: str) -> str:
    return DIGITS.get(word, word if len(word) == 1 and word.isascii() and word.isdigit() else "")


def _below_hundred(plain: Sequence[str], i: int) -> tuple[int, int]:
    """The number below a hundred said at position i, and how many words it takes; no words for none."""
    word, following = _word(plain, i), _word(plain, i + 1)
    if word in TENS:
        unit = DIGITS.get(following, "0") if following not in {"oh", "o"} else "0"
        return int(TENS[word]) * 10 + int(unit), 1 + (unit != "0")
    if word in TEENS:
        return int(TEENS[word]), 1
    if word in DIGITS and word not in {"oh", "o"}:
        return int(DIGITS[word]), 1
    if word.isascii() and word.isdigit() and len(word) <= 4:
        return int(word), 1
    return 0, 0


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
        power = _word(plain, after) in POWERS
        if not used or (not power and not powers):
            break
        if not power and value < 10 and plain[at - 1] != "and" and _is_digit(_word(plain, after)):
            break
        part += value
        at = after
        while (word := _word(plain, at)) in POWERS and powers < _MOST_POWERS:
            powers += 1
            if word == "hundred":
                part *= 100
            else:
                total, part, counted = total + part * POWERS[word], 0, True
            at += 1
        if not power:
            break
        if _word(plain, at) == "and" and _below_hundred(plain, at + 1)[1]:
            at, counted = at + 1, True
    return Piece(str(total + part), i, at - 1, counted) if powers else None


def _word(plain: Sequence[str], i: int) -> str:
    return plain[i] if i < len(plain) else ""


def _is_digit(word: str) -> bool:
    return bool(_one_digit(word)) or word in REPEATS
