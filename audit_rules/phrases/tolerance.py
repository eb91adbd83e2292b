"""A phrase that may have one word misheard, written in the phrase language itself.

    i can see why you feel   ->   (i can see why you feel|i _1 see why you feel|i can see why _1 feel)

Recognisers mishear the small words most, and they carry least. So each word or choice of `_SMALL` words that stands
inside a phrase of four words or more may be another word or missing; what carries the meaning must be there, at least
two words of it, and so must a negation and the words at the ends, which hold the phrase in its place. A word beside a
gap must be there too: two gaps in a row would hold nothing. The longer phrase is an ordinary one, so no second
search is needed.
"""

import re

SHORTEST = 4
FEWEST_TELLING = 2
# What may be misheard without another meaning. No negation, no "can" beside "cannot", no "you" who is accused.
_SMALL = frozenset(
    "a am an and are as at be been by did do does for from had has have i in is it me my of on our so that the "
    "there this to was we were will with would".split()
)
# A word, a word list, a gap, a mark, or a whole bracket of the first level with what follows it.
_PART = re.compile(r"\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)[?*]?|[^\s()|]+|\|")


def with_one_misheard(phrase: str) -> str:
    """The phrase with the same phrase misheard as further choices; itself where no word of it may be misheard."""
    begins = "^ " if phrase.startswith("^") else ""
    parts = _PART.findall(phrase.removeprefix("^"))
    whole = " ".join(parts)
    needed = [part for part in parts if not _may_be_missing(part)]
    telling = sum(not _is_small(part) for part in needed)
    if "|" in parts or len(needed) < SHORTEST or telling < FEWEST_TELLING:
        return phrase
    misheard = [
        " ".join([*parts[:n], "_1", *parts[n + 1 :]])
        for n, part in enumerate(parts[1:-1], 1)
        if _is_small(part) and not _beside_gap(parts, n)
    ]
    return f"{begins}({'|'.join([whole, *misheard])})" if misheard else phrase


def _may_be_missing(part: str) -> bool:
    return part.startswith("_") or part[-2:] in (")?", ")*")


def _beside_gap(parts: list[str], n: int) -> bool:
    return parts[n - 1].startswith("_") or parts[n + 1].startswith("_")


def _is_small(part: str) -> bool:
    """Whether the part is a small word, or a choice of nothing else."""
    if _may_be_missing(part):
        return False
    choices = part[1:-1].split("|") if part.startswith("(") else [part]
    return all(choice.strip() in _SMALL for choice in choices)
