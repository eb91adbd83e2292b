"""One spelling for the language of a call."""

import pytest

from callaudit.transcription.language import NAMES, code_of, shared


@pytest.mark.parametrize("written", ["en", "EN", "en-GB", "en_us", "english", " English "])
def test_a_language_has_one_code_however_it_is_written(written: str):
    assert code_of(written) == "en"


@pytest.mark.parametrize("written", ["", None, "multi", "automatic", "?"])
def test_what_is_no_language_is_not_taken_for_one(written: str | None):
    assert code_of(written) is None


def test_a_code_that_has_no_name_here_is_kept():
    assert code_of("quz-PE") == "quz"


def test_a_call_in_two_languages_is_in_neither():
    assert shared(["de", "de"]) == "de"
    assert shared(["de", "en"]) is shared(["en", None]) is shared([]) is None


def test_every_language_of_whisper_has_its_name():
    known = pytest.importorskip("whisper", reason="the package whisper is not installed").tokenizer.LANGUAGES

    assert {code: name.lower() for code, name in NAMES.items()} == known
    assert all(code_of(name) == code for code, name in known.items())
