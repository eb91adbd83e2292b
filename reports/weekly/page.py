"""The weekly report, ready to print: every sentence, count and position that the template shows."""

import msgspec

from callaudit.reports import charts
from callaudit.reports.page import INDEX, weekly_file_name
from callaudit.reports.weekly.agents import (
    Heat,
    OwnStep,
    Team,
    agent_teams,
    agents_note,
    heat_map,
    own_steps,
    track_start,
)
from callaudit.reports.weekly.coaching import Card, coaching_cards, coaching_note
from callaudit.reports.weekly.edition import Edition
from callaudit.reports.weekly.headlines import Figure, headline_figures, summary
from callaudit.reports.weekly.measured import Measured, measured
from callaudit.reports.weekly.misses import Drivers, drivers, misses_note
from callaudit.reports.weekly.moments import (
    CallLine,
    First,
    Moment,
    call_lines,
    calls_are_many,
    calls_title,
    funnel_chart,
    funnel_note,
    listen_first,
    score_chart,
    worth_playing,
)
from callaudit.reports.weekly.notices import Known, known, rule_changes
from callaudit.reports.weekly.quality import (
    Fact,
    footer_text,
    how_counted,
    not_audited_facts,
    not_audited_note,
    quality_facts,
)
from callaudit.reports.weekly.queries import Readings
from callaudit.reports.weekly.rates import audited_calls
from callaudit.reports.weekly.steps import ScorecardLine, StepLine, scorecard_lines, step_lines, steps_note
from callaudit.reports.weekly.trend import WeeklyTrend, weekly_trend
from callaudit.reports.wording import counted, number_word, sentence, week_dates, week_start


class Weekly(msgspec.Struct, frozen=True, kw_only=True):
    """The whole page."""

    title: str
    edition: Edition
    index_href: str
    scorecard: str
    scorecard_name: str
    summary: str
    notices: tuple[str, ...]
    know: tuple[Known, ...]
    figures: tuple[Figure, ...]
    trend: WeeklyTrend
    steps_title: str
    steps_note: str
    steps: tuple[StepLine, ...]
    changes: bool
    sparks: bool
    agents_note: str
    teams: tuple[Team, ...]
    agent_changes: bool
    agent_sparks: bool
    agent_track: str
    own_steps: tuple[OwnStep, ...]
    heat: Heat | None
    coaching_note: str
    cards: tuple[Card, ...]
    other_cards: tuple[Card, ...]
    first: First
    best: tuple[Moment, ...]
    calls_title: str
    timezone: str
    calls: tuple[CallLine, ...]
    linked_calls: frozenset[str]
    all_calls: str
    all_calls_href: str
    funnel: charts.Funnel | None
    funnel_note: str
    scores: charts.Scores | None
    scores_note: str
    scorecards: tuple[ScorecardLine, ...]
    quality: tuple[Fact, ...]
    not_audited: tuple[Fact, ...]
    not_audited_note: str
    measured: tuple[Measured, ...]
    misses_note: str
    drivers: Drivers
    rule_changes: tuple[Known, ...]
    counting: tuple[str, ...]
    footer: str


def weekly(readings: Readings) -> Weekly:
    """Work out the page from what the warehouse said."""
    steps = step_lines(readings)
    figures = headline_figures(readings)
    teams = agent_teams(readings)
    agents = [agent for team in teams for agent in team.agents]
    cards = coaching_cards(readings)
    one = bool(readings.edition.agent)
    calls = audited_calls(readings, readings.week)
    lines, scores = call_lines(readings), score_chart(readings)
    first, best = listen_first(readings), worth_playing(readings)
    carded = (moment for card in cards for moment in card.moments)
    heard: tuple[Moment | CallLine, ...] = (
        *(moment for _, found in first.by_agent for moment in found),
        *best,
        *carded,
        *lines,
    )
    return Weekly(
        title=_title(readings),
        edition=readings.edition,
        index_href="" if readings.edition.pseudonyms else INDEX,
        scorecard=readings.title,
        scorecard_name=readings.scorecard,
        summary=summary(readings),
        notices=tuple(sentence(n) for n in dict.fromkeys(row.notice for row in readings.engines) if n),
        know=known(readings, figures, steps),
        figures=figures,
        trend=weekly_trend(readings),
        steps_title=f"The {number_word(len(steps))} steps",
        steps_note=steps_note(len(steps)),
        steps=steps,
        changes=any(step.change.bar for step in steps),
        sparks=any(step.spark for step in steps),
        agents_note=agents_note(readings),
        teams=teams,
        agent_changes=any(agent.change.words for agent in agents),
        agent_sparks=any(agent.spark for agent in agents),
        agent_track=f"{100 * track_start(readings):.0f}\N{EN DASH}100%",
        own_steps=own_steps(readings),
        heat=None if one else heat_map(readings, [step.title for step in steps]),
        coaching_note=coaching_note(cards, of_one=one),
        cards=tuple(card for card in cards if one or card.is_clear),
        other_cards=tuple(card for card in cards if not (one or card.is_clear)),
        first=first,
        best=best,
        calls_title=calls_title(readings),
        timezone=readings.timezone,
        calls=lines,
        linked_calls=frozenset([shown.call_id for shown in heard if shown.href] + _dotted(readings, scores)),
        all_calls=f"All {counted(len(readings.calls), 'call')}",
        all_calls_href=weekly_file_name(readings.week, readings.scorecard, f"{readings.edition.suffix}-calls")
        if calls_are_many(readings)
        else "",
        funnel=funnel_chart(readings),
        funnel_note=funnel_note(readings),
        scores=scores,
        scores_note="One dot is one call." if calls <= 60 else "Calls in each band of ten points.",
        scorecards=scorecard_lines(readings),
        quality=quality_facts(readings),
        not_audited=not_audited_facts(readings),
        not_audited_note=not_audited_note(readings),
        measured=measured(readings),
        misses_note=misses_note(readings),
        drivers=drivers(readings),
        rule_changes=rule_changes(readings),
        counting=how_counted(readings, len(steps)),
        footer=footer_text(readings),
    )


def _dotted(readings: Readings, scores: charts.Scores | None) -> list[str]:
    """The calls that the picture of scores leads to."""
    if scores is None or not scores.dots or readings.edition.pseudonyms:
        return []
    return [row.call_id for row in readings.calls if row.score is not None]


def _title(readings: Readings) -> str:
    told = readings.edition.told
    return f"De-escalation quality{f', {told}' if told else ''}: {week_dates(week_start(readings.week))}"
