"""The four headline numbers and the line under the title."""

import msgspec

from reports import charts
from reports.statistics import Rate
from reports.weekly.rates import (
    FEW,
    Tone,
    audited_calls,
    basis,
    changed_steps,
    critical_rate,
    critical_steps,
    lost_recordings,
    pooled,
    share_of,
    shown,
    told_change,
    week_row,
)
from reports.weekly.readings import Readings
from reports.wording import between, counted, day, listed, long_time, week_start


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One headline number."""

    name: str
    value: str
    likely: str
    note: str
    change: str
    change_bar: charts.ChangeBar | None
    tone: Tone


def summary(readings: Readings) -> str:
    """How many recordings, calls and tense calls, and what they are compared with."""
    row = week_row(readings, readings.week)
    lost = lost_recordings(readings, readings.week)
    if row is None:
        without = f"{counted(lost, 'recording')} came in and could not be audited." if lost else ""
        return f"No calls of this week were audited. {without}".strip()
    audited = int(row["calls"])
    said = (
        f"{audited:,} of {counted(audited + lost, 'recording')} audited"
        if lost
        else f"{counted(audited, 'call')} audited"
    )
    said += f", {int(row['tense_calls'] or 0):,} of them tense."
    earlier = audited_calls(readings, readings.before)
    monday = day(week_start(readings.before))
    if earlier:
        return f"{said} Compared with the week of {monday} ({counted(earlier, 'call')})."
    return f"{said} No calls in the week before to compare with."


def headline_figures(readings: Readings) -> tuple[Figure, ...]:
    """Steps followed, calls calmed, calls with a critical miss, recordings audited."""
    now, before = week_row(readings, readings.week), week_row(readings, readings.before)
    changed = changed_steps(readings, readings.before, readings.week)
    after_rate, before_rate = pooled(readings, readings.week), pooled(readings, readings.before)
    figures = [
        _figure(
            "Steps followed",
            after_rate,
            note="of the steps that applied",
            before=pooled(readings, readings.before, leave_out=changed),
            compare=pooled(readings, readings.week, leave_out=changed),
            calls=(audited_calls(readings, readings.week), audited_calls(readings, readings.before)),
        )
        if after_rate.n or not before_rate.n
        else _figure("Steps followed", after_rate, note="nothing was judged", before=before_rate, calls=(0, 0))
    ]
    calmed = [share_of(row, "calmed_calls", "tense_calls") for row in (now, before)]
    figures.append(_figure("Tense calls calmed", calmed[0], note=basis(calmed[0], "tense call"), before=calmed[1]))
    critical = [critical_rate(readings, week) for week in (readings.week, readings.before)]
    rules = critical_steps(readings)
    figures.append(
        _figure(
            "Calls with a critical miss",
            critical[0],
            note=listed(rules[:2]) + (f" and {len(rules) - 2} more" if len(rules) > 2 else "")
            if rules
            else basis(critical[0], "call"),
            before=critical[1],
            lower_is_better=True,
        )
    )
    audited = [
        Rate.of(audited_calls(readings, week), audited_calls(readings, week) + lost_recordings(readings, week))
        for week in (readings.week, readings.before)
    ]
    hours = long_time(float(now["duration_s"] or 0)) if now else "0 s"
    figures.append(
        _figure("Calls audited", audited[0], note=f"{basis(audited[0], 'recording')}, {hours}", before=audited[1])
    )
    return tuple(figures)


def _figure(
    name: str,
    rate: Rate,
    *,
    note: str,
    before: Rate,
    compare: Rate | None = None,
    calls: tuple[int, int] | None = None,
    lower_is_better: bool = False,
) -> Figure:
    enough = calls or (int(rate.n), int(before.n))
    told, bar, tone = told_change(compare or rate, before, enough=min(enough) >= FEW, lower_is_better=lower_is_better)
    small = rate.n < FEW or (calls is not None and calls[0] < FEW)
    return Figure(
        name=name,
        value=shown(rate, few=rate.n < FEW),
        likely=f"likely {between(rate.interval())}" if rate.n else "nothing to count",
        note=note,
        change=told if before.n else "No week before to compare with",
        change_bar=None if small else bar,
        tone=tone,
    )
