"""Every turn's acts, for many calls at once."""

from collections.abc import Mapping, Sequence
from functools import partial

from callaudit.audit_rules.acts.inventory import Act
from callaudit.audit_rules.acts.known_lines import shipped_lines
from callaudit.audit_rules.acts.recogniser import Heard
from callaudit.audit_rules.acts.said import Place, Said
from callaudit.audit_rules.acts.witnesses import Witnesses
from callaudit.audit_rules.conversation import SPEAKER, Conversation
from callaudit.audit_rules.phrases.index import Index, PhraseList, exceptions_in, places_of
from callaudit.audit_rules.specificity import names_the_issue

NOTHING_NEAR: Mapping[str, PhraseList] = {}


def recognise(
    calls: Sequence[Conversation],
    index: Index,
    witnesses: Witnesses,
    lists: Mapping[str, PhraseList],
    near: Mapping[str, PhraseList] = NOTHING_NEAR,
) -> None:
    """Find the phrases of all rules and the acts of all turns.

    `lists` are the phrases of each act, `near` the words that may be it. Many calls at once take little longer than
    one.
    """
    by_phrase = phrases_of_acts(calls, index, witnesses.acts, lists)
    spoken = [[(SPEAKER.get(t.role), text) for t, text in zip(c.turns, c.texts, strict=True)] for c in calls]
    heard = witnesses.recogniser.hear(spoken) if witnesses.recogniser else [None] * len(calls)
    for call, phrases, one in zip(calls, by_phrase, heard, strict=True):
        call.act_phrases = lists
        denied = {act: places for act, said in lists.items() if (places := exceptions_in(call.found, said))}
        perhaps = {act: places for act, said in near.items() if (places := places_of(call.found, said))}
        call.acts = witnesses.said(call.texts, phrases, one, denied=denied, typed=call.typed, near=perhaps)
        if one is not None:
            call.heard = True
            call.like = partial(_like, witnesses, one)


def _like(witnesses: Witnesses, heard: Heard, said: Said) -> str:
    tags = witnesses.tags_of(said.act)
    return shipped_lines().nearest(tags, heard.vectors[said.place.turn])


def phrases_of_acts(
    calls: Sequence[Conversation], index: Index, acts: Mapping[str, Act], lists: Mapping[str, PhraseList]
) -> list[dict[str, list[Place]]]:
    """For each call where the phrases of each act are said; what is found of all lists stays with the call."""
    said = [[(SPEAKER.get(t.role), s.words) for t, s in zip(c.turns, c.spoken, strict=True)] for c in calls]
    for call, found in zip(calls, index.find(said), strict=True):
        call.found = found
    return [
        {act: _of_issue(call, acts[act], places_of(call.found, phrases)) for act, phrases in lists.items()}
        for call in calls
    ]


def _of_issue(call: Conversation, act: Act, places: list[Place]) -> list[Place]:
    return [p for p in places if names_the_issue(call, p)] if act.names_the_issue else places
