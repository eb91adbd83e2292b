"""How much of the personal data in sentences of ours is masked, and how much else."""

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import yaml

from callaudit.transcription.redaction import find
from callaudit.transcription.transcript import SpeakerRole, Utterance

HERE = Path(__file__).parents[2] / "tests" / "transcription" / "personal"
ROLES = {"A": SpeakerRole.AGENT, "C": SpeakerRole.CUSTOMER, "U": SpeakerRole.UNKNOWN}
MARK = re.compile(r"\{(\w+) ([^}]*)\}")
# A mask may take in so many words beside the number ("it's", "and") before it counts as wrong.
BESIDE = 1


# Said over and over: the beginnings of numbers, names and addresses that never come to their end.
REPEATED = (
    "4 ", "nine ", "at ", "my ssn 536 22 8194 ", "account number 88 12 77 34 ", "zip code a b c ", "@a", "4-", "a.1-",
    "email at bob dot ", "five million million ", "flat 3 18 oak street ", "card ", "GB29 ", "order 4471 born in may ",
)  # fmt: skip


class Case(NamedTuple):
    """A sentence or a short exchange, and what in it is personal: kinds with the (utterance, word) places of each."""

    text: str
    utterances: list[Utterance]
    marked: list[tuple[str, set[tuple[int, int]]]]


def case_of(text: str) -> Case:
    """Read "A: it is {phone 555 0100} / C: thanks": turns between slashes, what is personal in braces with its kind."""
    utterances, marked = [], []
    for n, line in enumerate(text.split(" / ")):
        who, said = line.split(": ", 1)
        words: list[str] = []
        at = 0
        for mark in MARK.finditer(said):
            words += said[at : mark.start()].split()
            inside = mark[2].split()
            marked.append((mark[1], {(n, len(words) + i) for i in range(len(inside))}))
            rest = said[mark.end() :]
            glued = re.match(r"[^\s]*", rest)[0]
            inside[-1] += glued
            words += inside
            at = mark.end() + len(glued)
        words += said[at:].split()
        utterances.append(Utterance(role=ROLES[who], text=" ".join(words)))
    return Case(text, utterances, marked)


class Measured(NamedTuple):
    """What was found, lost and masked wrongly, counted by kind, and each error in a line."""

    found: Counter
    lost: Counter
    wrong: Counter
    right_kind: int
    errors: list[str]

    @property
    def recall(self) -> float:
        """The share of what is personal that was masked."""
        return self.found.total() / (self.found.total() + self.lost.total())

    @property
    def precision(self) -> float:
        """The share of masks that hide something personal."""
        return self.found.total() / (self.found.total() + self.wrong.total())


def measure(name: str) -> Measured:
    """Every marked word must be masked; a mask must hold a marked word and no more than `BESIDE` others.

    A filler inside a number ("um", "...") need not be masked.
    """
    written = yaml.safe_load((HERE / f"{name}.yaml").read_text())
    found, lost, wrong, errors, right_kind = Counter(), Counter(), Counter(), [], 0
    for case in map(case_of, [*written["masked"], *written["kept"]]):
        masks = [(f.kind, {(f.utterance, i) for i in range(f.first, f.last + 1)}) for f in find(case.utterances)]
        masked = set().union(*(words for _, words in masks)) if masks else set()
        marked = set().union(*(words for _, words in case.marked)) if case.marked else set()
        for kind, words in case.marked:
            whole = words <= masked
            (found if whole else lost)[kind] += 1
            if not whole:
                errors.append(f"lost {kind}: {case.text}")
            right_kind += whole and any(k == kind and words & inside for k, inside in masks)
        for kind, words in masks:
            if not words & marked or len(words - marked) > BESIDE:
                wrong[kind] += 1
                errors.append(f"wrong {kind}: {case.text}")
    return Measured(found, lost, wrong, right_kind, errors)
