"""Steps followed over the weeks."""

from collections.abc import Sequence

import msgspec

from callaudit.reports import charts
from callaudit.reports.weekly.queries import Readings
from callaudit.reports.weekly.rates import FEW, audited_calls, changed_steps, pooled
from callaudit.reports.wording import number_word, percent, short_day, week_start


class WeeklyTrend(msgspec.Struct, frozen=True, kw_only=True):
    """The section; `wide` and `narrow` are None where there is but one week. `label` is the trend in words."""

    title: str
    note: str
    label: str
    wide: charts.Trend | None
    narrow: charts.Trend | None


def weekly_trend(readings: Readings) -> WeeklyTrend:
    """Steps followed over the report's weeks, drawn for wide and narrow windows, and told."""
    points = trend_points(readings)
    weeks = len(readings.weeks)
    several = len(points) > 1
    return WeeklyTrend(
        title="This week" if weeks == 1 else f"{number_word(weeks).capitalize()} weeks",
        note=_note(readings),
        label=_label(points),
        wide=charts.trend(points) if several else None,
        narrow=charts.trend(points, width=360, height=210, labels=3) if several else None,
    )


def trend_points(readings: Readings) -> list[charts.TrendPoint]:
    """One point a week; a line breaks where rules changed."""
    shown = []
    for i, week in enumerate(readings.weeks):
        rate = pooled(readings, week)
        shown.append(
            charts.TrendPoint(
                label=short_day(week_start(week)),
                share=rate.share,
                interval=rate.interval(),
                n=int(rate.n),
                breaks=i > 0 and bool(changed_steps(readings, readings.weeks[i - 1], week)),
                faint=audited_calls(readings, week) < FEW,
            )
        )
    return shown


def _note(readings: Readings) -> str:
    few = any(audited_calls(readings, week) < FEW for week in readings.weeks)
    said = "Share of the steps that applied and were followed. The band is where the true share probably lies (95%)."
    return said + (f" Hollow dots are weeks with fewer than {FEW} calls." if few else "")


def _label(shown: Sequence[charts.TrendPoint]) -> str:
    told = [f"week of {p.label}: {percent(p.share)}" for p in shown if p.share is not None]
    return "Steps followed by week. " + "; ".join(told)
