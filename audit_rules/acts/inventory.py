"""The acts: what a turn of a call can do, one block a file, readable by a QA lead.

An act is the smallest thing that rules speak of: an apology, a refusal, a promise to call back. Each file says who
does it, what it means and what it is not, the phrases that show it, and lines that are it and lines that only look so.
"""

from collections.abc import Mapping

import msgspec

from callaudit.audit_rules.rule import Block, Speaker


class Act(Block, frozen=True, kw_only=True):
    """One act. `tag` is its short name in the corpus; an act with a `parent` counts as the parent too.

    A parent may have no tag: it is then done wherever one of its children is.

    `phrases` and `unless` are in the phrase language of the rules. With `names_the_issue` a phrase counts only where
    the clause it opens is about something (see `audit_rules/specificity.py`). Where there are only phrases to go by,
    `near` are words that may be the act: enough to forbid "it was never said".
    """

    name: str
    who: Speaker
    tag: str = ""
    parent: str | None = None
    means: str
    is_not: str
    phrases: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    names_the_issue: bool = False
    examples: tuple[str, ...]
    near_misses: tuple[str, ...] = ()


def with_children(acts: Mapping[str, Act]) -> dict[str, tuple[str, ...]]:
    """For each act the acts that count as it: itself first, then those whose parent it is."""
    return {name: (name, *(a.name for a in acts.values() if a.parent == name)) for name in acts}


class Levels(msgspec.Struct, frozen=True, kw_only=True):
    """How one act's probability is made and read (the acts of `levels.json` by name).

    The probability is the logistic function of `slope` x the recogniser's log odds + `phrase` where a phrase was heard
    + `offset` (Platt 1999); an act is sure, likely or possible from that probability on.
    """

    slope: float = 1.0
    offset: float = 0.0
    phrase: float = 2.0
    sure: float = 0.55
    likely: float = 0.4
    possible: float = 0.33


STANDARD = Levels()
