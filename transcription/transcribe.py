"""A recording becomes a transcript: `prepare` decodes it, `recognise` writes its words, `finish` guards and masks them.

The three are apart so that one recognition can be over many calls at once; `transcribe` is all of it for one.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from transcription import guard, redaction, speech
from transcription.audio import Audio, decode, write_copy
from transcription.engines import Channel, Engine, settings_hash
from transcription.errors import SetupError, Unreadable
from transcription.inbox import Arrival, at_hand
from transcription.transcript import (
    Provenance,
    Recording,
    RolesFrom,
    Seconds,
    Span,
    SpeakerRole,
    Transcript,
    Utterance,
    Word,
)

# Changed whenever the code of this room starts to give other words for the same sound.
VERSION = 2


class TranscriptionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How recordings become transcripts.

    - `pause`: seconds of silence that end an utterance.
    - `min_confidence`: words below it are dropped; None = the engine's own floor (`guard.FLOORS`).
    - `shortest_call`: a recording below so many seconds that holds no speech is quarantined as `too_short`.
    - `redact`: mask cards, codes, accounts, phones, addresses, dates of birth before anything is stored.
    """

    pause: Seconds = 0.7
    min_confidence: float | None = None
    shortest_call: Seconds = 2.0
    redact: bool = True


# Recognisers cut words short; a masked number must not be guessed from its ends.
_MUTED_MARGIN: Seconds = 0.2

_MANY_DROPPED = 0.3


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A call that is decoded and waits to be heard.

    - `roles`: the role on each channel that is worth hearing, in the order of `channels`.
    - `spans`: where each channel of the recording has speech; `music`: where it has music.
    - `warnings`: what a reader should know about the roles.
    """

    arrival: Arrival
    audio: Audio
    spans: tuple[tuple[Span, ...], ...]
    roles: dict[int, SpeakerRole]
    music: tuple[tuple[Span, ...], ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def channels(self) -> tuple[Channel, ...]:
        """What an engine is to hear of it."""
        return tuple(
            Channel(
                samples=self.audio.samples[n],
                sample_rate=self.audio.sample_rate,
                spans=self.spans[n],
                call=self.arrival.sha256,
                glossary=glossary_of(self.arrival),
            )
            for n in self.roles
        )


def glossary_of(arrival: Arrival) -> tuple[str, ...]:
    """The names that a recogniser should expect in a call: its agent's, then those of its source."""
    agent = arrival.call.agent_name
    return tuple(dict.fromkeys((*([agent] if agent else []), *arrival.source.glossary)))


def provenance_of(engine: Engine, settings: TranscriptionSettings, glossary: Sequence[str] = ()) -> Provenance:
    """What writes the words, with every setting that changes them; the key of a transcript rests on it."""
    relevant = {
        "engine": engine.provenance.settings_hash,
        "weights": engine.provenance.weights_hash,
        "versions": [VERSION, speech.VERSION, redaction.VERSION],
        "pause": settings.pause,
        "min_confidence": _floor(engine, settings),
        "redact": settings.redact,
    }
    if engine.takes_glossary and glossary:
        relevant["glossary"] = list(glossary)
    return msgspec.structs.replace(engine.provenance, settings_hash=settings_hash(relevant))


def transcribe(
    arrival: Arrival,
    engine: Engine,
    *,
    settings: TranscriptionSettings = TranscriptionSettings(),  # noqa: B008  Frozen, so it is safe to share.
    audio_copy: Path | None = None,
) -> Transcript:
    """The transcript of one recording, all the way: `prepare`, `recognise`, `finish`.

    Raises `Unreadable` for a recording that must be quarantined, `SetupError` for a channel that cannot be.
    """
    call = prepare(arrival, settings=settings)
    (words,) = recognise([call], engine)
    return finish(call, words, engine, settings=settings, audio_copy=audio_copy)


def prepare(
    arrival: Arrival,
    *,
    settings: TranscriptionSettings = TranscriptionSettings(),  # noqa: B008  Frozen, so it is safe to share.
) -> Prepared:
    """The call decoded, with its speech found and its roles named.

    Two channels give roles by `Source.agent_channel`. One channel, the same mix on both, or a channel without any
    speech cannot tell the parties apart: the roles are then unknown.

    Raises `Unreadable` for a recording that must be quarantined, `SetupError` for a channel that cannot be.
    """
    with at_hand(arrival) as path:
        audio = decode(path)
    heard = speech.heard_by_channel(audio.samples, audio.sample_rate)
    spans = tuple(one.speech for one in heard)
    if audio.duration < settings.shortest_call and not any(spans):
        raise Unreadable(
            "too_short",
            f"{arrival.name}: {audio.duration:.1f} s without speech",
            why=f"{arrival.place}: shorter than {settings.shortest_call:g} s",
            tries=("check whether the call was answered", "lower shortest_call to audit such clips"),
        )
    roles, warnings = _roles(arrival, audio, spans)
    return Prepared(
        arrival=arrival,
        audio=audio,
        spans=spans,
        music=tuple(one.music for one in heard),
        roles=dict(sorted(roles.items())),
        warnings=tuple(warnings),
    )


def recognise(calls: Sequence[Prepared], engine: Engine) -> list[list[list[Word]]]:
    """For each call, for each channel of `Prepared.channels`, the words as the engine wrote them."""
    written = iter(engine.transcribe([channel for call in calls for channel in call.channels]))
    return [[next(written) for _ in call.roles] for call in calls]


def finish(
    call: Prepared,
    words: Sequence[Sequence[Word]],
    engine: Engine,
    *,
    settings: TranscriptionSettings = TranscriptionSettings(),  # noqa: B008  Frozen, so it is safe to share.
    audio_copy: Path | None = None,
) -> Transcript:
    """The transcript of a call from the words on its channels: guarded, masked, cut into utterances.

    `audio_copy` is where a small playable copy goes, with masked times muted. Speech times are given only where
    the roles are known.
    """
    arrival, audio, spans, roles = call.arrival, call.audio, call.spans, call.roles
    warnings = list(call.warnings)
    utterances: list[Utterance] = []
    everything: list[Utterance] = []
    dropped: Counter[guard.Reason] = Counter()
    kept = 0
    for (channel, role), written in zip(roles.items(), words, strict=True):
        spoken, reasons = guard.guarded(written, spans[channel], floor=_floor(engine, settings))
        dropped.update(reasons)
        kept += len(spoken)
        utterances += _cut(spoken, role, channel, settings.pause)
        everything += _cut(written, role, channel, settings.pause)
    told = redaction.Redacted(_in_time(utterances), 0, ())
    muted: list[Span] = []
    if settings.redact:
        told = redaction.redact(told.utterances)
        # Words that were dropped are still in the sound.
        muted += [*told.spans, *redaction.redact(_in_time(everything)).spans]
    if dropped.total() > _MANY_DROPPED * (dropped.total() + kept) or guard.is_a_failure(dropped):
        warnings.append(guard.warning_of(dropped, kept))
    if audio_copy is not None:
        write_copy(
            audio_copy, audio, silence=speech.padded(speech.union(muted), _MUTED_MARGIN, duration=audio.duration)
        )
    known = all(role is not SpeakerRole.UNKNOWN for role in roles.values())
    return Transcript(
        call=arrival.call,
        utterances=told.utterances,
        provenance=provenance_of(engine, settings, glossary_of(arrival)),
        recording=Recording(
            path=arrival.place,
            sha256=arrival.sha256,
            size=arrival.size,
            codec=audio.codec,
            sample_rate=audio.source_rate,
            channels=audio.channels,
            duration=round(audio.duration, 3),
        ),
        roles_from=RolesFrom.CHANNELS if known else RolesFrom.UNKNOWN,
        role_confidence=1.0 if known else None,
        speech={role: spans[channel] for channel, role in roles.items()} if known else {},
        music={role: call.music[channel] for channel, role in roles.items() if call.music[channel]} if known else {},
        dropped_words=dropped.total(),
        redactions=told.times,
        warnings=tuple(warnings),
    )


def _cut(words: Sequence[Word], role: SpeakerRole, channel: int, pause: Seconds) -> list[Utterance]:
    return [Utterance.of_words(piece, role=role, channel=channel) for piece in at_pauses(words, pause)]


def _in_time(utterances: Sequence[Utterance]) -> tuple[Utterance, ...]:
    return tuple(sorted(utterances, key=lambda u: (u.start, u.channel)))


def at_pauses(words: Sequence[Word], pause: Seconds) -> list[tuple[Word, ...]]:
    """The words cut into utterances wherever `pause` seconds or more pass without one."""
    pieces: list[list[Word]] = []
    for word in words:
        if pieces and word.start - pieces[-1][-1].end < pause:
            pieces[-1].append(word)
        else:
            pieces.append([word])
    return [tuple(piece) for piece in pieces]


def _floor(engine: Engine, settings: TranscriptionSettings) -> float:
    if settings.min_confidence is not None:
        return settings.min_confidence
    return guard.FLOORS.get(engine.provenance.engine, 0.0)


_SIDES = ("left", "right")


def _roles(arrival: Arrival, audio: Audio, spans: Sequence[Sequence[Span]]) -> tuple[dict[int, SpeakerRole], list[str]]:
    """The role on each channel that is worth hearing, and what a reader should know about it."""
    if audio.channels == 1:
        return {0: SpeakerRole.UNKNOWN}, []
    if audio.channels > 2:
        raise Unreadable(
            "unsupported_channels",
            f"{arrival.name}: {audio.channels} channels",
            why=f"{arrival.place}: a call has one channel, or one for each of two parties",
            tries=("export the call with the agent on one channel and the customer on the other",),
        )
    if speech.is_dual_mono(audio.samples):
        return {0: SpeakerRole.UNKNOWN}, ["both channels carry the same mix: treated as mono, roles unknown"]
    voiced = [n for n in (0, 1) if spans[n]]
    if len(voiced) == 1:
        silent, other = _SIDES[1 - voiced[0]], _SIDES[voiced[0]]
        return {voiced[0]: SpeakerRole.UNKNOWN}, [
            f"the {silent} channel is silent: the {other} one may hold both parties, roles unknown"
        ]
    agent = arrival.source.agent_channel
    if agent is None:
        return {0: SpeakerRole.UNKNOWN, 1: SpeakerRole.UNKNOWN}, [
            f"source {arrival.source.name!r} does not say which channel is the agent: roles unknown"
        ]
    if agent not in {0, 1}:
        raise SetupError(
            f"source {arrival.source.name!r}: agent_channel = {agent}",
            why="a recording has channel 0 (left) and channel 1 (right)",
            tries=("agent_channel = 0", "agent_channel = 1"),
        )
    return {agent: SpeakerRole.AGENT, 1 - agent: SpeakerRole.CUSTOMER}, []
