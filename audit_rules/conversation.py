"""A transcript as the matchers see it: turns, found phrases, episodes, holds, quotes."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache, cached_property
from itertools import islice
from typing import Protocol, cast, runtime_checkable

import msgspec

from callaudit.audit_rules.acts.said import Certainty, Place, Said, Witness
from callaudit.audit_rules.clause import clause_around
from callaudit.audit_rules.content_words import content_stems
from callaudit.audit_rules.finding import Episode, Evidence, EvidenceKind, Note, PauseKind, Upset
from callaudit.audit_rules.phrases.index import Found, PhraseList, places_of
from callaudit.audit_rules.phrases.normalise import Spoken
from callaudit.audit_rules.rule import Speaker
from callaudit.transcription.speech import both_silent, overlaps, total
from callaudit.transcription.transcript import Seconds, Span, SpeakerRole, Transcript
from callaudit.transcription.turns import Turn, is_listening_signal, turns_of

# A silence that was announced is a hold from this length on; shorter is thinking or looking something up.
HOLD_FROM: Seconds = 8.0
# The engine of conversations that were typed and never spoken: rules' examples and labelled chats.
TYPED = "written"
# An announcement counts for a silence that begins within so many of the speaker's turns.
_ANNOUNCED_WITHIN = 2
# Words and speech are timed by different ears, so they may disagree by this much.
EARLY: Seconds = 0.5
SPEAKER: dict[SpeakerRole, Speaker] = {SpeakerRole.AGENT: "agent", SpeakerRole.CUSTOMER: "customer"}


class EventSource(Protocol):
    """Finds what a rule looks for, wherever it is said; other rules build on it."""

    def events(self, call: "Conversation") -> Sequence[Place]:
        """Places in the call, in order."""


@runtime_checkable
class Announcing(Protocol):
    """An event source that also knows the words which prepare the other party for a silence."""

    def announcements(self, call: "Conversation") -> Sequence[Place]:
        """Places in the words of either party, in order."""


@cache
def _announces(kind: type) -> bool:
    # To ask each source of each call anew takes a tenth of the time of an audit.
    return issubclass(kind, Announcing)


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """Another call of the same customer."""

    call_id: str
    started_at: datetime
    direction: str | None = None
    interaction_id: str | None = None


class Conversation:
    """One call while it is judged. Everything is found at most once, and only when a rule asks.

    `contacts` are the customer's other calls and `known_until` until when calls are known; both serve promises that are
    kept on another day. Without `accents` words are searched in plain letters.
    """

    def __init__(
        self,
        transcript: Transcript,
        sources: Mapping[str, EventSource],
        *,
        contacts: Sequence[Contact] = (),
        known_until: datetime | None = None,
        accents: bool = True,
    ) -> None:
        self.transcript = transcript
        self.contacts = contacts
        self.known_until = known_until
        self.turns: tuple[Turn, ...] = turns_of(transcript)
        self.spoken = [Spoken(t.text, accents=accents) for t in self.turns]
        self.texts: list[str] = [s.normal for s in self.spoken]
        self.episodes: tuple[Episode, ...] = ()
        self._sources = sources
        self.acts: Mapping[str, Sequence[Said]] = {}
        """Where each act is, in order; of an act with children the children's places are there too."""
        self.act_phrases: Mapping[str, PhraseList] = {}
        self.typed = transcript.provenance.engine == TYPED
        self.heard = False
        """Whether the recogniser listened; otherwise there are only phrases to go by."""
        self.like: Callable[[Said], str] = lambda _: ""
        """The known line nearest to what was recognised, where there is one."""
        self.found: Found = {}
        self.upset = Upset.NONE
        self._lists: dict[int, list[Place]] = {}
        self._said: dict[tuple[int, Certainty], list[Said]] = {}
        self._best: dict[int, dict[int, Said]] = {}
        self._events: dict[str, list[Place]] = {}
        self._stems: dict[int, frozenset[str]] = {}
        self._where: dict[Place, tuple[Seconds | None, Seconds | None, int, int]] = {}

    def hits(self, phrases: PhraseList) -> list[Place]:
        """Places of the phrases, of the acts that are likely there, and of the events, in order."""
        found = self._lists.get(phrases.number)
        if found is None:
            found = places_of(self.found, phrases)
            if phrases.acts:
                found = _apart([*found, *(s.place for s in self.said(phrases, at_least=Certainty.LIKELY))])
            if phrases.events:
                found = _apart([*found, *(p for rule in phrases.events for p in self.events(rule))])
            self._lists[phrases.number] = found
        return found

    def said(self, phrases: PhraseList, *, at_least: Certainty = Certainty.POSSIBLE) -> list[Said]:
        """Where the acts that a list names were recognised, surely enough, without the turns it excepts; in order."""
        key = (phrases.number, at_least)
        if key not in self._said:
            excepted = {
                s.place.turn
                for act in phrases.unless_acts
                for s in self.acts.get(act, ())
                if s.certainty >= Certainty.LIKELY
            }
            self._said[key] = sorted(
                (
                    s
                    for act in phrases.acts
                    for s in self.acts.get(act, ())
                    if s.certainty >= at_least and s.place.turn not in excepted
                ),
                key=lambda s: (s.place, -s.certainty),
            )
        return self._said[key]

    def best(self, phrases: PhraseList, turn: int) -> Said | None:
        """What is most surely one of the list's acts in a turn."""
        if phrases.number not in self._best:
            best: dict[int, Said] = {}
            for said in self.said(phrases):
                kept = best.get(said.place.turn)
                if kept is None or _sureness(said) > _sureness(kept):
                    best[said.place.turn] = said
            self._best[phrases.number] = best
        return self._best[phrases.number].get(turn)

    def surest(self, phrases: PhraseList, hit: Place) -> Certainty:
        """How surely a hit is what the list looks for; a rule's own phrases and other rules' findings are sure."""
        said = self.best(phrases, hit.turn)
        return Certainty.SURE if said is None else said.certainty

    def said_by_other(self, phrases: PhraseList) -> list[Place]:
        """Places of the phrases in the other party's words; the list must be looked for in both parties'."""
        return places_of(self.found, phrases, by_other=True)

    def events(self, rule_id: str) -> list[Place]:
        """What that rule's matcher found anywhere in the call."""
        if rule_id not in self._events:
            self._events[rule_id] = list(self._sources[rule_id].events(self))
        return self._events[rule_id]

    @cached_property
    def agent_turns(self) -> tuple[Turn, ...]:
        """The agent's turns that take the floor; listening signals do not."""
        return tuple(t for t in self.turns if t.role is SpeakerRole.AGENT and not is_listening_signal(t.text))

    @cached_property
    def customer_turns(self) -> tuple[Turn, ...]:
        """The customer's turns that take the floor."""
        return tuple(t for t in self.turns if t.role is SpeakerRole.CUSTOMER and not t.is_signal)

    def floor(self, speaker: Speaker) -> list[int]:
        """Numbers of the turns in which that party takes the floor."""
        return self._floors[speaker]

    @cached_property
    def _floors(self) -> dict[Speaker, list[int]]:
        return {"agent": [t.index for t in self.agent_turns], "customer": [t.index for t in self.customer_turns]}

    @cached_property
    def silences(self) -> tuple[Span, ...]:
        """Where neither party nor a recording speaks, between the first and the last word of the call."""
        speech = self.transcript.speech
        if not self.transcript.has_times:
            return ()
        agent, customer = speech[SpeakerRole.AGENT], speech[SpeakerRole.CUSTOMER]
        spans = (*agent, *customer)
        first, last = min((s.start for s in spans), default=0.0), max((s.end for s in spans), default=0.0)
        heard = (*agent, *speech.get(SpeakerRole.SYSTEM, ()))
        return tuple(s for s in both_silent(heard, customer, duration=last) if first < s.start < last)

    @cached_property
    def holds(self) -> tuple[Span, ...]:
        """Waits, in order.

        A silence of `HOLD_FROM` seconds or more that the agent announced or came back from, or that music fills; and
        what lies between a wait that was asked for and the words that come back from it, however short it was.
        """
        by_agent = SpeakerRole.AGENT
        silent = [
            s
            for s in self.silences
            if s.duration >= HOLD_FROM and (self.has_music(s) or self._was_announced(s, by_agent) or self._was_named(s))
        ]
        spoken = [s for s in self._spoken_holds() if not any(s.start <= h.end and h.start <= s.end for h in silent)]
        return tuple(sorted([*silent, *spoken], key=lambda s: s.start))

    def _spoken_holds(self) -> list[Span]:
        asks, backs = (
            {s.place.turn for s in self.acts.get(act, ()) if s.certainty >= Certainty.LIKELY}
            for act in ("asks_to_hold", "is_back")
        )
        floor = [t for t in self.agent_turns if t.start is not None and t.end is not None]
        found: list[Span] = []
        for n, turn in enumerate(floor):
            back = next((t for t in floor[n + 1 : n + 1 + _ANNOUNCED_WITHIN] if t.index in backs), None)
            if turn.index in asks and back is not None and self.transcript.has_times:
                start, end = turn.end or 0.0, back.start or 0.0
                found += [Span(start, end)] if end > start else []
        return found

    @cached_property
    def dead_air(self) -> tuple[Span, ...]:
        """Silences that are the agent's to fill: no hold or music, announced by nobody, no customer seeking an answer.

        Where the agent has asked and the customer speaks next, the customer was thinking.
        """
        return tuple(
            s
            for s in self.silences
            if s not in self.holds
            and not self.has_music(s)
            and not any(self._was_announced(s, role) for role in SPEAKER)
            and not self._is_answered_by_customer(s)
        )

    def has_music(self, silence: Span) -> bool:
        """Whether music fills at least half of a silence."""
        return any(
            total(overlaps(music, [silence])) >= silence.duration / 2 for music in self.transcript.music.values()
        )

    def hold_kind(self, hold: Span) -> PauseKind:
        """Whether music fills a hold, both are silent, or only words tell of it."""
        if self.has_music(hold):
            return PauseKind.MUSIC
        return PauseKind.SILENT if hold in self.silences else PauseKind.SPOKEN

    def turns_before(self, silence: Span, role: SpeakerRole) -> list[Turn]:
        """The turns of a party in which words about that silence count: the last two that begin before it."""
        floor = self.agent_turns if role is SpeakerRole.AGENT else self.customer_turns
        begun = (t for t in reversed(floor) if t.start is not None and t.start < silence.start + EARLY)
        return [*islice(begun, _ANNOUNCED_WITHIN)][::-1]

    def is_said_before(self, place: Place, silence: Span) -> bool:
        """Whether words begin before a silence does."""
        start, _ = self.time(place)
        return start is None or start < silence.start + EARLY

    def _was_named(self, silence: Span) -> bool:
        """Whether the agent's first turn after a silence comes back from it: “thanks for holding”."""
        after = next((t for t in self.agent_turns if t.start is not None and t.start >= silence.end - EARLY), None)
        return after is not None and any(
            s.place.turn == after.index and s.certainty >= Certainty.LIKELY for s in self.acts.get("is_back", ())
        )

    def _was_announced(self, silence: Span, role: SpeakerRole) -> bool:
        before = {t.index for t in self.turns_before(silence, role)}
        return any(p.turn in before and self.is_said_before(p, silence) for p in self._announcements)

    @cached_property
    def _announcements(self) -> list[Place]:
        announcing = [cast("Announcing", source) for source in self._sources.values() if _announces(type(source))]
        return sorted({place for source in announcing for place in source.announcements(self)})

    def _is_answered_by_customer(self, silence: Span) -> bool:
        timed = self._timed
        before = next((t for start, t in reversed(timed) if start < silence.start + EARLY), None)
        if before is None or before.role is not SpeakerRole.AGENT or not before.text.rstrip().endswith("?"):
            return False
        after = next((t for start, t in timed if start >= silence.end - EARLY), None)
        return after is not None and after.role is SpeakerRole.CUSTOMER

    @cached_property
    def _timed(self) -> list[tuple[Seconds, Turn]]:
        return [(t.start, t) for t in self.turns if t.start is not None]

    def stems(self, turn: int) -> frozenset[str]:
        """Stems of the content words of a turn."""
        if turn not in self._stems:
            self._stems[turn] = content_stems(self.texts[turn])
        return self._stems[turn]

    def from_customer(self, stems: frozenset[str], *, before: int) -> frozenset[str]:
        """Those of the stems that the customer said in a turn before that one."""
        return frozenset(s for s in stems if self._first_said.get(s, before) < before)

    @cached_property
    def _first_said(self) -> dict[str, int]:
        first: dict[str, int] = {}
        for turn in self.customer_turns:
            for stem in self.stems(turn.index):
                first.setdefault(stem, turn.index)
        return first

    def time(self, place: Place) -> tuple[Seconds | None, Seconds | None]:
        """When the words of a place are spoken; the whole utterance's times where words have none."""
        start, end, _, _ = self._located(place)
        return start, end

    def certainty(self, place: Place) -> float | None:
        """The lowest confidence of the words of a place, on the recogniser's own scale; None where none is known."""
        turn = self.turns[place.turn]
        first, last = self.spoken[place.turn].original(place.start, place.end)
        known: list[float] = []
        at = 0
        for number in turn.utterances:
            utterance = self.transcript.utterances[number]
            start = at
            for word in utterance.words:
                if start < last and first < start + len(word.text) and word.confidence is not None:
                    known.append(word.confidence)
                start += len(word.text) + 1
            at += len(utterance.text) + 1
        return min(known, default=None)

    def quote(self, place: Place) -> str:
        """The original words of a place."""
        first, last = self.spoken[place.turn].original(place.start, place.end)
        return self.turns[place.turn].text[first:last]

    def evidence(
        self, kind: EvidenceKind, place: Place, note: Note | None = None, said: Said | None = None
    ) -> Evidence:
        """A place: its times, its characters in the turn's text, the clause around it, and as what act it was heard."""
        start, end, first, last = self._located(place)
        turn = self.turns[place.turn]
        begin, stop = clause_around(turn.text, first, last)
        return Evidence(
            kind=kind,
            turn=place.turn,
            role=turn.role,
            start=start,
            end=end,
            quote=turn.text[begin:stop],
            char_start=first,
            char_end=last,
            note=note,
            act=said.act if said else "",
            probability=said.probability if said else None,
            like=self.like(said) if said and said.witness is Witness.RECOGNISER else "",
        )

    def turn_evidence(self, kind: EvidenceKind, turn: Turn, note: Note | None = None) -> Evidence:
        """A whole turn as evidence."""
        return Evidence(
            kind=kind,
            turn=turn.index,
            role=turn.role,
            start=turn.start,
            end=turn.end,
            quote=turn.text,
            char_start=0,
            char_end=len(turn.text),
            note=note,
        )

    def _located(self, place: Place) -> tuple[Seconds | None, Seconds | None, int, int]:
        # What called for one rule called for many.
        if place not in self._where:
            self._where[place] = self._locate(place)
        return self._where[place]

    def _locate(self, place: Place) -> tuple[Seconds | None, Seconds | None, int, int]:
        turn = self.turns[place.turn]
        first, last = self.spoken[place.turn].original(place.start, place.end)
        start, end = turn.start, turn.end
        offset = 0
        for number in turn.utterances:
            utterance = self.transcript.utterances[number]
            if offset <= first < offset + len(utterance.text):
                start = utterance.start
            if offset < last:
                end = utterance.end
            at = offset
            for word in utterance.words:
                if at <= first < at + len(word.text) + 1:
                    start = word.start
                if at < last:
                    end = word.end
                at += len(word.text) + 1
            offset += len(utterance.text) + 1
        return start, end, first, last


def _sureness(said: Said) -> tuple[int, float]:
    return said.certainty, said.probability or 0.0


def _apart(places: list[Place]) -> list[Place]:
    """In order, without those that overlap one before: the same words found twice count once."""
    apart: list[Place] = []
    for place in sorted(set(places), key=lambda p: (p.turn, p.start, -p.end)):
        if not apart or place.turn != apart[-1].turn or place.start >= apart[-1].end:
            apart.append(place)
    return apart
