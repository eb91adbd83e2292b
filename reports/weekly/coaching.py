"""A card for each agent: one thing to work on, what went well, and where to listen. What is not clear is not said."""

from collections.abc import Sequence

import msgspec

from callaudit.reports.statistics import LEVEL, Prior, shrink, sidak
from callaudit.reports.weekly.agents import (
    FEW_AGENT_CALLS,
    agent_href,
    agent_name,
    members_by_team,
    step_counts,
    step_priors,
)
from callaudit.reports.weekly.moments import Moment, week_moment
from callaudit.reports.weekly.queries import Readings, steps_in_order
from callaudit.reports.weekly.rows import QuotedOfAgent
from callaudit.reports.wording import percent

MOMENTS = 3
"""So many moments to listen to stand on a card."""

_WORTH_TELLING = 10
"""Judged calls from which on a step that is not clear against the team is told as most missed or most followed."""


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a card and what is known of it; `clear` says that it is clearly apart from the team."""

    step: str
    title: str
    detail: str
    clear: bool


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One agent's card; what there is too little evidence for is None or empty."""

    name: str
    href: str
    team: str
    work_on: Advice | None
    went_well: Advice | None
    moments: tuple[Moment, ...]

    @property
    def is_clear(self) -> bool:
        """Whether some step is clearly below the team: then the card is for this week."""
        return self.work_on is not None and self.work_on.clear


def coaching_cards(readings: Readings) -> tuple[Card, ...]:
    """The cards of all agents of whom anything can be said, in order of team and name."""
    counts = step_counts(readings)
    titles = {step: title for _, step, title in steps_in_order(readings)}
    by_agent: dict[str, list[QuotedOfAgent]] = {}
    for row in readings.agent_moments:
        by_agent.setdefault(row.agent_id, []).append(row)
    cards = []
    for team, members in members_by_team(readings).items():
        priors = step_priors(readings, members, counts)
        for agent in members:
            if readings.edition.agent not in ("", agent.agent_id):
                continue
            own = {step: counts.get((agent.agent_id, step), (0.0, 0.0)) for step in priors}
            work_on, went_well = _advice(own, priors, titles)
            moments = _moments(readings, by_agent.get(agent.agent_id, []), work_on, went_well)
            if work_on or went_well:
                cards.append(
                    Card(
                        name=agent_name(agent),
                        href=agent_href(readings, agent),
                        team=team,
                        work_on=work_on,
                        went_well=went_well,
                        moments=moments,
                    )
                )
    return tuple(cards)


def coaching_note(cards: Sequence[Card], *, of_one: bool) -> str:
    """What a card rests on."""
    said = (
        "Four weeks. A step is named as clearly below or above the team only where luck would name one for fewer than "
        "one agent in twenty; else the step missed or followed most is told with its count, from "
        f"{_WORTH_TELLING} calls on. Listen together before drawing a conclusion."
    )
    clear = sum(card.is_clear for card in cards)
    if of_one or not cards:
        return said
    if not clear:
        return f"No agent has a step clearly below their team. {said}"
    return f"{clear} of {len(cards)} agents have a step clearly below their team. {said}"


def _advice(
    own: dict[str, tuple[float, float]], priors: dict[str, Prior | None], titles: dict[str, str]
) -> tuple[Advice | None, Advice | None]:
    """What to work on and what went well: the step clearest against the team, else the one missed or followed most."""
    level = sidak(LEVEL, len(priors))
    below: list[tuple[float, str, str]] = []
    above: list[tuple[float, str, str]] = []
    for step, (met, judged) in own.items():
        prior = priors[step]
        if prior is None or judged < FEW_AGENT_CALLS:
            continue
        apart = shrink(met, judged, prior, level)
        if apart.interval.excludes(prior.mean):
            told = f"Followed on {met:.0f} of {judged:.0f} calls; the team on {percent(prior.mean)}."
            # How many calls more or fewer than a usual colleague: what is rare weighs little.
            (above if apart.share > prior.mean else below).append((judged * abs(apart.share - prior.mean), step, told))
    plain = {step: count for step, count in own.items() if count[1] >= _WORTH_TELLING}
    return (
        _clearest(below, titles) or _most_missed(plain, titles),
        _clearest(above, titles) or _most_followed(plain, titles),
    )


def _clearest(found: list[tuple[float, str, str]], titles: dict[str, str]) -> Advice | None:
    if not found:
        return None
    _, step, told = max(found)
    return Advice(step=step, title=titles[step], detail=told, clear=True)


def _most_missed(counts: dict[str, tuple[float, float]], titles: dict[str, str]) -> Advice | None:
    missed = [(judged - met, -judged, step) for step, (met, judged) in counts.items() if judged > met]
    if not missed:
        return None
    misses, judged, step = max(missed)
    return Advice(
        step=step,
        title=titles[step],
        detail=f"Not clearly below the team, but missed most often: on {misses:.0f} of {-judged:.0f} calls.",
        clear=False,
    )


def _most_followed(counts: dict[str, tuple[float, float]], titles: dict[str, str]) -> Advice | None:
    """The step followed most, where it was followed on most calls: nobody is praised for a half."""
    followed = [(met / judged, judged, step) for step, (met, judged) in counts.items() if met * 4 >= judged * 3]
    if not followed:
        return None
    share, judged, step = max(followed)
    return Advice(
        step=step, title=titles[step], detail=f"Followed on {share * judged:.0f} of {judged:.0f} calls.", clear=False
    )


def _moments(
    readings: Readings, rows: Sequence[QuotedOfAgent], work_on: Advice | None, went_well: Advice | None
) -> tuple[Moment, ...]:
    """Two moments of what to work on and one of what went well, more of either where the other has none."""
    missed = [row for row in rows if work_on and row.step == work_on.step and row.verdict == "missed"]
    met = [row for row in rows if went_well and row.step == went_well.step and row.verdict == "met"]
    missed, met = _each_call_once(missed), _each_call_once(met)
    good = met[: max(1, MOMENTS - len(missed))]
    return tuple(week_moment(readings, row) for row in (*missed[: MOMENTS - len(good)], *good))


def _each_call_once(rows: Sequence[QuotedOfAgent]) -> list[QuotedOfAgent]:
    """The first of each call, and no words twice."""
    chosen: list[QuotedOfAgent] = []
    for row in rows:
        if all(row.call_id != other.call_id and row.quote != other.quote for other in chosen):
            chosen.append(row)
    return chosen
