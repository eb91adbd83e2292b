"""Whether words that were said name an agent."""

import re
from collections.abc import Iterable
from typing import Any

_WORDS = re.compile(r"\w+")


def name_words(people: Iterable[dict[str, Any]]) -> frozenset[str]:
    """Every word of two letters or more of the agents' names and ids, in lower case."""
    named = {str(person[column] or "") for person in people for column in ("agent_name", "agent_id")}
    return frozenset(word.casefold() for name in named for word in _WORDS.findall(name) if len(word) > 1)


def names_one_of(words: frozenset[str], text: str) -> bool:
    """Whether the text holds one of the words as a word of its own."""
    return any(word.casefold() in words for word in _WORDS.findall(text))
