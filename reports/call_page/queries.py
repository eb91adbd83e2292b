"""What a call's page asks the warehouse."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TypeVar

import msgspec

from callaudit.transcription.errors import InputError
from callaudit.transcription.transcript import Seconds
from callaudit.warehouse.published import Published


class _OfCall(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a view; its fields are columns of that view, as `callaudit dictionary` explains them."""

    call_id: str


class CallRow(_OfCall, frozen=True, kw_only=True):
    """The call, how it was heard, and what is measured of it; None of what could not be told."""

    started_at: datetime | None
    started_local: datetime | None
    iso_week: str | None
    agent_id: str | None
    agent_name: str | None
    team: str | None
    duration_s: Seconds | None
    codec: str | None
    engine: str
    model: str
    notice: str
    roles_from: str
    role_confidence: float | None
    role_evidence: str
    confidence: float | None
    dropped_words: int
    unheard_s: Seconds
    redactions: int
    warnings: tuple[str, ...]
    has_times: bool
    rulebook_version: str
    talk_share_agent: float | None
    words_per_minute_agent: float | None
    overlaps_by_agent: int | None
    overlaps_by_customer: int | None
    holds: int | None
    hold_s: Seconds | None
    median_answer_gap_s: Seconds | None
    longest_dead_air_s: Seconds | None
    transfers: int | None
    upset: str
    tense: bool | None
    calmed: bool | None


class TurnRow(_OfCall, frozen=True, kw_only=True):
    """A turn of one speaker."""

    turn: int
    speaker: str
    start_s: Seconds | None
    end_s: Seconds | None
    text: str
    is_signal: bool


class WordRow(msgspec.Struct, frozen=True, kw_only=True):
    """A word and how sure the recogniser was of it."""

    text: str
    confidence: float | None


class UtteranceRow(_OfCall, frozen=True, kw_only=True):
    """An utterance; `char_offset` is where it begins in its turn's text."""

    turn: int
    speaker: str
    channel: int | None
    start_s: Seconds | None
    end_s: Seconds | None
    text: str
    char_offset: int
    words: tuple[WordRow, ...] | None


class Stretch(_OfCall, frozen=True, kw_only=True):
    """A hold or a silence."""

    start_s: Seconds
    end_s: Seconds


class SpeechRow(Stretch, frozen=True, kw_only=True):
    """A stretch of speech on a speaker's own channel."""

    speaker: str


class EpisodeRow(_OfCall, frozen=True, kw_only=True):
    """A stretch of turns in which the call was tense."""

    first_turn: int
    last_turn: int
    start_s: Seconds | None
    end_s: Seconds | None
    opened_by: str
    closed_by: str


class FindingRow(_OfCall, frozen=True, kw_only=True):
    """A rule's verdict on the call, a person's before its own."""

    rule_id: str
    asks: str | None
    status: str | None
    verdict: str
    rule_verdict: str
    is_proven: bool
    is_overridden: bool
    reviewed_by: str | None
    review_note: str | None
    reason: str | None
    witness: str | None


class EvidenceRow(_OfCall, frozen=True, kw_only=True):
    """A quote or stretch of time behind a verdict; without characters where only the words are known."""

    rule_id: str
    kind: str
    turn: int | None
    start_s: Seconds | None
    quote: str | None
    char_start: int | None
    char_end: int | None
    note: str | None
    act: str | None
    probability: float | None
    nearest_line: str | None


class StepRow(_OfCall, frozen=True, kw_only=True):
    """A step of a scorecard."""

    scorecard: str
    step: str
    step_title: str
    verdict: str


class ScorecardRow(_OfCall, frozen=True, kw_only=True):
    """A scorecard with the call's score, 0 to 100; None where too little was judged."""

    scorecard: str
    scorecard_title: str
    score: float | None
    failed: bool | None
    judged_share: float | None
    rules_met: int
    rules_judged: int
    rules_unsure: int
    rules_not_assessable: int
    critical_misses: int | None


class RulePlace(msgspec.Struct, frozen=True, kw_only=True):
    """A rule in a step of a scorecard of the rulebook in force."""

    scorecard: str
    step: str
    rule_id: str
    critical: bool


class Readings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known of one call."""

    call: CallRow
    turns: list[TurnRow]
    utterances: list[UtteranceRow]
    speech: list[SpeechRow]
    holds: list[Stretch]
    silences: list[Stretch]
    episodes: list[EpisodeRow]
    findings: list[FindingRow]
    evidence: list[EvidenceRow]
    steps: list[StepRow]
    scorecards: list[ScorecardRow]
    scorecard_rules: list[RulePlace]


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
    rules = published.rows_as(RulePlace, "from scorecard_rules order by scorecard, step_number, step, rule_id")
    for first in range(0, len(call_ids), AT_ONCE):
        batch = call_ids[first : first + AT_ONCE]
        calls = _by_call(published, batch, CallRow, "calls", order="call_id")
        turns = _by_call(published, batch, TurnRow, "turns", order="turn")
        utterances = _by_call(published, batch, UtteranceRow, "utterances", order="turn, char_offset")
        speech = _by_call(published, batch, SpeechRow, "speech", order="speaker, start_s")
        holds = _by_call(published, batch, Stretch, "holds", order="position")
        silences = _by_call(published, batch, Stretch, "silences", order="position")
        episodes = _by_call(published, batch, EpisodeRow, "episodes", order="episode")
        findings = _by_call(published, batch, FindingRow, "findings", order="rule_id")
        evidence = _by_call(published, batch, EvidenceRow, "evidence", order="rule_id, position")
        steps = _by_call(published, batch, StepRow, "call_steps", order="scorecard, step_number, step")
        scorecards = _by_call(published, batch, ScorecardRow, "call_scorecards", order="scorecard")
        for call_id in batch:
            if call_id not in calls:
                raise InputError(
                    f"No call {call_id!r} in the warehouse.",
                    why="It was not audited yet, was quarantined, or has another id.",
                    tries=('callaudit query "select call_id, started_at from calls"',),
                )
            yield Readings(
                call=calls[call_id][0],
                turns=turns.get(call_id, []),
                utterances=utterances.get(call_id, []),
                speech=speech.get(call_id, []),
                holds=holds.get(call_id, []),
                silences=silences.get(call_id, []),
                episodes=episodes.get(call_id, []),
                findings=findings.get(call_id, []),
                evidence=evidence.get(call_id, []),
                steps=steps.get(call_id, []),
                scorecards=scorecards.get(call_id, []),
                scorecard_rules=rules,
            )


_Row = TypeVar("_Row", bound=_OfCall)


def _by_call(
    published: Published, call_ids: Sequence[str], kind: type[_Row], view: str, *, order: str
) -> dict[str, list[_Row]]:
    columns = ", ".join(kind.__struct_fields__)
    # A list alone is looked up in every block of rows; a range is known to lie in few of them.
    sql = f"""
        select {columns} from {view}
        where call_id between $first and $last and call_id in (select unnest($calls)) order by {order}
    """  # noqa: S608  Words of ours.
    asked = {"calls": list(call_ids), "first": min(call_ids), "last": max(call_ids)}
    rows: dict[str, list[_Row]] = {}
    for row in published.rows_as(kind, sql, asked):
        rows.setdefault(row.call_id, []).append(row)
    return rows
