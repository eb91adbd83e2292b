"""The weekly report's figures, ready to print: every sentence, count and position that the template shows."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Literal

import msgspec
import pandas as pd

from reports import charts
from reports.page import call_link
from reports.statistics import Interval, Prior, Rate, change, design_effect, shrink, sidak, team_prior
from reports.weekly.readings import AGENT_WEEKS, FUNNEL, Readings
from reports.wording import (
    NOTHING,
    between,
    clock,
    counted,
    day,
    listed,
    long_time,
    number_word,
    percent,
    points,
    sentence,
    short_day,
    week_dates,
    week_start,
)

Tone = Literal["good", "bad", ""]

FEW = 10
"""Below this many judgements a share is shown as a count ("7 of 9") and no change is called."""
FEW_AGENT_CALLS = 5
"""An agent with fewer judged calls than this is not read, on a step or over all."""
_MOMENTS = 4
_CALLS_SHOWN = 20


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One headline number."""

    name: str
    value: str
    likely: str
    note: str
    change: str
    change_bar: charts.ChangeBar | None
    tone: Tone


class RuleLine(msgspec.Struct, frozen=True, kw_only=True):
    """One rule under its step."""

    rule_id: str
    asks: str
    value: str
    count: str
    bar: charts.RangeBar
    few: bool
    critical: bool
    trial: bool


class StepLine(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the scorecard."""

    number: int
    title: str
    count: str
    value: str
    bar: charts.RangeBar
    few: bool
    change: str
    change_bar: charts.ChangeBar | None
    tone: Tone
    rules: tuple[RuleLine, ...]
    spark: charts.Trend | None


class AgentLine(msgspec.Struct, frozen=True, kw_only=True):
    """One agent against their own team, over four weeks."""

    name: str
    calls: int
    value: str
    bar: charts.RangeBar
    reading: str
    tone: Tone
    few: bool
    most_missed: str


class Team(msgspec.Struct, frozen=True, kw_only=True):
    """A team's agents, in order of name: intervals overlap too often for a ranking to mean anything."""

    name: str
    value: str
    agents: tuple[AgentLine, ...]


class HeatCell(msgspec.Struct, frozen=True, kw_only=True):
    """One agent on one step. `shade` is -3 to 3 against the team; `flag` says clearly below or above."""

    text: str
    shade: int
    few: bool
    flag: str
    title: str


class HeatRow(msgspec.Struct, frozen=True, kw_only=True):
    """An agent's steps."""

    name: str
    cells: tuple[HeatCell, ...]


class Heat(msgspec.Struct, frozen=True, kw_only=True):
    """Agents by steps, team by team."""

    steps: tuple[str, ...]
    teams: tuple[tuple[str, tuple[HeatRow, ...]], ...]
    note: str
    has_estimates: bool


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A place in a call that is worth hearing."""

    quote: str
    said_by: str
    asks: str
    reason: str
    agent: str
    call_id: str
    at: str
    href: str
    critical: bool


class CallLine(msgspec.Struct, frozen=True, kw_only=True):
    """One call of the week."""

    call_id: str
    href: str
    when: str
    agent: str
    duration: str
    mood: str
    score: str
    bar: charts.RangeBar | None
    critical: str


class ScorecardLine(msgspec.Struct, frozen=True, kw_only=True):
    """One of the scorecards, all judged on the same calls."""

    title: str
    value: str
    likely: str
    score: str
    bar: charts.RangeBar
    chosen: bool
    few: bool


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence of "what to know": its point in bold, then the figures; `to` is a place on the page, or ""."""

    point: str
    detail: str
    to: str = ""
    to_text: str = ""


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the data quality list."""

    name: str
    value: str


class Weekly(msgspec.Struct, frozen=True, kw_only=True):
    """The whole page."""

    title: str
    scorecard: str
    summary: str
    notices: tuple[str, ...]
    know: tuple[Known, ...]
    figures: tuple[Figure, ...]
    trend_title: str
    trend_note: str
    trend: charts.Trend | None
    trend_narrow: charts.Trend | None
    trend_label: str
    steps_title: str
    steps_note: str
    steps: tuple[StepLine, ...]
    changes: bool
    sparks: bool
    agents_note: str
    teams: tuple[Team, ...]
    heat: Heat | None
    worst: tuple[Moment, ...]
    best: tuple[Moment, ...]
    calls_title: str
    calls: tuple[CallLine, ...]
    funnel: charts.Funnel | None
    funnel_note: str
    scores: charts.Scores | None
    scores_note: str
    scorecards: tuple[ScorecardLine, ...]
    quality: tuple[Fact, ...]
    not_audited: tuple[Fact, ...]
    rule_changes: tuple[Known, ...]
    counting: tuple[str, ...]
    footer: str


def weekly(readings: Readings) -> Weekly:
    """Work out the page from what the warehouse said."""
    steps = _steps(readings)
    figures = _figures(readings)
    worst, best = _moments(readings)
    teams, heat = _agents(readings, [step.title for step in steps])
    points_ = _trend_points(readings)
    calls = _audited(readings, readings.week)
    return Weekly(
        title=f"De-escalation quality: {week_dates(week_start(readings.week))}",
        scorecard=readings.title,
        summary=_summary(readings),
        notices=tuple(n for n in dict.fromkeys(readings.engines["notice"]) if n),
        know=_know(readings, figures, steps),
        figures=figures,
        trend_title=_trend_title(len(readings.weeks)),
        trend_note=_trend_note(readings),
        trend=charts.trend(points_) if len(points_) > 1 else None,
        trend_narrow=charts.trend(points_, width=360, height=210, labels=3) if len(points_) > 1 else None,
        trend_label=_trend_label(points_),
        steps_title=f"The {number_word(len(steps))} steps",
        steps_note=_steps_note(len(steps)),
        steps=steps,
        changes=any(step.change_bar for step in steps),
        sparks=any(step.spark for step in steps),
        agents_note=_agents_note(readings),
        teams=teams,
        heat=heat,
        worst=worst,
        best=best,
        calls_title="The calls" if calls <= _CALLS_SHOWN else "Calls to start with",
        calls=_calls(readings),
        funnel=_funnel(readings),
        funnel_note="Each bar keeps only the calls that did every step above it.",
        scores=_scores(readings),
        scores_note="One dot is one call." if calls <= 60 else "Calls in each band of ten points.",
        scorecards=_scorecards(readings),
        quality=_quality(readings),
        not_audited=_not_audited(readings),
        rule_changes=_rule_changes(readings),
        counting=_counting(len(steps)),
        footer=_footer(readings),
    )


# ---------------------------------------------------------------- the week


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as plain values: None in place of every kind of missing."""
    return [
        {str(k): None if pd.api.types.is_scalar(v) and pd.isna(v) else v for k, v in row.items()}
        for row in frame.to_dict("records")
    ]


def _week_row(readings: Readings, week: str) -> dict[str, Any] | None:
    return next((r for r in _rows(readings.week_rows) if r["iso_week"] == week), None)


def _audited(readings: Readings, week: str) -> int:
    row = _week_row(readings, week)
    return int(row["calls"]) if row else 0


def _lost(readings: Readings, week: str) -> int:
    frame = readings.not_audited
    return int(frame.loc[frame["counted_week"] == week, "files"].sum())


def _summary(readings: Readings) -> str:
    row = _week_row(readings, readings.week)
    lost = _lost(readings, readings.week)
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
    earlier = _audited(readings, readings.before)
    monday = day(week_start(readings.before))
    if earlier:
        return f"{said} Compared with the week of {monday} ({counted(earlier, 'call')})."
    return f"{said} No calls in the week before to compare with."


def _figures(readings: Readings) -> tuple[Figure, ...]:
    now, before = _week_row(readings, readings.week), _week_row(readings, readings.before)
    changed = _changed_steps(readings, readings.before, readings.week)
    after_rate, before_rate = _pooled(readings, readings.week), _pooled(readings, readings.before)
    figures = [
        _figure(
            "Steps followed",
            after_rate,
            note="of the steps that applied",
            before=_pooled(readings, readings.before, leave_out=changed),
            compare=_pooled(readings, readings.week, leave_out=changed),
            calls=(_audited(readings, readings.week), _audited(readings, readings.before)),
        )
        if after_rate.n or not before_rate.n
        else _figure("Steps followed", after_rate, note="nothing was judged", before=before_rate, calls=(0, 0))
    ]
    calmed = [_share(row, "calmed_calls", "tense_calls") for row in (now, before)]
    figures.append(_figure("Tense calls calmed", calmed[0], note=_basis(calmed[0], "tense call"), before=calmed[1]))
    critical = [_critical(readings, week) for week in (readings.week, readings.before)]
    rules = _critical_rules(readings)
    figures.append(
        _figure(
            "Calls with a critical miss",
            critical[0],
            note=listed(rules[:2]) + (f" and {len(rules) - 2} more" if len(rules) > 2 else "")
            if rules
            else _basis(critical[0], "call"),
            before=critical[1],
            lower_is_better=True,
        )
    )
    audited = [
        Rate.of(_audited(readings, week), _audited(readings, week) + _lost(readings, week))
        for week in (readings.week, readings.before)
    ]
    hours = long_time(float(now["duration_s"] or 0)) if now else "0 s"
    figures.append(
        _figure("Calls audited", audited[0], note=f"{_basis(audited[0], 'recording')}, {hours}", before=audited[1])
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
    told, bar, tone = _told_change(compare or rate, before, enough=min(enough) >= FEW, lower_is_better=lower_is_better)
    small = rate.n < FEW or (calls is not None and calls[0] < FEW)
    return Figure(
        name=name,
        value=_value(rate, few=rate.n < FEW),
        likely=f"likely {between(rate.interval())}" if rate.n else "nothing to count",
        note=note,
        change=told if before.n else "No week before to compare with",
        change_bar=None if small else bar,
        tone=tone,
    )


def _told_change(
    after: Rate, before: Rate, *, enough: bool, comparisons: int = 1, lower_is_better: bool = False
) -> tuple[str, charts.ChangeBar | None, Tone]:
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


def _value(rate: Rate, *, few: bool) -> str:
    if not rate.n:
        return NOTHING
    return f"{rate.hits:.0f} of {rate.n:.0f}" if few else percent(rate.share)


def _of(rate: Rate, noun: str) -> str:
    return f"{rate.hits:,.0f} of {counted(int(rate.n), noun)}"


def _basis(rate: Rate, noun: str) -> str:
    """What a figure counts: the count itself only where the figure is a per cent."""
    if not rate.n:
        return f"no {noun}s"
    return noun + "s" if rate.n < FEW else _of(rate, noun)


def _share(row: dict[str, Any] | None, hits: str, of: str) -> Rate:
    return Rate.of(float(row[hits] or 0), float(row[of] or 0)) if row else Rate.of(0, 0)


def _pooled(readings: Readings, week: str, *, leave_out: Iterable[str] = ()) -> Rate:
    """Steps followed of steps judged in a week; its range respects that verdicts of one agent or call are alike."""
    frame = readings.verdicts
    chosen = frame[(frame["iso_week"] == week) & ~frame["step"].isin(list(leave_out))]
    by_who = chosen.groupby("who")[["met", "judged"]].sum()
    clusters = [(float(m), float(n)) for m, n in by_who.itertuples(index=False)]
    return Rate.of(float(chosen["met"].sum()), float(chosen["judged"].sum()), design_effect=design_effect(clusters))


def _critical(readings: Readings, week: str) -> Rate:
    if week == readings.week:
        hit = readings.calls["critical_misses"].fillna(0) > 0
        return Rate.of(float(hit.sum()), float(len(readings.calls)))
    rows = _rows(readings.scorecard_before)
    return _share(rows[0], "calls_with_critical_miss", "calls") if rows else Rate.of(0, 0)


def _critical_rules(readings: Readings) -> list[str]:
    """The steps in which calls had critical misses, the commonest first."""
    frame = readings.critical_misses.sort_values(["calls", "step_title"], ascending=[False, True])
    return [str(title) for title in frame["step_title"]]


# ---------------------------------------------------------------- rule changes


def _changed_rules(readings: Readings, earlier: str, later: str) -> set[str]:
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
        for row in _rows(readings.rule_changes)
        if min(used) < order[row["rulebook_version"]] <= max(used)
    }


def _changed_steps(readings: Readings, earlier: str, later: str) -> set[str]:
    changed = _changed_rules(readings, earlier, later)
    frame = readings.scorecard_rules
    return set(frame.loc[frame["rule_id"].isin(changed), "step"])


def _rule_changes(readings: Readings) -> tuple[Known, ...]:
    shown = []
    for row in _rows(readings.rule_changes):
        if row["previous_version"] is None or row["first_week"] not in readings.weeks:
            continue
        what = f" ({row['what']})" if row["what"] else ""
        shown.append(
            Known(
                point=str(row["asks"] or row["rule_id"]),
                detail=f"{row['change']}{what}, first used on calls of the week of "
                f"{day(week_start(row['first_week']))}.",
            )
        )
    return tuple(shown)


# ---------------------------------------------------------------- trend


def _trend_points(readings: Readings) -> list[charts.TrendPoint]:
    shown = []
    for i, week in enumerate(readings.weeks):
        rate = _pooled(readings, week)
        shown.append(
            charts.TrendPoint(
                label=short_day(week_start(week)),
                share=rate.share,
                interval=rate.interval(),
                n=int(rate.n),
                breaks=i > 0 and bool(_changed_steps(readings, readings.weeks[i - 1], week)),
                faint=_audited(readings, week) < FEW,
            )
        )
    return shown


def _trend_title(weeks: int) -> str:
    return "This week" if weeks == 1 else f"{number_word(weeks).capitalize()} weeks"


def _trend_note(readings: Readings) -> str:
    few = any(_audited(readings, week) < FEW for week in readings.weeks)
    said = "Share of the steps that applied and were followed. The band is where the true share probably lies (95 %)."
    return said + (f" Hollow dots are weeks with fewer than {FEW} calls." if few else "")


def _trend_label(shown: Sequence[charts.TrendPoint]) -> str:
    told = [f"week of {p.label}: {percent(p.share)}" for p in shown if p.share is not None]
    return "Steps followed by week. " + "; ".join(told)


# ---------------------------------------------------------------- steps


def _steps(readings: Readings) -> tuple[StepLine, ...]:
    order = readings.scorecard_rules[["step_number", "step", "step_title"]].drop_duplicates()
    changed = _changed_steps(readings, readings.before, readings.week)
    lines = []
    for number, step, title in order.itertuples(index=False):
        now, before = (_step_rate(readings, week, step) for week in (readings.week, readings.before))
        told, bar, tone = _told_change(now, before, enough=min(now.n, before.n) >= FEW, comparisons=len(order))
        if step in changed and now.n and before.n:
            told, bar, tone = "Rule changed: not comparable", None, ""
        few = now.n < FEW
        lines.append(
            StepLine(
                number=int(number),
                title=str(title),
                count=f"{now.n:,.0f}",
                value=_value(now, few=few),
                bar=charts.range_bar(now.share, now.interval()),
                few=few,
                change=told,
                change_bar=bar,
                tone=tone,
                rules=_rules(readings, step),
                spark=_spark(readings, step),
            )
        )
    return tuple(lines)


def _step_rate(readings: Readings, week: str, step: str) -> Rate:
    frame = readings.verdicts
    chosen = frame[(frame["iso_week"] == week) & (frame["step"] == step)]
    clusters = [(float(m), float(n)) for m, n in chosen[["met", "judged"]].itertuples(index=False)]
    return Rate.of(float(chosen["met"].sum()), float(chosen["judged"].sum()), design_effect=design_effect(clusters))


_WEEKS_FOR_A_SPARK = 4


def _spark(readings: Readings, step: str) -> charts.Trend | None:
    """A step's own small trend, once there are enough weeks for one to say anything."""
    rates = [_step_rate(readings, week, step) for week in readings.weeks]
    if sum(rate.n >= FEW for rate in rates) < _WEEKS_FOR_A_SPARK:
        return None
    weeks = readings.weeks
    return charts.trend(
        [
            charts.TrendPoint(
                label=short_day(week_start(week)),
                share=rate.share if rate.n >= FEW else None,
                interval=rate.interval(),
                n=int(rate.n),
                breaks=i > 0 and step in _changed_steps(readings, weeks[i - 1], week),
            )
            for i, (week, rate) in enumerate(zip(weeks, rates, strict=True))
        ],
        width=240,
        height=92,
        small=True,
    )


def _rules(readings: Readings, step: str) -> tuple[RuleLine, ...]:
    frame = readings.scorecard_rules
    seen = {row["rule_id"]: row for row in _rows(readings.rules)}
    lines = []
    for row in _rows(frame[frame["step"] == step]):
        week = seen.get(row["rule_id"])
        rate = _share(week, "met", "judged")
        few = rate.n < FEW
        lines.append(
            RuleLine(
                rule_id=str(row["rule_id"]),
                asks=str(row["asks"]),
                value=_value(rate, few=few),
                count=f"{rate.n:,.0f}",
                bar=charts.range_bar(rate.share, rate.interval()),
                few=few,
                critical=bool(row["critical"]),
                trial=row["status"] == "trial",
            )
        )
    return tuple(lines)


def _steps_note(steps: int) -> str:
    return (
        f"Followed on how many of the calls where the step applied, with the likely range. With {number_word(steps)} "
        f"steps some range would leave out zero by luck in many weeks, so a change is called clear only on stronger "
        f"evidence ({100 * sidak(0.95, steps):.1f} %). Fewer than {FEW} calls are shown as a count, in grey."
    )


# ---------------------------------------------------------------- what to know


def _know(readings: Readings, figures: Sequence[Figure], steps: Sequence[StepLine]) -> tuple[Known, ...]:
    """Up to four sentences, the weightiest first. Each is true of these figures or is not said."""
    calls = _audited(readings, readings.week)
    if not calls:
        return ()
    said = [
        *_know_overall(readings, figures[0]),
        *_know_critical(readings),
        *_know_steps(steps),
        *_know_weakest(readings, steps),
        *_know_tense(readings),
        *_know_lost(readings),
    ]
    return tuple(said[:4])


def _know_overall(readings: Readings, figure: Figure) -> list[Known]:
    before = _pooled(readings, readings.before)
    if not before.n:
        return []
    calls = (_audited(readings, readings.before), _audited(readings, readings.week))
    if min(calls) < FEW:
        return [
            Known(
                point="Too few calls to compare weeks:",
                detail=f"{calls[1]} this week, {calls[0]} the week before.",
            )
        ]
    figures = f"{figure.value} this week, {percent(before.share)} the week before."
    if _changed_steps(readings, readings.before, readings.week):
        figures += " Steps whose rules changed are left out of the comparison."
    if figure.tone == "":
        return [Known(point="No clear change in steps followed:", detail=figures)]
    word = "More" if figure.tone == "good" else "Fewer"
    return [Known(point=f"{word} steps were followed:", detail=figures)]


def _know_critical(readings: Readings) -> list[Known]:
    rate = _critical(readings, readings.week)
    if not rate.n:
        return []
    if rate.hits:
        one = rate.hits == 1
        return [
            Known(
                point=f"{counted(int(rate.hits), 'call')} had a critical miss",
                detail=f"({listed(_critical_rules(readings)[:3])}).",
                to="hear",
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
    clear = [step for step in steps if step.tone]
    return [
        Known(
            point=f"{step.title}: {'better' if step.tone == 'good' else 'worse'}",
            detail=f"than the week before, now {step.value} ({step.change.split(' ', 1)[1]}).",
            to="steps",
            to_text="See the steps.",
        )
        for step in clear[:2]
    ]


def _know_weakest(readings: Readings, steps: Sequence[StepLine]) -> list[Known]:
    """The step with the most misses, where its whole range lies below the range of all steps together."""
    overall = _pooled(readings, readings.week).interval()
    names = readings.scorecard_rules[["step_number", "step"]].drop_duplicates().itertuples(index=False)
    by_number = {int(number): str(step) for number, step in names}
    low = []
    for line in steps:
        rate = _step_rate(readings, readings.week, by_number[line.number])
        if rate.n and rate.interval().high < overall.low:
            low.append((rate.hits - rate.n, line, rate))
    if not low:
        return []
    _, line, rate = min(low, key=lambda found: (found[0], found[1].number))
    missed = rate.n - rate.hits
    return [
        Known(
            point=f"Most worth coaching: {line.title}.",
            detail=f"Missed on {missed:,.0f} of the {counted(int(rate.n), 'call')} that called for it.",
            to="steps",
            to_text="See its rules.",
        )
    ]


def _know_tense(readings: Readings) -> list[Known]:
    row = _week_row(readings, readings.week)
    tense = int(row["tense_calls"] or 0) if row else 0
    if row is None or not tense:
        return []
    calmed = int(row["calmed_calls"] or 0)
    ended = f"{calmed} of them ended calm" if tense > 1 else "it ended calm" if calmed else "it did not end calm"
    verb = "was" if tense == 1 else "were"
    return [Known(point=f"{tense:,} of {counted(int(row['calls']), 'call')} {verb} tense;", detail=f"{ended}.")]


def _know_lost(readings: Readings) -> list[Known]:
    lost = _lost(readings, readings.week)
    total = lost + _audited(readings, readings.week)
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


# ---------------------------------------------------------------- agents


def _agents(readings: Readings, step_titles: Sequence[str]) -> tuple[tuple[Team, ...], Heat | None]:
    agents = _rows(readings.agents)
    if not agents:
        return (), None
    effect = design_effect(
        [(float(m), float(n)) for m, n in readings.agent_calls[["met", "judged"]].itertuples(index=False)]
    )
    steps = readings.scorecard_rules[["step_number", "step", "step_title"]].drop_duplicates()
    by_cell = {
        (row["agent_id"], row["step"]): (float(row["met"]), float(row["judged"])) for row in _rows(readings.agent_steps)
    }
    teams, heat_teams = [], []
    flagged = estimates = 0
    for team in dict.fromkeys(agent["team"] for agent in agents):
        members = [agent for agent in agents if agent["team"] == team]
        counts = [(float(a["met"]) / effect, float(a["judged"]) / effect) for a in members]
        prior = team_prior(counts)
        alone = len(members) == 1
        lines = tuple(
            _agent_line(
                agent, count, prior, 0 if alone else len(agents), _most_missed(agent["agent_id"], by_cell, steps)
            )
            for agent, count in zip(members, counts, strict=True)
        )
        priors = {
            step: None if alone else team_prior([by_cell.get((a["agent_id"], step), (0.0, 0.0)) for a in members])
            for step in steps["step"]
        }
        rows = []
        for agent in members:
            cells = tuple(
                _heat_cell(by_cell.get((agent["agent_id"], step), (0.0, 0.0)), priors[step]) for step in steps["step"]
            )
            flagged += sum(bool(cell.flag) for cell in cells)
            estimates += sum(not cell.few for cell in cells)
            rows.append(HeatRow(name=_agent_name(agent), cells=cells))
        name = str(team) or "No team given"
        teams.append(Team(name=name, value=f"team {percent(prior.mean)}" if prior else "", agents=lines))
        heat_teams.append((name, tuple(rows)))
    return tuple(teams), Heat(
        steps=tuple(step_titles),
        teams=tuple(heat_teams),
        note=_heat_note(flagged, estimates),
        has_estimates=estimates > 0,
    )


def _agent_name(agent: dict[str, Any]) -> str:
    return str(agent["agent_name"] or agent["agent_id"])


def _agent_line(
    agent: dict[str, Any], count: tuple[float, float], prior: Prior | None, compared: int, most_missed: str
) -> AgentLine:
    """`compared` is how many agents are read at once; 0 for one who is alone in the team."""
    calls = int(agent["calls"])
    raw = Rate.of(float(agent["met"]), float(agent["judged"]))
    few = calls < FEW_AGENT_CALLS
    if prior is None or few or not compared:
        return AgentLine(
            name=_agent_name(agent),
            calls=calls,
            value=_value(raw, few=few),
            bar=charts.range_bar(raw.share, Rate.of(*count).interval(), width=170, bar=False),
            reading="too few to tell" if few else "alone in the team",
            tone="",
            few=few,
            most_missed=most_missed,
        )
    estimate = shrink(*count, prior)
    clear = shrink(*count, prior, sidak(0.95, compared)).interval.excludes(prior.mean)
    tone: Tone = "" if not clear else "good" if estimate.share > prior.mean else "bad"
    return AgentLine(
        name=_agent_name(agent),
        calls=calls,
        value=percent(estimate.share),
        bar=charts.range_bar(estimate.share, estimate.interval, width=170, bar=False, reference=prior.mean),
        reading={"good": "above team", "bad": "below team", "": "like the team"}[tone],
        tone=tone,
        few=False,
        most_missed=most_missed,
    )


def _most_missed(agent_id: str, by_cell: dict[tuple[str, str], tuple[float, float]], steps: pd.DataFrame) -> str:
    found = []
    for number, step, title in steps.itertuples(index=False):
        met, judged = by_cell.get((agent_id, step), (0.0, 0.0))
        if judged > met:
            found.append((met - judged, number, f"{title} ({judged - met:.0f} of {judged:.0f})"))
    return min(found)[2] if found else ""


_SHADES = (0.03, 0.08, 0.15)


def _heat_cell(count: tuple[float, float], prior: Prior | None) -> HeatCell:
    met, judged = count
    if not judged:
        return HeatCell(text="", shade=0, few=True, flag="", title="did not apply")
    told = f"followed on {met:.0f} of {counted(int(judged), 'call')}"
    if judged < FEW_AGENT_CALLS:
        return HeatCell(text=f"{met:.0f}/{judged:.0f}", shade=0, few=True, flag="", title=f"{told}: too few to tell")
    if prior is None:
        return HeatCell(
            text=f"{100 * met / judged:.0f}", shade=0, few=False, flag="", title=f"{told}; alone in the team"
        )
    estimate = shrink(met, judged, prior)
    apart = estimate.share - prior.mean
    shade = sum(abs(apart) >= edge for edge in _SHADES) * (1 if apart > 0 else -1)
    clear = estimate.interval.excludes(prior.mean)
    return HeatCell(
        text=f"{100 * estimate.share:.0f}",
        shade=shade,
        few=False,
        flag="" if not clear else "▲" if apart > 0 else "▼",
        title=f"{told}; estimate {percent(estimate.share)}, likely {between(estimate.interval)}; team "
        f"{percent(prior.mean)}",
    )


def _heat_note(flagged: int, estimates: int) -> str:
    if not estimates:
        return f"Every cell has fewer than {FEW_AGENT_CALLS} calls: it shows how many were followed, and no estimate."
    return (
        f"{flagged} of {estimates:,} cells are clearly different from their team at 95 %. Pulling estimates to the "
        f"team makes most chance finds vanish; even so, listen before you act on one."
    )


def _agents_note(readings: Readings) -> str:
    first = week_start(readings.week) - timedelta(days=7 * (AGENT_WEEKS - 1))
    return (
        f"Steps followed since {day(first)}, each agent against their own team (the tick). Few calls pull an estimate "
        f"towards the team; fewer than {FEW_AGENT_CALLS} calls are only counted. In order of name, because most "
        "ranges overlap and a ranking would show luck."
    )


# ---------------------------------------------------------------- moments and calls


def _moments(readings: Readings) -> tuple[tuple[Moment, ...], tuple[Moment, ...]]:
    rows = _rows(readings.moments)
    missed = [row for row in rows if row["verdict"] == "missed"]
    met = [row for row in rows if row["verdict"] == "met" and row["quote_role"] != "customer"]
    rate = {row["rule_id"]: row["rate"] for row in _rows(readings.rules)}
    missed.sort(
        key=lambda row: (
            not row["critical"],
            row["quote_kind"] != "against",
            -(row["weight"] or 0),
            row["score"] if row["score"] is not None else 100.0,
            row["call_id"],
            row["rule_id"],
        )
    )
    # The rarer a step is followed, the more a team can learn from hearing it done; long quotes say more.
    met.sort(key=lambda row: (rate.get(row["rule_id"]) or 0.0, -len(row["quote"]), row["call_id"], row["rule_id"]))
    return _spread(missed), _spread([row for row in met if len(row["quote"].split()) >= 4])


def _spread(rows: Sequence[dict[str, Any]]) -> tuple[Moment, ...]:
    """The first few, each rule and each call once before any comes twice: critical ones always."""
    chosen: list[dict[str, Any]] = []
    for allowed in (0, 1):
        for row in rows:
            same = sum(c["rule_id"] == row["rule_id"] or c["call_id"] == row["call_id"] for c in chosen)
            repeated = any(c["quote"] == row["quote"] and c["call_id"] == row["call_id"] for c in chosen)
            if len(chosen) < _MOMENTS and row not in chosen and same <= allowed and not repeated:
                chosen.append(row)
    chosen.sort(key=rows.index)
    return tuple(_moment(row) for row in chosen)


def _moment(row: dict[str, Any]) -> Moment:
    return Moment(
        quote=_cut(str(row["quote"])),
        said_by="Customer" if row["quote_role"] == "customer" else "",
        asks=str(row["asks"]),
        reason=sentence(str(row["reason"])),
        agent=str(row["agent_name"] or row["agent_id"] or "agent not named"),
        call_id=str(row["call_id"]),
        at=clock(row["at_s"]) if row["at_s"] is not None else "",
        href=call_link(str(row["call_id"]), at=row["at_s"]),
        critical=bool(row["critical"]),
    )


_LONGEST_QUOTE = 180


def _cut(quote: str) -> str:
    return quote if len(quote) <= _LONGEST_QUOTE else quote[:_LONGEST_QUOTE].rsplit(" ", 1)[0] + " …"


def _calls(readings: Readings) -> tuple[CallLine, ...]:
    rows = _rows(readings.calls)
    if len(rows) > _CALLS_SHOWN:
        rows.sort(key=lambda r: (-(r["critical_misses"] or 0), r["score"] if r["score"] is not None else 101.0))
        rows = rows[:_CALLS_SHOWN]
    return tuple(
        CallLine(
            call_id=str(row["call_id"]),
            href=call_link(str(row["call_id"])),
            when=f"{row['started_local']:%a} {row['started_local']:%H:%M}" if row["started_local"] else "no date",
            agent=str(row["agent_name"] or row["agent_id"] or "not named"),
            duration=clock(row["duration_s"]),
            mood=_mood(row),
            score=NOTHING if row["score"] is None else f"{row['score']:.0f}",
            bar=None
            if row["score"] is None
            else charts.range_bar(row["score"] / 100, Interval(row["score"] / 100, row["score"] / 100), width=130),
            critical=counted(int(row["critical_misses"]), "critical miss", "critical misses")
            if row["critical_misses"]
            else "",
        )
        for row in rows
    )


def _mood(row: dict[str, Any]) -> str:
    if not row["tense"]:
        return "friendly"
    return "tense, calmed" if row["calmed"] else "tense, not calmed"


def _funnel(readings: Readings) -> charts.Funnel | None:
    row = _week_row(readings, readings.week)
    tense = int(row["tense_calls"] or 0) if row else 0
    if not tense:
        return None
    frame = readings.funnel
    stages = [("Tense calls", tense)]
    left: set[str] | None = None
    for rule, label in FUNNEL:
        if rule not in set(readings.rules["rule_id"]):
            continue
        did = set(frame.loc[(frame["rule_id"] == rule) & frame["met"], "call_id"])
        left = did if left is None else left & did
        stages.append((label, len(left)))
    return charts.funnel(stages)


def _scores(readings: Readings) -> charts.Scores | None:
    scored = [row for row in _rows(readings.calls) if row["score"] is not None]
    if not scored:
        return None
    return charts.scores(
        [
            (float(row["score"]), f"{row['call_id']}: {row['score']:.0f} of 100", call_link(str(row["call_id"])))
            for row in scored
        ]
    )


def _scorecards(readings: Readings) -> tuple[ScorecardLine, ...]:
    lines = []
    for row in _rows(readings.scorecards):
        rate = _share(row, "met", "judged")
        few = rate.n < FEW
        lines.append(
            ScorecardLine(
                title=str(row["scorecard_title"]),
                value=_value(rate, few=few),
                likely=between(rate.interval()) if rate.n else "nothing judged",
                score=NOTHING if row["score"] is None else f"{row['score']:.0f}",
                bar=charts.range_bar(rate.share, rate.interval()),
                chosen=row["scorecard"] == readings.scorecard,
                few=few,
            )
        )
    return tuple(lines)


# ---------------------------------------------------------------- data quality, counting


def _quality(readings: Readings) -> tuple[Fact, ...]:
    facts = []
    row = _week_row(readings, readings.week)
    if row:
        facts.append(
            Fact(name="Audited", value=f"{counted(int(row['calls']), 'call')}, {long_time(row['duration_s'] or 0)}")
        )
    facts.extend(
        Fact(
            name="Words by",
            value=f"{engine['engine']} {engine['model']}: {counted(int(engine['calls']), 'call')}"
            + (f", mean confidence {engine['confidence']:.2f}" if engine["confidence"] is not None else ""),
        )
        for engine in _rows(readings.engines)
    )
    for cover in _rows(readings.coverage)[:1]:
        undecided = int((cover["applicable"] or 0) - (cover["judged"] or 0))
        facts.append(
            Fact(
                name="Could be judged",
                value=f"{cover['judged'] or 0:,.0f} of {cover['applicable'] or 0:,.0f} rules that applied "
                f"({percent(cover['coverage'])}); {undecided:,} left out of every rate",
            )
        )
        for key, name, why in (
            ("calls_roles_guessed", "Speakers guessed", "one channel; roles told from the words"),
            ("calls_roles_unknown", "Speakers unknown", "rules that need to know who speaks were not judged"),
            ("calls_without_times", "No timing", "interruptions, holds and answer times were not judged"),
        ):
            if cover[key]:
                facts.append(Fact(name=name, value=f"{counted(int(cover[key]), 'call')}: {why}"))
    unnamed = int(readings.calls["agent_id"].isna().sum()) if len(readings.calls) else 0
    if unnamed:
        facts.append(Fact(name="Agent not named", value=f"{counted(unnamed, 'call')}: in no agent's figures"))
    if readings.undated:
        facts.append(
            Fact(
                name="Undated",
                value=f"{counted(readings.undated, 'call')} in the warehouse without a date belong to no week",
            )
        )
    checked = len(readings.reviews)
    if checked:
        agreed = Rate.of(float(readings.reviews["agrees"].sum()), checked)
        facts.append(
            Fact(
                name="Checked by people",
                value=f"{counted(checked, 'verdict')} re-heard; {agreed.hits:.0f} agreed "
                f"(likely {between(agreed.interval())})",
            )
        )
    else:
        facts.append(Fact(name="Checked by people", value="no verdict of this week yet"))
    return tuple(facts)


_REASONS = {
    "empty_file": "empty file",
    "not_audio": "not audio",
    "no_samples": "no sound in the file",
    "truncated": "file damaged",
    "too_short": "too short",
    "metadata_missing": "no metadata",
    "metadata_unparsable": "metadata unreadable",
    "metadata_without_recording": "metadata without a recording",
    "duplicate_call_id": "call id used twice",
}


def _not_audited(readings: Readings) -> tuple[Fact, ...]:
    rows = _rows(readings.not_audited)
    before: dict[str, int] = {}
    for row in rows:
        if row["counted_week"] == readings.before:
            before[row["code"]] = before.get(row["code"], 0) + int(row["files"])
    now: dict[str, int] = {}
    steps: dict[str, str] = {}
    for row in rows:
        if row["counted_week"] == readings.week:
            now[row["code"]] = now.get(row["code"], 0) + int(row["files"])
            steps.setdefault(row["code"], str(row["next_step"] or ""))
    return tuple(
        Fact(
            name=_REASONS.get(code, code.replace("_", " ")),
            value=f"{files} (week before {before.get(code, 0)})"
            + (f". {sentence(steps[code])}" if steps[code] else ""),
        )
        for code, files in sorted(now.items(), key=lambda item: (-item[1], item[0]))
    )


def _counting(steps: int) -> tuple[str, ...]:
    level = 100 * sidak(0.95, steps)
    return (
        "A call is tense from the customer's first upset words. Rules for tense calls do not apply to friendly ones: "
        "a rule that did not apply, or that the recording could not show, is outside every rate.",
        "A step counts as followed on a call when at least half the weight of its judged rules was met and no "
        "critical rule was missed. The share of steps followed counts steps of calls.",
        "Ranges are 95 % Wilson intervals. Verdicts on one agent's calls (one call's, where agents are few) are alike, "
        "so pooled ranges are widened by the design effect (Cochran); a naive range would be too narrow.",
        f"A change is clear when Newcombe's interval of the difference leaves out zero: at 95 % for a headline, at "
        f"{level:.1f} % for each of {number_word(steps)} steps (Šidák), so that false alarms come in one week of "
        "twenty.",
        f"Agents are shown over {AGENT_WEEKS} weeks, pulled towards their own team in proportion to how few calls "
        "there are (empirical Bayes, beta-binomial), and read as above or below only at a level corrected for their number.",
        "Weeks are ISO weeks in each call's own time zone. Weeks judged by different rules are not joined by a line.",
        "Not audited: nods and eye contact cannot be heard; the voice emotion of agents is deliberately not inferred.",
        "Recognised words contain errors. Before any decision about a person, listen to the call.",
    )


def _footer(readings: Readings) -> str:
    versions = sorted(set(readings.versions.loc[readings.versions["iso_week"] == readings.week, "rulebook_version"]))
    judged = f"Judged by rulebook {listed([str(v)[:12] for v in versions])}. " if versions else ""
    return f"{judged}Confidential: names people. Do not forward outside the quality team."
