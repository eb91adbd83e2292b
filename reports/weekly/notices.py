"""What to know: a few sentences that are true of the figures, or nothing."""

from collections.abc import Sequence

import msgspec

from callaudit.reports.weekly.headlines import Figure
from callaudit.reports.weekly.queries import Readings
from callaudit.reports.weekly.rates import (
    FEW,
    audited_calls,
    changed_steps,
    critical_misses,
    critical_rate,
    lost_recordings,
    pooled,
    week_row,
    worst_step,
)
from callaudit.reports.weekly.steps import StepLine
from callaudit.reports.wording import counted, day, percent, week_start


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence of "what to know": its point in bold, then the figures; `to` is a place on the page, or ""."""

    point: str
    detail: str
    to: str = ""
    to_text: str = ""


def known(readings: Readings, figures: Sequence[Figure], steps: Sequence[StepLine]) -> tuple[Known, ...]:
    """Up to four sentences, the weightiest first. Each is true of these figures or is not said."""
    calls = audited_calls(readings, readings.week)
    if not calls:
        return ()
    said = [
        *_know_overall(readings, figures[0]),
        *_know_critical(readings),
        *_know_steps(steps),
        *_know_worst(readings),
        *_know_tense(readings),
        *_know_lost(readings),
        *_know_too_few(readings),
    ]
    return tuple(said[:4])


def _know_too_few(readings: Readings) -> list[Known]:
    before, now = (audited_calls(readings, week) for week in (readings.before, readings.week))
    if not before or min(before, now) >= FEW:
        return []
    return [Known(point="Too few calls to compare weeks:", detail=f"{now} this week, {before} the week before.")]


def _know_overall(readings: Readings, figure: Figure) -> list[Known]:
    before = pooled(readings, readings.before)
    if not before.n or min(audited_calls(readings, week) for week in (readings.before, readings.week)) < FEW:
        return []
    figures = f"{figure.value} this week, {percent(before.share)} the week before."
    if changed_steps(readings, readings.before, readings.week):
        figures += " Steps whose rules changed are left out of the comparison."
    if figure.change.tone == "":
        return [Known(point="No clear change in steps followed:", detail=figures)]
    word = "More" if figure.change.tone == "good" else "Fewer"
    return [Known(point=f"{word} steps were followed:", detail=figures)]


def _know_critical(readings: Readings) -> list[Known]:
    rate = critical_rate(readings, readings.week)
    if not rate.n:
        return []
    if rate.hits:
        one = rate.hits == 1
        misses = critical_misses(readings) or [(int(rate.hits), "did what no agent may")]
        first, *more = [f"in {counted(calls, 'call')} the agent {told}" for calls, told in misses]
        several = f"{'; '.join(more)}. {counted(int(rate.hits), 'call')} with a critical miss in all."
        return [
            Known(
                point=f"{first[0].upper()}{first[1:]}{';' if more else ','}",
                detail=several if more else "a critical miss.",
                to="hear" if len(readings.moments) else "calls",
                to_text="Listen to it first." if one else "Listen to these first.",
            )
        ]
    if rate.n < FEW:
        return []
    return [
        Known(
            point="No critical misses", detail=f"in {rate.n:,.0f} calls (likely below {percent(rate.interval().high)})."
        )
    ]


def _know_steps(steps: Sequence[StepLine]) -> list[Known]:
    clear = [step for step in steps if step.change.tone]
    return [
        Known(
            point=f"{step.title}: {'better' if step.change.tone == 'good' else 'worse'}",
            detail=f"than the week before, now {step.value} ({step.change.amount}).",
            to="steps",
            to_text="See the steps.",
        )
        for step in clear[:2]
    ]


def _know_worst(readings: Readings) -> list[Known]:
    worst = worst_step(readings)
    if worst is None or not worst.misses:
        return []
    return [
        Known(
            point=f"Most points were lost on “{worst.step_title}”:",
            detail=f"missed on {worst.misses:,} of the {counted(worst.judged, 'call')} that called for it.",
            to="misses",
            to_text="See what drives misses.",
        )
    ]


def _know_tense(readings: Readings) -> list[Known]:
    row = week_row(readings, readings.week)
    tense = row.tense_calls if row else 0
    if row is None or not tense:
        return []
    calmed, perhaps = row.calmed_calls, row.perhaps_tense_calls
    told = row.tense_judged_calls
    more = f" {counted(perhaps, 'more call')} {'was' if perhaps == 1 else 'were'} perhaps tense." if perhaps else ""
    ended = f"{calmed} of them ended calm" if tense > 1 else "it ended calm" if calmed else "it did not end calm"
    verb = "was" if tense == 1 else "were"
    return [Known(point=f"{tense:,} of {counted(told, 'call')} {verb} tense;", detail=f"{ended}.{more}")]


def _know_lost(readings: Readings) -> list[Known]:
    lost = lost_recordings(readings, readings.week)
    total = lost + audited_calls(readings, readings.week)
    if lost * 20 < total:
        return []
    return [
        Known(
            point=f"{counted(lost, 'recording')} of {total:,} could not be audited.",
            detail="",
            to="data",
            to_text="See why.",
        )
    ]


_CHANGES_SHOWN = 12


def rule_changes(readings: Readings) -> tuple[Known, ...]:
    """The rules that changed in the weeks shown; a first rulebook changes nothing."""
    rows = [row for row in readings.rule_changes if row.first_week in readings.weeks]
    told = [
        Known(
            point=str(row.asks or row.rule_id),
            detail=f"{row.change}{f' ({what})' if (what := row.what) else ''}, used from the week of "
            f"{day(week_start(row.first_week))} on.",
        )
        for row in rows[:_CHANGES_SHOWN]
    ]
    more = len(rows) - len(told)
    return (*told, *([Known(point=f"{counted(more, 'more rule')} changed.", detail="")] if more else []))
