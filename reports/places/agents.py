"""An agent's page: steps by month, what was agreed and whether it changed, moments to hear, the newest calls.

It names no colleague and compares with nobody but the agent's own past. A change is told only where it is clear for as
many steps as are asked (Newcombe's interval at Šidák's level), and never across a change of a rule.
"""

from collections.abc import Container, Iterable, Iterator
from datetime import date, timedelta
from typing import TypeVar

import msgspec

from callaudit.reports import charts
from callaudit.reports.page import call_file_name, call_link
from callaudit.reports.statistics import Rate
from callaudit.reports.weekly.agents import FEW_AGENT_CALLS
from callaudit.reports.weekly.moments import Moment, moment_of, mood
from callaudit.reports.weekly.names import name_words, names_one_of
from callaudit.reports.weekly.queries import NAMES
from callaudit.reports.weekly.rates import FEW, ChangeText, count_of, shown, told_change
from callaudit.reports.weekly.rows import CallRow, Named, Quoted, ScorecardRule
from callaudit.reports.wording import NOTHING, between, clock, counted, day, month
from callaudit.transcription.transcript import Seconds
from callaudit.warehouse.published import Published

MONTHS = 6
"""So many months of steps stand side by side; the later half is compared with the earlier."""
DAYS_BEFORE = 90
"""What was agreed is compared with so many days before."""
_MOMENTS = 4
_CALLS = 60


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """A step in a month."""

    text: str
    title: str
    few: bool


class StepLine(msgspec.Struct, frozen=True, kw_only=True):
    """A step over the months; `change` is of the later half of them against the earlier."""

    title: str
    cells: tuple[Cell, ...]
    value: str
    bar: charts.RangeBar
    few: bool
    change: ChangeText


class Agreed(msgspec.Struct, frozen=True, kw_only=True):
    """A step that was to be worked on: what it was in the 90 days before, what it is since, and whether it changed."""

    title: str
    told: str
    note: str
    moments: tuple[tuple[str, str], ...]
    before: str
    since: str
    change: ChangeText


class CallLine(msgspec.Struct, frozen=True, kw_only=True):
    """One of the newest calls."""

    call_id: str
    href: str
    when: str
    started: str
    duration: str
    length: float
    mood: str
    score: str
    critical_misses: int


class AgentPage(msgspec.Struct, frozen=True, kw_only=True):
    """The whole page."""

    name: str
    about: str
    scorecard: str
    months: tuple[str, ...]
    trend: charts.Trend | None
    trend_narrow: charts.Trend | None
    trend_label: str
    steps: tuple[StepLine, ...]
    steps_note: str
    agreed: tuple[Agreed, ...]
    missed: tuple[Moment, ...]
    met: tuple[Moment, ...]
    calls: tuple[CallLine, ...]
    timezone: str
    footer: str


class _Agent(msgspec.Struct, frozen=True, kw_only=True):
    """An agent and how many calls of theirs were audited; `team` is "" where none is known."""

    agent_id: str
    name: str
    team: str
    calls: int
    last: date | None


class _StepMonth(msgspec.Struct, frozen=True, kw_only=True):
    """An agent's calls on one step in a month."""

    agent_id: str
    step: str
    month: date
    met: int
    judged: int


class _CallMonth(msgspec.Struct, frozen=True, kw_only=True):
    """The steps of one of an agent's calls, and its month."""

    agent_id: str
    month: date
    met: int
    judged: int


class _Place(msgspec.Struct, frozen=True):
    """A place in a call that was listened to."""

    call_id: str
    at_s: Seconds | None


class _Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """What was agreed with an agent, and the calls on the step in the 90 days before and since."""

    agent_id: str
    step: str
    agreed_on: date
    agreed_by: str
    note: str
    moments: tuple[_Place, ...]
    met_before: int
    judged_before: int
    met_since: int
    judged_since: int


class _Quoted(Quoted, frozen=True, kw_only=True):
    """A quoted finding of an agent who is known."""

    agent_id: str


class _Call(CallRow, frozen=True, kw_only=True):
    """A call of an agent who is known."""

    agent_id: str


_OfAgent = TypeVar("_OfAgent", _StepMonth, _CallMonth, _Agreement, _Quoted, _Call)


class _Changed(msgspec.Struct, frozen=True, kw_only=True):
    """The newest week in which a rule changed."""

    rule_id: str
    week: str


class _Span(msgspec.Struct, frozen=True, kw_only=True):
    """The days from and to which agents' calls are; None where no call has a date."""

    first: date | None
    last: date | None


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of every agent, by agent, and what is the same for all.

    `changed` is by step the newest week in which a rule of it changed, "" where none did.
    """

    scorecard: str
    timezone: str
    steps: list[tuple[str, str]]
    changed: dict[str, str]
    months: tuple[date, ...]
    step_months: dict[str, list[_StepMonth]]
    call_months: dict[str, list[_CallMonth]]
    agreements: dict[str, list[_Agreement]]
    moments: dict[str, list[_Quoted]]
    calls: dict[str, list[_Call]]
    names: list[Named]


def agent_pages(published: Published, *, scorecard: str, with_pages: Container[str]) -> Iterator[tuple[str, AgentPage]]:
    """The id and the page of every agent whom a call names; `with_pages` are the file names of calls' pages."""
    agents = published.rows_as(_Agent, _AGENTS)
    if not agents:
        return
    asked = _ask(published, scorecard)
    for agent in agents:
        yield agent.agent_id, _page(asked, agent, with_pages)


def _page(asked: _Asked, agent: _Agent, with_pages: Container[str]) -> AgentPage:
    own = agent.agent_id
    points = _points(asked, own)
    others = name_words([row for row in asked.names if row.agent_id != own])
    said = [row for row in asked.moments.get(own, []) if not names_one_of(others, row.quote)]
    moments = [_moment(row, with_pages) for row in said]
    return AgentPage(
        name=agent.name,
        about=f"{agent.team or 'No team given'}. {counted(agent.calls, 'call')} audited"
        + (f", the last on {day(agent.last, year=True)}." if agent.last else "."),
        scorecard=asked.scorecard,
        months=tuple(month(m) for m in asked.months),
        trend=charts.trend(points, height=210) if len(points) > 1 else None,
        trend_narrow=charts.trend(points, width=360, height=190, labels=3) if len(points) > 1 else None,
        trend_label="Steps followed by month. "
        + "; ".join(f"{p.label}: {shown(Rate.of((p.share or 0) * p.n, p.n), few=p.faint)}" for p in points),
        steps=tuple(_step(asked, own, step, title) for step, title in asked.steps),
        steps_note=_STEPS_NOTE,
        agreed=tuple(_agreed(asked, row, with_pages) for row in asked.agreements.get(own, [])),
        missed=tuple(m for m in moments if not m.met)[:_MOMENTS],
        met=tuple(m for m in moments if m.met)[:_MOMENTS],
        calls=tuple(_call(row, with_pages) for row in asked.calls.get(own, [])),
        timezone=asked.timezone,
        footer=f"Confidential: for {agent.name} and who coaches them. Before any decision about a person, listen "
        "to the call.",
    )


_STEPS_NOTE = (
    f"Followed on how many of the calls where the step applied; under {FEW_AGENT_CALLS} in a month are only counted. "
    "Likely range: where the share of all these months probably lies (95%). A change is the later half of the months "
    "against the earlier, and is told as better or worse only where it is clear for all steps asked at once."
)


def _points(asked: _Asked, agent: str) -> list[charts.TrendPoint]:
    """All steps together by month; steps of one call are alike, so calls are the clusters."""
    made = []
    for start in asked.months:
        rows = [row for row in asked.call_months.get(agent, []) if row.month == start]
        rate = Rate.clustered([(row.met, row.judged) for row in rows])
        made.append(
            charts.TrendPoint(
                label=month(start), share=rate.share, interval=rate.interval(), n=int(rate.n), faint=len(rows) < FEW
            )
        )
    while made and made[0].share is None:
        del made[0]
    return made


def _step(asked: _Asked, agent: str, step: str, title: str) -> StepLine:
    counts = {row.month: (row.met, row.judged) for row in asked.step_months.get(agent, []) if row.step == step}
    rates = [Rate.of(*counts.get(start, (0, 0))) for start in asked.months]
    half = len(rates) // 2
    earlier, later, every = _sum(rates[:half]), _sum(rates[half:]), _sum(rates)
    few = every.n < FEW_AGENT_CALLS
    if asked.months and every.n and asked.changed.get(step, "") >= f"{asked.months[0]:%G-W%V}":
        change = ChangeText(words="Rule changed: not comparable")
    else:
        change = told_change(later, earlier, enough=min(later.n, earlier.n) >= FEW, comparisons=len(asked.steps))
    return StepLine(
        title=title,
        cells=tuple(_cell(rate) for rate in rates),
        value=shown(every, few=few),
        bar=charts.range_bar(every.share, every.interval()),
        few=few,
        change=change,
    )


def _agreed(asked: _Asked, row: _Agreement, with_pages: Container[str]) -> Agreed:
    """Whether it changed is asked of all that was agreed at once, and never across a change of a rule."""
    before, since = Rate.of(row.met_before, row.judged_before), Rate.of(row.met_since, row.judged_since)
    several = len(asked.agreements[row.agent_id])
    started = f"{row.agreed_on - timedelta(days=DAYS_BEFORE):%G-W%V}"
    if asked.changed.get(row.step, "") >= started and since.n:
        change = ChangeText(words="Rule changed: not comparable")
    elif not since.n:
        change = ChangeText(words="No call since has called for it")
    else:
        change = told_change(since, before, enough=min(since.n, before.n) >= FEW, comparisons=several)
    return Agreed(
        title=dict(asked.steps).get(row.step, row.step),
        told=f"agreed on {day(row.agreed_on, year=True)} with {row.agreed_by}",
        note=row.note,
        moments=tuple(_place(moment, with_pages) for moment in row.moments),
        before=count_of(before, "call") if before.n else "no call before called for it",
        since=count_of(since, "call") if since.n else "no call since",
        change=change if change.words else ChangeText(words="Nothing before to compare with"),
    )


def _place(moment: _Place, with_pages: Container[str]) -> tuple[str, str]:
    """A moment that was listened to: what it is called, and its place on the call's page, "" where there is none."""
    call_id, at = moment.call_id, moment.at_s
    there = call_file_name(call_id) in with_pages
    return call_id + (f" at {clock(at)}" if at is not None else ""), f"../{call_link(call_id, at=at)}" if there else ""


def _sum(rates: list[Rate]) -> Rate:
    return Rate.of(sum(rate.hits for rate in rates), sum(rate.n for rate in rates))


def _cell(rate: Rate) -> Cell:
    few = rate.n < FEW_AGENT_CALLS
    title = f"{rate.hits:.0f} of {counted(int(rate.n), 'call')}" + (
        "" if few else f", likely {between(rate.interval())}"
    )
    return Cell(text=shown(rate, few=few), title=title if rate.n else "did not apply", few=few)


def _moment(row: Quoted, with_pages: Container[str]) -> Moment:
    href = call_link(row.call_id, at=row.at_s) if call_file_name(row.call_id) in with_pages else ""
    return moment_of(row, href=f"../{href}" if href else "")


def _call(row: CallRow, with_pages: Container[str]) -> CallLine:
    name = call_file_name(row.call_id)
    local = row.started_local
    return CallLine(
        call_id=row.call_id,
        href=f"../{call_link(row.call_id)}" if name in with_pages else "",
        when=f"{day(local.date())} {local:%H:%M}" if local else "no date",
        started=f"{local:%Y-%m-%dT%H:%M}" if local else "",
        duration=clock(row.duration_s),
        length=round(row.duration_s or 0.0, 1),
        mood=mood(row),
        score=NOTHING if row.score is None else f"{row.score:.0f}",
        critical_misses=row.critical_misses or 0,
    )


_AGENTS = """
select agent_id, coalesce(arg_max(agent_name, started_at), agent_id) as name,
    coalesce(arg_max(team, started_at), '') as team, count(*) as calls, max(local_date) as last
from calls where agent_id is not null group by agent_id order by agent_id
"""
_STEP_MONTHS = """
select agent_id, step, date_trunc('month', local_date)::date as month, count(*) filter (verdict = 'met') as met,
    count(*) filter (verdict in ('met', 'missed')) as judged
from call_steps where scorecard = $scorecard and agent_id is not null and local_date >= $first
group by all order by all
"""
_CALL_MONTHS = """
select agent_id, date_trunc('month', local_date)::date as month, call_id, steps_met as met, steps_judged as judged
from call_scorecards where scorecard = $scorecard and agent_id is not null and local_date >= $first
order by agent_id, call_id
"""
_AGREEMENTS = """
select a.agreement_id, a.agent_id, a.step, a.agreed_on, a.agreed_by, a.note, a.moments,
    count(*) filter (s.local_date < a.agreed_on and s.verdict = 'met') as met_before,
    count(*) filter (s.local_date < a.agreed_on and s.verdict in ('met', 'missed')) as judged_before,
    count(*) filter (s.local_date >= a.agreed_on and s.verdict = 'met') as met_since,
    count(*) filter (s.local_date >= a.agreed_on and s.verdict in ('met', 'missed')) as judged_since
from agreements a
left join call_steps s on s.agent_id = a.agent_id and s.scorecard = a.scorecard and s.step = a.step
    and s.local_date >= a.agreed_on - $days::integer
where a.scorecard = $scorecard
group by all order by a.agent_id, a.agreed_on desc, a.agreement_id
"""
# A critical one first, then the newest; of a call the first alone, so that several calls are heard.
_MOMENTS_OF = """
select f.call_id, f.rule_id, f.asks, f.verdict, coalesce(f.reason, '') as reason, f.quote,
    f.quote_speaker, f.at_s, f.agent_name, f.agent_id, r.critical and f.is_proven as critical
from findings f join scorecard_rules r on r.rule_id = f.rule_id and r.scorecard = $scorecard
where f.local_date >= $first and f.status = 'live' and f.verdict in ('met', 'missed') and f.agent_id is not null
    and f.quote <> '' and (f.verdict = 'missed' or f.quote_speaker <> 'customer')
qualify row_number() over (
        partition by f.agent_id, f.verdict, f.call_id order by r.critical and f.is_proven desc, r.weight desc,
            f.rule_id) = 1
    and row_number() over (
        partition by f.agent_id, f.verdict order by r.critical and f.is_proven desc, f.started_at desc, f.call_id,
            f.rule_id) <= $most
order by f.agent_id, f.verdict, r.critical and f.is_proven desc, f.started_at desc, f.call_id
"""
_CALLS_OF = """
select c.agent_id, c.call_id, c.started_local, c.duration_s, c.roles_from, c.upset, c.tense, c.calmed, s.score,
    s.critical_misses
from calls c left join call_scorecards s on s.call_id = c.call_id and s.scorecard = $scorecard
where c.agent_id is not null
qualify row_number() over (partition by c.agent_id order by c.started_at desc, c.call_id) <= $most
order by c.agent_id, c.started_at desc, c.call_id
"""


def _ask(published: Published, scorecard: str) -> _Asked:
    (span,) = published.rows_as(
        _Span, "select min(local_date) as first, max(local_date) as last from calls where agent_id is not null"
    )
    months = _months(span.first, span.last)
    first = months[0] if months else date.max
    given = {"scorecard": scorecard, "first": first}
    rules = published.rows_as(
        ScorecardRule,
        "select * from scorecard_rules where scorecard = $scorecard order by step_number, step, rule_id",
        {"scorecard": scorecard},
    )
    # A first rulebook changes nothing, so it is in none of these.
    weeks = published.rows_as(
        _Changed,
        "select rule_id, max(first_week) as week from rule_changes where first_week is not null group by rule_id",
    )
    by_rule = {row.rule_id: row.week for row in weeks}
    changed: dict[str, str] = {}
    for row in rules:
        changed[row.step] = max(changed.get(row.step, ""), by_rule.get(row.rule_id, ""))
    return _Asked(
        scorecard=rules[0].scorecard_title if rules else scorecard,
        timezone=published.value(str, "select site_timezone()"),
        steps=list(dict.fromkeys((row.step, row.step_title) for row in rules)),
        changed=changed,
        months=months,
        step_months=_by_agent(published.rows_as(_StepMonth, _STEP_MONTHS, given)),
        call_months=_by_agent(published.rows_as(_CallMonth, _CALL_MONTHS, given)),
        agreements=_by_agent(published.rows_as(_Agreement, _AGREEMENTS, {"scorecard": scorecard, "days": DAYS_BEFORE})),
        moments=_by_agent(published.rows_as(_Quoted, _MOMENTS_OF, {**given, "most": 3 * _MOMENTS})),
        calls=_by_agent(published.rows_as(_Call, _CALLS_OF, {"scorecard": scorecard, "most": _CALLS})),
        names=published.rows_as(Named, NAMES),
    )


def _months(oldest: date | None, newest: date | None) -> tuple[date, ...]:
    """The first days of the months with calls, at most the last `MONTHS`; none where no call has a date."""
    if oldest is None or newest is None:
        return ()
    first, last = (on.year * 12 + on.month - 1 for on in (oldest, newest))
    return tuple(date(n // 12, n % 12 + 1, 1) for n in range(max(first, last - MONTHS + 1), last + 1))


def _by_agent(rows: Iterable[_OfAgent]) -> dict[str, list[_OfAgent]]:
    found: dict[str, list[_OfAgent]] = {}
    for row in rows:
        found.setdefault(row.agent_id, []).append(row)
    return found
