"""Why a file cannot become a transcript: one closed set, each with its words, each raised somewhere."""

import ast
from pathlib import Path

from callaudit.audit_rules.sentences import language
from callaudit.transcription.errors import Refusal, Unreadable

RAISING = {"Unreadable", "Flaw", "Absurd", "_pass_over"}


def test_every_code_that_is_raised_is_of_the_set_and_none_is_left_over() -> None:
    house = Path(__file__).parents[2]
    raised: set[str] = set()
    for file in (*house.glob("transcription/**/*.py"), *house.glob("flows/**/*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in RAISING:
                told = [arg.value for arg in node.args[:2] if isinstance(arg, ast.Constant)]
                raised |= {code for code in told if isinstance(code, str) and code.replace("_", "").isalpha()}

    assert raised == set(Refusal)


def test_every_code_is_told_in_words() -> None:
    assert language().refusals.keys() == set(Refusal)


def test_what_lies_outside_the_sound_of_a_file_may_pass_another_time() -> None:
    assert Unreadable("metadata_missing", "a.wav: no metadata").code.is_retryable
    assert not Unreadable("truncated", "a.wav: cut off").code.is_retryable
