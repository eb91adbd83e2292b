"""Small rulebooks and short calls, written the way people write them."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent, indent

import pytest

from audit_rules.audit import audit
from audit_rules.examples import parse_example
from audit_rules.finding import Finding
from audit_rules.rulebook import Rulebook, load_rulebook

EPISODES = """
strong: [(this|that|it) is (so )?ridiculous, (second|third) time i have called]
weak: [terrible, awful*, upset]
accepts: [that works, sounds good]
thanks: [thank you]
unsolved: [if that works]
"""

WriteRules = Callable[..., Path]
RulebookOf = Callable[..., Rulebook]
Judge = Callable[..., Finding]


def block(body: str, *, rule_id: str = "apology.given") -> str:
    """A whole rule around the part that a test is about."""
    head = f"- id: {rule_id}\n  asks: Is it so?\n  why: Because.\n  sources: [A1]\n"
    return f"{head}{indent(dedent(body).strip(), '  ')}\n  examples: {{met: 'A: yes'}}\n"


@pytest.fixture
def write_rules(tmp_path: Path) -> WriteRules:
    """Writes `name="text"` as `<name>.yaml` into a folder of rules; a name `cards_x` is scorecards/x.yaml."""

    def write(folder: str = "rules", **files: str) -> Path:
        home = tmp_path / folder
        (home / "scorecards").mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            place = home / "scorecards" / name.removeprefix("cards_") if name.startswith("cards_") else home / name
            place.with_suffix(".yaml").write_text(text, encoding="utf-8")
        return home

    return write


@pytest.fixture
def rulebook_of(write_rules: WriteRules) -> RulebookOf:
    """A rulebook of these files alone, with the cues above."""

    def build(**files: str) -> Rulebook:
        return load_rulebook(write_rules(**{"episodes": EPISODES, **files}), shipped=False)

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
