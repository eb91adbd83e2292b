"""Rule files are YAML that every loader reads, in phrases short enough to be reviewed by people."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from ruamel.yaml import YAML

from callaudit.audit_rules.rule_files.checks import PHRASE_KEYS
from callaudit.audit_rules.rulebook import SHIPPED

LONGEST_PHRASE = 120
FILES = sorted(SHIPPED.rglob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=[str(file.relative_to(SHIPPED)) for file in FILES])
def test_two_loaders_read_the_same_of_every_shipped_file(file: Path) -> None:
    text = file.read_text(encoding="utf-8")

    assert yaml.safe_load(text) == YAML(typ="safe", pure=True).load(text)


@pytest.mark.parametrize("file", FILES, ids=[str(file.relative_to(SHIPPED)) for file in FILES])
def test_every_shipped_phrase_can_be_read_in_one_line(file: Path) -> None:
    phrases = phrases_in(yaml.safe_load(file.read_text(encoding="utf-8")), inside=file.stem == "words")

    longer = [f"{len(phrase)} characters: {phrase}" for phrase in phrases if len(phrase) > LONGEST_PHRASE]

    assert longer == [], "name the choices of a phrase in words.yaml, or make it two"


def phrases_in(value: object, *, inside: bool) -> Iterator[str]:
    """The phrases of a rule file or an act's, and with `inside` every text."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from phrases_in(
                inner, inside=inside or (key in PHRASE_KEYS and isinstance(inner, list)) or key == "phrases"
            )
    elif isinstance(value, list):
        for inner in value:
            yield from phrases_in(inner, inside=inside)
    elif isinstance(value, str) and inside:
        yield value
