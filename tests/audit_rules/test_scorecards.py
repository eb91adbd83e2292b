"""Claims about the five shipped scorecards: frameworks, rules and sources agree in both directions."""

from collections import Counter

import pytest

from callaudit.audit_rules.rulebook import Rulebook, load_rulebook

FRAMEWORKS = {
    "six_step_process": [f"A{n}" for n in range(1, 7)],
    "five_quick_steps": [f"B{n}" for n in range(8)],
    "seven_strategies": [f"C{n}" for n in range(1, 8)],
    "five_tips": [f"D{n}" for n in range(1, 6)],
}
STEP_OF_A_FRAMEWORK = {step: card for card, steps in FRAMEWORKS.items() for step in steps}
CALL_ORDER = [
    "listen", "reframe", "composure", "empathy", "apology", "ownership", "clarify", "order", "solution", "agreement",
    "hold", "pace", "personal", "follow_up",
]  # fmt: skip


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return load_rulebook()


@pytest.fixture(scope="module")
def live(rulebook: Rulebook) -> set[str]:
    return {rule.id for rule in rulebook.rules if rule.status == "live"}


def test_the_five_scorecards_are_shipped(rulebook: Rulebook) -> None:
    assert set(rulebook.scorecards) == {"house", *FRAMEWORKS}


@pytest.mark.parametrize("card", FRAMEWORKS)
def test_a_framework_has_all_its_steps_in_order(rulebook: Rulebook, card: str) -> None:
    assert [step.id for step in rulebook.scorecards[card].steps] == FRAMEWORKS[card]


def test_the_house_card_follows_the_order_of_a_call(rulebook: Rulebook) -> None:
    assert [step.id for step in rulebook.scorecards["house"].steps] == CALL_ORDER


def test_every_step_of_every_scorecard_is_judged_by_a_live_rule(rulebook: Rulebook, live: set[str]) -> None:
    idle = [
        f"{card.name} {step.id}"
        for card in rulebook.scorecards.values()
        for step in card.steps
        if not live & step.rules.keys()
    ]
    assert not idle


def test_every_live_rule_stands_on_the_house_card_exactly_once(rulebook: Rulebook, live: set[str]) -> None:
    listed = Counter(rule for step in rulebook.scorecards["house"].steps for rule in step.rules)
    assert set(listed) == live
    assert [rule for rule, times in listed.items() if times > 1] == []


def test_a_rule_stands_on_the_house_card_under_the_first_part_of_its_id(rulebook: Rulebook) -> None:
    astray = [
        (step.id, rule)
        for step in rulebook.scorecards["house"].steps
        for rule in step.rules
        if rule.partition(".")[0] != step.id
    ]
    assert not astray


def test_every_rule_names_steps_that_a_framework_has(rulebook: Rulebook) -> None:
    for rule in rulebook.rules:
        assert rule.sources, rule.id
        assert [s for s in rule.sources if s not in STEP_OF_A_FRAMEWORK] == [], rule.id
        assert len(set(rule.sources)) == len(rule.sources), rule.id


def test_the_sources_of_the_rules_are_the_steps_that_list_them(rulebook: Rulebook, live: set[str]) -> None:
    by_rule = {(rule.id, source) for rule in rulebook.rules if rule.id in live for source in rule.sources}
    by_card = {
        (rule, step.id) for name in FRAMEWORKS for step in rulebook.scorecards[name].steps for rule in step.rules
    }
    assert by_card == by_rule


def test_weights_are_positive(rulebook: Rulebook) -> None:
    for card in rulebook.scorecards.values():
        assert all(weight > 0 for step in card.steps for weight in step.rules.values()), card.name


def test_a_critical_rule_is_one_the_scorecard_scores(rulebook: Rulebook) -> None:
    for card in rulebook.scorecards.values():
        assert card.critical, card.name
        assert set(card.critical) <= {rule for step in card.steps for rule in step.rules}, card.name
