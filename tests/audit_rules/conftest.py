"""Small rulebooks and short calls, written the way people write them."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent, indent

import pytest

from callaudit.audit_rules.audit import audit
from callaudit.audit_rules.authoring.examples import parse_example
from callaudit.audit_rules.finding import Finding
from callaudit.audit_rules.rulebook import Rulebook, load_rulebook

WriteRules = Callable[..., Path]
RulebookOf = Callable[..., Rulebook]
Judge = Callable[..., Finding]


def act(name: str, *phrases: str, who: str = "customer", unless: str = "", more: str = "") -> dict[str, str]:
    """An act that is heard by these phrases alone, as a file for `write_rules`."""
    lines = [f"name: {name}", f"who: {who}", "means: It.", "is_not: Else.", f"phrases: [{', '.join(phrases)}]"]
    return {f"acts_{name}": "\n".join([*lines, f"unless: [{unless}]", more, "examples: [Such a line.]"])}


# When a call is tense, by acts whose phrases the tests know: one angry turn or two weary ones.
GATE = {
    **act("is_angry", "(this|that|it) is (so )?ridiculous", "(second|third) time i have called"),
    **act("is_weary", "terrible", "awful*", "upset"),
    **act("is_cross_at_home", "my sister"),
    **act("agrees", "that works", "sounds good", unless="if that works"),
    **act("is_grateful", "thank you"),
    **act("is_not_done", "still (does|is) not"),
    **act("tells_of_fault", "is broken"),
    "gate": """
upset: [is_angry, is_weary]
clearly: [is_angry]
elsewhere: [is_cross_at_home]
turns: 2
accepted: [agrees]
thanked: [is_grateful]
persists: [is_not_done]
problem: [tells_of_fault]
""",
}


def block(body: str, *, rule_id: str = "apology.given") -> str:
    """A whole rule around the part that a test is about."""
    head = f"- id: {rule_id}\n  asks: Is it so?\n  why: Because.\n  sources: [A1]\n"
    return f"{head}{indent(dedent(body).strip(), '  ')}\n  examples: {{met: 'A: yes'}}\n"


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
