"""The agent says something no more often than a few times.

at_most: {times: 2, any_of: [sorry], unless_said: {events: [apology.is_specific]}}
"""

from collections.abc import Sequence

from callaudit.audit_rules.acts.said import Place
from callaudit.audit_rules.conversation import Conversation
from callaudit.audit_rules.finding import EvidenceKind, Facts, Finding, Miss, Reason, Unit
from callaudit.audit_rules.matchers import Answer, Scope, answering_turns, inside
from callaudit.audit_rules.phrases.index import Index
from callaudit.audit_rules.rule import AtMost
from callaudit.audit_rules.window import Window
from callaudit.audit_rules.word_certainty import is_confident, too_uncertain


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
            return self.answer.not_applicable(Reason.AGENT_SILENT)
        hits = inside(call.hits(self.phrases), turns)
        said = [call.evidence(EvidenceKind.MET, p) for p in hits]
        if not hits:
            return self.answer.not_applicable(Reason.NEVER_SAID)
        counted = Facts(how_many=len(hits), limit=float(self.times), limit_unit=Unit.TIMES)
        if len(hits) <= self.times:
            return self.answer.met(Reason.SAID_OF_LIMIT, *said, facts=counted)
        redeeming = inside(call.hits(self.redeemed), turns) if self.redeemed else []
        if redeeming:
            evidence = call.evidence(EvidenceKind.MET, redeeming[0])
            return self.answer.met(Reason.SAID_WITH_SPECIFIC, evidence, facts=counted)
        sure = [hit for hit in hits if is_confident(call, hit)]
        against = (call.evidence(EvidenceKind.AGAINST, p) for p in hits)
        if len(sure) <= self.times:
            doubted = [hit for hit in hits if hit not in sure]
            return self.answer.not_assessable(Reason.WORDS_UNCERTAIN, *against, facts=too_uncertain(call, doubted))
        return self.answer.missed(Reason.SAID_OF_LIMIT, Miss.FORBIDDEN, *against, facts=counted)
