"""When a business is open, and when a promise is due that ends while it is not."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import msgspec

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|(24):(00))")


class BusinessTime(msgspec.Struct, frozen=True, kw_only=True):
    """Of each weekday, Monday first, when it opens and closes in minutes from midnight by the clock of `zone`, or None.

    `holidays` are days on which it is closed all day. At least one weekday is open.
    """

    zone: str
    days: tuple[tuple[int, int] | None, ...]
    holidays: tuple[date, ...] = ()

    def due(self, plain: datetime) -> datetime:
        """`plain` where the business is open then, opening and closing minute included; else when it closes next.

        So nothing is due earlier than it was promised for, and nothing while nobody is there.
        """
        zone = ZoneInfo(self.zone)
        # A day that is open until midnight ends on the day after.
        first = plain.astimezone(zone).date() - timedelta(days=1)
        for day in (first + timedelta(days=n) for n in count()):
            hours = None if day in self.holidays else self.days[day.weekday()]
            if hours is not None:
                closes = max(_instants(day, hours[1], zone))
                if closes >= plain:
                    return plain if min(_instants(day, hours[0], zone)) <= plain else closes
        raise AssertionError("some weekday is open, and holidays end")


def _instants(day: date, minutes: int, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """What the clock showing this may mean: two moments where it is set over it, else twice the same."""
    shown = datetime.combine(day, time(), zone) + timedelta(minutes=minutes)
    return shown.replace(fold=0).astimezone(UTC), shown.replace(fold=1).astimezone(UTC)


def business_time(zone: str, hours: Mapping[str, str], holidays: tuple[date, ...] = ()) -> BusinessTime | None:
    """Hours as settings write them, `{"mon": "09:00-17:30"}`; a day that is not named is closed. None without hours.

    Raises ValueError, saying what is wrong, for another name of a day, for hours that are none, and for holidays alone.
    """
    for name, text in hours.items():
        if name not in WEEKDAYS:
            raise ValueError(f"“{name}” is no day; days are {', '.join(WEEKDAYS)}")
        _minutes(name, text)
    if not hours:
        if holidays:
            raise ValueError("holidays say nothing without hours")
        return None
    days = tuple(_minutes(name, hours[name]) if name in hours else None for name in WEEKDAYS)
    return BusinessTime(zone=zone, days=days, holidays=tuple(sorted(set(holidays))))


def _minutes(name: str, text: str) -> tuple[int, int]:
    match = _HOURS.fullmatch(text)
    if match is None:
        raise ValueError(f"the hours of {name} are “{text}”; they are written 09:00-17:30")
    first, second, *ends = (int(part) for part in match.groups() if part is not None)
    opens, closes = 60 * first + second, 60 * ends[0] + ends[1]
    if opens >= closes:
        raise ValueError(f"the hours of {name} are “{text}”, which end before they begin")
    return opens, closes
