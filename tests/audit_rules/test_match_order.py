"""`order` and `restates`: what comes first, and whose words come back."""

import pytest

from callaudit.audit_rules.finding import EvidenceKind, Note, Verdict
from callaudit.audit_rules.sentences import reason_of
from tests.support.rules import Judge, block

FEELING_FIRST = "applies: upset\norder: {first: {any_of: [sorry]}, then: {any_of: [refund]}}"


@pytest.mark.parametrize(
    ("said", "verdict", "reason"),
    [
        ("Sorry. You get a refund.", Verdict.MET, "In the right order."),
        ("You get a refund. Sorry.", Verdict.MISSED, "In the wrong order."),
        ("You get a refund.", Verdict.MISSED, "Came without the other before it."),
        ("Sorry to hear.", Verdict.MET, "Nothing went before it."),
        ("Account number please.", Verdict.NOT_APPLICABLE, "Neither of the two came, so there is no order to judge."),
    ],
)  # fmt: skip
def test_one_thing_comes_before_another(judge: Judge, said: str, verdict: Verdict, reason: str) -> None:
    found = judge(FEELING_FIRST, f"C: This is ridiculous.\nA: {said}")

    assert (found.verdict, reason_of(found)) == (verdict, reason)


def test_what_was_said_before_the_upset_does_not_count(judge: Judge) -> None:
    found = judge(FEELING_FIRST, "A: Sorry to keep you.\nC: This is ridiculous.\nA: You get a refund.")

    assert found.verdict is Verdict.MISSED


def test_with_since_call_what_was_asked_before_the_upset_counts(judge: Judge) -> None:
    rule = "applies: upset\norder: {since: call, first: {any_of: [which lamp]}, then: {any_of: [refund]}}"
    asked = judge(rule, "A: Which lamp?\nC: This is ridiculous.\nA: You get a refund.")
    never_asked = judge(rule, "A: Hello.\nC: This is ridiculous.\nA: You get a refund.")

    assert (asked.verdict, never_asked.verdict) == (Verdict.MET, Verdict.MISSED)


def test_the_wrong_order_shows_both(judge: Judge) -> None:
    found = judge(FEELING_FIRST, "C: This is ridiculous.\nA: You get a refund.\nC: So?\nA: Sorry.")

    assert [(e.kind, e.quote, e.note) for e in found.evidence] == [
        (EvidenceKind.AGAINST, "You get a refund", Note.CAME_FIRST), (EvidenceKind.NEAR_MISS, "Sorry", Note.CAME_AFTER),
    ]  # fmt: skip


MIRRORS = "restates: {words: 2, lead: [so you are saying]}"


def test_the_customers_own_words_come_back(judge: Judge) -> None:
    found = judge(MIRRORS, "C: The lamp arrived with a cracked shade.\nA: So you're saying the shade is cracked.")

    assert found.verdict is Verdict.MET
    assert "shade" in reason_of(found)


def test_words_that_the_customer_never_said_are_no_mirror(judge: Judge) -> None:
    found = judge(MIRRORS, "C: The lamp arrived with a cracked shade.\nA: So you're saying the parcel was late.")

    assert (found.verdict, reason_of(found)) == (Verdict.MISSED, "No turn says the customer's issue back.")


def test_words_that_the_customer_says_later_are_no_mirror(judge: Judge) -> None:
    call = "C: Hello there.\nA: So you're saying the shade is cracked.\nC: The shade is cracked."

    assert judge(MIRRORS, call).verdict is Verdict.MISSED


FITS = "restates: {words: 1, during: [apology.offer]}"
OFFER = block("expect: {any_of: [send you]}", rule_id="apology.offer")


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ("I will send you a new shade.", Verdict.MET),
        ("I will send you a voucher.", Verdict.MISSED),
        ("The shade is a pity.", Verdict.MISSED),
    ],
)
def test_an_offer_takes_up_what_was_told(judge: Judge, said: str, verdict: Verdict) -> None:
    assert judge(FITS, f"C: The lamp has a cracked shade.\nA: {said}", also=OFFER).verdict is verdict
