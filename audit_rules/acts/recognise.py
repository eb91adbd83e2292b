"""Every turn's acts, for many calls at once."""

from collections.abc import Mapping, Sequence

from audit_rules.acts.inventory import Act
from audit_rules.acts.said import Place, Said
from audit_rules.acts.witnesses import Witnesses
from audit_rules.conversation import SPEAKER, Conversation
from audit_rules.index import Index, PhraseList, places_of
from audit_rules.issue import names_the_issue


def recognise(
    calls: Sequence[Conversation], index: Index, witnesses: Witnesses, lists: Mapping[str, PhraseList]
) -> None:
    """Find the phrases of all rules and the acts of all turns; `lists` are the phrases of each act.

    Many calls at once take little longer than one.
    """
    said = [[(SPEAKER.get(t.role), s.words) for t, s in zip(c.turns, c.spoken, strict=True)] for c in calls]
    for call, found in zip(calls, index.find(said), strict=True):
        call.found = found
    if witnesses.recogniser is None:
        heard = [None] * len(calls)
    else:
        spoken = [[(SPEAKER.get(t.role), text) for t, text in zip(c.turns, c.texts, strict=True)] for c in calls]
        heard = [*witnesses.recogniser.hear(spoken)]
    for call, one in zip(calls, heard, strict=True):
        phrases = {
            act: _of_issue(call, witnesses.acts[act], places_of(call.found, phrases)) for act, phrases in lists.items()
        }
        own = witnesses.said(call.texts, phrases, one)
        call.acts = {act: _together(own, names) for act, names in witnesses.counting_as.items()}


def _of_issue(call: Conversation, act: Act, places: list[Place]) -> list[Place]:
    return [p for p in places if names_the_issue(call, p)] if act.names_the_issue else places


def _together(own: Mapping[str, Sequence[Said]], names: Sequence[str]) -> list[Said]:
    if len(names) == 1:
        return [*own[names[0]]]
    return sorted((s for name in names for s in own[name]), key=lambda s: (s.place, -s.certainty))
