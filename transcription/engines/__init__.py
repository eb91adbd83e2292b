"""The recognisers that write the words: one file, and one foreign library, each."""

import contextlib
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from transcription.audio import Samples
from transcription.errors import SetupError
from transcription.transcript import Provenance, Seconds, Span, Word

EngineName = Literal["auto", "whisper", "sphinx"]


class Engine(Protocol):
    """Writes the words of one channel.

    The same samples and spans give the same words, whatever was heard before them.
    """

    @property
    def provenance(self) -> Provenance:
        """What writes the words: engine, model, weights and settings."""

    def transcribe(self, samples: Samples, sample_rate: int, spans: Sequence[Span]) -> list[Word]:
        """Words with times and confidences in order of time; only the spans (padded a little) are listened to."""


class EngineUnavailable(SetupError):
    """The engine that was asked for cannot run here: not installed, no weights, or the wrong language."""


def choose(
    engine: EngineName = "auto",
    *,
    model: str = "base.en",
    weights_folder: Path | None = None,
    language: str = "en",
    download_timeout: Seconds = 30.0,
) -> Engine:
    """The engine to use, ready to run.

    "whisper" and "sphinx" are what they say or raise `EngineUnavailable`. "auto" is Whisper when it is installed and
    its weights are on disk or can be fetched within `download_timeout` seconds (0 = never fetch), else the embedded
    demo engine, whose provenance says so to every reader.
    """
    # Imported by name and late: each drags in its recogniser.
    if engine == "sphinx":
        return _sphinx(language)
    if engine == "whisper":
        return _whisper(model, weights_folder, language, 0.0)
    with contextlib.suppress(EngineUnavailable):
        return _whisper(model, weights_folder, language, download_timeout)
    return _sphinx(language)


def settings_hash(settings: Mapping[str, object]) -> str:
    """Twelve hex digits that change when any setting that changes words does."""
    return sha256(msgspec.json.encode(settings, order="deterministic")).hexdigest()[:12]


def _sphinx(language: str) -> Engine:
    made: Engine = import_module("transcription.engines.sphinx").Sphinx(language=language)
    return made


def _whisper(model: str, weights_folder: Path | None, language: str, download_timeout: Seconds) -> Engine:
    ready = import_module("transcription.engines.whisper").ready
    made: Engine = ready(model, weights_folder=weights_folder, language=language, download_timeout=download_timeout)
    return made
