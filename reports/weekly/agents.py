"""Agents against their own team, over four weeks: estimates pulled to the team, and no ranking."""

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec

from reports import charts
from reports.statistics import Interval, Prior, Rate, design_effect, shrink, sidak, team_prior
from reports.weekly.rates import Tone, shown
from reports.weekly.readings import AGENT_WEEKS, Readings, steps_in_order
from reports.wording import between, counted, day, percent, week_start

FEW_AGENT_CALLS = 5
"""An agent with fewer judged calls than this is not read, on a step or over all."""


class AgentLine(msgspec.Struct, frozen=True, kw_only=True):
    """One agent against their own team, over four weeks.

    `share` is the estimate, `likely` its range and `team_share` what it is read against; None where too few calls, or
    no colleagues, allow one.
    """

    name: str
    calls: int
    share: float | None
    likely: Interval | None
    team_share: float | None
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


class Heat(msgspec.Struct, frozen=True, kw_only=True):
    """Agents by steps, team by team."""

    steps: tuple[str, ...]
    teams: tuple[tuple[str, tuple[HeatRow, ...]], ...]
    note: str
    has_estimates: bool


def agent_tables(readings: Readings, step_titles: Sequence[str]) -> tuple[tuple[Team, ...], Heat | None]:
    """Every agent of the last four weeks against their team, and agents by steps; nothing where nobody is named."""
    agents = readings.agents
    if not agents:
        return (), None
    effect = call_effect(readings)
    steps = steps_in_order(readings)
    by_cell = {
        (row["agent_id"], row["step"]): (float(row["met"]), float(row["judged"])) for row in readings.agent_steps
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
            for _, step, _ in steps
        }
        rows = []
        for agent in members:
            cells = tuple(
                _heat_cell(by_cell.get((agent["agent_id"], step), (0.0, 0.0)), priors[step]) for _, step, _ in steps
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


def call_effect(readings: Readings) -> float:
    """How much less an agent's steps know than their number says, because steps of one call are alike."""
    return design_effect([(row["met"], row["judged"]) for row in readings.agent_calls])


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
            share=None,
            likely=None,
            team_share=None,
            value=shown(raw, few=few),
            bar=charts.range_bar(raw.share, Rate.of(*count).interval(), bar=False),
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
        share=estimate.share,
        likely=estimate.interval,
        team_share=prior.mean,
        value=percent(estimate.share),
        bar=charts.range_bar(estimate.share, estimate.interval, bar=False, reference=prior.mean),
        reading={"good": "above team", "bad": "below team", "": "like the team"}[tone],
        tone=tone,
        few=False,
        most_missed=most_missed,
    )


def _most_missed(
    agent_id: str, by_cell: dict[tuple[str, str], tuple[float, float]], steps: Sequence[tuple[int, str, str]]
) -> str:
    found = []
    for number, step, title in steps:
        met, judged = by_cell.get((agent_id, step), (0.0, 0.0))
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
            title=f"{told}; alone in the team",
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
        f"{flagged} of {estimates:,} cells are clearly different from their team at 95 %; luck alone could box up to "
        f"{math.ceil(0.05 * estimates)}. Listen before you act on one."
    )


def agents_note(readings: Readings) -> str:
    """What the agents' table shows and why it is no ranking."""
    first = week_start(readings.week) - timedelta(days=7 * (AGENT_WEEKS - 1))
    return (
        f"Steps followed since {day(first)}, each agent against their own team (the tick). Few calls pull an estimate "
        f"towards the team; fewer than {FEW_AGENT_CALLS} calls are only counted. In order of name, because most "
        "ranges overlap and a ranking would show luck."
    )
