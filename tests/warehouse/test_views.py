"""Every figure here was worked out by hand from the verdicts at the top."""

import math
import random
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callaudit.audit_rules.finding import Medium, Upset, Verdict
from callaudit.audit_rules.rule import Scorecard, Step, TeamTargets
from callaudit.audit_rules.scorecard import score, verdicts_of
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.load import load
from callaudit.warehouse.quarantine import quarantine
from callaudit.warehouse.reviews import Review, add_reviews
from callaudit.warehouse.rulebooks import store_rulebook
from callaudit.warehouse.runs import Run, record_run
from callaudit.warehouse.site_clock import keep_clock

MET, MISSED, UNSURE, NA, NOT_SEEN = "met", "missed", "unsure", "not_applicable", "not_assessable"


def verdicts(given, specific, blame, urgency):
    return {
        "apology.given": given,
        "apology.is_specific": specific,
        "ownership.avoids_blame": blame,
        "pace.shows_urgency": urgency,
    }


@pytest.fixture
def week(warehouse, builders):
    """Three calls in 2026-W10, one in W11, one without a date."""
    audited = builders.audited
    load(
        warehouse,
        [
            audited("C1", verdicts(MET, MISSED, MET, NA), agent_id="a1", calmed=True),
            audited("C2", verdicts(MISSED, MET, MET, NOT_SEEN), agent_id="a1", calmed=False),
            audited("C3", verdicts(NA, NA, MISSED, MET), agent_id="a2", tense=False),
            audited("C4", verdicts(MET, MET, MET, MET), agent_id="a2", started_at=None),
            audited("C5", verdicts(MET, NA, NA, NA), agent_id="a1", started_at=builders.monday + timedelta(days=7)),
        ],
        run_id="R1",
    )
    return warehouse


def ask(con, sql, parameters=None):
    return con.execute(sql, parameters).fetchall()


def test_a_score_is_the_weight_met_of_the_weight_judged_with_its_coverage(week):
    assert ask(
        week,
        """
        select call_id, round(score, 2), coverage, rules_applicable, rules_judged, critical_misses, steps_met,
            steps_missed
        from call_scorecards order by call_id
        """,
    ) == [
        ("C1", 75.0, 1.0, 3, 3, 0, 2, 0),
        ("C2", 75.0, 0.75, 4, 3, 1, 1, 1),
        ("C3", 33.33, 1.0, 2, 2, 0, 1, 1),
        ("C4", 100.0, 1.0, 4, 4, 0, 3, 0),
        ("C5", 100.0, 1.0, 1, 1, 0, 1, 0),
    ]


def test_a_step_is_missed_by_a_critical_miss_or_by_less_than_half(week):
    assert ask(
        week, "select call_id, step, verdict, share from call_steps where call_id <= 'C3' order by 1, step_number"
    ) == [
        ("C1", "apology", MET, 0.5),
        ("C1", "ownership", MET, 1.0),
        ("C1", "pace", NA, None),
        ("C2", "apology", MISSED, 0.5),
        ("C2", "ownership", MET, 1.0),
        ("C2", "pace", NOT_SEEN, None),
        ("C3", "apology", NA, None),
        ("C3", "ownership", MISSED, 0.0),
        ("C3", "pace", MET, 1.0),
    ]
    assert ask(week, "select critical_rules_missed from call_steps where critical_misses > 0") == [(["apology.given"],)]


def test_a_week_counts_each_step_over_the_calls_that_called_for_it(week):
    assert ask(
        week,
        """
        select step, calls, applicable, judged, met, missed, not_assessable, rate, week_start::varchar
        from steps_by_week where iso_week = '2026-W10' order by step_number
        """,
    ) == [
        ("apology", 3, 2, 2, 1, 1, 0, 0.5, "2026-03-02"),
        ("ownership", 3, 3, 3, 2, 1, 0, 2 / 3, "2026-03-02"),
        ("pace", 3, 2, 1, 1, 0, 1, 1.0, "2026-03-02"),
    ]


def test_a_week_counts_each_rule_over_the_calls_that_called_for_it(week):
    assert ask(
        week,
        """
        select rule_id, step, calls, applicable, judged, met, missed, not_assessable, not_applicable, rate
        from rules_by_week where iso_week = '2026-W10' order by rule_id
        """,
    ) == [
        ("apology.given", "apology", 3, 2, 2, 1, 1, 0, 1, 0.5),
        ("apology.is_specific", "apology", 3, 2, 2, 1, 1, 0, 1, 0.5),
        ("ownership.avoids_blame", "ownership", 3, 3, 3, 2, 1, 0, 0, 2 / 3),
        ("pace.shows_urgency", "pace", 3, 2, 1, 1, 0, 1, 1, 1.0),
    ]


def test_the_headline_of_a_week(week):
    (row,) = ask(
        week,
        """
        select calls, calls_scored, round(score, 2), applicable, judged, met, missed, rate, coverage,
            calls_with_critical_miss, agents, rulebook_versions
        from scorecards_by_week where iso_week = '2026-W10'
        """,
    )
    assert row == (3, 3, 61.11, 7, 6, 4, 2, 2 / 3, 8 / 9, 1, 2, ["v1"])


def test_agents_are_counted_by_week(week):
    assert ask(
        week,
        """
        select agent_id, agent_name, team, calls, score, judged, met, missed, critical_misses, tense_calls, calmed_calls
        from agents_by_week where iso_week = '2026-W10' order by agent_id
        """,
    ) == [
        ("a1", "Agent a1", "red", 2, 75.0, 4, 3, 1, 1, 2, 1),
        ("a2", "Agent a2", "red", 1, pytest.approx(100 / 3), 2, 1, 1, 0, 0, 0),
    ]


def test_an_agents_month_is_four_weeks_beside_the_whole_team(week):
    assert ask(
        week,
        """
        select agent_id, first_week_start::varchar, calls, judged, met, team_judged, team_met, round(team_rate, 3)
        from agent_step_month where iso_week = '2026-W11' and step = 'apology' order by agent_id
        """,
    ) == [
        ("a1", "2026-02-16", 3, 3, 2, 3, 2, 0.667),
        ("a2", "2026-02-16", 1, 0, 0, 3, 2, 0.667),
    ]


def test_four_weeks_are_not_five(week, builders):
    load(
        week,
        [builders.audited("C6", verdicts(MET, NA, NA, NA), started_at=builders.monday + timedelta(days=28))],
        run_id="R2",
    )
    assert ask(week, "select calls from agent_step_month where iso_week = '2026-W14' and step = 'apology'") == [(2,)]


def test_undated_calls_are_in_no_week_and_counted_apart(week):
    assert ask(week, "select iso_week, calls from weeks order by 1") == [("2026-W10", 3), ("2026-W11", 1)]
    assert ask(week, "select iso_week, calls from coverage order by 1 nulls last") == [
        ("2026-W10", 3),
        ("2026-W11", 1),
        (None, 1),
    ]
    for view in ("steps_by_week", "rules_by_week", "agents_by_week", "agent_steps_by_week", "agent_step_month"):
        assert ask(week, f"select count(*) from {view} where iso_week is null") == [(0,)]


def test_calls_without_an_agent_are_in_no_agents_figures(warehouse, builders):
    load(warehouse, [builders.audited("C1", agent_id=None)], run_id="R1")
    assert ask(warehouse, "select count(*) from agents_by_week") == [(0,)]
    assert ask(warehouse, "select calls from steps_by_week where step = 'apology'") == [(1,)]


def test_the_day_of_a_call_is_that_of_the_sites_clock_whatever_offset_its_metadata_carry(warehouse, builders):
    # Sunday 23:30 in Tokyo's metadata, Sunday in UTC, and in Auckland Monday already.
    began = datetime(2026, 3, 1, 23, 30, tzinfo=timezone(timedelta(hours=9)))
    keep_clock(warehouse, "Pacific/Auckland")
    load(warehouse, [builders.audited(started_at=began)], run_id="R1")
    days = "select iso_week, month, local_date::varchar, week_start::varchar, started_local::varchar from calls"
    assert ask(warehouse, days) == [("2026-W10", "2026-03", "2026-03-02", "2026-03-02", "2026-03-02 03:30:00")]
    assert ask(warehouse, "select site_timezone()") == [("Pacific/Auckland",)]


def test_a_site_that_moves_counts_all_its_calls_and_refused_files_by_the_new_clock(warehouse, builders):
    began = datetime(2026, 10, 25, 22, 30, tzinfo=UTC)
    load(warehouse, [builders.audited(started_at=began), builders.audited("C2", started_at=None)], run_id="R1")
    quarantine(warehouse, [refused("bad", "not_audio", began)], run_id="R1")
    both = "select iso_week from calls where started_at is not null union all select iso_week from not_audited"
    assert ask(warehouse, both) == [("2026-W43",)] * 2
    # From one hour ahead of UTC on, it is Monday; on that Sunday the clocks of Athens went back.
    keep_clock(warehouse, "Europe/Athens")
    assert ask(warehouse, both) == [("2026-W44",)] * 2
    assert ask(warehouse, "select utc_offset_s, local_date::varchar from core.calls order by call_id") == [
        (7200, "2026-10-26"),
        (None, None),
    ]


def refused(path, code="not_audio", started_at=None):
    return SimpleNamespace(
        path=path, sha256=path, size=1, code=code, reason="r", next_step="n", source="main", started_at=started_at
    )


def test_a_call_that_cannot_be_judged_is_in_no_figure_of_tense_or_critical_calls(week, builders):
    blind = dict.fromkeys(verdicts(MET, MET, MET, MET), NOT_SEEN)
    load(week, [builders.audited("C6", blind, agent_id="a1", upset=Upset.UNKNOWN)], run_id="R2")
    assert ask(week, "select tense, calmed, critical_misses from call_scorecards where call_id = 'C6'") == [
        (None, None, None)
    ]
    figures = """
        select calls, tense_judged_calls, tense_calls, critical_judged_calls, calls_with_critical_miss
        from agents_by_week where iso_week = '2026-W10' and agent_id = 'a1'
    """
    assert ask(week, figures) == [(3, 2, 2, 2, 1)]
    assert ask(week, "select calls, tense_judged_calls, tense_calls from weeks where iso_week = '2026-W10'") == [
        (4, 3, 2)
    ]
    assert ask(week, "select critical_judged_calls from scorecards_by_week where iso_week = '2026-W10'") == [(3,)]


def test_a_step_is_not_followed_where_the_rule_that_outweighs_the_others_was_missed(warehouse, builders):
    book = builders.rulebook("v2", critical=())
    ids = [r.id for r in book.rules]
    step = Step(id="all", title="All", rules=dict(zip(ids, (3.0, 2.0, 2.0, 1.0), strict=True)))
    even = Step(id="even", title="Even", rules=dict(zip(ids[1:3], (2.0, 2.0), strict=True)))
    book.scorecards = {"house": Scorecard(name="house", title="House", steps=(step, even))}
    store_rulebook(warehouse, book)
    load(
        warehouse,
        [
            builders.audited("main missed", verdicts(MISSED, MET, MET, MET), version="v2"),
            builders.audited("main met", verdicts(MET, MISSED, MET, MISSED), version="v2"),
        ],
        run_id="R1",
    )
    assert ask(warehouse, "select call_id, step, verdict, share from call_steps order by 1, 2") == [
        ("main met", "all", MET, 0.625),
        ("main met", "even", MET, 0.5),
        ("main missed", "all", MISSED, 0.625),
        ("main missed", "even", MET, 1.0),
    ]


def test_trial_rules_are_recorded_but_not_scored(warehouse, builders):
    store_rulebook(warehouse, builders.rulebook("v2", statuses={"ownership.avoids_blame": "trial"}))
    load(warehouse, [builders.audited("C1", verdicts(MET, MET, MISSED, NA), version="v2")], run_id="R1")
    assert ask(warehouse, "select score, rules_judged from call_scorecards") == [(100.0, 2)]
    assert ask(warehouse, "select step from call_steps order by step_number") == [("apology",), ("pace",)]
    assert ask(warehouse, "select status, missed from rules_by_week where rule_id like 'own%'") == [("trial", 1)]


def test_the_newest_rulebook_counts_and_only_once(week, builders):
    store_rulebook(week, builders.rulebook("v2"))
    load(week, [builders.audited("C1", verdicts(MISSED, NA, NA, NA), version="v2", agent_id="a1")], run_id="R2")
    assert ask(
        week, "select rulebook_version, verdict from findings where call_id = 'C1' and rule_id = 'apology.given'"
    ) == [("v2", MISSED)]
    assert ask(
        week, "select rulebook_versions, calls from steps_by_week where iso_week = '2026-W10' and step = 'apology'"
    ) == [(["v1", "v2"], 3)]
    assert ask(week, "select count(*) from calls") == [(5,)]


def review(builders, **fields):
    kept = {
        "review_id": "1", "call_id": "C2", "rule_id": "apology.given", "verdict": Verdict.MET, "reviewer": "Eva",
        "reviewed_at": builders.monday,
    }  # fmt: skip
    return Review(**(kept | fields))


def test_a_review_goes_before_the_rule_and_leaves_the_finding_as_it_was(week, builders):
    add_reviews(week, [review(builders, note="said at the end")])
    assert ask(
        week,
        "select verdict, rule_verdict, is_overridden, reviewed_by, review_note from findings "
        "where call_id = 'C2' and rule_id = 'apology.given'",
    ) == [(MET, MISSED, True, "Eva", "said at the end")]
    assert ask(week, "select score, critical_misses, is_overridden from call_scorecards where call_id = 'C2'") == [
        (100.0, 0, True)
    ]
    assert ask(week, "select verdict from core.findings where call_id = 'C2' and rule_id = 'apology.given'") == [
        (MISSED,)
    ]
    assert ask(
        week, "select met, overridden from rules_by_week where rule_id = 'apology.given' and iso_week = '2026-W10'"
    ) == [(2, 1)]


def test_the_newest_review_counts(week, builders):
    later = builders.monday + timedelta(hours=1)
    add_reviews(
        week,
        [
            review(builders, review_id="2", verdict=Verdict.MISSED, reviewed_at=later),
            review(builders, review_id="1"),
        ],
    )
    assert ask(
        week, "select verdict, is_overridden from findings where call_id = 'C2' and rule_id = 'apology.given'"
    ) == [(MISSED, False)]
    assert ask(week, "select agrees from reviews order by review_id") == [(False,), (True,)]


def test_a_finding_shows_the_quote_that_decided_and_all_its_evidence(week):
    ((quote, kind, role, at, evidence),) = ask(
        week,
        "select quote, quote_kind, quote_speaker, at_s, evidence from findings "
        "where call_id = 'C1' and rule_id = 'apology.given'",
    )
    assert (quote, kind, role, at) == ("so sorry", "met", "agent", 1.0)
    assert [piece["quote"] for piece in evidence] == ["fed up", "so sorry"]
    assert ask(week, "select evidence, quote from findings where verdict = 'missed' limit 1") == [([], None)]


def test_turns_are_the_words_as_they_were_judged(week):
    assert ask(
        week, "select turn, speaker, start_s, end_s, text, utterances from turns where call_id = 'C1' order by turn"
    ) == [
        (0, "customer", 0.0, 0.9, "i am fed up", 1),
        (1, "agent", 1.0, 4.5, "i am so sorry", 1),
    ]


def test_a_promise_is_kept_broken_or_open(warehouse, builders):
    hour = timedelta(hours=1)
    audited, monday = builders.audited, builders.monday
    load(
        warehouse,
        [
            audited("made", customer_id="k", promises=(24.0, 2.0)),
            audited("inbound", customer_id="k", started_at=monday + hour),
            audited("back", customer_id="k", started_at=monday + 20 * hour, direction="outbound"),
            audited("newest", customer_id="m", started_at=monday + 30 * hour, promises=(10.0,)),
            audited("nobody", customer_id=None, promises=(1.0,)),
        ],
        run_id="R1",
    )
    looked(warehouse, monday + 40 * hour)
    assert ask(warehouse, "select call_id, promise, outcome, kept_by_call_id from promises order by 1, 2") == [
        ("made", 1, "kept", "back"),
        ("made", 2, "broken", None),
        ("newest", 1, "open", None),
        ("nobody", 1, "unknown", None),
    ]


def looked(warehouse, at):
    """A run looked for recordings then."""
    record_run(warehouse, Run(run_id=f"R{at:%d%H}", kind="nightly", state="finished", started_at=at))


def test_a_promise_is_due_by_the_clock_and_not_by_a_call_that_is_dated_ahead_of_it(warehouse, builders):
    hour, audited, monday = timedelta(hours=1), builders.audited, builders.monday
    made = audited("made", customer_id="k", promises=(10.0,))
    load(warehouse, [made, audited("ahead", customer_id="m", started_at=monday + 20 * hour)], run_id="R1")
    looked(warehouse, monday + 9 * hour)
    assert ask(warehouse, "select outcome from promises") == [("open",)]
    looked(warehouse, monday + 11 * hour)
    assert ask(warehouse, "select outcome from promises") == [("broken",)]


def test_calls_that_cannot_tell_leave_the_outcome_of_a_promise_unknown(warehouse, builders):
    hour, audited, monday = timedelta(hours=1), builders.audited, builders.monday
    load(
        warehouse,
        [
            audited("a", customer_id="a", promises=(10.0,)),
            audited("a2", customer_id="a", started_at=monday + hour, direction=None),
            audited("b", customer_id="b", promises=(10.0,), interaction_id="I"),
            audited("b2", customer_id="b", started_at=monday + hour, direction="outbound", interaction_id="I"),
            audited("c", customer_id="c", promises=(10.0,), medium=Medium.WRITING),
            audited("d", customer_id="d", promises=(10.0,), medium=Medium.ANY),
            audited("e", customer_id="e", promises=(10.0,), upset=Upset.UNKNOWN),
            audited("f", customer_id="f", promises=(10.0,), started_at=monday + 20 * hour),
        ],
        run_id="R1",
    )
    looked(warehouse, monday + 40 * hour)
    outcomes = dict(ask(warehouse, "select call_id, outcome from promises"))
    assert outcomes == dict.fromkeys("abcde", "unknown") | {"f": "open"}


def test_files_left_out_are_counted_in_the_week_of_their_call_if_it_is_known(warehouse, builders):
    record_run(
        warehouse,
        Run(run_id="R1", kind="nightly", state="finished", started_at=builders.monday + timedelta(days=7)),
    )
    files = [
        refused(p, code) for p, code in (("dated", "truncated"), ("undated", "not_audio"), ("undated too", "not_audio"))
    ]
    quarantine(warehouse, files, run_id="R1", calls={"dated": builders.transcript("C9").call})
    assert ask(warehouse, "select iso_week, found_week, code, files from not_audited_by_week order by code") == [
        (None, "2026-W11", "not_audio", 2),
        ("2026-W10", "2026-W11", "truncated", 1),
    ]
    assert ask(warehouse, "select iso_week, not_audited, week_start::varchar from weeks order by 1") == [
        ("2026-W10", 1, "2026-03-02"),
        ("2026-W11", 2, "2026-03-09"),
    ]


def test_what_a_new_rulebook_changed_is_told_rule_by_rule(week, builders):
    changed = builders.rulebook(
        "v2", statuses={"pace.shows_urgency": "trial"}, asks={"apology.given": "Sorry?"}, critical=()
    )
    changed.rules = tuple(r for r in changed.rules if r.id != "ownership.avoids_blame")
    store_rulebook(week, changed)
    load(week, [builders.audited("C1", version="v2")], run_id="R2")
    assert ask(week, "select rule_id, previous_version, change, what, first_week from rule_changes order by 1") == [
        ("apology.given", "v1", "changed", "question, weight", "2026-W10"),
        ("ownership.avoids_blame", "v1", "removed", "", "2026-W10"),
        ("pace.shows_urgency", "v1", "changed", "status", "2026-W10"),
    ]
    store_rulebook(
        week, builders.rulebook("v3", statuses={"pace.shows_urgency": "trial"}, asks={"apology.given": "Sorry?"})
    )
    assert ask(week, "select rule_id, change from rule_changes where rulebook_version = 'v3' order by 1") == [
        ("apology.given", "changed"),
        ("ownership.avoids_blame", "added"),
    ]


def test_questions_by_name(week):
    assert ask(week, "select step, rule_id, verdict from scorecard('C2') order by rule_id") == [
        ("apology", "apology.given", MISSED),
        ("apology", "apology.is_specific", MET),
        ("ownership", "ownership.avoids_blame", MET),
        ("pace", "pace.shows_urgency", NOT_SEEN),
    ]
    assert [r[0] for r in ask(week, "select iso_week from compliance_by_week('Agent a1')")] == ["2026-W10", "2026-W11"]
    assert ask(week, "from compliance_by_week('a1')") == ask(week, "from compliance_by_week('Agent a1')")
    assert len(ask(week, "from said('FED UP')")) == 5
    assert {r[0] for r in ask(week, "select rule_id from quotes('so sorry')")} >= {"apology.given"}
    assert ask(week, "from quotes('''; drop table core.calls; --')") == []


@pytest.fixture(scope="module")
def macros(tmp_path_factory):
    con = open_writer(tmp_path_factory.mktemp("macros") / "w.duckdb")
    yield con
    con.close()


@given(st.integers(0, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_wilsons(macros, counts):
    k, n = counts
    low, high = macros.execute("select wilson_low(?, ?), wilson_high(?, ?)", [k, n, k, n]).fetchone()
    if n == 0:
        assert (low, high) == (None, None)
        return
    z, p = 1.959963984540054, k / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert low == pytest.approx(max(0.0, middle - half), abs=1e-12)
    assert high == pytest.approx(min(1.0, middle + half), abs=1e-12)
    assert 0 <= low <= p + 1e-12
    assert p - 1e-12 <= high <= 1


def test_the_interval_of_published_examples(macros):
    # Newcombe 1998, table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    for k, n, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        found = macros.execute("select wilson_low(?, ?), wilson_high(?, ?)", [k, n, k, n]).fetchone()
        assert found == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("fails", [False, True])
def test_scores_are_those_of_the_rule_room(warehouse, builders, fails):
    draw = random.Random(7)
    rulebook = builders.rulebook("v2", critical_fails_call=fails)
    store_rulebook(warehouse, rulebook)
    seen = (MET, MISSED, UNSURE, NA, NOT_SEEN)
    batch = [
        builders.audited(f"C{n}", verdicts(*(draw.choice(seen) for _ in range(4))), version="v2") for n in range(60)
    ]
    load(warehouse, batch, run_id="R1")
    found = ask(
        warehouse,
        """
        select score, judged_share, rules_met, rules_judged, rules_unsure, rules_applicable, critical_misses, failed
        from call_scorecards order by call_id
        """,
    )
    batch.sort(key=lambda audited: audited.audit.call_id)
    told = [score(verdicts_of(audited.audit.findings), rulebook, rulebook.scorecards["house"]) for audited in batch]
    critical = [f.verdict for audited in batch for f in audited.audit.findings if f.rule_id == "apology.given"]
    assert found == [
        (
            pytest.approx(s.score.value) if s.score.value is not None else None,
            s.score.judged_share,
            s.score.met,
            s.score.judged,
            s.score.unsure,
            s.score.applicable,
            len(s.critical_misses) if verdict in (MET, MISSED, NA) else None,
            s.failed,
        )
        for s, verdict in zip(told, critical, strict=True)
    ]
    assert any(s.failed for s in told) is fails


def test_what_is_aimed_at_is_kept_as_it_is_now_and_makes_no_version(warehouse, builders):
    aims = {"target": 70.0, "bands": {"good": 80.0}, "teams": {"Red": TeamTargets(target=60.0, steps={"pace": 50.0})}}
    store_rulebook(warehouse, builders.rulebook(**aims, least_calls=9))
    assert ask(warehouse, "select team, step, target, least_calls from targets order by all") == [
        ("", "", 70.0, 9), ("Red", "", 60.0, 9), ("Red", "pace", 50.0, 9),
    ]  # fmt: skip
    assert ask(warehouse, "from bands") == [("house", "good", 80.0)]

    store_rulebook(warehouse, builders.rulebook(target=75.0))
    assert ask(warehouse, "select team, step, target from targets") == [("", "", 75.0)]
    assert ask(warehouse, "from bands") == []
    assert ask(warehouse, "select count(*) from core.rulebooks") == [(1,)]
