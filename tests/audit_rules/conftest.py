"""Small rulebooks and short calls, written the way people write them."""

from pathlib import Path
from textwrap import dedent

import pytest

from callaudit.audit_rules.audit import audit
from callaudit.audit_rules.authoring.examples import parse_example
from callaudit.audit_rules.finding import Finding
from callaudit.audit_rules.rulebook import Rulebook, load_rulebook
from tests.support.rules import GATE, Judge, RulebookOf, WriteRules, block


@pytest.fixture
def write_rules(tmp_path: Path) -> WriteRules:
    """Writes `name="text"` as `<name>.yaml` into a folder of rules; `cards_x` is scorecards/x.yaml, `acts_x` acts/x."""
    folders = {"cards": "scorecards", "acts": "acts"}

    def write(folder: str = "rules", **files: str) -> Path:
        home = tmp_path / folder
        for name in ("scorecards", "acts"):
            (home / name).mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            kind, _, rest = name.partition("_")
            place = home / folders[kind] / rest if kind in folders else home / name
            place.with_suffix(".yaml").write_text(text, encoding="utf-8")
        return home

    return write


_BUILT: dict[tuple[tuple[str, str], ...], Rulebook] = {}


@pytest.fixture
def rulebook_of(write_rules: WriteRules) -> RulebookOf:
    """A rulebook of these files alone, with the gate above, that hears by phrases alone.

    It is built once for all tests that ask for the same: what it says depends on nothing else.
    """

    def build(**files: str) -> Rulebook:
        said = tuple(sorted({**GATE, **files}.items()))
        if said not in _BUILT:
            _BUILT[said] = load_rulebook(write_rules(**dict(said)), shipped=False, recogniser=False)
        return _BUILT[said]

    return build


@pytest.fixture
def judge(rulebook_of: RulebookOf) -> Judge:
    """Judges an example call by one rule, given as its body or, with `also`, with others it builds on."""

    def finding(body: str, call: str, *, rule_id: str = "apology.given", also: str = "") -> Finding:
        step = rule_id.partition(".")[0]
        rulebook = rulebook_of(**{step: block(body, rule_id=rule_id) + also})
        example = parse_example(dedent(call))
        found = audit(example.transcript, rulebook, contacts=example.contacts, known_until=example.known_until)
        return next(f for f in found.findings if f.rule_id == rule_id)

    return finding
