"""Whether, from when and until when the customer is upset with the company: the gate of many rules.

Upset is heard by what customers do, not by anger words: annoyance, weariness and sarcasm, open anger, threats to leave.
One turn that is clearly so, or several that are mildly so, make a call tense; less makes it "perhaps". An episode opens
with the first such turn and closes when the customer accepts, thanks or warms up in a turn without upset; upset after
that opens another.
"""

from collections.abc import Mapping, Sequence

import msgspec

from callaudit.audit_rules.acts.said import Certainty, Place, Said
from callaudit.audit_rules.conversation import Conversation
from callaudit.audit_rules.finding import Episode, EvidenceKind, Upset
from callaudit.audit_rules.rule import Gate

# What a phrase is worth where there is no recogniser to weigh it.
_BY_PHRASE = 0.9


class UpsetTurns(msgspec.Struct, frozen=True):
    """The customer's upset in one call: how sure it is, and in which turns it is heard, with the words that show it."""

    degree: Upset
    opened_by: dict[int, Said]


def upset_turns(call: Conversation, gate: Gate) -> UpsetTurns:
    """Weigh every customer turn; the turns of the answer are those that make the call tense or perhaps tense."""
    any_of = _strengths(call, gate.upset, gate.elsewhere)
    clear = _strengths(call, gate.clearly, gate.elsewhere)
    strong = {t for t, (p, said) in any_of.items() if p >= gate.from_turn and not _is_near(said)}
    open_anger = {t for t, (p, said) in clear.items() if p >= gate.from_clear_turn and not _is_near(said)}
    weak = {t for t, (p, _) in any_of.items() if p >= gate.from_perhaps}
    if open_anger or len(strong) >= gate.turns:
        degree, turns = Upset.CLEAR, strong | open_anger
    elif strong or weak:
        degree, turns = Upset.PERHAPS, strong | weak
    else:
        degree, turns = Upset.NONE, set[int]()
    return UpsetTurns(degree, {t: (any_of.get(t) or clear[t])[1] for t in sorted(turns)})


def _strengths(call: Conversation, acts: Sequence[str], elsewhere: Sequence[str]) -> dict[int, tuple[float, Said]]:
    """By turn, what is most surely one of the acts there; the likelier the upset is about something else, the less."""
    others = {turn: p for turn, (p, _) in _strengths(call, elsewhere, ()).items()} if elsewhere else {}
    strengths: dict[int, tuple[float, Said]] = {}
    for act in acts:
        for said in call.acts.get(act, ()):
            p = _probability(said) * (1 - others.get(said.place.turn, 0.0))
            if p > strengths.get(said.place.turn, (0.0, said))[0]:
                strengths[said.place.turn] = (p, said)
    return strengths


def _is_near(said: Said) -> bool:
    """Whether nothing but words that may be it were heard: they make no call more than perhaps tense."""
    return said.probability is None and said.certainty is Certainty.POSSIBLE


def _probability(said: Said) -> float:
    return _BY_PHRASE if said.probability is None else said.probability


def episodes(call: Conversation, upset: UpsetTurns, gate: Gate) -> tuple[Episode, ...]:
    """The episodes of a tense call in order; none where the customer was not, or only perhaps, upset."""
    if upset.degree is not Upset.CLEAR:
        return ()
    closing: Mapping[int, str] = {
        said.place.turn: how
        for how, acts in (("thanked", gate.thanked), ("accepted", gate.accepted))
        for act in acts
        for said in call.acts.get(act, ())
        if said.certainty >= gate.closes_from
    }
    persisting = {
        s.place.turn for act in gate.persists for s in call.acts.get(act, ()) if s.certainty >= gate.closes_from
    }
    found: list[Episode] = []
    opened: int | None = None
    for turn in call.customer_turns:
        if turn.index in upset.opened_by:
            opened = turn.index if opened is None else opened
        elif opened is not None and turn.index in closing and turn.index not in persisting:
            found.append(_episode(call, len(found) + 1, upset.opened_by[opened].place, turn.index, closing[turn.index]))
            opened = None
    if opened is not None:
        found.append(_episode(call, len(found) + 1, upset.opened_by[opened].place, call.turns[-1].index, "call_end"))
    return tuple(found)


def _episode(call: Conversation, number: int, opening: Place, last: int, closed_by: str) -> Episode:
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
