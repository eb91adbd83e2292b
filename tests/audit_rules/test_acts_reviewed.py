"""Learning from reviews: levels move towards what people said, and what they overturned is listed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callaudit.audit_rules.acts.inventory import Levels
from callaudit.audit_rules.acts.reviewed import Reviewed, learn_from_reviews
from callaudit.audit_rules.finding import Verdict

NOW = {"blames": Levels(), "apologises": Levels()}


def accused(n: int, probability: float, verdict: Verdict) -> Reviewed:
    return Reviewed(
        call_id=f"C-{n}", rule_id="ownership.avoids_blame", act="blames", probability=probability,
        rule_verdict=Verdict.MISSED, verdict=verdict, forbidden=True,
    )  # fmt: skip


def test_accusations_that_people_overturn_are_made_less_easily_and_listed():
    reviews = [accused(n, 0.6, Verdict.MET) for n in range(40)]

    learnt = learn_from_reviews(reviews, NOW)

    assert learnt.levels["blames"].offset < 0
    assert learnt.levels["apologises"] == NOW["apologises"]
    assert (learnt.before, learnt.after) == (0.0, 1.0)
    assert len(learnt.overturned) == 40
    assert {c.would_be for c in learnt.overturned} == {Verdict.MET}


def test_what_people_confirm_stays_as_it_is():
    learnt = learn_from_reviews([accused(n, 0.9, Verdict.MISSED) for n in range(20)], NOW)

    assert learnt.levels["blames"].offset >= 0
    assert (learnt.before, learnt.after, learnt.overturned) == (1.0, 1.0, ())


@given(st.lists(st.tuples(st.integers(0, 30), st.floats(0.34, 0.99), st.booleans()), min_size=2))
def test_the_same_reviews_teach_the_same_in_any_order(rows: list[tuple[int, float, bool]]):
    reviews = [accused(n, p, Verdict.MISSED if was else Verdict.MET) for n, p, was in rows]
    try:
        first = learn_from_reviews(reviews, NOW)
    except ValueError:
        return
    again = learn_from_reviews(reviews[::-1], NOW)
    assert first.levels["blames"].offset == pytest.approx(again.levels["blames"].offset, abs=0.002)
    assert (first.before, first.measured_on) == (again.before, again.measured_on)


def test_without_calls_to_measure_on_nothing_is_learnt():
    with pytest.raises(ValueError, match="too few"):
        learn_from_reviews([accused(1, 0.6, Verdict.MET)], NOW)
