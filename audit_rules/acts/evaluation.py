"""How well acts are recognised, against calls whose turns people tagged."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from callaudit.audit_rules.acts.corpus import TaggedCall
from callaudit.audit_rules.acts.inventory import Levels, with_children
from callaudit.audit_rules.acts.levels import Observed
from callaudit.audit_rules.acts.recognise import phrases_of_acts
from callaudit.audit_rules.acts.recogniser import Recogniser
from callaudit.audit_rules.acts.witnesses import any_of, columns_of
from callaudit.audit_rules.conversation import SPEAKER, Conversation
from callaudit.audit_rules.rulebook import Rulebook
from callaudit.transcription.transcript import Call, Provenance, RolesFrom, SpeakerRole, Transcript, Utterance

_TAGGED = Provenance(engine="tagged", model="corpus", weights_hash="", settings_hash="")
# Fewer cases than these say nothing of an act.
FEWEST_CASES = 8


class ActAgreement(msgspec.Struct, frozen=True, kw_only=True):
    """One act on tagged turns: counts of turns, with and without it, by what was recognised as likely."""

    act: str
    cases: int
    precision: float
    recall: float
    f1: float


def conversation_of(call: TaggedCall, *, accents: bool = True) -> tuple[Conversation, list[frozenset[str]]]:
    """A tagged call as rules see it, with the tags of each of its turns (one speaker's lines in a row are one turn)."""
    transcript = Transcript(
        call=Call(call_id=call.call_id, source="corpus"),
        utterances=tuple(
            Utterance(role=SpeakerRole.AGENT if t.speaker == "agent" else SpeakerRole.CUSTOMER, text=t.text)
            for t in call.turns
        ),
        provenance=_TAGGED,
        roles_from=RolesFrom.LABELS,
    )
    conversation = Conversation(transcript, {}, accents=accents)
    tags = [frozenset[str]().union(*(call.turns[n].tags for n in turn.utterances)) for turn in conversation.turns]
    return conversation, tags


def observe(calls: Sequence[TaggedCall], recogniser: Recogniser, rulebook: Rulebook) -> dict[str, Observed]:
    """By act, what both witnesses say of every turn of the act's speaker and what people say of it."""
    told = [conversation_of(call) for call in calls]
    conversations = [conversation for conversation, _ in told]
    spoken = [[(SPEAKER.get(t.role), text) for t, text in zip(c.turns, c.texts, strict=True)] for c in conversations]
    heard = recogniser.hear(spoken)
    phrases = phrases_of_acts(conversations, rulebook.index, rulebook.acts, rulebook.act_phrases)
    observed: dict[str, Observed] = {}
    columns, counting_as = columns_of(rulebook.acts, recogniser.tags), with_children(rulebook.acts)
    for name, act in rulebook.acts.items():
        if not columns[name]:
            continue
        wanted = {rulebook.acts[n].tag for n in counting_as[name]} - {""}
        rows: list[tuple[float, bool, bool]] = []
        for (conversation, tags), one, by_phrase in zip(told, heard, phrases, strict=True):
            odds = any_of(one.odds, columns[name])
            spoken_by = {p.turn for n in counting_as[name] for p in by_phrase[n]}
            rows += [
                (float(odds[t.index]), t.index in spoken_by, not wanted.isdisjoint(tags[t.index]))
                for t in conversation.turns
                if SPEAKER.get(t.role) == act.who and conversation.texts[t.index]
            ]
        odds, phrase, label = np.array(rows, np.float64).reshape(-1, 3).T
        observed[name] = Observed(odds, phrase, label)
    return observed


def agreement(observed: Mapping[str, Observed], levels: Mapping[str, Levels]) -> list[ActAgreement]:
    """Each act with enough cases: how often what is likely is right, and how much of it is found."""
    found: list[ActAgreement] = []
    for act, one in observed.items():
        cases = int(one.label.sum())
        if cases < FEWEST_CASES:
            continue
        at = levels[act]
        scores = at.slope * one.odds + at.phrase * one.phrase + at.offset
        likely = 1 / (1 + np.exp(-np.clip(scores, -30, 30))) >= at.likely
        right = int((likely & (one.label > 0)).sum())
        precision, recall = right / max(int(likely.sum()), 1), right / cases
        f1 = 2 * right / max(int(likely.sum()) + cases, 1)
        found.append(ActAgreement(act=act, cases=cases, precision=precision, recall=recall, f1=f1))
    return found


def macro_f1(observed: Mapping[str, Observed], levels: Mapping[str, Levels]) -> float:
    """The mean F1 of the acts with enough cases."""
    scores = [one.f1 for one in agreement(observed, levels)]
    return float(np.mean(scores)) if scores else 0.0
