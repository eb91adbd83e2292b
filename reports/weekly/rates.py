"""Rates of one week as the warehouse counts them, with ranges that respect who spoke, and how a change is told."""

from collections.abc import Container
from typing import Literal

import msgspec

from callaudit.reports import charts
from callaudit.reports.statistics import Change, Rate, change
from callaudit.reports.weekly.queries import Readings, steps_in_order
from callaudit.reports.weekly.rows import Judged, StepLoss, WeekCounts
from callaudit.reports.wording import NOTHING, counted, percent, points

Tone = Literal["good", "bad", ""]
"""Better, worse, or not clear."""


class ChangeText(msgspec.Struct, frozen=True, kw_only=True):
    """A change since the week before, in words, points and a picture; `tone` only where it is clear.

    `change` holds the figures, None where they would say too little.
    """

    words: str
    amount: str = ""
    bar: charts.ChangeBar | None = None
    tone: Tone = ""
    change: Change | None = None


FEW = 10
"""Below this many judgements a share is shown as a count ("7 of 9") and no change is called."""


HEADLINES = 3
"""How many headline figures are estimates, of which it is asked whether they changed since the week before."""


def comparisons(readings: Readings) -> int:
    """How many changes the page could call clear: each needs a level at which all together seldom err."""
    return HEADLINES + len(steps_in_order(readings))


def week_row(readings: Readings, week: str) -> WeekCounts | None:
    """The row of a week, or None where no call of it was audited."""
    return next((r for r in readings.week_rows if r.iso_week == week), None)


def audited_calls(readings: Readings, week: str) -> int:
    """How many calls of the week were audited."""
    row = week_row(readings, week)
    return row.calls if row else 0


def lost_recordings(readings: Readings, week: str) -> int:
    """How many recordings of the week could not be audited."""
    return sum(row.files for row in readings.not_audited if row.counted_week == week)


def calmed_rate(readings: Readings, week: str) -> Rate:
    """Tense calls that were calmed; calls of one agent count as alike."""
    return Rate.clustered(
        [(row.calmed_calls, row.tense_calls) for row in readings.calls_by_agent if row.iso_week == week]
    )


def pooled(readings: Readings, week: str, *, leave_out: Container[str] = ()) -> Rate:
    """Steps followed of steps judged in a week; its range respects that verdicts of one agent or call are alike."""
    return Rate.clustered(readings.verdicts.of(week, leave_out=leave_out))


def step_rate(readings: Readings, week: str, step: str) -> Rate:
    """One step's rate in a week; calls of one agent count as alike."""
    return Rate.clustered(readings.verdicts.of(week, step=step))


def critical_rate(readings: Readings, week: str) -> Rate:
    """Calls with a critical miss, of those in which one could be judged; calls of one agent count as alike."""
    return Rate.clustered(
        [
            (row.calls_with_critical_miss, row.critical_judged_calls)
            for row in readings.calls_by_agent
            if row.iso_week == week
        ]
    )


def critical_misses(readings: Readings) -> list[tuple[int, str]]:
    """What agents did that no agent may, as people would say it, with the number of calls; the commonest first."""
    return [(row.calls, str(row.missed or f"missed “{row.step_title}”")) for row in readings.critical_rules]


def worst_step(readings: Readings) -> StepLoss | None:
    """The step on which most points were lost in the week, None where none was: named the same wherever one is."""
    rows = [row for row in readings.step_losses if row.lost > 0]
    return min(rows, key=lambda row: (-row.lost, row.step), default=None)


class Unsure(msgspec.Struct, frozen=True, kw_only=True):
    """What of the calls that called for something is unsure, and the rates it leaves possible.

    `share` is unsure of called for. `low` and `high` are what the rate were if every unsure one were missed, or met;
    None of nothing. `text` is what stands beside the rate, "" where nothing is unsure, and `span` says the bounds.
    """

    share: Rate
    low: float | None = None
    high: float | None = None
    text: str = ""
    span: str = ""


def unsure_of(*counts: Judged) -> Unsure:
    """The same from what was judged, added up."""
    met, unsure = sum(one.met for one in counts), sum(one.unsure for one in counts)
    share = Rate.of(unsure, sum(one.applicable for one in counts))
    decided = unsure + sum(one.judged for one in counts)
    low, high = (met / decided, (met + unsure) / decided) if decided else (None, None)
    return Unsure(
        share=share,
        low=low,
        high=high,
        text=f"{percent(share.share)} unsure" if unsure else "",
        span=f"between {percent(low)} and {percent(high)}, as the unsure ones turn out" if unsure else "",
    )


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
    after: Rate, before: Rate, *, enough: bool, comparisons: int, lower_is_better: bool = False
) -> ChangeText:
    """A change as it is told, one of `comparisons` on the page; words alone where too little is known for a figure."""
    step = change(after, before, comparisons=comparisons)
    if step is None or not enough:
        return ChangeText(words="Too few to tell" if step else "")
    amount, bar = points(step.difference), charts.change_bar(step.difference, step.interval)
    if not step.clear:
        return ChangeText(words="No clear change", amount=amount, bar=bar, change=step)
    better = (step.difference > 0) is not lower_is_better
    words = "Better" if better else "Worse"
    return ChangeText(words=words, amount=amount, bar=bar, tone="good" if better else "bad", change=step)


def changed_rules(readings: Readings, earlier: str, later: str) -> set[str]:
    """Rules that read differently in the rulebooks of two weeks."""
    used = {_age(readings, row.rulebook_version) for row in readings.versions if row.iso_week in (earlier, later)}
    if len(used) < 2:
        return set()
    return {
        row.rule_id for row in readings.rule_changes if min(used) < _age(readings, row.rulebook_version) <= max(used)
    }


def _age(readings: Readings, version: str) -> int:
    """How many rulebooks came before this one: dates of loading may be missing, the order never is."""
    before = {row.rulebook_version: row.previous_version for row in readings.rule_changes}
    age = 0
    while version in before:
        version, age = before.pop(version), age + 1
    return age


def changed_steps(readings: Readings, earlier: str, later: str) -> set[str]:
    """Steps of which a rule reads differently in the two weeks."""
    changed = changed_rules(readings, earlier, later)
    return {row.step for row in readings.scorecard_rules if row.rule_id in changed}
