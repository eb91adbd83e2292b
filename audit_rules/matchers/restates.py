"""The agent says back what the customer said: mirroring, and solutions that fit the case.

    restates: {words: 3, lead: [so you], says_so: [if i understand], asks: [is that (right|correct)]}
    restates: {words: 1, during: [solution.is_offered]}

Words are compared by their stems, without stop words and stock words of complaint (`content_words.py`). Numbers do not
count: reading back an order number is no sign of having understood what is wrong with the order.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from callaudit.audit_rules.acts.said import Place
from callaudit.audit_rules.content_words import content_stems
from callaudit.audit_rules.conversation import Conversation
from callaudit.audit_rules.finding import EvidenceKind, Facts, Finding, Miss, Reason
from callaudit.audit_rules.matchers import Answer, Scope, answering_turns, inside
from callaudit.audit_rules.phrases.index import Index
from callaudit.audit_rules.rule import Phrases, Restates
from callaudit.audit_rules.window import Window

_SENTENCE = re.compile(r"[^.?]+[.?]? ?")
# Without punctuation a turn is one sentence, and what is said this far from the lead is no longer led by it.
_LED_WORDS = 25
# Without a lead phrase the words must nearly all be the customer's, and fresh: later on all talk is of the same things.
_MOSTLY = 0.75
_FRESH_TURNS = 3
_LED = re.compile(rf"(?:\s*\S+){{0,{_LED_WORDS}}}")


class RestatesMatcher:
    """Judges whether the agent said back, or built on, what this customer said."""

    def __init__(self, rule_id: str, spec: Restates, index: Index) -> None:
        self.spec = spec
        self.lead = index.add(Phrases(any_of=spec.lead, unless=spec.unless))
        self.says_so = index.add(Phrases(any_of=spec.says_so, unless=spec.unless))
        self.asks = index.add(Phrases(any_of=spec.asks, unless=spec.unless))
        self.unless = index.add(Phrases(any_of=spec.unless))
        self.others = index.add(Phrases(events=spec.events, acts=spec.acts))
        self.answer = Answer(rule_id)

    def events(self, call: Conversation) -> Sequence[Place]:
        """One place for each turn that restates: from its lead phrase, or its sentence, to the end of that sentence."""
        found = {p.turn: p for p in reversed(call.hits(self.others))}
        if self.spec.acts and call.heard and not call.typed:
            # In speech shared words prove little: everybody talks of the same thing. The recogniser hears the rest.
            return [found[t] for t in sorted(found)]
        during = {p.turn for rule in self.spec.during for p in call.events(rule)}
        led = {p.turn for phrases in (self.says_so, self.lead) for p in call.hits(phrases)}
        asking = {p.turn for p in call.hits(self.asks)}
        for turn in call.floor("agent"):
            if turn in found:
                continue
            if self.spec.during:
                place = self._in_offer(call, turn) if turn in during else None
            elif self.spec.asks:
                place = self._in_sentences(call, turn) if turn in asking else None
            else:
                # Words that the turn has not even as a whole need not be looked for in its sentences.
                enough = turn in led or len(_words(call.stems(turn)) & _just_said(call, turn)) >= self.spec.words
                place = self._in_sentences(call, turn) if enough else None
            if place is not None:
                found[turn] = place
        return [found[t] for t in sorted(found)]

    def _in_offer(self, call: Conversation, turn: int) -> Place | None:
        shared = _words(call.from_customer(call.stems(turn), before=turn))
        return Place(turn, 0, max(len(call.texts[turn].rstrip(" .?")), 1)) if len(shared) >= self.spec.words else None

    def _in_sentences(self, call: Conversation, turn: int) -> Place | None:
        asks = inside(call.hits(self.asks), [turn])
        sentences = [Place(turn, m.start(), m.end()) for m in _SENTENCE.finditer(call.texts[turn])]
        for n, sentence in enumerate(sentences):
            until = sentences[min(n + 1, len(sentences) - 1)].end
            asked = any(sentence.start <= p.start < until for p in asks)
            if self.spec.asks and not asked:
                continue
            start = self._restated(call, sentence)
            if start is not None:
                return Place(turn, start, max(len(call.texts[turn][: sentence.end].rstrip(" .?")), start + 1))
        return None

    def _restated(self, call: Conversation, sentence: Place) -> int | None:
        for place in _within(call.hits(self.says_so), sentence):
            if _words(_led(call, place, sentence)):
                return place.start
        for place in _within(call.hits(self.lead), sentence):
            led = _words(_led(call, place, sentence))
            if led if self.spec.asks else call.from_customer(led, before=place.turn):
                return place.start
        if any(_within(call.hits(self.unless), sentence)):
            return None
        own = _words(content_stems(call.texts[sentence.turn][sentence.start : sentence.end]))
        if self.spec.asks:
            return sentence.start if call.from_customer(own, before=sentence.turn) else None
        shared = own & _just_said(call, sentence.turn)
        return sentence.start if len(shared) >= self.spec.words and len(shared) >= _MOSTLY * len(own) else None

    def judge(self, call: Conversation, scope: Scope) -> Finding:
        """Met by the first restating turn inside the scope."""
        turns = answering_turns(call, scope, Window("rest"))
        if not turns:
            return self.answer.not_applicable(Reason.CALL_ENDED)
        hits = inside(self.events(call), turns)
        trigger = [call.evidence(EvidenceKind.TRIGGER, scope.trigger)] if scope.trigger else []
        if hits:
            said = call.texts[hits[0].turn][hits[0].start : hits[0].end]
            shared = sorted(
                w for w in said.split() if call.from_customer(_words(content_stems(w)), before=hits[0].turn)
            )
            own = Facts(named=tuple(dict.fromkeys(shared)))
            return self.answer.met(Reason.SAID_BACK, call.evidence(EvidenceKind.MET, hits[0]), *trigger, facts=own)
        return self.answer.missed(Reason.NOT_SAID_BACK, Miss.NEVER, *trigger)


def _words(stems: frozenset[str]) -> frozenset[str]:
    return frozenset(s for s in stems if not s[0].isdigit())


def _just_said(call: Conversation, turn: int) -> frozenset[str]:
    floor = call.floor("customer")
    fresh = floor[max(bisect_left(floor, turn) - _FRESH_TURNS, 0) : bisect_left(floor, turn)]
    return frozenset().union(*(call.stems(t) for t in fresh))


def _within(places: Sequence[Place], sentence: Place) -> Iterator[Place]:
    return (p for p in inside(places, [sentence.turn]) if sentence.start <= p.start and p.end <= sentence.end)


def _led(call: Conversation, place: Place, sentence: Place) -> frozenset[str]:
    match = _LED.match(call.texts[place.turn], place.end, sentence.end)
    return content_stems(match.group()) if match else frozenset()
