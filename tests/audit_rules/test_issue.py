"""What makes an apology or an acknowledgement one about this case."""

from collections.abc import Callable

import pytest

from callaudit.audit_rules.finding import Finding, Verdict

Judge = Callable[..., Finding]

RULE = "expect: {specific: true, any_of: [sorry (for|about|that|to hear (that)?), i understand how frustrating]}"


def verdict(judge: Judge, said: str) -> Verdict:
    return judge(RULE, f"C: My engineer never came.\nA: {said}").verdict


@pytest.mark.parametrize(
    "said",
    [
        "I am sorry that your lamp came broken",
        "Sorry for the delay.",
        "I understand how frustrating it is to wait in for nobody",
        "I can see that the parcel was left outside. I understand how frustrating that is.",
    ],
)
def test_a_clause_that_names_what_went_wrong_is_specific(judge: Judge, said: str) -> None:
    assert verdict(judge, said) is Verdict.MET


@pytest.mark.parametrize(
    "said",
    [
        "I am sorry for the inconvenience",
        "I am sorry about that let me check the warehouse",
        "I am sorry about that may I take your postcode please",
        "I am sorry for the trouble, Anthony.",
        "I am sorry to hear that Kayla can you send me a photo",
        "I understand how frustrating this is.",
    ],
)
def test_stock_words_a_name_and_the_next_clause_name_no_issue(judge: Judge, said: str) -> None:
    assert verdict(judge, said) is Verdict.MISSED
