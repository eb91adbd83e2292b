"""One misheard word: which words of a phrase may be another, and which may not."""

import pytest

from callaudit.audit_rules.authoring.lint import advice
from callaudit.audit_rules.finding import Verdict
from callaudit.audit_rules.phrases.automaton import PhraseSet
from callaudit.audit_rules.phrases.language import Language
from callaudit.audit_rules.phrases.normalise import normalise
from callaudit.audit_rules.phrases.tolerance import with_one_misheard
from tests.support.rules import Judge, RulebookOf, block


def found(phrase: str, text: str) -> bool:
    return bool(PhraseSet([Language({}).read(with_one_misheard(phrase))]).candidates([normalise(text)])[0])


@pytest.mark.parametrize(
    "text",
    ["there is nothing i can do for you", "there his nothing i can do for you", "there is nothing eye can do for you"],
)
def test_a_small_word_inside_may_be_another(text: str) -> None:
    assert found("there is nothing i can do for you", text)


@pytest.mark.parametrize(
    "text",
    [
        "there is something i can do for you",  # the word that carries the meaning
        "their is nothing i can do for you",  # the first word
        "there is nothing i can do for us",  # the last
        "there his nothing eye can do for you",  # two at once
    ],
)
def test_nothing_else_may_be_another(text: str) -> None:
    assert not found("there is nothing i can do for you", text)


def test_a_small_word_may_be_missing() -> None:
    assert found("i am so sorry for the wait", "I am so sorry for wait")


def test_a_negation_is_never_small() -> None:
    assert not found("i will not do that", "I will now do that")


def test_a_choice_of_small_words_is_a_small_word() -> None:
    assert found("nothing (i|we) can do", "nothing why can do")
    assert not found("nothing (i|nobody) can do", "nothing why can do")


@pytest.mark.parametrize("phrase", ["i am sorry", "nothing (i )?can do", "i am sorry|it is my fault", "a b c _2 d"])
def test_short_phrases_and_bare_choices_stay_as_they_are(phrase: str) -> None:
    assert with_one_misheard(phrase) == phrase


def test_a_phrase_for_the_beginning_stays_one() -> None:
    assert found("^ i am so sorry about that", "I at so sorry about that")
    assert not found("^ i am so sorry about that", "well I am so sorry about that")


def test_a_rule_is_exact_unless_it_says_otherwise(judge: Judge) -> None:
    exact = "never: {any_of: [there is nothing i can do]%s}"
    call = "C: This is ridiculous.\nA: There is nothing eye can do."
    assert judge(exact % "", call).verdict is Verdict.MET
    assert judge(exact % ", tolerance: 1", call).verdict is Verdict.MISSED


def test_a_tolerance_that_does_nothing_is_named(rulebook_of: RulebookOf) -> None:
    rulebook = rulebook_of(apology=block("expect: {any_of: [i am sorry], tolerance: 1}"))
    assert any("“tolerance” does nothing" in a.message for a in advice(rulebook))
