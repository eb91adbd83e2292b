"""What came of second hearings: kept by call, and told only of the words and rules that were compared."""

from datetime import UTC, datetime

import pytest

from callaudit.audit_rules.finding import Verdict
from callaudit.warehouse.heard_again import HeardAgain, sample, store
from callaudit.warehouse.load import load
from callaudit.warehouse.rulebooks import store_rulebook

AT = datetime(2026, 3, 10, tzinfo=UTC)
MET, MISSED, UNSURE, NOT_NEEDED = Verdict.MET, Verdict.MISSED, Verdict.UNSURE, Verdict.NOT_APPLICABLE


def again(con, call_id, **verdicts):
    ((words,),) = con.execute("select transcript_hash from core.transcripts where call_id = ?", [call_id]).fetchall()
    return [
        HeardAgain(
            call_id=call_id, rule_id=rule.replace("__", "."), rulebook_version="v1", transcript_hash=words,
            engine="faster-whisper", model="tiny.en", settings_hash="s", verdict=before, verdict_again=after,
            heard_at=AT,
        )
        for rule, (before, after) in verdicts.items()
    ]  # fmt: skip


def shown(con):
    return con.execute(
        "select call_id, rule_id, verdict, verdict_again, has_flipped from heard_again order by all"
    ).fetchall()


@pytest.fixture
def two_calls(warehouse, builders):
    load(warehouse, [builders.audited("C1"), builders.audited("C2")], run_id="R1")
    return warehouse


def test_verdicts_that_were_met_or_missed_are_shown_and_those_that_changed_have_flipped(two_calls):
    rows = again(
        two_calls,
        "C1",
        apology__given=(MET, MISSED),
        apology__is_specific=(MISSED, MISSED),
        ownership__avoids_blame=(UNSURE, MISSED),
        pace__shows_urgency=(NOT_NEEDED, MET),
    )

    store(two_calls, rows)

    assert shown(two_calls) == [
        ("C1", "apology.given", "met", "missed", True),
        ("C1", "apology.is_specific", "missed", "missed", False),
    ]


def test_a_later_hearing_takes_the_place_of_the_former_one_of_its_call_alone(two_calls):
    store(two_calls, again(two_calls, "C1", apology__given=(MET, MISSED), apology__is_specific=(MET, MET)))
    store(two_calls, again(two_calls, "C2", apology__given=(MET, MET)))

    store(two_calls, again(two_calls, "C1", apology__given=(MET, UNSURE)))

    assert shown(two_calls) == [
        ("C1", "apology.given", "met", "unsure", True),
        ("C2", "apology.given", "met", "met", False),
    ]


def test_nothing_is_told_of_other_words_or_other_rules(two_calls, builders):
    for call_id in ("C1", "C2"):
        store(two_calls, again(two_calls, call_id, apology__given=(MET, MISSED)))

    load(two_calls, [builders.audited("C1", text="i am not sorry")], run_id="R2")
    assert [row[0] for row in shown(two_calls)] == ["C2"]

    store_rulebook(two_calls, builders.rulebook("v2"))
    load(two_calls, [builders.audited("C2", version="v2")], run_id="R3")
    assert shown(two_calls) == []


def test_a_rule_on_trial_is_not_counted(two_calls, builders):
    store(two_calls, again(two_calls, "C1", apology__given=(MET, MISSED)))

    store_rulebook(two_calls, builders.rulebook("v2"))
    store_rulebook(two_calls, builders.rulebook("v1", statuses={"apology.given": "trial"}))

    assert shown(two_calls) == []


def test_a_larger_sample_holds_the_smaller_one_and_a_week_only_its_own(warehouse, builders):
    load(warehouse, [builders.audited(f"C{n}") for n in range(9)], run_id="R1")
    way = {"engine": "whisper", "model": "base.en", "rulebook_version": "v1"}

    small, large = (sample(warehouse, size=size, week="", **way) for size in (3, 6))

    assert large[:3] == small
    assert len(large) == 6
    assert sample(warehouse, size=9, week="2026-W10", **way)
    assert sample(warehouse, size=9, week="2026-W11", **way) == ()
    assert sample(warehouse, size=9, week="", **{**way, "model": "tiny.en"}) == ()
