"""Speech that holds no words: found by comparing the words with the speech, and heard again.

Whisper ends a text early now and then, above all after a prompt, and leaves out the rest of what it was given; a text
that was dropped for repeating itself leaves a hole too. The words alone never show it: where speech was found, is known
from the sound.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import inf

import msgspec

from callaudit.transcription.engines import Channel, Engine, Written
from callaudit.transcription.hallucinations import guarded
from callaudit.transcription.speech import overlaps, total, union
from callaudit.transcription.transcript import Seconds, Span, Spans, Word

# So much speech in a row without a word is worth a second hearing; shorter is a breath, or a word that is timed badly.
WORTH_HEARING: Seconds = 0.4
# And so much may have been a phrase that a rule asks for; "mm" and "oh" are shorter.
SHORTEST: Seconds = 1.0
# A longer pause parts two holes.
_PAUSE: Seconds = 1.0
# A word alone is hardly understood: so much of what is around a hole is heard with it.
_CONTEXT: Seconds = 3.0
# Two hearings time the same word this differently.
_BESIDE: Seconds = 1.5
# Words are timed to about this much, and take no longer than this. Digits are said as words.
_NEAR: Seconds = 0.3
_LONGEST_WORD: Seconds = 1.0
_PER_CHARACTER: Seconds = 0.1
_PER_DIGIT: Seconds = 0.4


def without_words(spoken: Sequence[Span], words: Sequence[Word], *, shortest: Seconds = SHORTEST) -> list[Spans]:
    """The holes: for each, its speech in parts, with less than a second between two and `shortest` seconds in all.

    `spoken` (disjoint) and `words` are sorted. A word reaches 0.3 s beyond its time, but however long the recogniser
    says it took, no farther than a person needs for it.
    """
    reached = union(Span(word.start - _NEAR, min(word.end, word.start + _longest(word)) + _NEAR) for word in words)
    edges = [-inf, *(edge for span in reached for edge in (span.start, span.end)), inf]
    holes: list[list[Span]] = []
    before = None
    for gap, part in _parts(spoken, [Span(*gap) for gap in zip(edges[::2], edges[1::2], strict=True)]):
        if gap == before and part.start - holes[-1][-1].end < _PAUSE:
            holes[-1].append(part)
        else:
            holes.append([part])
        before = gap
    return [tuple(hole) for hole in holes if total(hole) >= shortest]


def _parts(spoken: Sequence[Span], gaps: Sequence[Span]) -> Iterator[tuple[int, Span]]:
    """The speech in each gap, with the gap's number."""
    n = 0
    for part in overlaps(spoken, gaps):
        while gaps[n].end <= part.start:
            n += 1
        yield n, part


def _longest(word: Word) -> Seconds:
    return max(_LONGEST_WORD, sum(_PER_DIGIT if c.isdigit() else _PER_CHARACTER for c in word.text))


def heard_again(
    channels: Sequence[Channel], written: Sequence[Written], engine: Engine, *, floor: float
) -> list[Written]:
    """What was written, with the holes in its believed words heard once more, without a prompt.

    Those of a channel together, which is quick, then each that is still left by itself: some are understood only in
    the one way, some only in the other. What is written for a hole takes the place of the words there that were not
    believed; a word that the first hearing has beside the hole is not written twice, but lasts from the one time to the
    other. `floor` is the lowest confidence of a believed word.
    """
    said = list(written)
    for together in (True, False):
        asked = [
            (n, group)
            for n, channel in enumerate(channels)
            for group in _groups(_holes(channel, said[n], floor), together=together)
        ]
        again = engine.transcribe([
            msgspec.structs.replace(
                channels[n], spans=_around(group, channels[n]), glossary=(), language=written[n].language or ""
            )
            for n, group in asked
        ]) if asked else []  # fmt: skip
        for (n, group), heard in zip(asked, again, strict=True):
            words = said[n].words
            for hole in group:
                words = _filled(words, hole, _within(heard.words, hole), floor=floor)
            said[n] = Written(words, written[n].language)
    return said


def _holes(channel: Channel, written: Written, floor: float) -> list[Spans]:
    believed = guarded(written.words, channel.spans, floor=floor).words
    return without_words(channel.spans, believed, shortest=WORTH_HEARING)


def _groups(holes: Sequence[Spans], *, together: bool) -> list[Sequence[Spans]]:
    """What is heard at once. A hole that is the only one is heard by itself."""
    if together:
        return [holes] if len(holes) > 1 else []
    return [[hole] for hole in holes]


def _filled(words: Sequence[Word], hole: Spans, again: Sequence[Word], *, floor: float) -> list[Word]:
    """The words with what a second hearing has in a hole, in place of what was not believed there."""
    doubted = _within(words, hole)
    rest = [w for w in words if w not in doubted]
    found = []
    for word in again:
        known = next((k for k, w in enumerate(rest) if _is_same(w, word)), None)
        if known is None:
            found.append(word)
        else:
            start, end = min(rest[known].start, word.start), max(rest[known].end, word.end)
            rest[known] = Word(rest[known].text, start, end, rest[known].confidence)
    kept = found if guarded(found, hole, floor=floor).words else doubted
    return sorted([*rest, *kept], key=lambda w: w.start)


def _around(holes: Sequence[Spans], channel: Channel) -> Spans:
    """The speech of the holes with what is said just before and after each."""
    return overlaps(channel.spans, union(Span(hole[0].start - _CONTEXT, hole[-1].end + _CONTEXT) for hole in holes))


def _within(words: Iterable[Word], hole: Spans) -> list[Word]:
    """The words that have their middle in the hole."""
    return [w for w in words if hole[0].start <= (w.start + w.end) / 2 < hole[-1].end]


def _is_same(known: Word, word: Word) -> bool:
    """Whether two hearings wrote one word, and only timed it differently."""
    return abs(known.start - word.start) <= _BESIDE and _plain(known.text) == _plain(word.text)


def _plain(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())
