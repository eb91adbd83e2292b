"""Dates of birth: a date after "date of birth", "born", "birthday"; every other date stays."""

from bisect import bisect_right
from collections.abc import Sequence

from callaudit.transcription.redaction.conversation import Stream
from callaudit.transcription.redaction.cues import Cue, Cues
from callaudit.transcription.redaction.kinds import Place
from callaudit.transcription.redaction.numbers import UNITS, piece_at
from callaudit.transcription.redaction.spelling import written_date

_MONTHS = frozenset(
    """january february march april may june july august september october november december
    jan feb mar apr jun jul aug sep sept oct nov dec""".split()
)
_ORDINALS = frozenset(
    """first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth
    sixteenth seventeenth eighteenth nineteenth twentieth thirtieth""".split()
)
_WITHIN = frozenset("of the in on and um uh er".split()) | {"", "/", "-"}


def birth_dates(stream: Stream, cues: Cues) -> list[Place]:
    """The dates of birth in a stream."""
    return [place for cue in cues.all if cue.kind == "birthdate" and (place := _after(stream, cue)) is not None]


def _after(stream: Stream, cue: Cue) -> Place | None:
    plain = stream.plain
    i = bisect_right(stream.at, cue.last)
    while i < len(plain) and stream.at[i] - cue.last <= cue.reach:
        last, parts, digits, month = _date(plain, i)
        if parts:
            year_only = digits == 4 and parts == 1 and i > 0 and plain[i - 1] == "in"
            if (month and parts > 1) or (parts >= 2 and digits >= 4) or digits >= 6 or year_only:
                return Place(i - (i > 0 and plain[i - 1] == "the"), last, "birthdate")
            i = last
        i += 1
    return None


def _date(plain: Sequence[str], start: int) -> tuple[int, int, int, bool]:
    """The date said from here: its last word, how many parts it has, how many digits, whether it names a month."""
    i = last = start
    parts = digits = 0
    month = False
    while i < len(plain):
        word = plain[i]
        piece = piece_at(plain, i, inside=parts > 0)
        if word in _MONTHS:
            month = True
            digits += 2
        elif word in _ORDINALS or (word[:-2].isdigit() and word[-2:] in {"st", "nd", "rd", "th"}):
            digits += 2
        elif written_date(word):
            digits += 8
        elif piece is not None:
            following = plain[piece.last + 1] if piece.last + 1 < len(plain) else ""
            if following in UNITS and following not in _ORDINALS:
                break
            digits += len(piece.digits)
            i = piece.last
        elif word in _WITHIN and parts:
            i += 1
            continue
        else:
            break
        parts += 1
        last = i
        i += 1
    return last, parts, digits, month
