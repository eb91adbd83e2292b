"""Steps followed over the weeks."""

from collections.abc import Sequence

from callaudit.reports import charts
from callaudit.reports.weekly.queries import Readings
from callaudit.reports.weekly.rates import FEW, audited_calls, changed_steps, pooled
from callaudit.reports.wording import number_word, percent, short_day, week_start


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


def trend_title(weeks: int) -> str:
    """How many weeks the trend shows."""
    return "This week" if weeks == 1 else f"{number_word(weeks).capitalize()} weeks"


def trend_note(readings: Readings) -> str:
    """What the trend shows."""
    few = any(audited_calls(readings, week) < FEW for week in readings.weeks)
    said = "Share of the steps that applied and were followed. The band is where the true share probably lies (95%)."
    return said + (f" Hollow dots are weeks with fewer than {FEW} calls." if few else "")


def trend_label(shown: Sequence[charts.TrendPoint]) -> str:
    """The trend in words, for those who hear the page."""
    told = [f"week of {p.label}: {percent(p.share)}" for p in shown if p.share is not None]
    return "Steps followed by week. " + "; ".join(told)
