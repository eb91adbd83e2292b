"""What a finding says is kept in columns: of new findings, of former ones, and where words or calls are taken out."""

import hashlib
from datetime import date, timedelta

import duckdb
import msgspec
import pytest

from callaudit.audit_rules.finding import Facts, Miss, Pause, PauseKind, Reason, Unit, Verdict
from callaudit.audit_rules.sentences import reason_of
from callaudit.warehouse.arrow_tables import AuditedCall
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.erase import Gone, erase, remove_words
from callaudit.warehouse.load import load
from callaudit.warehouse.schema import MIGRATIONS


def ask(con, sql, *values):
    return con.execute(sql, values).fetchall()


def with_finding(audited, **fields):
    (finding,) = audited.audit.findings
    changed = msgspec.structs.replace(finding, **fields)
    return AuditedCall(audited.transcript, msgspec.structs.replace(audited.audit, findings=(changed,)))


def test_a_finding_is_kept_as_facts_and_read_as_a_sentence(warehouse, builders):
    facts = Facts(seconds=12.25, how_many=2, limit=10.0, limit_unit=Unit.SECONDS)
    call = with_finding(
        builders.audited("C1"), verdict=Verdict.MISSED, reason=Reason.DEAD_AIR, miss=Miss.TIMING, facts=facts
    )
    load(warehouse, [call], run_id="R1")

    assert ask(
        warehouse, "select reason_code, miss_kind, seconds, how_many, limit_number, limit_unit, reason from findings"
    ) == [("dead_air", "timing", 12.25, 2, 10.0, "seconds", "Dead air of 12.2 s, 2 times in all; limit 10.0 s.")]
    assert ask(warehouse, "select reason from findings") == [(reason_of(call.audit.findings[0]),)]


def test_a_person_who_finds_a_miss_is_the_way_it_was_missed(warehouse, builders):
    load(warehouse, [builders.audited("C1", {"apology.given": "met", "pace.shows_urgency": "missed"})], run_id="R1")
    for rule in ("apology.given", "pace.shows_urgency"):
        warehouse.execute(
            "insert into core.reviews by name select ? as review_id, 'C1' as call_id, ? as rule_id, "
            "'missed' as verdict, 'p' as reviewer, timestamptz '2026-03-04 00:00:00+00' as reviewed_at, '' as note",
            [rule, rule],
        )

    assert ask(warehouse, "select rule_id, miss_kind from findings order by all") == [
        ("apology.given", "by_a_person"), ("pace.shows_urgency", "never"),
    ]  # fmt: skip


def test_holds_and_silences_stand_for_themselves(warehouse, builders):
    call = builders.audited("C1")
    audit = msgspec.structs.replace(
        call.audit,
        holds=(Pause(kind=PauseKind.MUSIC, start=10.0, end=40.0),),
        silences=(Pause(kind=PauseKind.DEAD_AIR, start=50.0, end=59.0),),
    )
    load(warehouse, [AuditedCall(call.transcript, audit)], run_id="R1")
    load(warehouse, [AuditedCall(call.transcript, audit)], run_id="R2")

    assert ask(warehouse, "select call_id, position, start_s, duration_s, kind from holds") == [
        ("C1", 0, 10.0, 30.0, "music")
    ]
    assert ask(warehouse, "select call_id, position, end_s, duration_s, kind from silences") == [
        ("C1", 0, 59.0, 9.0, "dead_air")
    ]


def test_the_words_that_a_reason_names_go_with_the_words_of_the_call(warehouse, builders):
    named = Facts(named=("cracked", "shade"))
    load(warehouse, [with_finding(builders.audited("C1"), reason=Reason.SAID_BACK, facts=named)], run_id="R1")
    assert ask(warehouse, "select reason from findings") == [("Uses the customer's own words (cracked, shade).",)]

    remove_words(warehouse, ["C1"], on=date(2026, 6, 1))

    assert ask(warehouse, "select reason, named, verdict from findings") == [("Said back.", [], "met")]


def test_an_erased_call_is_named_by_no_other_calls_finding(warehouse, builders):
    kept = Facts(seconds=3600.0, other_call="C1")
    later = builders.monday + timedelta(hours=1)
    first = with_finding(builders.audited("C9", customer_id="K"), reason=Reason.CONTACT_CAME, facts=kept)
    load(warehouse, [first, builders.audited("C1", customer_id="K", started_at=later)], run_id="R1")

    gone = Gone(calls=("C1",), recordings=(), places=(), names=(), weeks={"2026-W10": 1})
    erase(warehouse, gone, erasure_id="E1", kind="call", reason="", at=later)

    assert ask(warehouse, "select call_id, reason, other_call_id from findings") == [
        ("C9", "Contacted again after 1 h, in a call that was erased.", None)
    ]


@pytest.mark.parametrize(
    ("former", "then"),
    [
        ("Contacted again after 12 h, in call 1.", "Contacted again after 12 h, in a call that was erased."),
        (
            "No contact in 11 h; the next call was 1, inbound.",
            "No contact in 11 h; the next call was one that was erased, inbound.",
        ),
    ],
)
def test_a_former_sentence_loses_the_erased_call_and_no_other_letter(warehouse, builders, former, then):
    later = builders.monday + timedelta(hours=12)
    calls = [builders.audited("C9", customer_id="K"), builders.audited("1", customer_id="K", started_at=later)]
    load(warehouse, calls, run_id="R1")
    warehouse.execute("update core.findings set former_reason = ?, other_call_id = '1' where call_id = 'C9'", [former])

    gone = Gone(calls=("1",), recordings=(), places=(), names=(), weeks={"2026-W10": 1})
    erase(warehouse, gone, erasure_id="E1", kind="call", reason="", at=later)

    assert ask(warehouse, "select reason, other_call_id from findings") == [(then, None)]


FORMER = (
    # rule, verdict, former sentence, note of its nearest miss, what stands in columns: way of missing, call, words
    (
        "a.late",
        "missed",
        "Not heard; nearest: said later.",
        "said 9 s after the upset; limit 5 s",
        "too_late",
        None,
        None,
    ),
    ("a.rest", "missed", "Not heard.", "said later; limit the rest of the call", "out_of_place", None, None),
    ("a.early", "missed", "Not heard.", "said before the upset", "too_early", None, None),
    ("a.few", "missed", "Not heard.", "said 1 of 2 times", "too_few", None, None),
    ("a.bare", "missed", "Not heard.", "said without naming the issue", "not_specific", None, None),
    ("a.other", "missed", "Not heard.", "said by the customer", "by_the_other", None, None),
    ("a.unheard", "missed", "Not heard.", None, "never", None, None),
    ("b.never", "missed", "Said once.", None, "forbidden", None, None),
    ("c.hold", "missed", "A hold of 30 s: no reason given.", None, "hold", None, None),
    ("d.kept", "met", "Contacted again after 3 h, in call C-7.", None, None, "C-7", None),
    (
        "d.broken",
        "missed",
        "No contact by Monday; the next call was C-8, inbound.",
        None,
        "broken_promise",
        "C-8",
        None,
    ),
    ("e.back", "met", "Uses the customer's own words (late, lamp).", None, None, None, ["late", "lamp"]),
    ("e.fine", "met", "Said back.", None, None, None, None),
)
MATCHERS = {
    "a": '{"expect":{"speaker":"agent","within":"5 s"},"when":{"speaker":"customer"}}',
    "b": '{"never":{"speaker":"agent"}}',
    "c": '{"hold":{"aspect":"reason"}}', "d": '{"kept_promise":{"made":[]}}', "e": '{"restates":{"words":3}}',
    "f": '{"expect":{"speaker":"customer"}}',
    "g": '{"order":{"first":{"speaker":"customer"},"then":{"speaker":"agent"}}}',
}  # fmt: skip


def former_warehouse(path):
    """A warehouse of the callaudit before facts were columns, with a finding of each kind."""
    with duckdb.connect(path, config={"storage_compatibility_version": "v1.4.0"}) as con:
        for file in sorted(MIGRATIONS.glob("*.sql")):
            if file.name < "0014":
                digest = hashlib.sha256(file.read_bytes()).hexdigest()
                con.execute(file.read_text())
                con.execute("insert into core.migrations values (?, ?, ?)", [int(file.name[:4]), file.name, digest])
        con.execute("insert into core.rulebooks values ('v1', 1, null)")
        rules = [(rule, MATCHERS[rule[0]]) for rule, *_ in FORMER] + [
            ("f.theirs", MATCHERS["f"]),
            ("g.order", MATCHERS["g"]),
        ]
        for rule, definition in rules:
            con.execute(
                "insert into core.rules values ('v1', ?, ?, '?', '', [], 'live', 'always', ?)",
                [rule, rule[0], definition],
            )
        con.execute(
            """
            insert into core.calls by name
            select 'C1' as call_id, 'main' as source, timestamptz '2026-03-02 09:00:00+00' as started_at,
                0 as utc_offset_s, date '2026-03-02' as local_date, '2026-W10' as iso_week
            """
        )
        con.execute(
            """
            insert into core.transcripts by name
            select 'C1' as call_id, 'h' as transcript_hash, 'e' as engine, 'm' as model, '' as weights_hash,
                '' as settings_hash, '' as notice, 'channels' as roles_from, '' as role_evidence,
                ['agent', 'customer'] as speech_roles, 0 as dropped_words, 0 as redactions, [] as warnings
            """
        )
        con.execute(
            """
            insert into core.call_measures by name
            select 'C1' as call_id, 'v1' as rulebook_version, 'h' as transcript_hash, 'R' as run_id, 1 as turns_agent,
                1 as turns_customer, 1 as words_agent, 1 as words_customer, 0 as transfers, 'none' as upset,
                false as tense, false as upset_at_start, false as upset_at_end
            """
        )
        for role, position, start, end in (
            ("agent", 0, 0.0, 5.0),
            ("customer", 0, 4.0, 9.0),
            ("agent", 1, 39.0, 41.0),
            ("customer", 1, 50.0, 51.0),
        ):
            con.execute("insert into core.speech_spans values ('C1', ?, ?, ?, ?)", [role, position, start, end])
        for rule, verdict, reason, near, *_ in FORMER:
            pieces = [("near_miss", 1.0, 2.0, "sorry", near)] if near else []
            pieces += [("trigger", 9.0, 39.0, "", "music on hold for 30 s")] if rule == "c.hold" else []
            pieces += [("met", None, None, "", "call C-7")] if rule == "d.kept" else []
            told = [
                dict.fromkeys(("turn", "role", "char_start", "char_end", "act", "probability", "nearest_line"))
                | {"kind": kind, "start_s": start, "end_s": end, "quote": quote, "note": note}
                for kind, start, end, quote, note in pieces
            ]  # fmt: skip
            con.execute(
                "insert into core.findings by name select 'C1' as call_id, 'v1' as rulebook_version, ? as rule_id, "
                "? as verdict, ? as reason, null as shown, ? as evidence",
                [rule, verdict, reason, told],
            )
        for code in ("metadata_missing", "truncated"):
            con.execute(
                "insert into core.quarantine by name select ? as path, '' as sha256, 1 as size, 'main' as source, "
                "? as code, 'r' as reason, 'n' as next_step, 'R' as first_run_id, 'R' as last_run_id",
                [code, code],
            )


def test_former_findings_keep_their_wording_and_give_up_their_facts(tmp_path):
    former_warehouse(tmp_path / "warehouse.duckdb")

    con = open_writer(tmp_path / "warehouse.duckdb")

    told = ask(con, "select rule_id, verdict, reason, miss_kind, other_call_id, named from findings order by rule_id")
    assert told == sorted((rule, verdict, reason, *facts) for rule, verdict, reason, _, *facts in FORMER)
    assert ask(con, "select note from evidence where rule_id in ('a.few', 'c.hold', 'd.kept') order by rule_id") == [
        ("said 1 of 2 times",), ("music on hold for 30 s",), (None,),
    ]  # fmt: skip
    assert ask(con, "select start_s, end_s, kind from holds") == [(9.0, 39.0, "music")]
    assert ask(con, "select start_s, end_s, kind from silences") == [(41.0, 50.0, "unknown")]
    found = ask(con, "select rule_id, matcher, speaker from core.rules where rule_id[1] in ('b', 'f', 'g') order by 1")
    assert found == [
        ("b.never", "never", "agent"), ("f.theirs", "expect", "customer"), ("g.order", "order", "customer"),
    ]  # fmt: skip
    assert ask(con, "select distinct matcher, speaker from core.rules where rule_id[1] = 'a'") == [("expect", "agent")]
    assert ask(con, "select code, is_retryable from not_audited order by all") == [
        ("metadata_missing", True), ("truncated", False),
    ]  # fmt: skip

    remove_words(con, ["C1"], on=date(2026, 6, 1))
    assert ask(con, "select reason from findings where rule_id = 'e.back'") == [("Uses the customer's own words.",)]
    con.close()
