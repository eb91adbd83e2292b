"""Personal numbers by their own check digits and grouping, whatever was said about them."""

import re
from collections.abc import Sequence

CARD_LENGTHS = range(13, 20)
# How the numbers of issuers that take payments begin (ISO/IEC 7812): no year, no ISBN, no time begins so.
_ISSUER = re.compile(r"2[1-7]|[3-6]")
# Letters and digits of an account number in each country (ISO 13616).
IBAN_LENGTHS = {
    country.lower(): int(length)
    for length, countries in {
        "15": "NO", "16": "BE", "18": "DK FI FK FO GL NL SD", "19": "MK SI", "20": "AT BA EE KZ LT LU MN XK",
        "21": "CH HR LI LV", "22": "BG BH CR DE GB GE IE ME RS VA", "23": "AE GI IL IQ OM SO TL",
        "24": "AD CZ ES MD PK RO SA SE SK TN VG", "25": "LY PT ST", "26": "IS TR", "27": "BI DJ FR GR IT MC MR SM",
        "28": "AL AZ BY CY DO GT HU LB NI PL SV", "29": "BR EG PS QA UA", "30": "JO KW MU YE", "31": "MT SC",
        "32": "LC", "33": "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip
_IBAN = re.compile(r"[a-z]{2}\d{2}[a-z0-9]+")


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
    """Whether letters and digits in lower case are an account number by ISO 13616.

    As long as its country has them, half of it digits, and the check digits right.
    """
    if len(joined) != IBAN_LENGTHS.get(joined[:2]) or _IBAN.fullmatch(joined) is None:
        return False
    if 2 * sum(map(str.isdigit, joined)) < len(joined):
        return False
    return int("".join(str(int(c, 36)) for c in joined[4:] + joined[:4])) % 97 == 1
