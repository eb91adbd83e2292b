"""The closed kit of ways to answer a rule's question, one file each.

A matcher is built once for a rulebook and then judges any number of calls. It answers two things:
`events`, the places where it found what it looks for anywhere in a call, and `judge`, the verdict for a
`Scope`: where the rule starts to apply in that call.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from callaudit.audit_rules.acts.said import Place, Said
from callaudit.audit_rules.conversation import Conversation
from callaudit.audit_rules.finding import (
    NO_FACTS,
    Evidence,
    EvidenceKind,
    Facts,
    Finding,
    Miss,
    Note,
    Reason,
    Since,
    Verdict,
)
from callaudit.audit_rules.phrases.index import Index
from callaudit.audit_rules.rule import Speaker
from callaudit.audit_rules.window import Window


class Scope(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where a rule applies: after `trigger` (from the call's start if None) until `last_turn`, inclusive."""

    trigger: Place | None
    last_turn: int
    since: Since

    @property
    def first_turn(self) -> int:
        """The first turn in which an answer counts: the one after the trigger."""
        return 0 if self.trigger is None else self.trigger.turn


class Matcher(Protocol):
    """Judges one rule."""

    def events(self, call: Conversation) -> Sequence[Place]:
        """Places where the rule's words are found anywhere in the call, in order."""

    def judge(self, call: Conversation, scope: Scope) -> Finding:
        """The verdict within the scope, with its evidence."""


# The second is the block under the matcher's key in the rule file.
Build = Callable[[str, Any, Index], Matcher]


class Answer:
    """Writes one rule's findings."""

    def __init__(self, rule_id: str) -> None:
        self.rule_id = rule_id
        # The two that most rules give most calls.
        self.never_upset = self.not_applicable(Reason.NEVER_UPSET)
        self.not_called_for = self.not_applicable(Reason.NOT_CALLED_FOR)

    def met(self, reason: Reason, *evidence: Evidence, facts: Facts = NO_FACTS, said: Said | None = None) -> Finding:
        """Earned by the evidence; `said` is the act that decided."""
        return self._finding(Verdict.MET, reason, evidence, facts, said=said)

    def missed(
        self, reason: Reason, miss: Miss, *evidence: Evidence, facts: Facts = NO_FACTS, said: Said | None = None
    ) -> Finding:
        """Called for by the evidence and not found, or an offence that is sure."""
        return self._finding(Verdict.MISSED, reason, evidence, facts, said=said, miss=miss)

    def unsure(self, reason: Reason, *evidence: Evidence, said: Said | None = None) -> Finding:
        """Near enough to one of the two that a person should listen."""
        return self._finding(Verdict.UNSURE, reason, evidence, NO_FACTS, said=said)

    def not_applicable(self, reason: Reason, *evidence: Evidence, facts: Facts = NO_FACTS) -> Finding:
        """Nothing called for it."""
        return self._finding(Verdict.NOT_APPLICABLE, reason, evidence, facts)

    def not_assessable(self, reason: Reason, *evidence: Evidence, facts: Facts = NO_FACTS) -> Finding:
        """The recording or transcript cannot show it."""
        return self._finding(Verdict.NOT_ASSESSABLE, reason, evidence, facts)

    def _finding(
        self,
        verdict: Verdict,
        reason: Reason,
        evidence: tuple[Evidence, ...],
        facts: Facts,
        *,
        said: Said | None = None,
        miss: Miss | None = None,
    ) -> Finding:
        return Finding(
            rule_id=self.rule_id,
            verdict=verdict,
            reason=reason,
            facts=facts,
            miss=miss,
            evidence=evidence,
            certainty=said.certainty if said else None,
            witness=said.witness if said else None,
        )


def answering_turns(call: Conversation, scope: Scope, window: Window, speaker: Speaker = "agent") -> list[int]:
    """Turns of the speaker in which an answer counts, ascending; listening signals are not counted as turns taken."""
    floor = call.floor(speaker)
    first = 0 if scope.trigger is None else bisect_left(floor, scope.trigger.turn)
    turns = floor[first : bisect_right(floor, scope.last_turn)]
    return turns[: int(window.size)] if window.unit == "turns" else turns


def inside(places: Sequence[Place], turns: Sequence[int]) -> list[Place]:
    """The places that lie in one of the turns; both ascending."""
    if not turns or not places:
        return []
    first = bisect_left(places, turns[0], key=_turn)
    last = bisect_right(places, turns[-1], key=_turn)
    return [p for p in places[first:last] if turns[bisect_left(turns, p.turn)] == p.turn]


def in_time(call: Conversation, place: Place, trigger: Place | None, window: Window) -> bool | None:
    """Whether a place comes soon enough after the trigger for a window in seconds; None where a time is not known."""
    if window.unit != "seconds" or trigger is None:
        return True
    _, asked = call.time(trigger)
    said, _ = call.time(place)
    return None if asked is None or said is None else said - asked <= window.size


def _turn(place: Place) -> int:
    return place.turn


def searched(call: Conversation, turns: Sequence[int], kind: EvidenceKind = EvidenceKind.MET) -> Evidence:
    """The turns that were looked through, as evidence that nothing was found."""
    members = [call.turns[t] for t in turns]
    starts = [t.start for t in members if t.start is not None]
    ends = [t.end for t in members if t.end is not None]
    return Evidence(
        kind=kind,
        start=min(starts, default=None),
        end=max(ends, default=None),
        note=Note.SEARCHED,
    )
