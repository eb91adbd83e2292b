"""The agent asks for what the customer gave already: order number, name, address.

    asks_again: {slots: {order number: {asks: [order number], gives: ["order (number )?(is )?#"]}}}

A slot is given when the customer answers the agent's question with something of substance, or gives it unasked. And
whatever was asked for, it was given before where the customer protests, or spells the same again. Asking again right
after the answer was not caught ("sorry, could you repeat that?") is fair.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from callaudit.audit_rules.acts.said import Place
from callaudit.audit_rules.conversation import Conversation
from callaudit.audit_rules.finding import EvidenceKind, Facts, Finding, Miss, Note, Reason
from callaudit.audit_rules.matchers import Answer, Scope, searched
from callaudit.audit_rules.phrases.index import Index
from callaudit.audit_rules.phrases.normalise import NUMBER_WORDS
from callaudit.audit_rules.rule import AsksAgain, Phrases
from callaudit.audit_rules.word_certainty import is_confident, too_uncertain
from callaudit.transcription.turns import is_listening_signal

_REFUSAL = re.compile(
    r"\b(?:do not (?:have|know|remember)|no idea|not sure|one (?:moment|second)|hold on"
    r"|let me (?:look|check|find|get|grab|see))\b"
)

# So many letters and digits, said twice in the same order, are the same number.
_LONG_ENOUGH = 4
_SPELLED = frozenset(NUMBER_WORDS) | {"double", "triple", "oh"}


class AsksAgainMatcher:
    """Judges a rule that forbids asking for what was given already."""

    def __init__(self, rule_id: str, spec: AsksAgain, index: Index) -> None:
        self.slots = {
            name: (
                index.add(Phrases(any_of=slot.asks)),
                index.add(Phrases(speaker="customer", any_of=slot.gives)),
            )
            for name, slot in spec.slots.items()
        }
        self.repairs = index.add(Phrases(any_of=spec.unless))
        self.asks = index.add(Phrases(acts=spec.acts))
        self.protests = index.add(Phrases(speaker="customer", acts=spec.protests))
        self.answer = Answer(rule_id)

    def events(self, call: Conversation) -> Sequence[Place]:
        """Each question for something already given."""
        return sorted(again for again, _, _ in self._again(call))

    def judge(self, call: Conversation, scope: Scope) -> Finding:
        """Missed by the first such question that was surely heard."""
        again = self._again(call)
        if again:
            sure = [question for question in again if is_confident(call, question[0])]
            if not sure:
                doubted = sorted({place for place, _, _ in again})
                against = (call.evidence(EvidenceKind.AGAINST, p, Note.ASKED_AGAIN) for p in doubted)
                return self.answer.not_assessable(Reason.WORDS_UNCERTAIN, *against, facts=too_uncertain(call, doubted))
            place, given, slot = min(sure)
            return self.answer.missed(
                Reason.ASKED_AGAIN,
                Miss.FORBIDDEN,
                call.evidence(EvidenceKind.AGAINST, place, Note.ASKED_AGAIN),
                call.turn_evidence(EvidenceKind.TRIGGER, call.turns[given], Note.GIVEN_HERE),
                facts=Facts(named=(slot,) if slot else ()),
            )
        if not call.agent_turns:
            return self.answer.not_applicable(Reason.AGENT_SILENT)
        turns = [t.index for t in call.agent_turns]
        return self.answer.met(Reason.NOTHING_ASKED_TWICE, searched(call, turns), facts=Facts(how_many=len(turns)))

    def _again(self, call: Conversation) -> list[tuple[Place, int, str]]:
        repaired = {p.turn for p in call.hits(self.repairs)}
        found: list[tuple[Place, int, str]] = []
        for slot, (asks, gives) in self.slots.items():
            first_given = min((p.turn for p in call.hits(gives)), default=None)
            asked: int | None = None
            for place in call.hits(asks):
                answer = None if asked is None else self._answer(call, asked, place.turn)
                if answer is not None and (first_given is None or answer < first_given):
                    first_given = answer
                if first_given is not None and first_given < place.turn and place.turn not in repaired:
                    found.append((place, first_given, slot))
                asked = place.turn
        known = {place.turn for place, _, _ in found}
        return found + [a for a in self._answered_again(call) if a[0].turn not in {*known, *repaired}]

    def _answered_again(self, call: Conversation) -> Iterator[tuple[Place, int, str]]:
        """Questions that the customer answers with a protest, or with the letters and digits of an earlier answer."""
        protesting = {p.turn for p in call.hits(self.protests)}
        floor = call.floor("customer")
        given: dict[tuple[str, ...], int] = {}
        for place in call.hits(self.asks):
            at = bisect_right(floor, place.turn)
            if at == len(floor) or floor[at] != place.turn + 1:
                continue
            answer = _spelled(call.texts[floor[at]])
            before = given.get(answer) if len(answer) >= _LONG_ENOUGH else None
            if before is not None:
                yield place, before, ""
            elif floor[at] in protesting:
                yield place, floor[at], ""
            if len(answer) >= _LONG_ENOUGH:
                given.setdefault(answer, floor[at])

    def _answer(self, call: Conversation, asked: int, before: int) -> int | None:
        """The customer's first turn between the two questions, if it gives what was asked for."""
        floor = call.floor("customer")
        at = bisect_right(floor, asked)
        if at == len(floor) or floor[at] >= before:
            return None
        text = call.texts[floor[at]]
        gave = not is_listening_signal(call.turns[floor[at]].text) and "? " not in text and not _REFUSAL.search(text)
        return floor[at] if gave else None


def _spelled(text: str) -> tuple[str, ...]:
    """The digits, number words and single letters of a text, in order."""
    return tuple(w for w in text.split() if w in _SPELLED or w.isdigit() or (len(w) == 1 and w.isalpha() and w != "i"))
