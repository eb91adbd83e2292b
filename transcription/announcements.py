"""Recorded announcements: hold messages, menus, voicemail greetings. They are nobody's words.

A recording that says "we are sorry for the delay" must not earn an agent an apology, and one that asks callers to press
a key must not cost an agent anything. `marked` gives such sentences the role `system`. It knows them by wording
(`announcements.toml`), and by the sentences that a source's settings name as its own. `repeated` finds those: sentences
that many calls of one source have word for word, spoken in the same time, which people never do.

What stays the agent's: every sentence with "I", "me" or "my" in it; a single recorded sentence in an utterance that
also has such a sentence or a question; and what both say ("please hold", "this call may be recorded"), unless it stands
in one utterance with a recorded sentence and not at its edge to a person's words.
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import groupby, pairwise
from pathlib import Path
from statistics import median

import msgspec
import numpy as np

from callaudit.transcription.loudness import runs
from callaudit.transcription.speech import both_silent, overlaps
from callaudit.transcription.transcript import Seconds, Span, Spans, SpeakerRole, Transcript, Utterance

# Raised whenever other sentences of the same words are recorded ones.
VERSION = 1

# Sentences of one passage of a recording follow each other sooner than this.
_PASSAGE: Seconds = 5.0

# Shorter sentences are repeated by people too, in the same time by chance.
_FEWEST_WORDS = 8
_FEWEST_CALLS = 5
# Recognisers time the ends of words to about 0.1 s; people who read a sentence of 8 words aloud differ by more.
_SAME_TIME: Seconds = 0.3
_SAME_TIME_SHARE = 0.8

_PERSON = re.compile(r"\b(i|i'm|i'll|i've|i'd|me|my|myself|mine)\b")
_SENTENCE_END = re.compile(r"[.?!][\"')\]]*$")


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Phrases of one kind, with whole passages that are recorded and whole passages that are not.

    `alone`: whether one such sentence is enough.
    """

    phrases: tuple[str, ...]
    alone: bool = True
    examples: tuple[str, ...] = ()
    near_misses: tuple[str, ...] = ()


class Wording(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of how recordings speak; see `announcements.toml`."""

    recorded: Mapping[str, Group]
    beside: Mapping[str, Group]


class Repeated(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A sentence (lower case, no punctuation) that so many calls of a source repeat in the same time."""

    source: str
    sentence: str
    calls: int


class _Sentence(msgspec.Struct, frozen=True):
    """Words `first` to `last` (not included) of an utterance, as they are and as they are compared."""

    utterance: int
    first: int
    last: int
    plain: str
    is_question: bool

    @property
    def is_persons(self) -> bool:
        return _PERSON.search(self.plain) is not None


@cache
def wording() -> Wording:
    """The wording that is shipped."""
    text = (Path(__file__).parent / "announcements.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), Wording)


def marked(transcript: Transcript, own: Iterable[str] = ()) -> Transcript:
    """The transcript with every recorded sentence as an utterance of the role `system`.

    `own` are sentences that the recordings of its source say, besides the wording that is known of all.
    Utterances are cut where a recording begins or ends; no word is lost or changed. When a party speaks no longer
    holds the recording, `speech[system]` does; where a recorded piece has no times, no speech times are left at all.
    """
    known = frozenset(_plain(sentence.split()) for sentence in own)
    utterances = transcript.utterances
    sentences = [s for n, utterance in enumerate(utterances) for s in _sentences(n, utterance)]
    recorded: set[tuple[int, int]] = set()
    for passage in _passages(utterances, sentences):
        recorded |= {(s.utterance, s.first) for s in _recorded(passage, known)}
    if not recorded:
        return transcript
    pieces: list[Utterance] = []
    for n, utterance in enumerate(utterances):
        parts = [s for s in sentences if s.utterance == n]
        pieces += _cut(utterance, parts, [(n, s.first) in recorded for s in parts])
    said = tuple(pieces)
    return msgspec.structs.replace(transcript, utterances=said, speech=_speech(transcript, said))


def repeated(
    transcripts: Iterable[Transcript], named: Mapping[str, Iterable[str]], *, least: int = _FEWEST_CALLS
) -> tuple[Repeated, ...]:
    """The sentences of 8 words or more that `least` calls of a source or more repeat word for word in the same time.

    In the same time: four of five are spoken within 0.3 s of their median. Sentences without times, questions and
    sentences in the first person are never among them, nor what is marked as recorded or `named` for its source
    already; a call counts once. The answer depends on the set of calls alone, never on their order.
    """
    known = {source: {_plain(sentence.split()) for sentence in own} for source, own in named.items()}
    spoken: dict[tuple[str, str], dict[str, Seconds]] = defaultdict(dict)
    for transcript in transcripts:
        for n, utterance in enumerate(transcript.utterances):
            for sentence in () if utterance.role is SpeakerRole.SYSTEM else _sentences(n, utterance):
                took = _took(utterance, sentence)
                if took is None or sentence.is_persons or sentence.is_question:
                    continue
                if sentence.plain.count(" ") + 1 >= _FEWEST_WORDS:
                    calls = spoken[transcript.call.source, sentence.plain]
                    calls[transcript.call.call_id] = min(took, calls.get(transcript.call.call_id, took))
    return tuple(
        sorted(
            Repeated(source=source, sentence=sentence, calls=len(times))
            for (source, sentence), times in spoken.items()
            if len(times) >= least and sentence not in known.get(source, ()) and _in_the_same_time(times.values())
        )
    )


def _in_the_same_time(times: Iterable[Seconds]) -> bool:
    all_times = list(times)
    middle = median(all_times)
    return sum(abs(t - middle) <= _SAME_TIME for t in all_times) >= _SAME_TIME_SHARE * len(all_times)


def _took(utterance: Utterance, sentence: _Sentence) -> Seconds | None:
    """How long a sentence took, None where its words have no times."""
    if utterance.words:
        return utterance.words[sentence.last - 1].end - utterance.words[sentence.first].start
    is_whole = sentence.first == 0 and sentence.last == len(utterance.text.split())
    if is_whole and utterance.start is not None and utterance.end is not None:
        return utterance.end - utterance.start
    return None


def _sentences(number: int, utterance: Utterance) -> list[_Sentence]:
    words = utterance.text.split()
    ends = [n + 1 for n, word in enumerate(words) if _SENTENCE_END.search(word)]
    if words and (not ends or ends[-1] < len(words)):
        ends.append(len(words))
    return [
        _Sentence(number, first, last, _plain(words[first:last]), words[last - 1].rstrip("\"')]").endswith("?"))
        for first, last in zip([0, *ends], ends, strict=False)
    ]


def _plain(words: Sequence[str]) -> str:
    text = " ".join(words).lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return " ".join(re.sub(r"[^\w' ]+", " ", text).split())


def _passages(utterances: Sequence[Utterance], sentences: Sequence[_Sentence]) -> list[list[_Sentence]]:
    """Sentences that follow each other without another party between them or a long pause."""
    passages: list[list[_Sentence]] = []
    before: Utterance | None = None
    for sentence in sentences:
        now = utterances[sentence.utterance]
        follows = before is now or (
            before is not None
            and before.role is now.role
            and (before.end is None or now.start is None or now.start - before.end <= _PASSAGE)
        )
        if follows:
            passages[-1].append(sentence)
        else:
            passages.append([sentence])
        before = now
    return passages


def _recorded(passage: Sequence[_Sentence], known: frozenset[str]) -> list[_Sentence]:
    """Those sentences of a passage that are recorded."""
    sure = [not s.is_persons and (s.plain in known or _is_recorded(s.plain)) for s in passage]
    spoken_with = {s.utterance for s, own in zip(passage, sure, strict=True) if own}
    among = [
        own or (s.utterance in spoken_with and not s.is_persons and _said_beside().fullmatch(s.plain) is not None)
        for s, own in zip(passage, sure, strict=True)
    ]
    # Whatever a recording says between two sentences that are sure is its own too.
    at = [n for n, own in enumerate(sure) if own]
    for first, last in pairwise(at):
        if not any(s.is_persons for s in passage[first:last]):
            among[first:last] = [True] * (last - first)
    found: list[_Sentence] = []
    for first, last in runs(np.array(among)).tolist():
        start, end = first, last
        # What both say, next to a person's words in one utterance, is the person's.
        while start < end and not sure[start] and _is_joined(passage, start - 1, start):
            start += 1
        while start < end and not sure[end - 1] and _is_joined(passage, end - 1, end):
            end -= 1
        block = passage[start:end]
        if any(sure[start:end]) and (len(block) > 1 or _stands_alone(block[0], passage, known)):
            found += block
    return found


def _is_joined(passage: Sequence[_Sentence], first: int, second: int) -> bool:
    """Whether two places of a passage exist and lie in one utterance."""
    return first >= 0 and second < len(passage) and passage[first].utterance == passage[second].utterance


def _stands_alone(sentence: _Sentence, passage: Sequence[_Sentence], known: frozenset[str]) -> bool:
    """Whether one sentence is enough: the source names it, or its wording is known and no person speaks beside it."""
    if sentence.plain in known:
        return True
    return _is_recorded(sentence.plain, alone=True) and not any(
        s.utterance == sentence.utterance and (s.is_persons or s.is_question) for s in passage
    )


def _is_recorded(plain: str, *, alone: bool = False) -> bool:
    enough, not_enough = _said_by_recordings()
    return enough.search(plain) is not None or (not alone and not_enough.search(plain) is not None)


@cache
def _said_by_recordings() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What is enough alone, and what is not."""
    groups = wording().recorded.values()
    enough, not_enough = (_either(p for g in groups if g.alone is alone for p in g.phrases) for alone in (True, False))
    return re.compile(rf"\b(?:{enough})\b"), re.compile(rf"\b(?:{not_enough})\b")


@cache
def _said_beside() -> re.Pattern[str]:
    return re.compile(_either(phrase for group in wording().beside.values() for phrase in group.phrases))


def _either(phrases: Iterable[str]) -> str:
    return "|".join(f"(?:{phrase})" for phrase in phrases)


def _cut(utterance: Utterance, sentences: Sequence[_Sentence], recorded: Sequence[bool]) -> list[Utterance]:
    """The utterance in pieces that are wholly recorded or wholly the speaker's."""
    if not any(recorded):
        return [utterance]
    words = utterance.text.split()
    pieces: list[Utterance] = []
    for is_recorded, group in groupby(zip(recorded, sentences, strict=True), key=lambda pair: pair[0]):
        together = [sentence for _, sentence in group]
        role = SpeakerRole.SYSTEM if is_recorded else utterance.role
        pieces.append(_piece(utterance, words, together[0].first, together[-1].last, role))
    return pieces


def _piece(utterance: Utterance, words: Sequence[str], first: int, last: int, role: SpeakerRole) -> Utterance:
    if utterance.words:
        return Utterance.of_words(utterance.words[first:last], role=role, channel=utterance.channel)
    return msgspec.structs.replace(
        utterance,
        role=role,
        text=" ".join(words[first:last]),
        start=utterance.start if first == 0 else None,
        end=utterance.end if last == len(words) else None,
    )


def _speech(transcript: Transcript, said: Sequence[Utterance]) -> dict[SpeakerRole, Spans]:
    """When each role speaks, the recordings apart; nothing where it is not known when a recording speaks."""
    if not transcript.speech:
        return {}
    spans = sorted(
        Span(u.start, u.end) for u in said if u.role is SpeakerRole.SYSTEM and u.start is not None and u.end is not None
    )
    if len(spans) < sum(u.role is SpeakerRole.SYSTEM for u in said):
        return {}
    duration = max((s.end for own in transcript.speech.values() for s in own), default=0.0)
    elsewhere = both_silent(spans, (), duration=max(duration, spans[-1].end))
    parties = {role: overlaps(own, elsewhere) for role, own in transcript.speech.items()}
    return {**parties, SpeakerRole.SYSTEM: tuple(spans)}
