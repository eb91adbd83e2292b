"""The agent says something no more often than a few times.

at_most: {times: 2, any_of: [sorry], unless_said: {events: [apology.is_specific]}}
"""

from collections.abc import Sequence

from audit_rules.acts.said import Place
from audit_rules.conversation import Conversation
from audit_rules.finding import EvidenceKind, Finding
from audit_rules.hearing import heard_surely, too_uncertain
from audit_rules.index import Index
from audit_rules.matchers import Answer, Scope, answering_turns, inside
from audit_rules.rule import AtMost
from audit_rules.window import Window


class AtMostMatcher:
    """Judges a rule that sets a limit to how often something is said."""

    def __init__(self, rule_id: str, spec: AtMost, index: Index) -> None:
        self.times = spec.times
        self.phrases = index.add(spec)
        self.redeemed = index.add(spec.unless_said) if spec.unless_said else None
        self.answer = Answer(rule_id)

    def events(self, call: Conversation) -> Sequence[Place]:
        """Every hit."""
        return call.hits(self.phrases)

    def judge(self, call: Conversation, scope: Scope) -> Finding:
        """Missed when said too often and nothing redeems it."""
        turns = answering_turns(call, scope, Window("rest"))
        if not turns:
            return self.answer.not_applicable("The agent said nothing here.")
        hits = inside(call.hits(self.phrases), turns)
        said = [call.evidence(EvidenceKind.MET, p) for p in hits]
        if not hits:
            return self.answer.not_applicable("It was never said, so never too often.")
        if len(hits) <= self.times:
            return self.answer.met(_said(len(hits), self.times), *said)
        redeeming = inside(call.hits(self.redeemed), turns) if self.redeemed else []
        if redeeming:
            return self.answer.met(
                f"Said {len(hits)} times, with one that is specific.", call.evidence(EvidenceKind.MET, redeeming[0])
            )
        sure = [hit for hit in hits if heard_surely(call, hit)]
        against = (call.evidence(EvidenceKind.AGAINST, p) for p in hits)
        if len(sure) <= self.times:
            doubted = [hit for hit in hits if hit not in sure]
            return self.answer.not_assessable(too_uncertain(call, doubted), *against)
        return self.answer.missed(_said(len(hits), self.times), *against)


def _said(times: int, limit: int) -> str:
    return f"Said {'once' if times == 1 else f'{times} times'}; limit {limit}."
