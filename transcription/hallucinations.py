"""Which of a recogniser's words can be believed, and why each of the others was dropped.

Recognisers write where nobody speaks ("thank you" into silence would pass a courtesy rule), and say one phrase over
and over. Each gate is one function; `guarded` holds their order. The compression ratio is Whisper's own gate
(A. Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022, section 4.5).
"""

import zlib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from callaudit.transcription.transcript import Seconds, Span, Word, at_pauses

# Words less certain than this are dropped, by engine; its cost to what rules find is not measured.
FLOORS: Mapping[str, float] = {"whisper": 0.15, "faster-whisper": 0.15}

# Recognisers place words up to a fifth of a second beside the sound.
_REACH: Seconds = 0.2

# What is said this often in a row is a loop; people say "no, no, no, no". Longer phrases come back less often.
_LONGEST_LOOP = 8
_TIMES = {1: 6, 2: 5}
_TIMES_LONGER = 4

# Whisper's gate. Short text never reaches it, and phrases read out twice stay below.
_COMPRESSION = 2.4
_PIECE = 60

# Phrases that Whisper is known to write over sounds without words; all of an utterance has to be one of them.
_INVENTED = frozenset({
    "thank you", "thanks for watching", "thank you for watching", "thank you very much", "thank you so much", "you",
    "bye", "please subscribe", "subtitles by the amara.org community", "i'll see you next time", "the end",
})  # fmt: skip
# A person needs this long for a word, at the quickest; people say "thank you" in a fifth of a second.
_QUICKEST_WORD: Seconds = 0.08
_APART: Seconds = 0.7


class Reason(StrEnum):
    """Why words were dropped, in the words of the warning."""

    SILENCE = "in silence"
    UNCERTAIN = "too uncertain"
    REPEATED = "repeated"
    INVENTED = "invented"


class Guarded(NamedTuple):
    """The words that can be believed, in their order, and how many were dropped for each reason."""

    words: tuple[Word, ...]
    dropped: dict[Reason, int]


def guarded(words: Sequence[Word], spans: Sequence[Span], *, floor: float = 0.0) -> Guarded:
    """The words of one channel that can be believed; `spans` is where it has speech, `floor` the lowest confidence.

    A word outside speech is dropped, and so is one under the floor, a phrase beyond its first saying where it runs
    in a loop, and a phrase that recognisers are known to invent where the speech under it is too short for it.
    What stays is moved into the speech it belongs to.
    """
    spoken = in_speech(words, spans)
    sure = certain(spoken, floor)
    once = without_loops(sure)
    believed = without_inventions(once, spans)
    left = {
        Reason.SILENCE: len(words) - len(spoken),
        Reason.UNCERTAIN: len(spoken) - len(sure),
        Reason.REPEATED: len(sure) - len(once),
        Reason.INVENTED: len(once) - len(believed),
    }
    return Guarded(believed, {reason: count for reason, count in left.items() if count})


def in_speech(words: Sequence[Word], spans: Sequence[Span]) -> tuple[Word, ...]:
    """The words that belong to a span of speech, their times moved into that span; a fifth of a second off will do."""
    kept: list[Word] = []
    i = 0
    for word in words:
        while i < len(spans) and spans[i].end + _REACH <= word.start:
            i += 1
        near = [s for s in spans[i : i + 8] if s.start - _REACH < word.end]
        if not near:
            continue
        span = max(near, key=lambda s: min(s.end, word.end) - max(s.start, word.start))
        start = min(max(word.start, span.start), span.end)
        kept.append(Word(word.text, start, max(start, min(word.end, span.end)), word.confidence))
    return tuple(kept)


def certain(words: Sequence[Word], floor: float) -> tuple[Word, ...]:
    """The words that reach the floor; a word without a confidence does."""
    return tuple(w for w in words if w.confidence is None or w.confidence >= floor)


def without_loops(words: Sequence[Word]) -> tuple[Word, ...]:
    """The words with every loop said once.

    A loop is a phrase of one to eight words, said again and again without another word: six times for a single word,
    five for two, four for more. Where the words of sixty, taken together, still compress more than
    Whisper allows (2.4), all of them go. Digits are left alone: numbers do repeat themselves.
    """
    kept: list[Word] = []
    at = 0
    plain = [_plain(w.text) for w in words]
    while at < len(words):
        width, times = _loop(plain, at)
        kept += words[at : at + width]
        at += width * times
    pieces = (kept[first : first + _PIECE] for first in range(0, len(kept), _PIECE))
    return tuple(w for piece in pieces if not _compresses(piece) for w in piece)


def without_inventions(words: Sequence[Word], spans: Sequence[Span]) -> tuple[Word, ...]:
    """The words without known inventions: a whole utterance of such a phrase over too little speech to say it."""
    kept: list[Word] = []
    for said in at_pauses(words, _APART):
        text = " ".join(_plain(w.text) for w in said)
        start, end = said[0].start, said[-1].end
        under = sum(max(0.0, min(s.end, end) - max(s.start, start)) for s in spans)
        if text not in _INVENTED or under >= _QUICKEST_WORD * len(text.split()):
            kept += said
    return tuple(kept)


def is_a_failure(dropped: Mapping[Reason, int]) -> bool:
    """Whether the recogniser was seen to fail, however few words it cost."""
    return Reason.REPEATED in dropped or Reason.INVENTED in dropped


def warning_of(dropped: Mapping[Reason, int], kept: int) -> str:
    """What a reader should know: "14 of 90 words were dropped: 9 in silence, 5 repeated"."""
    total = sum(dropped.values())
    reasons = ", ".join(f"{dropped[reason]} {reason}" for reason in Reason if dropped.get(reason))
    return f"{total} of {total + kept} words were dropped: {reasons}"


def _plain(text: str) -> str:
    return text.lower().strip(" .,!?;:\"'-…")


def _loop(plain: Sequence[str], at: int) -> tuple[int, int]:
    """The width of the phrase that begins here and how often it is said in a row; (1, 1) where it is no loop."""
    for width in range(1, min(_LONGEST_LOOP, len(plain) - at) + 1):
        phrase = plain[at : at + width]
        if any(any(c.isdigit() for c in word) or word in _DIGITS for word in phrase):
            continue
        times = 1
        while plain[at + times * width : at + (times + 1) * width] == phrase:
            times += 1
        if times >= _TIMES.get(width, _TIMES_LONGER):
            return width, times
    return 1, 1


_DIGITS = frozenset("zero oh one two three four five six seven eight nine double".split())


def _compresses(words: Sequence[Word]) -> bool:
    text = " ".join(w.text for w in words if _plain(w.text) not in _DIGITS).encode()
    return bool(text) and len(text) / len(zlib.compress(text)) > _COMPRESSION
