"""What is measured and never scored, over the weeks: length, talk, silence, holds, talking over."""

import math
from collections.abc import Callable

import msgspec

from callaudit.reports import charts
from callaudit.reports.statistics import Interval, Rate
from callaudit.reports.weekly.queries import Readings, Row
from callaudit.reports.weekly.rates import FEW
from callaudit.reports.wording import NOTHING, clock, percent, short_day, week_start


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One small trend; `about` says what the line and its band are."""

    name: str
    about: str
    trend: charts.Trend


_WEEKS_FOR_A_TREND = 4
_MIDDLE = "Half of the calls lie below the line, the middle half in the band."
_LIKELY = "The band is where the true share probably lies (95%)."


def measured(readings: Readings) -> tuple[Measured, ...]:
    """The trends that enough weeks have enough calls for; nothing is called better or worse here."""
    found = (
        _level(readings, "Length of a call", "duration", "timed", minutes=True),
        _level(readings, "Agent's share of talk", "talk", "shared"),
        _level(readings, "Silence, share of the call", "silence", "silent"),
        _share(readings, "Calls with a hold", "with_hold", "held"),
        _share(readings, "Calls in which the agent talked over", "with_overlap", "over"),
    )
    return tuple(one for one in found if one is not None)


def _level(readings: Readings, name: str, column: str, calls: str, *, minutes: bool = False) -> Measured | None:
    """A median with the middle half; minutes are drawn on an axis from nothing to the next round time."""
    rows = [row for row in readings.measures if row[calls] >= FEW and row[column] is not None]
    most = _round_up(max((row[column][2] for row in rows), default=1.0)) if minutes else 1.0

    def point(row: Row) -> tuple[float, Interval, int]:
        low, middle, high = (min(1.0, value / most) for value in row[column])
        return middle, Interval(low, high), int(row[calls])

    def written(share: float | None) -> str:
        return NOTHING if share is None else clock(share * most) if minutes else percent(share)

    return _trend(readings, name, _MIDDLE, {row["iso_week"]: point(row) for row in rows}, written)


def _share(readings: Readings, name: str, column: str, calls: str) -> Measured | None:
    rows = [row for row in readings.measures if row[calls] >= FEW]
    rates = {row["iso_week"]: Rate.of(row[column], row[calls]) for row in rows}
    points = {week: (rate.share or 0.0, rate.interval(), int(rate.n)) for week, rate in rates.items()}
    return _trend(readings, name, _LIKELY, points, percent)


def _trend(
    readings: Readings,
    name: str,
    about: str,
    points: dict[str, tuple[float, Interval, int]],
    written: Callable[[float | None], str],
) -> Measured | None:
    if len(points) < _WEEKS_FOR_A_TREND:
        return None
    nothing = (None, Interval(0.0, 0.0), 0)
    shown = [
        charts.TrendPoint(label=short_day(week_start(week)), share=share, interval=interval, n=n)
        for week in readings.weeks
        for share, interval, n in [points.get(week, nothing)]
    ]
    drawn = charts.trend(shown, width=240, height=92, small=True, domain=(0.0, 1.0), written=written, noun="calls")
    return Measured(name=name, about=about, trend=drawn)


def _round_up(seconds: float) -> float:
    """The next 2, 5, 10, 15 ... minutes."""
    return next(
        (step for step in (120, 300, 600, 900, 1800, 3600) if seconds <= step), 3600 * math.ceil(seconds / 3600)
    )
