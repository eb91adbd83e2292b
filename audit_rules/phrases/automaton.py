"""All phrases of a rulebook, searched at once in the turns of many calls.

The phrases become one automaton over words (Thompson 1968), whose deterministic states are made when a text first
leads there and kept, as grep and RE2 do over bytes. It is started at every word of every turn at the same time, and
all these runs take each step together in one array operation (numpy), until no phrase can go on: nearly always after
one to five words. So one search says which phrases are found, where they begin and where they end.

Whole words are its letters: nothing is found inside a word, and all words that no phrase knows are one letter.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from callaudit.audit_rules.phrases.language import ANY, NUMBER, STARS, InOrder, Node, OneOf, Phrase
from callaudit.audit_rules.phrases.normalise import NUMBER_WORDS
from callaudit.transcription.redaction import KINDS

# A run ends here, so that time is linear in the text whatever a phrase says.
_LONGEST_RUN = 256
# Deterministic states and remembered words beyond these are forgotten, so that memory does not grow with the texts.
_MOST_STATES = 1 << 18
_MOST_WORDS = 1 << 17
_NUMBERS = frozenset([*NUMBER_WORDS, *(f"[{kind}]" for kind in KINDS if kind not in {"email", "address"})])

# Letters: the first three are no words.
_TURN_END, _FULL_STOP, _QUESTION = 0, 1, 2
_MOST_LETTERS = 1 << 20

# States: the first two are where runs begin, in a sentence and at its start.
_INSIDE, _AT_START = 0, 1
_UNKNOWN = -2
_NO_SET = 0

Ints = npt.NDArray[np.int64]
_NONE: Ints = np.zeros(0, np.int64)


class Hits(NamedTuple):
    """Where phrases were found, in order of turn, first character and, of those, the latest end first."""

    turns: list[int]
    starts: list[int]
    """First character in the turn's normalised text."""
    ends: list[int]
    """Character after the last word's last."""
    sets: list[int]
    """Which phrases were found there: a position in `PhraseSet.label_sets`."""


class PhraseSet:
    """Many phrases, each with a label; phrases of one label are not told apart."""

    def __init__(self, phrases: Sequence[Phrase], labels: Sequence[Hashable] = ()) -> None:
        self._network = network = _Network()
        inside, at_start = network.point(), network.point()
        known: dict[Hashable, int] = {}
        begun: dict[int, list[int]] = {inside: [], at_start: [inside]}
        for label, phrase in zip(labels or range(len(phrases)), phrases, strict=True):
            if label not in known:
                known[label] = network.point()
                network.ends[known[label]] = len(known) - 1
            begun[at_start if phrase.begins else inside].append(network.entry(phrase.node, known[label]))
        for root, firsts in begun.items():
            network.skips[root] = tuple(firsts)
        self._letters = _Letters({move[0] for move in network.moves if move})
        self._roots = (frozenset({inside}), frozenset({at_start}))
        self._sets = np.full(1 << 12, _NO_SET)
        self._set_numbers: dict[tuple[int, ...], int] = {(): _NO_SET}
        self.label_sets: list[tuple[int, ...]] = [()]
        """Sets of labels, by their positions; sets are added as they are found."""
        self._forget()

    def find(self, turns: Sequence[Sequence[str]]) -> Hits:
        """What is found in the turns, each a normalised text split at every space: its words, and "" at its end.

        Of one label the longest words that begin at one place are found, not the shorter ones in them.
        """
        if len(self._points) > _MOST_STATES:
            self._forget()
        words = [*chain.from_iterable(turns)]
        letters = np.fromiter(map(self._letters.__getitem__, words), np.int64, len(words))
        firsts, afters, states = self._run(letters)
        order = np.lexsort((-afters, firsts))
        firsts, afters, states = firsts[order], afters[order], states[order]
        lengths = np.fromiter(map(len, words), np.int64, len(words)) + 1
        ends_turn = letters == _TURN_END
        lengths[ends_turn] = 0
        starts = np.cumsum(lengths) - lengths
        numbers = np.cumsum(ends_turn) - ends_turn
        turn_starts = starts[np.append(0, np.flatnonzero(ends_turn)[:-1] + 1)] if turns else starts
        turn = numbers[firsts]
        base = turn_starts[turn]
        return Hits(
            turn.tolist(),
            (starts[firsts] - base).tolist(),
            (starts[afters - 1] + lengths[afters - 1] - 1 - base).tolist(),
            self._sets[states].tolist(),
        )

    def candidates(self, texts: Sequence[str]) -> list[set[int]]:
        """For each normalised text the labels of the phrases that occur in it."""
        found: list[set[int]] = [set() for _ in texts]
        hits = self.find([text.split(" ") for text in texts])
        for turn, labels in zip(hits.turns, hits.sets, strict=True):
            found[turn].update(self.label_sets[labels])
        return found

    def _run(self, letters: Ints) -> tuple[Ints, Ints, Ints]:
        """First word, word after the last, and state of each run where a phrase may end."""
        firsts = np.arange(len(letters))
        states = np.full(len(letters), _INSIDE)
        states[:1] = _AT_START
        states[1:][letters[:-1] <= _QUESTION] = _AT_START
        found: list[tuple[Ints, Ints, Ints]] = []
        for step in range(_LONGEST_RUN):
            states = self._following(states, letters[firsts + step])
            going = states >= 0
            firsts, states = firsts[going], states[going]
            if not len(firsts):
                break
            accepting = self._sets[states] != _NO_SET
            if accepting.any():
                found.append((firsts[accepting], firsts[accepting] + step + 1, states[accepting]))
            # A text ends with the end of its last turn, where every run stops: there is always a next letter.
        parts = zip(*found, strict=True) if found else ((_NONE,),) * 3
        first, after, state = map(np.concatenate, parts)
        return first, after, state

    def _following(self, states: Ints, letters: Ints) -> Ints:
        """The state that each letter leads to from each state; -1 where no phrase goes on."""
        keys = states * _MOST_LETTERS + letters
        following = self._moves.look_up(keys)
        missing = following == _UNKNOWN
        if missing.any():
            new = np.unique(keys[missing])
            self._moves.add(new, np.array([self._next(*divmod(key, _MOST_LETTERS)) for key in new.tolist()]))
            following[missing] = self._moves.look_up(keys[missing])
        return following

    def _next(self, state: int, letter: int) -> int:
        reached = self._network.reached(self._points[state], self._letters.symbols[letter])
        return self._state(reached) if reached else -1

    def _state(self, points: frozenset[int]) -> int:
        if points not in self._numbers:
            number = self._numbers[points] = len(self._points)
            self._points.append(points)
            if number == len(self._sets):
                self._sets = np.append(self._sets, np.full(number, _NO_SET))
            self._sets[number] = self._set_of(self._network.ended(points))
        return self._numbers[points]

    def _set_of(self, labels: tuple[int, ...]) -> int:
        if labels not in self._set_numbers:
            self._set_numbers[labels] = len(self.label_sets)
            self.label_sets.append(labels)
        return self._set_numbers[labels]

    def _forget(self) -> None:
        self._numbers: dict[frozenset[int], int] = {}
        self._points: list[frozenset[int]] = []
        self._moves = _Moves()
        for root in self._roots:
            self._state(root)


class _Moves:
    """From (state, letter), written as one number, to the next state: a hash table that answers for whole arrays."""

    def __init__(self) -> None:
        self._bits = 14
        self._keys = np.full(1 << self._bits, _UNKNOWN, np.int64)
        self._values = np.full(1 << self._bits, _UNKNOWN, np.int64)
        self._count = 0

    def look_up(self, keys: Ints) -> Ints:
        """The values of the keys, _UNKNOWN for those that were not added."""
        slots = self._slots(keys)
        values = self._values[slots]
        there = self._keys[slots]
        # Another key sits where this one would: it was put further on.
        waiting = np.flatnonzero((there != keys) & (there != _UNKNOWN))
        while len(waiting):
            slots[waiting] = (slots[waiting] + 1) & (len(self._keys) - 1)
            there = self._keys[slots[waiting]]
            values[waiting] = self._values[slots[waiting]]
            waiting = waiting[(there != keys[waiting]) & (there != _UNKNOWN)]
        return values

    def add(self, keys: Ints, values: Ints) -> None:
        """Remember keys, each once, that are not known yet."""
        self._count += len(keys)
        if 4 * self._count >= len(self._keys):
            self._grow()
        slots = self._slots(keys)
        while len(keys):
            # Of those that want the same free place the first one gets it; all others go one further.
            _, firsts = np.unique(slots, return_index=True)
            placed = firsts[self._keys[slots[firsts]] == _UNKNOWN]
            self._keys[slots[placed]], self._values[slots[placed]] = keys[placed], values[placed]
            left = np.delete(np.arange(len(keys)), placed)
            keys, values, slots = keys[left], values[left], (slots[left] + 1) & (len(self._keys) - 1)

    def _slots(self, keys: Ints) -> Ints:
        """Where each key belongs (Fibonacci hashing, Knuth 1998, 6.4)."""
        mixed = keys.astype(np.uint64) * np.uint64(11400714819323198485)
        return (mixed >> np.uint64(64 - self._bits)).astype(np.int64)

    def _grow(self) -> None:
        taken = self._keys != _UNKNOWN
        keys, values = self._keys[taken], self._values[taken]
        while 4 * self._count >= 1 << self._bits:
            self._bits += 2
        self._keys = np.full(1 << self._bits, _UNKNOWN, np.int64)
        self._values = np.full(1 << self._bits, _UNKNOWN, np.int64)
        self._count -= len(keys)
        self.add(keys, values)


class _Letters(dict[str, int]):
    """The letter of each word: words that all phrases take alike share one."""

    def __init__(self, known: set[str]) -> None:
        self._known = known
        self._lengths = sorted({len(s) - 1 for s in known if s.endswith(STARS)})
        self.symbols: list[tuple[str, ...]] = [(), (".",), ("?",)]
        self._numbers = {symbols: n for n, symbols in enumerate(self.symbols)}

    def __missing__(self, word: str) -> int:
        if len(self) > _MOST_WORDS:
            self.clear()
        symbols = self._symbols_of(word)
        if symbols not in self._numbers:
            self._numbers[symbols] = len(self.symbols)
            self.symbols.append(symbols)
        letter = self[word] = self._numbers[symbols]
        return letter

    def _symbols_of(self, word: str) -> tuple[str, ...]:
        """What a phrase may write for this word."""
        if word in ("", ".", "?"):
            return (word,) if word else ()
        beginnings = (word[:n] + STARS for n in self._lengths if n <= len(word))
        is_number = word[0].isdigit() or word in _NUMBERS
        return (
            *([word] if word in self._known else []),
            *(b for b in beginnings if b in self._known),
            *([NUMBER] if is_number else []),
            ANY,
        )


class _Network:
    """The phrases as points joined by words (`moves`) and by nothing (`skips`); `ends` says which label ends there."""

    def __init__(self) -> None:
        self.moves: list[tuple[str, int] | None] = []
        self.skips: list[tuple[int, ...]] = []
        self.ends: dict[int, int] = {}
        self._entries: dict[tuple[Node, int], int] = {}
        self._closed: dict[int, dict[str, set[int]]] = {}
        self._ended: dict[int, tuple[int, ...]] = {}
        # The opened points that a symbol leads on from: of the hundreds a text may stand at, few take the next word.
        self._having: dict[str, set[int]] = defaultdict(set)

    def point(self, *skips: int, move: tuple[str, int] | None = None) -> int:
        """A new point, with what it leads to by nothing and by one word."""
        self.moves.append(move)
        self.skips.append(skips)
        return len(self.moves) - 1

    def entry(self, node: Node, after: int) -> int:
        """The point from which the node's words lead to `after`; what goes on alike is one point."""
        key = (node, after)
        if key not in self._entries:
            self._entries[key] = self._entry(node, after)
        return self._entries[key]

    def _entry(self, node: Node, after: int) -> int:
        if isinstance(node, str):
            return self.point(move=(node, after))
        if isinstance(node, InOrder):
            for part in reversed(node.parts):
                after = self.entry(part, after)
            return after
        if isinstance(node, OneOf):
            return self.point(*[self.entry(branch, after) for branch in node.branches])
        if node.most is None:
            # Once round, and either on or round again.
            start = self.point()
            again = self.entry(node.what, start)
            self.skips[start] = (after, again)
            return again if node.least else start
        start = self.point(after)
        for _ in range(node.most):
            start = self.point(self.entry(node.what, start), after)
        return start

    def reached(self, points: frozenset[int], symbols: tuple[str, ...]) -> frozenset[int]:
        """Where one word leads from any of the points; all of them were opened."""
        return frozenset().union(
            *(
                self._closed[point][symbol]
                for symbol in symbols
                if symbol in self._having
                for point in self._having[symbol] & points
            )
        )

    def ended(self, points: frozenset[int]) -> tuple[int, ...]:
        """The labels of the phrases that may end at one of the points, ascending; opens the points."""
        for point in points:
            if point not in self._closed:
                self._open(point)
        return tuple(sorted({label for p in points for label in self._ended[p]}))

    def _open(self, point: int) -> None:
        """Find the moves from a point and from all it may skip to, and the labels that end there."""
        near, waiting = {point}, [point]
        while waiting:
            for skipped in self.skips[waiting.pop()]:
                if skipped not in near:
                    near.add(skipped)
                    waiting.append(skipped)
        moves: dict[str, set[int]] = defaultdict(set)
        for p in near:
            if move := self.moves[p]:
                moves[move[0]].add(move[1])
        for symbol in moves:
            self._having[symbol].add(point)
        self._closed[point] = moves
        self._ended[point] = tuple(self.ends[p] for p in near if p in self.ends)
