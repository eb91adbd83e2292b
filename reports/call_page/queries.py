"""What a call's page asks the warehouse."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from callaudit.transcription.errors import InputError
from callaudit.warehouse.published import Published

Row = dict[str, Any]


class Readings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known of one call, as rows of the warehouse's views."""

    call: Row
    turns: list[Row]
    utterances: list[Row]
    speech: list[Row]
    holds: list[Row]
    silences: list[Row]
    episodes: list[Row]
    findings: list[Row]
    evidence: list[Row]
    steps: list[Row]
    scorecards: list[Row]
    scorecard_rules: list[Row]


AT_ONCE = 200
"""So many calls are asked about at once: a question costs about the same for one call as for many."""


def read(published: Published, call_id: str) -> Readings:
    """Ask about one call.

    Raises InputError where it is not in the warehouse.
    """
    return next(read_calls(published, [call_id]))


def read_calls(published: Published, call_ids: Sequence[str]) -> Iterator[Readings]:
    """Ask about many calls, in their order.

    Raises InputError where one is not in the warehouse.
    """
    rules = published.rows("select * from scorecard_rules order by scorecard, step_number, step, rule_id", {})
    for first in range(0, len(call_ids), AT_ONCE):
        batch = call_ids[first : first + AT_ONCE]
        rows = {name: _by_call(published, sql, batch) for name, sql in _QUESTIONS.items()}
        for call_id in batch:
            about = {name: found.get(call_id, []) for name, found in rows.items()}
            calls = about.pop("calls")
            if not calls:
                raise InputError(
                    f"No call {call_id!r} in the warehouse.",
                    why="It was not audited yet, was quarantined, or has another id.",
                    tries=('callaudit query "select call_id, started_at from calls"',),
                )
            yield Readings(call=calls[0], scorecard_rules=rules, **about)


_QUESTIONS = {
    "calls": "select * from calls where {chosen}",
    "turns": "select * from turns where {chosen} order by turn",
    "utterances": "select * from utterances where {chosen} order by turn, char_offset",
    "speech": "select * from speech where {chosen} order by speaker, start_s",
    "holds": "select * from holds where {chosen} order by position",
    "silences": "select * from silences where {chosen} order by position",
    "episodes": "select * from episodes where {chosen} order by episode",
    "findings": """
        select call_id, rule_id, step, asks, why, status, verdict, rule_verdict, is_proven, is_overridden, reviewed_by,
            review_note, reason, witness, at_s
        from findings where {chosen} order by rule_id
    """,
    "evidence": "select * from evidence where {chosen} order by rule_id, position",
    "steps": "select * from call_steps where {chosen} order by scorecard, step_number, step",
    "scorecards": "select * from call_scorecards where {chosen} order by scorecard",
}


def _by_call(published: Published, sql: str, call_ids: Sequence[str]) -> dict[str, list[Row]]:
    # A list alone is looked up in every block of rows; a range is known to lie in few of them.
    chosen = "call_id between $first and $last and call_id in (select unnest($calls))"
    asked = {"calls": list(call_ids), "first": min(call_ids), "last": max(call_ids)}
    rows: dict[str, list[Row]] = {}
    for row in published.rows(sql.format(chosen=chosen), asked):
        rows.setdefault(row["call_id"], []).append(row)
    return rows
