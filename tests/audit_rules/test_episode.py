"""Tense calls: which acts of the customer make a call tense, where an episode opens, where it closes."""

from textwrap import dedent

import pytest

from callaudit.audit_rules.audit import audit
from callaudit.audit_rules.authoring.examples import parse_example
from callaudit.audit_rules.finding import Audit, EvidenceKind, Finding, Upset, Verdict
from callaudit.audit_rules.sentences import reason_of
from tests.support.rules import GATE, Judge, RulebookOf, block


@pytest.fixture
def heard(rulebook_of: RulebookOf):
    """The audit of a call by one rule, for its episodes and measures."""
    rulebook = rulebook_of(apology=block("expect: {any_of: [sorry]}"))

    def judge(call: str) -> Audit:
        return audit(parse_example(dedent(call)).transcript, rulebook)

    return judge


def episodes(found: Audit) -> list[tuple[int, int, str]]:
    return [(e.first_turn, e.last_turn, e.closed_by) for e in found.episodes]


def test_one_clearly_upset_turn_opens_an_episode(heard) -> None:
    found = heard("A: Hello.\nC: This is so ridiculous.\nA: Well.")

    assert episodes(found) == [(1, 2, "call_end")]
    assert found.episodes[0].opened_by == "This is so ridiculous"
    assert found.measures.upset is Upset.CLEAR


def test_the_agents_words_open_nothing(heard) -> None:
    found = heard("C: Hello.\nA: This is ridiculous.")

    assert (episodes(found), found.measures.upset) == ([], Upset.NONE)


@pytest.mark.parametrize("said", ["It was terrible.", "Terrible, terrible. I am upset."])
def test_one_mildly_upset_turn_makes_a_call_only_perhaps_tense(heard, said: str) -> None:
    found = heard(f"C: {said}\nA: Yes.")

    assert (episodes(found), found.measures.upset) == ([], Upset.PERHAPS)
    assert not found.measures.tense


def test_a_call_whose_speakers_cannot_be_told_apart_is_neither_tense_nor_not(heard) -> None:
    measures = heard("U: This is so ridiculous.\nU: Well.").measures

    assert measures.upset is Upset.UNKNOWN
    assert (measures.tense, measures.calmed, measures.upset_at_start, measures.transfers) == (None,) * 4


@pytest.mark.parametrize(
    ("said", "words"),
    [("Well, I'm twenty-four.", 3), ("No - really?! Yes ...", 3), ("Mr. Lee, 4 of 5.", 5), ("It’s [NAME] here.", 3)],
)
def test_words_are_counted_as_a_person_counts_them(heard, said: str, words: int) -> None:
    assert heard(f"C: Hello there.\nA: {said}").measures.words_agent == words


@pytest.mark.parametrize("between", ["", "C: So.\nA: Well.\n" * 3], ids=["next", "far apart"])
def test_mildly_upset_turns_add_up_wherever_they_are(heard, between: str) -> None:
    found = heard(f"C: It was terrible.\nA: Well.\n{between}C: I am upset.")

    assert [e.opened_by for e in found.episodes] == ["It was terrible"]
    assert found.measures.upset is Upset.CLEAR


def test_how_many_mildly_upset_turns_make_a_call_tense_is_said_by_the_gate(rulebook_of: RulebookOf) -> None:
    gate = GATE["gate"].replace("turns: 2", "turns: 1")
    rulebook = rulebook_of(apology=block("expect: {any_of: [sorry]}"), gate=gate)

    assert episodes(audit(parse_example("C: It was terrible.\nA: Yes.").transcript, rulebook)) == [(0, 1, "call_end")]


def test_a_mildly_upset_turn_before_a_clear_one_opens_the_episode(heard) -> None:
    assert episodes(heard("C: It was terrible.\nA: Well.\nC: This is ridiculous.")) == [(0, 2, "call_end")]


def test_strong_feelings_about_something_else_are_no_upset(heard) -> None:
    found = heard("C: My sister, this is ridiculous, what she does.\nA: Oh.")

    assert (episodes(found), found.measures.upset) == ([], Upset.NONE)


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
        ("C: It was terrible.\nA: Sorry.\nC: That works.", None, False, False, None),
    ],
)
def test_a_call_is_measured_by_how_it_begins_and_ends(heard, call, tense, at_start, at_end, calmed) -> None:
    measures = heard(call).measures

    assert (measures.tense, measures.upset_at_start, measures.calmed) == (tense, at_start, calmed)
    assert measures.upset_at_end is at_end or len(call.splitlines()) < 4


@pytest.mark.parametrize(
    ("said", "closed_by"),
    [
        ("Thank you, but it still does not work.", "call_end"),
        ("It still does not work. Thank you.", "call_end"),
        ("It still does not, oh, that works.", "call_end"),
        ("Thank you.", "thanked"),
    ],
)
def test_thanks_in_a_turn_that_says_the_problem_is_still_there_close_nothing(heard, said: str, closed_by: str) -> None:
    found = heard(f"C: This is ridiculous.\nA: Sorry.\nC: {said}\nA: Well.")

    assert [e.closed_by for e in found.episodes] == [closed_by]


# What rules make of it: `applies: upset`.

SORRY = "applies: upset\nexpect: {any_of: [sorry]}"
FEELS = "applies: upset\nfeeling: true\nexpect: {any_of: [sorry]}"
CALM = "applies: upset\nnever: {any_of: [calm down]}"


def told(finding: Finding) -> tuple[Verdict, str]:
    return finding.verdict, reason_of(finding)


def test_a_rule_for_upset_customers_looks_to_the_end_of_the_call_whatever_closed_the_episode(judge: Judge) -> None:
    found = judge(SORRY, "C: This is ridiculous.\nA: Well.\nC: Thank you.\nA: I am sorry about all that.")

    assert told(found) == (Verdict.MET, "Heard after the upset.")


def test_one_upset_turn_after_another_gives_a_rule_one_scope(judge: Judge) -> None:
    found = judge(
        SORRY, "C: This is ridiculous.\nA: Sorry.\nC: Thank you.\nA: Good.\nC: No, this is ridiculous!\nA: So?"
    )

    assert found.verdict is Verdict.MET


def test_an_answer_to_the_report_of_the_problem_counts_although_upset_was_heard_later(judge: Judge) -> None:
    found = judge(SORRY, "C: My lamp is broken.\nA: Sorry.\nC: This is ridiculous.\nA: Account number?")

    assert found.verdict is Verdict.MET
    assert [e.quote for e in found.evidence if e.kind is EvidenceKind.TRIGGER] == ["My lamp is broken"]


@pytest.mark.parametrize(
    ("body", "said", "verdict"),
    [
        (SORRY, "I am sorry.", Verdict.MET),
        (SORRY, "Account number?", Verdict.UNSURE),
        (FEELS, "I am sorry.", Verdict.UNSURE),
        (FEELS, "Account number?", Verdict.UNSURE),
        (CALM, "Calm down.", Verdict.UNSURE),
        (CALM, "Account number?", Verdict.MET),
    ],
)
def test_a_customer_who_was_perhaps_upset_accuses_nobody(judge: Judge, body: str, said: str, verdict: Verdict) -> None:
    found = judge(body, f"C: It is broken and I feel terrible.\nA: {said}")

    assert found.verdict is verdict
    if verdict is Verdict.UNSURE:
        assert reason_of(found) == "The customer was perhaps upset; a person should listen."


def test_a_calm_call_is_no_matter_for_a_rule_for_upset_customers(judge: Judge) -> None:
    assert told(judge(SORRY, "C: My lamp is broken.\nA: Sorry.")) == (
        Verdict.NOT_APPLICABLE, "The customer was never upset.",
    )  # fmt: skip


def test_a_rule_may_only_be_judged_unsure_where_the_customer_was_perhaps_upset_but_not_for_want_of_a_chance(
    judge: Judge,
) -> None:
    assert judge(SORRY, "A: Hello there.\nC: I feel terrible.").verdict is Verdict.NOT_APPLICABLE
