"""What a call's page asks the warehouse."""

from typing import Any

import msgspec

from transcription.errors import InputError
from warehouse.connect import Published

Row = dict[str, Any]


class Readings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known of one call, as rows of the warehouse's views."""

    call: Row
    turns: list[Row]
    utterances: list[Row]
    speech: list[Row]
    episodes: list[Row]
    findings: list[Row]
    evidence: list[Row]
    steps: list[Row]
    scorecards: list[Row]
    scorecard_rules: list[Row]


def read(published: Published, call_id: str) -> Readings:
    """Ask about one call.

    Raises InputError where it is not in the warehouse.
    """
    asked = {"call": call_id}
    calls = published.rows("select * from calls where call_id = $call", asked)
    if not calls:
        raise InputError(
            f"No call {call_id!r} in the warehouse.",
            why="It was not audited yet, was quarantined, or has another id.",
            tries=('callaudit query "select call_id, started_at from calls"',),
        )
    return Readings(
        call=calls[0],
        turns=published.rows("select * from turns where call_id = $call order by turn", asked),
        utterances=published.rows("select * from utterances where call_id = $call order by turn, char_offset", asked),
        speech=published.rows("select * from speech where call_id = $call order by role, start_s", asked),
        episodes=published.rows("select * from episodes where call_id = $call order by episode", asked),
        findings=published.rows(
            """
            select rule_id, step, asks, why, status, verdict, rule_verdict, is_overridden, reviewed_by, review_note,
                reason, at_s
            from findings where call_id = $call order by rule_id
            """,
            asked,
        ),
        evidence=published.rows("select * from evidence where call_id = $call order by rule_id, position", asked),
        steps=published.rows(
            "select * from call_steps where call_id = $call order by scorecard, step_number, step", asked
        ),
        scorecards=published.rows("select * from call_scorecards where call_id = $call order by scorecard", asked),
        scorecard_rules=published.rows(
            "select * from scorecard_rules order by scorecard, step_number, step, rule_id", {}
        ),
    )
