"""The words of a conversation, each in its place: in time among all words, and in its own speaker's stream.

A number is read out across utterances and turns ("four one one one" - "okay" - "one one one one"), and what it is
was often said by the other party ("the security code?"). So numbers are looked for in a speaker's stream, and what
they are in what everybody said before.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from transcription.transcript import Seconds, SpeakerRole, Utterance

EDGES = ".,;:!?\"'“”‘’()[]…-\u2013"

# People read a number in groups and wait for "okay" after each.
_PAUSE: Seconds = 8.0
# More words than this of the other party between two groups are a conversation of their own.
_BETWEEN_GROUPS = 6


class Token(NamedTuple):
    """One word as it was said; `plain` is lower case, without marks at its edges.

    `utterance` and `word` are its positions in the conversation and in that utterance.
    """

    text: str
    plain: str
    utterance: int
    word: int


class Stream(NamedTuple):
    """What one speaker said: places in `Conversation.tokens`, and where in here a number cannot go on."""

    at: tuple[int, ...]
    plain: tuple[str, ...]
    breaks: frozenset[int]


class Conversation(NamedTuple):
    """All words in order of time, and the stream of each speaker."""

    tokens: tuple[Token, ...]
    streams: tuple[Stream, ...]


def conversation_of(utterances: Sequence[Utterance]) -> Conversation:
    """The words of utterances that stand in order of time."""
    tokens: list[Token] = []
    streams: dict[tuple[SpeakerRole, int | None], list[int]] = {}
    for n, utterance in enumerate(utterances):
        texts = [w.text for w in utterance.words] if utterance.words else utterance.text.split()
        if not texts:
            continue
        stream = streams.setdefault((utterance.role, utterance.channel), [])
        stream += range(len(tokens), len(tokens) + len(texts))
        tokens += [Token(text, plain(text), n, i) for i, text in enumerate(texts)]
    return Conversation(tuple(tokens), tuple(_stream(places, tokens, utterances) for places in streams.values()))


@lru_cache(maxsize=1 << 16)
def plain(text: str) -> str:
    """The word in lower case, without marks at its edges; a leading plus sign stays."""
    word = text.lower().replace("’", "'").strip(EDGES)
    return word[:-2] if word.endswith("'s") else word


def _stream(places: list[int], tokens: list[Token], utterances: Sequence[Utterance]) -> Stream:
    breaks: set[int] = set()
    for i in range(1, len(places)):
        before, after = tokens[places[i - 1]], tokens[places[i]]
        # Within an utterance without words' times nothing shows a break.
        untimed = before.utterance == after.utterance and not utterances[after.utterance].words
        if not untimed and _is_break(before, after, places, i, utterances):
            breaks.add(i)
    return Stream(tuple(places), tuple([tokens[p].plain for p in places]), frozenset(breaks))


def _is_break(before: Token, after: Token, places: list[int], i: int, utterances: Sequence[Utterance]) -> bool:
    one, other = utterances[before.utterance], utterances[after.utterance]
    ended = one.words[before.word].end if one.words else one.end
    begun = other.words[after.word].start if other.words else other.start
    timed = before.utterance != after.utterance or one.words
    if timed and ended is not None and begun is not None and begun - ended > _PAUSE:
        return True
    return places[i] - places[i - 1] - 1 > _BETWEEN_GROUPS
