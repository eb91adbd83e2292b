"""Tense calls: where an episode opens, and where the customer lets it close.

An episode opens with the first customer turn that shows upset: one strong phrase, or two weak words within
two turns (measured on support chats, single words are right two times in three, phrases nearly always). It
closes with the customer's acceptance or thanks in a turn that shows no upset; upset after that opens another.
"""

from collections import defaultdict
from collections.abc import Sequence

from audit_rules.conversation import Conversation
from audit_rules.finding import Episode, EvidenceKind
from audit_rules.index import Index, PhraseList, Place
from audit_rules.rule import Cues, Phrases


class EpisodeCues:
    """The customer's words that open and close an episode, compiled."""

    def __init__(self, cues: Cues, index: Index) -> None:
        def compile_list(phrases: tuple[str, ...]) -> PhraseList:
            return index.add(Phrases(speaker="customer", any_of=phrases, unless=cues.unless))

        self.strong = compile_list(cues.strong)
        self.weak = compile_list(cues.weak)
        self.accepts = index.add(Phrases(speaker="customer", any_of=cues.accepts, unless=cues.unsolved))
        self.thanks = index.add(Phrases(speaker="customer", any_of=cues.thanks, unless=cues.unsolved))
        self.persists = index.add(Phrases(speaker="customer", any_of=cues.persists))

    def upset(self, call: Conversation) -> list[Place]:
        """Every place that shows upset: strong phrases, and weak words that have company within two customer turns."""
        strong = call.hits(self.strong)
        weak = call.hits(self.weak)
        heard: dict[int, set[str]] = defaultdict(set)
        for place in weak:
            heard[place.turn].add(call.texts[place.turn][place.start : place.end])
        strong_turns = {p.turn for p in strong}
        floor = call.floor("customer")
        company: set[int] = set()
        for n, turn in enumerate(floor):
            near = floor[max(n - 1, 0) : n + 2] if turn in heard else []
            # A word said twice is one sign; two different ones, or one beside a strong phrase, are company.
            if len({w for t in near for w in heard.get(t, ())}) > 1 or not strong_turns.isdisjoint(near):
                company.add(turn)
        return sorted({*strong, *(w for w in weak if w.turn in company)})

    def episodes(self, call: Conversation, places: Sequence[Place]) -> tuple[Episode, ...]:
        """The call's episodes in order, given where it shows upset; the opening comes before the closing."""
        upset: dict[int, Place] = {}
        for place in places:
            upset.setdefault(place.turn, place)
        if not upset:
            return ()
        persisting = {p.turn: p.end for p in call.hits(self.persists)}
        accepts = {p.turn for p in call.hits(self.accepts) if p.start >= persisting.get(p.turn, 0)}
        closing = accepts | {p.turn for p in call.hits(self.thanks) if p.turn not in persisting}
        found: list[Episode] = []
        opened: int | None = None
        for turn in call.customer_turns:
            if turn.index in upset:
                opened = turn.index if opened is None else opened
            elif opened is not None and turn.index in closing:
                how = "accepted" if turn.index in accepts else "thanked"
                found.append(self._episode(call, len(found) + 1, upset[opened], turn.index, how))
                opened = None
        if opened is not None:
            found.append(self._episode(call, len(found) + 1, upset[opened], call.turns[-1].index, "call_end"))
        return tuple(found)

    def _episode(self, call: Conversation, number: int, opening: Place, last: int, closed_by: str) -> Episode:
        start, _ = call.time(opening)
        turn = call.turns[opening.turn]
        return Episode(
            number=number,
            first_turn=opening.turn,
            last_turn=last,
            start=start if start is not None else turn.start,
            end=call.turns[last].end,
            opened_by=call.evidence(EvidenceKind.TRIGGER, opening).quote,
            closed_by=closed_by,
        )
