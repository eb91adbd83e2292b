"""The words of a conversation, each in its place: in time among all words, and in its own speaker's stream.

A number is read out across utterances and turns ("four one one one" - "okay" - "one one one one"), and what it is
was often said by the other party ("the security code?"). So numbers are looked for in a speaker's stream, and what
they are in what everybody said before.
"""

from collections.abc import Sequence
from itertools import chain, compress, pairwise
from typing import NamedTuple

from callaudit.transcription.redaction.numbers import MAY_BE_NUMBER
from callaudit.transcription.redaction.spelling import READINGS
from callaudit.transcription.transcript import Seconds, SpeakerRole, Utterance

# People read a number in groups and wait for "okay" after each.
_PAUSE: Seconds = 8.0
# More words than this of the other party between two groups are a conversation of their own.
_BETWEEN_GROUPS = 6


class Stream(NamedTuple):
    """What one speaker said: places in the conversation's columns, and where in here a number cannot go on.

    `figures` are the positions of words in which a number may begin or a figure is written: most words are none.
    """

    at: Sequence[int]
    plain: Sequence[str]
    breaks: frozenset[int]
    figures: Sequence[int]


class Conversation(NamedTuple):
    """All words in order of time, column by column, and the stream of each speaker.

    `plain` are the words as they are compared, `texts` as they were written; a word that is read as several stands in
    several rows. `utterance` and `word` are their positions in the conversation and in that utterance. `said` is all
    of `plain`, with a character between any two words: a new line where an utterance ends.
    """

    texts: Sequence[str]
    plain: Sequence[str]
    utterance: Sequence[int]
    word: Sequence[int]
    said: str
    streams: Sequence[Stream]


def conversation_of(utterances: Sequence[Utterance]) -> Conversation:
    """The words of utterances that stand in order of time."""
    texts: list[str] = []
    simple: list[str] = []
    utterance_of: list[int] = []
    word_of: list[int] = []
    first_of: list[int] = []
    streams: dict[tuple[SpeakerRole, int | None], list[int]] = {}
    for n, utterance in enumerate(utterances):
        said = words_of(utterance)
        first_of.append(len(simple))
        if not said:
            continue
        streams.setdefault((utterance.role, utterance.channel), []).append(n)
        read = list(map(READINGS.__getitem__, said))
        simple += chain.from_iterable(read)
        count = len(simple) - first_of[-1]
        utterance_of += [n] * count
        if count == len(said):
            texts += said
            word_of += range(count)
        else:
            for at, (word, parts) in enumerate(zip(said, read, strict=True)):
                texts += [word] if len(parts) == 1 else parts
                word_of += [at] * len(parts)
    first_of.append(len(simple))
    return Conversation(
        texts,
        simple,
        utterance_of,
        word_of,
        "\n".join([" ".join(simple[first:after]) for first, after in pairwise(first_of) if after > first]) + " ",
        [_stream(said_in, first_of, simple, word_of, utterances) for said_in in streams.values()],
    )


def words_of(utterance: Utterance) -> list[str]:
    """The words of an utterance as they are written; of one without words those of its text."""
    return [w.text for w in utterance.words] if utterance.words else utterance.text.split()


def _stream(
    said_in: list[int], first_of: list[int], simple: list[str], word_of: list[int], utterances: Sequence[Utterance]
) -> Stream:
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
            late = {i for i, (one, other) in enumerate(pairwise(utterance.words), 1) if _is_pause(one.end, other.start)}
            if late:
                begun = {word_of[t]: t for t in range(after - 1, first - 1, -1)}
                breaks.update(len(at) + begun[i] - first for i in late)
        at += range(first, after)
        before = n
    of_stream = list(map(simple.__getitem__, at))
    figures = list(compress(range(len(at)), map(MAY_BE_NUMBER.__getitem__, of_stream)))
    return Stream(at, of_stream, frozenset(breaks), figures)


def _is_break(before: Utterance, after: Utterance, words_between: int) -> bool:
    ended = before.words[-1].end if before.words else before.end
    begun = after.words[0].start if after.words else after.start
    return words_between > _BETWEEN_GROUPS or _is_pause(ended, begun)


def _is_pause(ended: Seconds | None, begun: Seconds | None) -> bool:
    return ended is not None and begun is not None and begun - ended > _PAUSE
