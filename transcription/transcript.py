"""The nouns of a call: recording, word, utterance, turn, transcript.

Every time is in `Seconds` from the start of the recording. A time that is not known is None, never
a guess: chat logs have no times, and a call without metadata has no date.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol, Self

import msgspec

Seconds = float


class SpeakerRole(StrEnum):
    """Who speaks. UNKNOWN is an honest answer: rules that need a role then abstain."""

    AGENT = "agent"
    CUSTOMER = "customer"
    SYSTEM = "system"
    UNKNOWN = "unknown"


class RolesFrom(StrEnum):
    """How the roles were found, from certain to not at all."""

    CHANNELS = "channels"
    LABELS = "labels"
    GUESSED = "guessed"
    UNKNOWN = "unknown"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """The business event: who spoke to whom, when, about which queue.

    `started_at` carries its own offset, or is None where the metadata holds no time; such a call is
    audited but belongs to no week. Recordings of one conversation (with the menu, with each agent) are
    calls of their own; `interaction_id` joins them.
    """

    call_id: str
    source: str
    interaction_id: str | None = None
    started_at: datetime | None = None
    agent_id: str | None = None
    agent_name: str | None = None
    team: str | None = None
    customer_id: str | None = None
    customer_name: str | None = None
    queue: str | None = None
    direction: str | None = None


EXPORT = "export"
"""What stands for the codec of a file that is no sound."""


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """The file a call came in: its sound, or a transcript that another system exported.

    `sha256` of its bytes is the identity that makes a rerun do nothing. An export has codec "export", no sample
    rate and no channels, and a duration only where it says or shows one.
    """

    path: str
    sha256: str
    size: int
    codec: str
    sample_rate: int | None
    channels: int | None
    duration: Seconds | None

    @property
    def is_export(self) -> bool:
        """Whether there never was sound to play, only words."""
        return self.codec == EXPORT


class Word(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One recognised word; `confidence` is 0 to 1, or None where the engine gives none."""

    text: str
    start: Seconds
    end: Seconds
    confidence: float | None = None


def at_pauses(words: Iterable[Word], pause: Seconds) -> list[tuple[Word, ...]]:
    """The words cut into utterances wherever `pause` seconds or more pass without one."""
    pieces: list[list[Word]] = []
    for word in words:
        if pieces and word.start - pieces[-1][-1].end < pause:
            pieces[-1].append(word)
        else:
            pieces.append([word])
    return [tuple(piece) for piece in pieces]


def mean_confidence(words: Iterable[float | None]) -> float | None:
    """The mean of the confidences of words, of those that have one; None where none has."""
    known = [confidence for confidence in words if confidence is not None]
    return sum(known) / len(known) if known else None


class Utterance(msgspec.Struct, frozen=True, kw_only=True):
    """A recogniser's piece of speech of one speaker.

    Where `words` is not empty, `text` is those words joined by single spaces, so that a character
    position in the text finds its word and its time.
    """

    role: SpeakerRole
    text: str
    start: Seconds | None = None
    end: Seconds | None = None
    channel: int | None = None
    words: tuple[Word, ...] = ()
    confidence: float | None = None

    @classmethod
    def of_words(cls, words: tuple[Word, ...], *, role: SpeakerRole, channel: int | None = None) -> Self:
        """An utterance whose text, times and mean confidence come from its words (at least one)."""
        return cls(
            role=role,
            text=" ".join(w.text for w in words),
            start=words[0].start,
            end=words[-1].end,
            channel=channel,
            words=words,
            confidence=mean_confidence(w.confidence for w in words),
        )


class Span(msgspec.Struct, frozen=True, array_like=True, order=True):
    """A stretch of time, `start` included, `end` not."""

    start: Seconds
    end: Seconds

    @property
    def duration(self) -> Seconds:
        """Length in seconds."""
        return self.end - self.start


class _Started(Protocol):
    @property
    def start(self) -> Seconds | None: ...


def by_start(said: Sequence[_Started]) -> list[int]:
    """Positions in order of start; what has no time stays behind what stands before it."""
    starts: list[Seconds] = []
    for piece in said:
        before = starts[-1] if starts else 0.0
        starts.append(before if piece.start is None else piece.start)
    return sorted(range(len(said)), key=starts.__getitem__)


Spans = tuple[Span, ...]
"""Stretches of time; sorted and disjoint unless it is said otherwise."""


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """What wrote the words, so that a figure can be traced and a transcript is never paid for twice.

    `notice` is a sentence that every reader must see ("words by Whisper tiny.en, the smallest model; ..."), or "".
    """

    engine: str
    model: str
    weights_hash: str
    settings_hash: str
    notice: str = ""


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a call once it has been heard; what the rules judge.

    `speech` holds, for each role that is known from its own channel, where that channel has speech,
    sorted and disjoint; it is empty where the recording cannot show it (mono, chat). Overlaps, holds
    and answer gaps come from it, never from the recogniser's times. `music` says in the same way where a
    channel carries music, which is no speech: a hold with music is silence of both parties.
    `unheard` is speech in which no words were understood, by the role whose channel it is on, sorted and disjoint;
    UNKNOWN where the channel may hold either party.
    `language` is the code of the language that the words are written in ("en"), as it was set, detected or
    exported; None where that is not known.
    """

    call: Call
    utterances: tuple[Utterance, ...]
    provenance: Provenance
    recording: Recording | None = None
    language: str | None = None
    roles_from: RolesFrom = RolesFrom.UNKNOWN
    role_confidence: float | None = None
    role_evidence: str = ""
    speech: dict[SpeakerRole, Spans] = {}
    music: dict[SpeakerRole, Spans] = {}
    unheard: dict[SpeakerRole, Spans] = {}
    dropped_words: int = 0
    redactions: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def has_roles(self) -> bool:
        """Whether agent and customer can be told apart."""
        return self.roles_from is not RolesFrom.UNKNOWN

    @property
    def has_times(self) -> bool:
        """Whether both parties' speech was heard on channels of their own."""
        return SpeakerRole.AGENT in self.speech and SpeakerRole.CUSTOMER in self.speech

    @property
    def key(self) -> str:
        """Identity of this transcript: the call as heard by one engine, model and settings."""
        p = self.provenance
        return f"{self.call.call_id}:{p.engine}:{p.model}:{p.settings_hash}"
