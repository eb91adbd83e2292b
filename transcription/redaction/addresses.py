"""Streets with their house number ("forty two maple avenue") and postcodes ("SW1A 2AA", "zip nine four one one oh")."""

import re
from bisect import bisect_right
from collections.abc import Collection, Sequence

from callaudit.transcription.redaction.conversation import Conversation, Stream
from callaudit.transcription.redaction.cues import Cues
from callaudit.transcription.redaction.kinds import Place
from callaudit.transcription.redaction.numbers import UNITS, begins_number, has_figure, piece_at
from callaudit.transcription.redaction.spelling import DIGITS, TEENS, TENS

_STREETS = frozenset(
    """street st avenue ave road rd boulevard blvd lane ln terrace crescent mews parkway pkwy highway hwy turnpike
    broadway""".split()
)
# These are other words as well: they count after "my address is", before "apartment 4", or with capital letters.
_OFTEN_STREETS = frozenset(
    "drive dr way place pl court ct close square sq circle gardens grove trail row walk hill".split()
)
_ALL_STREETS = _STREETS | _OFTEN_STREETS
_UNITS_OF_A_HOUSE = frozenset("apartment apt flat unit suite floor".split())
_NO_NAME = (UNITS - {"grand"}) | frozenset(
    """the a an of on in at to from for and or but with is was are were be been i you we they he she it this that my
    your our their his her not no more different new other one two three four five six seven eight nine ten way down
    up off away into along than calls problem problems thing things number numbers please can could will would want
    have had has do did don't didn't about if when where who what which how just only still back out""".split()
)
_LONGEST_NAME = 3
_LONGEST_HOUSE = 5

_POSTCODE = re.compile(r"[a-z]{1,2}\d[a-z\d]? ?\d[abd-hjlnp-uw-z]{2}|[a-z]\d[a-z] ?\d[a-z]\d")
_WEAK_NEEDS = re.compile(r"[A-Z]")
_LONGEST_POSTCODE = 7
_ZIP = frozenset({5, 9})
_ZIP_WITHIN = 5


def addresses(call: Conversation, stream: Stream, cues: Cues) -> list[Place]:
    """The street addresses and postcodes in a stream."""
    found: list[Place] = []
    streets = not _ALL_STREETS.isdisjoint(stream.plain)
    looked_at = stream.figures
    spelt = [cue for cue in cues.all if cue.kind == "postcode"]
    if spelt:
        # Only after its cue is a postcode looked for in words without a figure.
        near = {
            i
            for cue in spelt
            for i in range(bisect_right(stream.at, cue.last), bisect_right(stream.at, cue.last + cue.reach))
        }
        looked_at = sorted(near.union(looked_at))
    taken = -1
    for i in looked_at:
        if i <= taken:
            continue
        word = stream.plain[i]
        last = _street(call, stream, i, cues) if streets and begins_number(word) else None
        if last is None and (spelt or has_figure(word)):
            last = _postcode(stream, i, cues)
        if last is not None:
            first = _house_unit_before(stream.plain, i)
            found.append(Place(first, last, "address"))
            code = _zip_after(stream, last)
            if code is not None:
                found.append(code)
                last = code.last
            taken = last
    return found


def _street(call: Conversation, stream: Stream, i: int, cues: Cues) -> int | None:
    """The last word of the street address that begins here with its number."""
    plain = stream.plain
    house = _house_number(plain, i)
    if house is None:
        return None
    after = min(house + 2 + _LONGEST_NAME, len(plain))
    if _ALL_STREETS.isdisjoint(plain[house + 1 : after]):
        return None
    texts = {n: call.texts[stream.at[n]] for n in range(house + 1, after)}
    named = cues.before(stream.at[i])
    expected = named is not None and named.kind == "address"
    for n in range(house + 1, after):
        if n in stream.breaks or (n > house + 1 and texts[n - 1][-1] in ".,?!" and plain[n - 1] not in _SAINT):
            return None
        is_street = plain[n] in _STREETS
        if n > house + 1 or plain[n] == "broadway":
            often = plain[n] in _OFTEN_STREETS and (
                expected
                or _flat_after(plain, n + 1) is not None
                or all(_WEAK_NEEDS.match(texts[t]) for t in range(house + 1, n + 1))
            )
            if (is_street and not (plain[n] == "st" and n + 1 < len(plain) and n == house + 1)) or often:
                return _flat_after(plain, n + 1) or n
        if plain[n] in _NO_NAME or piece_at(plain, n) is not None:
            return None
    return None


_SAINT = frozenset({"st", "n", "s", "e", "w"})


def _house_number(plain: Sequence[str], i: int) -> int | None:
    """The last word of the house number that begins here: "42", "221b", "fifteen hundred", "one seventeen"."""
    if re.fullmatch(r"\d{1,5}[a-z]?", plain[i]):
        return i
    if i and piece_at(plain, i - 1) is not None:
        return None
    digits, last = _digits_from(plain, i, most=_LONGEST_HOUSE, but={"to", "for"})
    if not digits or len(digits) > _LONGEST_HOUSE:
        return None
    letter = last + 1 < len(plain) and len(plain[last + 1]) == 1 and plain[last + 1] in "bcd"
    return last + letter


def _digits_from(
    plain: Sequence[str], i: int, *, most: int, breaks: Collection[int] = (), but: Collection[str] = ()
) -> tuple[str, int]:
    """The digits said from position i on, up to a break or one of the words `but`, and the position of the last."""
    digits, last = "", i - 1
    while last + 1 < len(plain) and last + 1 not in breaks and plain[last + 1] not in but and len(digits) <= most:
        piece = piece_at(plain, last + 1, inside=bool(digits))
        if piece is None:
            break
        digits += piece.digits
        last = piece.last
    return digits, last


def _house_unit_before(plain: Sequence[str], i: int) -> int:
    """Where the address begins: "Flat 3, 18 Kingsley Terrace"."""
    for n in (i - 2, i - 3):
        if n >= 0 and plain[n] in _UNITS_OF_A_HOUSE and piece_at(plain, n + 1) is not None:
            return n
    return i


def _flat_after(plain: Sequence[str], i: int) -> int | None:
    """The last word of "apartment four b" where it begins at i."""
    if i + 1 >= len(plain) or plain[i] not in _UNITS_OF_A_HOUSE:
        return None
    last = i
    while last + 1 < len(plain) and last - i < 4:
        word = plain[last + 1]
        short = len(word) == 1 or word in DIGITS or word in TEENS or word in TENS
        if not short and not re.fullmatch(r"\d+[a-z]?|[a-z]\d+", word):
            break
        last += 1
    return last if last > i else None


def _postcode(stream: Stream, i: int, cues: Cues) -> int | None:
    plain = stream.plain
    if _POSTCODE.fullmatch(plain[i]):
        return i
    if i + 1 < len(plain) and len(plain[i]) > 1 and _POSTCODE.fullmatch(f"{plain[i]} {plain[i + 1]}"):
        return i + 1
    cue = cues.before(stream.at[i])
    if cue is None or cue.kind != "postcode":
        return None
    # Spelt out, letter by letter and digit by digit: "S W one A two A A".
    joined, last = "", i - 1
    while last + 1 < len(plain) and len(joined) < _LONGEST_POSTCODE and last + 1 not in stream.breaks:
        piece = piece_at(plain, last + 1, inside=joined != "")
        if piece is not None:
            joined += piece.digits
            last = piece.last
        elif len(plain[last + 1]) == 1 or (has_figure(plain[last + 1]) and plain[last + 1].isalnum()):
            joined += plain[last + 1]
            last += 1
        else:
            break
        if _POSTCODE.fullmatch(joined):
            return last
    return None


def _zip_after(stream: Stream, street: int) -> Place | None:
    """The number of five or nine digits that follows a street within a few words (its town)."""
    for i in range(street + 1, min(street + 1 + _ZIP_WITHIN, len(stream.plain))):
        digits, last = _digits_from(stream.plain, i, most=max(_ZIP), breaks=stream.breaks)
        if digits:
            return Place(i, last, "address") if len(digits) in _ZIP else None
    return None
