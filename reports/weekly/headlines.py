"""The four headline numbers and the line under the title."""

import msgspec

from callaudit.reports.statistics import Rate
from callaudit.reports.weekly.queries import Readings
from callaudit.reports.weekly.rates import (
    FEW,
    ChangeText,
    audited_calls,
    basis,
    calmed_rate,
    changed_steps,
    comparisons,
    critical_misses,
    critical_rate,
    lost_recordings,
    pooled,
    shown,
    told_change,
    unsure_of,
    week_row,
)
from callaudit.reports.wording import between, counted, day, long_time, percent, week_start


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One headline number; `unsure` says how much of what it counts is unsure, "" where nothing is.

    `counted` where all there is was counted: then no range stands beside it, and a change is what it is.
    """

    name: str
    counted: bool = False
    rate: Rate
    value: str
    likely: str
    note: str
    unsure: str
    change: ChangeText


def summary(readings: Readings) -> str:
    """How many recordings, calls and tense calls, and what they are compared with."""
    row = week_row(readings, readings.week)
    lost = lost_recordings(readings, readings.week)
    if row is None:
        without = f"{counted(lost, 'recording')} came in and could not be audited." if lost else ""
        return f"No calls of this week were audited. {without}".strip()
    audited = row.calls
    said = (
        f"{audited:,} of {counted(audited + lost, 'recording')} audited"
        if lost
        else f"{counted(audited, 'call')} audited"
    )
    perhaps = row.perhaps_tense_calls
    said += f", {row.tense_calls:,} of them tense{f', {perhaps:,} perhaps' if perhaps else ''}."
    earlier = audited_calls(readings, readings.before)
    monday = day(week_start(readings.before))
    if earlier:
        return f"{said} Compared with the week of {monday} ({counted(earlier, 'call')})."
    return f"{said} No calls in the week before to compare with."


def headline_figures(readings: Readings) -> tuple[Figure, ...]:
    """Steps followed, calls calmed, calls with a critical miss; recordings audited, where the report is of all."""
    weeks = (readings.week, readings.before)
    followed = [pooled(readings, week) for week in weeks]
    changed = changed_steps(readings, *weeks)
    comparable = [pooled(readings, week, leave_out=changed) for week in weeks]
    calls = [audited_calls(readings, week) for week in weeks]
    calmed = [calmed_rate(readings, week) for week in weeks]
    critical = [critical_rate(readings, week) for week in weeks]
    audited = [Rate.of(n, n + lost_recordings(readings, week)) for n, week in zip(calls, weeks, strict=True)]
    now = week_row(readings, readings.week)
    figures = (
        _figure(
            "Steps followed",
            followed[0],
            "of the steps that applied",
            # Steps of one call are alike: what is enough is asked of the calls, not of the steps.
            ChangeText(words="Rules changed: not comparable")
            if changed and followed[1].n and not comparable[1].n
            else told_change(comparable[0], comparable[1], enough=min(calls) >= FEW, comparisons=comparisons(readings)),
            unsure_of(*(row for row in readings.unsure_steps if row.iso_week == readings.week)).text,
        ),
        _figure("Tense calls calmed", calmed[0], basis(calmed[0], "tense call"), _told(readings, calmed)),
        _figure(
            "Calls with a critical miss",
            critical[0],
            _where(readings) or basis(critical[0], "call"),
            _told(readings, critical, lower_is_better=True),
        ),
        Figure(
            name="Calls audited",
            counted=True,
            rate=audited[0],
            value=shown(audited[0], few=audited[0].n < FEW),
            likely="all recordings counted" if audited[0].n else "nothing to count",
            note=f"{basis(audited[0], 'recording')}, {long_time(float(now.duration_s or 0)) if now else '0 s'}",
            unsure="",
            change=_counted_change(audited[0], audited[1]),
        ),
    )
    return figures if readings.edition.is_whole else figures[:-1]


def _figure(name: str, rate: Rate, note: str, told: ChangeText, unsure: str = "") -> Figure:
    return Figure(
        name=name,
        rate=rate,
        value=shown(rate, few=rate.n < FEW),
        likely=f"likely {between(rate.interval())}" if rate.n else "nothing to count",
        note=f"{note}, {unsure}" if unsure else note,
        unsure=unsure,
        change=told if told.words else ChangeText(words="No week before to compare with"),
    )


def _told(readings: Readings, rates: list[Rate], *, lower_is_better: bool = False) -> ChangeText:
    enough = min(rate.n for rate in rates) >= FEW
    return told_change(
        rates[0], rates[1], enough=enough, comparisons=comparisons(readings), lower_is_better=lower_is_better
    )


def _counted_change(now: Rate, before: Rate) -> ChangeText:
    if now.share is None or before.share is None:
        return ChangeText(words="No week before to compare with")
    return ChangeText(words=f"{percent(before.share)} the week before")


def _where(readings: Readings) -> str:
    """`2 told the customer to calm down, 1 was rude`."""
    found = [f"{calls:,} {told}" for calls, told in critical_misses(readings)]
    return ", ".join(found[:2]) + (f" and {len(found) - 2} more" if len(found) > 2 else "")
