"""The words of a conversation, each in its place: in time among all words, and in its own speaker's stream.

A number is read out across utterances and turns ("four one one one" - "okay" - "one one one one"), and what it is
was often said by the other party ("the security code?"). So numbers are looked for in a speaker's stream, and what
they are in what everybody said before.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from transcription.redaction.numbers import may_be_number
from transcription.transcript import Seconds, SpeakerRole, Utterance

EDGES = ".,;:!?\"'“”‘’()[]…-\u2013"

# People read a number in groups and wait for "okay" after each.
_PAUSE: Seconds = 8.0
# More words than this of the other party between two groups are a conversation of their own.
_BETWEEN_GROUPS = 6


class Stream(NamedTuple):
    """What one speaker said: places in the conversation's columns, and where in here a number cannot go on.

    `figures` are the positions of words in which a number may begin or a figure is written: most words are none.
    """

    at: tuple[int, ...]
    plain: tuple[str, ...]
    breaks: frozenset[int]
    figures: tuple[int, ...]


class Conversation(NamedTuple):
    """All words in order of time, column by column, and the stream of each speaker.

    `texts` are the words as they were said, `plain` in lower case, without marks at their edges; `utterance` and
    `word` are their positions in the conversation and in that utterance. `said` is all of `plain`, with a character
    between any two words: a new line where an utterance ends.
    """

    texts: tuple[str, ...]
    plain: tuple[str, ...]
    utterance: tuple[int, ...]
    word: tuple[int, ...]
    said: str
    streams: tuple[Stream, ...]


def conversation_of(utterances: Sequence[Utterance]) -> Conversation:
    """The words of utterances that stand in order of time."""
    texts: list[str] = []
    utterance_of: list[int] = []
    word_of: list[int] = []
    first_of: list[int] = []
    streams: dict[tuple[SpeakerRole, int | None], list[int]] = {}
    for n, utterance in enumerate(utterances):
        said = [w.text for w in utterance.words] if utterance.words else utterance.text.split()
        first_of.append(len(texts))
        if said:
            streams.setdefault((utterance.role, utterance.channel), []).append(n)
            texts += said
            utterance_of += [n] * len(said)
            word_of += range(len(said))
    first_of.append(len(texts))
    simple = [plain(text) for text in texts]
    return Conversation(
        tuple(texts),
        tuple(simple),
        tuple(utterance_of),
        tuple(word_of),
        "\n".join([" ".join(simple[first:after]) for first, after in pairwise(first_of) if after > first]) + " ",
        tuple(_stream(said_in, first_of, simple, utterances) for said_in in streams.values()),
    )


@lru_cache(maxsize=1 << 16)
def plain(text: str) -> str:
    """The word in lower case, without marks at its edges; a leading plus sign stays."""
    word = text.lower().replace("’", "'").strip(EDGES)
    return word[:-2] if word.endswith("'s") else word


def _stream(said_in: list[int], first_of: list[int], simple: list[str], utterances: Sequence[Utterance]) -> Stream:
    """The stream of a speaker who speaks in those utterances, whose first words stand at `first_of`."""
    at: list[int] = []
    breaks: set[int] = set()
    before: int | None = None
    for n in said_in:
        utterance, first, after = utterances[n], first_of[n], first_of[n + 1]
        if before is not None and _is_break(utterances[before], utterance, first - first_of[before + 1]):
            breaks.add(len(at))
        # Within an utterance only the times of its words show a break.
        if utterance.words and utterance.words[-1].end - utterance.words[0].start > _PAUSE:
            breaks.update(
                len(at) + i
                for i, (one, other) in enumerate(pairwise(utterance.words), 1)
                if _is_pause(one.end, other.start)
            )
        at += range(first, after)
        before = n
    of_stream = [simple[t] for t in at]
    figures = [i for i, word in enumerate(of_stream) if may_be_number(word)]
    return Stream(tuple(at), tuple(of_stream), frozenset(breaks), tuple(figures))


def _is_break(before: Utterance, after: Utterance, words_between: int) -> bool:
    ended = before.words[-1].end if before.words else before.end
    begun = after.words[0].start if after.words else after.start
    return words_between > _BETWEEN_GROUPS or _is_pause(ended, begun)


def _is_pause(ended: Seconds | None, begun: Seconds | None) -> bool:
    return ended is not None and begun is not None and begun - ended > _PAUSE
