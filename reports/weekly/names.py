"""Whether words that were said name an agent."""

import re
from collections.abc import Iterable

from callaudit.reports.weekly.rows import Named

_WORDS = re.compile(r"\w+")


def name_words(people: Iterable[Named]) -> frozenset[str]:
    """Every word of two letters or more of the agents' names and ids, in lower case."""
    named = {said for person in people for said in (person.agent_name, person.agent_id) if said}
    return frozenset(word.casefold() for name in named for word in _WORDS.findall(name) if len(word) > 1)


def names_one_of(words: frozenset[str], text: str) -> bool:
    """Whether the text holds one of the words as a word of its own."""
    return any(word.casefold() in words for word in _WORDS.findall(text))
