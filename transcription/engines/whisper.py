"""Whisper (openai-whisper) on the speech of one channel, with word times and confidences.

Only speech is listened to: the cuts of a channel are laid end to end in windows of up to 28 seconds, so that a call
that is half silence costs half as much, and each word's time is moved back to where it was said.
"""

import importlib.util
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import msgspec
import numpy as np

from transcription import speech
from transcription.audio import Samples
from transcription.engines import Channel, EngineUnavailable, settings_hash
from transcription.engines import weights as weights_file
from transcription.transcript import Provenance, Seconds, Span, Word

_SAMPLE_RATE = 16000

# Whisper hears 30 s at once; the rest leaves room for the padding of the last cut.
_WINDOW: Seconds = 28.0
_PADDING: Seconds = 0.3
_JOIN: Seconds = 0.6

# Greedy first, then warmer where the text repeats itself or is improbable. Whisper's own tool takes six steps.
_TEMPERATURES = (0.0, 0.4, 0.8)

# Whisper's own limits: text that packs better than this repeats itself; text less probable than this is a guess;
# and a guess where no speech is this probable is silence.
_REPETITIVE = 2.4
_IMPROBABLE = -1.0
_NO_SPEECH = 0.6

# Nobody speaks more tokens a second; a window that asks for more is stuck in a loop.
_TOKENS_PER_SECOND = 10
_TOKENS_AT_LEAST = 24

# Whisper may stop early and want to hear the rest again; a model that advances by less than this never ends.
_ADVANCE: Seconds = 1.0
_PASSES = 4

_MEL_PER_SECOND = 100
_MEL_PER_TIMESTAMP = 2


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """A checkpoint on disk: its model's `name`, the file, and the published size it is, or "" for one's own."""

    name: str
    path: Path
    published: str = ""


def ready(
    model: str = "base.en",
    *,
    weights_folder: Path | None = None,
    language: str = "en",
    download_timeout: Seconds = 0.0,
) -> "Whisper":
    """The engine for `model`: a published size, the name of a checkpoint in `weights_folder`, or a path to one.

    Missing weights of a published size are fetched if `download_timeout` is above 0. Raises `EngineUnavailable`.
    """
    _check_installed()
    found = find(model, weights_folder)
    if found is None:
        if download_timeout <= 0 or model not in _published():
            raise _missing(model, weights_folder)
        fetch(model, weights_folder, timeout=download_timeout)
        found = find(model, weights_folder)
    if found is None:
        raise _missing(model, weights_folder)
    return Whisper(found, language=language)


def find(model: str, weights_folder: Path | None = None) -> Weights | None:
    """The checkpoint of `model` on disk, or None; a published size whose sha256 is wrong raises `EngineUnavailable`."""
    if model.endswith(".pt"):
        path = next((p for p in (Path(model), *_in(weights_folder, model)) if p.is_file()), None)
        return Weights(name=path.stem, path=path) if path else None
    url = _published().get(model)
    if url is None:
        path = next((p for p in _in(weights_folder, f"{model}.pt") if p.is_file()), None)
        return Weights(name=model, path=path) if path else None
    path = next((p for p in _in(weights_folder, _file_name(url)) if p.is_file()), None)
    if path is None:
        return None
    if weights_file.sha256_of(path) != _published_sha256(url):
        raise EngineUnavailable(
            f"the Whisper weights {path.name} are not the published ones",
            why=f"{path}: another sha256; a download that was cut off looks like this",
            tries=(
                f"remove the file, then callaudit models fetch {model}",
                "give a checkpoint of your own another name, and set model to it",
            ),
        )
    return Weights(name=model, path=path, published=model)


def fetch(model: str, weights_folder: Path | None = None, *, timeout: Seconds | None = None) -> Path:
    """Download the weights of a published size unless they are there; see `weights.fetch`."""
    _check_installed()
    url = _published().get(model)
    if url is None:
        raise EngineUnavailable(
            f"no Whisper weights are called {model!r}",
            why=f"there are {', '.join(_published())}",
            tries=("callaudit models fetch base.en",),
        )
    found = next((p for p in _in(weights_folder, _file_name(url)) if p.is_file()), None)
    if found and weights_file.sha256_of(found) == _published_sha256(url):
        return found
    target = found or (weights_folder or _cache()) / _file_name(url)
    return weights_file.fetch(url, target, expected=_published_sha256(url), timeout=timeout)


def weights_on_disk(weights_folder: Path | None = None) -> dict[str, Path | None]:
    """Every published size and where its weights are; None where they are missing or not the published ones."""
    _check_installed()
    where: dict[str, Path | None] = {}
    for model, url in _published().items():
        path = next((p for p in _in(weights_folder, _file_name(url)) if p.is_file()), None)
        where[model] = path if path and weights_file.sha256_of(path) == _published_sha256(url) else None
    return where


class Whisper:
    """One checkpoint, loaded when the first words are wanted."""

    takes_glossary = False

    def __init__(self, weights: Weights, *, language: str = "en", device: str | None = None) -> None:
        self._weights = weights
        self._language = language
        if not weights.published:
            _check_checkpoint(weights.path)
        if weights.published.endswith(".en") and language != "en":
            raise EngineUnavailable(
                f"the Whisper model {weights.name} only knows English, not {language!r}",
                why=f"language = {language!r}",
                tries=(f'model = "{weights.name.removesuffix(".en")}"', 'language = "en"'),
            )
        self._device = device or _device()
        self.provenance = Provenance(
            engine="whisper",
            model=weights.name,
            weights_hash=weights_file.sha256_of(weights.path)[:12],
            settings_hash=settings_hash(
                {
                    "openai-whisper": _version(),
                    "language": language,
                    "fp16": self._device != "cpu",
                    "temperatures": _TEMPERATURES,
                    "passes": _PASSES,
                    "window": _WINDOW,
                    "padding": _PADDING,
                    "join": _JOIN,
                }
            ),
        )

    def transcribe(self, heard: Sequence[Channel]) -> list[list[Word]]:
        """Words as Whisper writes them, with punctuation; the samples must be at 16 kHz."""
        return [self._channel(channel.samples, channel.sample_rate, channel.spans) for channel in heard]

    def _channel(self, samples: Samples, sample_rate: int, spans: Sequence[Span]) -> list[Word]:
        if sample_rate != _SAMPLE_RATE:
            raise ValueError(f"the model was trained at {_SAMPLE_RATE} Hz; these samples are at {sample_rate} Hz")
        cuts = speech.padded(speech.union(spans, gap=_JOIN), _PADDING, duration=len(samples) / sample_rate)
        words: list[Word] = []
        for window in _windows(cuts):
            sound = np.concatenate([samples[round(c.start * sample_rate) : round(c.end * sample_rate)] for c in window])
            words += [_moved_back(word, window) for word in self._words(sound)]
        return words

    def _words(self, sound: Samples) -> list[Word]:
        """The words of one window, with times in it."""
        import torch  # noqa: PLC0415

        # Warm temperatures draw lots: the same lots each time, and nobody else's are disturbed.
        with torch.random.fork_rng(), torch.inference_mode():
            torch.manual_seed(0)
            return _heard(_loaded(self._weights, self._device), sound, self._language)


def _heard(model: Any, sound: Samples, language: str) -> list[Word]:  # noqa: ANN401  The library has no types.
    """The words of up to 30 s of sound, at the cost of at most `_PASSES` decodings of it.

    `whisper.transcribe` moves on by as little as the model's last time stamp says, so that one noisy clip can cost
    hours; and it takes the text before a window as a prompt, which passes on mistakes. Hence its parts, not it.
    """
    import whisper  # noqa: PLC0415
    from whisper.timing import add_word_timestamps  # noqa: PLC0415
    from whisper.tokenizer import get_tokenizer  # noqa: PLC0415

    tokenizer = get_tokenizer(
        model.is_multilingual, num_languages=model.num_languages, language=language, task="transcribe"
    )
    mel = whisper.log_mel_spectrogram(sound, model.dims.n_mels, padding=whisper.audio.N_SAMPLES)
    total = len(sound) // whisper.audio.HOP_LENGTH
    words: list[Word] = []
    start = 0
    for passes_left in reversed(range(_PASSES)):
        piece = whisper.pad_or_trim(mel[:, start:total], whisper.audio.N_FRAMES).to(model.device)
        if model.device.type != "cpu":
            piece = piece.half()
        text = _decoded(model, piece, (total - start) / _MEL_PER_SECOND, language)
        if text.no_speech_prob > _NO_SPEECH and text.avg_logprob < _IMPROBABLE:
            break
        tokens, frames = _finished(text.tokens, tokenizer.timestamp_begin, total - start)
        if frames < _ADVANCE * _MEL_PER_SECOND or not passes_left:
            tokens, frames = text.tokens, total - start
        segment: dict[str, Any] = {
            "seek": start,
            "start": start / _MEL_PER_SECOND,
            "end": (start + frames) / _MEL_PER_SECOND,
            "tokens": tokens,
        }
        add_word_timestamps(
            segments=[segment],
            model=model,
            tokenizer=tokenizer,
            mel=piece,
            num_frames=total - start,
            last_speech_timestamp=start / _MEL_PER_SECOND,
        )
        # Text that still repeats itself is not believed: at confidence 0 it is dropped, and counted.
        believed = text.compression_ratio <= _REPETITIVE
        words += [
            Word(piece_, float(w["start"]), float(w["end"]), _confidence(w["probability"]) if believed else 0.0)
            for w in segment.get("words", ())
            for piece_ in w["word"].split()
            if any(c.isalnum() for c in piece_)
        ]
        start += frames
        if total - start < _ADVANCE * _MEL_PER_SECOND:
            break
    return words


def _decoded(model: Any, mel: Any, seconds: Seconds, language: str) -> Any:  # noqa: ANN401  The library has no types.
    """The first text, from cold to warm, that neither repeats itself nor is improbable; else the last."""
    import whisper  # noqa: PLC0415

    sound = model.embed_audio(mel[None])  # The costly half, the same for every temperature.
    for temperature in _TEMPERATURES:
        options = whisper.DecodingOptions(
            language=language,
            temperature=temperature,
            fp16=model.device.type != "cpu",
            sample_len=min(model.dims.n_text_ctx // 2, _TOKENS_AT_LEAST + math.ceil(_TOKENS_PER_SECOND * seconds)),
        )
        text = whisper.decode(model, sound, options)[0]
        is_silence = text.no_speech_prob > _NO_SPEECH and text.avg_logprob < _IMPROBABLE
        if is_silence or (text.compression_ratio <= _REPETITIVE and text.avg_logprob >= _IMPROBABLE):
            break
    return text


def _finished(tokens: list[int], first_timestamp: int, frames: int) -> tuple[list[int], int]:
    """The tokens up to the last sentence that Whisper finished, and how many mel frames they cover.

    Two time stamps in a row end one sentence and begin the next. Text after the last such pair is unfinished unless
    a single time stamp closes it.
    """
    stamps = [token >= first_timestamp for token in tokens]
    pairs = [i for i in range(1, len(tokens)) if stamps[i - 1] and stamps[i]]
    if not pairs or stamps[-2:] == [False, True]:
        return tokens, frames
    last = pairs[-1]
    return tokens[:last], min(frames, (tokens[last - 1] - first_timestamp) * _MEL_PER_TIMESTAMP)


def _windows(cuts: Sequence[Span]) -> Iterator[list[Span]]:
    """Cuts in groups of no more than a window; a cut that is longer is divided evenly."""
    window: list[Span] = []
    for cut in cuts:
        parts = math.ceil(cut.duration / _WINDOW)
        edges = [cut.start + cut.duration * n / parts for n in range(parts + 1)]
        for start, end in pairwise(edges):
            if window and speech.total(window) + end - start > _WINDOW:
                yield window
                window = []
            window.append(Span(start, end))
    if window:
        yield window


def _moved_back(word: Word, window: Sequence[Span]) -> Word:
    """The word at its time in the call; it belongs to the cut that holds its middle."""
    middle, before = (word.start + word.end) / 2, 0.0
    cut = window[0]
    for cut in window:
        if middle < before + cut.duration or cut is window[-1]:
            break
        before += cut.duration
    moved = cut.start - before
    start = min(max(word.start + moved, cut.start), cut.end)
    return Word(word.text, round(start, 3), round(min(max(word.end + moved, start), cut.end), 3), word.confidence)


def _confidence(probability: float) -> float | None:
    return None if math.isnan(probability) else round(min(1.0, max(0.0, float(probability))), 4)


@lru_cache(maxsize=1)
def _loaded(weights: Weights, device: str) -> Any:  # noqa: ANN401  The library has no types.
    import whisper  # noqa: PLC0415

    # Loaded by path: by name, the library would download what it does not find.
    model = whisper.load_model(str(weights.path), device=device)
    if weights.published:
        model.set_alignment_heads(whisper._ALIGNMENT_HEADS[weights.published])
    return model


def _check_checkpoint(path: Path) -> None:
    """A checkpoint of one's own must be in Whisper's format; only tensors are read, never code."""
    import torch  # noqa: PLC0415

    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        complete = {"dims", "model_state_dict"} <= set(checkpoint)
    except (RuntimeError, UnpicklingError, OSError, EOFError, TypeError, ValueError) as error:
        raise _no_checkpoint(path, str(error).splitlines()[0] if str(error) else type(error).__name__) from error
    if not complete:
        raise _no_checkpoint(path, "dims and model_state_dict are not in it")


def _no_checkpoint(path: Path, why: str) -> EngineUnavailable:
    return EngineUnavailable(
        f"{path.name} is no Whisper checkpoint",
        why=f"{path}: {why}",
        tries=("callaudit models fetch base.en", 'engine = "sphinx" (demo)'),
    )


def _check_installed() -> None:
    missing = [name for name in ("torch", "whisper") if importlib.util.find_spec(name) is None]
    if not missing:
        try:
            _version()
        except PackageNotFoundError:
            missing = ["openai-whisper (another package is called whisper here)"]
    if missing:
        raise EngineUnavailable(
            "Whisper is not installed",
            why=f"missing: {', '.join(missing)}",
            tries=("pip install 'call-audit[whisper]'", 'engine = "sphinx" (demo)'),
        )


def _missing(model: str, weights_folder: Path | None) -> EngineUnavailable:
    published = model in _published()
    looked = ", ".join(str(p.parent) for p in _in(weights_folder, model))
    fetching = f"callaudit models fetch {model}" if published else "callaudit models list  (the sizes there are)"
    return EngineUnavailable(
        f"no Whisper weights for model {model!r}",
        why=f"looked in {looked}",
        tries=(fetching, "set weights_folder to where they are", 'engine = "sphinx" for a demo'),
    )


def _in(weights_folder: Path | None, name: str) -> tuple[Path, ...]:
    return tuple(folder / name for folder in (weights_folder, _cache()) if folder is not None)


def _cache() -> Path:
    return Path.home() / ".cache" / "whisper"


def _published() -> dict[str, str]:
    import whisper  # noqa: PLC0415

    models: dict[str, str] = whisper._MODELS
    return models


def _published_sha256(url: str) -> str:
    """The published address holds it as the folder of the file."""
    return url.split("/")[-2]


def _file_name(url: str) -> str:
    return url.rsplit("/", maxsplit=1)[-1]


def _device() -> str:
    import torch  # noqa: PLC0415

    return "cuda" if torch.cuda.is_available() else "cpu"


def _version() -> str:
    return version("openai-whisper")
