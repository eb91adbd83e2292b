"""What was recognised: an act, where it was said, how surely, and by which witness."""

from enum import IntEnum, StrEnum

import msgspec


class Place(msgspec.Struct, frozen=True, array_like=True, order=True, gc=False):
    """Where words were found: a turn and characters of its normalised text."""

    turn: int
    start: int
    end: int


class Certainty(IntEnum):
    """How surely words are an act. The probabilities behind the levels are chosen per act on held-out authors."""

    POSSIBLE = 1
    """Near enough that saying "it was never said" would be wrong too often."""
    LIKELY = 2
    """Right often enough to earn a `met`."""
    SURE = 3
    """Right often enough to accuse somebody."""


class Witness(StrEnum):
    """What recognised an act."""

    PHRASES = "phrases"
    RECOGNISER = "recogniser"
    BOTH = "both"


class Said(msgspec.Struct, frozen=True, gc=False):
    """One act in one place; `probability` is None where there is no recogniser to ask."""

    place: Place
    act: str
    certainty: Certainty
    witness: Witness
    probability: float | None = None
