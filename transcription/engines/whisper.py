"""Whisper (openai-whisper) on the speech of many channels at once, with word times and confidences.

Only speech is listened to (`transcription.engines.windows`), and the windows of all channels of all calls are heard
together (`transcription.engines.whisper_batches`). The checkpoints are found by `transcription.engines.checkpoints`.
"""

import os
from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any

from callaudit.transcription.engines import Channel, EngineUnavailable, Written, settings_hash
from callaudit.transcription.engines.checkpoints import Weights, check_checkpoint, installed_version, obtain
from callaudit.transcription.engines.windows import JOIN, LONGEST, PADDING, Window, moved_back, sound_of, windows
from callaudit.transcription.speech import total
from callaudit.transcription.transcript import Provenance, Seconds, Word

_SAMPLE_RATE = 16000

# Rows of a batch. A CPU gains little from more; a GPU is not busy with less.
_BATCH_CPU, _BATCH_GPU = 8, 32


def ready(
    model: str = "base.en",
    *,
    weights_folder: Path | None = None,
    language: str = "en",
    download_timeout: Seconds = 0.0,
    batch: int = 0,
    threads: int = 0,
    quantise: bool = False,
) -> "Whisper":
    """The engine for `model`; see `checkpoints.obtain` and `Whisper`. Raises `EngineUnavailable`."""
    weights = obtain(model, weights_folder, download_timeout=download_timeout)
    return Whisper(weights, asked=model, language=language, batch=batch, threads=threads, quantise=quantise)


class Whisper:
    """One checkpoint, loaded when the first words are wanted.

    - `language`: Whisper's code for it, or "auto" to detect it once for all channels of a call.
    - `batch`: windows decoded together; 0 = 8 on a CPU, 32 on a GPU. Words do not depend on what shares a batch.
    - `threads`: of a CPU; 0 = one for each core that this process may use.
    - `quantise`: the encoder in 8-bit integers, on a CPU only; faster, and other words now and then.
    """

    takes_glossary = True

    def __init__(
        self,
        weights: Weights,
        *,
        asked: str = "",
        language: str = "en",
        device: str | None = None,
        batch: int = 0,
        threads: int = 0,
        quantise: bool = False,
        temperatures: Sequence[float] | None = None,
    ) -> None:
        hearing = _hearing()
        self._weights = weights
        self.model = asked or str(weights.path)
        self._language = language
        if not weights.published:
            check_checkpoint(weights.path)
        _check_language(weights, language)
        self._device = device or _device()
        self._quantise = quantise and self._device == "cpu"
        self._threads = threads or len(os.sched_getaffinity(0))
        self._temperatures = tuple(temperatures or hearing.TEMPERATURES)
        self.batch = batch or (_BATCH_CPU if self._device == "cpu" else _BATCH_GPU)
        self.provenance = Provenance(
            engine="whisper",
            model=weights.name,
            weights_hash=weights.sha256[:12],
            notice=weights.notice,
            settings_hash=settings_hash(
                {
                    "openai-whisper": installed_version(),
                    "language": language,
                    "fp16": self._device != "cpu",
                    "int8": self._quantise,
                    "temperatures": self._temperatures,
                    "passes": hearing.PASSES,
                    "window": LONGEST,
                    "padding": PADDING,
                    "join": JOIN,
                    "way": 2,
                }
            ),
        )

    def transcribe(self, heard: Sequence[Channel]) -> list[Written]:
        """Words as Whisper writes them, with punctuation; the samples must be at 16 kHz.

        Windows with the same language and glossary share batches, whichever call they are of.
        """
        for channel in heard:
            if channel.sample_rate != _SAMPLE_RATE:
                raise ValueError(f"the model was trained at {_SAMPLE_RATE} Hz, not at {channel.sample_rate} Hz")
        cut = [windows(channel) for channel in heard]
        languages = self._languages(heard, cut)
        words: list[list[Word]] = [[] for _ in heard]
        # Sorted by what a batch must have in common; the order of the channels stays within it.
        voiced = [n for n in range(len(heard)) if cut[n]]
        ways = sorted(voiced, key=lambda n: (languages[n] or "", heard[n].glossary))
        for (language, glossary), channels in groupby(ways, key=lambda n: (languages[n], heard[n].glossary)):
            # The longest first: at the end, when fewer are left than are heard at once, only short ones are.
            places = sorted(((n, window) for n in channels for window in cut[n]), key=lambda place: -total(place[1]))
            found = _hearing().hear(
                self._model(),
                (sound_of(heard[n], window) for n, window in places),
                language=language,
                glossary=glossary,
                batch=self.batch,
                temperatures=self._temperatures,
            )
            for (n, window), said in sorted(zip(places, found, strict=True), key=lambda told: told[0]):
                words[n] += moved_back(said, window)
        return [Written(said, language) for said, language in zip(words, languages, strict=True)]

    def _languages(self, heard: Sequence[Channel], cut: Sequence[Sequence[Window]]) -> list[str | None]:
        """The language of each channel: the one that is set, or the most probable of the call it belongs to.

        None where no channel of that call has speech.
        """
        if all(channel.language for channel in heard):
            return [channel.language for channel in heard]
        if self._language != "auto":
            return [self._language] * len(heard)
        if not self._model().is_multilingual:
            return ["en"] * len(heard)
        found: dict[str, str | None] = {}
        for call in dict.fromkeys(channel.call for channel in heard):
            # The fullest window of each channel says most.
            fullest = [
                sound_of(heard[n], max(cut[n], key=lambda w: sum(s.duration for s in w)))
                for n in range(len(heard))
                if heard[n].call == call and cut[n]
            ]
            found[call] = _hearing().spoken_language(self._model(), fullest) if fullest else None
        return [found[channel.call] for channel in heard]

    def _model(self) -> Any:  # noqa: ANN401  The library has no types.
        import torch  # noqa: PLC0415  Only who needs it waits for it.

        if self._device == "cpu" and torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)
        return _loaded(self._weights, self._device, self._quantise)


def _hearing() -> Any:  # noqa: ANN401  The library has no types.
    """The module that needs torch, imported when it is needed."""
    return import_module("callaudit.transcription.engines.whisper_batches")


@lru_cache(maxsize=1)
def _loaded(weights: Weights, device: str, quantise: bool) -> Any:  # noqa: ANN401  The library has no types.
    import whisper  # noqa: PLC0415  Only who needs it waits for it.

    # Loaded by path: by name, the library would download what it does not find.
    model = whisper.load_model(str(weights.path), device=device)
    if weights.published:
        model.set_alignment_heads(whisper._ALIGNMENT_HEADS[weights.published])
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    if device != "cpu":
        halve(model)
    if quantise:
        quantise_encoder(model)
    return model


def halve(model: Any) -> None:  # noqa: ANN401  The library has no types.
    """The model's products in 16-bit floats; left in 32, each would be converted anew for every token."""
    import torch  # noqa: PLC0415  Only who needs it waits for it.

    for part in model.modules():
        if isinstance(part, torch.nn.Linear | torch.nn.Conv1d):
            part.half()


def quantise_encoder(model: Any) -> None:  # noqa: ANN401  The library has no types.
    """The encoder's products in 8-bit integers.

    Only the encoder: the scale of the integers is that of the whole input, and only the encoder hears one window at
    a time. In the decoder a window's words would come to depend on what shares its batch.
    """
    import warnings  # noqa: PLC0415  Only who needs it waits for it.

    import torch  # noqa: PLC0415  Only who needs it waits for it.

    for part in model.encoder.modules():
        if isinstance(part, torch.nn.Linear):
            part.__class__ = torch.nn.Linear  # Whisper's own subclass only casts; quantisation knows the plain one.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It is to move into another package, which is not out.
        quantised: Any = torch.ao.quantization.quantize_dynamic  # Any: torch gives it no types.
        model.encoder = quantised(model.encoder, {torch.nn.Linear}, dtype=torch.qint8)


def _check_language(weights: Weights, language: str) -> None:
    from whisper.tokenizer import LANGUAGES  # noqa: PLC0415  Only who needs it waits for it.

    if language != "auto" and language not in LANGUAGES:
        raise EngineUnavailable(
            f"Whisper knows no language {language!r}",
            why=f"language = {language!r}; it knows {', '.join(sorted(LANGUAGES))}",
            tries=('language = "en"', 'language = "auto"  (detected for each call)'),
        )
    if weights.published.endswith(".en") and language not in {"en", "auto"}:
        raise EngineUnavailable(
            f"the Whisper model {weights.name} only knows English, not {language!r}",
            why=f"language = {language!r}",
            tries=(f'model = "{weights.name.removesuffix(".en")}"', 'language = "en"'),
        )


def _device() -> str:
    import torch  # noqa: PLC0415  Only who needs it waits for it.

    return "cuda" if torch.cuda.is_available() else "cpu"
