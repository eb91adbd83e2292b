"""Which calls a person asked for, the worst first."""

from typing import Any, Literal

import msgspec

from callaudit.audit_rules.finding import Verdict
from callaudit.audit_rules.rule_files.yaml_document import suggest
from callaudit.transcription.errors import InputError
from callaudit.warehouse.published import Published

Order = Literal["worst", "best", "newest", "oldest", "longest"]
_ORDERS: dict[Order, str] = {
    "worst": "s.failed desc nulls last, s.score nulls last",
    "best": "s.score desc nulls last",
    "newest": "c.started_at desc nulls last",
    "oldest": "c.started_at nulls last",
    "longest": "c.duration_s desc nulls last",
}
_COLUMNS = """
    c.call_id, c.started_local, coalesce(c.agent_name, c.agent_id) as agent, c.team, c.queue,
    case c.upset when 'clear' then 'tense' when 'none' then '' else c.upset::varchar end as tense,
    if(s.failed, 'failed', round(s.score)::int::varchar) as score, s.critical_misses as critical,
    round(100 * s.judged_share)::int as "judged %", round(100 * s.unsure_share)::int as "unsure %"
"""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for; an empty field asks for nothing.

    `agent` is an id or a name. `step` is one of the scorecard, and `verdict` is the step's; without a step some step
    of the call has it. A step alone asks for the calls in which something called for it.
    """

    scorecard: str
    week: str = ""
    agent: str = ""
    team: str = ""
    queue: str = ""
    step: str = ""
    verdict: Verdict | None = None
    tense: bool = False
    order: Order = "worst"
    limit: int = 50


def list_calls(published: Published, asked: Asked) -> tuple[list[dict[str, Any]], int]:
    """The first `limit` calls in the order asked for, and how many there are in all.

    Raises InputError where nobody and nothing has the name that was asked for, with the nearest that somebody has.
    """
    # No call is left out for want of a score, so a scorecard that is not there would list them all.
    _check_name(published, asked, "scorecard")
    values = {
        "card": asked.scorecard, "week": asked.week, "agent": asked.agent, "team": asked.team, "queue": asked.queue,
        "step": asked.step, "verdict": asked.verdict or "",
    }  # fmt: skip
    wanted = [
        condition
        for given, condition in (
            (asked.week, "c.iso_week = $week"),
            (asked.agent, "(c.agent_id = $agent or c.agent_name = $agent)"),
            (asked.team, "c.team = $team"),
            (asked.queue, "c.queue = $queue"),
            (asked.tense, "c.tense"),
        )
        if given
    ]
    steps = ""
    if asked.step or asked.verdict:
        of_step = "and step = $step" if asked.step else ""
        verdict = "= $verdict" if asked.verdict else "<> 'not_applicable'"
        judged = f"from call_steps where scorecard = $card {of_step} and verdict {verdict}"
        steps = f"semi join ({judged}) t on t.call_id = c.call_id"
    sql = f"""
        select {_COLUMNS}, count(*) over () as of_all
        from calls c left join call_scorecards s on s.call_id = c.call_id and s.scorecard = $card
        {steps}
        where {" and ".join(wanted) or "true"}
        order by {_ORDERS[asked.order]}, c.call_id limit {asked.limit:d}
    """  # noqa: S608  Conditions of ours; what was typed goes in as values.
    rows = published.rows(sql, {name: value for name, value in values.items() if f"${name}" in sql})
    count = rows[0]["of_all"] if rows else 0
    if not rows:
        for what in _NAMES:
            _check_name(published, asked, what)
    (site,) = published.rows("select site_timezone() as zone")
    named = {"started_local": f"started ({site['zone']})"}
    return [{named.get(name, name): value for name, value in row.items() if name != "of_all"} for row in rows], count


_NAMES = {
    "week": "select distinct iso_week from calls",
    "agent": "select distinct unnest([agent_id, agent_name]) from calls",
    "team": "select distinct team from calls",
    "queue": "select distinct queue from calls",
    "scorecard": "select scorecard from scorecard_rules union select scorecard from call_scorecards",
    "step": "select distinct step from scorecard_rules where scorecard = $card",
}


def _check_name(published: Published, asked: Asked, what: str) -> None:
    sql, name = _NAMES[what], getattr(asked, what)
    rows = published.rows(sql, {"card": asked.scorecard} if "$card" in sql else None) if name else []
    names = sorted({str(value) for row in rows for value in row.values() if value is not None})
    if name and name not in names:
        listed = f"There are: {', '.join(names)}." if len(names) <= 20 else f"There are {len(names):,}."
        near = suggest(name, names).removeprefix(". ")
        raise InputError(f"there is no {what} “{name}” in the audited calls", why=f"{listed} {near}".strip())
