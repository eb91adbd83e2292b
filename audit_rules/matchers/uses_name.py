"""The agent uses the customer's name, as the metadata or the customer gave it.

uses_name: {heard: [my name is, this is]}
"""

import re
from collections.abc import Sequence

from audit_rules.conversation import Conversation
from audit_rules.finding import EvidenceKind, Finding
from audit_rules.index import Index
from audit_rules.matchers import Answer, Scope
from audit_rules.phrases import Place, normalise
from audit_rules.rule import Phrases, UsesName

_NEXT_WORD = re.compile(r" ?([a-z]{2,}) ")
_NO_NAME = frozenset(
    "not so very calling just really the a an about in on at from here trying getting having going".split()
)


class UsesNameMatcher:
    """See the module."""

    def __init__(self, rule_id: str, spec: UsesName, index: Index) -> None:
        self.heard = index.add(Phrases(speaker="customer", any_of=spec.heard))
        self.answer = Answer(rule_id)

    def events(self, call: Conversation) -> Sequence[Place]:
        """Each use of the name by the agent, with or without a title."""
        names = self._names(call)
        if not names:
            return []
        pattern = re.compile(rf"(?<![^ ])(?:{'|'.join(sorted(map(re.escape, names)))})(?= )")
        return [
            Place(t.index, m.start(), m.end()) for t in call.agent_turns for m in pattern.finditer(call.texts[t.index])
        ]

    def judge(self, call: Conversation, scope: Scope) -> Finding:
        """Not applicable where no name is known."""
        names = self._names(call)
        if not names:
            return self.answer.not_applicable("The customer's name is not known.")
        hits = self.events(call)
        if hits:
            return self.answer.met("Uses the customer's name.", call.evidence(EvidenceKind.MET, hits[0]))
        return self.answer.missed(f"The customer's name ({', '.join(sorted(names))}) is never used.")

    def _names(self, call: Conversation) -> set[str]:
        # The name of the agent, when it is the same, shows nothing.
        own = set(normalise(call.transcript.call.agent_name or "").split())
        known = {w for w in normalise(call.transcript.call.customer_name or "").split() if len(w) > 1 and w.isalpha()}
        if not known:
            for place in call.hits(self.heard):
                following = _NEXT_WORD.match(call.texts[place.turn], place.end)
                if following and following[1] not in _NO_NAME:
                    known.add(following[1])
        return known - own
