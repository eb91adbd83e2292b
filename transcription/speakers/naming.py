"""Who is the agent and who the customer, by what they say, with how sure that is and the words it rests on.

A party's score is the sum of the weights of the phrases (`transcription.speakers.phrases`) that it says at all: a
naive Bayes estimate. Phrases come together, so the sum promises too much; `_SHARE` takes that back. Who speaks first
does not count: in chats and tweets that depends on the channel alone, and a recording may begin anywhere.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from math import exp

import msgspec

from callaudit.transcription.speakers.phrases import PHRASES, folded
from callaudit.transcription.transcript import Seconds, SpeakerRole, Word

SURE = 0.95
"""Below this probability nobody is named."""

SURE_AGAINST_A_SETTING = 0.99
"""A setting is rarely wrong, so words must say the contrary this surely."""

# Fitted on the conversations that the phrases were counted in, by logistic regression: 0.55. Rounded down.
_SHARE = 0.5


class Quote(msgspec.Struct, frozen=True):
    """Words that speak for a role, as a person can find them: what was said and when."""

    text: str
    start: Seconds | None

    def __str__(self) -> str:
        at = "" if self.start is None else f" at {int(self.start) // 60}:{int(self.start) % 60:02d}"
        return f"\N{LEFT DOUBLE QUOTATION MARK}{self.text}\N{RIGHT DOUBLE QUOTATION MARK}{at}"


class Wording(msgspec.Struct, frozen=True, kw_only=True):
    """How a party speaks: `score` above 0 like an agent, below 0 like a customer, as the logarithm of the odds.

    `agent` and `customer` are the words that speak most for each, or None.
    """

    score: float = 0.0
    agent: Quote | None = None
    customer: Quote | None = None

    def quote(self, role: SpeakerRole) -> Quote | None:
        """The words that speak most for a role."""
        return self.agent if role is SpeakerRole.AGENT else self.customer


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A role for each party, UNKNOWN where nobody can be named; `confidence` is that of the likelier naming."""

    roles: tuple[SpeakerRole, ...]
    confidence: float
    evidence: str


def wording_of(words: Sequence[Word]) -> Wording:
    """How one party speaks, from its words in order of time."""
    return wording_of_texts((word.text, word.start) for word in words)


def wording_of_texts(said: Iterable[tuple[str, Seconds | None]]) -> Wording:
    """How one party speaks, from pieces of text in order of time, each with its start where that is known."""
    tokens: list[str] = []
    places: list[int] = []
    starts: list[Seconds | None] = []
    length = 0
    for piece, start in said:
        for token in folded(piece).split():
            tokens.append(token)
            places.append(length)
            starts.append(start)
            length += len(token) + 1
    text = " ".join(tokens)
    heard = [(phrase, found) for phrase in PHRASES if (found := phrase.expression.search(text))]

    def strongest(sign: int) -> Quote | None:
        fitting = [(p, found) for p, found in heard if sign * p.weight > 0]
        if not fitting:
            return None
        _, found = max(fitting, key=lambda one: (abs(one[0].weight), len(one[1].group()), -one[1].start()))
        return Quote(found.group(), starts[bisect_right(places, found.start()) - 1])

    return Wording(score=_SHARE * sum(p.weight for p, _ in heard), agent=strongest(1), customer=strongest(-1))


def name_two(first: Wording, second: Wording, *, sure: float = SURE) -> Named:
    """The roles of the two parties of a call: one is the agent, the other the customer."""
    odds = first.score - second.score
    confidence = _probability(abs(odds))
    agent, customer = SpeakerRole.AGENT, SpeakerRole.CUSTOMER
    roles = (agent, customer) if odds > 0 else (customer, agent)
    evidence = evidence_of((first, second), roles)
    if confidence < sure:
        doubt = f"the words do not say clearly who is the agent ({confidence:.0%} sure)"
        return Named(
            roles=(SpeakerRole.UNKNOWN,) * 2,
            confidence=confidence,
            evidence=f"{doubt}: {evidence}" if evidence else doubt,
        )
    return Named(roles=roles, confidence=confidence, evidence=evidence)


def name_several(parties: Sequence[Wording], *, sure: float = SURE) -> Named:
    """The roles of any number of parties, each by its own words alone; `confidence` is the least of those named.

    All are UNKNOWN unless there is an agent and a customer among them.
    """
    roles = tuple(
        SpeakerRole.UNKNOWN
        if _probability(abs(party.score)) < sure
        else (SpeakerRole.AGENT if party.score > 0 else SpeakerRole.CUSTOMER)
        for party in parties
    )
    if not set(_BOTH).issubset(roles):
        doubt = "the words do not say clearly who is the agent and who the customer"
        return Named(roles=(SpeakerRole.UNKNOWN,) * len(roles), confidence=0.5, evidence=doubt)
    named = [_probability(abs(p.score)) for p, role in zip(parties, roles, strict=True) if role in _BOTH]
    return Named(roles=roles, confidence=min(named), evidence=evidence_of(parties, roles))


_BOTH = (SpeakerRole.AGENT, SpeakerRole.CUSTOMER)


def evidence_of(parties: Sequence[Wording], roles: Sequence[SpeakerRole]) -> str:
    """The strongest words of the agent and of the customer, "the agent says ..., the customer ..."."""
    says: list[str] = []
    for role in _BOTH:
        quotes = [p.quote(role) for p, own in zip(parties, roles, strict=True) if own is role]
        known = [quote for quote in quotes if quote is not None]
        if known:
            says.append(f"the {role.value} says {known[0]}")
    return ", ".join(says)


def _probability(odds: float) -> float:
    return 1.0 / (1.0 + exp(-min(odds, 30.0)))
