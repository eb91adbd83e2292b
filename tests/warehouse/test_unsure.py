"""What is unsure is outside every rate and score, is counted beside them, and comes to people first."""

import hashlib
from datetime import date

import duckdb
import msgspec
import pytest

from callaudit.audit_rules.acts.said import Certainty, Witness
from callaudit.audit_rules.finding import Evidence, EvidenceKind, Finding, Reason, Upset, Verdict
from callaudit.transcription.transcript import SpeakerRole
from callaudit.warehouse.arrow_tables import AuditedCall
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.erase import remove_words
from callaudit.warehouse.load import load
from callaudit.warehouse.publish import publish
from callaudit.warehouse.published import open_published
from callaudit.warehouse.reviews import draw_random, draw_targeted
from callaudit.warehouse.rulebooks import store_rulebook
from callaudit.warehouse.schema import MIGRATIONS
from callaudit.warehouse.search import cells_like, where_named

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
    audited = builders.audited
    load(
        warehouse,
        [
            audited("C1", verdicts(UNSURE, UNSURE, MET, NA)),
            audited("C2", verdicts(MET, UNSURE, MISSED, UNSURE), calmed=True),
            audited("C3", verdicts(UNSURE, MISSED, UNSURE, NOT_SEEN), tense=False, upset=Upset.PERHAPS),
            audited("C4", verdicts(NA, NA, MET, MET), tense=False),
        ],
        run_id="R1",
    )
    return warehouse


def ask(con, sql):
    return con.execute(sql).fetchall()


def test_a_step_of_which_only_unsure_rules_were_judged_is_unsure(week):
    assert ask(week, "select call_id, step, verdict, rules_unsure from call_steps order by 1, step_number") == [
        ("C1", "apology", UNSURE, 2),
        ("C1", "ownership", MET, 0),
        ("C1", "pace", NA, 0),
        ("C2", "apology", MET, 1),
        ("C2", "ownership", MISSED, 0),
        ("C2", "pace", UNSURE, 1),
        ("C3", "apology", MISSED, 1),
        ("C3", "ownership", UNSURE, 1),
        ("C3", "pace", NOT_SEEN, 0),
        ("C4", "apology", NA, 0),
        ("C4", "ownership", MET, 0),
        ("C4", "pace", MET, 0),
    ]


def test_a_score_leaves_unsure_out_and_there_is_none_where_less_than_half_was_judged(week):
    assert ask(
        week,
        """
        select call_id, round(score, 2), judged_share, rules_unsure, round(unsure_share, 3), steps_unsure
        from call_scorecards order by call_id
        """,
    ) == [
        ("C1", 100.0, 0.5, 2, 0.667, 1),
        ("C2", 33.33, 0.6, 2, 0.5, 1),
        ("C3", None, 0.2, 2, 0.5, 1),
        ("C4", 100.0, 1.0, 0, 0.0, 0),
    ]
    assert ask(week, "select calls, calls_scored, unsure from scorecards_by_week") == [(4, 3, 3)]


def test_a_rate_stands_between_what_it_were_if_all_unsure_were_missed_or_met(week):
    assert ask(
        week,
        """
        select step, applicable, judged, met, missed, unsure, not_assessable, rate, unsure_share, rate_if_missed,
            rate_if_met
        from steps_by_week order by step_number
        """,
    ) == [
        ("apology", 3, 2, 1, 1, 1, 0, 0.5, 1 / 3, 1 / 3, 2 / 3),
        ("ownership", 4, 3, 2, 1, 1, 0, 2 / 3, 0.25, 0.5, 0.75),
        ("pace", 3, 1, 1, 0, 1, 1, 1.0, 1 / 3, 0.5, 1.0),
    ]
    assert ask(
        week,
        """
        select rule_id, judged, unsure, rate, rate_if_missed, rate_if_met from rules_by_week
        where rule_id like 'apology%' order by 1
        """,
    ) == [("apology.given", 1, 2, 1.0, 1 / 3, 1.0), ("apology.is_specific", 1, 2, 0.0, 0.0, 2 / 3)]


def test_agents_and_coverage_count_unsure_beside_their_rates(week):
    assert ask(week, "select judged, met, unsure, unsure_share from agents_by_week") == [(6, 4, 3, 0.3)]
    assert ask(week, "select sum(unsure) from agent_steps_by_week") == [(3,)]
    assert ask(week, "select sum(unsure) from agent_step_month") == [(3,)]
    assert ask(week, "select applicable, judged, unsure from coverage") == [(13, 6, 6)]


def test_a_call_that_was_only_perhaps_tense_is_neither_tense_nor_calmed(week):
    assert ask(week, "select call_id, upset, tense, calmed from calls order by 1") == [
        ("C1", "clear", True, None),
        ("C2", "clear", True, True),
        ("C3", "perhaps", None, None),
        ("C4", "none", False, None),
    ]
    assert ask(week, "select calls, tense_calls, calmed_calls, perhaps_tense_calls from weeks") == [(4, 2, 1, 1)]
    assert ask(week, "select tense_calls, perhaps_tense_calls from agents_by_week") == [(2, 1)]


HEARD = Evidence(
    kind=EvidenceKind.MET,
    turn=1,
    role=SpeakerRole.AGENT,
    start=1.0,
    end=4.5,
    quote="so sorry",
    act="apologises_for",
    probability=0.934,
    like="i am sorry that mister underhill waited",
)


@pytest.fixture
def understood(warehouse, builders):
    call = builders.audited("C1")
    finding = Finding(
        rule_id="apology.given", verdict=Verdict.MET, reason=Reason.HEARD, evidence=(HEARD,),
        certainty=Certainty.LIKELY, witness=Witness.RECOGNISER,
    )  # fmt: skip
    load(
        warehouse, [AuditedCall(call.transcript, msgspec.structs.replace(call.audit, findings=(finding,)))], run_id="R"
    )
    return warehouse


def test_a_finding_says_how_surely_and_by_what_it_was_recognised(understood):
    asked = "select certainty, witness, act, probability from findings"
    assert ask(understood, asked) == [("likely", "recogniser", "apologises_for", 0.934)]
    assert ask(understood, "select witness, act, probability, nearest_line from evidence") == [
        ("recogniser", "apologises_for", 0.934, HEARD.like)
    ]


def test_a_published_copy_says_so_too(understood, tmp_path):
    publish(understood, tmp_path / "published")
    with open_published(tmp_path / "published") as copy:
        (row,) = copy.rows(
            """
            select f.certainty, f.witness, e.act, e.probability, e.nearest_line
            from findings f join evidence e using (call_id, rule_id)
            """
        )
    assert row == {
        "certainty": "likely", "witness": "recogniser", "act": "apologises_for", "probability": 0.934,
        "nearest_line": HEARD.like,
    }  # fmt: skip


def test_what_no_act_decided_is_unknown_and_not_empty(week):
    assert ask(week, "select distinct certainty, witness from findings") == [(None, None)]
    assert ask(week, "select distinct act, probability, nearest_line from evidence") == [(None, None, None)]


def test_words_that_are_removed_leave_the_act_and_take_the_quote(understood):
    remove_words(understood, ["C1"], on=date(2026, 9, 1))

    assert ask(understood, "select quote, act, probability, nearest_line from evidence") == [
        ("", "apologises_for", 0.934, HEARD.like)
    ]


def test_a_line_of_the_corpus_is_nobodys_personal_data(understood):
    assert where_named(understood, ["underhill"]) == []
    assert list(cells_like(understood, "underhill")) == []
    assert [table for table, _ in where_named(understood, ["sorry"])] == ["core.findings", "core.utterances"]
    assert {cell.table for cell in cells_like(understood, "so sorry")} == {"core.findings", "core.utterances"}


def test_findings_of_an_earlier_program_come_along_as_they_were(tmp_path):
    path = tmp_path / "w.duckdb"
    with duckdb.connect(path, config={"storage_compatibility_version": "v1.4.0"}) as con:
        for file in sorted(MIGRATIONS.glob("*.sql"))[:11]:
            con.execute(file.read_text())
            con.execute("insert into core.migrations values (?, ?, ?)", [int(file.name[:4]), file.name, _sha256(file)])
        con.execute(
            """
            insert into core.findings values ('C1', 'v1', 'apology.given', 'met', 'Heard.', 1,
                [{'kind': 'met', 'turn': 1, 'role': 'agent', 'start_s': 1, 'end_s': 2, 'quote': 'sorry',
                  'char_start': 0, 'char_end': 5, 'note': ''}])
            """
        )
        for call, tense in (("C1", True), ("C2", False)):
            con.execute(
                """
                insert into core.call_measures by name
                select $call as call_id, 'v1' as rulebook_version, 't' as transcript_hash, 'R' as run_id,
                    1 as turns_agent, 1 as turns_customer, 1 as words_agent, 1 as words_customer, 0 as transfers,
                    $tense as tense, $tense as upset_at_start, false as upset_at_end
                """,
                {"call": call, "tense": tense},
            )
    con = open_writer(path)
    assert ask(con, "select call_id, upset from core.call_measures order by 1") == [("C1", "clear"), ("C2", "none")]
    assert ask(con, "select verdict, certainty, witness, evidence[1].quote, evidence[1].act from core.findings") == [
        ("met", None, None, "sorry", None)
    ]
    con.close()


def _sha256(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


# ---------- for people to judge


@pytest.fixture
def many(warehouse, builders):
    """Thirty tense calls of which each has an unsure and a critical miss, and ten quiet ones."""
    store_rulebook(warehouse, builders.rulebook("v2", applies="upset"))
    calls = [builders.audited(f"T{n:02}", verdicts(MISSED, UNSURE, MET, UNSURE), version="v2") for n in range(30)]
    calls += [builders.audited(f"Q{n:02}", verdicts(NA, NA, NA, NA), version="v2", tense=False) for n in range(10)]
    load(warehouse, calls, run_id="R1")
    return warehouse


def targeted(con, size, **wanted):
    return draw_targeted(con, week="2026-W10", size=size, scorecard="house", **wanted)


def test_unsure_verdicts_are_drawn_first_and_leave_room_for_the_rest(many):
    drawn = targeted(many, 20)

    assert {d.rule_verdict for d in drawn[:5]} == {Verdict.UNSURE}
    assert sum(d.drawn_for == "unsure" for d in drawn) >= 10
    assert {d.drawn_for for d in drawn} == {"unsure", "critical miss", "quiet call"}
    of_calls = [d.call_id for d in drawn if d.drawn_for == "unsure"]
    assert len(of_calls) == len(set(of_calls))


def test_every_unsure_verdict_is_drawn_where_there_is_room(many):
    assert sum(d.drawn_for == "unsure" for d in targeted(many, 200)) == 60


def test_a_quiet_call_is_drawn_once_by_a_rule_that_waits_for_an_upset_customer(many):
    quiet = [d for d in targeted(many, 200) if d.drawn_for == "quiet call"]

    assert sorted(d.call_id for d in quiet) == [f"Q{n:02}" for n in range(10)]
    assert {(d.rule_id, d.rule_verdict) for d in quiet} == {("ownership.avoids_blame", Verdict.NOT_APPLICABLE)}


def test_a_random_sample_holds_what_is_unsure(many):
    drawn = draw_random(many, week="2026-W10", size=1000)

    assert len(drawn) == 120
    assert sum(d.rule_verdict is Verdict.UNSURE for d in drawn) == 60
