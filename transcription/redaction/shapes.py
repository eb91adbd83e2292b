"""Personal numbers by their own check digits and grouping, whatever was said about them."""

import re
from collections.abc import Sequence

CARD_LENGTHS = range(13, 20)
# How the numbers of issuers that take payments begin (ISO/IEC 7812): no year, no ISBN, no time begins so.
_ISSUER = re.compile(r"2[1-7]|[3-6]")
_IBAN = re.compile(r"[a-z]{2}\d{2}[a-z0-9]{11,30}")
SHORTEST_IBAN, LONGEST_IBAN = 15, 34


def luhn(digits: str) -> bool:
    """The check digit of payment cards (ISO/IEC 7812-1, annex B)."""
    doubled = [int(d) * (2 if n % 2 else 1) for n, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def is_card(digits: str) -> bool:
    """Whether these can be the digits of a payment card: 13 to 19, an issuer's beginning, a right check digit."""
    return len(digits) in CARD_LENGTHS and _ISSUER.match(digits) is not None and luhn(digits)


def is_social(groups: Sequence[str]) -> bool:
    """Whether groups of digits are a social security number as it is written, of those that are given out."""
    if [len(g) for g in groups] != [3, 2, 4]:
        return False
    area, group, serial = groups
    return area not in {"000", "666"} and group != "00" and serial != "0000"


def is_iban(joined: str) -> bool:
    """Whether letters and digits in lower case are an account number by ISO 13616, its check digits included."""
    if not SHORTEST_IBAN <= len(joined) <= LONGEST_IBAN or _IBAN.fullmatch(joined) is None:
        return False
    return int("".join(str(int(c, 36)) for c in joined[4:] + joined[:4])) % 97 == 1
