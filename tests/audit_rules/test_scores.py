"""Scores: weighted shares of met among what could be judged, never without their coverage."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callaudit.audit_rules.finding import Verdict
from callaudit.audit_rules.rule import Examples, Rule, Scorecard, Step
from callaudit.audit_rules.scorecard import CallScore, score

MET, MISSED, UNSURE, NOT_APPLICABLE, NOT_ASSESSABLE = Verdict
NAMES = ("apology.a", "apology.b", "apology.c", "apology.d")


class Rules(msgspec.Struct):
    rules: tuple[Rule, ...]


@pytest.fixture
def rulebook() -> Rules:
    statuses = dict.fromkeys(NAMES, "live") | {"apology.d": "trial"}
    return Rules(
        tuple(
            Rule(id=name, asks="?", why="w", sources=("A3",), status=status, examples=Examples(met="A: x"))  # type: ignore[arg-type]  Tests give less than types ask.
            for name, status in statuses.items()
        )
    )


def judged(*verdicts: Verdict) -> dict[str, Verdict]:
    return dict(zip(NAMES, verdicts, strict=False))


def card(*weights: float) -> Scorecard:
    rules = dict(zip(NAMES, weights, strict=False))
    return Scorecard(name="house", title="House", steps=(Step(id="s", title="S", rules=rules),), critical=NAMES[:1])


def scored(rulebook: Rules, verdicts: tuple[Verdict, ...], weights: tuple[float, ...]) -> CallScore:
    return score(judged(*verdicts), rulebook, card(*weights))


def test_a_score_is_the_weighted_share_of_what_was_met(rulebook: Rules) -> None:
    found = scored(rulebook, (MET, MISSED, MET), (1, 2, 5)).score

    assert (found.value, found.met, found.judged, found.applicable, found.coverage) == (75.0, 2, 3, 3, 1.0)


def test_what_was_not_called_for_is_outside_score_and_coverage(rulebook: Rules) -> None:
    found = scored(rulebook, (MET, NOT_APPLICABLE, MISSED), (1, 1, 1)).score

    assert (found.value, found.judged, found.applicable) == (50.0, 2, 2)


def test_what_could_not_be_judged_lowers_coverage_and_not_the_score(rulebook: Rules) -> None:
    found = scored(rulebook, (MET, NOT_ASSESSABLE, NOT_ASSESSABLE), (2, 1, 1)).score

    assert (found.value, found.coverage, found.judged_share) == (100.0, 1 / 3, 0.5)


def test_what_is_unsure_is_outside_the_score_and_counted_beside_it(rulebook: Rules) -> None:
    found = scored(rulebook, (MET, UNSURE, MISSED), (1, 2, 1)).score

    assert (found.value, found.judged, found.unsure, found.unsure_share) == (50.0, 2, 1, 1 / 3)
    assert found.judged_share == 0.5


@pytest.mark.parametrize(("unsure", "value"), [(1.0, 50.0), (0.999, 50.0), (1.001, None)])
def test_a_call_of_which_less_than_half_was_judged_has_no_score(
    rulebook: Rules, unsure: float, value: float | None
) -> None:
    found = scored(rulebook, (MET, MISSED, UNSURE), (0.5, 0.5, unsure)).score

    assert found.value == value


def test_a_step_keeps_its_share_where_the_call_has_no_score(rulebook: Rules) -> None:
    found = scored(rulebook, (MET, UNSURE, UNSURE), (1, 1, 1))

    assert (found.score.value, found.steps[0].value) == (None, 100.0)


def test_nothing_judged_is_no_score(rulebook: Rules) -> None:
    assert scored(rulebook, (NOT_ASSESSABLE,) * 3, (1, 1, 1)).score.value is None
    nothing = scored(rulebook, (NOT_APPLICABLE,) * 3, (1, 1, 1)).score
    assert (nothing.value, nothing.coverage) == (None, None)


def test_a_trial_rule_is_not_scored(rulebook: Rules) -> None:
    found = scored(rulebook, (MET, MET, MET, MISSED), (1, 1, 1, 9))

    assert found.score.value == 100.0
    assert found.steps[0].judged == 3


def test_a_critical_miss_is_named(rulebook: Rules) -> None:
    assert scored(rulebook, (MISSED, MISSED), (1, 1)).critical_misses == ("apology.a",)
    assert scored(rulebook, (MET, MISSED), (1, 1)).critical_misses == ()


def test_each_step_has_a_score_of_its_own(rulebook: Rules) -> None:
    steps = (
        Step(id="one", title="One", rules={"apology.a": 1, "apology.b": 1}),
        Step(id="two", title="Two", rules={"apology.c": 2}),
    )
    found = score(judged(MET, MISSED, MET), rulebook, Scorecard(name="h", title="H", steps=steps))

    assert [s.value for s in found.steps] == [50.0, 100.0]
    assert found.score.value == 75.0


@given(st.lists(st.tuples(st.sampled_from(list(Verdict)), st.floats(0.1, 10)), min_size=1, max_size=3))
def test_a_score_lies_between_none_and_all(pairs: list[tuple[Verdict, float]]) -> None:
    from callaudit.audit_rules.scorecard import _score

    found = _score(pairs)

    assert found.met <= found.judged <= found.applicable <= len(pairs)
    assert (found.value is None) == (found.judged == 0)
    assert found.judged + found.unsure <= found.applicable
    assert found.judged_share is None or (found.judged_share > 0) == (found.judged > 0)
    assert found.value is None or 0 <= found.value <= 100.0000001
    assert found.value != 100 or found.met == found.judged
