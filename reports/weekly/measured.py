"""What is measured and never scored, over the weeks: length, talk, silence, holds, talking over."""

import math
from collections.abc import Callable

import msgspec

from callaudit.reports import charts
from callaudit.reports.statistics import Interval, Rate
from callaudit.reports.weekly.queries import Readings
from callaudit.reports.weekly.rates import FEW
from callaudit.reports.weekly.rows import Quartiles
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
    weeks = readings.measures
    found = (
        _level(readings, "Length of a call", {row.iso_week: (row.duration, row.timed) for row in weeks}, minutes=True),
        _level(readings, "Agent's share of talk", {row.iso_week: (row.talk, row.shared) for row in weeks}),
        _level(readings, "Silence, share of the call", {row.iso_week: (row.silence, row.silent) for row in weeks}),
        _share(readings, "Calls with a hold", {row.iso_week: (row.with_hold, row.held) for row in weeks}),
        _share(
            readings,
            "Calls in which the agent talked over",
            {row.iso_week: (row.with_overlap, row.over) for row in weeks},
        ),
    )
    return tuple(one for one in found if one is not None)


def _level(
    readings: Readings,
    name: str,
    weeks: dict[str, tuple[Quartiles | None, int]],
    *,
    minutes: bool = False,
) -> Measured | None:
    """A median with the middle half; minutes are drawn on an axis from nothing to the next round time."""
    told = {week: (level, calls) for week, (level, calls) in weeks.items() if calls >= FEW and level is not None}
    most = _round_up(max((level[2] for level, _ in told.values()), default=1.0)) if minutes else 1.0

    def point(level: Quartiles, calls: int) -> tuple[float, Interval, int]:
        low, middle, high = (min(1.0, value / most) for value in level)
        return middle, Interval(low, high), calls

    def written(share: float | None) -> str:
        return NOTHING if share is None else clock(share * most) if minutes else percent(share)

    return _trend(readings, name, _MIDDLE, {week: point(*of) for week, of in told.items()}, written)


def _share(readings: Readings, name: str, weeks: dict[str, tuple[int, int]]) -> Measured | None:
    rates = {week: Rate.of(*counts) for week, counts in weeks.items() if counts[1] >= FEW}
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
