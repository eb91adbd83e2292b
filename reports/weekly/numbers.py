"""The weekly report, ready to print: every sentence, count and position that the template shows."""

import msgspec

from reports import charts
from reports.weekly.agents import Heat, Team, agent_tables, agents_note
from reports.weekly.headlines import Figure, headline_figures, summary
from reports.weekly.knowing import Known, known, rule_changes
from reports.weekly.listening import CALLS_SHOWN, CallLine, Moment, call_lines, funnel_chart, moments, score_chart
from reports.weekly.quality import Fact, footer_text, how_counted, not_audited_facts, quality_facts
from reports.weekly.rates import audited_calls
from reports.weekly.readings import Readings
from reports.weekly.steps import ScorecardLine, StepLine, scorecard_lines, step_lines, steps_note
from reports.weekly.trend import trend_label, trend_note, trend_points, trend_title
from reports.wording import number_word, week_dates, week_start


class Weekly(msgspec.Struct, frozen=True, kw_only=True):
    """The whole page."""

    title: str
    scorecard: str
    scorecard_name: str
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
    steps = step_lines(readings)
    figures = headline_figures(readings)
    worst, best = moments(readings)
    teams, heat = agent_tables(readings, [step.title for step in steps])
    points_ = trend_points(readings)
    calls = audited_calls(readings, readings.week)
    return Weekly(
        title=f"De-escalation quality: {week_dates(week_start(readings.week))}",
        scorecard=readings.title,
        scorecard_name=readings.scorecard,
        summary=summary(readings),
        notices=tuple(n for n in dict.fromkeys(str(row["notice"]) for row in readings.engines) if n),
        know=known(readings, figures, steps),
        figures=figures,
        trend_title=trend_title(len(readings.weeks)),
        trend_note=trend_note(readings),
        trend=charts.trend(points_) if len(points_) > 1 else None,
        trend_narrow=charts.trend(points_, width=360, height=210, labels=3) if len(points_) > 1 else None,
        trend_label=trend_label(points_),
        steps_title=f"The {number_word(len(steps))} steps",
        steps_note=steps_note(len(steps)),
        steps=steps,
        changes=any(step.change.bar for step in steps),
        sparks=any(step.spark for step in steps),
        agents_note=agents_note(readings),
        teams=teams,
        heat=heat,
        worst=worst,
        best=best,
        calls_title="The calls" if calls <= CALLS_SHOWN else "Calls to start with",
        calls=call_lines(readings),
        funnel=funnel_chart(readings),
        funnel_note="Each bar keeps only the calls that did every step above it.",
        scores=score_chart(readings),
        scores_note="One dot is one call." if calls <= 60 else "Calls in each band of ten points.",
        scorecards=scorecard_lines(readings),
        quality=quality_facts(readings),
        not_audited=not_audited_facts(readings),
        rule_changes=rule_changes(readings),
        counting=how_counted(len(steps)),
        footer=footer_text(readings),
    )
