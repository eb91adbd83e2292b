"""What a number that was read out is: a card, a security code, an account ..., or nobody's secret.

What a number is called decides first ("order number", "security code"), then its length and shape. Long numbers that
nothing is said about are masked, because a lost number harms no audit and a stored card number does.
"""

import re
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from callaudit.transcription.redaction.conversation import Conversation, Stream
from callaudit.transcription.redaction.cues import KEPT, Cue, Cues
from callaudit.transcription.redaction.numbers import BEFORE_YEARS, BETWEEN, Number, has_figure, is_year, numbers
from callaudit.transcription.redaction.shapes import CARD_LENGTHS, IBAN_LENGTHS, is_card, is_iban, is_social, luhn

_LONGEST_UNNAMED = 6
_CODE = range(3, 9)
# "The code": a one-time code has more digits than most other codes.
_SENT_CODE = range(4, 9)
_ZIP = frozenset({5, 9})

# Digits from which a number of this name is masked; read out in parts, the parts count together.
_FEWEST = {"card": 7, "ssn": 4, "account": 4, "phone": 6}
# Parts of one number come within so many words of each other.
_PARTS_APART = 14
_GOES_ON = BETWEEN | frozenset("it goes on followed by again".split())
# A correction ("no, nine oh two") follows at once; another number after an order number is another number.
_CORRECTED_WITHIN = 6
_NAMED_TOGETHER = 4


# A number said back is the same number: at any distance if long, else within so many utterances.
_SHORTEST_ECHO = 3
_LONG_ECHO = 6
_ECHO_WITHIN = 8
_LATELY = 32

_LETTER_GROUP = re.compile(r"[A-Z]{1,3}")
_INSURANCE = re.compile(r"[a-z]{2}\d{6}[a-d]")


_ROUND = re.compile(r"[1-9]\d{0,2}00")
# So many pairs of digits that differ by no more are measured values: "18 19 17 16".
_LONGEST_LIST = 6
_NEAR = 12
_PENCE = frozenset("99 95 90 50 49".split())

_CARDS_BEGIN = "3456"
_PHONE_LENGTHS = (10, 11)
# As numbers of North America begin: neither an area nor an exchange with 0 or 1.
_NATIONAL = re.compile(r"1?[2-9]\d\d[2-9]\d{6}")


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
    kept: set[str] = set()
    # A cue's own words are no part of a number: "the last four, 1881", "six digit code".
    announcing = {t for cue in cues.all for t in range(cue.first, cue.last + 1)}
    for stream, masked in zip(call.streams, taken, strict=True):
        own = [i for i in stream.figures if stream.at[i] in announcing]
        for number in numbers(stream.plain, stream.figures, stream.breaks, {*masked, *own}):
            said.append(_Said(number, stream, None, ""))
    said.sort(key=lambda s: s.start)
    for n, one in enumerate(said):
        cue = _cue_of(one, cues, used)
        said[n] = one._replace(cue=cue, kind=_kind(one.number, cue, _word_before(one)))
        if cue is not None and cue.kind in KEPT:
            used.setdefault(cue, one.end)
            if not said[n].kind:
                kept.add(one.number.digits)
        elif said[n].kind == "number" and one.number.digits in kept:
            said[n] = said[n]._replace(kind="")
    said = _echoed(_in_parts(said, call), call)
    found: dict[int, list[Place]] = {id(stream): [] for stream in call.streams}
    for one in said:
        if one.kind:
            found[id(one.stream)].append(_with_letters(one, call))
    return [found[id(stream)] for stream in call.streams]


def _word_before(said: _Said) -> str:
    return said.stream.plain[said.number.first - 1] if said.number.first else ""


def _cue_of(said: _Said, cues: Cues, used: dict[Cue, int]) -> Cue | None:
    after = cues.after(said.end)
    before = cues.before(said.start)
    if before is not None and before.kind in KEPT and said.start - used.get(before, said.start) > _CORRECTED_WITHIN:
        before = None
    if after is not None and (before is None or said.start - before.last > 3):
        return after
    if before is not None and before.kind == "card" and len(said.number.digits) < _FEWEST["card"]:
        # "The security code on my card is ...".
        code = cues.before(said.start, "code")
        if code is not None and before.first - code.last <= _NAMED_TOGETHER:
            return code
    return before


def _kind(number: Number, cue: Cue | None, word_before: str) -> str:
    # "The account was opened in 2019".
    amount = _is_amount(number) or (is_year(number.digits) and word_before in BEFORE_YEARS)
    digits, named = number.digits, cue.kind if cue else ""
    n = len(digits)
    if named in KEPT:
        kind = _unlike_its_name(number, named)
    elif is_card(digits):
        kind = "card"
    elif named == "ending" and n <= _LONGEST_UNNAMED:
        kind = ""
    elif (named == "code" and n in _CODE) or (named == "sent code" and n in _SENT_CODE and not amount):
        kind = "code"
    elif named == "postcode" and n in _ZIP:
        kind = "address"
    elif named in _FEWEST and n >= _FEWEST[named] and not amount:
        kind = named
    else:
        kind = _unnamed(number) if n > _LONGEST_UNNAMED and not _is_list(number) else ""
    return kind


def _unlike_its_name(number: Number, named: str) -> str:
    """What a number is that is called an order, a ticket ..., and has the shape of something else; else ""."""
    digits, groups = number.digits, [p.digits for p in number.pieces]
    sizes = [len(g) for g in groups]
    if named == "barcode":
        return ""
    if is_card(digits) or (sizes == [4, 4, 4, 4] and digits[0] in _CARDS_BEGIN):
        return "card"
    if named == "meeting":
        return ""
    if is_social(groups):
        return "ssn"
    # "Item 3125550147": a bare word says less than "item number".
    phone = sizes == [3, 3, 4] or (named == "thing" and len(digits) in _PHONE_LENGTHS)
    return "phone" if phone and _NATIONAL.fullmatch(digits) else ""


def _is_amount(number: Number) -> bool:
    return any(p.counted for p in number.pieces) and len(number.pieces) == 1


def _is_list(number: Number) -> bool:
    """Whether the pieces are amounts, prices or years in a row, not one number."""
    pieces = [p.digits for p in number.pieces]
    if all(p.counted or is_year(p.digits) or _ROUND.fullmatch(p.digits) for p in number.pieces):
        return True
    if len(pieces) == 1:
        # "12500000": an amount, more zeros than anything else.
        return 2 * len(pieces[0].rstrip("0")) < len(pieces[0])
    if len(pieces) > 2 and len({*map(len, pieces)}) == 1 and len(pieces[0]) > 2 and all(p[-1] in "05" for p in pieces):
        return True
    if all(len(p) == 2 for p in pieces) and len(pieces) <= _LONGEST_LIST:
        values = [int(p) for p in pieces]
        if max(values) - min(values) <= _NEAR or all(p[1] == "0" for p in pieces):
            return True
    # "Forty nine ninety nine, then fifty nine ninety nine".
    return len(pieces) > 2 and all(len(p) <= 4 for p in pieces) and all(p in _PENCE for p in pieces[1::2])


def _unnamed(number: Number) -> str:
    digits = number.digits
    if is_social([p.digits for p in number.pieces]):
        return "ssn"
    national = digits.removeprefix("1") if len(digits) == 11 else digits
    if len(digits) in CARD_LENGTHS and luhn(digits):
        return "card"
    if (len(national) == 10 and national[0] not in "01") or (10 <= len(digits) <= 11 and digits[0] == "0"):
        return "phone"
    return "number"


def _goes_on(before: _Said, after: _Said, call: Conversation) -> bool:
    """Whether a number may go on with this part: in another utterance soon, in the same one with nothing between."""
    if call.utterance[before.start] != call.utterance[after.start]:
        return after.start - before.end <= _PARTS_APART
    between = before.stream.plain[before.number.last + 1 : after.number.first]
    return len(between) <= _PARTS_APART and all(word in _GOES_ON for word in between)


def _in_parts(said: Sequence[_Said], call: Conversation) -> list[_Said]:
    """Numbers read out in parts that are too short each: masked where the parts together are long enough."""
    whole = list(said)
    groups: dict[tuple[Cue, int], list[int]] = {}
    for n, one in enumerate(whole):
        if one.cue is None or one.cue.kind not in _FEWEST or one.kind not in {"", one.cue.kind}:
            continue
        group = groups.setdefault((one.cue, id(one.stream)), [])
        if len(one.number.digits) > 1 and not _is_amount(one.number):
            if group and not _goes_on(whole[group[-1]], one, call):
                group.clear()
            group.append(n)
    for (cue, _), group in groups.items():
        if len(group) > 1 and sum(len(whole[n].number.digits) for n in group) >= max(_FEWEST[cue.kind], 5):
            for n in group:
                whole[n] = whole[n]._replace(kind=cue.kind)
    return whole


def _echoed(said: Sequence[_Said], call: Conversation) -> list[_Said]:
    """The other party says the number back, or its parts."""
    known = _Known()
    heard: list[_Said] = []
    for one in said:
        digits, at = one.number.digits, call.utterance[one.start]
        kind = one.kind
        if not kind and len(digits) >= _SHORTEST_ECHO and (one.cue is None or one.cue.kind not in {"ending", *KEPT}):
            kind = known.kind_of(digits, at)
        if kind:
            known.add(digits, kind, at)
        heard.append(one._replace(kind=kind))
    return heard


class _Known:
    """Numbers that were masked before, found again by a part of them in no more time for more of them."""

    def __init__(self) -> None:
        self._lately: deque[tuple[str, str, int]] = deque(maxlen=_LATELY)
        self._by_part: dict[str, deque[tuple[str, str]]] = {}

    def add(self, digits: str, kind: str, utterance: int) -> None:
        self._lately.append((digits, kind, utterance))
        for part in {digits[n : n + _LONG_ECHO] for n in range(len(digits) - _LONG_ECHO + 1)}:
            self._by_part.setdefault(part, deque(maxlen=_LATELY)).append((digits, kind))

    def kind_of(self, digits: str, utterance: int) -> str:
        """The kind of the last number that these digits are, or are a part of; "" for none."""
        for known, kind, said_in in reversed(self._lately):
            if utterance - said_in > _ECHO_WITHIN:
                break
            if digits == known or (len(digits) > _SHORTEST_ECHO and digits in known):
                return kind
        if len(digits) >= _LONG_ECHO:
            for known, kind in reversed(self._by_part.get(digits[:_LONG_ECHO], ())):
                if digits in known:
                    return kind
        return ""


def _with_letters(said: _Said, call: Conversation) -> Place:
    """The place of a number, with the letters that belong to it: "QQ 12 34 56 C"."""
    first, last = said.number.first, said.number.last
    if said.kind in {"ssn", "account"}:
        stream = said.stream
        while first > 0 and first not in stream.breaks and _is_letter(call, stream, first - 1):
            first -= 1
        while last + 1 < len(stream.at) and last + 1 not in stream.breaks and _is_letter(call, stream, last + 1):
            last += 1
    return Place(first, last, said.kind, said.number.digits)


def _is_letter(call: Conversation, stream: Stream, i: int) -> bool:
    def text(n: int) -> str:
        return call.texts[stream.at[n]].strip(".,;:!?") if 0 <= n < len(stream.at) else ""

    it = text(i)
    if _LETTER_GROUP.fullmatch(it):
        return it != "I"
    if len(it) != 1 or not it.isalpha():
        return False
    return it not in {"a", "i"} or any(len(t) == 1 and t.isalpha() for t in (text(i - 1), text(i + 1)))


def identifiers(stream: Stream, cues: Cues) -> Iterator[Place]:
    """Numbers with letters in them: IBAN, national insurance number, whatever an account is called by."""
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
    """An account number that begins here, in groups or not."""
    length = IBAN_LENGTHS.get(plain[i][:2], 0)
    joined = ""
    for last in range(i, min(i + length, len(plain))):
        if not plain[last].isalnum() or not plain[last].isascii():
            break
        joined += plain[last]
        if len(joined) >= length:
            return Place(i, last, "account") if is_iban(joined) else None
    return None
