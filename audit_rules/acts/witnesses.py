"""The two witnesses together: phrases that are sure where they are heard, and the recogniser that hears the rest."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from callaudit.audit_rules.acts.inventory import STANDARD, Act, Levels, with_children
from callaudit.audit_rules.acts.recogniser import SHIPPED, Floats, Heard, Recogniser
from callaudit.audit_rules.acts.said import Certainty, Place, Said, Witness

LEVELS = "levels.json"
# In log odds: near enough a veto, as such words were written down because they mislead.
_DENIED = 4.0
NOTHING: Mapping[str, Sequence[Place]] = {}
# A place of a recognised act is the sentence around the words that spoke most, and no more than this many words of it.
_SENTENCE = re.compile(r"[^.?]+[.?]? ?")
_MOST_WORDS = 24
# Probabilities are compared and shown to this many places, so that the last bits of a sum decide nothing.
_PLACES = 3
# What a phrase is worth in typed conversations: how often the phrases are right on labelled chats (docs/accuracy.md).
_TYPED = 0.95


class Witnesses:
    """Joins what both witnesses say of a call into acts, by levels that were chosen on held-out authors."""

    def __init__(self, acts: Mapping[str, Act], recogniser: Recogniser | None, levels: Mapping[str, Levels]) -> None:
        self.acts = dict(acts)
        self.recogniser = recogniser
        self.levels = {name: levels.get(name, STANDARD) for name in acts}
        self._columns = columns_of(acts, recogniser.tags) if recogniser else {}
        self._counting_as = with_children(self.acts)

    def tags_of(self, act: str) -> list[str]:
        """The corpus' tags of an act and its children."""
        return [tag for name in self._counting_as[act] if (tag := self.acts[name].tag)]

    def said(
        self,
        texts: Sequence[str],
        phrases: Mapping[str, Sequence[Place]],
        heard: Heard | None,
        *,
        denied: Mapping[str, Sequence[Place]] = NOTHING,
        typed: bool = False,
        near: Mapping[str, Sequence[Place]] = NOTHING,
    ) -> dict[str, list[Said]]:
        """Each act's places in order. `phrases` are the places of each act's phrases, `heard` what the model says.

        `denied` are words that are known not to be the act: they speak against the recogniser where it hears the act
        in the same sentence.

        In `typed` conversations a phrase is sure by itself: the phrases were written for such, and are right there. In
        speech they are worth what the corpus showed them to be worth. `near` are the places of words that may be an
        act; they count where no recogniser listens, in turns without a phrase of it.
        """
        places = {
            name: sorted({p for n in names for p in phrases.get(n, ())}) for name, names in self._counting_as.items()
        }
        found = {
            name: [Said(place, name, Certainty.SURE, Witness.PHRASES) for place in by_phrase]
            for name, by_phrase in places.items()
            if heard is None or not self._columns[name]
        }
        if heard is None and near:
            for name, names in self._counting_as.items():
                known = {said.place.turn for said in found[name]}
                perhaps = {p for n in names for p in near.get(n, ()) if p.turn not in known}
                found[name] += [Said(p, name, Certainty.POSSIBLE, Witness.PHRASES) for p in perhaps]
                found[name].sort(key=lambda said: said.place)
        if heard is not None:
            weighed = {n: p for n, p in places.items() if self._columns[n]}
            found |= self._weighed(texts, weighed, heard, denied=denied, typed=typed)
        return {name: found[name] for name in places}

    def _weighed(
        self,
        texts: Sequence[str],
        places: Mapping[str, Sequence[Place]],
        heard: Heard,
        *,
        denied: Mapping[str, Sequence[Place]],
        typed: bool,
    ) -> dict[str, list[Said]]:
        """Acts that both witnesses can hear, all at once: a row a turn and a column an act."""
        slope, offset, phrase, likely, possible = np.array(
            [
                (one.slope, one.offset, one.phrase, one.likely, one.possible)
                for one in (self.levels[name] for name in places)
            ]
        ).T
        own = slope * np.stack([any_of(heard.odds, self._columns[name]) for name in places], axis=1) + offset
        spoken = np.zeros(own.shape, np.bool_)
        for act, by_phrase in enumerate(places.values()):
            spoken[[p.turn for p in by_phrase], act] = True
        against = np.zeros(own.shape, np.bool_)
        for act, name in enumerate(places):
            for place in denied.get(name, ()):
                there = self._heard_in(name, place.turn, texts, heard)
                against[place.turn, act] |= place.start < there.end and there.start < place.end
        odds = np.clip(own + phrase * spoken - _DENIED * (against & ~spoken), -30, 30)
        probabilities = np.round(1 / (1 + np.exp(-odds)), _PLACES)
        if typed:
            probabilities[spoken] = np.maximum(probabilities[spoken], _TYPED)
        likely_alone = own >= np.log(likely / (1 - likely))
        found: dict[str, list[Said]] = {name: [] for name in places}
        names = [*places]
        for act, turn in zip(*(n.tolist() for n in np.nonzero((probabilities >= possible).T)), strict=True):
            name = names[act]
            probability = float(probabilities[turn, act])
            by_phrase = [p for p in places[name] if p.turn == turn]
            witness = (
                Witness.RECOGNISER if not by_phrase else Witness.BOTH if likely_alone[turn, act] else Witness.PHRASES
            )
            certainty = _certainty(probability, self.levels[name])
            for place in by_phrase or [self._heard_in(name, turn, texts, heard)]:
                found[name].append(Said(place, name, certainty, witness, probability))
        return found

    def _heard_in(self, name: str, turn: int, texts: Sequence[str], heard: Heard) -> Place:
        """The sentence of a turn that spoke most for an act."""
        columns = self._columns[name]
        column = columns[int(np.argmax(heard.odds[turn, columns]))]
        return _sentence(turn, texts[turn], int(heard.at[turn, column]))


def columns_of(acts: Mapping[str, Act], tags: Sequence[str]) -> dict[str, list[int]]:
    """For each act the recogniser's columns that are it: its own and those of its children."""
    return {
        name: [tags.index(acts[n].tag) for n in names if acts[n].tag in tags]
        for name, names in with_children(acts).items()
    }


def any_of(odds: Floats, columns: Sequence[int]) -> npt.NDArray[np.float64]:
    """By turn, the log odds that at least one of several acts is done, taken as independent (noisy or, Pearl 1988)."""
    chosen = odds[:, columns].astype(np.float64)
    if len(columns) == 1:
        return chosen.ravel()
    none = -np.logaddexp(0, chosen).sum(axis=1)
    either: npt.NDArray[np.float64] = np.log(-np.expm1(np.minimum(none, -1e-12))) - none
    return either


def _certainty(probability: float, levels: Levels) -> Certainty:
    if probability >= levels.sure:
        return Certainty.SURE
    return Certainty.LIKELY if probability >= levels.likely else Certainty.POSSIBLE


def _sentence(turn: int, text: str, at: int) -> Place:
    """The sentence around a character, and of a long one only the words around it."""
    found = next((m for m in _SENTENCE.finditer(text) if m.start() <= at < m.end()), None)
    start, end = found.span() if found else (0, len(text))
    before, after = text[start:at].split(" "), text[at:end].split(" ")
    if len(before) + len(after) > _MOST_WORDS:
        half = _MOST_WORDS // 2
        start = at - len(" ".join(before[-half:]))
        end = at + len(" ".join(after[:half]))
    return Place(turn, start, max(len(text[:end].rstrip(" .?")), start + 1))


def read_levels(*folders: Path) -> dict[str, Levels]:
    """The levels of each act: those chosen when the model was trained, or what a folder of the user learnt since."""
    levels: dict[str, Levels] = {}
    for path in (SHIPPED / LEVELS, *(folder / "acts" / LEVELS for folder in folders)):
        if path.exists():
            levels |= msgspec.json.decode(path.read_bytes(), type=dict[str, Levels])
    return levels


def levels_version(levels: Mapping[str, Levels]) -> str:
    """The levels as text, for a rulebook's version."""
    return json.dumps({tag: msgspec.to_builtins(one) for tag, one in levels.items()}, sort_keys=True)
