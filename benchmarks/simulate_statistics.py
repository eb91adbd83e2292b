"""Writes docs/statistics.md: how often the ranges of the weekly page hold and its flags are right, in simulated weeks.

    python benchmarks/simulate_statistics.py            as in the document (about ten minutes)
    python benchmarks/simulate_statistics.py --weeks 40 --no-write
    python benchmarks/simulate_statistics.py --only-reviews     what is said of reviews, in its place (a minute)

Agents are drawn anew for every simulated week and differ in their true rates, calls of one agent are alike, and what is
said of one call is alike too. The figures come from the functions that make the page, not from a copy of them.
"""

import argparse
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from callaudit.audit_rules.evaluation.reviewed_calls import agreement_of_two
from callaudit.audit_rules.finding import Verdict as FindingVerdict
from callaudit.reports.reviews.accuracy import MINIMUM, MINIMUM_OF_EACH, Reviewed, accuracy_of, corrected
from callaudit.reports.statistics import Interval, Rate, shrink, team_prior
from callaudit.reports.weekly import rows
from callaudit.reports.weekly.agents import agent_teams, call_effect, heat_map
from callaudit.reports.weekly.coaching import coaching_cards
from callaudit.reports.weekly.edition import WHOLE
from callaudit.reports.weekly.headlines import headline_figures
from callaudit.reports.weekly.queries import Readings, Verdicts
from callaudit.reports.weekly.rates import calmed_rate, critical_rate, pooled, step_rate
from callaudit.reports.weekly.steps import step_lines

DOCUMENT = Path(__file__).parents[1] / "docs" / "statistics.md"
SEED = 20260301
WEEKS = ("2026-W07", "2026-W08", "2026-W09", "2026-W10")
BEFORE = ("2026-W03", "2026-W04", "2026-W05", "2026-W06")
BASE = np.array([0.92, 0.85, 0.8, 0.75, 0.7, 0.62, 0.55, 0.5, 0.4, 0.3])
APPLIES = np.array([0.6, 0.9, 0.45, 0.45, 0.4, 0.4, 0.5, 0.35, 0.2, 0.7])
STEPS = tuple(f"step{n}" for n in range(1, len(BASE) + 1))
OF_AGENT, OF_AGENT_ON_STEP, OF_CALL = 0.5, 0.4, 0.5
"""Spread, on the logit scale, of agents over all steps, of an agent from step to step, and of calls."""
TENSE, CALMED, CRITICAL, LOST = 0.5, 0.6, 0.04, 0.03
AGENTS_EVERY = 8
"""A week has hundreds of agents' figures but one page, so agents are looked at only in every so many weeks."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(40)


class Centre(msgspec.Struct, frozen=True, kw_only=True):
    """A contact centre: `calls` is the mean number of calls of an agent in a week."""

    name: str
    teams: int
    agents: int
    calls: float


CENTRES = (
    Centre(name="4 teams of 10 agents, 12 calls each a week", teams=4, agents=40, calls=12),
    Centre(name="2 teams of 8 agents, 25 calls each a week", teams=2, agents=16, calls=25),
    Centre(name="1 team of 7 agents, 10 calls each a week", teams=1, agents=7, calls=10),
)
SMALL_CENTRES = tuple(Centre(name=f"{n} agents", teams=1, agents=n, calls=15) for n in (2, 3, 4, 5, 6))


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """Four weeks in which nothing changed, with what is true of them."""

    readings: Readings
    agent_rates: np.ndarray
    agent_overall: np.ndarray
    team_of: np.ndarray


def _inverse_logit(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _mean_share(logit: np.ndarray, spread: float) -> np.ndarray:
    """The mean of the inverse logit over a normal spread (Gauss-Hermite)."""
    nodes = np.asarray(logit)[..., None] + spread * _NODES
    return (_inverse_logit(nodes) * _WEIGHTS).sum(axis=-1) / _WEIGHTS.sum()


def _logit(share: np.ndarray | float) -> np.ndarray:
    return np.log(np.asarray(share) / (1 - np.asarray(share)))


ALL = math.sqrt(OF_AGENT**2 + OF_AGENT_ON_STEP**2 + OF_CALL**2)
TRUE_STEPS = _mean_share(_logit(BASE), ALL)
TRUE_POOLED = float((TRUE_STEPS * APPLIES).sum() / APPLIES.sum())
TRUE_CALMED = float(_mean_share(_logit(CALMED), math.hypot(OF_AGENT, OF_CALL)))
TRUE_CRITICAL = float(_mean_share(_logit(CRITICAL), math.hypot(OF_AGENT, OF_CALL)))


def draw(centre: Centre, random: np.random.Generator) -> Drawn:
    """Four weeks of a newly drawn centre."""
    agent = random.normal(0, OF_AGENT, centre.agents)
    on_step = _logit(BASE) + agent[:, None] + random.normal(0, OF_AGENT_ON_STEP, (centre.agents, len(BASE)))
    rates = _mean_share(on_step, OF_CALL)
    team_of = np.arange(centre.agents) % centre.teams
    counts: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}
    month = np.zeros((2, centre.agents, len(BASE)))
    per_call, week_rows, scorecards, rules, lost, by_agent = [], [], [], [], [], []
    calls_of = np.zeros(centre.agents)
    agent_weeks = []
    for week in WEEKS:
        of = np.repeat(np.arange(centre.agents), random.poisson(centre.calls, centre.agents))
        of_call = random.normal(0, OF_CALL, len(of))
        judged = random.random((len(of), len(BASE))) < APPLIES
        met = judged & (random.random(judged.shape) < _inverse_logit(on_step[of] + of_call[:, None]))
        tense = random.random(len(of)) < TENSE
        calmed = tense & (random.random(len(of)) < _inverse_logit(_logit(CALMED) + agent[of] + of_call))
        critical = random.random(len(of)) < _inverse_logit(_logit(CRITICAL) - agent[of] - of_call)
        np.add.at(month[0], of, met)
        np.add.at(month[1], of, judged)
        np.add.at(calls_of, of, 1)
        agent_weeks += _agent_week(week, of, met, judged)
        per_call += [
            rows.AgentCall(call_id="", met=int(m), judged=int(j))
            for m, j in zip(met.sum(1), judged.sum(1), strict=True)
        ]
        for n, step in enumerate(STEPS):
            m, j = (np.bincount(of, weights=x[:, n], minlength=centre.agents) for x in (met, judged))
            counts[week, step] = {f"a{i}": (int(m[i]), int(j[i])) for i in range(centre.agents) if j[i]}
            if week == WEEKS[-1]:
                rules.append(
                    rows.RuleCounts(rule_id=step, met=int(m.sum()), judged=int(j.sum()), applicable=int(j.sum()))
                )
        sums = {"tense_calls": tense, "calmed_calls": calmed}
        sums |= {"critical_judged_calls": np.ones(len(of), dtype=bool), "calls_with_critical_miss": critical}
        whose = {k: np.bincount(of, weights=v, minlength=centre.agents) for k, v in sums.items()}
        by_agent += [
            rows.WhoseCalls(iso_week=week, **{k: int(v[i]) for k, v in whose.items()})
            for i in range(centre.agents)
            if whose["critical_judged_calls"][i]
        ]
        week_rows.append(
            rows.WeekCounts(
                iso_week=week, calls=len(of), tense_calls=int(tense.sum()), calmed_calls=int(calmed.sum()),
                perhaps_tense_calls=0, tense_judged_calls=len(of), duration_s=300.0 * len(of),
            )
        )  # fmt: skip
        scorecards.append(
            rows.ScorecardCounts(
                scorecard="house", scorecard_title="House", score=None, met=int(met.sum()),
                judged=int(judged.sum()), applicable=int(judged.sum()),
            )
        )  # fmt: skip
        lost.append(
            rows.NotAudited(counted_week=week, files=int(random.poisson(LOST * len(of))), code="x", next_step="")
        )
    # A stream of its own: what is looked at in the newest four weeks does not depend on the weeks before them.
    former = np.random.default_rng(random.integers(2**63 - 1))
    for week in BEFORE:
        of = np.repeat(np.arange(centre.agents), former.poisson(centre.calls, centre.agents))
        of_call = former.normal(0, OF_CALL, len(of))
        judged = former.random((len(of), len(BASE))) < APPLIES
        met = judged & (former.random(judged.shape) < _inverse_logit(on_step[of] + of_call[:, None]))
        agent_weeks += _agent_week(week, of, met, judged)
    readings = Readings(
        week=WEEKS[-1], before=WEEKS[-2], timezone="UTC", scorecard="house", title="House", weeks=(*BEFORE, *WEEKS),
        edition=WHOLE, by_agent=True, names=[], agent_weeks=agent_weeks, agent_moments=[], misses=[], calmed=[],
        week_rows=week_rows, verdicts=Verdicts(counts), unsure_steps=[],
        rules=rules,
        scorecard_rules=[
            rows.ScorecardRule(
                step_number=n, step=s, step_title=s, rule_id=s, asks=s, critical=False, status="live",
                scorecard_title="House", milestone=None,
            )
            for n, s in enumerate(STEPS, 1)
        ],
        scorecards=scorecards, step_losses=[], targets=[], critical_rules=[], measures=[],
        agents=[
            rows.Agent(
                agent_id=f"a{i}", agent_name=f"a{i}", team=f"t{team_of[i]}", calls=int(calls_of[i]),
                met=int(month[0, i].sum()), judged=int(month[1, i].sum()),
            )
            for i in range(centre.agents)
        ],
        agent_steps=[
            rows.AgentStep(
                agent_id=f"a{i}", step=s, met=int(month[0, i, n]), judged=int(month[1, i, n]),
                applicable=int(month[1, i, n]),
            )
            for i in range(centre.agents) for n, s in enumerate(STEPS)
        ],
        agent_calls=per_call, calls=[], calls_by_agent=by_agent, moments=[], funnel=[], coverage=[],
        not_audited=lost, undated=0, erased=[],
        engines=[],
        unheard=rows.Unheard(calls=0, seconds=0.0), heard_again=[], versions=[], rule_changes=[], reviews=[],
        rule_reviews=[],
    )  # fmt: skip
    return Drawn(
        readings=readings, agent_rates=rates, agent_overall=(rates * APPLIES).sum(1) / APPLIES.sum(), team_of=team_of
    )


def _agent_week(week: str, of: np.ndarray, met: np.ndarray, judged: np.ndarray) -> list[rows.AgentWeek]:
    """One row for each agent with calls in the week."""
    steps = {i: (int(met[of == i].sum()), int(judged[of == i].sum())) for i in np.unique(of)}
    return [
        rows.AgentWeek(agent_id=f"a{i}", iso_week=week, calls=int((of == i).sum()), met=m, judged=j)
        for i, (m, j) in steps.items()
    ]


class Tally:
    """How often each thing happened, of how often it could."""

    def __init__(self) -> None:
        self.counts: dict[str, list[int]] = {}

    def add(self, name: str, happened: bool) -> None:
        """Count one chance."""
        count = self.counts.setdefault(name, [0, 0])
        count[0] += bool(happened)
        count[1] += 1

    def covers(self, name: str, interval: Interval, truth: float) -> None:
        """Count whether a range holds the truth."""
        self.add(name, not interval.excludes(truth))

    def share(self, name: str) -> str:
        """`94.8 % of 2,400`, or a dash of nothing."""
        happened, of = self.counts.get(name, [0, 0])
        return f"{100 * happened / of:.1f} % of {of:,}" if of else "-"


FALSE_ALARM = "a week in which nothing changed is told as changed in a headline or step"
STEP_RANGE, POOLED_RANGE = "range of one step", "range of all steps together"
CALMED_RANGE, CRITICAL_RANGE = "range of tense calls calmed", "range of calls with a critical miss"
TEAM_RANGE = "range of a team over four weeks"
AGENT_RANGE, CELL_RANGE = "range of an agent over four weeks", "range of an agent on one step over four weeks"
AGENT_FLAG, CELL_FLAG = "an agent read as above or below the team truly is", "a boxed agent and step truly is"
AGENT_FLAGGED, CELL_FLAGGED = "agents read as above or below", "agents and steps boxed"
AGENT_ALARM = "weeks in which an agent or team is told as changed since the four weeks before, though nothing changed"
CARD_FLAG, CARD_FLAGGED = "a step that a coaching card names as clearly apart truly is", "coaching cards that name one"
CORRECTED_RANGE = "corrected rate"


def observe(drawn: Drawn, tally: Tally) -> None:
    """What the page says of these weeks, against the truth."""
    readings = drawn.readings
    week = readings.week
    for n, step in enumerate(STEPS):
        tally.covers(STEP_RANGE, step_rate(readings, week, step).interval(), float(TRUE_STEPS[n]))
    tally.covers(POOLED_RANGE, pooled(readings, week).interval(), TRUE_POOLED)
    tally.covers(CRITICAL_RANGE, critical_rate(readings, week).interval(), TRUE_CRITICAL)
    figures = headline_figures(readings)
    tally.covers(CALMED_RANGE, calmed_rate(readings, week).interval(), TRUE_CALMED)
    claims = [figure.change.tone for figure in figures] + [line.change.tone for line in step_lines(readings)]
    tally.add(FALSE_ALARM, any(claims))


def observe_agents(drawn: Drawn, tally: Tally) -> None:
    """What the page says of the agents over the four weeks, against the truth."""
    readings = drawn.readings
    teams, heat = agent_teams(readings), heat_map(readings, list(STEPS))
    if heat is None:
        return
    tally.add(AGENT_ALARM, any(line.change.tone for team in teams for line in (team, *team.agents)))
    for card in coaching_cards(readings):
        agent = int(card.name[1:])
        colleagues = drawn.agent_rates[drawn.team_of == drawn.team_of[agent]].mean(axis=0)
        named = [(a, below) for a, below in ((card.work_on, True), (card.went_well, False)) if a and a.clear]
        tally.add(CARD_FLAGGED, bool(named))
        for advice, below in named:
            step = STEPS.index(advice.step)
            tally.add(CARD_FLAG, bool(drawn.agent_rates[agent, step] < colleagues[step]) is below)
    effect = call_effect(readings)
    for team, of_team in zip(teams, heat.teams, strict=True):
        tally.covers(TEAM_RANGE, team.rate.interval(), TRUE_POOLED)
        members = [int(line.name[1:]) for line in team.agents]
        of = [next(a for a in readings.agents if a.agent_id == f"a{i}") for i in members]
        prior = team_prior([(a.met / effect, a.judged / effect) for a in of])
        centre = float(drawn.agent_overall[members].mean())
        for i, row, line in zip(members, of, team.agents, strict=True):
            truth = float(drawn.agent_overall[i])
            if prior is not None:
                tally.covers(AGENT_RANGE, shrink(row.met / effect, row.judged / effect, prior).interval, truth)
            tally.add(AGENT_FLAGGED, bool(line.tone))
            if line.tone:
                tally.add(AGENT_FLAG, (truth > centre) is (line.tone == "good"))
        by_cell = {(row.agent_id, row.step): (row.met, row.judged) for row in readings.agent_steps}
        for n, step in enumerate(STEPS):
            on_step = team_prior([by_cell[f"a{i}", step] for i in members])
            middle = float(drawn.agent_rates[members, n].mean())
            for i, cells in zip(members, of_team.rows, strict=True):
                cell, truth = cells.cells[n], float(drawn.agent_rates[i, n])
                if cell.few or on_step is None:
                    continue
                tally.covers(CELL_RANGE, shrink(*by_cell[f"a{i}", step], on_step).interval, truth)
                tally.add(CELL_FLAGGED, bool(cell.flag))
                if cell.flag:
                    tally.add(CELL_FLAG, (truth > middle) is (cell.flag == "▲"))


CORRECTED_SCENES = [
    (rate, se, sp, n, reviewed)
    for rate in (0.9, 0.75, 0.5)
    for se, sp in ((0.97, 0.9), (0.9, 0.85), (0.85, 0.75))
    for n in (40, 150, 600)
    for reviewed in (40, 100, 250)
]


def observe_corrected(random: np.random.Generator, times: int, tally: Tally) -> None:
    """The corrected rate against the truth."""
    for rate, se, sp, n, reviewed in CORRECTED_SCENES:
        called = rate * se + (1 - rate) * (1 - sp)
        for _ in range(times):
            met = int(random.binomial(n, called))
            truly_met = int(random.binomial(reviewed, rate))
            right_met, right_missed = (
                int(random.binomial(truly_met, se)),
                int(random.binomial(reviewed - truly_met, sp)),
            )
            found = corrected(
                Rate.of(met, n),
                (right_met, truly_met - right_met),
                (right_missed, reviewed - truly_met - right_missed),
            )
            if found is not None:
                tally.covers(f"{CORRECTED_RANGE} {reviewed}", found.interval, rate)


REVIEWED = (20, 40, 100, 250)
REVIEWED_SCENES = [(rate, se, sp) for rate in (0.9, 0.75, 0.5) for se, sp in ((0.97, 0.9), (0.9, 0.85), (0.85, 0.75))]
PRECISION, RECALL, KAPPA, TWO_PEOPLE = "precision", "recall", "kappa", "kappa of two people"
BOOTSTRAP = "(kappa by bootstrap)"
CALLS_OF_TWO, FINDINGS_A_CALL, OF_CALL_IN_AGREEMENT = 15, 8, 1.0


def observe_reviewed(random: np.random.Generator, times: int, tally: Tally) -> None:
    """What is said of a rule's accuracy against the truth, however few misses there were among the findings."""
    said = [(rule, person) for rule in (FindingVerdict.MET, FindingVerdict.MISSED) for person in FindingVerdict]
    for rate, se, sp in REVIEWED_SCENES:
        of = {
            (FindingVerdict.MET, FindingVerdict.MET): rate * se,
            (FindingVerdict.MET, FindingVerdict.MISSED): (1 - rate) * (1 - sp),
            (FindingVerdict.MISSED, FindingVerdict.MET): rate * (1 - se),
            (FindingVerdict.MISSED, FindingVerdict.MISSED): (1 - rate) * sp,
        }
        shares = [of.get(pair, 0.0) for pair in said]
        called, found_by_people = rate * se + (1 - rate) * (1 - sp), rate
        chance = called * found_by_people + (1 - called) * (1 - found_by_people)
        kappa = (rate * se + (1 - rate) * sp - chance) / (1 - chance)
        for reviewed in REVIEWED:
            for _ in range(times):
                drawn = random.multinomial(reviewed, shares)
                said_of = [
                    Reviewed(rule_id="r", rule_verdict=rule, verdict=person)
                    for (rule, person), n in zip(said, drawn, strict=True)
                    for _ in range(n)
                ]
                found = accuracy_of(said_of)["r"]
                tally.covers(f"{PRECISION} {reviewed}", found.precision.interval(), (1 - rate) * sp / (1 - called))
                tally.covers(f"{RECALL} {reviewed}", found.recall.interval(), sp)
                if found.kappa is not None and found.kappa.interval is not None:
                    tally.covers(f"{KAPPA} {reviewed}", Interval(*found.kappa.interval), kappa)
                    tally.covers(f"{BOOTSTRAP} {reviewed}", bootstrap_of_kappa(drawn, random), kappa)


def bootstrap_of_kappa(drawn: np.ndarray, random: np.random.Generator) -> Interval:
    """The percentile bootstrap of Cohen's kappa (Efron 1979) over counts of [rule, person]."""
    tables = random.multinomial(drawn.sum(), drawn / drawn.sum(), size=400).reshape(400, 2, -1) / drawn.sum()
    agreed, chance = tables[:, 0, 0] + tables[:, 1, 1], (tables.sum(2) * tables[:, :, :2].sum(1)).sum(1)
    known = chance < 1 - 1e-12
    return Interval(*np.quantile((agreed - chance)[known] / (1 - chance)[known], (0.025, 0.975)))


def observe_two_people(random: np.random.Generator, times: int, tally: Tally) -> None:
    """Kappa of two people whose agreement is alike within calls, against the truth."""
    met, agree = 1.0, 2.0
    first = float(_mean_share(np.array(met), OF_CALL_IN_AGREEMENT))
    agreed = float(_mean_share(np.array(agree), OF_CALL_IN_AGREEMENT))
    second = first * agreed + (1 - first) * (1 - agreed)
    chance = first * second + (1 - first) * (1 - second)
    shape = (CALLS_OF_TWO, FINDINGS_A_CALL)
    for _ in range(times):
        of_met, of_agreement = (random.normal(0, OF_CALL_IN_AGREEMENT, (CALLS_OF_TWO, 1)) for _ in range(2))
        one = random.random(shape) < _inverse_logit(met + of_met)
        other = np.where(random.random(shape) < _inverse_logit(agree + of_agreement), one, ~one)
        ana, ben = (
            {
                (str(c), str(f)): FindingVerdict.MET if says[c, f] else FindingVerdict.MISSED
                for c, f in np.ndindex(shape)
            }
            for says in (one, other)
        )
        found = agreement_of_two(ana, ben)
        if found is not None and found.kappa is not None and found.kappa.interval is not None:
            tally.covers(TWO_PEOPLE, Interval(*found.kappa.interval), (agreed - chance) / (1 - chance))


def simulate_reviews(times: int) -> Tally:
    """What is said of reviews: corrected rates, the accuracy of rules, the agreement of people."""
    tally = Tally()
    observe_corrected(np.random.default_rng((SEED, len(CENTRES))), times, tally)
    observe_reviewed(np.random.default_rng((SEED, len(CENTRES) + 1)), times, tally)
    observe_two_people(np.random.default_rng((SEED, len(CENTRES) + 2)), 10 * times, tally)
    return tally


def simulate(centres: Iterable[Centre], weeks: int, *, agents_every: int = AGENTS_EVERY) -> Iterator[tuple[str, Tally]]:
    """One tally for each centre; agents are looked at in every so many weeks."""
    for centre in centres:
        random, tally = np.random.default_rng((SEED, centre.agents, centre.teams)), Tally()
        for week in range(weeks):
            drawn = draw(centre, random)
            observe(drawn, tally)
            if week % agents_every == 0:
                observe_agents(drawn, tally)
        yield centre.name, tally


_RANGES = (STEP_RANGE, POOLED_RANGE, CALMED_RANGE, CRITICAL_RANGE, TEAM_RANGE, AGENT_RANGE, CELL_RANGE)
_FLAGS = (
    FALSE_ALARM, AGENT_ALARM, AGENT_FLAG, AGENT_FLAGGED, CELL_FLAG, CELL_FLAGGED, CARD_FLAG, CARD_FLAGGED,
)  # fmt: skip
_REVIEWS = "## How far what reviews say can be trusted"
_METHODS = """\
| figure on the page | method | source |
|---|---|---|
| range of a share | Wilson's score interval | Wilson 1927; Newcombe 1998, Stat. Med. 17:857 |
| what unsure verdicts leave open of a rate | its bounds: all of them missed, all met | Manski 1989, J. Hum. Resour. 24:343 |
| pooled shares | effective sample size by the design effect of agents (of calls under two agents) | Cochran 1977, 6.8 |
| few agents | the design effect's part beyond 1 widened by Student's quantile; one below what is usual counts as far as agents are many | after Korn and Graubard 1998, Surv. Methodol. 24:193 |
| change of a week | hybrid score interval of a difference | Newcombe 1998, Stat. Med. 17:873, method 10 |
| many changes on a page | one level for all headlines and steps together | Šidák 1967 |
| an agent's estimate | beta-binomial empirical Bayes, shrinkage prior | Daniels 1999, Can. J. Stat. 27:567; Kass and Steffey 1989, JASA 84:717 |
| a change of an agent or team over four weeks | as above, at a stricter level: all together err in one week of 100 | as above |
| a step on a coaching card | the agent's estimate, at one level for all steps | Šidák 1967 |
| what goes with a calmed call | difference inside each agent's calls, its variance for small strata | Mantel and Haenszel 1959; Sato 1989, Biometrics 45:1323 |
| precision and recall of a rule | Wilson's score interval, random sample only | as above |
| agreement beyond chance | Cohen's kappa; chance taken as known, Wilson's interval of the share agreed, effective sample size by calls | Cohen 1960; Wilson 1927; Cochran 1977, 6.8 |
| corrected rate | Rogan and Gladen's estimator, clipped to 0 and 1 | Rogan and Gladen 1978, Am. J. Epidemiol. 107:71 |
| its range | adjusted counts and shift | Lang and Reiczigel 2014, Prev. Vet. Med. 113:13 |
"""  # noqa: E501 - A table.


def document(weeks: int, times: int) -> str:
    """The whole page, from the simulation."""
    centres = list(simulate(CENTRES, weeks))
    small = list(simulate(SMALL_CENTRES, weeks, agents_every=2))

    def table(names: tuple[str, ...], centres: Sequence[tuple[str, Tally]] = centres) -> str:
        heads = "| | " + " | ".join(name for name, _ in centres) + " |\n|---|" + "---|" * len(centres) + "\n"
        return heads + "".join(
            f"| {name} | " + " | ".join(tally.share(name) for _, tally in centres) + " |\n" for name in names
        )

    return f"""\
# How far the figures can be trusted

Made by `python benchmarks/simulate_statistics.py` (seed {SEED}, {weeks:,} weeks of each centre, {times:,} samples of
each scene of reviews); the figures come from the functions that make the weekly page and `callaudit review report`.

## The simulated weeks
Ten steps that are followed on {100 * BASE.min():.0f} to {100 * BASE.max():.0f} % of calls and apply to \
{100 * APPLIES.min():.0f} to {100 * APPLIES.max():.0f} % of them. On the logit scale agents differ
with a deviation of {OF_AGENT} over all steps and of {OF_AGENT_ON_STEP} more from step to step; calls differ with \
{OF_CALL}. Agents are drawn
anew for every simulated week, and the truth of a step is its mean over all agents there could be. Nothing changes from
week to week: every change that is told is a false alarm. An agent's truth is that agent's own rate; a flag is right
when the agent truly lies on that side of the mean of the team. Agents are looked at in every {AGENTS_EVERY}th week.

## How often a 95 % range holds the truth
Wanted: 93 to 97 %. The count is of ranges; those of one week or team are alike. A share of {weeks} is itself known
to about {100 * 1.96 * math.sqrt(0.05 * 0.95 / weeks):.0f} points.

{table(_RANGES)}
Of centres with one team of few agents, {SMALL_CENTRES[0].calls:.0f} calls each a week. Wanted: no less than 93 %. \
Two or three agents tell
badly how much agents differ, so their ranges are wide, and hold rather too often.

{table(_RANGES, small)}
{reviewed_section(simulate_reviews(times))}
## How often a flag is right
Wanted: a false alarm in at most 5 % of weeks; agent flags right at least 85 % of the time.

{table(_FLAGS)}
The false alarms stay far below 5 % because the same agents work in both weeks, which the range of a difference does not
use: it errs towards silence.

Not simulated: the range of a change apart from its false alarms.

## Methods
{_METHODS}"""


def reviewed_section(tally: Tally) -> str:
    """What is told of reviews, from its heading to an empty line."""
    names = (PRECISION, RECALL, KAPPA, CORRECTED_RANGE, BOOTSTRAP)
    rows = "".join(f"| {n} | " + " | ".join(tally.share(f"{name} {n}") for name in names) + " |\n" for n in REVIEWED)
    return f"""\
{_REVIEWS}
Scenes: rates of 50 to 90 %, rules that find 85 to 97 % of what is met and 75 to 90 % of what is missed, findings
reviewed at random, for corrected rates 40 to 600 findings a week. A week's page speaks of a rule's accuracy from \
{MINIMUM}
findings on, of a corrected rate from {MINIMUM_OF_EACH} truly met and {MINIMUM_OF_EACH} truly missed ones on.

| findings reviewed | {" | ".join(names)} |
|---|{"---|" * len(names)}
{rows}
The range of kappa of two people who judged {FINDINGS_A_CALL} findings in each of {CALLS_OF_TWO} calls and agree more \
on some calls than on
others (by {OF_CALL_IN_AGREEMENT} on the logit scale) holds the truth in {tally.share(TWO_PEOPLE)}.
The last column is a bootstrap, which is not used: where few findings mostly agree, no resample doubts it.
"""


def with_section(page: str, section: str) -> str:
    """The page with what it says of reviews replaced."""
    before, _, rest = page.partition(_REVIEWS)
    return f"{before}{section}\n## {rest.partition('## ')[2]}"


def main() -> None:
    """Simulate, print, and write the document."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--weeks", type=int, default=600, help="simulated weeks of each centre")
    asked.add_argument("--samples", type=int, default=300, help="simulated samples of each scene of reviews")
    asked.add_argument("--no-write", action="store_true", help="print only")
    asked.add_argument("--only-reviews", action="store_true", help="what is said of reviews, the rest stays as it is")
    options = asked.parse_args()
    if options.only_reviews:
        page = with_section(DOCUMENT.read_text(encoding="utf-8"), reviewed_section(simulate_reviews(options.samples)))
    else:
        page = document(options.weeks, options.samples)
    print(page)
    if not options.no_write:
        DOCUMENT.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
