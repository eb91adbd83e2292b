"""Sentences are written from facts alone, by Python and by SQL alike, from one file a language."""

from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callaudit.audit_rules.finding import (
    Audit,
    Evidence,
    EvidenceKind,
    Facts,
    Finding,
    Measures,
    Miss,
    Note,
    Reason,
    Since,
    Unit,
    Verdict,
)
from callaudit.audit_rules.sentences import language, note_of, reason_of
from callaudit.transcription.transcript import Call, Provenance, Transcript
from callaudit.warehouse.arrow_tables import AuditedCall, audits_to_arrow
from callaudit.warehouse.sentences import FINDING, macros

NUMBERS = st.floats(min_value=0, max_value=1e7)
WORDS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)
FACTS = st.builds(
    Facts,
    seconds=st.none() | NUMBERS,
    how_many=st.none() | st.integers(0, 500),
    limit=st.none() | NUMBERS,
    limit_unit=st.none() | st.sampled_from(Unit),
    since=st.none() | st.sampled_from(Since),
    confidence=st.none() | st.floats(min_value=0, max_value=1),
    named=st.lists(WORDS, max_size=3).map(tuple),
    other_call=WORDS,
)

FINDINGS = st.builds(
    Finding,
    rule_id=st.just("a.b"),
    verdict=st.sampled_from(Verdict),
    reason=st.sampled_from(Reason),
    facts=FACTS,
    miss=st.none() | st.sampled_from(Miss),
    evidence=st.just(()),
    certainty=st.none(),
    witness=st.none(),
)


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(macros())
        yield connection


def test_every_code_has_its_sentence_and_no_sentence_is_left_over() -> None:
    english = language()

    assert english.reasons.keys() == set(Reason)
    assert english.notes.keys() == set(Note)
    assert english.nearest.keys() < set(Miss)
    assert english.since.keys() == set(Since) - {Since.START}
    assert english.within.keys() == {"agent_turn", Unit.AGENT_TURNS, Unit.SECONDS}


@settings(max_examples=10)
@given(st.lists(FINDINGS, min_size=40, max_size=60))
def test_sql_says_of_a_finding_what_python_says(con: duckdb.DuckDBPyConnection, findings: list[Finding]) -> None:
    audit = Audit(
        call_id="C1", rulebook_version="v1", findings=tuple(findings), episodes=(), promises=(),
        measures=Measures(turns_agent=0, turns_customer=0, words_agent=0, words_customer=0),
    )  # fmt: skip
    by = Provenance(engine="e", model="m", weights_hash="w", settings_hash="s")
    heard = Transcript(call=Call(call_id="C1", source="main"), utterances=(), provenance=by)
    con.register("told", audits_to_arrow([AuditedCall(heard, audit)], stored={"C1": "h"})["findings"])

    said = con.execute(f"select coalesce(reason_of({', '.join(FINDING)}), '') from told").fetchall()

    assert [text for (text,) in said] == [reason_of(finding) for finding in findings]


@settings(max_examples=10)
@given(seconds=NUMBERS, how_many=st.none() | st.integers(0, 500), note=st.sampled_from(Note))
def test_sql_says_of_evidence_what_python_says(
    con: duckdb.DuckDBPyConnection, seconds: float, how_many: int | None, note: Note
) -> None:
    shown = Evidence(kind=EvidenceKind.MET, start=0.0, end=seconds, note=note)
    facts = Facts(how_many=how_many)
    finding = Finding(rule_id="a.b", verdict=Verdict.MET, reason=Reason.HEARD, facts=facts, evidence=(shown,))

    ((said,),) = con.execute("select note_of(?, ?::double, ?::int)", [note, seconds, how_many]).fetchall()

    assert said == note_of(shown, finding)


def test_what_an_earlier_callaudit_noted_stays_as_it_was_written(con: duckdb.DuckDBPyConnection) -> None:
    assert con.execute("select note_of('searched 8 agent turns', 3.0, null)").fetchall() == [
        ("searched 8 agent turns",)
    ]
