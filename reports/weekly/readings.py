"""What the weekly report asks the warehouse: one list of rows for each question, for one week and one scorecard."""

from collections.abc import Container
from datetime import date, timedelta
from typing import Any

import msgspec

from reports.wording import iso_week, listed, week_start
from transcription.errors import InputError
from warehouse.connect import Published

Row = dict[str, Any]
WEEKS = 13
AGENT_WEEKS = 4


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
    week asked for. `verdicts` counts steps of calls by week, step and `who` (the agent; the call where agents are few
    or unnamed), so that ranges can respect that one agent's calls are alike. `rule_reviews` are the findings of these
    weeks that people judged in a random sample; `own_verdicts` counts what the rules said of the week
    before anybody reversed it.
    """

    week: str
    before: str
    scorecard: str
    title: str
    weeks: tuple[str, ...]
    week_rows: list[Row]
    verdicts: Verdicts
    rules: list[Row]
    scorecard_rules: list[Row]
    scorecards: list[Row]
    critical_misses: list[Row]
    agents: list[Row]
    agent_steps: list[Row]
    agent_calls: list[Row]
    calls: list[Row]
    calls_by_agent: list[Row]
    moments: list[Row]
    funnel: list[Row]
    coverage: list[Row]
    not_audited: list[Row]
    undated: int
    erased: list[Row]
    engines: list[Row]
    versions: list[Row]
    rule_changes: list[Row]
    reviews: list[Row]
    rule_reviews: list[Row]
    own_verdicts: list[Row]


FUNNEL = (
    ("empathy.acknowledges_feeling", "Feeling named"),
    ("clarify.mirrors", "Problem said back"),
    ("solution.is_offered", "Solution offered"),
    ("agreement.customer_accepts", "Customer accepted"),
)
"""The stages of a tense call that went well, in the order in which all four frameworks put them."""

# Fewer agents than this say little about how alike one agent's calls are.
_AGENTS_FOR_CLUSTERS = 6


def read(published: Published, *, week: str, scorecard: str) -> Readings:
    """Ask every question once.

    Raises InputError where `week` is no ISO week or the warehouse holds no such scorecard.
    """
    monday = week_start(week)
    title = _scorecard_title(published, scorecard)
    before = iso_week(monday - timedelta(days=7))
    weeks = _weeks(published, monday)
    span = {"first": weeks[0], "week": week, "scorecard": scorecard}
    four = {"four": iso_week(monday - timedelta(days=7 * (AGENT_WEEKS - 1))), "week": week, "scorecard": scorecard}
    named = published.rows(
        "select count(distinct agent_id) as agents from calls where iso_week between $first and $week",
        {"first": weeks[0], "week": week},
    )[0]["agents"]
    who = "coalesce(c.agent_id, c.call_id)" if named >= _AGENTS_FOR_CLUSTERS else "c.call_id"
    return Readings(
        week=week,
        before=before,
        scorecard=scorecard,
        title=title,
        weeks=weeks,
        week_rows=published.rows(
            "select * from weeks where iso_week between $first and $week order by iso_week",
            {"first": weeks[0], "week": week},
        ),
        verdicts=_verdicts(published, who, span),
        rules=published.rows("select * from rules_by_week where iso_week = $week order by rule_id", {"week": week}),
        scorecard_rules=published.rows(
            "select * from scorecard_rules where scorecard = $scorecard order by step_number, step, rule_id",
            {"scorecard": scorecard},
        ),
        scorecards=published.rows(
            "select * from scorecards_by_week where iso_week in ($before, $week) order by iso_week, scorecard",
            {"before": before, "week": week},
        ),
        critical_misses=published.rows(
            """
            select step_title, count(distinct call_id) as calls
            from call_steps
            where scorecard = $scorecard and iso_week = $week and critical_misses > 0
            group by step_title order by step_title
            """,
            {"week": week, "scorecard": scorecard},
        ),
        agents=published.rows(
            """
            select agent_id, max(agent_name) as agent_name, coalesce(max(team), '') as team,
                sum(calls) as calls, sum(met) as met, sum(judged) as judged,
                sum(calls_with_critical_miss) as calls_with_critical_miss
            from agents_by_week
            where scorecard = $scorecard and iso_week between $four and $week and agent_id is not null
            group by agent_id order by team, agent_name, agent_id
            """,
            four,
        ),
        agent_steps=published.rows(
            """
            select agent_id, step, sum(met) as met, sum(judged) as judged
            from agent_steps_by_week
            where scorecard = $scorecard and iso_week between $four and $week and agent_id is not null
            group by all order by all
            """,
            four,
        ),
        agent_calls=published.rows(
            """
            select call_id, count(*) filter (verdict = 'met') as met,
                count(*) filter (verdict in ('met', 'missed')) as judged
            from call_steps
            where scorecard = $scorecard and iso_week between $four and $week and agent_id is not null
            group by call_id order by call_id
            """,
            four,
        ),
        calls=published.rows(
            """
            select c.call_id, c.started_local, c.agent_name, c.agent_id, c.team, c.duration_s, c.tense, c.calmed,
                c.roles_from, s.score, s.critical_misses, s.rules_judged, s.rules_met, s.coverage
            from calls c left join call_scorecards s on s.call_id = c.call_id and s.scorecard = $scorecard
            where c.iso_week = $week
            order by c.started_local, c.call_id
            """,
            {"week": week, "scorecard": scorecard},
        ),
        calls_by_agent=published.rows(
            f"""
            select c.iso_week, {who} as who, count(*) as calls,
                count(*) filter (c.tense) as tense_calls, count(*) filter (c.calmed) as calmed_calls,
                count(*) filter (s.critical_misses > 0) as calls_with_critical_miss
            from calls c left join call_scorecards s on s.call_id = c.call_id and s.scorecard = $scorecard
            where c.iso_week in ($before, $week)
            group by all order by all
            """,  # noqa: S608 `who` is one of two literals.
            {"before": before, "week": week, "scorecard": scorecard},
        ),
        moments=published.rows(
            """
            select f.call_id, f.rule_id, f.asks, f.verdict, f.reason, f.quote, f.quote_kind, f.quote_role, f.at_s,
                f.agent_name, f.agent_id, r.critical, r.step_title, r.weight, c.score
            from findings f
            join scorecard_rules r on r.rule_id = f.rule_id and r.scorecard = $scorecard
            left join call_scorecards c on c.call_id = f.call_id and c.scorecard = $scorecard
            where f.iso_week = $week and f.status = 'live' and f.verdict in ('met', 'missed') and f.quote <> ''
            order by f.call_id, f.rule_id
            """,
            {"week": week, "scorecard": scorecard},
        ),
        funnel=published.rows(
            """
            select f.call_id, f.rule_id, f.verdict = 'met' as met
            from findings f join calls c on c.call_id = f.call_id
            where f.iso_week = $week and c.tense and f.rule_id in (select unnest($stages))
            order by all
            """,
            {"week": week, "stages": [rule for rule, _ in FUNNEL]},
        ),
        coverage=published.rows(
            "select * from coverage where scorecard = $scorecard and iso_week = $week",
            {"week": week, "scorecard": scorecard},
        ),
        not_audited=published.rows(
            """
            select iso_week is null as undated, coalesce(iso_week, found_week) as counted_week, code,
                sum(files)::bigint as files, min(next_step) as next_step
            from not_audited_by_week where coalesce(iso_week, found_week) in ($before, $week)
            group by all order by files desc, code
            """,
            {"before": before, "week": week},
        ),
        undated=published.rows("select count(*) as calls from calls where iso_week is null", {})[0]["calls"],
        erased=published.rows(
            "select kind, calls from erased_by_week where iso_week = $week order by kind", {"week": week}
        ),
        engines=published.rows(
            """
            select engine, model, coalesce(notice, '') as notice, count(*) as calls, avg(confidence) as confidence
            from calls where iso_week = $week group by all order by calls desc, engine, model
            """,
            {"week": week},
        ),
        versions=published.rows(
            """
            select distinct iso_week, rulebook_version from calls
            where iso_week between $first and $week order by all
            """,
            {"first": weeks[0], "week": week},
        ),
        rule_changes=published.rows("select * from rule_changes order by loaded_at, rulebook_version, rule_id", {}),
        reviews=published.rows(
            """
            select r.call_id, r.rule_id, r.agrees from reviews r join calls c on c.call_id = r.call_id
            where c.iso_week = $week order by all
            """,
            {"week": week},
        ),
        own_verdicts=published.rows(
            """
            select rule_id, count(*) filter (rule_verdict = 'met') as met, count(*) as judged from findings
            where iso_week = $week and rule_verdict in ('met', 'missed') group by rule_id order by rule_id
            """,
            {"week": week},
        ),
        rule_reviews=published.rows(
            """
            select call_id, rule_id, rule_verdict, verdict from random_reviews
            where is_newest and iso_week between $first and $week order by all
            """,
            {"first": weeks[0], "week": week},
        ),
    )


def steps_in_order(readings: Readings) -> list[tuple[int, str, str]]:
    """Number, id and title of the scorecard's steps."""
    places = ((row["step_number"], row["step"], row["step_title"]) for row in readings.scorecard_rules)
    return list(dict.fromkeys(places))


def _scorecard_title(published: Published, scorecard: str) -> str:
    known = {
        row["scorecard"]: row["scorecard_title"]
        for row in published.rows("select distinct scorecard, scorecard_title from scorecard_rules order by all", {})
    }
    if scorecard not in known:
        raise InputError(
            f"No scorecard {scorecard!r} in the warehouse.",
            why=f"It holds {listed(list(known)) or 'none'}.",
            tries=(f"choose one of: {', '.join(known)}" if known else "audit some calls first: callaudit run",),
        )
    return str(known[scorecard])


def _weeks(published: Published, monday: date) -> tuple[str, ...]:
    oldest = monday - timedelta(days=7 * (WEEKS - 1))
    first = published.rows(
        "select min(week_start) as monday from weeks where week_start between $oldest and $monday",
        {"oldest": oldest, "monday": monday},
    )[0]["monday"]
    start = monday if first is None else date.fromisoformat(str(first)[:10])
    return tuple(iso_week(start + timedelta(days=7 * i)) for i in range((monday - start).days // 7 + 1))


def _verdicts(published: Published, who: str, span: dict[str, str]) -> Verdicts:
    counts: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}
    for row in published.rows(
        f"""
        select iso_week, step, {who} as who,
            count(*) filter (verdict = 'met') as met,
            count(*) filter (verdict in ('met', 'missed')) as judged
        from call_steps c
        where scorecard = $scorecard and iso_week between $first and $week
        group by all having judged > 0 order by all
        """,  # noqa: S608 `who` is one of two literals of `read`.
        span,
    ):
        counts.setdefault((row["iso_week"], row["step"]), {})[row["who"]] = (row["met"], row["judged"])
    return Verdicts(counts)
