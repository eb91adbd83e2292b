"""A recording becomes a transcript: `prepare` decodes it, `recognise` writes its words, `finish` guards and masks them.

The three are apart so that one recognition can be over many calls at once; `transcribe` is all of it for one.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from callaudit.transcription import announcements, echo, hallucinations, names, redaction, speech, unheard
from callaudit.transcription.audio import Audio, decode, write_copy
from callaudit.transcription.engines import Channel, Engine, Written, settings_hash
from callaudit.transcription.errors import Unreadable
from callaudit.transcription.inbox import Arrival, local_copy
from callaudit.transcription.language import shared
from callaudit.transcription.speakers import Cast, Layout, Party, cast_of, layout_of, parties_of
from callaudit.transcription.transcript import (
    Provenance,
    Recording,
    Seconds,
    Span,
    Spans,
    SpeakerRole,
    Transcript,
    Utterance,
    Word,
    at_pauses,
)

# Changed whenever the code of this room starts to give other words for the same sound.
VERSION = 5


class TranscriptionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How recordings become transcripts.

    - `pause`: seconds of silence that end an utterance.
    - `min_confidence`: words below it are dropped; None = the engine's own floor (`hallucinations.FLOORS`).
    - `shortest_call`: a recording below so many seconds that holds no speech is quarantined as `too_short`.
    - `redact`: mask cards, codes, accounts, phones, addresses, dates of birth before anything is stored.
    """

    pause: Annotated[Seconds, msgspec.Meta(gt=0, le=60)] = 0.7
    min_confidence: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    shortest_call: Annotated[Seconds, msgspec.Meta(ge=0, le=3600)] = 2.0
    redact: bool = True


# Recognisers cut words short; a masked number must not be guessed from its ends.
_MUTED_MARGIN: Seconds = 0.2

_MANY_DROPPED = 0.3


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A call that is decoded and waits to be heard; `layout` is what its sound says about who speaks.

    `audio` is without the other party's echo; the latest of that came `echo_lag` seconds late.
    """

    arrival: Arrival
    audio: Audio
    layout: Layout
    echo_lag: Seconds = 0.0

    @property
    def channels(self) -> tuple[Channel, ...]:
        """What an engine is to hear of it."""
        return tuple(
            Channel(
                samples=self.audio.samples[n],
                sample_rate=self.audio.sample_rate,
                spans=spans,
                call=self.arrival.sha256,
                glossary=glossary_of(self.arrival),
            )
            for n, spans in zip(self.layout.channels, self.layout.spans, strict=True)
        )


def glossary_of(arrival: Arrival) -> tuple[str, ...]:
    """The names that a recogniser should expect in a call: its agent's, then those of its source; none if it has none.

    Names cost a second hearing (`transcription.names`), so an agent's name alone is not worth one.
    """
    agent = arrival.call.agent_name if arrival.source.glossary else None
    return tuple(dict.fromkeys((*([agent] if agent else []), *arrival.source.glossary)))


def provenance_of(
    engine: Engine, settings: TranscriptionSettings, glossary: Sequence[str] = (), announced: Sequence[str] = ()
) -> Provenance:
    """What writes the words, with every setting that changes them; the key of a transcript rests on it."""
    relevant = {
        "engine": engine.provenance.settings_hash,
        "weights": engine.provenance.weights_hash,
        "versions": [VERSION, speech.VERSION, announcements.VERSION, redaction.VERSION],
        "pause": settings.pause,
        "min_confidence": _floor(engine, settings),
        "redact": settings.redact,
    }
    if engine.takes_glossary and glossary:
        relevant["glossary"] = list(glossary)
    if announced:
        relevant["announcements"] = sorted(announced)
    return msgspec.structs.replace(engine.provenance, settings_hash=settings_hash(relevant))


def transcribe(
    arrival: Arrival,
    engine: Engine,
    *,
    settings: TranscriptionSettings = TranscriptionSettings(),  # noqa: B008  Frozen, so it is safe to share.
    audio_copy: Path | None = None,
    spill: Path | None = None,
) -> Transcript:
    """The transcript of one recording, all the way: `prepare`, `recognise`, `finish`.

    Raises `Unreadable` for a recording that must be quarantined, `SetupError` for a channel that cannot be.
    """
    call = prepare(arrival, settings=settings, spill=spill)
    (written,) = recognise([call], engine, settings=settings)
    return finish(call, written, engine, settings=settings, audio_copy=audio_copy)


def prepare(
    arrival: Arrival,
    *,
    settings: TranscriptionSettings = TranscriptionSettings(),  # noqa: B008  Frozen, so it is safe to share.
    spill: Path | None = None,
) -> Prepared:
    """The call decoded, with its speech found and, where one channel may hold both parties, their voices told apart.

    `spill` is the folder for sound that is too long to hold in memory; see `audio.decode`.

    Raises `Unreadable` for a recording that must be quarantined, `SetupError` for a channel that cannot be.
    """
    with local_copy(arrival) as path:
        audio = decode(path, spill=spill)
    samples, echoes = echo.without_echo(audio.samples, audio.sample_rate)
    audio = msgspec.structs.replace(audio, samples=samples)
    heard = speech.heard_by_channel(samples, audio.sample_rate, echoes=echoes)
    if audio.duration < settings.shortest_call and not any(one.speech for one in heard):
        raise Unreadable(
            "too_short",
            f"{arrival.name}: {audio.duration:.1f} s without speech",
            why=f"{arrival.place}: shorter than {settings.shortest_call:g} s",
            tries=("check whether the call was answered", "lower shortest_call to audit such clips"),
        )
    source = arrival.source
    layout = layout_of(audio, heard, echoes=echoes, agent_channel=source.agent_channel, source=source.name)
    return Prepared(
        arrival=arrival,
        audio=audio,
        layout=layout,
        echo_lag=max((one.lag for one in echoes if one), default=0.0),
    )


def recognise(
    calls: Sequence[Prepared],
    engine: Engine,
    *,
    settings: TranscriptionSettings = TranscriptionSettings(),  # noqa: B008  Frozen, so it is safe to share.
) -> list[list[Written]]:
    """For each call, for each channel of `Prepared.channels`, what the engine wrote.

    Names of a glossary are put right, and speech in which nothing was written that can be believed is heard again.
    """
    channels = [channel for call in calls for channel in call.channels]
    written = names.with_names(channels, engine)
    written = unheard.heard_again(channels, written, engine, floor=_floor(engine, settings))
    of_channel = iter(written)
    return [[next(of_channel) for _ in call.channels] for call in calls]


def finish(
    call: Prepared,
    written: Sequence[Written],
    engine: Engine,
    *,
    settings: TranscriptionSettings = TranscriptionSettings(),  # noqa: B008  Frozen, so it is safe to share.
    audio_copy: Path | None = None,
) -> Transcript:
    """The transcript of a call from what was written for its channels: guarded, masked, cut into utterances.

    `audio_copy` is where a small playable copy goes, with masked times muted. Speech times are given only where
    the roles are known.
    """
    arrival, audio, layout = call.arrival, call.audio, call.layout
    dropped: Counter[hallucinations.Reason] = Counter()
    believed: list[tuple[Word, ...]] = []
    for spans, channel in zip(layout.spans, written, strict=True):
        spoken, reasons = hallucinations.guarded(channel.words, spans, floor=_floor(engine, settings))
        dropped.update(reasons)
        believed.append(spoken)
    kept = sum(map(len, believed))
    holes = [unheard.without_words(*channel) for channel in zip(layout.spans, believed, strict=True)]
    parties = parties_of(layout, believed)
    cast = cast_of(layout, parties)
    warnings = [*layout.warnings, *cast.warnings]
    utterances = _utterances(parties, cast.roles, settings.pause)
    everything = _utterances(parties_of(layout, [channel.words for channel in written]), cast.roles, settings.pause)
    redacted = redaction.Redacted(utterances, 0, ())
    muted: list[Span] = []
    if settings.redact:
        redacted = redaction.redact(redacted.utterances)
        # Words that were dropped are still in the sound.
        muted += [*redacted.spans, *redaction.redact(everything).spans]
    if dropped.total() > _MANY_DROPPED * (dropped.total() + kept) or hallucinations.is_a_failure(dropped):
        warnings.append(hallucinations.warning_of(dropped, kept))
    if audio_copy is not None:
        # What is left of an echo comes later than the words.
        late = [Span(one.start, one.end + call.echo_lag) for one in muted]
        write_copy(audio_copy, audio, silence=speech.padded(speech.union(late), _MUTED_MARGIN, duration=audio.duration))
    transcript = Transcript(
        call=arrival.call,
        utterances=redacted.utterances,
        provenance=provenance_of(engine, settings, glossary_of(arrival), arrival.source.announcements),
        recording=Recording(
            path=arrival.place,
            sha256=arrival.sha256,
            size=arrival.size,
            codec=audio.codec,
            sample_rate=audio.source_rate,
            channels=audio.channels,
            duration=round(audio.duration, 3),
        ),
        language=shared([channel.language for channel in written]),
        roles_from=cast.roles_from,
        role_confidence=cast.confidence,
        role_evidence=cast.evidence,
        speech=cast.speech,
        music=cast.music,
        unheard=_unheard(holes, layout, cast),
        dropped_words=dropped.total(),
        redactions=redacted.times,
        warnings=tuple(warnings),
    )
    return announcements.marked(transcript, arrival.source.announcements)


def _unheard(holes: Sequence[Sequence[Spans]], layout: Layout, cast: Cast) -> dict[SpeakerRole, Spans]:
    """The holes of each channel by the role of who speaks there; unknown where it holds two voices."""
    roles = cast.roles if layout.voices is None else (SpeakerRole.UNKNOWN,) * len(holes)
    left: dict[SpeakerRole, Spans] = {}
    for role, own in zip(roles, holes, strict=True):
        if own:
            left[role] = speech.union(left.get(role, ()), *own)
    return left


def _utterances(parties: Sequence[Party], roles: Sequence[SpeakerRole], pause: Seconds) -> tuple[Utterance, ...]:
    """What the parties say, cut at pauses, in order of time."""
    said = [
        Utterance.of_words(piece, role=role, channel=party.channel)
        for party, role in zip(parties, roles, strict=True)
        for piece in at_pauses(party.words, pause)
    ]
    return tuple(sorted(said, key=lambda u: (u.start, u.channel)))


def _floor(engine: Engine, settings: TranscriptionSettings) -> float:
    if settings.min_confidence is not None:
        return settings.min_confidence
    return hallucinations.FLOORS.get(engine.provenance.engine, 0.0)
