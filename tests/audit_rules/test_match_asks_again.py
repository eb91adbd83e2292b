"""`asks_again`: nothing is asked for that the customer gave already."""

import pytest

from callaudit.audit_rules.finding import EvidenceKind, Verdict
from callaudit.audit_rules.sentences import reason_of
from tests.support.rules import Judge

AGAIN = (
    "asks_again: {slots: {order number: {asks: [order number], gives: ['order # #']}, e-mail: {asks: [email address]}},"
    " unless: [did not catch]}"
)


@pytest.mark.parametrize(
    ("call", "verdict"),
    [
        ("C: Hello there.\nA: Your order number please?\nC: 4711.\nA: Thanks.", Verdict.MET),
        ("C: Hello there.\nA: Your order number?\nC: 4711.\nA: And the order number?", Verdict.MISSED),
        ("C: It is order 4711 0815.\nA: What is your order number?", Verdict.MISSED),
        ("C: Hello there.\nA: Your order number?\nC: 4711.\nA: And your email address?", Verdict.MET),
        ("C: Hello there.\nA: Your order number?\nC: Let me look.\nA: The order number?", Verdict.MET),
        ("C: Hello there.\nA: Your order number?\nC: Why?\nA: The order number helps.", Verdict.MET),
        ("C: Hello there.\nA: Your order number?\nC: I don't have it.\nA: No order number then.", Verdict.MET),
        ("C: Hello there.\nA: Your order number?\nC: 4711.\nA: I didn't catch that, the order number?", Verdict.MET),
        ("C: Hello there.\nA: Your order number? The order number?\nC: 4711.", Verdict.MET),
        ("C: Hello there.\nA: Okay.", Verdict.NOT_APPLICABLE),
    ],
)
def test_what_was_given_is_not_asked_for_again(judge: Judge, call: str, verdict: Verdict) -> None:
    assert judge(AGAIN, call).verdict is verdict


def test_a_miss_shows_where_it_was_given(judge: Judge) -> None:
    found = judge(AGAIN, "C: Hello there.\nA: Your order number?\nC: 4711.\nA: And the order number?")

    assert reason_of(found) == "Asks for the order number that the customer had given."
    assert [(e.kind, e.turn, e.quote) for e in found.evidence] == [
        (EvidenceKind.AGAINST, 3, "And the order number?"), (EvidenceKind.TRIGGER, 2, "4711."),
    ]  # fmt: skip
