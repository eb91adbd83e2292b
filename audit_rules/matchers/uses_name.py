"""The agent uses the customer's name, as the metadata or the customer gave it.

uses_name: {heard: [my name is, this is]}
"""

import re
from collections.abc import Iterator, Sequence

from audit_rules.content import STOP
from audit_rules.conversation import Conversation
from audit_rules.finding import EvidenceKind, Finding
from audit_rules.index import Index
from audit_rules.matchers import Answer, Scope
from audit_rules.phrases import Place, normalise
from audit_rules.rule import Phrases, UsesName

_NEXT_WORD = re.compile(r" ?([^\W\d_]{2,}) ")
_TITLES = frozenset("mr mrs ms miss mx dr sir madam".split())
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
        return sorted(
            place
            for turn in call.floor("agent")
            for name in names
            for place in _places(call, turn, name)
            if name not in STOP or _is_written_as_name(call, place)
        )

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
        return (known or self._heard_names(call)) - own - _TITLES

    def _heard_names(self, call: Conversation) -> set[str]:
        """Words after "my name is"; after "this is" or "I am" only where the transcript shows a capital."""
        found: set[str] = set()
        for place in call.hits(self.heard):
            text = call.texts[place.turn]
            following = _NEXT_WORD.match(text, place.end)
            if following is None or following[1] in _NO_NAME:
                continue
            word = Place(place.turn, following.start(1), following.end(1))
            if call.quote(word)[:1].isupper() or (
                "name" in text[place.start : place.end] and call.turns[place.turn].text.islower()
            ):
                found.add(following[1])
        return found


def _places(call: Conversation, turn: int, name: str) -> Iterator[Place]:
    text = " " + call.texts[turn]
    at = text.find(f" {name} ")
    while at >= 0:
        yield Place(turn, at, at + len(name))
        at = text.find(f" {name} ", at + 1)


def _is_written_as_name(call: Conversation, place: Place) -> bool:
    """Whether a name that is also a word ("Will", "May") has a capital that no sentence start explains."""
    before = call.texts[place.turn][: place.start].rstrip()
    return before[-1:] not in ("", ".", "?") and call.quote(place)[:1].isupper()
