"""faster-whisper on converted models with random weights: everything but the right words."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from callaudit.transcription.audio import Samples
from callaudit.transcription.engines import Channel, Engine, EngineUnavailable, Written, choose, prompt_text
from callaudit.transcription.transcript import Span

pytest.importorskip("faster_whisper", reason="the package faster_whisper is not installed")


@pytest.fixture(autouse=True)
def no_other_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of Hugging Face without models, and no way to fill it."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_a_model_that_is_not_here_is_named_with_where_it_was_sought(tmp_path: Path):
    with pytest.raises(EngineUnavailable) as missing:
        choose("faster-whisper", model="mine", weights_folder=tmp_path)

    assert str(tmp_path / "faster-whisper-mine") in str(missing.value)
    assert "nothing is downloaded" in str(missing.value)


def test_a_folder_without_its_tokenizer_is_refused(tmp_path: Path):
    for name in ("model.bin", "config.json"):
        (tmp_path / name).write_bytes(b"{}")

    with pytest.raises(EngineUnavailable, match=r"tokenizer\.json missing"):
        choose("faster-whisper", model=str(tmp_path))


def test_a_prompt_holds_whole_names_and_the_first_ones_first():
    names = ("Dana Whitfield", "Acme Router", "Contoso Home")

    assert prompt_text(names, tokens=len, room=30) == "Dana Whitfield, Acme Router."
    assert prompt_text(names, tokens=len, room=5) == prompt_text((), tokens=len, room=30) == ""


# ---------------------------------------------------------------- hearing

RATE = 16000

MODELS: dict[str, dict[str, Any]] = {
    "sure": {"seed": 2, "stamps": {0: 0.0, 7: 1.0}},
    "in doubt": {"seed": 5, "sure": 0.3, "stamps": {7: 28.0}},
    "of many languages": {"seed": 6, "languages": 99, "stamps": {7: 1.0}},
}


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the converted `MODELS`."""
    pytest.importorskip("whisper", reason="the package whisper is not installed")
    from benchmarks.support.random_whisper import random_model
    from tests.support.converted_whisper import save_converted

    folder: Path = tmp_path_factory.mktemp("models")
    for name, made in MODELS.items():
        save_converted(folder / name, random_model(size="toy with room", **made))
    return folder


def engine(converted: Path, model: str, **settings: Any) -> Engine:
    return choose("faster-whisper", model=model, weights_folder=converted, **{"batch": 2, "threads": 1, **settings})


def sound(seconds: float, *, hertz: float) -> Samples:
    clock = np.arange(round(seconds * RATE)) / RATE
    return (0.2 * np.sin(2 * np.pi * hertz * clock) * (np.sin(8 * clock) > 0)).astype(np.float32)


def channel(samples: Samples, *spans: Span, call: str = "", glossary: tuple[str, ...] = ()) -> Channel:
    heard = spans or (Span(0.3, len(samples) / RATE - 0.3),)
    return Channel(samples=samples, sample_rate=RATE, spans=heard, call=call, glossary=glossary)


SOUNDS = [sound(1.4, hertz=200), sound(2.1, hertz=310), sound(0.9, hertz=520)]


@pytest.mark.slow
def test_words_have_times_where_there_was_speech(converted: Path):
    line = np.zeros(70 * RATE, np.float32)
    spoken = (Span(5.0, 7.0), Span(20.0, 21.0), Span(30.0, 58.0))
    for span in spoken:
        line[round(span.start * RATE) : round(span.end * RATE)] = sound(span.duration, hertz=250)

    (written,) = engine(converted, "sure").transcribe([channel(line, *spoken)])

    assert written.language == "en"
    assert len(written.words) >= 2
    assert [w.start for w in written.words] == sorted(w.start for w in written.words)
    for word in written.words:
        assert any(s.start - 0.3 <= word.start <= word.end <= s.end + 0.3 for s in spoken)
        assert word.confidence is None or 0.0 <= word.confidence <= 1.0


@pytest.mark.slow
@pytest.mark.parametrize("model", ["sure", "in doubt"])
def test_words_depend_neither_on_what_was_heard_before_nor_on_what_shares_their_batch(converted: Path, model: str):
    ear = engine(converted, model)
    channels = [channel(samples) for samples in SOUNDS]

    together = ear.transcribe(channels)

    assert all(written.words for written in together)
    assert ear.transcribe(channels[::-1])[::-1] == together
    assert [ear.transcribe([one])[0] for one in channels] == together


@pytest.mark.slow
def test_a_window_in_doubt_is_heard_again_warmer(converted: Path, monkeypatch: pytest.MonkeyPatch):
    from faster_whisper import WhisperModel

    tried: list[tuple[float, ...]] = []
    usual = WhisperModel.transcribe

    def noted(self: Any, audio: Any, **settings: Any) -> Any:
        tried.append(settings["temperature"])
        return usual(self, audio, **settings)

    monkeypatch.setattr(WhisperModel, "transcribe", noted)

    engine(converted, "sure").transcribe([channel(SOUNDS[1])])
    assert tried == []
    engine(converted, "in doubt").transcribe([channel(SOUNDS[0]), channel(SOUNDS[1])])
    assert tried == [(0.0, 0.4, 0.8)] * 2


@pytest.mark.slow
def test_names_that_are_to_be_expected_change_the_words(converted: Path):
    ear = engine(converted, "sure")
    plain, prompted = ear.transcribe([channel(SOUNDS[0]), channel(SOUNDS[0], glossary=("Dana Whitfield", "Acme"))])

    assert prompted.words != plain.words
    assert ear.takes_glossary


@pytest.mark.slow
def test_the_language_is_detected_once_for_all_channels_of_a_call(converted: Path):
    ear = engine(converted, "of many languages", language="auto")
    silent = Channel(samples=SOUNDS[0], sample_rate=RATE, spans=(), call="silence")

    first, second, nothing = ear.transcribe([channel(SOUNDS[0], call="a"), channel(SOUNDS[1], call="a"), silent])

    assert first.language == second.language
    assert first.language is not None
    assert nothing == Written([], None)


@pytest.mark.slow
def test_a_language_that_is_set_is_not_detected(converted: Path):
    (written,) = engine(converted, "of many languages", language="de").transcribe([channel(SOUNDS[0])])

    assert written.language == "de"
