"""Agents against their own team, over four weeks: estimates pulled to the team, and no ranking."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from urllib.parse import quote

import msgspec

from callaudit.reports import charts
from callaudit.reports.page import agent_link, weekly_file_name
from callaudit.reports.statistics import LEVEL, Interval, Prior, Rate, design_effect, shrink, sidak, team_prior
from callaudit.reports.weekly.edition import Edition
from callaudit.reports.weekly.queries import AGENT_WEEKS, Readings, steps_in_order
from callaudit.reports.weekly.rates import FEW, ChangeText, Tone, Unsure, changed_steps, shown, told_change, unsure_of
from callaudit.reports.weekly.rows import Agent, AgentStep, AgentWeek
from callaudit.reports.wording import between, counted, day, percent, week_start

FEW_AGENT_CALLS = 5
"""An agent with fewer judged calls than this is not read, on a step or over all."""

FEWEST_COLLEAGUES = 2
"""In an agent's own edition a smaller team is not compared with: its rate would show one colleague's."""

Counts = Mapping[tuple[str, str], tuple[float, float]]
"""(followed, judged) by agent and step."""


class AgentLine(msgspec.Struct, frozen=True, kw_only=True):
    """One agent against their own team, over four weeks.

    `share` is the estimate, `likely` its range and `team_share` what it is read against; None where too few calls, or
    no colleagues, allow one. `change` is since the four weeks before, `spark` four weeks at a time over all weeks.
    """

    name: str
    href: str
    calls: int
    share: float | None
    likely: Interval | None
    team_share: float | None
    value: str
    bar: charts.RangeBar
    change: ChangeText
    spark: charts.Spark | None
    reading: str
    tone: Tone
    few: bool
    most_missed: str


class Team(msgspec.Struct, frozen=True, kw_only=True):
    """A team and its agents, in order of name: ranges overlap too often for a ranking to mean anything."""

    name: str
    href: str
    calls: int
    rate: Rate
    value: str
    bar: charts.RangeBar
    change: ChangeText
    few: bool
    agents: tuple[AgentLine, ...]


class HeatCell(msgspec.Struct, frozen=True, kw_only=True):
    """One agent on one step. `shade` is -3 to 3 against the team; `flag` says clearly below or above.

    `share` is the estimate, None where too few calls allow one; `judged` calls are behind the cell.
    """

    share: float | None
    judged: int
    text: str
    shade: int
    few: bool
    flag: str
    title: str


class HeatRow(msgspec.Struct, frozen=True, kw_only=True):
    """An agent's steps."""

    name: str
    cells: tuple[HeatCell, ...]


class HeatTeam(msgspec.Struct, frozen=True, kw_only=True):
    """A team's agents; `shares` is what the team itself does on each step, "" where too little is known."""

    name: str
    shares: tuple[str, ...]
    rows: tuple[HeatRow, ...]


class Heat(msgspec.Struct, frozen=True, kw_only=True):
    """Agents by steps, team by team."""

    steps: tuple[str, ...]
    teams: tuple[HeatTeam, ...]
    note: str
    has_estimates: bool


class OwnStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step of the one agent whom an edition is about, against the team; `reading` is asked of all steps at once."""

    title: str
    count: str
    value: str
    unsure: Unsure
    bar: charts.RangeBar
    team: str
    few: bool
    reading: str
    tone: Tone


def agent_teams(readings: Readings) -> tuple[Team, ...]:
    """Every agent of the last four weeks against their team; nothing where nobody is named."""
    seen = _Seen(
        readings=readings,
        counts=step_counts(readings),
        effect=call_effect(readings),
        sparks=_sparks(readings),
        start=track_start(readings),
    )
    changes = _Changes(readings, seen.effect)
    return tuple(_team(seen, changes, name, members) for name, members in members_by_team(readings).items())


def track_start(readings: Readings) -> float:
    """Where the tracks of the agents' ranges begin, so that they can be told apart."""
    effect = call_effect(readings)
    counts = [(a.met / effect, a.judged / effect) for a in readings.agents]
    return charts.track_start(Rate.of(*count).interval().low for count in counts)


class _Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What all teams share."""

    readings: Readings
    counts: Counts
    effect: float
    sparks: Mapping[str, charts.Spark]
    start: float


def heat_map(readings: Readings, step_titles: Sequence[str]) -> Heat | None:
    """Agents by steps against their team; None where nobody is named."""
    teams = members_by_team(readings)
    if not teams:
        return None
    counts = step_counts(readings)
    made = []
    for name, members in teams.items():
        priors = step_priors(readings, members, counts)
        rows = tuple(
            HeatRow(
                name=agent_name(agent),
                cells=tuple(
                    _heat_cell(counts.get((agent.agent_id, step), (0.0, 0.0)), prior) for step, prior in priors.items()
                ),
            )
            for agent in members
        )
        shares = tuple(_team_share(members, step, counts) if prior else "" for step, prior in priors.items())
        made.append(HeatTeam(name=name, shares=shares if any(shares) else (), rows=rows))
    cells = [cell for team in made for row in team.rows for cell in row.cells]
    estimates = sum(not cell.few for cell in cells)
    return Heat(
        steps=tuple(step_titles),
        teams=tuple(made),
        note=_heat_note(sum(bool(cell.flag) for cell in cells), estimates),
        has_estimates=estimates > 0,
    )


def _team_share(members: Sequence[Agent], step: str, counts: Counts) -> str:
    """What the team does on a step, in per cent; "" where that rests on few calls."""
    own = [counts.get((agent.agent_id, step), (0.0, 0.0)) for agent in members]
    rate = Rate.of(sum(met for met, _ in own), sum(judged for _, judged in own))
    return percent(rate.share).rstrip("%") if rate.n >= FEW else ""


def own_steps(readings: Readings) -> tuple[OwnStep, ...]:
    """Each step of the agent of the edition against the team, over four weeks; nothing in other editions."""
    agent = next((row for row in readings.agents if row.agent_id == readings.edition.agent), None)
    if agent is None:
        return ()
    counts = step_counts(readings)
    members = next(rows for rows in members_by_team(readings).values() if agent in rows)
    priors = step_priors(readings, members, counts)
    titles = {step: title for _, step, title in steps_in_order(readings)}
    own = {row.step: row for row in readings.agent_steps if row.agent_id == agent.agent_id}
    return tuple(_own_step(titles[step], own.get(step), prior, compared=len(priors)) for step, prior in priors.items())


def members_by_team(readings: Readings) -> dict[str, list[Agent]]:
    """The agents by the name of their team, in the order of the warehouse."""
    teams: dict[str, list[Agent]] = {}
    for agent in readings.agents:
        teams.setdefault(str(agent.team) or "No team given", []).append(agent)
    return teams


def step_counts(readings: Readings) -> Counts:
    """How often each agent followed each step, over four weeks."""
    return {(row.agent_id, row.step): (row.met, row.judged) for row in readings.agent_steps}


def step_priors(readings: Readings, members: Sequence[Agent], counts: Counts) -> dict[str, Prior | None]:
    """What the team says of an agent on each step; None where there is nobody to compare with."""
    steps = [step for _, step, _ in steps_in_order(readings)]
    if _alone(readings, members):
        return dict.fromkeys(steps)
    return {step: team_prior([counts.get((a.agent_id, step), (0.0, 0.0)) for a in members]) for step in steps}


def _alone(readings: Readings, members: Sequence[Agent]) -> bool:
    return len(members) <= (FEWEST_COLLEAGUES if readings.edition.agent else 1)


def call_effect(readings: Readings) -> float:
    """How much less an agent's steps know than their number says, because steps of one call are alike."""
    return design_effect([(row.met, row.judged) for row in readings.agent_calls])


def agent_name(agent: Agent) -> str:
    """The name, or the id of one without."""
    return str(agent.agent_name or agent.agent_id)


def agent_href(readings: Readings, agent: Agent) -> str:
    """The agent's page; none under a pseudonym, because it says who it is."""
    return "" if readings.edition.pseudonyms else agent_link(str(agent.agent_id))


def _team_href(readings: Readings, members: Sequence[Agent]) -> str:
    """The team's page of the week, which is made with the report of everybody; no team's page leads to itself."""
    team = members[0].team
    called = any(row.team == team for row in readings.calls)
    if not (team and called and readings.edition.is_whole) or readings.edition.pseudonyms:
        return ""
    return quote(weekly_file_name(readings.week, readings.scorecard, Edition(team=team).suffix))


def _team(seen: _Seen, changes: "_Changes", name: str, members: Sequence[Agent]) -> Team:
    worth = [(a.met / seen.effect, a.judged / seen.effect) for a in members]
    prior = None if _alone(seen.readings, members) else team_prior(worth)
    rate = _team_rate([(a.met, a.judged) for a in members], seen.effect)
    calls = sum(agent.calls for agent in members)
    few = calls < FEW_AGENT_CALLS
    own = seen.readings.edition.agent
    return Team(
        name=name,
        href=_team_href(seen.readings, members),
        calls=calls,
        rate=rate,
        value=shown(rate, few=few),
        bar=charts.range_bar(rate.share, rate.interval(), bar=False, start=seen.start),
        change=changes.of([agent.agent_id for agent in members]),
        few=few,
        agents=tuple(
            _agent_line(seen, agent, count, prior, change=changes.of([agent.agent_id]))
            for agent, count in zip(members, worth, strict=True)
            if own in ("", agent.agent_id)
        ),
    )


def _team_rate(counts: Sequence[tuple[float, float]], effect: float) -> Rate:
    """A team's rate: steps of a call are alike, and so are an agent's; of one agent only the former can be told."""
    if len(counts) < 2:
        return Rate.of(*counts[0], design_effect=effect) if counts else Rate.of(0, 0)
    rate = Rate.clustered(counts)
    return Rate.of(rate.hits, rate.n, design_effect=max(effect, rate.n / rate.effective_n), clusters=rate.clusters)


class _Changes:
    """What the last four weeks changed against the four before them, for any agents at once."""

    def __init__(self, readings: Readings, effect: float) -> None:
        weeks = readings.weeks[-2 * AGENT_WEEKS :]
        self._whole = len(weeks) == 2 * AGENT_WEEKS
        self._rules = any(changed_steps(readings, *pair) for pair in pairwise(weeks))
        self._now, self._before = frozenset(weeks[AGENT_WEEKS:]), frozenset(weeks[:AGENT_WEEKS])
        self._effect = effect
        # Each agent and each team is one comparison. Five times as many leave all of them together one false change
        # in a hundred weeks, so that with the headlines and steps the page still has fewer than one in twenty.
        self._comparisons = 5 * (len(readings.agents) + len(members_by_team(readings)))
        self._rows: dict[str, list[AgentWeek]] = {}
        for row in readings.agent_weeks:
            self._rows.setdefault(row.agent_id, []).append(row)

    def of(self, agents: Sequence[str]) -> ChangeText:
        if not self._whole:
            return ChangeText(words="")
        if self._rules:
            return ChangeText(words="Rules changed")
        (now, calls), (before, former) = self._rate(agents, self._now), self._rate(agents, self._before)
        enough = min(calls, former) >= 2 * FEW_AGENT_CALLS
        return told_change(now, before, enough=enough, comparisons=self._comparisons)

    def _rate(self, agents: Sequence[str], weeks: frozenset[str]) -> tuple[Rate, int]:
        counts, calls = [], 0
        for agent in agents:
            rows = [row for row in self._rows.get(agent, ()) if row.iso_week in weeks]
            counts.append((sum(r.met for r in rows), sum(r.judged for r in rows)))
            calls += sum(r.calls for r in rows)
        return _team_rate([count for count in counts if count[1]], self._effect), calls


_SPARK_WEEKS = 2 * AGENT_WEEKS


def _sparks(readings: Readings) -> dict[str, charts.Spark]:
    """Each agent's rate over the weeks, four at a time as in the table; from where all was judged by today's rules."""
    weeks = readings.weeks
    first = max((i for i in range(1, len(weeks)) if changed_steps(readings, weeks[i - 1], weeks[i])), default=0)
    weeks = weeks[first:]
    if len(weeks) < _SPARK_WEEKS:
        return {}
    by_week = {(row.agent_id, row.iso_week): row for row in readings.agent_weeks}
    windows = [weeks[i : i + AGENT_WEEKS] for i in range(len(weeks) - AGENT_WEEKS + 1)]
    shares: dict[str, list[float | None]] = {}
    for agent in readings.agents:
        rows = [[r for w in window if (r := by_week.get((agent.agent_id, w)))] for window in windows]
        shares[agent.agent_id] = [_share(found) for found in rows]
    seen = [share for line in shares.values() for share in line if share is not None]
    if not seen:
        return {}
    low, high = min(seen), max(seen)
    return {
        agent: charts.spark(line, low=low, high=high, label=_spark_label(line))
        for agent, line in shares.items()
        if sum(share is not None for share in line) > 1
    }


def _share(rows: Iterable[AgentWeek]) -> float | None:
    found = list(rows)
    judged = sum(row.judged for row in found)
    return (
        sum(row.met for row in found) / judged
        if judged and sum(row.calls for row in found) >= FEW_AGENT_CALLS
        else None
    )


def _spark_label(shares: Sequence[float | None]) -> str:
    seen = [share for share in shares if share is not None]
    return f"from {percent(seen[0])} to {percent(seen[-1])}, four weeks at a time" if seen else "too few calls"


def _agent_line(
    seen: _Seen, agent: Agent, count: tuple[float, float], prior: Prior | None, *, change: ChangeText
) -> AgentLine:
    """`prior` is None for one who has nobody to be compared with."""
    calls = agent.calls
    few = calls < FEW_AGENT_CALLS
    raw = Rate.of(agent.met, agent.judged)
    value, bar = (
        shown(raw, few=few),
        charts.range_bar(raw.share, Rate.of(*count).interval(), bar=False, start=seen.start),
    )
    reading = "too few to tell" if few else "nobody to compare"
    estimate, tone = None, _NOT_CLEAR
    if prior is not None and not few:
        estimate = shrink(*count, prior)
        compared = 1 if seen.readings.edition.agent else len(seen.readings.agents)
        if shrink(*count, prior, sidak(LEVEL, compared)).interval.excludes(prior.mean):
            tone = "good" if estimate.share > prior.mean else "bad"
        value = percent(estimate.share)
        bar = charts.range_bar(estimate.share, estimate.interval, bar=False, reference=prior.mean, start=seen.start)
        reading = {"good": "above team", "bad": "below team", "": "like the team"}[tone]
    return AgentLine(
        name=agent_name(agent),
        href=agent_href(seen.readings, agent),
        calls=calls,
        share=estimate.share if estimate else None,
        likely=estimate.interval if estimate else None,
        team_share=prior.mean if prior is not None and estimate else None,
        value=value,
        bar=bar,
        change=change,
        spark=seen.sparks.get(agent.agent_id),
        reading=reading,
        tone=tone,
        few=few,
        most_missed=_most_missed(agent.agent_id, seen.counts, steps_in_order(seen.readings)),
    )


_NOT_CLEAR: Tone = ""


def _own_step(title: str, row: AgentStep | None, prior: Prior | None, *, compared: int) -> OwnStep:
    met, judged = (row.met, row.judged) if row else (0.0, 0.0)
    few = judged < FEW_AGENT_CALLS
    rate = Rate.of(met, judged)
    tone: Tone = ""
    if prior is None or few:
        reading = "did not apply" if not judged else "too few to tell" if few else "nobody to compare"
        bar = charts.range_bar(rate.share, rate.interval(), bar=False, reference=prior.mean if prior else None)
    else:
        estimate = shrink(met, judged, prior)
        if shrink(met, judged, prior, sidak(LEVEL, compared)).interval.excludes(prior.mean):
            tone = "good" if estimate.share > prior.mean else "bad"
        reading = {"good": "clearly above", "bad": "clearly below", "": "like the team"}[tone]
        bar = charts.range_bar(estimate.share, estimate.interval, bar=False, reference=prior.mean)
    return OwnStep(
        title=title,
        count=f"{met:.0f} of {judged:.0f}" if judged else "",
        value=percent(estimate.share) if prior is not None and not few else shown(rate, few=few),
        unsure=unsure_of(*([row] if row else [])),
        bar=bar,
        team=percent(prior.mean) if prior is not None else "",
        few=few,
        reading=reading,
        tone=tone,
    )


def _most_missed(agent_id: str, counts: Counts, steps: Sequence[tuple[int, str, str]]) -> str:
    found = []
    for number, step, title in steps:
        met, judged = counts.get((agent_id, step), (0.0, 0.0))
        if judged > met:
            found.append((met - judged, number, f"{title} ({judged - met:.0f} of {judged:.0f})"))
    return min(found)[2] if found else ""


_SHADES = (0.03, 0.08, 0.15)


def _heat_cell(count: tuple[float, float], prior: Prior | None) -> HeatCell:
    met, judged = count
    if not judged:
        return HeatCell(share=None, judged=0, text="", shade=0, few=True, flag="", title="did not apply")
    told = f"followed on {met:.0f} of {counted(int(judged), 'call')}"
    if judged < FEW_AGENT_CALLS:
        return HeatCell(
            share=None,
            judged=int(judged),
            text=f"{met:.0f}/{judged:.0f}",
            shade=0,
            few=True,
            flag="",
            title=f"{told}: too few to tell",
        )
    if prior is None:
        return HeatCell(
            share=met / judged,
            judged=int(judged),
            text=f"{100 * met / judged:.0f}",
            shade=0,
            few=False,
            flag="",
            title=f"{told}; nobody to compare with",
        )
    estimate = shrink(met, judged, prior)
    apart = estimate.share - prior.mean
    shade = sum(abs(apart) >= edge for edge in _SHADES) * (1 if apart > 0 else -1)
    clear = estimate.interval.excludes(prior.mean)
    return HeatCell(
        share=estimate.share,
        judged=int(judged),
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
        f"{flagged} of {estimates:,} cells are clearly different from their team at 95%; luck alone could box up to "
        f"{math.ceil(0.05 * estimates)}. Listen before you act on one."
    )


def agents_note(readings: Readings) -> str:
    """What the agents' table shows and why it is no ranking."""
    first = day(week_start(readings.week) - timedelta(days=7 * (AGENT_WEEKS - 1)))
    if readings.edition.agent:
        return (
            f"Steps followed since {first}, against the agent's own team (the tick). Few calls pull an estimate "
            f"towards the team; fewer than {FEW_AGENT_CALLS} calls are only counted. With many steps one looks "
            "different by luck, so one is read as clearly below or above only on stronger evidence."
        )
    return (
        f"Steps followed since {first}, each agent against their own team (the tick). Few calls pull an estimate "
        f"towards the team; fewer than {FEW_AGENT_CALLS} calls are only counted. In order of name, because most "
        "ranges overlap and a ranking would show luck. A change is against the four weeks before, and told as better "
        "or worse only where it is clear; the small line shows four weeks at a time."
    )
