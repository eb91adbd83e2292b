"""The steps of the chosen scorecard, the rules under them, and the other scorecards."""

from collections.abc import Mapping, Sequence

import msgspec

from callaudit.reports import charts
from callaudit.reports.reviews.accuracy import RuleAccuracy, accuracy_of, told_accuracy
from callaudit.reports.statistics import Rate, sidak
from callaudit.reports.weekly.aims import Aim, score_target, step_aim
from callaudit.reports.weekly.queries import Readings, steps_in_order
from callaudit.reports.weekly.rates import (
    FEW,
    HEADLINES,
    ChangeText,
    Unsure,
    changed_steps,
    comparisons,
    shown,
    step_rate,
    told_change,
    unsure_of,
)
from callaudit.reports.weekly.rows import RuleCounts
from callaudit.reports.wording import NOTHING, between, number_word, short_day, week_start


class RuleLine(msgspec.Struct, frozen=True, kw_only=True):
    """One rule under its step."""

    rule_id: str
    asks: str
    rate: Rate
    value: str
    unsure: Unsure
    count: str
    bar: charts.RangeBar
    few: bool
    critical: bool
    trial: bool
    accuracy: str


class StepLine(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the scorecard; `by_week` and `unsure_by_week` tell of each of the report's weeks."""

    step: str
    number: int
    title: str
    rate: Rate
    by_week: tuple[Rate, ...]
    unsure_by_week: tuple[Unsure, ...]
    count: str
    value: str
    unsure: Unsure
    bar: charts.RangeBar
    few: bool
    change: ChangeText
    aim: Aim | None
    rules: tuple[RuleLine, ...]
    spark: charts.Trend | None


class ScorecardLine(msgspec.Struct, frozen=True, kw_only=True):
    """One of the scorecards, all judged on the same calls."""

    title: str
    value: str
    unsure: Unsure
    likely: str
    score: str
    bar: charts.RangeBar
    chosen: bool
    target: str
    few: bool


def step_lines(readings: Readings) -> tuple[StepLine, ...]:
    """The steps in the order of the scorecard."""
    order = steps_in_order(readings)
    changed = changed_steps(readings, readings.before, readings.week)
    accuracy = accuracy_of(readings.rule_reviews)
    weekly = {step: [step_rate(readings, week, step) for week in readings.weeks] for _, step, _ in order}
    points = {step: _spark_points(readings, step, rates) for step, rates in weekly.items()}
    # One axis for all, so that one step's line may be held against another's.
    domain = charts.domain_of(point for shown in points.values() for point in shown)
    lines = []
    for number, step, title in order:
        now, before = (step_rate(readings, week, step) for week in (readings.week, readings.before))
        told = told_change(now, before, enough=min(now.n, before.n) >= FEW, comparisons=comparisons(readings))
        if step in changed and now.n and before.n:
            told = ChangeText(words="Rule changed: not comparable")
        unsure = [_unsure(readings, week, step) for week in readings.weeks]
        few = now.n < FEW
        lines.append(
            StepLine(
                step=str(step),
                number=int(number),
                title=str(title),
                rate=now,
                by_week=tuple(weekly[step]),
                unsure_by_week=tuple(unsure),
                count=f"{now.n:,.0f}",
                value=shown(now, few=few),
                unsure=unsure[-1],
                bar=charts.range_bar(now.share, now.interval()),
                few=few,
                change=told,
                aim=step_aim(readings, str(step), now),
                rules=_rules(readings, step, accuracy),
                spark=charts.trend(points[step], width=240, height=92, small=True, domain=domain)
                if points[step]
                else None,
            )
        )
    return tuple(lines)


def _unsure(readings: Readings, week: str, step: str) -> Unsure:
    return unsure_of(*(row for row in readings.unsure_steps if (row.iso_week, row.step) == (week, step)))


_WEEKS_FOR_A_SPARK = 4


def _spark_points(readings: Readings, step: str, rates: Sequence[Rate]) -> list[charts.TrendPoint]:
    """A step's own small trend, once there are enough weeks for one to say anything."""
    if sum(rate.n >= FEW for rate in rates) < _WEEKS_FOR_A_SPARK:
        return []
    weeks = readings.weeks
    return [
        charts.TrendPoint(
            label=short_day(week_start(week)),
            share=rate.share if rate.n >= FEW else None,
            interval=rate.interval(),
            n=int(rate.n),
            breaks=i > 0 and step in changed_steps(readings, weeks[i - 1], week),
        )
        for i, (week, rate) in enumerate(zip(weeks, rates, strict=True))
    ]


def _rules(readings: Readings, step: str, accuracy: Mapping[str, RuleAccuracy]) -> tuple[RuleLine, ...]:
    seen = {row.rule_id: row for row in readings.rules}
    lines = []
    for row in (row for row in readings.scorecard_rules if row.step == step):
        week = seen.get(row.rule_id, RuleCounts(rule_id=row.rule_id))
        rate = Rate.of(week.met, week.judged)
        few = rate.n < FEW
        lines.append(
            RuleLine(
                rule_id=row.rule_id,
                asks=row.asks,
                rate=rate,
                value=shown(rate, few=few),
                unsure=unsure_of(week),
                count=f"{rate.n:,.0f}",
                bar=charts.range_bar(rate.share, rate.interval()),
                few=few,
                critical=row.critical,
                trial=row.status == "trial",
                accuracy=told_accuracy(accuracy.get(row.rule_id), Rate.of(week.own_met, week.own_judged)),
            )
        )
    return tuple(lines)


def steps_note(steps: int) -> str:
    """What the table of steps shows, and how strict it is about changes."""
    return (
        f"Followed on how many of the calls where the step applied, with the likely range. With {number_word(steps)} "
        f"steps some range would leave out zero by luck in many weeks, so a change is called clear only on stronger "
        f"evidence ({100 * sidak(0.95, steps + HEADLINES):.1f} %). Fewer than {FEW} calls are shown as a count, in "
        "grey. Unsure is the share of the calls that called for it to which a person should listen: outside the rate."
    )


def scorecard_lines(readings: Readings) -> tuple[ScorecardLine, ...]:
    """Every scorecard on the week's calls."""
    lines = []
    for row in readings.scorecards:
        rate = Rate.of(row.met, row.judged)
        few = rate.n < FEW
        lines.append(
            ScorecardLine(
                title=row.scorecard_title,
                value=shown(rate, few=few),
                unsure=unsure_of(row),
                likely=between(rate.interval()) if rate.n else "nothing judged",
                score=NOTHING if row.score is None else f"{row.score:.0f}",
                bar=charts.range_bar(rate.share, rate.interval()),
                chosen=row.scorecard == readings.scorecard,
                target=score_target(readings) if row.scorecard == readings.scorecard else "",
                few=few,
            )
        )
    return tuple(lines)
