"""Figures in the words people read: per cents, points, clock times, dates, counts."""

from datetime import date, timedelta

from callaudit.reports.statistics import Interval
from callaudit.transcription.errors import InputError
from callaudit.transcription.transcript import Seconds

NOTHING = "\N{EN DASH}"
"""What stands where nothing was observed."""

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SMALL = (
    "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
)  # fmt: skip


def percent(share: float | None, digits: int = 0) -> str:
    """`63%`, or a dash where nothing was observed. Only a true 0 or 1 reads as 0% or 100%."""
    if share is None:
        return NOTHING
    shown = f"{100 * share:.{digits}f}"
    step = 10**-digits
    if float(shown) >= 100 and share < 1:
        shown = f"{100 - step:.{digits}f}"
    elif float(shown) <= 0 < share:
        shown = f"{step:.{digits}f}"
    return f"{shown}%"


def between(interval: Interval) -> str:
    """`59% to 68%`."""
    return f"{percent(interval.low)} to {percent(interval.high)}"


def points(difference: float) -> str:
    """`+4 pts`, with a real minus sign."""
    rounded = round(100 * difference)
    sign = "+" if rounded > 0 else "\N{MINUS SIGN}" if rounded < 0 else "\N{PLUS-MINUS SIGN}"
    return f"{sign}{abs(rounded)} pts"


def clock(seconds: Seconds | None) -> str:
    """`1:37`, or `1:02:09` from an hour on; a dash where the time is not known."""
    if seconds is None:
        return NOTHING
    whole = int(seconds)
    if whole >= 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    return f"{whole // 60}:{whole % 60:02d}"


def long_time(seconds: Seconds) -> str:
    """`41 s`, `3 min`, `130 h`: a sum of durations in the unit that suits it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:,.0f} h"


def counted(n: int, one: str, many: str | None = None) -> str:
    """`1 call`, `1,248 calls`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def number_word(n: int) -> str:
    """`three` up to thirteen, then digits."""
    return _SMALL[n] if 0 <= n < len(_SMALL) else f"{n:,}"


def listed(items: list[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def sentence(text: str) -> str:
    """The text with a capital first letter and a full stop."""
    text = text.strip()
    if not text:
        return ""
    ended = text if text.rstrip("”\"')")[-1:] in set(".!?…") else f"{text}."
    return ended[0].upper() + ended[1:]


def day(on: date, *, year: bool = False) -> str:
    """`2 March`, or `2 March 2026`."""
    return f"{on.day} {_MONTHS[on.month - 1]}" + (f" {on.year}" if year else "")


def short_day(on: date) -> str:
    """`2 Mar`."""
    return f"{on.day} {_MONTHS[on.month - 1][:3]}"


def month(on: date) -> str:
    """`Mar 2026`."""
    return f"{_MONTHS[on.month - 1][:3]} {on.year}"


def weekday(on: date) -> str:
    """`Thursday 5 March 2026`."""
    return f"{_WEEKDAYS[on.weekday()]} {day(on, year=True)}"


def week_start(week: str) -> date:
    """The Monday of an ISO week written `2026-W10`.

    Raises InputError where the text is no such week.
    """
    try:
        year, number = week.split("-W")
        return date.fromisocalendar(int(year), int(number), 1)
    except ValueError as fault:
        raise InputError(
            f"{week!r} is not a week.", why=str(fault), tries=("write year and ISO week, as in 2026-W10",)
        ) from fault


def iso_week(on: date) -> str:
    """The ISO week of a day, as `2026-W10`."""
    year, number, _ = on.isocalendar()
    return f"{year}-W{number:02d}"


def week_dates(monday: date) -> str:
    """`2 to 8 March 2026`, naming month and year again only where they differ."""
    sunday = monday + timedelta(days=6)
    if monday.year != sunday.year:
        return f"{day(monday, year=True)} to {day(sunday, year=True)}"
    if monday.month != sunday.month:
        return f"{day(monday)} to {day(sunday, year=True)}"
    return f"{monday.day} to {day(sunday, year=True)}"
