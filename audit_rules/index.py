"""Every phrase of a rulebook, searched once however many rules share it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from audit_rules.phrases import Language
from audit_rules.rule import Phrases, Speaker
from audit_rules.search import PhraseSet


class Place(msgspec.Struct, frozen=True, array_like=True, order=True):
    """Where words were found: a turn and characters of its normalised text."""

    turn: int
    start: int
    end: int


class PhraseList(msgspec.Struct, frozen=True, kw_only=True):
    """A compiled list: the places of its phrases are kept under `number`, those of its exceptions under the next."""

    speaker: Speaker
    events: tuple[str, ...]
    number: int


# The places of each list of phrases, by the list's number.
Found = dict[int, list[Place]]


class Index:
    """Collects the phrases of all rules, then compiles them into one set."""

    def __init__(self, words: Mapping[str, Sequence[str]]) -> None:
        self.language = Language(words)
        self.phrases: dict[str, set[Speaker]] = defaultdict(set)
        """Every distinct phrase, and whose words it is looked for in."""
        self._lists = 0
        self._lists_of: dict[str, list[int]] = defaultdict(list)
        self._phrase_set = PhraseSet(())
        self._sharing: dict[tuple[int, ...], tuple[int, ...]] = {}
        self._labels: list[tuple[int, ...]] = []

    def add(self, phrases: Phrases) -> PhraseList:
        """Register a list; raises PhraseError for a phrase that cannot be read."""
        compiled = PhraseList(speaker=phrases.speaker, events=phrases.events, number=self._lists)
        for number, said in enumerate((phrases.any_of, phrases.unless), start=compiled.number):
            for phrase in said:
                self.language.read(phrase)
                self.phrases[phrase].add(phrases.speaker)
                self._lists_of[phrase].append(number)
        self._lists += 2
        return compiled

    def compile(self) -> None:
        """Build the phrase set; call once, after the last `add`."""
        # Phrases of the same lists need not be told apart.
        labels = [tuple(dict.fromkeys(numbers)) for numbers in self._lists_of.values()]
        self._labels = list(dict.fromkeys(labels))
        self._phrase_set = PhraseSet([self.language.read(p) for p in self._lists_of], labels)

    def find(self, calls: Sequence[Sequence[str]]) -> list[Found]:
        """For each call, given as the normalised texts of its turns, where the phrases of each list are said.

        Places are in order; of those of one list that begin together only the longest is there.
        """
        found: list[Found] = [{} for _ in calls]
        owners = [(places, turn) for places, texts in zip(found, calls, strict=True) for turn in range(len(texts))]
        hits = self._phrase_set.find([text for texts in calls for text in texts])
        for at, start, end, labels in zip(hits.turns, hits.starts, hits.ends, hits.labels, strict=True):
            places, turn = owners[at]
            place = Place(turn, start, end)
            for number in self._sharing.get(labels) or self._shared(labels):
                if number not in places:
                    places[number] = [place]
                elif places[number][-1].start != start or places[number][-1].turn != turn:
                    places[number].append(place)
        return found

    def _shared(self, labels: tuple[int, ...]) -> tuple[int, ...]:
        lists = tuple(sorted({number for label in labels for number in self._labels[label]}))
        self._sharing[labels] = lists
        return lists


def without_exceptions(places: Sequence[Place], exceptions: Sequence[Place]) -> list[Place]:
    """The places that no exception overlaps; of overlapping ones the first."""
    found: list[Place] = []
    turn = end = -1
    for place in places:
        if (place.turn != turn or place.start >= end) and not any(
            e.turn == place.turn and e.start < place.end and place.start < e.end for e in exceptions
        ):
            found.append(place)
            turn, end = place.turn, place.end
    return found
