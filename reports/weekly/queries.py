"""What the weekly report asks the warehouse: one list of rows for each question, for one week and one scorecard."""

import re
from collections.abc import Container, Iterable
from datetime import date, timedelta
from typing import TypeVar

import msgspec

from callaudit.reports.weekly import rows
from callaudit.reports.weekly.edition import WHOLE, Edition
from callaudit.reports.weekly.names import name_words, names_one_of
from callaudit.reports.wording import iso_week, listed, week_start
from callaudit.transcription.errors import InputError
from callaudit.warehouse.published import Published

_Row = TypeVar("_Row", bound=msgspec.Struct)
_Quoted = TypeVar("_Quoted", bound=rows.Quoted)
WEEKS = 13
AGENT_WEEKS = 4
MOMENTS_FOR_COACHING = 3

NAMES = "select distinct agent_id, agent_name from calls where agent_id is not null order by all"
"""Everybody's names, for telling where one is said."""


class Verdicts(msgspec.Struct, frozen=True):
    """Steps followed and steps judged, by week, step and `who`."""

    counts: dict[tuple[str, str], dict[str, tuple[int, int]]]

    def of(self, week: str, *, step: str | None = None, leave_out: Container[str] = ()) -> list[tuple[int, int]]:
        """(followed, judged) of each one who has any in the week, on one step or on all but some."""
        sums: dict[str, tuple[int, int]] = {}
        for (at, what), by_who in self.counts.items():
            if at == week and what not in leave_out and step in (None, what):
                for who, (met, judged) in by_who.items():
                    before = sums.get(who, (0, 0))
                    sums[who] = (before[0] + met, before[1] + judged)
        return list(sums.values())


class Readings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a weekly report is made from.

    `weeks` runs over consecutive ISO weeks, the oldest first, from the first that has calls (at most `WEEKS`) to the
    week asked for, by the clock of `timezone`. `verdicts` counts steps of calls by week, step and `who` (the agent; the
    call where there are no two agents), so that ranges respect that one agent's calls are alike; `by_agent` says
    which. `unsure_steps` counts, by week and step, what was called for and what of it is unsure. `agents`,
    `agent_weeks`, `agent_steps` and `agent_calls` hold the colleagues of the agent whom an edition is about, who are
    compared with and never shown; everything else holds the edition's calls only. `rule_reviews` are the findings of
    these weeks that people judged in a random sample, `names` everybody's names, for telling where one is said.
    """

    week: str
    before: str
    timezone: str
    scorecard: str
    title: str
    edition: Edition
    by_agent: bool
    weeks: tuple[str, ...]
    week_rows: list[rows.WeekCounts]
    verdicts: Verdicts
    unsure_steps: list[rows.WeekStep]
    rules: list[rows.RuleCounts]
    scorecard_rules: list[rows.ScorecardRule]
    targets: list[rows.Target]
    scorecards: list[rows.ScorecardCounts]
    step_losses: list[rows.StepLoss]
    critical_rules: list[rows.CriticalRule]
    misses: list[rows.MissCount]
    calmed: list[rows.CalmedCount]
    measures: list[rows.WeekMeasures]
    agents: list[rows.Agent]
    agent_weeks: list[rows.AgentWeek]
    agent_steps: list[rows.AgentStep]
    agent_calls: list[rows.AgentCall]
    agent_moments: list[rows.QuotedOfAgent]
    calls: list[rows.CallOfWeek]
    calls_by_agent: list[rows.WhoseCalls]
    moments: list[rows.QuotedOfWeek]
    funnel: list[rows.Milestone]
    coverage: list[rows.Coverage]
    not_audited: list[rows.NotAudited]
    undated: int
    erased: list[rows.Erased]
    engines: list[rows.Engine]
    unheard: rows.Unheard
    heard_again: list[rows.CallHeardAgain]
    versions: list[rows.WeekVersion]
    rule_changes: list[rows.RuleChange]
    reviews: list[rows.ReviewedRule]
    rule_reviews: list[rows.ReviewedAtRandom]
    names: list[rows.Named]


def read(published: Published, *, week: str, scorecard: str, edition: Edition = WHOLE) -> Readings:
    """Ask every question once, of the edition's calls.

    Raises InputError where `week` is no ISO week or the warehouse holds no such scorecard.
    """
    monday = week_start(week)
    title = _scorecard_title(published, scorecard)
    before = iso_week(monday - timedelta(days=7))
    weeks = _weeks(published, monday, edition)
    four = iso_week(monday - timedelta(days=7 * (AGENT_WEEKS - 1)))
    ask = _Asking(
        published, edition, {"scorecard": scorecard, "week": week, "before": before, "first": weeks[0], "four": four}
    )
    by_agent = (
        ask.number("select count(distinct c.agent_id) from calls c where c.iso_week between $first and $week {of_c}")
        > 1
    )
    who = "coalesce(c.agent_id, c.call_id)" if by_agent else "c.call_id"
    names = published.rows_as(rows.Named, NAMES)
    others = [one for one in names if one.agent_id != edition.agent] if edition.agent else []
    return Readings(
        week=week,
        before=before,
        timezone=published.value(str, "select site_timezone()"),
        scorecard=scorecard,
        title=title,
        edition=edition,
        by_agent=by_agent,
        weeks=weeks,
        week_rows=ask(
            rows.WeekCounts,
            """
            select c.iso_week, count(*) as calls, count(c.tense) as tense_judged_calls,
                count(*) filter (c.tense) as tense_calls,
                count(*) filter (c.calmed) as calmed_calls,
                count(*) filter (c.upset = 'perhaps') as perhaps_tense_calls, sum(c.duration_s) as duration_s
            from calls c where c.iso_week between $first and $week {of_c}
            group by c.iso_week order by c.iso_week
            """,
        ),
        verdicts=_verdicts(
            ask(
                rows.StepOfOne,
                f"""
                select c.iso_week, c.step, {who} as who, count(*) filter (c.verdict = 'met') as met,
                    count(*) filter (c.verdict in ('met', 'missed')) as judged
                from call_steps c
                where c.scorecard = $scorecard and c.iso_week between $first and $week {{of_c}}
                group by all having judged > 0 order by all
                """,  # noqa: S608 `who` is one of two literals.
            )
        ),
        unsure_steps=ask(
            rows.WeekStep,
            """
            select c.iso_week, c.step, count(*) filter (c.verdict = 'met') as met,
                count(*) filter (c.verdict in ('met', 'missed')) as judged,
                count(*) filter (c.verdict = 'unsure') as unsure,
                count(*) filter (c.verdict <> 'not_applicable') as applicable
            from call_steps c
            where c.scorecard = $scorecard and c.iso_week between $first and $week {of_c}
            group by all order by all
            """,
        ),
        rules=ask(
            rows.RuleCounts,
            """
            select f.rule_id, count(*) filter (f.verdict = 'met') as met,
                count(*) filter (f.verdict in ('met', 'missed')) as judged, met / nullif(judged, 0) as rate,
                count(*) filter (f.verdict = 'unsure') as unsure,
                count(*) filter (f.verdict <> 'not_applicable') as applicable,
                count(*) filter (f.rule_verdict = 'met') as own_met,
                count(*) filter (f.rule_verdict in ('met', 'missed')) as own_judged
            from findings f where f.iso_week = $week {of_f}
            group by f.rule_id order by f.rule_id
            """,
        ),
        scorecard_rules=ask(
            rows.ScorecardRule,
            "select * from scorecard_rules where scorecard = $scorecard order by step_number, step, rule_id",
        ),
        targets=published.rows_as(
            rows.Target,
            "select team, step, target, least_calls from targets where scorecard = $scorecard and team in ('', $team)",
            {"scorecard": scorecard, "team": edition.team or edition.agent_team},
        ),
        scorecards=ask(
            rows.ScorecardCounts,
            """
            select s.scorecard, any_value(s.scorecard_title) as scorecard_title, round(avg(s.score), 9) as score,
                sum(s.steps_judged)::bigint as judged, sum(s.steps_met)::bigint as met,
                sum(s.steps_unsure)::bigint as unsure, sum(s.steps_applicable)::bigint as applicable
            from call_scorecards s where s.iso_week = $week {of_s}
            group by s.scorecard order by s.scorecard
            """,
        ),
        step_losses=ask(
            rows.StepLoss,
            """
            select s.step, any_value(s.step_title) as step_title, count(*) filter (s.verdict = 'missed') as misses,
                count(*) filter (s.verdict in ('met', 'missed')) as judged,
                round(sum(s.weight_judged - s.weight_met), 9) as lost
            from call_steps s where s.scorecard = $scorecard and s.iso_week = $week {of_s}
            group by s.step order by s.step
            """,
        ),
        critical_rules=ask(
            rows.CriticalRule,
            """
            select f.rule_id, any_value(d.missed) as missed, any_value(r.step_title) as step_title,
                count(distinct f.call_id) as calls
            from findings f
            join scorecard_rules r on r.rule_id = f.rule_id and r.scorecard = $scorecard and r.critical
            join core.rules d on d.rulebook_version = f.rulebook_version and d.rule_id = f.rule_id
            where f.iso_week = $week and f.status = 'live' and f.verdict = 'missed' and f.is_proven {of_f}
            group by f.rule_id order by calls desc, f.rule_id
            """,
        ),
        misses=ask(rows.MissCount, _MISSES),
        calmed=ask(rows.CalmedCount, _CALMED),
        measures=ask(
            rows.WeekMeasures,
            """
            select c.iso_week, count(c.duration_s) as timed, count(c.talk_share_agent) as shared,
                count(c.silence_s) as silent, count(c.holds) as held, count(c.overlaps_by_agent) as over,
                quantile_cont(c.duration_s, [0.25, 0.5, 0.75]) as duration,
                quantile_cont(c.talk_share_agent, [0.25, 0.5, 0.75]) as talk,
                quantile_cont(c.silence_s / nullif(c.duration_s, 0), [0.25, 0.5, 0.75]) as silence,
                count(*) filter (c.holds > 0) as with_hold,
                count(*) filter (c.overlaps_by_agent > 0) as with_overlap
            from calls c where c.iso_week between $first and $week {of_c}
            group by c.iso_week order by c.iso_week
            """,
        ),
        agents=ask(
            rows.Agent,
            """
            select s.agent_id, arg_max(s.agent_name, s.started_at) as agent_name,
                coalesce(arg_max(s.team, s.started_at), '') as team, count(*) as calls,
                sum(s.steps_met)::bigint as met, sum(s.steps_judged)::bigint as judged
            from call_scorecards s
            where s.scorecard = $scorecard and s.iso_week between $four and $week and s.agent_id is not null {team_s}
            group by s.agent_id order by team, agent_name, s.agent_id
            """,
        ),
        agent_weeks=ask(
            rows.AgentWeek,
            """
            select s.agent_id, s.iso_week, count(*) as calls, sum(s.steps_met)::bigint as met,
                sum(s.steps_judged)::bigint as judged
            from call_scorecards s
            where s.scorecard = $scorecard and s.iso_week between $first and $week and s.agent_id is not null {team_s}
            group by all order by all
            """,
        ),
        agent_steps=ask(
            rows.AgentStep,
            """
            select s.agent_id, s.step, count(*) filter (s.verdict = 'met') as met,
                count(*) filter (s.verdict in ('met', 'missed')) as judged,
                count(*) filter (s.verdict = 'unsure') as unsure,
                count(*) filter (s.verdict <> 'not_applicable') as applicable
            from call_steps s
            where s.scorecard = $scorecard and s.iso_week between $four and $week and s.agent_id is not null {team_s}
            group by all order by all
            """,
        ),
        agent_calls=ask(
            rows.AgentCall,
            """
            select s.call_id, s.steps_met as met, s.steps_judged as judged from call_scorecards s
            where s.scorecard = $scorecard and s.iso_week between $four and $week and s.agent_id is not null {team_s}
            order by s.call_id
            """,
        ),
        agent_moments=_naming_none_of(others, ask(rows.QuotedOfAgent, _AGENT_MOMENTS)),
        calls=ask(
            rows.CallOfWeek,
            """
            select c.call_id, c.started_local, c.agent_name, c.agent_id, c.team, c.queue, c.duration_s, c.upset,
                c.tense, c.calmed, c.roles_from, s.score, s.critical_misses, s.rules_judged, s.rules_met,
                s.rules_unsure, s.coverage, s.steps_met, s.steps_judged
            from calls c left join call_scorecards s on s.call_id = c.call_id and s.scorecard = $scorecard
            where c.iso_week = $week {of_c}
            order by c.started_local, c.call_id
            """,
        ),
        calls_by_agent=ask(
            rows.WhoseCalls,
            f"""
            select c.iso_week, {who} as who, count(*) as calls,
                count(*) filter (c.tense) as tense_calls, count(*) filter (c.calmed) as calmed_calls,
                count(s.critical_misses) as critical_judged_calls,
                count(*) filter (s.critical_misses > 0) as calls_with_critical_miss
            from calls c left join call_scorecards s on s.call_id = c.call_id and s.scorecard = $scorecard
            where c.iso_week in ($before, $week) {{of_c}}
            group by all order by all
            """,  # noqa: S608 `who` is one of two literals.
        ),
        moments=_naming_none_of(
            others,
            ask(
                rows.QuotedOfWeek,
                """
            select f.call_id, f.rule_id, f.asks, f.verdict, coalesce(f.reason, '') as reason, f.other_call_id,
                f.quote, f.quote_kind, f.quote_speaker, f.at_s, f.agent_name, f.agent_id,
                r.critical and f.is_proven as critical, r.weight, c.score
            from findings f
            join scorecard_rules r on r.rule_id = f.rule_id and r.scorecard = $scorecard
            left join call_scorecards c on c.call_id = f.call_id and c.scorecard = $scorecard
            where f.iso_week = $week and f.status = 'live' and f.verdict in ('met', 'missed') and f.quote <> '' {of_f}
            order by f.call_id, f.rule_id
            """,
            ),
        ),
        funnel=ask(
            rows.Milestone,
            """
            select f.call_id, f.rule_id, f.verdict = 'met' as met
            from findings f join calls c on c.call_id = f.call_id
            where f.iso_week = $week and c.tense and f.verdict in ('met', 'missed') {of_f}
                and f.rule_id in (select rule_id from scorecard_rules where milestone is not null)
            order by all
            """,
        ),
        coverage=ask(
            rows.Coverage,
            """
            select sum(s.rules_applicable)::bigint as applicable, sum(s.rules_judged)::bigint as judged,
                sum(s.rules_unsure)::bigint as unsure,
                count(*) filter (c.roles_from = 'unknown') as calls_roles_unknown,
                count(*) filter (c.roles_from = 'guessed') as calls_roles_guessed,
                count(*) filter (not c.has_times) as calls_without_times
            from call_scorecards s join calls c on c.call_id = s.call_id
            where s.scorecard = $scorecard and s.iso_week = $week {of_s} having count(*) > 0
            """,
        ),
        # What could not be audited, and what was erased, is known of no team, queue or agent.
        not_audited=ask(
            rows.NotAudited,
            """
            select iso_week is null as undated, coalesce(iso_week, found_week) as counted_week, code,
                sum(files)::bigint as files, min(next_step) as next_step
            from not_audited_by_week where coalesce(iso_week, found_week) in ($before, $week)
            group by all order by files desc, code
            """,
        )
        if edition.is_whole
        else [],
        undated=ask.number("select count(*) from calls c where c.iso_week is null {of_c}"),
        erased=ask(rows.Erased, "select kind, calls from erased_by_week where iso_week = $week order by kind")
        if edition.is_whole
        else [],
        engines=ask(
            rows.Engine,
            """
            select c.engine, c.model, coalesce(c.notice, '') as notice, count(*) as calls,
                round(avg(c.confidence), 9) as confidence
            from calls c where c.iso_week = $week {of_c}
            group by all order by count(*) desc, c.engine, c.model
            """,
        ),
        unheard=ask(
            rows.Unheard,
            """
            select count(*) as calls, coalesce(round(sum(c.unheard_s), 9), 0) as seconds
            from calls c where c.iso_week = $week and c.unheard_s > 0 {of_c}
            """,
        )[0],
        heard_again=ask(
            rows.CallHeardAgain,
            """
            select c.call_id, c.engine || ' ' || c.model as way, count(*) as judged,
                count(*) filter (c.has_flipped) as flipped,
                count(*) filter (c.has_flipped and c.verdict_again in ('met', 'missed')) as turned
            from heard_again c where c.iso_week between $four and $week {of_c}
            group by all order by all
            """,
        ),
        versions=ask(
            rows.WeekVersion,
            """
            select distinct c.iso_week, c.rulebook_version from calls c
            where c.iso_week between $first and $week {of_c} order by all
            """,
        ),
        rule_changes=ask(
            rows.RuleChange,
            """
            select * replace (coalesce(first_week, '') as first_week) from rule_changes
            order by loaded_at, rulebook_version, rule_id
            """,
        ),
        reviews=ask(
            rows.ReviewedRule,
            """
            select r.call_id, r.rule_id, r.agrees from reviews r join calls c on c.call_id = r.call_id
            where c.iso_week = $week {of_c} order by all
            """,
        ),
        # How often a rule is right is asked of every call: the sample was drawn from all.
        rule_reviews=ask(
            rows.ReviewedAtRandom,
            """
            select call_id, rule_id, rule_verdict, verdict from random_reviews
            where is_newest and iso_week between $first and $week order by all
            """,
        ),
        names=names,
    )


class _Asking:
    """Asks with the values that a question names.

    `{of_c}` in a question narrows its table `c` to the edition, `{team_c}` to that and the colleagues of its agent.
    """

    def __init__(self, published: Published, edition: Edition, values: dict[str, object]) -> None:
        self._published, self._edition, self._values = published, edition, values

    def __call__(self, kind: type[_Row], sql: str) -> list[_Row]:
        return self._published.rows_as(kind, *self._narrowed(sql))

    def number(self, sql: str) -> int:
        """The one number that a question is answered by."""
        return self._published.value(int, *self._narrowed(sql))

    def _narrowed(self, sql: str) -> tuple[str, dict[str, object]]:
        values = self._values
        for place, table in set(_NARROWED.findall(sql)):
            condition, given = self._edition.where(table, colleagues=place == "team")
            sql = sql.replace(f"{{{place}_{table}}}", condition)
            values = values | given
        return sql, {name: value for name, value in values.items() if f"${name}" in sql}


_NARROWED = re.compile(r"\{(of|team)_([a-z])\}")

_MISSES = """
select f.miss_kind, f.rule_id, count(*) as misses
from findings f
where f.iso_week = $week and f.status = 'live' and f.verdict = 'missed' {of_f}
    and f.rule_id in (select rule_id from scorecard_rules where scorecard = $scorecard)
group by all order by all
"""

# Only rules about the agent's own words and times: what the customer says is how a calmed call is told.
_CALMED = """
select f.agent_id, f.rule_id, f.verdict = 'met' as met, count(*) as calls, count(*) filter (c.calmed) as calmed
from findings f
join calls c on c.call_id = f.call_id
join core.rules d on d.rulebook_version = f.rulebook_version and d.rule_id = f.rule_id
where f.iso_week between $four and $week and c.tense and c.calmed is not null and f.agent_id is not null
    and f.status = 'live' and f.verdict in ('met', 'missed') and d.speaker = 'agent' {of_f}
    and f.rule_id in (select rule_id from scorecard_rules where scorecard = $scorecard)
group by all order by all
"""

# The newest of each agent, step and verdict, a critical one first.
_AGENT_MOMENTS = f"""
select f.call_id, f.rule_id, r.step, f.asks, f.verdict, coalesce(f.reason, '') as reason, f.other_call_id, f.quote,
    f.quote_speaker, f.at_s, f.agent_name, f.agent_id, r.critical and f.is_proven as critical
from findings f
join scorecard_rules r on r.rule_id = f.rule_id and r.scorecard = $scorecard
where f.iso_week between $four and $week and f.status = 'live' and f.verdict in ('met', 'missed')
    and f.agent_id is not null and f.quote <> '' and (f.verdict = 'missed' or f.quote_speaker <> 'customer') {{of_f}}
qualify row_number() over (
    partition by f.agent_id, r.step, f.verdict
    order by r.critical and f.is_proven desc, f.started_at desc, f.call_id, f.rule_id
) <= {MOMENTS_FOR_COACHING}
order by f.agent_id, r.step, f.verdict, r.critical and f.is_proven desc, f.started_at desc, f.call_id, f.rule_id
"""  # noqa: S608  A number of ours.


def steps_in_order(readings: Readings) -> list[tuple[int, str, str]]:
    """Number, id and title of the scorecard's steps."""
    return list(dict.fromkeys((rule.step_number, rule.step, rule.step_title) for rule in readings.scorecard_rules))


def scorecard_titles(published: Published) -> dict[str, str]:
    """The title of every scorecard in force, by its name."""
    found = published.rows("select distinct scorecard, scorecard_title from scorecard_rules order by all")
    return {row["scorecard"]: row["scorecard_title"] for row in found}


def _scorecard_title(published: Published, scorecard: str) -> str:
    known = scorecard_titles(published)
    if scorecard not in known:
        raise InputError(
            f"No scorecard {scorecard!r} in the warehouse.",
            why=f"It holds {listed(list(known)) or 'none'}.",
            tries=(f"choose one of: {', '.join(known)}" if known else "audit some calls first: callaudit run",),
        )
    return known[scorecard]


def _weeks(published: Published, monday: date, edition: Edition) -> tuple[str, ...]:
    oldest = monday - timedelta(days=7 * (WEEKS - 1))
    narrowed, given = edition.where("c")
    start = published.value(
        date,
        f"""
        select coalesce(min(c.week_start), $monday) from calls c
        where c.week_start between $oldest and $monday {narrowed}
        """,  # noqa: S608  Words of ours.
        {"oldest": oldest, "monday": monday, **given},
    )
    return tuple(iso_week(start + timedelta(days=7 * i)) for i in range((monday - start).days // 7 + 1))


def _naming_none_of(others: list[rows.Named], said: list[_Quoted]) -> list[_Quoted]:
    """What names none of the others: an agent's own edition is no place for what was said of a colleague."""
    words = name_words(others)
    return [one for one in said if not names_one_of(words, one.quote)] if words else said


def _verdicts(steps: Iterable[rows.StepOfOne]) -> Verdicts:
    counts: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}
    for one in steps:
        counts.setdefault((one.iso_week, one.step), {})[one.who] = (one.met, one.judged)
    return Verdicts(counts)
