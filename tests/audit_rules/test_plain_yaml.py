"""Rule files are YAML that every loader reads: people open them with other programs too."""

from pathlib import Path

import pytest
import yaml
from ruamel.yaml import YAML

from callaudit.audit_rules.rulebook import SHIPPED

FILES = sorted(SHIPPED.rglob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=[str(file.relative_to(SHIPPED)) for file in FILES])
def test_two_loaders_read_the_same_of_every_shipped_file(file: Path) -> None:
    text = file.read_text(encoding="utf-8")

    assert yaml.safe_load(text) == YAML(typ="safe", pure=True).load(text)
