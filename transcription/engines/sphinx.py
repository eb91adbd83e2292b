"""The embedded demo engine: PocketSphinx with the English model of its own wheel.

It needs no download. On one core it runs at 2 to 5 times real time on clear speech, and at 1.4 on a real two-channel
telephone call. It gets 95 words in 100 right on clear synthetic speech, 61 to 94 at telephone band width, and most
words of a real telephone call wrong, so its transcripts carry a notice.
"""

import re
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from transcription import speech
from transcription.engines import Channel, EngineUnavailable, Written, settings_hash
from transcription.transcript import Provenance, Seconds, Word

NOTICE = "words by the embedded demo engine; install Whisper weights for real use"

_SAMPLE_RATE = 16000
_FRAMES_PER_SECOND = 100

# A cut that holds a whole sentence gives the language model something to work with; silence only costs time.
_JOIN: Seconds = 0.5
_PADDING: Seconds = 0.25

# One pass less and fewer hypotheses a frame than the library's own: a good half faster on the samples, for one word
# error more in a hundred words.
_SEARCH = {"fwdflat": False, "topn": 2, "maxhmmpf": 8000, "maxwpf": 20}

_VARIANT = re.compile(r"\(\d+\)$")

# The decoder is neither cheap nor safe to share between threads.
_ONE_AT_A_TIME = Lock()


class Sphinx:
    """PocketSphinx on the speech of one channel, each cut normalised on its own."""

    takes_glossary = False
    batch = 1

    def __init__(self, *, language: str = "en") -> None:
        if language.split("-", maxsplit=1)[0].lower() != "en":
            raise EngineUnavailable(
                f"the embedded demo engine only knows English, not {language!r}",
                why='engine = "sphinx", or "auto" without Whisper weights',
                tries=('language = "en"', 'engine = "whisper" with a multilingual model: callaudit models fetch base'),
            )
        try:
            import pocketsphinx  # noqa: F401, PLC0415
        except ImportError as error:
            raise EngineUnavailable(
                "the embedded demo engine is not installed",
                why=f"pocketsphinx cannot be imported: {error}",
                tries=("pip install 'call-audit[sphinx]'",),
            ) from error
        self.provenance = Provenance(
            engine="sphinx",
            model="en-us",
            weights_hash=_weights_hash(),
            settings_hash=settings_hash(
                {"pocketsphinx": version("pocketsphinx"), "cmn": "batch", "join": _JOIN, "padding": _PADDING, **_SEARCH}
            ),
            notice=NOTICE,
        )

    def transcribe(self, heard: Sequence[Channel]) -> list[Written]:
        """Lower-case words without punctuation, one channel after the other; the samples must be at 16 kHz."""
        with _ONE_AT_A_TIME:
            return [Written(_heard(channel), "en") for channel in heard]


def _heard(channel: Channel) -> list[Word]:
    rate = channel.sample_rate
    if rate != _SAMPLE_RATE:
        raise ValueError(f"the model was trained at {_SAMPLE_RATE} Hz; these samples are at {rate} Hz")
    words: list[Word] = []
    for cut in speech.padded(speech.union(channel.spans, gap=_JOIN), _PADDING, duration=len(channel.samples) / rate):
        first = int(cut.start * rate)
        pcm = np.clip(channel.samples[first : int(cut.end * rate)], -1.0, 1.0) * 32767.0
        words += _words(pcm.astype("<i2").tobytes(), first / rate)
    return words


def _words(pcm: bytes, offset: Seconds) -> list[Word]:
    decoder = _decoder()
    # The noise estimate outlives an utterance, and full_utt normalises a cut by its own mean: with both, no cut
    # depends on the ones before it.
    decoder.reinit_feat()
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()
    return [
        Word(
            text=_VARIANT.sub("", heard.word),
            start=round(offset + heard.start_frame / _FRAMES_PER_SECOND, 3),
            end=round(offset + (heard.end_frame + 1) / _FRAMES_PER_SECOND, 3),
            confidence=round(min(1.0, max(0.0, heard.prob)), 4),
        )
        for heard in decoder.seg() or ()
        if heard.word[0] not in "<[+"  # <s>, <sil>, [NOISE], ++UM++: not words.
    ]


@cache
def _decoder() -> Any:  # noqa: ANN401  The library has no types.
    import pocketsphinx  # noqa: PLC0415  Only who needs it waits for it.

    return pocketsphinx.Decoder(samprate=_SAMPLE_RATE, cmn="batch", loglevel="FATAL", **_SEARCH)


@cache
def _weights_hash() -> str:
    import pocketsphinx  # noqa: PLC0415  Only who needs it waits for it.

    folder = Path(pocketsphinx.get_model_path("en-us"))
    digest = sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:12]
