"""Advice on rules that work but are seldom meant."""

import pytest

from callaudit.audit_rules.authoring.lint import advice
from callaudit.audit_rules.rulebook import load_rulebook
from tests.support.rules import GATE, RulebookOf, WriteRules, act, block


def on(rulebook_of: RulebookOf, body: str) -> list[str]:
    rule = block(body).replace("met: 'A: yes'", "met: 'A: yes', missed: 'A: no'")
    return [a.message for a in advice(rulebook_of(apology=rule))]


@pytest.mark.parametrize(
    ("phrases", "message"),
    [
        ("(no) (no)", "“(no) (no)” can never match: texts are without repetitions and fillers"),
        ("(i|we)", "“(i|we)” is a word of every sentence"),
        ("so sorry, sorry", "“so sorry” finds nothing that “sorry” does not"),
        ("(very |so )?sorry about, sorry about", "“(very |so )?sorry about” finds nothing that “sorry about” does not"),
        ("<weekday> now, monday now", "“monday now” finds nothing that “<weekday> now” does not"),
        ("sorr*, sorry", "“sorry” finds nothing that “sorr*” does not"),
    ],
)
def test_a_phrase_that_does_nothing_or_too_much_is_named(rulebook_of: RulebookOf, phrases: str, message: str) -> None:
    assert message in on(rulebook_of, f"expect: {{any_of: [{phrases}]}}")


@pytest.mark.parametrize("phrases", ["sorry, forgive me", "no no", "(i|we) understand, i see", "# days, how _3 feel"])
def test_phrases_that_each_do_their_part_need_no_advice(rulebook_of: RulebookOf, phrases: str) -> None:
    assert on(rulebook_of, f"expect: {{any_of: ['{phrases}']}}".replace(", ", "', '")) == []


def test_a_phrase_in_half_of_all_lines_is_too_broad(rulebook_of: RulebookOf) -> None:
    examples = "\\n".join(["A: hello there"] * 11 + ["A: goodbye"] * 9)
    rule = block("expect: {any_of: [hello]}").replace("met: 'A: yes'", f'met: "{examples}", missed: "C: no"')

    (found,) = advice(rulebook_of(apology=rule))

    assert found.message == "“hello” is found in 11 of the 20 agent's lines of all examples"


def test_what_the_customer_says_is_held_against_the_customers_lines(rulebook_of: RulebookOf) -> None:
    examples = "\\n".join(["C: hello there"] * 11 + ["C: goodbye"] * 9 + ["A: hello"] * 20)
    rule = block("when: {speaker: customer, any_of: [hello]}\nexpect: {any_of: [goodbye]}")

    (found,) = advice(rulebook_of(apology=rule.replace("met: 'A: yes'", f'met: "{examples}", missed: "C: no"')))

    assert found.message == "“hello” is found in 11 of the 21 customer's lines of all examples"


@pytest.mark.parametrize(
    "body",
    [
        "expect: {any_of: [sorry], unless: ['(no) (no)']}",
        "restates: {lead: ['(no) (no)']}",
        "asks_again: {slots: {number: {asks: ['(no) (no)']}}}",
    ],
)
def test_a_phrase_that_can_never_match_is_named_in_every_list(rulebook_of: RulebookOf, body: str) -> None:
    assert on(rulebook_of, body) == ["“(no) (no)” can never match: texts are without repetitions and fillers"]


def test_an_excuse_that_another_covers_may_still_do_its_part(rulebook_of: RulebookOf) -> None:
    assert on(rulebook_of, "expect: {any_of: [sorry], unless: [sorry what, what]}") == []


def test_a_rule_that_is_never_shown_missed_is_named(rulebook_of: RulebookOf) -> None:
    assert [a.message for a in advice(rulebook_of(apology=block("expect: {any_of: [sorry]}")))] == [
        "no example shows it missed"
    ]


def test_an_example_that_cannot_be_read_is_named(rulebook_of: RulebookOf) -> None:
    rule = block("expect: {any_of: [sorry]}").replace("met: 'A: yes'", "met: 'yes', missed: 'A: no'")

    assert "an example cannot be read: “yes” is no line" in advice(rulebook_of(apology=rule))[0].message


def test_a_phrase_for_the_beginning_does_not_replace_one_for_anywhere(rulebook_of: RulebookOf) -> None:
    assert on(rulebook_of, "expect: {any_of: [^ relax, relax sir]}") == []
    assert on(rulebook_of, "expect: {any_of: [^ relax sir, relax]}") == [
        "“^ relax sir” finds nothing that “relax” does not"
    ]


@pytest.mark.parametrize(
    ("phrases", "unless", "message"),
    [
        (["(no) (no)"], "", "“(no) (no)” can never match: texts are without repetitions and fillers"),
        (["hello", "(i|we)"], "", "“(i|we)” is a word of every sentence"),
        (["so sorry", "sorry"], "", "“so sorry” finds nothing that “sorry” does not"),
        (["hello"], "(no) (no)", "“(no) (no)” can never match: texts are without repetitions and fillers"),
    ],
)
def test_a_phrase_of_an_act_that_does_nothing_or_too_much_is_named(
    rulebook_of: RulebookOf, phrases: list[str], unless: str, message: str
) -> None:
    found = advice(rulebook_of(**act("waves", *phrases, who="agent", unless=unless)))

    assert [(a.rule_id, a.message) for a in found] == [("waves", message)]


def test_a_phrase_of_an_act_in_half_of_all_lines_is_too_broad(rulebook_of: RulebookOf) -> None:
    examples = "\\n".join(["A: hello there"] * 11 + ["A: goodbye"] * 9)
    rule = block("expect: {acts: [waves]}").replace("met: 'A: yes'", f'met: "{examples}", missed: "C: no"')

    (found,) = advice(rulebook_of(apology=rule, **act("waves", "hello", who="agent")))

    assert found.message == "“hello” is found in 11 of the 20 agent's lines of all examples"


def test_a_word_list_that_replaces_a_shipped_one_is_named(write_rules: WriteRules) -> None:
    folder = write_rules(**GATE, words="weekday: [payday]\nof_our_own: [payday]")

    (found,) = advice(load_rulebook(folder, shipped=False, recogniser=False))

    assert (found.rule_id, found.message.partition(",")[0]) == ("<weekday>", "replaces the shipped word list")


def test_the_shipped_acts_are_not_the_users_to_mend(write_rules: WriteRules) -> None:
    rulebook = load_rulebook(write_rules(**GATE), shipped=False, recogniser=False)

    assert {a.rule_id for a in advice(rulebook)} == set()
