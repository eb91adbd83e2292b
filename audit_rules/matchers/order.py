"""One thing comes before another.

    order: {first: {acts: [apologises]}, then: {acts: [proposes]}}

Not applicable where neither came. Where the first came too late or not at all, but something near enough to it came in
time, the answer is `unsure`.
"""

from collections.abc import Sequence

from callaudit.audit_rules.acts.said import Place
from callaudit.audit_rules.conversation import Conversation
from callaudit.audit_rules.finding import EvidenceKind, Finding, Miss, Note, Reason
from callaudit.audit_rules.matchers import Answer, Scope
from callaudit.audit_rules.phrases.index import Index
from callaudit.audit_rules.rule import Order


class OrderMatcher:
    """Judges a rule that asks for one thing before another."""

    def __init__(self, rule_id: str, spec: Order, index: Index) -> None:
        self.first = index.add(spec.first)
        self.then = index.add(spec.then)
        self.since = spec.since
        self.answer = Answer(rule_id)

    def events(self, call: Conversation) -> Sequence[Place]:
        """Where the first thing is found."""
        return call.hits(self.first)

    def judge(self, call: Conversation, scope: Scope) -> Finding:
        """Compare the first of each, the later one inside the scope."""
        earlier = self.since == "call"
        first = next((p for p in call.hits(self.first) if earlier or self._inside(p, scope)), None)
        then = next((p for p in call.hits(self.then) if self._inside(p, scope)), None)
        if first is not None and (then is None or first <= then):
            reason = Reason.NOTHING_BEFORE if then is None else Reason.RIGHT_ORDER
            second = () if then is None else (call.evidence(EvidenceKind.MET, then, Note.THEN),)
            return self.answer.met(reason, call.evidence(EvidenceKind.MET, first, Note.FIRST), *second)
        if then is None:
            return self.answer.not_applicable(Reason.NO_ORDER)
        near = next(
            (s for s in call.said(self.first) if s.place < then and (earlier or self._inside(s.place, scope))), None
        )
        if near is not None:
            evidence = call.evidence(EvidenceKind.NEAR_MISS, near.place, Note.MAY_BE_IT, near)
            return self.answer.unsure(Reason.NEAR_ENOUGH_FIRST, evidence, said=near)
        against = call.evidence(EvidenceKind.AGAINST, then, Note.CAME_FIRST)
        if first is None:
            return self.answer.missed(Reason.WITHOUT_FIRST, Miss.WRONG_ORDER, against)
        after = call.evidence(EvidenceKind.NEAR_MISS, first, Note.CAME_AFTER)
        return self.answer.missed(Reason.WRONG_ORDER, Miss.WRONG_ORDER, against, after)

    def _inside(self, place: Place, scope: Scope) -> bool:
        return place.turn <= scope.last_turn and (scope.trigger is None or place > scope.trigger)
