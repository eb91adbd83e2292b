"""Findings drawn for review, judgements and disputes, in a real warehouse."""

from datetime import UTC, datetime
from random import Random

import msgspec
import pytest

from callaudit.audit_rules.finding import Verdict
from callaudit.reports.reviews.over_time import TOO_FEW, ReviewerVerdict, over_time
from callaudit.transcription.errors import InputError
from callaudit.warehouse.load import load
from callaudit.warehouse.queries import saved_query
from callaudit.warehouse.reviews import (
    DisputeEvent,
    Review,
    add_new_reviews,
    check_dispute,
    draw_random,
    draw_targeted,
    record_sample,
    review_id,
    sampled,
    say_in_dispute,
)
from callaudit.warehouse.rulebooks import store_rulebook
from callaudit.warehouse.session import rows_of as typed_rows
from callaudit.warehouse.site_clock import keep_clock

LATER = datetime(2026, 3, 20, 8, 0, tzinfo=UTC)


@pytest.fixture
def week(warehouse, builders):
    """Forty calls of one week, three live rules each."""
    calls = []
    for n in range(40):
        verdicts = {
            "apology.given": "missed" if n % 5 == 0 else "met",
            "apology.is_specific": ("met", "missed", "not_applicable", "not_assessable")[n % 4],
            "ownership.avoids_blame": "met",
        }
        calls.append(builders.audited(f"C{n:02}", verdicts))
    load(warehouse, calls, run_id="R1")
    return warehouse


def draw(con, size, **wanted):
    return draw_random(con, week="2026-W10", size=size, **wanted)


def test_the_same_week_gives_the_same_sample_and_a_larger_one_holds_the_smaller(week):
    small, large = draw(week, 10), draw(week, 30)

    assert draw(week, 10) == small
    assert set(small) < set(large)
    assert {d.rule_verdict for d in draw(week, 1000)} == {Verdict.MET, Verdict.MISSED}
    assert len(draw(week, 1000)) == 100


def test_asking_for_one_rule_draws_the_findings_it_would_have_had_anyway(week):
    every = [d for d in draw(week, 1000) if d.rule_id == "apology.given"]

    assert list(draw(week, 12, rules=["apology.given"])) == every[:12]


def test_every_finding_is_as_likely_as_any_other(week, builders):
    """Over many weeks' seeds the share drawn of the misses is their share: 18 of 100, give or take three deviations."""
    drawn = [
        d for seed in range(40) for d in draw_random(week, week="2026-W10", size=10, rules=(), seed=f"seed {seed}")
    ]
    share = sum(d.rule_verdict is Verdict.MISSED for d in drawn) / len(drawn)

    assert abs(share - 0.18) < 3 * (0.18 * 0.82 / 400) ** 0.5


def test_a_trial_rule_is_not_drawn(warehouse, builders):
    store_rulebook(warehouse, builders.rulebook("v2", statuses={"apology.given": "trial"}))
    load(warehouse, [builders.audited("C1", {"apology.given": "missed"}, version="v2")], run_id="R1")

    assert draw(warehouse, 10) == ()
    assert draw_targeted(warehouse, week="2026-W10", size=10, scorecard="house") == ()


def test_critical_misses_are_targeted_and_what_was_drawn_at_random_or_judged_is_not(week):
    first, *_ = drawn = draw_targeted(week, week="2026-W10", size=100, scorecard="house")
    assert {(d.rule_id, d.drawn_for) for d in drawn} >= {("apology.given", "critical miss")}
    assert first.sample_id == "2026-W10-targeted"

    add_new_reviews(week, [said(first)])
    but = {(d.call_id, d.rule_id) for d in drawn[1:3]}
    left = {(d.call_id, d.rule_id) for d in draw_targeted(week, week="2026-W10", size=100, scorecard="house", but=but)}
    assert left
    assert not left & {(d.call_id, d.rule_id) for d in drawn[:3]}


def said(drawn, verdict=Verdict.MET, reviewer="Eva", at=LATER, **fields):
    review = Review(
        review_id="", call_id=drawn.call_id, rule_id=drawn.rule_id, rulebook_version=drawn.rulebook_version,
        verdict=verdict, reviewer=reviewer, reviewed_at=at, sample_id=drawn.sample_id, **fields,
    )  # fmt: skip
    return msgspec.structs.replace(review, review_id=review_id(review))


def test_a_sample_is_recorded_once_with_the_verdict_of_its_day(week, builders):
    drawn = draw(week, 5)
    assert record_sample(week, drawn, at=LATER) == 5
    assert record_sample(week, draw(week, 7), at=LATER) == 2
    assert sampled(week) >= {(d.sample_id, d.call_id, d.rule_id) for d in drawn}


def test_who_says_the_same_again_adds_nothing_and_who_goes_back_to_the_first_view_is_heard(week):
    (drawn,) = draw(week, 1)
    hours = [LATER.replace(hour=h) for h in (8, 9, 10, 11)]

    assert add_new_reviews(week, [said(drawn, Verdict.MET, at=hours[0])]) == 1
    assert add_new_reviews(week, [said(drawn, Verdict.MET, at=hours[1])]) == 0
    assert add_new_reviews(week, [said(drawn, Verdict.MISSED, at=hours[2])]) == 1
    assert add_new_reviews(week, [said(drawn, Verdict.MET, at=hours[3])]) == 1
    assert add_new_reviews(week, [said(drawn, Verdict.MET, reviewer="Ben", at=hours[3])]) == 1
    assert week.execute("select count(*) from core.reviews").fetchall() == [(4,)]


def test_rates_of_mistakes_never_see_the_targeted_queue(week):
    drawn = draw(week, 20)
    doubtful = draw_targeted(
        week, week="2026-W10", size=20, scorecard="house", but={(d.call_id, d.rule_id) for d in drawn}
    )
    record_sample(week, (*drawn, *doubtful), at=LATER)
    add_new_reviews(week, [said(d) for d in (*drawn, *doubtful)])

    kept = week.execute("select call_id, rule_id from random_reviews").fetchall()
    assert sorted(kept) == sorted((d.call_id, d.rule_id) for d in drawn)
    assert doubtful
    sums = "select sum(judged_at_random), sum(agree), sum(picked_out), sum(picked_out_wrong)"
    assert week.execute(f"{sums} from ({saved_query('reviewers_against_rules').sql.rstrip(';')})").fetchone() == (
        len(drawn),
        sum(d.rule_verdict is Verdict.MET for d in drawn),
        len(doubtful),
        sum(d.rule_verdict is not Verdict.MET for d in doubtful),
    )


def test_reviews_of_a_rule_that_was_rewritten_say_nothing_of_the_new_one(week, builders):
    drawn = draw(week, 30)
    record_sample(week, drawn, at=LATER)
    add_new_reviews(week, [said(d) for d in drawn])
    other = builders.rulebook("v2")
    first, *rest = other.rules
    other.rules = (msgspec.structs.replace(first, applies="episode" if first.applies == "always" else "always"), *rest)
    store_rulebook(week, other)

    left = {rule for (rule,) in week.execute("select distinct rule_id from random_reviews").fetchall()}
    assert left == {d.rule_id for d in drawn} - {"apology.given"}


def event(state, at, by="Ana", **fields):
    return DisputeEvent(
        call_id="C00", rule_id="apology.given", state=state, by=by, at=LATER.replace(hour=at), note=state, **fields
    )


def test_a_dispute_is_open_until_it_is_resolved_and_may_be_opened_again(week):
    for state, at, by in (("open", 8, "Ana"), ("upheld", 9, "Lea"), ("open", 10, "Ana"), ("overturned", 11, "Lea")):
        check_dispute(week, event(state, at, by))
        say_in_dispute(week, event(state, at, by))
        assert week.execute("select dispute_state, disputed_by from disputes").fetchall() == [(state, "Ana")]
    assert week.execute("select count(*) from core.dispute_events").fetchall() == [(4,)]


def test_a_dispute_is_about_a_finding_and_is_not_opened_or_closed_twice(week):
    with pytest.raises(InputError, match="no dispute about"):
        check_dispute(week, event("upheld", 8))
    say_in_dispute(week, event("open", 8))
    with pytest.raises(InputError, match="disputed already"):
        check_dispute(week, event("open", 9))
    with pytest.raises(InputError, match="has no verdict by"):
        check_dispute(week, msgspec.structs.replace(event("open", 9), call_id="C99"))


VERDICTS = [v for v in Verdict for _ in range(3 if v in (Verdict.MET, Verdict.MISSED) else 1)]


def test_agreement_by_month_is_the_same_in_sql_and_in_reports(week):
    """Many pairs at once: their verdicts, months, and how many findings of a call they share, are drawn by lot."""
    lots = Random(7)
    keep_clock(week, "Europe/Berlin")
    drawn = draw(week, 1000)
    record_sample(week, drawn, at=LATER)
    reviews = []
    for n in range(24):
        shared = lots.sample(drawn, lots.choice((1, 2, 30, 90)))
        often = lots.choice((0.0, 0.1, 0.5, 1.0))
        for d in shared:
            first = lots.choice(VERDICTS) if n % 4 else Verdict.MET
            other = lots.choice(VERDICTS) if lots.random() < often else first
            for who, verdict in (("Ann", first), ("Bob", other)):
                # Midnight in Berlin is two hours before that in UTC from April on.
                at = LATER.replace(month=lots.choice((3, 4, 5)), day=lots.choice((1, 30)), hour=lots.choice((1, 22)))
                reviews.append(said(d, verdict, reviewer=f"{who} {n:02}", at=at))
    add_new_reviews(week, reviews)

    in_sql = rows_of(
        week,
        "select reviewed_month, reviewer, other_reviewer, both_judged, both_agreed, kappa, kappa_low, kappa_high "
        "from reviewer_agreement order by all",
    )
    found = over_time(typed_rows(week.execute("from reviewer_verdicts"), ReviewerVerdict))
    in_python = sorted((p.month, *p.reviewers, p.agreed.n, p.agreed.hits, *kappa_of(p)) for p in found.pairs)
    assert len(in_sql) > 200
    assert {row[5] is None for row in in_sql} == {row[6] is None for row in in_sql} == {True, False}
    for sql, python in zip(in_sql, in_python, strict=True):
        assert sql[:5] == python[:5]
        assert [None if x is None else pytest.approx(x, abs=1e-7) for x in sql[5:]] == list(python[5:])

    reversing = saved_query("reviewers_reversing").sql.rstrip(";")
    assert rows_of(week, f"select month, reviewer, judged, reversed from ({reversing}) order by all") == sorted(
        (r.month, r.reviewer, r.reversed_.n, r.reversed_.hits) for r in found.reviewers
    )
    low = rows_of(week, f"from ({saved_query('reviewers_over_time').sql.rstrip(';')}) order by all")
    notes = [(row[0], row[1], row[-1]) for row in low]
    assert sorted(notes, key=str) == sorted(
        ((p.month, p.reviewers[0], TOO_FEW if not p.is_told else LOW_NOTE if p.is_low else None) for p in found.pairs),
        key=str,
    )
    assert {note for *_, note in notes} == {None, TOO_FEW, LOW_NOTE}


LOW_NOTE = "low: agree on what the rule means before judging more"


def kappa_of(pair):
    low, high = (pair.kappa and pair.kappa.interval) or (None, None)
    return pair.kappa and pair.kappa.value, low, high


def rows_of(con, sql):
    return con.execute(sql).fetchall()


def test_people_stay_compared_when_a_rule_is_rewritten_and_not_on_what_was_picked_out(week, builders):
    drawn = draw(week, 30)
    doubtful = draw_targeted(week, week="2026-W10", size=9, scorecard="house")
    record_sample(week, (*drawn, *doubtful), at=LATER)
    add_new_reviews(week, [said(d, reviewer=who) for d in (*drawn, *doubtful) for who in ("Ann", "Bob")])
    store_rulebook(week, builders.rulebook("v2", applies="episode"))

    assert week.execute("select count(*) from random_reviews").fetchall() == [(0,)]
    assert week.execute("select reviewed_month, both_judged, kappa from reviewer_agreement").fetchall() == [
        ("2026-03", 30, None)
    ]
