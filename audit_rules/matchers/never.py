"""The agent never says something, or makes it good soon after.

never: {any_of: ["calm down"], unless: [been very calm]}
never: {any_of: [there is nothing i can do], followed_by: {any_of: [what i can do]}, within: 1 agent turns}
"""

from collections.abc import Sequence

from audit_rules.conversation import Conversation
from audit_rules.finding import EvidenceKind, Finding
from audit_rules.hearing import heard_surely, too_uncertain
from audit_rules.index import Index, Place
from audit_rules.matchers import Answer, Scope, answering_turns, in_time, inside, searched
from audit_rules.rule import Never
from audit_rules.window import Window, parse_window


class NeverMatcher:
    """See the module."""

    def __init__(self, rule_id: str, spec: Never, index: Index) -> None:
        self.phrases = index.add(spec)
        self.excuse = index.add(spec.followed_by) if spec.followed_by else None
        self.window = parse_window(spec.within)
        self.answer = Answer(rule_id)

    def events(self, call: Conversation) -> Sequence[Place]:
        """Every offending hit, excused or not."""
        return call.hits(self.phrases)

    def judge(self, call: Conversation, scope: Scope) -> Finding:
        """Missed by the first hit that nothing makes good and that was surely heard."""
        turns = answering_turns(call, scope, Window("rest"))
        if not turns:
            return self.answer.not_applicable("The agent said nothing here.")
        hits = inside(call.hits(self.phrases), turns)
        excuses = {hit: self._excuse(call, hit, scope) for hit in hits}
        offending = [hit for hit, excuse in excuses.items() if excuse is None]
        sure = [hit for hit in offending if heard_surely(call, hit)]
        against = (call.evidence(EvidenceKind.AGAINST, p) for p in sure or offending)
        if sure:
            return self.answer.missed("Said once." if len(sure) == 1 else f"Said {len(sure)} times.", *against)
        if offending:
            return self.answer.not_assessable(too_uncertain(call, offending), *against)
        if hits:
            return self.answer.met(
                "Said, and followed by what can be done.",
                *(call.evidence(EvidenceKind.MET, p) for p in sorted({e for e in excuses.values() if e is not None})),
                *(call.evidence(EvidenceKind.TRIGGER, p) for p in hits),
            )
        return self.answer.met("Never said.", searched(call, turns))

    def _excuse(self, call: Conversation, hit: Place, scope: Scope) -> Place | None:
        if self.excuse is None:
            return None
        after = Scope(trigger=hit, last_turn=scope.last_turn, called_for_by="it")
        turns = answering_turns(call, after, self.window)
        # "There is nothing I can do" must not be excused by its own "I can do". A time that is not known is no fault.
        return next(
            (
                p
                for p in inside(call.hits(self.excuse), turns)
                if (p.turn > hit.turn or p.end <= hit.start or p.start >= hit.end)
                and in_time(call, p, hit, self.window) is not False
            ),
            None,
        )
