"""The closed kit of ways to answer a rule's question, one file each.

A matcher is built once for a rulebook and then judges any number of calls. It answers two things:
`events`, the places where it found what it looks for anywhere in a call, and `judge`, the verdict for a
`Scope`: where the rule starts to apply in that call.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from audit_rules.conversation import Conversation
from audit_rules.finding import Evidence, EvidenceKind, Finding, Verdict
from audit_rules.index import Index
from audit_rules.phrases import Place


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Where a rule applies: after `trigger` (from the call's start if None) until `last_turn`, inclusive."""

    trigger: Place | None
    last_turn: int
    called_for_by: str

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
    """Writes one rule's findings, so that every matcher phrases them alike."""

    def __init__(self, rule_id: str) -> None:
        self.rule_id = rule_id

    def met(self, reason: str, *evidence: Evidence) -> Finding:
        """Earned by the evidence."""
        return Finding(rule_id=self.rule_id, verdict=Verdict.MET, reason=reason, evidence=evidence)

    def missed(self, reason: str, *evidence: Evidence) -> Finding:
        """Called for by the evidence and not found."""
        return Finding(rule_id=self.rule_id, verdict=Verdict.MISSED, reason=reason, evidence=evidence)

    def not_applicable(self, reason: str, *evidence: Evidence) -> Finding:
        """Nothing called for it."""
        return Finding(rule_id=self.rule_id, verdict=Verdict.NOT_APPLICABLE, reason=reason, evidence=evidence)

    def not_assessable(self, reason: str, *evidence: Evidence) -> Finding:
        """The recording or transcript cannot show it."""
        return Finding(rule_id=self.rule_id, verdict=Verdict.NOT_ASSESSABLE, reason=reason, evidence=evidence)


def searched(call: Conversation, turns: Sequence[int], kind: EvidenceKind = EvidenceKind.MET) -> Evidence:
    """The turns that were looked through, as evidence that nothing was found."""
    members = [call.turns[t] for t in turns]
    starts = [t.start for t in members if t.start is not None]
    ends = [t.end for t in members if t.end is not None]
    return Evidence(
        kind=kind,
        start=min(starts, default=None),
        end=max(ends, default=None),
        note=f"searched {len(members)} agent turn{'' if len(members) == 1 else 's'}",
    )
