"""Rates of one week as the warehouse counts them, with ranges that respect who spoke, and how a change is told."""

from collections.abc import Iterable
from typing import Any, Literal

import pandas as pd

from reports import charts
from reports.statistics import Rate, change, design_effect
from reports.weekly.readings import Readings
from reports.wording import NOTHING, counted, percent, points

Tone = Literal["good", "bad", ""]


FEW = 10
"""Below this many judgements a share is shown as a count ("7 of 9") and no change is called."""


def plain_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as plain values: None in place of every kind of missing."""
    return [
        {str(k): None if pd.api.types.is_scalar(v) and pd.isna(v) else v for k, v in row.items()}
        for row in frame.to_dict("records")
    ]


def week_row(readings: Readings, week: str) -> dict[str, Any] | None:
    """The row of a week, or None where no call of it was audited."""
    return next((r for r in plain_rows(readings.week_rows) if r["iso_week"] == week), None)


def audited_calls(readings: Readings, week: str) -> int:
    """How many calls of the week were audited."""
    row = week_row(readings, week)
    return int(row["calls"]) if row else 0


def lost_recordings(readings: Readings, week: str) -> int:
    """How many recordings of the week could not be audited."""
    frame = readings.not_audited
    return int(frame.loc[frame["counted_week"] == week, "files"].sum())


def share_of(row: dict[str, Any] | None, hits: str, of: str) -> Rate:
    """A rate from two counts of a row; a rate of nothing without a row."""
    return Rate.of(float(row[hits] or 0), float(row[of] or 0)) if row else Rate.of(0, 0)


def pooled(readings: Readings, week: str, *, leave_out: Iterable[str] = ()) -> Rate:
    """Steps followed of steps judged in a week; its range respects that verdicts of one agent or call are alike."""
    frame = readings.verdicts
    chosen = frame[(frame["iso_week"] == week) & ~frame["step"].isin(list(leave_out))]
    by_who = chosen.groupby("who")[["met", "judged"]].sum()
    clusters = [(float(m), float(n)) for m, n in by_who.itertuples(index=False)]
    return Rate.of(float(chosen["met"].sum()), float(chosen["judged"].sum()), design_effect=design_effect(clusters))


def step_rate(readings: Readings, week: str, step: str) -> Rate:
    """One step's rate in a week; calls of one agent count as alike."""
    frame = readings.verdicts
    chosen = frame[(frame["iso_week"] == week) & (frame["step"] == step)]
    clusters = [(float(m), float(n)) for m, n in chosen[["met", "judged"]].itertuples(index=False)]
    return Rate.of(float(chosen["met"].sum()), float(chosen["judged"].sum()), design_effect=design_effect(clusters))


def critical_rate(readings: Readings, week: str) -> Rate:
    """Calls with a critical miss, of all calls of the week."""
    if week == readings.week:
        hit = readings.calls["critical_misses"].fillna(0) > 0
        return Rate.of(float(hit.sum()), float(len(readings.calls)))
    rows = plain_rows(readings.scorecard_before)
    return share_of(rows[0], "calls_with_critical_miss", "calls") if rows else Rate.of(0, 0)


def critical_steps(readings: Readings) -> list[str]:
    """The steps in which calls had critical misses, the commonest first."""
    frame = readings.critical_misses.sort_values(["calls", "step_title"], ascending=[False, True])
    return [str(title) for title in frame["step_title"]]


def shown(rate: Rate, *, few: bool) -> str:
    """A rate as a per cent, as a count where few, as a dash of nothing."""
    if not rate.n:
        return NOTHING
    return f"{rate.hits:.0f} of {rate.n:.0f}" if few else percent(rate.share)


def count_of(rate: Rate, noun: str) -> str:
    """`7 of 9 calls`."""
    return f"{rate.hits:,.0f} of {counted(int(rate.n), noun)}"


def basis(rate: Rate, noun: str) -> str:
    """What a figure counts: the count itself only where the figure is a per cent."""
    if not rate.n:
        return f"no {noun}s"
    return noun + "s" if rate.n < FEW else count_of(rate, noun)


def told_change(
    after: Rate, before: Rate, *, enough: bool, comparisons: int = 1, lower_is_better: bool = False
) -> tuple[str, charts.ChangeBar | None, Tone]:
    """A change in words, its bar and its tone; the words alone where too little is known."""
    step = change(after, before, comparisons=comparisons)
    if step is None:
        return "", None, ""
    if not enough:
        return "Too few to tell", None, ""
    bar = charts.change_bar(step.difference, step.interval)
    if not step.clear:
        return f"No clear change {points(step.difference)}", bar, ""
    better = (step.difference > 0) is not lower_is_better
    return f"{'Better' if better else 'Worse'} {points(step.difference)}", bar, "good" if better else "bad"


def changed_rules(readings: Readings, earlier: str, later: str) -> set[str]:
    """Rules that read differently in the rulebooks of two weeks."""
    order: dict[str, int] = {}
    for version in readings.rule_changes["rulebook_version"]:
        order.setdefault(version, len(order) + 1)
    frame = readings.versions
    used = {order.get(v, 0) for v in frame.loc[frame["iso_week"].isin([earlier, later]), "rulebook_version"]}
    if len(used) < 2:
        return set()
    return {
        str(row["rule_id"])
        for row in plain_rows(readings.rule_changes)
        if min(used) < order[row["rulebook_version"]] <= max(used)
    }


def changed_steps(readings: Readings, earlier: str, later: str) -> set[str]:
    """Steps of which a rule reads differently in the two weeks."""
    changed = changed_rules(readings, earlier, later)
    frame = readings.scorecard_rules
    return set(frame.loc[frame["rule_id"].isin(changed), "step"])
