"""The agent uses the customer's name, as the metadata or the customer gave it.

uses_name: {heard: [my name is, this is], asked: [may i have your name], addressed: [thank you, mr]}

Where neither gave it, the agent who says "Thank you, Mrs Ruiz" has learnt it somewhere: an address is then met, and
the lack of one judges nothing.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from callaudit.audit_rules.acts.said import Certainty, Place
from callaudit.audit_rules.content_words import STOP
from callaudit.audit_rules.conversation import Conversation
from callaudit.audit_rules.finding import EvidenceKind, Facts, Finding, Miss, Reason
from callaudit.audit_rules.matchers import Answer, Scope
from callaudit.audit_rules.phrases.index import Index
from callaudit.audit_rules.phrases.normalise import normalise
from callaudit.audit_rules.rule import Phrases, UsesName

_NAME = re.compile(r"[A-Z][a-z]+")
_ALONE = re.compile(r"[A-Z][a-z]+(?: [A-Z][a-z]+){0,2} ?(?:[.,?!;:]|$)")
_LAST_WORD = re.compile(r"([^ .?]+) ([a-z]{3,})(?= [.?]| $|$)")
_SENTENCE_ASKS = re.compile(r"[^.?]*\?")
_AFTER_COMMA = re.compile(r", [A-Z][a-z]+$")
# "Yes, it's Dana Maria Ruiz speaking" is an answer with a name; a longer one tells something else.
_FEW_WORDS = 8
_LONGEST_NAME = 3
_NOT_ANSWERED = frozenset("speaking here name course problem thanks".split())
_NEXT_WORD = re.compile(r" ?([^\W\d_]{2,}) ")
_TITLES = frozenset("mr mrs ms miss mx dr sir madam".split())
_NO_NAME = frozenset(
    "not so very calling just really the a an about in on at from here trying getting having going "
    "monday tuesday wednesday thursday friday saturday sunday january february september october november december "
    "christmas english spanish".split()
)
# Who else is named: places, firms and colleagues by the word before them, the agent who says who they are.
_OTHERS = re.compile(r"\b(?:in|from|at|near|of|by|calling|(?<!speaking )(?<!talking )(?<!chatting )to) ([A-Z][a-z]+)")
_AGENT_IS = re.compile(
    r"(?i:\b(?:this is|my name(?: i|')s|i(?:'| a)m|(?:speaking|talking|chatting|through) (?:with|to))) ([A-Z][a-z]+)"
    r"|\b([A-Z][a-z]+) (?:speaking|here)\b"
)
_CUSTOMER_CALLS = re.compile(
    r"\b(?i:hi|hello|hey|morning|afternoon|evening|thanks|thank you) ([A-Z][a-z]+)"
    r"|\b(?i:this is|is this) ([A-Z][a-z]+)[^.?!]*\?"
)


# What exporting systems leave of a name: [PII], [name], [PERSON_NAME], [NAME_GIVEN_1], ####. Our own masks spare names.
_MASKED_NAME = re.compile(r"(?i:\[[a-z_]*(?:pii|name)[a-z_0-9]*\])|#{3,}")


class UsesNameMatcher:
    """Judges whether the agent used the customer's name."""

    def __init__(self, rule_id: str, spec: UsesName, index: Index) -> None:
        self.heard = index.add(Phrases(speaker="customer", any_of=spec.heard))
        self.asked = index.add(Phrases(any_of=spec.asked))
        self.addressed = index.add(Phrases(any_of=spec.addressed))
        self.by_act = index.add(Phrases(acts=spec.acts))
        self.answer = Answer(rule_id)

    def events(self, call: Conversation) -> Sequence[Place]:
        """Each use of the name by the agent, with or without a title."""
        names = self._names(call)
        return (
            self._addresses(call)
            if not names
            else sorted(
                place
                for turn in call.floor("agent")
                for name in names
                for place in _places(call, turn, name)
                if name not in STOP or _is_written_as_name(call, place)
            )
        )

    def judge(self, call: Conversation, scope: Scope) -> Finding:
        """Not applicable where no name is known."""
        names = self._names(call)
        hits = self.events(call)
        if not names and not hits:
            return self.answer.not_applicable(Reason.NAME_NOT_KNOWN)
        if hits:
            return self.answer.met(Reason.NAME_USED, call.evidence(EvidenceKind.MET, hits[0]))
        likely = call.said(self.by_act, at_least=Certainty.LIKELY)
        # Whose name was masked nobody can know, and somebody else's is not the customer's.
        others = _others(call) | self._own(call)
        meant = [
            said
            for said in likely
            if not _MASKED_NAME.search(call.turns[said.place.turn].text)
            and others.isdisjoint(normalise(call.quote(said.place)).split())
        ]
        if meant:
            evidence = call.evidence(EvidenceKind.MET, meant[0].place, said=meant[0])
            return self.answer.met(Reason.NAME_UNDERSTOOD, evidence, said=meant[0])
        if any(_MASKED_NAME.search(call.turns[turn].text) for turn in call.floor("agent")):
            return self.answer.not_assessable(Reason.NAME_MASKED)
        return self.answer.missed(Reason.NAME_NOT_USED, Miss.NEVER, facts=Facts(named=tuple(sorted(names))))

    def _names(self, call: Conversation) -> set[str]:
        known = {w for w in normalise(call.transcript.call.customer_name or "").split() if len(w) > 1 and w.isalpha()}
        learnt = self._heard_names(call) | self._answered_names(call) if not known else set()
        # The name of the agent, when it is the same, shows nothing.
        return (known or learnt - _others(call)) - self._own(call) - _TITLES

    def _own(self, call: Conversation) -> set[str]:
        return set(normalise(call.transcript.call.agent_name or "").split())

    def _heard_names(self, call: Conversation) -> set[str]:
        """Words after "my name is"; after "this is" or "I am" only where the transcript shows a capital."""
        found: set[str] = set()
        for place in call.hits(self.heard):
            text = call.texts[place.turn]
            following = _NEXT_WORD.match(text, place.end)
            if following is None or following[1] in _NO_NAME or _SENTENCE_ASKS.match(text, place.end):
                continue
            word = Place(place.turn, following.start(1), following.end(1))
            if call.quote(word)[:1].isupper() or (
                "name" in text[place.start : place.end] and call.turns[place.turn].text.islower()
            ):
                found.add(following[1])
                surname = _NEXT_WORD.match(text, following.end(1))
                if surname and _NAME.fullmatch(call.quote(Place(place.turn, surname.start(1), surname.end(1)))):
                    found.add(surname[1])
        return found

    def _answered_names(self, call: Conversation) -> set[str]:
        """The few words that answer the question for a name, without "yes, it is"."""
        found: set[str] = set()
        for place in call.hits(self.asked):
            answer = next((t for t in call.customer_turns if t.index > place.turn), None)
            words = [w for w in call.texts[answer.index].split() if w.isalpha()] if answer else []
            names = [w for w in words if w not in STOP and w not in _NO_NAME and w not in _NOT_ANSWERED]
            if answer and not answer.text.islower():
                # The written form shows which of the words are names.
                names = [w for w in names if re.search(rf"\b{re.escape(w.capitalize())}", answer.text)]
            if len(words) <= _FEW_WORDS and 1 <= len(names) <= _LONGEST_NAME:
                found.update(names)
        return found

    def _addresses(self, call: Conversation) -> list[Place]:
        own = self._own(call) | _others(call) | _NO_NAME
        found: set[Place] = set()
        for place in call.hits(self.addressed):
            following = _NEXT_WORD.match(call.texts[place.turn], place.end)
            if following is None:
                continue
            word = Place(place.turn, following.start(1), following.end(1))
            titled = call.texts[place.turn][place.start : place.end].rsplit(" ", 1)[-1] in _TITLES
            if following[1] not in own | STOP and (titled or self._stands_alone(call, word)):
                found.add(word)
        for turn in call.floor("agent"):
            for match in _LAST_WORD.finditer(call.texts[turn]):
                word = Place(turn, match.start(2), match.end(2))
                with_comma = call.quote(Place(turn, match.start(1), match.end(2)))
                if match[2] not in own | STOP and _AFTER_COMMA.search(with_comma):
                    found.add(word)
        return sorted(found)

    def _stands_alone(self, call: Conversation, word: Place) -> bool:
        """Whether the sentence pauses after the name: "thank you, Peter." and not "thank you, London is far"."""
        text = call.turns[word.turn].text
        at = call.spoken[word.turn].original(word.start, word.end)[0]
        return _ALONE.match(text, at) is not None


@lru_cache(maxsize=1)
def _others(call: Conversation) -> frozenset[str]:
    """Names in this call that are not the customer's."""
    agent, customer, everybody = (
        (call.turns[turn].text for turn in turns)
        for turns in (call.floor("agent"), call.floor("customer"), range(len(call.turns)))
    )
    return frozenset(
        name.lower()
        for pattern, texts in ((_AGENT_IS, agent), (_CUSTOMER_CALLS, customer), (_OTHERS, everybody))
        for text in texts
        for found in pattern.finditer(text)
        for name in found.groups()
        if name
    )


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
