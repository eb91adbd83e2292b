"""How right a rule is, and what that does to its rate."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callaudit.audit_rules.finding import Verdict
from callaudit.reports import weekly
from callaudit.reports.reviews.accuracy import MINIMUM, MINIMUM_OF_EACH, Reviewed, accuracy_of, told_accuracy
from callaudit.reports.statistics import Rate, rogan_gladen, student_quantile, wilson
from callaudit.warehouse.publish import publish
from callaudit.warehouse.published import open_published
from callaudit.warehouse.reviews import Review, add_reviews, draw_random, record_sample


def rows(**counts):
    """`missed_met=3`: three findings that the rule calls missed and people met."""
    made = []
    for name, n in counts.items():
        rule, person = (Verdict(said) for said in name.split("_", 1))
        made += [Reviewed(rule_id="r", rule_verdict=rule, verdict=person)] * n
    return made


def test_precision_and_recall_are_of_misses_and_a_miss_where_nothing_applied_is_a_wrong_one():
    found = accuracy_of(rows(missed_missed=8, missed_met=1, missed_not_applicable=1, met_missed=2, met_met=20))["r"]

    assert (found.precision.hits, found.precision.n) == (8, 10)
    assert (found.recall.hits, found.recall.n) == (8, 10)
    assert (found.agreed.hits, found.agreed.n) == (28, 32)


def test_what_nobody_can_tell_counts_for_nothing():
    found = accuracy_of(rows(missed_missed=8, met_met=20, missed_not_assessable=5))["r"]

    assert (found.judged, found.untold, found.precision.share) == (28, 5, 1.0)


def test_what_the_rule_left_open_is_in_no_precision_and_is_counted_beside_it():
    counts = {
        "missed_missed": 8,
        "missed_met": 2,
        "met_met": 20,
        "missed_unsure": 4,
        "unsure_met": 6,
        "unsure_missed": 3,
    }
    found = accuracy_of(rows(**counts))["r"]

    assert (found.precision.hits, found.precision.n, found.judged, found.untold) == (8, 10, 30, 4)
    assert found.of_unsure == {Verdict.MET: 6, Verdict.MISSED: 3}
    assert "Of 9 unsure ones people call 6 met and 3 missed." in told_accuracy(found, Rate.of(50, 80))


def test_nothing_is_said_of_a_rule_that_few_findings_were_judged_of():
    few = accuracy_of(rows(missed_missed=5, met_met=MINIMUM - 6))["r"]
    enough = accuracy_of(rows(missed_missed=5, met_met=MINIMUM - 5))["r"]

    assert told_accuracy(few, Rate.of(50, 80)) == ""
    assert told_accuracy(None, Rate.of(50, 80)) == ""
    said = told_accuracy(enough, Rate.of(50, 80))
    assert said.startswith(f"People judged {MINIMUM} at random: 100% (likely ")
    assert "kappa 1.00" in said
    assert "corrected" not in said


def test_a_rate_is_corrected_once_enough_of_each_truth_was_judged():
    found = accuracy_of(rows(missed_missed=9, met_missed=MINIMUM_OF_EACH - 9, met_met=27, missed_met=3))["r"]

    assert found.corrected(Rate.of(0, 0)) is None
    said = told_accuracy(found, Rate.of(60, 100))
    assert "Rate corrected for these errors: 62% (likely " in said


def test_the_published_example_of_a_corrected_rate():
    """Sensitivity 90 of 100, specificity 85 of 100, 40 of 100 positive: (0.40 + 0.85 - 1) / (0.90 + 0.85 - 1) = 1/3."""
    found = rogan_gladen(Rate.of(40, 100), (90, 100), (85, 100))

    assert found is not None
    assert found.share == pytest.approx(1 / 3)
    assert found.interval.low < 1 / 3 < found.interval.high


COUNTS = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(COUNTS, COUNTS, COUNTS)
def test_a_corrected_rate_is_a_share_inside_its_range(rate, sensitivity, specificity):
    found = rogan_gladen(Rate.of(*rate), sensitivity, specificity)

    chance = sensitivity[0] / sensitivity[1] + specificity[0] / specificity[1] <= 1
    assert found is None or not chance
    if found is not None:
        assert 0 <= found.interval.low <= found.share <= found.interval.high <= 1


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_rule_without_error_has_the_rate_it_measures(rate):
    found = rogan_gladen(Rate.of(*rate), (1000, 1000), (1000, 1000))

    assert found is not None
    assert found.share == pytest.approx(rate[0] / rate[1])


@given(COUNTS.filter(lambda c: c[1] > 30), st.integers(20, 200))
def test_a_correction_never_knows_more_than_the_rate_it_corrects(rate, reviewed):
    found = rogan_gladen(Rate.of(*rate), (int(0.9 * reviewed), reviewed), (int(0.85 * reviewed), reviewed))
    plain = wilson(*rate)

    assert found is not None
    if found.interval.low > 0 and found.interval.high < 1:
        assert found.interval.high - found.interval.low > plain.high - plain.low


@pytest.mark.parametrize(("degrees", "quantile"), [(1, 12.7062), (5, 2.5706), (9, 2.2622), (100, 1.9840)])
def test_students_quantile_is_that_of_the_tables(degrees, quantile):
    assert student_quantile(0.975, degrees) == pytest.approx(quantile, abs=1e-4)


def test_few_agents_widen_a_range_only_as_far_as_they_differ():
    alike = Rate.clustered([(14.0, 20.0)] * 5)
    apart = Rate.clustered([(19.0, 20.0), (9.0, 20.0), (18.0, 20.0), (10.0, 20.0), (14.0, 20.0)])
    many = Rate.clustered([(19.0, 20.0), (9.0, 20.0), (18.0, 20.0), (10.0, 20.0), (14.0, 20.0)] * 40)

    # Five agents alike may be so by luck: never narrower than if each call were its own.
    plain, few = wilson(70, 100), alike.interval()
    assert few.low <= plain.low <= plain.high <= few.high
    assert apart.effective_n_at() < apart.effective_n
    assert many.effective_n_at() == pytest.approx(many.effective_n, rel=0.03)


def test_what_people_can_tell_is_kept_by_verdict():
    found = accuracy_of(rows(missed_missed=2, met_missed=1))["r"]

    assert found.pairs == {(Verdict.MET, Verdict.MISSED): 1, (Verdict.MISSED, Verdict.MISSED): 2}


def test_the_weekly_page_says_beside_a_rate_how_right_the_rule_is(centre, tmp_path):
    con = centre.open_writer(tmp_path / "warehouse.duckdb")
    centre.store_rulebook(con, centre.rulebook())
    centre.load(con, centre.random_calls(1, 60), run_id="r1")
    drawn = draw_random(con, week="2026-W10", size=40, rules=["apology.given"])
    record_sample(con, drawn, at=datetime(2026, 3, 9, tzinfo=UTC))
    reviews = [
        Review(
            review_id=str(n), call_id=d.call_id, rule_id=d.rule_id, verdict=Verdict.MET if n == 0 else d.rule_verdict,
            reviewer="Eva", reviewed_at=datetime(2026, 3, 10, tzinfo=UTC), sample_id=d.sample_id,
        )
        for n, d in enumerate(drawn)
    ]  # fmt: skip
    # Somebody picked out a finding that was wrong: it is counted, and changes no share.
    wrong = Review(
        review_id="picked",
        call_id=drawn[0].call_id,
        rule_id="solution.is_offered",
        verdict=Verdict.NOT_APPLICABLE,
        reviewer="Eva",
        reviewed_at=datetime(2026, 3, 10, tzinfo=UTC),
    )
    add_reviews(con, [*reviews, wrong])
    publish(con, tmp_path / "published")
    with open_published(tmp_path / "published") as published:
        page = weekly.render(published, week="2026-W10", scorecard="house", out=tmp_path / "weekly.html")
    html = page.read_text(encoding="utf-8")

    assert len(drawn) > MINIMUM
    assert html.count("People judged") == 1
    assert f"People judged {len(drawn)} at random" in html
    reversed_ = int(drawn[0].rule_verdict is not Verdict.MET)
    assert (
        f"{len(drawn) + 1} verdicts re-heard; of {len(drawn)} drawn at random {len(drawn) - reversed_} agreed" in html
    )
