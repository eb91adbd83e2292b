"""Many windows of sound heard by one Whisper model in batches, each as `whisper.transcribe` would hear it alone.

`whisper.transcribe` hears one window after the other and gives the text before it as a prompt, which passes on
mistakes. Here every window stands alone (`condition_on_previous_text=False`, `word_timestamps=True`, the prompt given
to each: `carry_initial_prompt=True`), so that any of them can share a batch. The rest is its own way: the same parts of
the library in the same order, the same limits for text that is tried again warmer or taken for silence, the same
moving on inside a window that was not heard to its end. One thing differs: a window is decoded at most `PASSES` times,
where the library moves on by as little as 0.02 s and can spend minutes on one noisy clip.

A window's words do not depend on what is heard with it. The encoder hears one window at a time; the decoder always has
the same number of rows (`transcription.engines.decoding`), because a matrix product gives a row the same bits wherever
it stands, but other bits when the number of rows changes; word times are found one window at a time; and each window
draws its own lots.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
import whisper
from whisper.timing import add_word_timestamps
from whisper.tokenizer import get_tokenizer
from whisper.utils import get_end

from callaudit.transcription.audio import Samples
from callaudit.transcription.engines import prompt_text
from callaudit.transcription.engines.decoding import Rows, Text
from callaudit.transcription.transcript import Seconds, Word

# Greedy first, then warmer where the text repeats itself or is improbable. Whisper's own tool takes six steps.
TEMPERATURES = (0.0, 0.4, 0.8)
PASSES = 4

# Whisper's own limits: text that packs better than this repeats itself; text less probable than this is a guess;
# and a guess where no speech is this probable is silence.
_REPETITIVE = 2.4
_IMPROBABLE = -1.0
_NO_SPEECH = 0.6

_MEL_PER_SECOND = whisper.audio.FRAMES_PER_SECOND
_MEL_PER_TIMESTAMP = 2
_PER_TIMESTAMP: Seconds = _MEL_PER_TIMESTAMP / _MEL_PER_SECOND

_SEED = 0


def hear(
    model: Any,  # noqa: ANN401  The library has no types.
    sounds: Iterable[Samples],
    *,
    language: str,
    glossary: Sequence[str] = (),
    batch: int = 8,
    temperatures: Sequence[float] = TEMPERATURES,
) -> list[list[Word]]:
    """The words of each sound (float32 [n] at 16 kHz, up to 30 s), with times in it.

    `sounds` is drawn from as rows become free: no more than `batch` of them are held at once.
    """
    with torch.inference_mode():
        ear = _Ear(model, language, glossary, batch)
        heard: list[list[Word]] = []

        def drawn() -> Iterator[_Hearing]:
            for sound in sounds:
                hearing = ear.begun(sound)
                heard.append(hearing.words)
                yield hearing

        coming = drawn()
        waiting: deque[_Hearing] = deque()
        at_work: dict[int, _Hearing] = {}

        def ended(hearing: _Hearing, text: Text) -> None:
            if _must_be_tried_again(text) and hearing.step + 1 < len(temperatures):
                hearing.step += 1
                waiting.append(hearing)
                return
            hearing.step = 0
            ear.accept(hearing, text)
            if hearing.at < hearing.frames:
                waiting.append(hearing)

        while True:
            while free := ear.rows.free:
                hearing = waiting.popleft() if waiting else next(coming, None)
                if hearing is None:
                    break
                at_work[free[0]] = hearing
                text = ear.begin(hearing, free[0], temperatures[hearing.step])
                if text is not None:
                    ended(at_work.pop(free[0]), text)
            if not at_work:
                return heard
            for row, text in ear.rows.step().items():
                ended(at_work.pop(row), text)


def spoken_language(model: Any, sounds: Sequence[Samples]) -> str:  # noqa: ANN401  Its library has no types.
    """The language that is most probable over all the sounds together, as Whisper's code for it: "en"."""
    with torch.inference_mode():
        ear = _Ear(model, "en", (), 1)
        # One by one: a mean over rows of a batch would depend on its size.
        features = [ear.encoded(ear.begun(sound)) for sound in sounds]
        found = [whisper.decoding.detect_language(model, row[None], ear.tokenizer)[1][0] for row in features]
        codes: list[str] = sorted(found[0])
        return max(codes, key=lambda code: sum(probabilities[code] for probabilities in found))


class _Hearing:
    """One window on its way: `at` is the mel frame that is reached, of `frames`; `step` that of the temperatures."""

    def __init__(self, mel: torch.Tensor, frames: int) -> None:
        self.mel = mel
        self.frames = frames
        self.at = 0
        self.passes = 0
        self.step = 0
        self.spoken_until: Seconds = 0.0
        self.features: torch.Tensor | None = None
        self.words: list[Word] = []
        # The same lots for the same window, whatever else is drawn.
        self.lots = torch.Generator().manual_seed(_SEED)


class _Ear:
    """A model set to one language and one prompt."""

    def __init__(self, model: Any, language: str, glossary: Sequence[str], batch: int) -> None:  # noqa: ANN401  Its library has no types.
        self.model = model
        self.tokenizer = get_tokenizer(
            model.is_multilingual, num_languages=model.num_languages, language=language, task="transcribe"
        )
        prompt = prompt_of(glossary, self.tokenizer, room=model.dims.n_text_ctx // 2 - 1)
        self.rows = Rows(model, language=language, prompt=prompt, count=batch)

    def begun(self, sound: Samples) -> _Hearing:
        """The window at its beginning, with nothing heard."""
        mel = whisper.log_mel_spectrogram(sound, self.model.dims.n_mels, padding=whisper.audio.N_SAMPLES)
        frames = mel.shape[-1] - whisper.audio.N_FRAMES
        return _Hearing(mel[:, :frames].clone(), frames)

    def encoded(self, hearing: _Hearing) -> torch.Tensor:
        """The model's view of what is still to be heard, [1500, width]; alone, so that it depends on nothing else."""
        left: torch.Tensor = whisper.pad_or_trim(hearing.mel[:, hearing.at :], whisper.audio.N_FRAMES)
        features: torch.Tensor = self.model.encoder(
            left[None].to(self.model.device, self.model.encoder.conv1.weight.dtype)
        )
        return features[0]

    def begin(self, hearing: _Hearing, row: int, temperature: float) -> Text | None:
        """Let a row write what is still to be heard; the text, if it ends at once."""
        if hearing.features is None:
            hearing.features = self.encoded(hearing)
        return self.rows.begin(row, hearing.features, temperature=temperature, lots=hearing.lots)

    def accept(self, hearing: _Hearing, text: Text) -> None:
        """Take the words of a text, with their times, and move on in the window."""
        features, hearing.features = hearing.features, None
        hearing.passes += 1
        began = hearing.at / _MEL_PER_SECOND
        size = min(whisper.audio.N_FRAMES, hearing.frames - hearing.at)
        if text.no_speech_prob > _NO_SPEECH and not text.avg_logprob > _IMPROBABLE:
            hearing.at += size
            return
        segments, advance, is_whole = self._segments(hearing, text.tokens, size)
        if hearing.passes == PASSES:
            segments, advance, is_whole = [self._segment(hearing, text.tokens, 0.0, size / _MEL_PER_SECOND)], size, True
        hearing.at += advance
        add_word_timestamps(
            segments=segments,
            model=_Encoded(self.model),
            tokenizer=self.tokenizer,
            mel=features,
            num_frames=size,
            last_speech_timestamp=hearing.spoken_until,
        )
        end = get_end(segments)
        if end is not None:
            hearing.spoken_until = end
            if end > began and not is_whole:
                hearing.at = round(end * _MEL_PER_SECOND)
        # Text that still repeats itself is not believed: at confidence 0 it is dropped, and counted.
        believed = text.compression_ratio <= _REPETITIVE
        for segment in segments:
            written = self.tokenizer.decode([t for t in segment["tokens"] if t < self.tokenizer.eot]).strip()
            if segment["start"] != segment["end"] and written:
                hearing.words += _words(segment["words"], believed=believed)

    def _segments(self, hearing: _Hearing, tokens: list[int], size: int) -> tuple[list[dict[str, Any]], int, bool]:
        """The sentences of a text, the mel frames it covers, and whether that is all that was heard.

        Two time stamps in a row end one sentence and begin the next. Text after the last such pair is unfinished
        unless a single time stamp closes it.
        """
        first = self.tokenizer.timestamp_begin
        stamps = [token >= first for token in tokens]
        is_closed = stamps[-2:] == [False, True]
        ends = [i for i in range(1, len(tokens)) if stamps[i - 1] and stamps[i]]
        if not ends:
            last = next((t for t in reversed(tokens) if t > first), None)
            end = size / _MEL_PER_SECOND if last is None else (last - first) * _PER_TIMESTAMP
            return [self._segment(hearing, tokens, 0.0, end)], size, is_closed
        advance = size if is_closed else (tokens[ends[-1] - 1] - first) * _MEL_PER_TIMESTAMP
        pieces, begin = [], 0
        for end_of_piece in [*ends, len(tokens)] if is_closed else ends:
            piece = tokens[begin:end_of_piece]
            times = ((piece[0] - first) * _PER_TIMESTAMP, (piece[-1] - first) * _PER_TIMESTAMP)
            pieces.append(self._segment(hearing, piece, *times))
            begin = end_of_piece
        return pieces, advance, is_closed

    def _segment(self, hearing: _Hearing, tokens: list[int], start: Seconds, end: Seconds) -> dict[str, Any]:
        began = hearing.at / _MEL_PER_SECOND
        return {"seek": hearing.at, "start": began + start, "end": began + end, "tokens": tokens}


class _Encoded:
    """The model as `add_word_timestamps` calls it, but taking sound that is already encoded: half the cost."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401  The library has no types.
        self.dims, self.device = model.dims, model.device
        self.decoder, self.alignment_heads = model.decoder, model.alignment_heads

    def __call__(self, features: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.decoder(tokens, features)
        return logits


def prompt_of(glossary: Sequence[str], tokenizer: Any, *, room: int) -> list[int]:  # noqa: ANN401  Its library has no types.
    """The tokens of as many names as have room, the first ones first."""
    text = prompt_text(glossary, tokens=lambda text: len(tokenizer.encode(" " + text)), room=room)
    tokens: list[int] = tokenizer.encode(" " + text) if text else []
    return tokens


def _must_be_tried_again(text: Text) -> bool:
    if text.no_speech_prob > _NO_SPEECH and text.avg_logprob < _IMPROBABLE:
        return False
    return bool(text.compression_ratio > _REPETITIVE or text.avg_logprob < _IMPROBABLE)


def _words(found: Sequence[dict[str, Any]], *, believed: bool) -> list[Word]:
    return [
        Word(text, float(word["start"]), float(word["end"]), _confidence(word["probability"]) if believed else 0.0)
        for word in found
        for text in word["word"].split()
        if any(c.isalnum() for c in text)
    ]


def _confidence(probability: float) -> float | None:
    return None if math.isnan(probability) else round(float(np.clip(probability, 0.0, 1.0)), 4)
