"""Words as masking compares them: one sign for every digit, dash and blank, and apart what was written together.

"4539*1488" is read as "4539" and "1488", whatever its digits are, "forty-five" as "forty" and "five", "is:4539" as
"is" and "4539"; what is no number ("$1,249.99", "18:45", "16/03/2026", "3.11.4", "S24") stays one word.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeVar

from callaudit.transcription.redaction.shapes import is_card, is_social

_Answer = TypeVar("_Answer")

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
TENS = {word: str(n) for n, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)} | {
    "fourty": "4"
}
POWERS = {"hundred": 100, "thousand": 1000, "million": 1_000_000, "billion": 1_000_000_000}
REPEATS = {"double": 2, "triple": 3, "treble": 3, "quadruple": 4}

_COUNTED = frozenset((*DIGITS, *TEENS, *TENS, *POWERS, *REPEATS))
# Written with a hyphen among number words: "two-hundred-and-five", "four-digit".
_AMONG_NUMBERS = frozenset("and digit digits to".split())

MASKED = re.compile(r"\[(?:card|code|ssn|account|phone|email|address|birthdate|number)\]")
_EDGES = ".,;:!?\"'()[]{}<>-*`~_|=/\\^"
_ALONE = frozenset("$£€%#@&+")
_CURRENCY = "$£€%#"
# Blanks that Python does not take for blanks, and letters that show nothing.
_BLANKS = dict.fromkeys(map(ord, "\u2800\u3164\u115f\u1160\uffa0"), " ")
_SIGNS = {
    **dict.fromkeys(map(ord, "\u2018\u2019\u201a\u201b\u2032\uff07"), "'"),
    **dict.fromkeys(map(ord, "\u201c\u201d\u201e\u201f\u2033"), '"'),
    **dict.fromkeys(map(ord, "\u2026\u00b7\u2022\u22c5\u2219\u30fb\u2027"), "."),
}
_DASHES = dict.fromkeys(map(ord, "\u2212\u02d7\u2796\u30fc\ufe58\ufe63\uff0d\u2043"), "-")
_TRANSLATED = _BLANKS | _SIGNS | _DASHES

_MONEY = re.compile(r"[$£€][^$£€]*|[^$£€%]*[$£€%]")
_CLOCK = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?(?:am|pm)?")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3})+,\d{1,2}|\d{1,3}(?:\.\d{3}){2,}")
_DECIMAL = re.compile(r"\d+[.,]\d{1,2}")
_YEARS = re.compile(r"(?:19|20)\d\d[-/](?:19|20)?\d\d")
_YMD = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
_DMY = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})")
# "08/27", "24/7".
_PART_OF_A_DATE = re.compile(r"\d{1,2}/\d{1,2}")
_NETWORK = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?:[:/]\d+)?")
_DOTTED_PHONES = ([3, 3, 4], [1, 3, 3, 4], [5, 3, 3], [3, 4], [4, 3, 4], [3, 2, 4])
_RUN = re.compile(r"\d(?:[\W_]{0,3}\d)*")
_GROUP = re.compile(r"\d+")
_NO_LETTERS = re.compile(r"[\d\W_]+")
# What follows a word and goes on with a number: "is:4539".
_GLUE = re.compile(r"[:=,;#()<>\[\]|*\"]+")
_AT = re.compile(r"[(\[{<]at[)\]}>]")
_DOT = re.compile(r"[(\[{<]dot[)\]}>]")
# "D.O.B."
_ABBREVIATED = re.compile(r"[a-z](?:\.[a-z])+")
_SHORT_GROUP = 2
_PHONE = (10, 11)
_LONG = 60
_LONGEST_ADDRESS = 320


def canonical(text: str) -> str:
    """The text with one sign for every digit, dash, quotation mark and blank, and without what cannot be seen."""
    if text.isascii():
        return text
    plain = unicodedata.normalize("NFKC", text.translate(_TRANSLATED)).translate(_TRANSLATED)
    return "".join([_seen(c) for c in plain])


@lru_cache(maxsize=1 << 12)
def _seen(character: str) -> str:
    if character.isascii():
        return character
    category = unicodedata.category(character)
    if category == "Pd":
        return "-"
    if category == "Nd":
        return str(unicodedata.decimal(character))
    # Joiners, direction marks, soft hyphens; what makes a key or a picture of the digit before it.
    if category in {"Cf", "Me"} or "\ufe00" <= character <= "\ufe0f" or character == "\u034f":
        return ""
    return character


def tokens(word: str) -> tuple[str, ...]:
    """The words that a written word is read as, in lower case, at least one; "" for a mark that stands alone."""
    if word.isascii() and word.isalpha():
        return (word.lower(),)
    text = canonical(word).lower()
    if " " in text:
        return tuple(t for part in text.split() for t in tokens(part)) or ("",)
    if text in _ALONE or (text[:1] == "[" and MASKED.match(text)):
        return (text,)
    if "at" in text:
        text = _DOT.sub(".", _AT.sub("@", text))
    plain = text.strip(_EDGES)
    if plain.endswith("'s"):
        plain = plain[:-2]
    if _ABBREVIATED.fullmatch(plain):
        return (plain.replace(".", ""),)
    parts = [part for part in re.split(r"[\W_]+", plain) if part]
    if len(parts) > 1 and all(part in _COUNTED or part in _AMONG_NUMBERS for part in parts):
        return tuple(parts)
    return _with_figures(plain, parts) if any(map(str.isdigit, plain)) else (plain,)


def _with_figures(plain: str, parts: Sequence[str]) -> tuple[str, ...]:
    personal = any(_is_personal(run) for run in _RUN.findall(plain))
    read: Sequence[str]
    if "@" in plain.strip("@") and len(plain) <= _LONGEST_ADDRESS:
        read = [plain]
    elif _NO_LETTERS.fullmatch(plain):
        read = [plain] if stays_whole(plain) and not personal else parts
    elif all(part.isdigit() or part in _COUNTED or part in _AMONG_NUMBERS for part in parts):
        read = parts
    elif personal or len(plain) > _LONG:
        read = re.findall(r"\d+|[^\W\d_]+", plain)
    elif "://" in plain or _CLOCK.fullmatch(plain) or _MONEY.fullmatch(plain):
        read = [plain]
    else:
        glued = [part for part in _GLUE.split(plain) if part]
        read = [t for part in glued for t in tokens(part)] if len(glued) > 1 else [plain.lstrip(_CURRENCY) or plain]
    return tuple(read)


def _is_personal(run: str) -> bool:
    """Whether figures are a card's, a social security or a phone number by their grouping alone, glued to whatever."""
    groups = _GROUP.findall(run)
    sizes = [len(g) for g in groups]
    digits = "".join(groups)
    if is_card(digits) or sizes == [4, 4, 4, 4]:
        return True
    if len(groups) == 1:
        return False
    return is_social(groups) or (sizes[-3:] == [3, 3, 4] and len(digits) in _PHONE)


def stays_whole(word: str) -> bool:
    """Whether a word of figures and marks is an amount, a time, a date or a version, and no number to read out."""
    if _MONEY.fullmatch(word) or _CLOCK.fullmatch(word) or _YEARS.fullmatch(word) or written_date(word):
        return True
    if (
        _THOUSANDS.fullmatch(word)
        or _DECIMAL.fullmatch(word)
        or _NETWORK.fullmatch(word)
        or _PART_OF_A_DATE.fullmatch(word)
    ):
        return True
    ranged = [part for part in re.split(r"[-/]", word) if part]
    if len(ranged) > 1 and all(
        _MONEY.fullmatch(p) or _CLOCK.fullmatch(p) or _THOUSANDS.fullmatch(p) or _DECIMAL.fullmatch(p) for p in ranged
    ):
        return True
    if "." not in word or word[0] == "+":
        return False
    parts = [len(p) for p in word.split(".")]
    if len(parts) == 1 or re.search(r"[^\d.]", word):
        return False
    # Decimals, versions and network addresses have short or many parts; a phone number with points has not.
    return parts not in _DOTTED_PHONES and (min(parts) < _SHORT_GROUP or parts[-1] < 3 or len(parts) > 3)


def written_date(word: str) -> bool:
    """Whether the word is a date in figures ("16/03/2026", "1990-11-02")."""
    if ymd := _YMD.fullmatch(word):
        return 1 <= int(ymd[2]) <= 12 and 1 <= int(ymd[3]) <= 31
    if dmy := _DMY.fullmatch(word):
        low, high = sorted((int(dmy[1]), int(dmy[2])))
        return 1 <= low <= 12 and high <= 31
    return False


class OfEachWord(dict[str, _Answer]):
    """What a function answers to a word, worked out once for each: most words of a call were in the calls before it."""

    _MOST = 1 << 16

    def __init__(self, function: Callable[[str], _Answer]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, word: str) -> _Answer:
        if len(self) >= self._MOST:
            self.clear()
        answer = self[word] = self._function(word)
        return answer


READINGS = OfEachWord(tokens)
