"""The agent says the customer's own words back: mirroring, and solutions that fit the case.

    restates: {words: 3, lead: [so you, if i understand], asks: [is that (right|correct)]}

A turn counts when it shares that many content words (stems, no stop words, no stock words of complaint) with
the customer's own earlier turns; after a lead phrase one shared word less is enough.
"""

from collections.abc import Sequence

from audit_rules.conversation import Conversation
from audit_rules.finding import EvidenceKind, Finding
from audit_rules.index import Index
from audit_rules.matchers import Answer, Scope, answering_turns, inside
from audit_rules.phrases import Place
from audit_rules.rule import Phrases, Restates
from audit_rules.window import Window


class RestatesMatcher:
    """See the module."""

    def __init__(self, rule_id: str, spec: Restates, index: Index) -> None:
        self.spec = spec
        self.lead = index.add(Phrases(any_of=spec.lead))
        self.asks = index.add(Phrases(any_of=spec.asks))
        self.unless = index.add(Phrases(any_of=spec.unless))
        self.answer = Answer(rule_id)

    def events(self, call: Conversation) -> Sequence[Place]:
        """One place for each turn that restates: its lead phrase, its question, or the whole turn."""
        leads = {p.turn: p for p in reversed(call.hits(self.lead))}
        asks = {p.turn: p for p in reversed(call.hits(self.asks))}
        unless = {p.turn for p in call.hits(self.unless)}
        during = {p.turn for rule in self.spec.during for p in call.events(rule)}
        found: list[Place] = []
        for turn in call.agent_turns:
            t = turn.index
            if t in unless or (self.spec.asks and t not in asks) or (self.spec.during and t not in during):
                continue
            shared = call.from_customer(call.stems(t), before=t)
            needed = self.spec.words - (1 if t in leads else 0)
            if len(shared) >= max(needed, 1):
                found.append(leads.get(t) or asks.get(t) or Place(t, 0, max(len(call.texts[t]) - 1, 1)))
        return found

    def judge(self, call: Conversation, scope: Scope) -> Finding:
        """Met by the first restating turn inside the scope."""
        turns = answering_turns(call, scope, Window("rest"))
        if not turns:
            return self.answer.not_applicable("The call ended before there was a chance to.")
        if self.spec.during and not any(inside(call.events(rule), turns) for rule in self.spec.during):
            return self.answer.not_applicable("Nothing was offered that could fit or not fit the case.")
        hits = inside(self.events(call), turns)
        trigger = [call.evidence(EvidenceKind.TRIGGER, scope.trigger)] if scope.trigger else []
        if hits:
            turn = call.turns[hits[0].turn]
            shared = sorted(call.from_customer(call.stems(turn.index), before=turn.index))
            return self.answer.met(
                f"Uses the customer's own words ({', '.join(shared[:5])}).",
                call.turn_evidence(EvidenceKind.MET, turn),
                *trigger,
            )
        return self.answer.missed("No turn says the customer's issue back.", *trigger)
