"""`uses_name`: the customer's name, from the metadata or from the call."""

import pytest

from callaudit.audit_rules.audit import audit
from callaudit.audit_rules.authoring.examples import parse_example
from callaudit.audit_rules.finding import Verdict
from callaudit.audit_rules.rulebook import load_rulebook
from callaudit.audit_rules.sentences import reason_of
from tests.support.rules import Judge

NAME = "uses_name: {heard: [my name is, this is, i am]}"


@pytest.mark.parametrize(
    ("call", "verdict"),
    [
        ("customer name: Dana Ruiz\nC: Hello there.\nA: Hello, Dana.", Verdict.MET),
        ("customer name: Dana Ruiz\nC: Hello there.\nA: Hello, Ms. RUIZ!", Verdict.MET),
        ("customer name: José Núñez\nC: Hello there.\nA: Hello, josé.", Verdict.MET),
        ("customer name: Mr. Dana Ruiz\nC: Hello there.\nA: Hello, Mr. Smith.", Verdict.MISSED),
        ("customer name: Dana Ruiz\nC: Dana here, hello.\nA: Hello.", Verdict.MISSED),
        ("customer name: Dan Ruiz\nC: Hello there.\nA: Dancing is fun.", Verdict.MISSED),
        ("customer name: Will Fox\nC: Hello there.\nA: I will look. Will you wait?", Verdict.MISSED),
        ("customer name: Will Fox\nC: Hello there.\nA: Thanks, Will.", Verdict.MET),
        ("C: My name is Peter.\nA: Thanks, Peter.", Verdict.MET),
        ("C: This is Élodie speaking.\nA: Thanks, Élodie.", Verdict.MET),
        ("C: my name is peter\nA: thanks peter", Verdict.MET),
        ("C: My name is Peter.\nA: Thank you, sir.", Verdict.MISSED),
        ("customer name: Dana Ruiz\nC: Hello there.\nA: Hello, [PII].", Verdict.NOT_ASSESSABLE),
        ("customer name: Dana Ruiz\nC: Hello there.\nA: Hello, [NAME], I am Tom.", Verdict.NOT_ASSESSABLE),
        ("customer name: Dana Ruiz\nC: Hello there, I am [NAME].\nA: Your card [card] is here.", Verdict.MISSED),
        ("C: This is ridiculous.\nA: Account number please.", Verdict.NOT_APPLICABLE),
        ("C: this is ridiculous\nA: account number please", Verdict.NOT_APPLICABLE),
        ("C: I am Not happy.\nA: Account number please.", Verdict.NOT_APPLICABLE),
        ("A: My name is Peter.\nC: Hello there.", Verdict.NOT_APPLICABLE),
    ],
)
def test_the_customers_name_is_used(judge: Judge, call: str, verdict: Verdict) -> None:
    assert judge(NAME, call).verdict is verdict


SHIPPED = load_rulebook(recogniser=False)


@pytest.mark.parametrize(
    ("call", "verdict"),
    [
        (
            "A: Hello, this is Marco from Acme.\nC: My lamp is broken.\nA: Sorry, Marco here again.",
            Verdict.NOT_APPLICABLE,
        ),
        ("C: Hi Priya, my lamp is broken.\nA: Thank you, Priya will help you now.", Verdict.NOT_APPLICABLE),
        ("C: I am in London and my lamp is broken.\nA: Okay. Thank you, London.", Verdict.NOT_APPLICABLE),
        ("C: I am calling from Leeds.\nA: Thanks. Is the depot there, then, Leeds?", Verdict.NOT_APPLICABLE),
        ("C: This is Acme, right?\nA: Yes. Thank you, Acme.", Verdict.NOT_APPLICABLE),
        ("C: It is Monday, my lamp is broken.\nA: Thanks, Monday.", Verdict.NOT_APPLICABLE),
        ("C: Hello.\nA: Good morning, Birmingham office.", Verdict.NOT_APPLICABLE),
        ("C: Hello.\nA: I will put you through to Sam. Thanks, Sam.", Verdict.NOT_APPLICABLE),
        ("C: My name is [NAME].\nA: Thank you, [NAME].", Verdict.NOT_APPLICABLE),
        ("C: This is [PII] speaking.\nA: thanks mr [PII] let me see", Verdict.NOT_APPLICABLE),
        ("customer name: Dana Ruiz\nC: Hello there.\nA: Hello, [name].", Verdict.NOT_ASSESSABLE),
        ("A: May I have your name?\nC: Hi Priya, my lamp is broken.\nA: I see.", Verdict.NOT_APPLICABLE),
        ("A: May I have your name?\nC: It's Dana.\nA: Thank you, Dana, one moment.", Verdict.MET),
        ("C: Hello, it's Dana Ruiz.\nA: Good morning, Ms Ruiz let me look.", Verdict.MET),
        ("C: My lamp is broken.\nA: I am sorry to hear that. Thank you, Dana Ruiz.", Verdict.MET),
    ],
)
def test_the_name_of_an_agent_a_place_or_a_mask_is_not_the_customers(call: str, verdict: Verdict) -> None:
    found = audit(parse_example(call).transcript, SHIPPED).findings

    assert next(f for f in found if f.rule_id == "personal.uses_name").verdict is verdict


def test_a_miss_says_which_name_it_listened_for(judge: Judge) -> None:
    found = judge(NAME, "customer name: Dana Ruiz\nC: Hello there.\nA: Hello to you.")

    assert reason_of(found) == "The customer's name (dana, ruiz) is never used."
