"""Every phrase of a rulebook, searched once however many acts and rules share it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache

import msgspec

from callaudit.audit_rules.acts.said import Place
from callaudit.audit_rules.phrases.automaton import PhraseSet
from callaudit.audit_rules.phrases.durations import Durations
from callaudit.audit_rules.phrases.language import language_of
from callaudit.audit_rules.phrases.tolerance import with_one_misheard
from callaudit.audit_rules.rule import Phrases, Speaker


class PhraseList(msgspec.Struct, frozen=True, kw_only=True):
    """A compiled list; what is found of it is kept under `number`, see `Index.add`."""

    speaker: Speaker
    events: tuple[str, ...]
    acts: tuple[str, ...]
    unless_acts: tuple[str, ...]
    number: int


# Places by number: of a list's phrases, of its exceptions, and of both again in the other party's words.
Found = dict[int, list[Place]]
_EXCEPTIONS, _OTHERS, _NUMBERS = 1, 2, 4


class Index:
    """Collects the phrases of all rules, then looks for all of them at once."""

    def __init__(self, words: Mapping[str, Sequence[str]], *, durations: Durations | None = None) -> None:
        self.durations = durations
        """How lengths of time are said, where not as in English."""
        self.language = language_of(words)
        self.phrases: dict[str, set[Speaker]] = defaultdict(set)
        """Every distinct phrase, and whose words it is looked for in."""
        self._numbers = 0
        self._wanted: dict[str, dict[tuple[Speaker, int], None]] = defaultdict(dict)
        self._labels: list[tuple[tuple[Speaker, int], ...]] = []
        self._by_set: dict[Speaker, list[tuple[int, ...]]] = {"agent": [], "customer": []}

    def add(self, phrases: Phrases, *, by_both: bool = False) -> PhraseList:
        """Register a list, to be looked for `by_both` parties; raises PhraseError for a phrase that cannot be read."""
        compiled = PhraseList(
            speaker=phrases.speaker,
            events=phrases.events,
            acts=phrases.acts,
            unless_acts=phrases.unless_acts,
            number=self._numbers,
        )
        self._numbers += _NUMBERS
        self._want(phrases, phrases.speaker, compiled.number)
        if by_both:
            self._want(phrases, "customer" if phrases.speaker == "agent" else "agent", compiled.number + _OTHERS)
        return compiled

    def _want(self, phrases: Phrases, speaker: Speaker, number: int) -> None:
        any_of = [with_one_misheard(p) for p in phrases.any_of] if phrases.tolerance else phrases.any_of
        for at, said in ((number, any_of), (number + _EXCEPTIONS, phrases.unless)):
            for phrase in said:
                self.language.read(phrase)
                self.phrases[phrase].add(speaker)
                self._wanted[phrase][speaker, at] = None

    @cached_property
    def _phrase_set(self) -> PhraseSet:
        """Built when first something is looked for, after the last `add`: who only reads the rules need not wait."""
        # Phrases of the same lists need not be told apart.
        labels = [tuple(wanted) for wanted in self._wanted.values()]
        self._labels = list(dict.fromkeys(labels))
        return _phrase_set_of(tuple(map(self.language.read, self._wanted)), tuple(labels))

    def find(self, calls: Sequence[Sequence[tuple[Speaker | None, Sequence[str]]]]) -> list[Found]:
        """For each call, given as its turns' speakers and words, where the phrases of each list are said.

        Nothing is looked for where the speaker is None. Places are in order; of those of one list that begin together
        only the longest is there.
        """
        found: list[Found] = [{} for _ in calls]
        turns = [
            (places, turn, speaker, words)
            for places, said in zip(found, calls, strict=True)
            for turn, (speaker, words) in enumerate(said)
            if speaker is not None
        ]
        hits = self._phrase_set.find([words for _, _, _, words in turns])
        self._learn()
        for at, start, end, labels in zip(*hits, strict=True):
            places, turn, speaker, _ = turns[at]
            numbers = self._by_set[speaker][labels]
            if not numbers:
                continue
            place = Place(turn, start, end)
            for number in numbers:
                if number not in places:
                    places[number] = [place]
                elif places[number][-1].start != start or places[number][-1].turn != turn:
                    places[number].append(place)
        return found

    def _learn(self) -> None:
        """Note whose lists want the sets of labels that were met for the first time."""
        for speaker, known in self._by_set.items():
            for labels in self._phrase_set.label_sets[len(known) :]:
                wanted = {number for label in labels for by, number in self._labels[label] if by == speaker}
                known.append(tuple(sorted(wanted)))


# Rulebooks of one process mostly say the same; what one has found in texts the next need not find out again.
_phrase_set_of = lru_cache(maxsize=4)(PhraseSet)


def exceptions_in(found: Found, phrases: PhraseList) -> Sequence[Place]:
    """The places in which an exception of a list is said."""
    return found.get(phrases.number + _EXCEPTIONS, ())


def places_of(found: Found, phrases: PhraseList, *, by_other: bool = False) -> list[Place]:
    """The places of a list that none of its exceptions overlaps; of overlapping ones the first."""
    number = phrases.number + (_OTHERS if by_other else 0)
    places = found.get(number)
    if places is None:
        return []
    exceptions = found.get(number + _EXCEPTIONS, ())
    apart: list[Place] = []
    turn = end = -1
    for place in places:
        if place.turn == turn and place.start < end:
            continue
        if exceptions and any(e.turn == place.turn and e.start < place.end and place.start < e.end for e in exceptions):
            continue
        apart.append(place)
        turn, end = place.turn, place.end
    return apart
