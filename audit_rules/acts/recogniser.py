"""The second witness: a small language model that recognises acts in wording nobody foresaw.

Each turn's words are encoded once, by a small network that learnt from a larger one (`scripts/train_acts.py`); two
small recurrent passes over the call (GRU, Cho et al. 2014) then let the turns around it speak. It runs on one core
without torch. The same call gives the same numbers to the last bit, alone or among others: a turn is computed in a
batch of turns of its own padded length, a call's passes for that call alone.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

from callaudit.audit_rules.rule import Speaker

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
SHIPPED = Path(__file__).parent / "model"
# In word pieces. A longer turn is heard in pieces, and does what any of them does.
_LONGEST = 128
# Turns are padded to a multiple of this, so that each meets the same arithmetic whatever else is heard with it.
_PADDED_TO = 4
_AT_ONCE = 64
_NEVER = -30.0
_LEAST = np.float32(np.exp(_NEVER))
# Of a turn's vector.
_WIDTH = 384


class Heard(msgspec.Struct, frozen=True):
    """What the model says of one call: log odds and positions, one row a turn and one column an act.

    `at` is the character of the turn's text that spoke most for the act.
    """

    odds: Floats
    at: Numbers
    vectors: Floats


class _Piece(msgspec.Struct, frozen=True):
    """A turn's words, or a part of a long turn's: who speaks, word pieces, and where in the text their words begin."""

    customer: bool
    ids: tuple[int, ...]
    starts: tuple[int, ...]


class Recogniser:
    """A trained model of a folder; `tags` are its columns, in the corpus' short names."""

    def __init__(self, folder: Path = SHIPPED) -> None:
        about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        self.version: str = about["version"]
        self.tags: tuple[str, ...] = tuple(about["tags"])
        self._agent_tags: int = about["agent_tags"]
        self._folder = folder
        self._pieces_of = lru_cache(maxsize=50_000)(self._split)

    # Loaded when first a call is heard: who only reads the rules need not wait.
    @cached_property
    def _encoder(self) -> onnxruntime.InferenceSession:
        return _network(self._folder / "encoder.onnx")

    @cached_property
    def _context(self) -> onnxruntime.InferenceSession:
        return _network(self._folder / "context.onnx")

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return Tokenizer.from_file(str(self._folder / "tokenizer.json"))

    def hear(self, calls: Sequence[Sequence[tuple[Speaker | None, str]]]) -> list[Heard]:
        """Each call, given as its turns' speakers and normalised texts; a turn without a speaker does nothing."""
        said = [
            [
                (turn, piece)
                for turn, (speaker, text) in enumerate(call)
                if speaker is not None and text
                for piece in self._pieces(speaker, text)
            ]
            for call in calls
        ]
        encoded = self._encode([piece for one in said for _, piece in one])
        return [self._in_context(len(call), one, encoded) for call, one in zip(calls, said, strict=True)]

    def _pieces(self, speaker: Speaker, text: str) -> list[_Piece]:
        ids: list[int] = []
        starts: list[int] = []
        at = 0
        for word in text.split(" "):
            pieces = self._pieces_of(word)
            ids += pieces
            starts += [at] * len(pieces)
            at += len(word) + 1
        return [
            _Piece(speaker == "customer", tuple(ids[n : n + _LONGEST]), tuple(starts[n : n + _LONGEST]))
            for n in range(0, len(ids), _LONGEST)
        ]

    def _split(self, word: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(word, add_special_tokens=False).ids
        return ids

    def _encode(self, pieces: Sequence[_Piece]) -> dict[_Piece, tuple[Floats, Floats, Numbers]]:
        """For each piece its vector, its acts' log odds by its words alone, and the characters that spoke most."""
        by_length: dict[int, list[_Piece]] = defaultdict(list)
        for piece in dict.fromkeys(pieces):
            by_length[-(-len(piece.ids) // _PADDED_TO) * _PADDED_TO].append(piece)
        found: dict[_Piece, tuple[Floats, Floats, Numbers]] = {}
        for length, alike in by_length.items():
            for n in range(0, len(alike), _AT_ONCE):
                some = alike[n : n + _AT_ONCE]
                # A row alone goes another way through the arithmetic than one of several, so it is given twice.
                rows = some if len(some) > 1 else some * 2
                ids, starts = np.zeros((2, len(rows), length), np.int64)
                there = np.zeros((len(rows), length), np.float32)
                for row, one in enumerate(rows):
                    ids[row, : len(one.ids)] = one.ids
                    starts[row, : len(one.ids)] = one.starts
                    there[row, : len(one.ids)] = 1
                customers = np.array([one.customer for one in rows], np.int64)
                vectors, odds, at = self._encoder.run(None, {"ids": ids, "mask": there, "customers": customers})
                # Not in the graph: onnxruntime's logarithm of a number depends on where in an array it stands.
                alone, at = np.log(odds + _LEAST), np.take_along_axis(starts, at, 1)
                found.update(zip(rows, zip(vectors, alone, at, strict=True), strict=True))
        return found

    def _in_context(
        self,
        turns: int,
        said: Sequence[tuple[int, _Piece]],
        encoded: dict[_Piece, tuple[Floats, Floats, Numbers]],
    ) -> Heard:
        heard = Heard(
            odds=np.full((turns, len(self.tags)), _NEVER, np.float32),
            at=np.zeros((turns, len(self.tags)), np.int64),
            vectors=np.zeros((turns, _WIDTH), np.float32),
        )
        if not said:
            return heard
        vectors, alone, at = (np.stack(rows) for rows in zip(*(encoded[piece] for _, piece in said), strict=True))
        customers = np.array([piece.customer for _, piece in said])
        given = {"vectors": vectors, "alone": alone, "customers": customers.astype(np.int64)}
        odds = self._context.run(None, given)[0]
        odds[customers, : self._agent_tags] = _NEVER
        odds[~customers, self._agent_tags :] = _NEVER
        for row, (turn, _) in enumerate(said):
            best = odds[row] > heard.odds[turn]
            heard.odds[turn, best] = odds[row, best]
            heard.at[turn, best] = at[row, best]
            heard.vectors[turn] += vectors[row]
        return heard


@lru_cache(maxsize=1)
def shipped_recogniser() -> Recogniser:
    """The recogniser that comes with the product, loaded once a process."""
    return Recogniser()


def _network(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    # A worker is a process of its own; and sums in one order are the same sums.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Weights are stored in 8 bits and computed with in 32: unpack them once, not at every turn.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    return onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
