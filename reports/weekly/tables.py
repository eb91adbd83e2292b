"""The weekly report as plain tables of numbers, for spreadsheets and CSV: what the page draws, with nothing rounded."""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from callaudit.reports.statistics import Rate
from callaudit.reports.weekly.coaching import MOMENTS, Advice
from callaudit.reports.weekly.moments import all_moments, mood
from callaudit.reports.weekly.page import Weekly
from callaudit.reports.weekly.queries import Readings
from callaudit.reports.weekly.rates import ChangeText, Unsure, audited_calls, pooled
from callaudit.reports.weekly.rows import CallOfWeek
from callaudit.reports.wording import week_start

Kind = Literal["text", "count", "share", "points", "score", "seconds", "when", "day"]
"""What a column holds. A share is 0 to 1, a change is in points of a hundred, a score is 0 to 100."""

MOST_MOMENTS = 100
"""So many moments to listen to, and so many worth playing."""


class Column(msgspec.Struct, frozen=True):
    """A column's title and what it holds; a cell of it may always be None."""

    title: str
    kind: Kind = "text"


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of one kind. `faint` are the rows whose figures rest on too few calls to read anything from."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    faint: frozenset[int] = frozenset()


def tables(readings: Readings, page: Weekly) -> dict[str, Table]:
    """Every table by its name; tables that would be empty are there with their columns."""
    made = (
        _headlines(page),
        _weeks(readings),
        _steps(page),
        _steps_by_week(readings, page),
        _rules(page),
        _agents(page),
        _agent_steps(page),
        _coaching(page),
        _points_lost(page),
        _miss_shapes(page),
        _groups(page),
        _calls(readings),
        _moments(readings),
        _quality(page),
    )
    return {table.name: table for table in made}


def _rate(rate: Rate) -> tuple[Any, ...]:
    """Share, low and high; nothing of nothing."""
    if not rate.n:
        return (None, None, None)
    likely = rate.interval()
    return (rate.share, likely.low, likely.high)


_UNSURE = (Column("Unsure", "share"), Column("If all unsure missed", "share"), Column("If all unsure met", "share"))


def _unsure(unsure: Unsure) -> tuple[Any, ...]:
    """The share of what was called for, and the bounds it leaves to the rate; nothing of nothing."""
    return (unsure.share.share if unsure.share.n else None, unsure.low, unsure.high)


_RATE = (Column("Followed", "share"), Column("Likely from", "share"), Column("Likely to", "share"))
_CHANGE = (Column("Change, points", "points"), Column("Change from", "points"), Column("Change to", "points"))


def _change(told: ChangeText) -> tuple[Any, ...]:
    step = told.change
    return (
        (None, None, None)
        if step is None
        else (100 * step.difference, 100 * step.interval.low, 100 * step.interval.high)
    )


def _headlines(page: Weekly) -> Table:
    return Table(
        name="headlines",
        columns=(
            Column("Measure"),
            Column("This week", "share"),
            *_RATE[1:],
            Column("Count", "count"),
            Column("Of", "count"),
            *_CHANGE,
            Column("Reading"),
        ),
        rows=tuple(
            (
                f.name, f.rate.share, *((None, None) if f.counted else _rate(f.rate)[1:]), int(f.rate.hits),
                int(f.rate.n), *_change(f.change), f.change.words,
            )
            for f in page.figures
        ),
    )  # fmt: skip


def _weeks(readings: Readings) -> Table:
    return Table(
        name="weeks",
        columns=(Column("Week of", "day"), Column("Calls", "count"), *_RATE, Column("Steps judged", "count")),
        rows=tuple(
            (week_start(week), audited_calls(readings, week), *_rate(rate), int(rate.n))
            for week in readings.weeks
            for rate in (pooled(readings, week),)
        ),
    )


def _steps(page: Weekly) -> Table:
    return Table(
        name="steps",
        columns=(
            Column("No.", "count"), Column("Step"), Column("Calls", "count"), *_RATE, *_UNSURE, *_CHANGE,
            Column("Reading"), Column("Target", "share"), Column("Against target"),
        ),
        rows=tuple(
            (
                s.number, s.title, int(s.rate.n), *_rate(s.rate), *_unsure(s.unsure), *_change(s.change),
                s.change.words, s.aim.target if s.aim else None, s.aim.words if s.aim else "",
            )
            for s in page.steps
        ),
        faint=_where(s.few for s in page.steps),
    )  # fmt: skip


def _steps_by_week(readings: Readings, page: Weekly) -> Table:
    return Table(
        name="steps by week",
        columns=(Column("Week of", "day"), Column("Step"), Column("Calls", "count"), *_RATE, *_UNSURE),
        rows=tuple(
            (week_start(week), step.title, int(rate.n), *_rate(rate), *_unsure(unsure))
            for step in page.steps
            for week, rate, unsure in zip(readings.weeks, step.by_week, step.unsure_by_week, strict=True)
        ),
    )


def _rules(page: Weekly) -> Table:
    lines = [(step, rule) for step in page.steps for rule in step.rules]
    return Table(
        name="rules",
        columns=(
            Column("Step"), Column("Rule"), Column("Asks"), Column("Calls", "count"), Column("Met", "count"),
            Column("Share met", "share"), *_RATE[1:], *_UNSURE, Column("Remark"),
        ),
        rows=tuple(
            (
                s.title, r.rule_id, r.asks, int(r.rate.n), int(r.rate.hits), *_rate(r.rate),
                *_unsure(r.unsure),
                "critical" if r.critical else "on trial, not scored" if r.trial else "",
            )
            for s, r in lines
        ),
        faint=_where(r.few for _, r in lines),
    )  # fmt: skip


def _agents(page: Weekly) -> Table:
    lines = [(team, agent) for team in page.teams for agent in team.agents]
    return Table(
        name="agents",
        columns=(
            Column("Team"), Column("Agent"), Column("Calls, four weeks", "count"), Column("Estimate", "share"),
            *_RATE[1:], Column("Team rate", "share"), Column("Reading"), *_CHANGE, Column("Change reads"),
            Column("Missed most often"),
        ),
        rows=tuple(
            (
                t.name, a.name, a.calls, a.share, *((a.likely.low, a.likely.high) if a.likely else (None, None)),
                a.team_share, a.reading, *_change(a.change), a.change.words, a.most_missed,
            )
            for t, a in lines
        ),
        faint=_where(a.few for _, a in lines),
    )  # fmt: skip


def _agent_steps(page: Weekly) -> Table:
    cells = [
        (team.name, row.name, step, cell)
        for team in (page.heat.teams if page.heat else ())
        for row in team.rows
        for step, cell in zip(page.heat.steps if page.heat else (), row.cells, strict=True)
        if cell.judged
    ]
    return Table(
        name="agents by step",
        columns=(
            Column("Team"), Column("Agent"), Column("Step"), Column("Calls, four weeks", "count"),
            Column("Estimate", "share"), Column("Reading"),
        ),
        rows=tuple(
            (team, name, step, c.judged, c.share, {"▲": "clearly above the team", "▼": "clearly below the team"}.get(
                c.flag, "too few to tell" if c.few else "")) for team, name, step, c in cells
        ),
        faint=_where(c.few for *_, c in cells),
    )  # fmt: skip


def _coaching(page: Weekly) -> Table:
    cards = (*page.cards, *page.other_cards)
    return Table(
        name="coaching",
        columns=(
            Column("Team"), Column("Agent"), Column("Work on"), Column("Why"), Column("Went well"), Column("How well"),
            *(Column(f"Listen to {n + 1}") for n in range(MOMENTS)),
        ),
        rows=tuple(
            (
                c.team, c.name, *_advice(c.work_on), *_advice(c.went_well),
                *(f"{m.call_id} {m.at}".strip() for m in c.moments), *[None] * (MOMENTS - len(c.moments)),
            )
            for c in cards
        ),
    )  # fmt: skip


def _advice(advice: Advice | None) -> tuple[str | None, str | None]:
    return (advice.title, advice.detail) if advice else (None, None)


def _points_lost(page: Weekly) -> Table:
    return Table(
        name="points lost",
        columns=(Column("Step"), Column("Missed on calls", "count"), Column("Share of points lost", "share")),
        rows=tuple((lost.title, lost.misses, lost.share) for lost in page.drivers.lost),
    )


def _miss_shapes(page: Weekly) -> Table:
    return Table(
        name="how missed",
        columns=(Column("How"), Column("Misses", "count"), Column("Share of misses", "share"), Column("Mostly")),
        rows=tuple((shape.name, shape.misses, shape.share, shape.mostly) for shape in page.drivers.shapes),
    )


def _groups(page: Weekly) -> Table:
    groups = [(title, group) for title, groups in page.drivers.groups for group in groups]
    return Table(
        name="by kind of call",
        columns=(Column("Kind"), Column("Calls"), Column("Number", "count"), *_RATE),
        rows=tuple((title, group.name, group.calls, *_rate(group.rate)) for title, group in groups),
        faint=_where(group.few for _, group in groups),
    )


def _calls(readings: Readings) -> Table:
    return Table(
        name="calls",
        columns=(
            Column("Call"), Column(f"Started ({readings.timezone})", "when"), Column("Agent"), Column("Team"),
            Column("Length", "seconds"), Column("Mood"), Column("Score", "score"),
            Column("Critical misses", "count"), Column("Rules met", "count"),
            Column("Rules judged", "count"), Column("Rules unsure", "count"), Column("Could be judged", "share"),
        ),
        rows=tuple(
            (
                row.call_id, row.started_local, row.agent_name or row.agent_id, row.team,
                row.duration_s, mood(row), row.score, row.critical_misses, row.rules_met,
                row.rules_judged, row.rules_unsure, row.coverage,
            )
            for row in sorted(readings.calls, key=_when)
        ),
    )  # fmt: skip


def _when(row: CallOfWeek) -> tuple[str, str]:
    return (str(row.started_local or ""), row.call_id)


def _moments(readings: Readings) -> Table:
    worst, best = all_moments(readings)
    chosen = [("Listen to it first", row) for row in worst[:MOST_MOMENTS]]
    chosen += [("Worth playing to the team", row) for row in best[:MOST_MOMENTS]]
    return Table(
        name="evidence",
        columns=(
            Column("Why"), Column("Quote"), Column("Said by"), Column("Rule asks"), Column("Found"), Column("Agent"),
            Column("Call"), Column("At", "seconds"), Column("Critical"),
        ),
        rows=tuple(
            (
                why, row.quote, row.quote_speaker, row.asks, row.reason,
                row.agent_name or row.agent_id, row.call_id, row.at_s,
                "critical" if row.critical else "",
            )
            for why, row in chosen
        ),
    )  # fmt: skip


def _quality(page: Weekly) -> Table:
    return Table(
        name="data quality",
        columns=(Column("About"), Column("What"), Column("How it stands")),
        rows=(
            *(("Audited", fact.name, fact.value) for fact in page.quality),
            *(("Not audited", fact.name, fact.value) for fact in page.not_audited),
            *(("Rule changed", known.point, known.detail) for known in page.rule_changes),
            *(("Please note", "", notice) for notice in page.notices),
        ),
    )


def _where(faint: Iterable[bool]) -> frozenset[int]:
    return frozenset(i for i, few in enumerate(faint) if few)
