"""Utterances merged into turns: one speaker's floor, as a listener would count it."""

import re

import msgspec

from callaudit.transcription.transcript import Seconds, SpeakerRole, Transcript, Utterance, by_start

_SIGNAL_WORDS = frozenset(
    "ah aha alright good gotcha hm hmm huh indeed mhm mm mmm mmhmm oh ok okay really right sure uh uhhuh uhuh um wow "
    "yeah yep yes".split()
)
_SIGNAL_PHRASES = frozenset(
    "got it, i see, mm hmm, uh huh, oh no, oh dear, i hear you, of course, go on, oh i see, i know".split(", ")
)
# In characters, with room for commas and dots.
_LONGEST_SIGNAL = 40


def _signals() -> re.Pattern[str]:
    """Up to three signal words, or one of the phrases; what stands between letters and digits does not count."""
    word = f"(?:{'|'.join(sorted(_SIGNAL_WORDS, reverse=True))})"
    phrases = [phrase.replace(" ", r"[\W_]+") for phrase in sorted(_SIGNAL_PHRASES)]
    return re.compile(rf"[\W_]*(?:{word}(?:[\W_]+{word}){{0,2}}|{'|'.join(phrases)})[\W_]*")


_SIGNAL = _signals()


class Turn(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Merged speech of one role.

    `text` is the utterances' texts joined by single spaces; `utterances` are their positions in
    `Transcript.utterances`; `is_signal` marks a listening signal ("uh-huh", "I see") said while the
    other party goes on talking: it takes no floor, so windows counted in turns skip it.
    """

    index: int
    role: SpeakerRole
    text: str
    utterances: tuple[int, ...]
    start: Seconds | None = None
    end: Seconds | None = None
    is_signal: bool = False


def is_listening_signal(text: str) -> bool:
    """Whether the words are nothing but a small listening signal (Yngve 1970, "back channel")."""
    return len(text) <= _LONGEST_SIGNAL and _SIGNAL.fullmatch(text.lower()) is not None


def turns_of(transcript: Transcript) -> tuple[Turn, ...]:
    """The turns of a call in order of their start.

    A listening signal between two utterances of the other party does not end that party's turn when
    the gap it falls in is short enough to be one breath (`_BREATH`), or when the times are unknown.
    Answers ("Is that right?" - "Yes.") stay turns: they are followed by the asker.
    """
    utterances = transcript.utterances
    return tuple(_turn(n, utterances, group, is_signal) for n, (group, is_signal) in enumerate(turn_groups(utterances)))


def turn_groups(utterances: tuple[Utterance, ...]) -> list[tuple[list[int], bool]]:
    """The turns without their texts: the positions of the utterances of each, and whether it is a listening signal.

    A recorded announcement is a turn of its own that ends nobody's.
    """
    everything = by_start(utterances)
    order = [i for i in everything if utterances[i].role is not SpeakerRole.SYSTEM]
    spoken = [utterances[i] for i in order]
    signals = {
        i
        for i, before, signal, after in zip(order[1:], spoken, spoken[1:], spoken[2:], strict=False)
        # Most are too long: that is seen first.
        if len(signal.text) <= _LONGEST_SIGNAL and _is_signal_between(before, signal, after)
    }
    groups: list[tuple[list[int], bool]] = []
    floor: list[int] = []
    speaker = None
    for i in everything:
        if utterances[i].role is SpeakerRole.SYSTEM:
            groups.append(([i], False))
        elif i in signals:
            groups.append(([i], True))
        elif utterances[i].role is speaker:
            floor.append(i)
        else:
            floor, speaker = [i], utterances[i].role
            groups.append((floor, False))
    return groups


# A pause longer than this ends a breath: what is said after it is a new contribution.
_BREATH: Seconds = 2.0


def _is_signal_between(before: Utterance, signal: Utterance, after: Utterance) -> bool:
    if before.role is not after.role or signal.role is before.role or not is_listening_signal(signal.text):
        return False
    if before.text.rstrip().endswith("?"):
        return False
    # Without times a short answer looks the same; only a speaker who was not asking was interrupted by nothing.
    return signal.start is None or before.end is None or after.start is None or after.start - before.end <= _BREATH


def _turn(index: int, utterances: tuple[Utterance, ...], group: list[int], is_signal: bool) -> Turn:
    members = [utterances[i] for i in group]
    ends = [u.end for u in members if u.end is not None]
    return Turn(
        index=index,
        role=members[0].role,
        text=" ".join(u.text for u in members),
        utterances=tuple(group),
        start=members[0].start,
        end=max(ends) if ends else None,
        is_signal=is_signal,
    )
