"""Who speaks in a recording: which channels hold a party, whose voice each word is, and who of them is the agent.

`layout_of` looks at the sound before the words are known, `parties_of` shares the words out, `cast_of` names the
parties: by the setting of the source, by the words where there is none or they surely contradict it, or not at all.
"""

from collections.abc import Sequence
from itertools import combinations

import msgspec
import numpy as np

from callaudit.transcription import speech
from callaudit.transcription.audio import Audio
from callaudit.transcription.echo import Echo, is_dual_mono
from callaudit.transcription.errors import SetupError
from callaudit.transcription.speakers.naming import (
    SURE_AGAINST_A_SETTING,
    Named,
    Wording,
    evidence_of,
    name_several,
    name_two,
    wording_of,
)
from callaudit.transcription.speakers.voices import Voices, told_apart
from callaudit.transcription.transcript import RolesFrom, Spans, SpeakerRole, Word

_SIDES = ("left", "right")
_BOTH = {SpeakerRole.AGENT, SpeakerRole.CUSTOMER}


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """What the sound says about the parties.

    - `channels`: the channels that are worth hearing; `spans` is where each of them has speech, `music` where music.
    - `names`: what to call each channel of the recording.
    - `agent`: the agent's channel by the source's setting, None where it says none or the channel holds nobody alone.
    - `voices`: the voices on the channel, where only one is worth hearing.
    - `times_known`: whether the spans can be trusted to be the party's own, and no rest of the other one's echo.
    """

    channels: tuple[int, ...]
    spans: tuple[Spans, ...]
    music: tuple[Spans, ...]
    names: tuple[str, ...]
    agent: int | None = None
    voices: Voices | None = None
    times_known: bool = True
    warnings: tuple[str, ...] = ()


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who speaks: on a channel of their own, or one of the voices on it."""

    channel: int
    words: tuple[Word, ...]


class Cast(msgspec.Struct, frozen=True, kw_only=True):
    """The role of each party, where it is from, and each role's speech and music where the sound shows them."""

    roles: tuple[SpeakerRole, ...]
    roles_from: RolesFrom = RolesFrom.UNKNOWN
    confidence: float | None = None
    evidence: str = ""
    speech: dict[SpeakerRole, Spans] = {}
    music: dict[SpeakerRole, Spans] = {}
    warnings: tuple[str, ...] = ()


def layout_of(
    audio: Audio,
    heard: Sequence[speech.Heard],
    *,
    echoes: Sequence[Echo | None] = (),
    agent_channel: int | None = None,
    source: str = "",
) -> Layout:
    """Which channels hold a party, given what is on each (`speech.heard_by_channel`) and what echo it had.

    `agent_channel` is the agent's by the settings of `source`, None where they do not say.
    Silent channels, copies of another channel and the mix of two others are left out, and that is said. Where one
    channel is left it may hold both parties, and their voices are told apart.

    Raises `SetupError` for an agent's channel that a recording with several channels does not have.
    """
    names = _SIDES if audio.channels == 2 else tuple(str(n) for n in range(audio.channels))
    left, warnings = _worth_hearing(audio, heard, names)
    if len(left) == 2 < audio.channels:
        # What leaks between the two was not taken off while there seemed to be more.
        own = speech.heard_by_channel(audio.samples[list(left)], audio.sample_rate)
    else:
        own = tuple(heard[n] for n in left)
    layout = Layout(
        channels=left,
        spans=tuple(one.speech for one in own),
        music=tuple(one.music for one in own),
        names=names,
        times_known=not any(one.doubtful for one in own),
        warnings=(*warnings, *_echoed(echoes, own, names)),
    )
    if len(left) == 1:
        voices = told_apart(audio.samples[left[0]], audio.sample_rate, own[0].speech)
        return msgspec.structs.replace(layout, voices=voices)
    if agent_channel is not None and agent_channel not in range(audio.channels):
        known = [f"channel {n} ({name})" if audio.channels == 2 else f"channel {n}" for n, name in enumerate(names)]
        raise SetupError(
            f"source {source!r}: agent_channel = {agent_channel}",
            why=f"a recording has {' and '.join(known)}",
            tries=tuple(f"agent_channel = {n}" for n in range(audio.channels)),
        )
    return msgspec.structs.replace(layout, agent=agent_channel if agent_channel in left else None)


def parties_of(layout: Layout, words: Sequence[Sequence[Word]]) -> tuple[Party, ...]:
    """The words on each channel of the layout, shared out to the party that said them.

    A word on a channel with two voices is that voice's which speaks for most of it, or nearest to it.
    """
    if layout.voices is None or not layout.voices.spans:
        return tuple(Party(channel=c, words=tuple(own)) for c, own in zip(layout.channels, words, strict=True))
    (channel,), (all_words,) = layout.channels, words
    first, second = layout.voices.spans
    is_second = [_nearer(word, second) > _nearer(word, first) for word in all_words]
    return tuple(
        Party(channel=channel, words=tuple(w for w, other in zip(all_words, is_second, strict=True) if other is which))
        for which in (False, True)
    )


def cast_of(layout: Layout, parties: Sequence[Party]) -> Cast:
    """The parties named, from what can be believed of their words."""
    wordings = [wording_of(party.words) for party in parties]
    if layout.voices is not None:
        return _of_voices(layout.voices, wordings)
    if len(parties) == 2:
        return _of_two_channels(layout, wordings)
    return _of_many_channels(layout, wordings)


def _of_voices(voices: Voices, wordings: Sequence[Wording]) -> Cast:
    """Voices named by words; sure of both, how many words are with the right voice and who says what.

    Times are claimed for neither: one channel never shows both at once.
    """
    if not voices.spans:
        return Cast(roles=(SpeakerRole.UNKNOWN,), evidence=voices.why, warnings=(f"{voices.why}: roles unknown",))
    named = name_two(*wordings)
    if not _are_named(named.roles):
        return _unnamed(named)
    return Cast(
        roles=named.roles,
        roles_from=RolesFrom.GUESSED,
        confidence=round(named.confidence * voices.right, 3),
        evidence=f"two voices on one channel, {named.evidence}",
        warnings=("both parties are on one channel: who speaks is told by voice, some words may be with the other",),
    )


def _of_two_channels(layout: Layout, wordings: Sequence[Wording]) -> Cast:
    if layout.agent is None:
        named = name_two(*wordings)
        if not _are_named(named.roles):
            return _unnamed(named)
        return _guessed(layout, named)
    set_so = tuple(SpeakerRole.AGENT if c == layout.agent else SpeakerRole.CUSTOMER for c in layout.channels)
    by_words = name_two(*wordings, sure=SURE_AGAINST_A_SETTING)
    if by_words.roles != set_so and _are_named(by_words.roles):
        names = ", ".join(
            f"the {layout.names[c]} one says {quote}"
            for c, role, wording in zip(layout.channels, by_words.roles, wordings, strict=True)
            if (quote := wording.quote(role)) is not None
        )
        return _guessed(layout, by_words, f"the channels seem swapped: {names}; roles by the words")
    return Cast(
        roles=set_so,
        roles_from=RolesFrom.CHANNELS,
        confidence=1.0,
        speech=_by_role(layout.spans, set_so) if layout.times_known else {},
        music=_present(_by_role(layout.music, set_so)) if layout.times_known else {},
    )


def _of_many_channels(layout: Layout, wordings: Sequence[Wording]) -> Cast:
    if not wordings:
        return Cast(roles=())
    named = name_several(wordings)
    roles = tuple(
        SpeakerRole.AGENT if role is SpeakerRole.UNKNOWN and c == layout.agent else role
        for c, role in zip(layout.channels, named.roles, strict=True)
    )
    if not _are_named(roles):
        return _unnamed(named)
    named = msgspec.structs.replace(named, roles=roles, evidence=evidence_of(wordings, roles))
    strangers = [layout.names[c] for c, role in zip(layout.channels, roles, strict=True) if role not in _BOTH]
    return _guessed(layout, named, *(f"who speaks on channel {name} is not known" for name in strangers))


def _are_named(roles: Sequence[SpeakerRole]) -> bool:
    """Whether there is an agent and a customer."""
    return _BOTH.issubset(roles)


def _unnamed(named: Named) -> Cast:
    return Cast(roles=named.roles, evidence=named.evidence, warnings=(f"{named.evidence}: roles unknown",))


def _guessed(layout: Layout, named: Named, *warnings: str) -> Cast:
    # Silence can only be judged where everybody is known, and known to speak.
    all_known = set(named.roles) <= _BOTH and layout.times_known
    return Cast(
        roles=named.roles,
        roles_from=RolesFrom.GUESSED,
        confidence=round(named.confidence, 3),
        evidence=named.evidence,
        speech=_by_role(layout.spans, named.roles) if all_known else {},
        music=_present(_by_role(layout.music, named.roles)) if all_known else {},
        warnings=warnings,
    )


def _by_role(spans: Sequence[Spans], roles: Sequence[SpeakerRole]) -> dict[SpeakerRole, Spans]:
    return {
        role: speech.union(*(own for own, whose in zip(spans, roles, strict=True) if whose is role)) for role in roles
    }


def _present(spans: dict[SpeakerRole, Spans]) -> dict[SpeakerRole, Spans]:
    return {role: own for role, own in spans.items() if own}


def _nearer(word: Word, spans: Spans) -> tuple[float, float]:
    """How much of a word lies within the spans, then how near it is to one (0 or less)."""
    shared = sum(max(0.0, min(word.end, s.end) - max(word.start, s.start)) for s in spans)
    middle = (word.start + word.end) / 2
    away = min((max(s.start - middle, middle - s.end, 0.0) for s in spans), default=float("inf"))
    return round(shared, 3), -away


def _worth_hearing(
    audio: Audio, heard: Sequence[speech.Heard], names: Sequence[str]
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The channels that hold somebody of their own, at least one, and what was left out."""
    if audio.channels == 1:
        return (0,), ()
    if audio.channels == 2 and is_dual_mono(audio.samples):
        return (0,), ("both channels carry the same mix: treated as mono",)
    left = [n for n in range(audio.channels) if heard[n].speech]
    warnings: list[str] = []
    if 0 < len(left) < audio.channels:
        silent = [names[n] for n in range(audio.channels) if n not in left]
        if audio.channels == 2:
            warnings.append(
                f"the {silent[0]} channel is silent: the {names[left[0]]} one may hold both parties, treated as mono"
            )
        else:
            warnings.append(
                f"of {audio.channels} channels {_listed(silent)} {'is' if len(silent) == 1 else 'are'} silent"
            )
    if audio.channels > 2:
        for a, b in combinations(tuple(left), 2):
            if {a, b} <= set(left) and is_dual_mono(audio.samples[[a, b]]):
                left.remove(b)
                warnings.append(f"channel {names[b]} is a copy of channel {names[a]}")
        if len(left) == 3:
            mixed = next((n for n in left if _is_mix(audio, n, [o for o in left if o != n])), None)
            if mixed is not None:
                left.remove(mixed)
                warnings.append(f"channel {names[mixed]} is the mix of the other two")
        if len(left) > 2:
            warnings.append(f"{len(left)} channels have speech: each was transcribed, roles by the words")
    # A call in which nobody speaks is still heard, as far as two channels go.
    return tuple(left or range(min(2, audio.channels))), tuple(warnings)


def _echoed(echoes: Sequence[Echo | None], own: Sequence[speech.Heard], names: Sequence[str]) -> list[str]:
    """What is said of the echoes that two channels had of each other."""
    warnings = [
        f"the {names[n]} channel carried an echo of the {names[1 - n]} one ({echo.level:.0f} dB, "
        f"{1000 * echo.lag:.0f} ms late): taken out"
        for n, echo in enumerate(echoes)
        if echo is not None
    ]
    doubtful = speech.total(span for one in own for span in one.doubtful)
    if doubtful:
        warnings.append(f"{doubtful:.1f} s may be speech or an echo: when each party speaks is not known")
    return warnings


def _is_mix(audio: Audio, one: int, others: Sequence[int]) -> bool:
    both = audio.samples[list(others)].sum(axis=0)
    level = float(np.sqrt(np.mean(audio.samples[one] ** 2) / max(float(np.mean(both**2)), 1e-12)))
    return level > 0 and is_dual_mono(np.stack([audio.samples[one], both * np.float32(level)]))


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
