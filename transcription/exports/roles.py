"""Who is the agent in an export that names its speakers in a way of its own."""

from collections.abc import Iterable, Mapping

import msgspec

from callaudit.transcription.exports.shape import comparable
from callaudit.transcription.transcript import Call, SpeakerRole

# In a source's `speakers`, for every label that is not named.
ANYONE_ELSE = "*"

PARTIES = {"agent": SpeakerRole.AGENT, "customer": SpeakerRole.CUSTOMER, "system": SpeakerRole.SYSTEM}
_OTHER = {SpeakerRole.AGENT: SpeakerRole.CUSTOMER, SpeakerRole.CUSTOMER: SpeakerRole.AGENT}


class Roles(msgspec.Struct, frozen=True, kw_only=True):
    """The role of each label, and the labels that have none."""

    by_label: Mapping[str, SpeakerRole]
    unknown: tuple[str, ...]


def roles_of(labels: Iterable[str], *, shape: str, call: Call, speakers: Mapping[str, SpeakerRole]) -> Roles:
    """Roles for the labels of one call, each found in the first way that gives one.

    1. the source's `speakers` names the label, after the shape's name ("Deepgram 1") or alone ("1");
    2. the label is the name of the call's agent or customer in its metadata;
    3. the label itself is "agent", "customer" or "system";
    4. `speakers` says what anyone else is ("*");
    5. of exactly two speakers the other one is known: a call has two parties.

    A number or a letter alone never says who speaks, and "" (nobody named) never gets a role.
    """
    heard = sorted(set(labels))
    named = {comparable(label): role for label, role in speakers.items() if label != ANYONE_ELSE}
    mine = comparable(shape) + " "
    named |= {label.removeprefix(mine): role for label, role in named.items() if label.startswith(mine)}
    # Their ids would do as well, were they not numbers: so are channels.
    people = {
        comparable(name): role
        for name, role in ((call.customer_name, SpeakerRole.CUSTOMER), (call.agent_name, SpeakerRole.AGENT))
        if name
    }
    known = {**PARTIES, **people, **named}
    by_label = {label: known[comparable(label)] for label in heard if label and comparable(label) in known}
    if ANYONE_ELSE in speakers:
        by_label = {**{label: speakers[ANYONE_ELSE] for label in heard if label}, **by_label}
    parties = [label for label in heard if by_label.get(label) is not SpeakerRole.SYSTEM]
    if len(parties) == 2 and len(by_label.keys() & set(parties)) == 1 and "" not in parties:
        (sure,) = by_label.keys() & set(parties)
        (other,) = set(parties) - {sure}
        if by_label[sure] in _OTHER:
            by_label = {**by_label, other: _OTHER[by_label[sure]]}
    return Roles(by_label=by_label, unknown=tuple(label for label in heard if label not in by_label))


def names_of(call: Call, speakers: Mapping[str, SpeakerRole]) -> frozenset[str]:
    """The names that may stand before what somebody says, in `comparable` form."""
    people = (call.agent_name, call.customer_name, *speakers, *PARTIES)
    return frozenset(comparable(name) for name in people if name and name != ANYONE_ELSE)
