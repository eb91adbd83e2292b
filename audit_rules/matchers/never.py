"""The agent never does or says something, or makes it good soon after.

    never: {acts: [tells_to_calm]}
    never: {acts: [refuses], followed_by: {acts: [offers_instead]}, within: 1 agent turns}

Only what is sure is a miss; what is likely but not sure is `unsure`, and what is only possible accuses nobody.
"""

from collections.abc import Sequence

from callaudit.audit_rules.acts.said import Certainty, Place
from callaudit.audit_rules.conversation import Conversation
from callaudit.audit_rules.finding import EvidenceKind, Facts, Finding, Miss, Reason, Since
from callaudit.audit_rules.matchers import Answer, Scope, answering_turns, in_time, inside, searched
from callaudit.audit_rules.phrases.index import Index
from callaudit.audit_rules.rule import Never
from callaudit.audit_rules.window import Window, parse_window
from callaudit.audit_rules.word_certainty import is_confident, too_uncertain


class NeverMatcher:
    """Judges a rule that asks for something not to be said or done."""

    def __init__(self, rule_id: str, spec: Never, index: Index) -> None:
        self.phrases = index.add(spec)
        self.excuse = index.add(spec.followed_by) if spec.followed_by else None
        self.window = parse_window(spec.within)
        self.answer = Answer(rule_id)

    def events(self, call: Conversation) -> Sequence[Place]:
        """Every offending hit, excused or not."""
        return call.hits(self.phrases)

    def judge(self, call: Conversation, scope: Scope) -> Finding:
        """Missed by a sure hit that nothing makes good and whose words were surely heard."""
        turns = answering_turns(call, scope, Window("rest"))
        if not turns:
            return self.answer.not_applicable(Reason.AGENT_SILENT)
        hits = inside(call.hits(self.phrases), turns)
        excuses = {hit: self._excuse(call, hit, scope) for hit in hits}
        offending = [hit for hit, excuse in excuses.items() if excuse is None]
        certain = [hit for hit in offending if call.surest(self.phrases, hit) is Certainty.SURE]
        sure = [hit for hit in certain if is_confident(call, hit)]
        against = (
            call.evidence(EvidenceKind.AGAINST, p, said=call.best(self.phrases, p.turn))
            for p in sure or certain or offending
        )
        if sure:
            said, counted = call.best(self.phrases, sure[0].turn), Facts(how_many=len(sure))
            return self.answer.missed(Reason.SAID, Miss.FORBIDDEN, *against, facts=counted, said=said)
        if certain:
            return self.answer.not_assessable(Reason.WORDS_UNCERTAIN, *against, facts=too_uncertain(call, certain))
        if offending:
            return self.answer.unsure(Reason.MAYBE_SAID, *against, said=call.best(self.phrases, offending[0].turn))
        if hits:
            return self.answer.met(
                Reason.MADE_GOOD,
                *(call.evidence(EvidenceKind.MET, p) for p in sorted({e for e in excuses.values() if e is not None})),
                *(call.evidence(EvidenceKind.TRIGGER, p) for p in hits),
            )
        return self.answer.met(Reason.NEVER_SAID, searched(call, turns), facts=Facts(how_many=len(turns)))

    def _excuse(self, call: Conversation, hit: Place, scope: Scope) -> Place | None:
        if self.excuse is None:
            return None
        after = Scope(trigger=hit, last_turn=scope.last_turn, since=Since.TRIGGER)
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
