"""Why the recogniser says so: the line of the corpus, tagged with that act, that is nearest to what was said.

Lines are compared by the cosine of their turn vectors, projected on the directions in which the corpus varies most
(principal components), so that some twenty thousand of them take little room.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from callaudit.audit_rules.acts.recogniser import SHIPPED, Floats

DIMENSIONS = 48


class _Lines(msgspec.Struct, frozen=True):
    """The lines' texts, and for each tag the numbers of the lines that have it."""

    texts: list[str]
    numbers: dict[str, list[int]]


class KnownLines:
    """The lines of a model's corpus; `lines.json` holds their texts by tag, `lines.npz` their vectors."""

    def __init__(self, folder: Path = SHIPPED) -> None:
        about = msgspec.json.decode((folder / "lines.json").read_bytes(), type=_Lines)
        self._texts = about.texts
        self._by_tag = {tag: np.array(numbers, np.int64) for tag, numbers in about.numbers.items()}
        stored = np.load(folder / "lines.npz")
        self._centre: Floats = stored["centre"].astype(np.float32)
        self._directions: Floats = stored["directions"].astype(np.float32)
        self._lines = _unit(stored["lines"].astype(np.float32))
        # An act asks for the same lines each time.
        self._tagged = lru_cache(maxsize=200)(self._select)

    def nearest(self, tags: Sequence[str], vector: npt.NDArray[np.float32]) -> str:
        """The text of the line with one of the tags nearest to a turn's vector, or "" where the corpus has none."""
        numbers, lines = self._tagged(tuple(tags))
        if not len(numbers):
            return ""
        projected = np.asarray((vector - self._centre) @ self._directions, np.float32)
        return self._texts[int(numbers[int(np.argmax(lines @ _unit(projected[None, :])[0]))])]

    def _select(self, tags: tuple[str, ...]) -> tuple[npt.NDArray[np.int64], Floats]:
        none = np.zeros(0, np.int64)
        numbers = np.unique(np.concatenate([none, *(self._by_tag.get(tag, none) for tag in tags)]))
        return numbers, self._lines[numbers]


@lru_cache(maxsize=1)
def shipped_lines() -> KnownLines:
    """The lines of the shipped model, loaded once a process."""
    return KnownLines()


def project(vectors: Floats) -> dict[str, npt.NDArray[np.generic]]:
    """What `lines.npz` stores of the turn vectors of a corpus, one row a line: each in 48 numbers of 8 bits."""
    centre = vectors.mean(axis=0)
    _, _, directions = np.linalg.svd(vectors - centre, full_matrices=False)
    kept = directions[:DIMENSIONS].T
    lines = _unit((vectors - centre) @ kept)
    return {
        "centre": centre.astype(np.float16),
        "directions": kept.astype(np.float16),
        "lines": np.round(lines * 127).astype(np.int8),
    }


def _unit(rows: Floats) -> Floats:
    result: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    return result
