"""Tense calls: where an episode opens, where it closes."""

from textwrap import dedent

import pytest

from audit_rules.audit import audit
from audit_rules.examples import parse_example
from audit_rules.finding import Audit
from tests.audit_rules.conftest import EPISODES, RulebookOf, block


@pytest.fixture
def heard(rulebook_of: RulebookOf):
    """The audit of a call by one rule, for its episodes and measures."""
    rulebook = rulebook_of(apology=block("expect: {any_of: [sorry]}"))

    def judge(call: str) -> Audit:
        return audit(parse_example(dedent(call)).transcript, rulebook)

    return judge


def episodes(found: Audit) -> list[tuple[int, int, str]]:
    return [(e.first_turn, e.last_turn, e.closed_by) for e in found.episodes]


def test_a_strong_phrase_opens_an_episode(heard) -> None:
    found = heard("A: Hello.\nC: This is so ridiculous.\nA: Well.")

    assert episodes(found) == [(1, 2, "call_end")]
    assert found.episodes[0].opened_by == "This is so ridiculous"


def test_the_agents_words_open_nothing(heard) -> None:
    assert episodes(heard("C: Hello.\nA: This is ridiculous.")) == []


def test_one_weak_word_opens_nothing(heard) -> None:
    assert episodes(heard("C: It was terrible weather.\nA: Yes.")) == []


def test_the_same_weak_word_again_opens_nothing(heard) -> None:
    assert episodes(heard("C: Terrible weather, terrible.\nA: Yes.\nC: Terrible.")) == []


def test_two_weak_words_open_an_episode(heard) -> None:
    assert episodes(heard("C: It was terrible.\nA: Well.\nC: I am upset.")) == [(0, 2, "call_end")]


def test_weak_words_two_turns_apart_have_no_company(heard) -> None:
    assert episodes(heard("C: It was terrible.\nA: Well.\nC: So.\nA: Well.\nC: I am upset.")) == []


def test_a_weak_word_beside_a_strong_phrase_counts(heard) -> None:
    assert episodes(heard("C: It was terrible.\nA: Well.\nC: This is ridiculous.")) == [(0, 2, "call_end")]


def test_acceptance_closes_it_at_that_turn(heard) -> None:
    assert episodes(heard("C: This is ridiculous.\nA: Sorry.\nC: That works.\nA: Good.")) == [(0, 2, "accepted")]


def test_thanks_close_it(heard) -> None:
    assert episodes(heard("C: This is ridiculous.\nA: Sorry.\nC: Thank you.")) == [(0, 2, "thanked")]


def test_thanks_with_upset_in_the_same_turn_close_nothing(heard) -> None:
    assert episodes(heard("C: This is ridiculous.\nA: Well.\nC: Thank you but this is ridiculous.")) == [
        (0, 2, "call_end")
    ]


def test_words_inside_an_exception_are_no_acceptance(heard) -> None:
    assert episodes(heard("C: This is ridiculous.\nA: Well.\nC: I will see if that works.")) == [(0, 2, "call_end")]


def test_upset_after_the_close_opens_another(heard) -> None:
    found = heard("C: This is ridiculous.\nA: Well.\nC: Thank you.\nA: Bye.\nC: No, this is ridiculous!")

    assert episodes(found) == [(0, 2, "thanked"), (4, 4, "call_end")]
    assert [e.number for e in found.episodes] == [1, 2]


def test_thanks_before_any_upset_close_nothing(heard) -> None:
    assert episodes(heard("C: Thank you.\nA: Hello.\nC: This is ridiculous.")) == [(2, 2, "call_end")]


def test_an_episode_has_the_times_of_its_words(heard) -> None:
    (episode,) = heard("[0-3] C: This is ridiculous.\n[4-6] A: Well.\n[7-8] C: That works.").episodes

    assert (episode.start, episode.end) == (0.0, 8.0)


@pytest.mark.parametrize(
    ("call", "tense", "at_start", "at_end", "calmed"),
    [
        ("C: Hello.\nA: Hello.", False, False, False, None),
        ("C: This is ridiculous.\nA: Sorry.\nC: That works.", True, True, False, True),
        ("C: This is ridiculous.\nA: Sorry.\nC: Whatever.", True, True, False, False),
        ("C: Hi.\nA: Well.\nC: So?\nA: Well?\nC: This is ridiculous.", True, False, True, False),
    ],
)
def test_a_call_is_measured_by_how_it_begins_and_ends(heard, call, tense, at_start, at_end, calmed) -> None:
    measures = heard(call).measures

    assert (measures.tense, measures.upset_at_start, measures.calmed) == (tense, at_start, calmed)
    assert measures.upset_at_end is at_end or len(call.splitlines()) < 4


PERSISTS = "persists: [still (does|is) not]\n"


@pytest.mark.parametrize(
    ("said", "closed_by"),
    [
        ("Thank you, but it still does not work.", "call_end"),
        ("It still does not work. Thank you.", "call_end"),
        ("It still does not, oh, that works.", "accepted"),
        ("Thank you.", "thanked"),
    ],
)
def test_thanks_beside_a_problem_that_is_still_there_close_nothing(rulebook_of, said: str, closed_by: str) -> None:
    cues = EPISODES + PERSISTS
    rulebook = rulebook_of(apology=block("expect: {any_of: [sorry]}"), episodes=cues)
    found = audit(parse_example(f"C: This is ridiculous.\nA: Sorry.\nC: {said}\nA: Well.").transcript, rulebook)

    assert [e.closed_by for e in found.episodes] == [closed_by]
