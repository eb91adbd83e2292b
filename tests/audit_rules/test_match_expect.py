"""`expect`: the agent says something, in a window after what called for it."""

import pytest

from callaudit.audit_rules.finding import EvidenceKind, Finding, Miss, Verdict
from callaudit.audit_rules.sentences import reason_of
from tests.support.rules import Judge, block

SORRY = "applies: upset\nexpect: {within: 2 agent turns, any_of: [sorry]}"
IN_TIME = "applies: upset\nexpect: {within: 30 s, any_of: [sorry]}"


def quotes(finding: Finding, kind: EvidenceKind) -> list[str]:
    return [e.quote for e in finding.evidence if e.kind is kind]


def test_an_apology_in_the_second_turn_is_in_time(judge: Judge) -> None:
    found = judge(SORRY, "C: This is ridiculous.\nA: Let me look.\nC: Well.\nA: I am sorry.")

    assert found.verdict is Verdict.MET
    assert quotes(found, EvidenceKind.MET) == ["I am sorry"]
    assert quotes(found, EvidenceKind.TRIGGER) == ["This is ridiculous"]


def test_an_apology_in_the_third_turn_is_too_late(judge: Judge) -> None:
    found = judge(SORRY, "C: This is ridiculous.\nA: One.\nC: Well.\nA: Two.\nC: Well.\nA: I am sorry.")

    assert found.verdict is Verdict.MISSED
    assert found.miss is Miss.TOO_LATE
    assert reason_of(found) == "Not heard within 2 agent turns after the upset. It was said later."
    assert quotes(found, EvidenceKind.NEAR_MISS) == ["I am sorry"]


def test_a_listening_signal_takes_no_turn_of_the_window(judge: Judge) -> None:
    call = "C: This is ridiculous.\nA: Okay.\nC: Well?\nA: I see.\nC: Well?\nA: One.\nC: Well?\nA: I am sorry."

    assert judge(SORRY, call).verdict is Verdict.MET


def test_an_apology_before_the_upset_does_not_count(judge: Judge) -> None:
    found = judge(SORRY, "A: Sorry to keep you waiting.\nC: This is ridiculous.\nA: Account number?")

    assert found.verdict is Verdict.MISSED
    assert found.miss is Miss.TOO_EARLY


def test_the_customers_sorry_is_not_the_agents(judge: Judge) -> None:
    found = judge(SORRY, "C: Sorry, this is ridiculous.\nA: Account number?")

    assert found.verdict is Verdict.MISSED
    assert found.miss is Miss.BY_THE_OTHER


def test_nothing_like_it_is_told_plainly(judge: Judge) -> None:
    found = judge(SORRY, "C: This is ridiculous.\nA: Account number?")

    assert reason_of(found) == "Not heard within 2 agent turns after the upset."
    assert [e.kind for e in found.evidence] == [EvidenceKind.TRIGGER]


def test_a_call_that_ends_with_the_upset_leaves_no_chance(judge: Judge) -> None:
    found = judge(SORRY, "A: Hello there.\nC: This is ridiculous.")

    assert found.verdict is Verdict.NOT_APPLICABLE


def test_a_calm_call_calls_for_nothing(judge: Judge) -> None:
    found = judge(SORRY, "C: Hello.\nA: Hello.")

    assert (found.verdict, reason_of(found)) == (Verdict.NOT_APPLICABLE, "The customer was never upset.")


@pytest.mark.parametrize(("said_at", "verdict"), [(33.0, Verdict.MET), (33.1, Verdict.MISSED)])
def test_thirty_seconds_count_from_the_end_of_the_upset(judge: Judge, said_at: float, verdict: Verdict) -> None:
    found = judge(IN_TIME, f"[0-3] C: This is ridiculous.\n[4-5] A: Well.\n[6-7] C: So.\n[{said_at}-40] A: Sorry.")

    assert found.verdict is verdict
    if verdict is Verdict.MISSED:
        assert reason_of(found) == "Not heard within 30 s after the upset. It was said 30 s after the upset."
    else:
        assert reason_of(found) == "Heard 30 s after the upset."


def test_seconds_cannot_be_judged_without_times(judge: Judge) -> None:
    found = judge(IN_TIME, "C: This is ridiculous.\nA: I am sorry.")

    assert found.verdict is Verdict.NOT_ASSESSABLE
    assert quotes(found, EvidenceKind.NEAR_MISS) == ["I am sorry"]


def test_what_was_never_said_is_missed_even_without_times(judge: Judge) -> None:
    assert judge(IN_TIME, "C: This is ridiculous.\nA: Account number?").verdict is Verdict.MISSED


def test_an_exception_that_overlaps_a_hit_takes_it_away(judge: Judge) -> None:
    body = "expect: {any_of: [sorry], unless: [sorry i did not catch]}"

    assert judge(body, "C: Hi.\nA: Sorry, I didn't catch that.").verdict is Verdict.MISSED
    assert judge(body, "C: Hi.\nA: Sorry, I didn't catch that. I am sorry about it.").verdict is Verdict.MET


def test_two_of_two_are_needed_and_one_place_counts_once(judge: Judge) -> None:
    other = block("expect: {any_of: [so sorry]}", rule_id="apology.other")
    body = "expect: {at_least: 2, any_of: [sorry], events: [apology.other]}"

    once = judge(body, "C: Hi.\nA: I am so sorry.", also=other)
    assert once.verdict is Verdict.MISSED
    assert (once.miss, reason_of(once)) == (Miss.TOO_FEW, "Said 1 of 2 times.")
    assert judge(body, "C: Hi.\nA: So sorry. Really sorry.", also=other).verdict is Verdict.MET


def test_words_of_other_rules_count_as_events(judge: Judge) -> None:
    other = block("expect: {any_of: [forgive me]}", rule_id="apology.other")

    assert judge("expect: {events: [apology.other]}", "C: Hi.\nA: Forgive me.", also=other).verdict is Verdict.MET


def test_the_customer_may_be_the_one_expected_to_speak(judge: Judge) -> None:
    body = "expect: {speaker: customer, any_of: [that works]}"

    assert judge(body, "A: Tomorrow?\nC: That works.").verdict is Verdict.MET
    missed = judge(body, "C: Well.\nA: That works.")
    assert (missed.verdict, reason_of(missed)) == (
        Verdict.MISSED, "Not heard in this call. The other party said it.",
    )  # fmt: skip


WHEN = "when: {speaker: customer, any_of: [did not work]}\nexpect: {within: 1 agent turn, any_of: [let us try]}"


def test_a_trigger_of_its_own_opens_the_window(judge: Judge) -> None:
    assert judge(WHEN, "C: It did not work.\nA: Let's try again.").verdict is Verdict.MET
    missed = judge(WHEN, "A: Let's try.\nC: It did not work.\nA: Goodbye.")
    assert (missed.verdict, reason_of(missed)) == (
        Verdict.MISSED,
        "Not heard within 1 agent turn after it was called for. It was said before it was called for.",
    )
    assert reason_of(judge(WHEN, "C: It works.\nA: Good.")) == "Nothing called for it."


def test_a_miss_after_any_trigger_is_the_verdict(judge: Judge) -> None:
    call = "C: It did not work.\nA: Let's try again.\nC: It did not work.\nA: Goodbye."

    assert judge(WHEN, call).verdict is Verdict.MISSED


def test_only_if_says_which_calls_the_rule_is_about(judge: Judge) -> None:
    body = "only_if: {speaker: customer, any_of: [my order]}\nexpect: {any_of: [order number]}"

    assert judge(body, "A: The order number please.\nC: My order?").verdict is Verdict.MET
    assert judge(body, "C: My bill.\nA: The order number please.").verdict is Verdict.NOT_APPLICABLE


def test_an_act_that_is_surely_done_counts_also_where_the_rule_is_not_called_for(judge: Judge) -> None:
    body = "only_if: {speaker: customer, any_of: [my order]}\nexpect: {speaker: customer, acts: [agrees]}"

    assert judge(body, "C: My bill.\nA: On Monday?\nC: That works.").verdict is Verdict.MET
    assert judge(body, "C: My bill.\nA: On Monday?\nC: No.").verdict is Verdict.NOT_APPLICABLE


def test_the_quote_is_the_words_as_they_were_said(judge: Judge) -> None:
    found = judge("expect: {any_of: [i am (so )?sorry]}", "C: Hi 😡.\nA: 😀 Well, I’m… um, so SORRY, really.")
    (met,) = [e for e in found.evidence if e.kind is EvidenceKind.MET]

    assert met.quote == "I’m… um, so SORRY"
    assert met.turn == 1
    assert (met.char_start, met.char_end) == (8, 25)


ACCEPTED = "applies: upset\nexpect: {speaker: customer, any_of: [yes], after: {any_of: [refund]}}"


@pytest.mark.parametrize(
    ("call", "verdict"),
    [
        ("C: This is ridiculous.\nA: Is it the lamp?\nC: Yes.\nA: You get a refund.\nC: Well.", Verdict.MISSED),
        ("C: This is ridiculous.\nA: Is it the lamp?\nC: Yes.\nA: You get a refund.\nC: Yes.", Verdict.MET),
        ("A: A refund?\nC: This is ridiculous.\nA: Is it the lamp?\nC: Yes.", Verdict.MISSED),
        ("C: This is ridiculous.\nA: Is it the lamp?\nC: Yes.", Verdict.MISSED),
    ],
)
def test_a_yes_accepts_only_what_was_offered_before_it(judge: Judge, call: str, verdict: Verdict) -> None:
    assert judge(ACCEPTED, call).verdict is verdict


@pytest.mark.parametrize(
    ("call", "verdict"),
    [
        ("A: Hello there.\nC: This is ridiculous.\nA: A refund? Goodbye.", Verdict.NOT_APPLICABLE),
        ("A: A refund?\nC: This is ridiculous.\nA: Goodbye.\nC: Well.", Verdict.MISSED),
    ],
)
def test_a_customer_who_says_nothing_after_the_upset_had_no_chance_to_accept(
    judge: Judge, call: str, verdict: Verdict
) -> None:
    assert judge("applies: upset\nexpect: {speaker: customer, any_of: [yes]}", call).verdict is verdict
