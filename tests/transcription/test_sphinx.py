import shutil
import subprocess
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from transcription.audio import Samples, decode
from transcription.engines import Channel, EngineUnavailable, choose
from transcription.engines.sphinx import NOTICE
from transcription.speech import speech_spans
from transcription.transcript import Span, Word

pytest.importorskip("pocketsphinx", reason="the package pocketsphinx is not installed")

SENTENCES = ["thank you for calling how can i help you", "i want to speak to a manager"]


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Samples, tuple[Span, ...]]:
    """Two sentences a second apart, spoken by a synthetic voice."""
    flite = shutil.which("flite")
    if flite is None:
        pytest.skip("flite is not installed: no synthetic voice to listen to")
    folder: Path = tmp_path_factory.mktemp("spoken")
    pieces: list[Samples] = []
    for n, sentence in enumerate(SENTENCES):
        subprocess.run([flite, "-voice", "rms", "-t", sentence, "-o", str(folder / f"{n}.wav")], check=True)
        pieces += [np.zeros(16000, np.float32), decode(folder / f"{n}.wav").samples[0]]
    samples = np.concatenate([*pieces, np.zeros(8000, np.float32)])
    return samples, speech_spans(samples, 16000)


def hear(samples: Samples, spans: Sequence[Span]) -> list[Word]:
    (written,) = choose("sphinx").transcribe([Channel(samples=samples, sample_rate=16000, spans=tuple(spans))])
    return written.words


def text(words: list[Word]) -> str:
    return " ".join(w.text for w in words)


def test_clear_speech_is_written_down_with_times_and_confidences(spoken: tuple[Samples, tuple[Span, ...]]):
    samples, spans = spoken

    words = hear(samples, spans)

    right = set(text(words).split()) & set(" ".join(SENTENCES).split())
    assert len(right) >= 11
    assert words[0].start >= 0.7
    assert all(a.start < a.end <= b.start + 1e-9 for a, b in pairwise(words))
    assert all(w.confidence is not None and 0.0 <= w.confidence <= 1.0 for w in words)
    assert not any(c in text(words) for c in "<>[]()+")


def test_words_do_not_depend_on_what_was_heard_before(spoken: tuple[Samples, tuple[Span, ...]]):
    samples, spans = spoken
    second = [s for s in spans if s.start > spans[0].start + 2.5]

    alone = hear(samples, second)
    both = hear(samples, spans)
    again = hear(samples, second)

    assert alone == again == both[-len(alone) :]


def test_nothing_is_heard_where_there_is_no_speech(spoken: tuple[Samples, tuple[Span, ...]]):
    assert hear(spoken[0], ()) == []


def test_every_reader_is_told_that_the_demo_engine_wrote_the_words():
    provenance = choose("sphinx").provenance

    assert (provenance.engine, provenance.model, provenance.notice) == ("sphinx", "en-us", NOTICE)
    assert len(provenance.weights_hash) == 12


def test_a_language_it_does_not_know_is_refused():
    with pytest.raises(EngineUnavailable, match="only knows English"):
        choose("sphinx", language="de")
