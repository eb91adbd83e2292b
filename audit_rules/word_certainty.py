"""How surely words were heard: what was heard too uncertainly accuses nobody.

A recogniser that is unsure of a word is often wrong about it, and a word that was never said must not stand against an
agent. So words that count against the agent need each of their words heard with the certainty of `FLOOR`; words
that earn a `met` do not, because a praise too many harms nobody.
"""

from callaudit.audit_rules.acts.said import Place
from callaudit.audit_rules.conversation import Conversation
from callaudit.audit_rules.finding import Facts

# The least certainty of a word that accuses: Whisper's is nearly a probability, and half is the point from which a word
# is rather right.
FLOOR = 0.5


def is_confident(call: Conversation, place: Place) -> bool:
    """Whether no word of the place is below the floor; words whose certainty is not known are."""
    certainty = call.certainty(place)
    return certainty is None or certainty >= FLOOR


def too_uncertain(call: Conversation, places: list[Place]) -> Facts:
    """How surely the best of these places was heard, of which none was heard surely: they count against nobody."""
    return Facts(confidence=max(c for p in places if (c := call.certainty(p)) is not None))
