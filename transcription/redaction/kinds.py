"""What a number that was read out is: a card, a security code, an account ..., or nobody's secret.

What a number is called decides first ("order number", "security code"), then its length and shape. Long numbers that
nothing is said about are masked, because a lost number harms no audit and a stored card number does.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from transcription.redaction.conversation import Conversation, Stream
from transcription.redaction.cues import Cue, Cues
from transcription.redaction.numbers import Number, has_figure, is_year, luhn, numbers

_CARD = range(13, 20)
_LONGEST_UNNAMED = 6
_CODE = range(3, 9)
_ZIP = frozenset({5, 9})

# Digits from which a number of this name is masked; read out in parts, the parts count together.
_FEWEST = {"card": 7, "ssn": 4, "account": 4, "phone": 6}
# Parts of one number come within so many words of each other.
_PARTS_APART = 14
# A correction ("no, nine oh two") follows at once; another number after an order number is another number.
_CORRECTED_WITHIN = 6

# A number said back is the same number: at any distance if long, else within so many utterances.
_SHORTEST_ECHO = 3
_LONG_ECHO = 6
_ECHO_WITHIN = 8

_LETTER_GROUP = re.compile(r"[A-Z]{1,3}")
_INSURANCE = re.compile(r"[a-z]{2}\d{6}[a-d]")
_IBAN = re.compile(r"[a-z]{2}\d{2}[a-z0-9]{11,30}")


class Place(NamedTuple):
    """Personal data: positions `first` to `last` (included) of a stream."""

    first: int
    last: int
    kind: str
    digits: str = ""


class _Said(NamedTuple):
    """A number with what is known of it: where its stream stands in the conversation, its cue, its kind or ""."""

    number: Number
    stream: Stream
    cue: Cue | None
    kind: str

    @property
    def start(self) -> int:
        return self.stream.at[self.number.first]

    @property
    def end(self) -> int:
        return self.stream.at[self.number.last]


def personal_numbers(call: Conversation, cues: Cues, taken: Sequence[Collection[int]]) -> list[list[Place]]:
    """The numbers to mask in each stream; `taken` are positions in each stream that are masked already."""
    said: list[_Said] = []
    used: dict[Cue, int] = {}
    # A cue's own words are no part of a number: "the last four, 1881", "six digit code".
    announcing = {t for cue in cues.all for t in range(cue.first, cue.last + 1)}
    for stream, masked in zip(call.streams, taken, strict=True):
        own = {i for i, t in enumerate(stream.at) if t in announcing}
        for number in numbers(stream.plain, stream.breaks, {*masked, *own}):
            said.append(_Said(number, stream, None, ""))
    said.sort(key=lambda s: s.start)
    for n, one in enumerate(said):
        cue = _cue_of(one, cues, used)
        said[n] = one._replace(cue=cue, kind=_kind(one.number, cue))
        if cue is not None and cue.kind == "kept":
            used.setdefault(cue, one.end)
    said = _echoed(_in_parts(said), call)
    found: dict[int, list[Place]] = {id(stream): [] for stream in call.streams}
    for one in said:
        if one.kind:
            found[id(one.stream)].append(_with_letters(one, call))
    return [found[id(stream)] for stream in call.streams]


def _cue_of(said: _Said, cues: Cues, used: dict[Cue, int]) -> Cue | None:
    after = cues.after(said.end)
    before = cues.before(said.start)
    if before is not None and before.kind == "kept" and said.start - used.get(before, said.start) > _CORRECTED_WITHIN:
        before = None
    if after is not None and (before is None or said.start - before.last > 3):
        return after
    return before


def _kind(number: Number, cue: Cue | None) -> str:
    digits, named = number.digits, cue.kind if cue else ""
    n = len(digits)
    # The first digits that payment cards have (ISO/IEC 7812).
    if n in _CARD and luhn(digits) and digits[0] in "23456":
        kind = "card"
    elif named == "kept" or (named == "ending" and n <= _LONGEST_UNNAMED):
        kind = ""
    elif named == "code" and n in _CODE:
        kind = "code"
    elif named == "postcode" and n in _ZIP:
        kind = "address"
    elif named in _FEWEST and n >= _FEWEST[named] and not _is_amount(number):
        kind = named
    else:
        kind = _unnamed(number) if n > _LONGEST_UNNAMED and not _is_list(number) else ""
    return kind


def _is_amount(number: Number) -> bool:
    return any(p.counted for p in number.pieces) and len(number.pieces) == 1


def _is_list(number: Number) -> bool:
    """Whether the pieces are amounts or years in a row, not one number."""
    return all(p.counted or is_year(p.digits) for p in number.pieces)


def _unnamed(number: Number) -> str:
    digits = number.digits
    groups = [len(p.digits) for p in number.pieces]
    if len(digits) == 9 and groups == [3, 2, 4]:
        return "ssn"
    national = digits.removeprefix("1") if len(digits) == 11 else digits
    if len(digits) in _CARD and luhn(digits):
        return "card"
    if (len(national) == 10 and national[0] not in "01") or (10 <= len(digits) <= 11 and digits[0] == "0"):
        return "phone"
    return "number"


def _in_parts(said: Sequence[_Said]) -> list[_Said]:
    """Numbers read out in parts that are too short each: masked where the parts together are long enough."""
    whole = list(said)
    groups: dict[tuple[Cue, int], list[int]] = {}
    for n, one in enumerate(whole):
        if one.cue is None or one.cue.kind not in _FEWEST or one.kind not in {"", one.cue.kind}:
            continue
        group = groups.setdefault((one.cue, id(one.stream)), [])
        if len(one.number.digits) > 1 and not _is_amount(one.number):
            if group and one.start - whole[group[-1]].end > _PARTS_APART:
                group.clear()
            group.append(n)
    for (cue, _), group in groups.items():
        if len(group) > 1 and sum(len(whole[n].number.digits) for n in group) >= max(_FEWEST[cue.kind], 5):
            for n in group:
                whole[n] = whole[n]._replace(kind=cue.kind)
    return whole


def _echoed(said: Sequence[_Said], call: Conversation) -> list[_Said]:
    """The other party says the number back, or its parts."""
    known: list[tuple[str, str, int]] = []
    heard: list[_Said] = []
    for one in said:
        digits, at = one.number.digits, call.utterance[one.start]
        kind = one.kind
        if not kind and len(digits) >= _SHORTEST_ECHO and (one.cue is None or one.cue.kind not in {"ending", "kept"}):
            kind = next(
                (
                    k
                    for d, k, u in reversed(known)
                    if (digits == d or (len(digits) > _SHORTEST_ECHO and digits in d))
                    and (at - u <= _ECHO_WITHIN or len(digits) >= _LONG_ECHO)
                ),
                "",
            )
        if kind:
            known.append((digits, kind, at))
        heard.append(one._replace(kind=kind))
    return heard


def _with_letters(said: _Said, call: Conversation) -> Place:
    """The place of a number, with the letters that belong to it: "QQ 12 34 56 C"."""
    first, last = said.number.first, said.number.last
    if said.kind in {"ssn", "account"}:
        texts = [call.texts[t].strip(".,;:!?") for t in said.stream.at]
        while first > 0 and first not in said.stream.breaks and _is_letter(texts, first - 1):
            first -= 1
        while last + 1 < len(texts) and last + 1 not in said.stream.breaks and _is_letter(texts, last + 1):
            last += 1
    return Place(first, last, said.kind, said.number.digits)


def _is_letter(texts: Sequence[str], i: int) -> bool:
    if _LETTER_GROUP.fullmatch(texts[i]):
        return texts[i] != "I"
    if len(texts[i]) != 1 or not texts[i].isalpha():
        return False
    beside = [texts[n] for n in (i - 1, i + 1) if 0 <= n < len(texts)]
    return texts[i] not in {"a", "i"} or any(len(t) == 1 and t.isalpha() for t in beside)


def identifiers(call: Conversation, cues: Cues) -> list[list[Place]]:
    """Numbers with letters in them: IBAN, national insurance number, whatever an account is called by."""
    return [list(_identifiers(stream, cues)) for stream in call.streams]


def _identifiers(stream: Stream, cues: Cues) -> Iterator[Place]:
    taken = -1
    for i in stream.figures:
        word = stream.plain[i]
        if i <= taken or not has_figure(word):
            continue
        place = None
        if len(word) >= 4 and word[:2].isalpha() and word[2:4].isdigit():
            place = _iban(stream.plain, i)
        if place is None and any(c.isalpha() for c in word):
            if _INSURANCE.fullmatch(word):
                place = Place(i, i, "ssn")
            elif sum(c.isdigit() for c in word) >= 4 and word.isalnum():
                cue = cues.before(stream.at[i])
                if cue is not None and cue.kind in {"account", "ssn"}:
                    place = Place(i, i, cue.kind)
        if place is not None:
            yield place
            taken = place.last


def _iban(plain: Sequence[str], i: int) -> Place | None:
    """An account number by ISO 13616: moved around and read as a number it leaves 1 when divided by 97."""
    joined = ""
    for last in range(i, min(i + 10, len(plain))):
        if not plain[last].isalnum() or not plain[last].isascii():
            break
        joined += plain[last]
        if _IBAN.fullmatch(joined) and 2 * sum(map(str.isdigit, joined)) >= len(joined) and _leaves_one(joined):
            return Place(i, last, "account")
    return None


def _leaves_one(iban: str) -> bool:
    return int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 == 1
