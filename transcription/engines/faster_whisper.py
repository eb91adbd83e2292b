"""Whisper by faster-whisper (CTranslate2) on the same windows as `transcription.engines.whisper`.

Its batched pipeline writes the windows of all channels; a window whose text repeats itself or is improbable is heard
again alone by its usual way, which can sample at higher temperatures (the pipeline cannot).
"""

import importlib.util
import os
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from callaudit.transcription.audio import Samples
from callaudit.transcription.engines import Channel, EngineUnavailable, Written, prompt_text, settings_hash, tiny
from callaudit.transcription.engines import weights as weights_file
from callaudit.transcription.engines.windows import JOIN, LONGEST, PADDING, Window, moved_back, sound_of, windows
from callaudit.transcription.transcript import Provenance, Seconds, Word

_SAMPLE_RATE = 16000
_BATCH_CPU, _BATCH_GPU = 8, 32
_TEMPERATURES = (0.0, 0.4, 0.8)
_REPETITIVE = 2.4
_IMPROBABLE = -1.0
_NO_SPEECH = 0.6
_PROMPT_TOKENS = 223

# Each window lies in a slot of its own in the sound that the pipeline is given, so far from the others that the end of
# one has no say in the word times of the next. The silence between is not heard.
_SLOT: Seconds = 60.0


class FasterWhisper:
    """One converted model, loaded when the first words are wanted.

    `model` is a folder, the name of one in `weights_folder`, or a size in Hugging Face's cache; tiny.en is also found
    in its package (`transcription.engines.tiny`). Nothing is downloaded. Raises `EngineUnavailable`. The other settings
    are those of `Whisper`; and `beam` texts are followed at once for each window.
    """

    takes_glossary = True

    def __init__(
        self,
        model: str = "base.en",
        *,
        weights_folder: Path | None = None,
        language: str = "en",
        batch: int = 0,
        threads: int = 0,
        quantise: bool = False,
        beam: int = 5,
    ) -> None:
        _check_installed()
        if Path(model).name.endswith(".en") and language not in {"en", "auto"}:
            raise EngineUnavailable(
                f"the Whisper model {Path(model).name} only knows English, not {language!r}",
                why=f"language = {language!r}",
                tries=(f'model = "{model.removesuffix(".en")}"', 'language = "en"'),
            )
        folder, notice = _find(model, weights_folder), ""
        if folder is None and model == tiny.MODEL:
            folder, notice = tiny.folder(), tiny.NOTICE
        if folder is None:
            raise _missing(model, weights_folder)
        self._folder = folder
        self.model = model
        self._language = language
        self._beam = beam
        self._device = _device()
        self._compute = _COMPUTE[self._device, quantise]
        self._threads = threads or len(os.sched_getaffinity(0))
        self.batch = batch or (_BATCH_CPU if self._device == "cpu" else _BATCH_GPU)
        self.provenance = Provenance(
            engine="faster-whisper",
            model=Path(model).name,
            weights_hash=weights_file.sha256_of(folder / "model.bin")[:12],
            notice=notice,
            settings_hash=settings_hash(
                {
                    "faster-whisper": version("faster-whisper"),
                    "ctranslate2": version("ctranslate2"),
                    "language": language,
                    "compute": self._compute,
                    "beam": beam,
                    "temperatures": _TEMPERATURES,
                    "window": LONGEST,
                    "padding": PADDING,
                    "join": JOIN,
                }
            ),
        )

    def transcribe(self, heard: Sequence[Channel]) -> list[Written]:
        """Words as Whisper writes them, with punctuation; the samples must be at 16 kHz."""
        for channel in heard:
            if channel.sample_rate != _SAMPLE_RATE:
                raise ValueError(f"the model was trained at {_SAMPLE_RATE} Hz, not at {channel.sample_rate} Hz")
        model = _loaded(self._folder, self._device, self._compute, self._threads)
        cut = [windows(channel) for channel in heard]
        words: list[list[Word]] = [[] for _ in heard]
        groups: dict[tuple[str | None, tuple[str, ...]], list[int]] = {}
        languages = self._languages(model, heard, cut)
        for n, channel in enumerate(heard):
            groups.setdefault((languages[n], channel.glossary), []).append(n)
        for (language, glossary), channels in groups.items():
            options = {"language": language, "beam_size": self._beam, "initial_prompt": _prompt(model, glossary)}
            all_places = [(n, window) for n in channels for window in cut[n]]
            for first in range(0, len(all_places), self.batch):
                places = all_places[first : first + self.batch]
                sounds = [sound_of(heard[n], window) for n, window in places]
                for (n, window), said in zip(places, _batch_words(model, sounds, options), strict=True):
                    words[n] += moved_back(said, window)
        return [Written(said, language) for said, language in zip(words, languages, strict=True)]

    def _languages(
        self,
        model: Any,  # noqa: ANN401  The library has no types.
        heard: Sequence[Channel],
        cut: Sequence[Sequence[Window]],
    ) -> list[str | None]:
        """The language of each channel: the one that is set, or the most probable of the call it belongs to.

        None where no channel of that call has speech.
        """
        if all(channel.language for channel in heard):
            return [channel.language for channel in heard]
        if self._language != "auto":
            return [self._language] * len(heard)
        if not model.model.is_multilingual:
            return ["en"] * len(heard)
        chances: dict[str, dict[str, float]] = {}
        for channel, found in zip(heard, cut, strict=True):
            if found:
                fullest = sound_of(channel, max(found, key=lambda w: sum(s.duration for s in w)))
                call = chances.setdefault(channel.call, {})
                for code, chance in model.detect_language(fullest)[2]:
                    call[code] = call.get(code, 0.0) + chance
        best = {call: max(sorted(sums), key=lambda code: sums[code]) for call, sums in chances.items()}
        return [best.get(channel.call) for channel in heard]


ready = FasterWhisper

_COMPUTE = {
    ("cpu", False): "float32",
    ("cpu", True): "int8",
    ("cuda", False): "float16",
    ("cuda", True): "int8_float16",
}


def _batch_words(model: Any, sounds: Sequence[Samples], options: dict[str, Any]) -> list[list[Word]]:  # noqa: ANN401  Its library has no types.
    """The words of each window, with times in it."""
    from faster_whisper import BatchedInferencePipeline  # noqa: PLC0415  Only who needs it waits for it.

    slot = round(_SLOT * _SAMPLE_RATE)
    line = np.zeros((len(sounds) + 1) * slot, np.float32)
    clips = []
    for n, sound in enumerate(sounds, 1):
        line[n * slot : n * slot + len(sound)] = sound
        # Half a sample more: the library cuts the fraction off.
        clips.append({"start": n * _SLOT, "end": (n * slot + len(sound) + 0.5) / _SAMPLE_RATE})
    segments, _ = BatchedInferencePipeline(model).transcribe(
        line,
        clip_timestamps=clips,
        batch_size=len(sounds),
        vad_filter=False,
        word_timestamps=True,
        without_timestamps=False,
        temperature=0.0,
        **options,
    )
    written: list[list[Any]] = [[] for _ in sounds]
    for segment in segments:
        written[int(segment.start // _SLOT) - 1].append(segment)
    return [
        _alone(model, sound, options) if any(map(_must_be_tried_again, found)) else _words(found, before=n * _SLOT)
        for n, (sound, found) in enumerate(zip(sounds, written, strict=True), 1)
    ]


def _alone(model: Any, sound: Samples, options: dict[str, Any]) -> list[Word]:  # noqa: ANN401  The library has no types.
    """The words of one window by the library's usual way, from cold to warm; the same lots each time."""
    import ctranslate2  # noqa: PLC0415  Only who needs it waits for it.

    ctranslate2.set_random_seed(0)
    segments, _ = model.transcribe(
        sound,
        word_timestamps=True,
        condition_on_previous_text=False,
        best_of=1,
        temperature=_TEMPERATURES,
        **options,
    )
    return _words(list(segments), before=0.0)


def _must_be_tried_again(segment: Any) -> bool:  # noqa: ANN401  The library has no types.
    if segment.no_speech_prob > _NO_SPEECH and segment.avg_logprob < _IMPROBABLE:
        return False
    return bool(segment.compression_ratio > _REPETITIVE or segment.avg_logprob < _IMPROBABLE)


def _words(segments: Sequence[Any], *, before: Seconds) -> list[Word]:
    # Text that still repeats itself is not believed: at confidence 0 it is dropped, and counted.
    return [
        Word(
            text,
            float(word.start) - before,
            float(word.end) - before,
            round(min(1.0, float(word.probability)), 4) if segment.compression_ratio <= _REPETITIVE else 0.0,
        )
        for segment in segments
        if not (segment.no_speech_prob > _NO_SPEECH and segment.avg_logprob < _IMPROBABLE)
        for word in segment.words or ()
        for text in word.word.split()
        if any(c.isalnum() for c in text)
    ]


def _prompt(model: Any, glossary: tuple[str, ...]) -> str | None:  # noqa: ANN401  The library has no types.
    def tokens(text: str) -> int:
        return len(model.hf_tokenizer.encode(" " + text, add_special_tokens=False).ids)

    return prompt_text(glossary, tokens=tokens, room=_PROMPT_TOKENS) or None


@lru_cache(maxsize=1)
def _loaded(folder: Path, device: str, compute: str, threads: int) -> Any:  # noqa: ANN401  The library has no types.
    from faster_whisper import WhisperModel  # noqa: PLC0415  Only who needs it waits for it.

    return WhisperModel(
        str(folder), device=device, compute_type=compute, cpu_threads=threads, num_workers=1, local_files_only=True
    )


def _find(model: str, weights_folder: Path | None) -> Path | None:
    """The folder of a converted model, or None. Raises `EngineUnavailable` where something of it is missing."""
    folder = next((p for p in _places(model, weights_folder) if p.is_dir()), None) or _cached(model)
    if folder is None:
        return None
    missing = [name for name in ("model.bin", "config.json", "tokenizer.json") if not (folder / name).is_file()]
    if missing:
        raise EngineUnavailable(
            f"{folder.name} is no whole faster-whisper model",
            why=f"{folder}: {', '.join(missing)} missing",
            tries=("copy the whole folder of the converted model", 'engine = "whisper"'),
        )
    return folder


def _places(model: str, weights_folder: Path | None) -> list[Path]:
    beside = [] if weights_folder is None else [weights_folder / model, weights_folder / f"faster-whisper-{model}"]
    return [Path(model), *beside]


def _missing(model: str, weights_folder: Path | None) -> EngineUnavailable:
    places = ", ".join(map(str, _places(model, weights_folder)))
    return EngineUnavailable(
        f"no faster-whisper model is called {model!r} here",
        why=f"looked in {places} and in Hugging Face's cache; nothing is downloaded in a run",
        tries=(
            f"python -c \"import faster_whisper; faster_whisper.download_model('{model}')\"",
            "set weights_folder to where the converted models are",
            'engine = "whisper"',
        ),
    )


def _cached(model: str) -> Path | None:
    from faster_whisper.utils import available_models, download_model  # noqa: PLC0415  Only who needs it waits for it.

    if model not in available_models():
        return None
    try:
        return Path(download_model(model, local_files_only=True))
    except (OSError, ValueError):  # What is not in the cache is not asked for.
        return None


def _check_installed() -> None:
    missing = [name for name in ("faster_whisper", "ctranslate2") if importlib.util.find_spec(name) is None]
    if missing:
        raise EngineUnavailable(
            "faster-whisper is not installed",
            why=f"missing: {', '.join(missing)}",
            tries=("pip install 'call-audit[faster-whisper]'", 'engine = "whisper"'),
        )


def _device() -> str:
    import ctranslate2  # noqa: PLC0415  Only who needs it waits for it.

    return "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
