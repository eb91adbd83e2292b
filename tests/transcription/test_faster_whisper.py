"""What can be shown of faster-whisper without a converted model: nothing is guessed and nothing is fetched."""

from pathlib import Path

import pytest

from transcription.engines import EngineUnavailable, choose, prompt_text

pytest.importorskip("faster_whisper")


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
