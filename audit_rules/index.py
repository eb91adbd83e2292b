"""Every phrase of a rulebook, searched once per turn however many rules share it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from audit_rules.phrases import PhraseSet, Place, to_pattern
from audit_rules.rule import Phrases, Speaker

# For each phrase that occurs, the turns it occurs in and, once they have been looked for, its places there.
Candidates = dict[int, dict[int, list[tuple[int, int]] | None]]


class PhraseList(msgspec.Struct, frozen=True, kw_only=True):
    """A compiled list: numbers of its phrases and of its exceptions in the speaker's phrase set."""

    speaker: Speaker
    phrases: tuple[int, ...]
    unless: tuple[int, ...]
    events: tuple[str, ...]
    number: int


class Index:
    """Collects the phrases of all rules, then compiles one RE2 set for each speaker."""

    def __init__(self, words: Mapping[str, Sequence[str]]) -> None:
        self.words = words
        self.lists: list[PhraseList] = []
        self.sets: dict[str, PhraseSet] = {}
        self._numbers: dict[str, dict[str, int]] = {"agent": {}, "customer": {}}
        self._lists_of: dict[str, list[set[int]]] = {"agent": [], "customer": []}

    def add(self, phrases: Phrases) -> PhraseList:
        """Register a list; raises PhraseError for a phrase that cannot be read."""
        numbers = self._numbers[phrases.speaker]

        def number_of(phrase: str) -> int:
            return numbers.setdefault(to_pattern(phrase, self.words), len(numbers))

        compiled = PhraseList(
            speaker=phrases.speaker,
            phrases=tuple(number_of(p) for p in phrases.any_of),
            unless=tuple(number_of(p) for p in phrases.unless),
            events=phrases.events,
            number=len(self.lists),
        )
        self.lists.append(compiled)
        lists_of = self._lists_of[phrases.speaker]
        lists_of += [set() for _ in range(len(numbers) - len(lists_of))]
        for number in compiled.phrases:
            lists_of[number].add(compiled.number)
        return compiled

    def lists_with(self, candidates: Candidates, speaker: Speaker) -> set[int]:
        """Numbers of the lists that have any of the phrases; all others find nothing."""
        return set().union(*(self._lists_of[speaker][number] for number in candidates))

    def patterns(self, speaker: Speaker) -> list[str]:
        """The distinct patterns searched for in that speaker's words, in order of their numbers."""
        return list(self._numbers[speaker])

    def compile(self) -> None:
        """Build the two phrase sets; call once, after the last `add`."""
        self.sets = {speaker: PhraseSet(list(numbers)) for speaker, numbers in self._numbers.items()}

    def find(self, compiled: PhraseList, texts: Sequence[str], candidates: Candidates) -> list[Place]:
        """Places of the list's phrases that no exception overlaps, in order; of overlapping hits the longest."""
        phrase_set = self.sets[compiled.speaker]

        def places(number: int, turn: int) -> list[tuple[int, int]]:
            known = candidates[number][turn]
            if known is None:
                known = candidates[number][turn] = phrase_set.places(number, texts[turn])
            return known

        turns: dict[int, list[int]] = defaultdict(list)
        for number in compiled.phrases:
            for turn in candidates.get(number, ()):
                turns[turn].append(number)
        found: list[Place] = []
        for turn, numbers in turns.items():
            excused = [p for n in compiled.unless if turn in candidates.get(n, ()) for p in places(n, turn)]
            hits = sorted({p for n in numbers for p in places(n, turn)}, key=lambda p: (p[0], -p[1]))
            end = -1
            for start, stop in hits:
                if start >= end and not any(a < stop and start < b for a, b in excused):
                    found.append(Place(turn, start, stop))
                    end = stop
        found.sort()
        return found
