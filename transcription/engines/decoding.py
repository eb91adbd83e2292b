"""Text from sound that Whisper has encoded, in a fixed number of rows: when one text ends, the next takes its row.

`whisper.decode` writes a batch until its longest text ends, and the rows of the others stand idle. Here every row has
its own place in its own text, so that all of them are always at work. What is written is the library's: its first
tokens, its rules for what may follow (`whisper.decoding.DecodingTask` and its logit filters), its limits of length.

Every array has the same shape at every step, whatever the other rows do, and no row looks at another: a text has the
same bits in any company.
"""

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import torch
import whisper
from torch.nn.functional import scaled_dot_product_attention, softmax
from whisper.decoding import DecodingTask
from whisper.utils import compression_ratio


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """What was written for one window: its tokens with the time stamps among them, and how sure the model was.

    `avg_logprob` is that of a token, the end of the text included; `no_speech_prob` is NaN for a model that cannot say;
    `compression_ratio` is high where text repeats itself.
    """

    tokens: list[int]
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float


class _Row:
    """A text on its way."""

    def __init__(self, temperature: float, lots: torch.Generator, no_speech_prob: float) -> None:
        self.temperature = temperature
        self.lots = lots
        self.no_speech_prob = no_speech_prob
        self.tokens: list[int] = []
        self.sum_logprob = 0.0


class Rows:
    """`count` texts at a time by one model, in one language, after one prompt."""

    def __init__(self, model: Any, *, language: str, prompt: Sequence[int], count: int) -> None:  # noqa: ANN401  Its library has no types.
        options = whisper.DecodingOptions(language=language, prompt=list(prompt), fp16=False)
        task = DecodingTask(model, options)
        self._tokenizer = task.tokenizer
        self._first_tokens = list(task.initial_tokens)
        self._sot = task.sot_index
        self._longest = min(task.sample_len, task.n_ctx + 1 - len(self._first_tokens))
        self._rules = _Rules(task)
        self._decoder = model.decoder
        self._rows: list[_Row | None] = [None] * count
        half = model.encoder.conv1.weight.dtype == torch.float16
        self._kind = torch.float16 if half else torch.float32
        # Once, and not for each token.
        self._names = self._decoder.token_embedding.weight.to(self._kind).T.contiguous()
        dims, device = model.dims, model.device
        heads, width = dims.n_text_head, dims.n_text_state // dims.n_text_head
        layers, reach = dims.n_text_layer, len(self._first_tokens) + self._longest
        said, sound = (layers, 2, count, heads, reach, width), (layers, 2, count, heads, dims.n_audio_ctx, width)
        # Keys and values of what was written, and of the sound.
        self._said = torch.zeros(said, dtype=self._kind, device=device)
        self._sound = torch.zeros(sound, dtype=self._kind, device=device)
        self._all = torch.arange(count, device=device)
        self._reach = torch.arange(reach, device=device)

    @property
    def free(self) -> list[int]:
        """The rows that write nothing."""
        return [n for n, row in enumerate(self._rows) if row is None]

    def begin(self, n: int, features: torch.Tensor, *, temperature: float, lots: torch.Generator) -> Text | None:
        """Let row `n` write what is heard in `features` ([1500, width]); the text, if it ends with its first token.

        At a `temperature` above 0, tokens are drawn with `lots`.
        """
        length = len(self._first_tokens)
        tokens = torch.tensor([self._first_tokens], device=features.device)
        x = self._decoder.token_embedding(tokens) + self._decoder.positional_embedding[:length]
        x = x.to(self._kind)
        for layer, block in enumerate(self._decoder.blocks):
            attention = block.attn
            y = block.attn_ln(x)
            query, key, value = (
                _heads(part(y), attention) for part in (attention.query, attention.key, attention.value)
            )
            self._said[layer, 0, n, :, :length], self._said[layer, 1, n, :, :length] = key[0], value[0]
            x = x + attention.out(_joined(scaled_dot_product_attention(query, key, value, is_causal=length > 1)))
            across = block.cross_attn
            self._sound[layer, 0, n] = _heads(across.key(features[None]), across)[0]
            self._sound[layer, 1, n] = _heads(across.value(features[None]), across)[0]
            key, value = self._sound[layer, 0, n : n + 1], self._sound[layer, 1, n : n + 1]
            query = _heads(across.query(block.cross_attn_ln(x)), across)
            x = x + across.out(_joined(scaled_dot_product_attention(query, key, value)))
            x = x + block.mlp(block.mlp_ln(x))
        logits = (self._decoder.ln(x)[0] @ self._names).float()
        no_speech = math.nan
        if self._tokenizer.no_speech is not None:
            no_speech = float(softmax(logits[self._sot], dim=-1)[self._tokenizer.no_speech])
        self._rows[n] = row = _Row(temperature, lots, no_speech)
        return self._continued({0: (n, row)}, logits[-1:]).get(n)

    def step(self) -> dict[int, Text]:
        """Write one more token in each row; the texts that ended, by their row, which is free again."""
        device = self._all.device
        first = len(self._first_tokens)
        # A free row writes at its beginning over and over.
        tokens = torch.tensor([row.tokens[-1] if row else 0 for row in self._rows], device=device)
        places = torch.tensor([first + len(row.tokens) - 1 if row else 0 for row in self._rows], device=device)
        seen = (self._reach <= places[:, None])[:, None, None]
        x = self._decoder.token_embedding(tokens) + self._decoder.positional_embedding[places]
        x = x.to(self._kind)[:, None]
        for layer, block in enumerate(self._decoder.blocks):
            attention = block.attn
            y = block.attn_ln(x)
            keys, values = self._said[layer]
            keys[self._all, :, places] = _heads(attention.key(y), attention)[:, :, 0]
            values[self._all, :, places] = _heads(attention.value(y), attention)[:, :, 0]
            query = _heads(attention.query(y), attention)
            x = x + attention.out(_joined(scaled_dot_product_attention(query, keys, values, attn_mask=seen)))
            across = block.cross_attn
            query = _heads(across.query(block.cross_attn_ln(x)), across)
            x = x + across.out(_joined(scaled_dot_product_attention(query, *self._sound[layer])))
            x = x + block.mlp(block.mlp_ln(x))
        logits = (self._decoder.ln(x)[:, 0] @ self._names).float()
        return self._continued({n: (n, row) for n, row in enumerate(self._rows) if row is not None}, logits)

    def _continued(self, rows: dict[int, tuple[int, _Row]], logits: torch.Tensor) -> dict[int, Text]:
        """Add a token to each row, given by its line of `logits`; the texts that ended by that."""
        total = self._rules.apply(logits, {line: row.tokens for line, (_, row) in rows.items()})
        following = logits.argmax(dim=-1)
        for line, (_, row) in rows.items():
            if row.temperature > 0:
                chances = softmax(logits[line] / row.temperature, dim=-1)
                draws = torch.empty(chances.shape).exponential_(generator=row.lots).to(chances.device)
                following[line] = (chances / draws).argmax()
        logprobs = (logits.gather(1, following[:, None])[:, 0] - total).tolist()
        chosen = following.tolist()
        ended = {}
        for line, (n, row) in rows.items():
            row.sum_logprob += logprobs[line]
            is_end = chosen[line] == self._tokenizer.eot
            if not is_end:
                row.tokens.append(chosen[line])
            if is_end or len(row.tokens) == self._longest:
                self._rows[n] = None
                ended[n] = Text(
                    tokens=row.tokens,
                    avg_logprob=row.sum_logprob / (len(row.tokens) + 1),
                    no_speech_prob=row.no_speech_prob,
                    compression_ratio=compression_ratio(self._tokenizer.decode(row.tokens).strip()),
                )
        return ended


class _Rules:
    """What may follow in a text: `SuppressTokens`, `SuppressBlank` and `ApplyTimestampRules` of the library."""

    def __init__(self, task: DecodingTask) -> None:
        tokenizer = task.tokenizer
        never = set(task._get_suppress_tokens())
        if tokenizer.no_timestamps is not None:
            never.add(tokenizer.no_timestamps)
        self._never = torch.tensor(sorted(never), device=task.model.device)
        self._stamps, self._eot = tokenizer.timestamp_begin, tokenizer.eot
        precision = whisper.audio.CHUNK_LENGTH / task.model.dims.n_audio_ctx
        self._last_first_stamp = self._stamps + round(task.options.max_initial_timestamp / precision)

    def apply(self, logits: torch.Tensor, texts: dict[int, list[int]]) -> torch.Tensor:
        """Set what may not follow in each text to minus infinity; the logarithm of the sum of all that may, by line."""
        logits[:, self._never] = -math.inf
        for line, tokens in texts.items():
            self._apply_to(logits[line], tokens)
        # Where a time stamp is more probable than any text, it is one.
        stamps = logits[:, self._stamps :].logsumexp(dim=-1)
        is_stamp = stamps > logits[:, : self._stamps].amax(dim=-1)
        logits[:, : self._stamps].masked_fill_(is_stamp[:, None], -math.inf)
        return torch.logaddexp(stamps, logits[:, : self._stamps].logsumexp(dim=-1))

    def _apply_to(self, logits: torch.Tensor, tokens: list[int]) -> None:
        if not tokens:
            logits[: self._stamps] = -math.inf
            logits[self._last_first_stamp + 1 :] = -math.inf
            return
        is_last, is_one_before = tokens[-1] >= self._stamps, len(tokens) < 2 or tokens[-2] >= self._stamps
        if is_last:
            if is_one_before:
                logits[self._stamps :] = -math.inf
            else:
                logits[: self._eot] = -math.inf
        latest = next((token for token in reversed(tokens) if token >= self._stamps), None)
        if latest is not None:
            logits[self._stamps : latest + (not (is_last and not is_one_before))] = -math.inf


def _heads(x: torch.Tensor, attention: Any) -> torch.Tensor:  # noqa: ANN401  The library has no types.
    """[n, tokens, width] as [n, heads, tokens, width of a head]."""
    split: torch.Tensor = x.view(*x.shape[:2], attention.n_head, -1).transpose(1, 2)
    return split


def _joined(x: torch.Tensor) -> torch.Tensor:
    return x.transpose(1, 2).flatten(start_dim=2)
