"""Personal data masked before anything is stored, over a whole conversation.

Cards, security codes, social security and account numbers, phone numbers, e-mail and street addresses, dates of
birth, written or spoken, in one utterance or read out over several turns. Numbers that nothing is said about are
masked from seven digits on; what is called an order or reference number stays, and so do the last four digits of a
card. `docs/privacy.md` says what is found how well.

    spelling.py       words as they are compared, however they are written
    conversation.py   words in their place: in time, and in their speaker's stream
    numbers.py        numbers, written or spoken
    cues.py           the words that say what a number is
    kinds.py          what a number is
    emails.py  addresses.py  birth_dates.py
    net.py            what is personal by its shape alone; `callaudit scan` casts it over everything stored
    shapes.py         check digits and groupings
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, TypeVar

import msgspec

from callaudit.transcription.redaction.addresses import addresses
from callaudit.transcription.redaction.birth_dates import birth_dates
from callaudit.transcription.redaction.conversation import Conversation, conversation_of, words_of
from callaudit.transcription.redaction.cues import Cues
from callaudit.transcription.redaction.emails import emails
from callaudit.transcription.redaction.kinds import Place, identifiers, personal_numbers
from callaudit.transcription.redaction.net import in_words
from callaudit.transcription.transcript import Span, Spans, Utterance, Word, mean_confidence

VERSION = 3

_Word = TypeVar("_Word")

KINDS = ("card", "code", "ssn", "account", "phone", "email", "address", "birthdate", "number")
"""What a mask says it stands for: "[card]"; `number` is a long number that nothing is said about."""


class Found(NamedTuple):
    """Personal data in the words `first` to `last` (included) of an utterance.

    `part` is the same for the parts of one number that was read out over several utterances.
    """

    utterance: int
    first: int
    last: int
    kind: str
    part: int


class Redacted(NamedTuple):
    """A conversation after masking: how many things were masked, and the times to silence in every copy."""

    utterances: tuple[Utterance, ...]
    times: int
    spans: Spans


def redact(utterances: Sequence[Utterance]) -> Redacted:
    """The utterances of a call, in order of time, with each piece of personal data replaced by a mask.

    A mask is one word ("[phone]") from the start of the first to the end of the last word it stands for; what goes
    on in the speaker's next utterance gets a mask there. An utterance without words (an imported transcript, a chat)
    is masked in its text; where it has times, all of it is to be silenced.
    """
    found = find(utterances)
    if not found:
        return Redacted(tuple(utterances), 0, ())
    masked = list(utterances)
    for n, places in groupby(found, key=lambda one: one.utterance):
        if utterances[n].words:
            words = tuple(_masked(utterances[n].words, places, _mask_word))
            text = " ".join(w.text for w in words)
        else:
            words, text = (), " ".join(_masked(words_of(utterances[n]), places, _mask_text))
        masked[n] = msgspec.structs.replace(utterances[n], words=words, text=text)
    spans = _times(utterances, found)
    return Redacted(tuple(masked), len({one.part for one in found}), tuple(sorted(spans)))


def find(utterances: Sequence[Utterance]) -> list[Found]:
    """The personal data in the utterances of a call, which stand in order of time."""
    call = conversation_of(utterances)
    found: list[Found] = []
    part = 0
    for stream, places in zip(call.streams, _places(call, Cues(call)), strict=True):
        for place in places:
            pieces: dict[int, list[int]] = {}
            for at in stream.at[place.first : place.last + 1]:
                pieces.setdefault(call.utterance[at], []).append(call.word[at])
            found += [Found(n, words[0], words[-1], place.kind, part) for n, words in pieces.items()]
            part += 1
    # Whatever the cues said of it: what has the shape of a card is not stored.
    for n in sorted({call.utterance[stream.at[i]] for stream in call.streams for i in stream.figures}):
        for first, last, kind in in_words(words_of(utterances[n])):
            found.append(Found(n, first, last, kind, part))
            part += 1
    return _apart(found)


def _apart(found: Sequence[Found]) -> list[Found]:
    """What was found in order, each word in one place: where two meet, the first found says what it is."""
    apart: list[Found] = []
    for one in sorted(found):
        before = apart[-1] if apart else None
        if before is None or before.utterance != one.utterance or before.last < one.first:
            apart.append(one)
            continue
        told = min(before, one, key=lambda f: f.part)
        apart[-1] = told._replace(first=before.first, last=max(before.last, one.last))
    return apart


def _places(call: Conversation, cues: Cues) -> list[list[Place]]:
    named: list[list[Place]] = []
    taken: list[set[int]] = []
    for stream in call.streams:
        places: list[Place] = []
        masked: set[int] = set()
        for place in (
            *emails(call, stream, cues),
            *identifiers(stream, cues),
            *birth_dates(stream, cues),
            *addresses(call, stream, cues),
        ):
            words = range(place.first, place.last + 1)
            if masked.isdisjoint(words):
                places.append(place)
                masked.update(words)
        named.append(places)
        taken.append(masked)
    numbers = personal_numbers(call, cues, taken)
    return [
        sorted([*places, *(p for p in more if masked.isdisjoint(range(p.first, p.last + 1)))])
        for places, masked, more in zip(named, taken, numbers, strict=True)
    ]


def _times(utterances: Sequence[Utterance], found: Sequence[Found]) -> Iterator[Span]:
    """When each thing was said, from its first word to its last, whoever spoke between its parts."""
    parts: dict[int, list[Found]] = {}
    for one in found:
        parts.setdefault(one.part, []).append(one)
    for places in parts.values():
        first, last = places[0], places[-1]
        begun, ended = utterances[first.utterance], utterances[last.utterance]
        start = begun.words[first.first].start if begun.words else begun.start
        end = ended.words[last.last].end if ended.words else ended.end
        if start is not None and end is not None:
            yield Span(start, max(start, end))


def _masked(
    words: Sequence[_Word], places: Iterable[Found], masked: Callable[[Found, Sequence[_Word]], _Word]
) -> Iterator[_Word]:
    """The words with one in place of those that each place holds."""
    at = 0
    for place in places:
        yield from words[at : place.first]
        yield masked(place, words[place.first : place.last + 1])
        at = place.last + 1
    yield from words[at:]


def _mask_word(place: Found, words: Sequence[Word]) -> Word:
    confidence = mean_confidence(w.confidence for w in words)
    return Word(_mask_text(place, [words[-1].text]), words[0].start, words[-1].end, confidence)


def _mask_text(place: Found, texts: Sequence[str]) -> str:
    """The mask, with the mark that ends the sentence or the clause."""
    return f"[{place.kind}]" + texts[-1][len(texts[-1].rstrip(".,;:!?")) :]
