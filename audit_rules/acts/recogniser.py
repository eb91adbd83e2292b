"""The second witness: a small language model that recognises acts in wording nobody foresaw.

Each turn's words are encoded once (the first layers of MiniLM-L6-v2, Wang et al. 2020, fine-tuned on `corpus/`); two
small recurrent passes over the call (GRU, Cho et al. 2014) then let the turns around it speak. It runs on one core
without torch. The same call gives the same numbers to the last bit, alone or among others: a turn is computed in a
batch of turns of its own padded length, a call's passes for that call alone.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

from audit_rules.rule import Speaker

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
SHIPPED = Path(str(files("audit_rules"))) / "acts" / "model"
# In word pieces. A longer turn is heard in pieces, and does what any of them does.
_LONGEST = 128
# Turns are padded to a multiple of this, so that each meets the same arithmetic whatever else is heard with it.
_PADDED_TO = 4
_AT_ONCE = 64
_NEVER = -30.0
_LEAST = np.float32(np.exp(_NEVER))


class Heard(msgspec.Struct, frozen=True):
    """What the model says of one call: log odds and positions, one row a turn and one column an act.

    `at` is the character of the turn's text that spoke most for the act.
    """

    odds: Floats
    at: Numbers
    vectors: Floats


class _Piece(msgspec.Struct, frozen=True):
    """A turn's words, or a part of a long turn's: word pieces, and the characters they begin at."""

    ids: tuple[int, ...]
    starts: tuple[int, ...]


class Recogniser:
    """A trained model of a folder; `tags` are its columns, in the corpus' short names."""

    def __init__(self, folder: Path = SHIPPED) -> None:
        about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        self.version: str = about["version"]
        self.tags: tuple[str, ...] = tuple(about["tags"])
        self._agent_tags: int = about["agent_tags"]
        options = onnxruntime.SessionOptions()
        # A worker is a process of its own; and sums in one order are the same sums.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Weights are stored in 8 bits and computed with in 32: unpack them once, not at every turn.
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        self._encoder = onnxruntime.InferenceSession(
            (folder / "encoder.onnx").read_bytes(), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        weights = np.load(folder / "context.npz")
        self._w: dict[str, Floats] = {name: weights[name].astype(np.float32) for name in weights.files}
        self._before: dict[str, tuple[int, ...]] = {
            who: tuple(self._tokenizer.encode(who, add_special_tokens=False).ids) for who in ("agent", "customer")
        }
        self._end: int = self._tokenizer.token_to_id("[SEP]") or 0
        self._pieces = lru_cache(maxsize=50_000)(self._cut)

    def hear(self, calls: Sequence[Sequence[tuple[Speaker | None, str]]]) -> list[Heard]:
        """Each call, given as its turns' speakers and normalised texts; a turn without a speaker does nothing."""
        wanted = {
            (speaker, text): self._pieces(speaker, text)
            for call in calls
            for speaker, text in call
            if speaker is not None
        }
        encoded = self._encode([p for pieces in wanted.values() for p in pieces])
        return [self._in_context(call, wanted, encoded) for call in calls]

    def _cut(self, speaker: Speaker, text: str) -> tuple[_Piece, ...]:
        said = self._tokenizer.encode(text, add_special_tokens=False)
        ids, starts = said.ids, [start for start, _ in said.offsets]
        before = self._before[speaker]
        return tuple(
            _Piece((*before, *ids[n : n + _LONGEST], self._end), tuple(starts[n : n + _LONGEST]))
            for n in range(0, max(len(ids), 1), _LONGEST)
        )

    def _encode(self, pieces: Sequence[_Piece]) -> dict[tuple[int, ...], tuple[Floats, Floats, Numbers]]:
        """For each piece its vector, its acts' log odds by its words alone, and the word piece that spoke most."""
        by_length: dict[int, list[tuple[int, ...]]] = defaultdict(list)
        for said in dict.fromkeys(piece.ids for piece in pieces):
            by_length[-(-len(said) // _PADDED_TO) * _PADDED_TO].append(said)
        found: dict[tuple[int, ...], tuple[Floats, Floats, Numbers]] = {}
        for length, alike in by_length.items():
            for n in range(0, len(alike), _AT_ONCE):
                some = alike[n : n + _AT_ONCE]
                # A row alone goes another way through the arithmetic than one of several, so it is given twice.
                rows = some if len(some) > 1 else some * 2
                ids = np.zeros((len(rows), length), np.int64)
                mask = np.zeros((len(rows), length), np.float32)
                for row, one in enumerate(rows):
                    ids[row, : len(one)] = one
                    mask[row, : len(one)] = 1
                vectors, odds, at = self._encoder.run(None, {"ids": ids, "mask": mask})
                # Not in the graph: onnxruntime's logarithm of a number depends on where in an array it stands.
                found.update(zip(rows, zip(vectors, np.log(odds + _LEAST), at, strict=True), strict=True))
        return found

    def _in_context(
        self,
        call: Sequence[tuple[Speaker | None, str]],
        wanted: dict[tuple[Speaker, str], tuple[_Piece, ...]],
        encoded: dict[tuple[int, ...], tuple[Floats, Floats, Numbers]],
    ) -> Heard:
        acts = len(self.tags)
        heard = Heard(
            odds=np.full((len(call), acts), _NEVER, np.float32),
            at=np.zeros((len(call), acts), np.int64),
            vectors=np.zeros((len(call), self._w["mean_weight"].shape[1]), np.float32),
        )
        said = [
            (turn, speaker, piece)
            for turn, (speaker, text) in enumerate(call)
            if speaker is not None and text
            for piece in wanted[speaker, text]
        ]
        if not said:
            return heard
        vectors = np.stack([encoded[piece.ids][0] for _, _, piece in said])
        alone = np.stack([encoded[piece.ids][1] for _, _, piece in said])
        customers = np.array([speaker == "customer" for _, speaker, _ in said])
        odds = alone + _linear(self._w, "mean", vectors) + self._around(vectors, customers)
        odds[customers, : self._agent_tags] = _NEVER
        odds[~customers, self._agent_tags :] = _NEVER
        for row, (turn, _, piece) in enumerate(said):
            best = odds[row] > heard.odds[turn]
            heard.odds[turn, best] = odds[row, best]
            before = len(piece.ids) - len(piece.starts) - 1
            words = np.clip(encoded[piece.ids][2] - before, 0, max(len(piece.starts) - 1, 0))
            starts = np.array(piece.starts or (0,))[words]
            heard.at[turn, best] = starts[best]
            heard.vectors[turn] += vectors[row]
        return heard

    def _around(self, vectors: Floats, customers: npt.NDArray[np.bool_]) -> Floats:
        """What the turns before and after add to each turn's log odds."""
        roles = self._w["role_weight"][customers.astype(np.int64)]
        inputs = np.concatenate([vectors, roles], axis=1)
        forward = self._pass(inputs, "l0")
        backward = self._pass(inputs[::-1], "l0_reverse")[::-1]
        return _linear(self._w, "head", np.concatenate([forward, backward], axis=1))

    def _pass(self, inputs: Floats, name: str) -> Floats:
        """One direction of the recurrent pass (torch's convention for the order of the gates)."""
        w = self._w
        given = inputs @ w[f"gru_weight_ih_{name}"].T + w[f"gru_bias_ih_{name}"]
        recurrent, bias = w[f"gru_weight_hh_{name}"].T.copy(), w[f"gru_bias_hh_{name}"]
        size = recurrent.shape[0]
        state = np.zeros(size, np.float32)
        states = np.empty((len(inputs), size), np.float32)
        for n, x in enumerate(given):
            h = state @ recurrent + bias
            gates = _logistic(x[: 2 * size] + h[: 2 * size])
            new = np.tanh(x[2 * size :] + gates[:size] * h[2 * size :])
            state = (1 - gates[size:]) * new + gates[size:] * state
            states[n] = state
        return states


@lru_cache(maxsize=1)
def shipped_recogniser() -> Recogniser:
    """The recogniser that comes with the product, loaded once a process."""
    return Recogniser()


def _linear(weights: dict[str, Floats], name: str, inputs: Floats) -> Floats:
    result: Floats = inputs @ weights[f"{name}_weight"].T + weights[f"{name}_bias"]
    return result


def _logistic(x: Floats) -> Floats:
    result: Floats = np.float32(1) / (np.float32(1) + np.exp(-x))
    return result
