"""Small rule files, as tests write them."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent, indent

from callaudit.audit_rules.finding import Finding
from callaudit.audit_rules.rulebook import Rulebook

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
