from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callaudit.audit_rules.conversation import Contact
from callaudit.audit_rules.finding import Verdict
from callaudit.transcription.errors import InputError
from callaudit.transcription.possible import EARLIEST, LONGEST
from callaudit.transcription.transcript import (
    Call,
    Provenance,
    Recording,
    RolesFrom,
    Span,
    SpeakerRole,
    Transcript,
    Utterance,
    Word,
)
from callaudit.warehouse.contacts import contacts, known_calls, known_until, newest_start
from callaudit.warehouse.load import load
from callaudit.warehouse.quarantine import known_recordings, quarantine
from callaudit.warehouse.reviews import Review, add_reviews
from callaudit.warehouse.rulebooks import store_rulebook
from callaudit.warehouse.runs import Run, record_run
from callaudit.warehouse.transcripts import transcripts
from tests.support.audited import MONDAY

TABLES = (
    "calls", "recordings", "transcripts", "utterances", "speech_spans", "music_spans", "unheard_spans",
    "call_measures", "findings",
    "episodes", "promises",
)  # fmt: skip


def everything(con):
    return {t: con.execute(f"from core.{t} order by all").fetchall() for t in TABLES}


def count(con, table):
    return con.execute(f"select count(*) from core.{table}").fetchone()[0]


def test_loading_twice_is_loading_once(warehouse, builders):
    batch = [builders.audited("C1", promises=(24.0,)), builders.audited("C2")]
    load(warehouse, batch, run_id="R1")
    once = everything(warehouse)
    load(warehouse, batch, run_id="R1")
    assert everything(warehouse) == once
    assert {t: len(rows) for t, rows in once.items()} == {
        "calls": 2, "recordings": 2, "transcripts": 2, "utterances": 4, "speech_spans": 4, "music_spans": 0,
        "unheard_spans": 0, "call_measures": 2, "findings": 2, "episodes": 2, "promises": 1,
    }  # fmt: skip


def test_the_order_of_a_batch_does_not_matter(warehouse, builders):
    batch = [builders.audited(c) for c in ("C3", "C1", "C2")]
    load(warehouse, batch, run_id="R1")
    one_way = everything(warehouse)
    load(warehouse, batch[::-1], run_id="R1")
    assert everything(warehouse) == one_way


def test_a_rerun_with_fewer_findings_leaves_no_stale_evidence(warehouse, builders):
    load(
        warehouse,
        [builders.audited("C1", {"apology.given": "met", "apology.is_specific": "met"}), builders.audited("C2")],
        run_id="R1",
    )
    load(warehouse, [builders.audited("C1", {"apology.given": "missed"}, quotes=False)], run_id="R2")
    assert warehouse.execute("select call_id, rule_id, verdict from core.findings order by all").fetchall() == [
        ("C1", "apology.given", "missed"),
        ("C2", "apology.given", "met"),
    ]
    assert warehouse.execute("select distinct call_id from evidence").fetchall() == [("C2",)]


def test_another_rulebook_leaves_the_verdicts_of_the_former_one(warehouse, builders):
    load(warehouse, [builders.audited()], run_id="R1")
    store_rulebook(warehouse, builders.rulebook("v2"))
    load(warehouse, [builders.audited(version="v2", verdicts={"apology.given": "missed"})], run_id="R2")
    assert warehouse.execute("select rulebook_version, verdict from core.findings order by 1").fetchall() == [
        ("v1", "met"),
        ("v2", "missed"),
    ]
    assert count(warehouse, "utterances") == 2
    assert count(warehouse, "calls") == 1


def test_new_words_take_every_verdict_on_the_old_words_with_them(warehouse, builders):
    load(warehouse, [builders.audited(), builders.audited("C2")], run_id="R1")
    store_rulebook(warehouse, builders.rulebook("v2"))
    load(warehouse, [builders.audited(version="v2", text="please hold the line")], run_id="R2")
    assert warehouse.execute("select call_id, rulebook_version from core.findings order by 1").fetchall() == [
        ("C1", "v2"),
        ("C2", "v1"),
    ]
    assert count(warehouse, "utterances") == 4


def test_mended_metadata_keeps_the_words_and_their_verdicts(warehouse, builders):
    load(warehouse, [builders.audited(agent_id="a1")], run_id="R1")
    store_rulebook(warehouse, builders.rulebook("v2"))
    load(warehouse, [builders.audited(agent_id="a2", version="v2")], run_id="R2")
    assert warehouse.execute("select agent_id from core.calls").fetchall() == [("a2",)]
    assert count(warehouse, "findings") == 2


def test_recordings_of_one_interaction_are_calls_that_it_joins(warehouse, builders):
    batch = []
    for call_id in ("C1", "C2"):
        one = builders.audited(call_id)
        call = msgspec.structs.replace(one.transcript.call, interaction_id="I-1")
        batch.append(type(one)(msgspec.structs.replace(one.transcript, call=call), one.audit))
    load(warehouse, batch, run_id="R1")
    assert warehouse.execute("select interaction_id, count(*) from calls group by all").fetchall() == [("I-1", 2)]
    assert [t.call.interaction_id for t in transcripts(warehouse)] == ["I-1", "I-1"]


def test_a_batch_that_fails_leaves_nothing(warehouse, builders):
    load(warehouse, [builders.audited("C1")], run_id="R1")
    before = everything(warehouse)
    broken = msgspec.structs.replace(
        builders.audited("C1", text="other words").audit,
        measures=msgspec.structs.replace(builders.audit().measures, turns_agent=None),
    )
    batch = [msgspec.structs.replace(builders.audited("C1", text="other words"), audit=broken), builders.audited("C2")]
    with pytest.raises(Exception, match="NOT NULL"):
        load(warehouse, batch, run_id="R2")
    assert everything(warehouse) == before
    load(warehouse, [builders.audited("C2")], run_id="R3")
    assert count(warehouse, "calls") == 2


def test_a_batch_of_many_parts_is_whole(warehouse, builders):
    load(warehouse, [builders.audited(f"C{n:03d}", text=f"call {n}") for n in range(130)], run_id="R1")
    load(warehouse, [builders.audited(f"C{n:03d}", text=f"call {n - n % 2}") for n in range(130)], run_id="R2")
    assert {t.call.call_id: t.utterances[1].text for t in transcripts(warehouse)} == {
        f"C{n:03d}": f"call {n - n % 2}" for n in range(130)
    }
    assert warehouse.execute("select run_id, count(*) from core.call_measures group by all").fetchall() == [("R2", 130)]
    ids = [i for (i,) in warehouse.execute("select call_id from core.utterances where position = 0").fetchall()]
    # Unchanged words stay where they are; those that are put in anew come behind them, in order.
    assert ids == [f"C{n:03d}" for n in [*range(0, 130, 2), *range(1, 130, 2)]]


def test_an_empty_batch_is_no_mistake(warehouse):
    load(warehouse, [], run_id="R1")


def test_a_call_twice_in_a_batch_is_refused(warehouse, builders):
    with pytest.raises(InputError, match="C1 stands twice"):
        load(warehouse, [builders.audited("C1"), builders.audited("C1")], run_id="R1")


def test_an_audit_of_another_call_is_refused(warehouse, builders):
    mixed = msgspec.structs.replace(builders.audited("C1"), audit=builders.audit("C2"))
    with pytest.raises(InputError, match="C1 comes with the audit of call C2"):
        load(warehouse, [mixed], run_id="R1")


def test_a_start_without_offset_is_refused(warehouse, builders):
    with pytest.raises(InputError, match="no time zone"):
        load(warehouse, [builders.audited(started_at=datetime(2026, 3, 2))], run_id="R1")  # noqa: DTZ001  Without an offset on purpose.


def test_a_rulebook_must_be_stored_before_its_verdicts(warehouse, builders):
    with pytest.raises(InputError, match="v7 is not in the warehouse"):
        load(warehouse, [builders.audited(version="v7")], run_id="R1")


HOSTILE = [
    "O'Brien; drop table core.calls; --",
    "two\nlines\tand a tab",
    "../../etc/passwd",
    'a "quoted" id',
    "日本語 ☎ \U0001f621",
    "null\x00inside",
    "e\u0301 is not \u00e9",
    " ",
    "%s $1 ? {x}",
]


def test_hostile_ids_go_in_and_come_out_as_they_are(warehouse, builders):
    batch = [builders.audited(i, sha256=f"s{i}", path=i, agent_id=i, customer_id=i) for i in HOSTILE]
    load(warehouse, batch, run_id="R'1")
    load(warehouse, batch, run_id="R'1")
    assert set(known_calls(warehouse)) == set(HOSTILE)
    assert {t.call.call_id for t in transcripts(warehouse, call_ids=HOSTILE)} == set(HOSTILE)
    for hostile in HOSTILE:
        found = warehouse.execute("select agent_id from calls where call_id = ?", [hostile]).fetchall()
        assert found == [(hostile,)]


def test_a_file_name_that_is_no_text_is_shown_with_escapes(warehouse, builders):
    load(warehouse, [builders.audited(path="inbox/caf\udce9.wav")], run_id="R1")
    assert warehouse.execute("select path from core.recordings").fetchall() == [("inbox/caf\\udce9.wav",)]


# ---------- what later runs need


def item(path="inbox/x.wav", sha256="x", code="truncated", **more):
    fields = {"size": 44, "reason": "cut off", "next_step": "export again", "source": "main"} | more
    return SimpleNamespace(path=path, sha256=sha256, code=code, started_at=None, **fields)


def quarantined(con):
    return con.execute(
        "select path, sha256, code, first_run_id, last_run_id from core.quarantine order by all"
    ).fetchall()


def test_a_file_is_in_quarantine_once_however_often_it_is_found(warehouse):
    quarantine(warehouse, [item()], run_id="R1")
    quarantine(warehouse, [item(code="no_samples"), item()], run_id="R2")
    assert quarantined(warehouse) == [("inbox/x.wav", "x", "truncated", "R1", "R2")]


def test_a_file_that_could_not_be_read_at_all_has_a_place_in_quarantine_too(warehouse):
    for run in ("R1", "R2"):
        quarantine(warehouse, [item(sha256=None)], run_id=run)
    assert quarantined(warehouse) == [("inbox/x.wav", "", "truncated", "R1", "R2")]
    assert warehouse.execute("select sha256 from not_audited").fetchall() == [(None,)]
    assert "" not in known_recordings(warehouse) - {""}


def test_a_quarantined_file_that_is_audited_leaves_the_quarantine(warehouse, builders):
    quarantine(warehouse, [item(sha256="sha-C1"), item(path="inbox/y.wav", sha256="y")], run_id="R1")
    load(warehouse, [builders.audited("C1")], run_id="R2")
    assert warehouse.execute("select path from not_audited").fetchall() == [("inbox/y.wav",)]
    quarantine(warehouse, [item(sha256="sha-C1")], run_id="R3")
    assert len(warehouse.execute("from not_audited").fetchall()) == 2


def test_a_mended_file_under_the_same_name_leaves_the_quarantine(warehouse, builders):
    quarantine(warehouse, [item(path="inbox/C1.wav", sha256="half a file")], run_id="R1")
    load(warehouse, [builders.audited("C1")], run_id="R2")
    assert warehouse.execute("from not_audited").fetchall() == []


def test_a_recording_is_not_looked_at_again_unless_it_may_pass_now(warehouse, builders):
    load(warehouse, [builders.audited("C1")], run_id="R1")
    quarantine(
        warehouse,
        [
            item(path="a", sha256="a", code="truncated"),
            item(path="b", sha256="b", code="metadata_missing"),
            item(path="c", sha256="c", code="duplicate_call_id"),
            item(path="d", sha256="d", code="failed_reading"),
        ],
        run_id="R1",
    )
    assert known_recordings(warehouse) == {"sha-C1", "a"}
    assert known_recordings(warehouse, retry_failed=True) == {"sha-C1"}


def test_contacts_are_the_dated_calls_of_each_customer_in_order(warehouse, builders):
    later = builders.monday + timedelta(days=1)
    load(
        warehouse,
        [
            builders.audited("C1", customer_id="k", started_at=later, direction="outbound"),
            builders.audited("C2", customer_id="k"),
            builders.audited("C3", customer_id="k", started_at=None),
            builders.audited("C4", started_at=later + timedelta(hours=1)),
        ],
        run_id="R1",
    )
    assert contacts(warehouse) == {
        "k": [
            Contact(call_id="C2", started_at=builders.monday, direction="inbound"),
            Contact(call_id="C1", started_at=later, direction="outbound"),
        ],
    }
    assert newest_start(warehouse) == later + timedelta(hours=1)


def test_of_an_empty_warehouse_it_is_not_known_until_when_calls_are_known(warehouse):
    assert newest_start(warehouse) is None
    assert known_until(warehouse) is None
    assert contacts(warehouse) == {}
    assert known_calls(warehouse) == {}


def test_a_run_is_told_again_as_it_goes_on(warehouse):
    began = datetime(2026, 3, 3, 1, 0, tzinfo=UTC)
    record_run(warehouse, Run(run_id="R1", kind="nightly", state="running", started_at=began))
    record_run(warehouse, Run(run_id="R1", kind="nightly", state="finished", started_at=began, audited=7))
    assert warehouse.execute("select state, audited from runs").fetchall() == [("finished", 7)]


def test_reviews_are_only_ever_added_to(warehouse, builders):
    review = Review(
        review_id="1", call_id="C1", rule_id="apology.given", verdict=Verdict.MISSED, reviewer="Eva",
        reviewed_at=builders.monday,
    )  # fmt: skip
    assert add_reviews(warehouse, [review]) == 1
    assert add_reviews(warehouse, [msgspec.structs.replace(review, verdict=Verdict.MET)]) == 0
    assert warehouse.execute("select verdict from core.reviews").fetchall() == [("missed",)]


def test_storing_the_rulebook_in_force_again_changes_nothing(warehouse, builders):
    store_rulebook(warehouse, builders.rulebook("v1"), loaded_at=builders.monday)
    assert warehouse.execute("from core.rulebooks").fetchall() == [("v1", 1, None)]


def test_an_older_rulebook_can_come_back_into_force(warehouse, builders):
    store_rulebook(warehouse, builders.rulebook("v2"))
    assert warehouse.execute("select distinct rulebook_version from rules").fetchall() == [("v2",)]
    store_rulebook(warehouse, builders.rulebook("v1"))
    assert warehouse.execute("select distinct rulebook_version from rules").fetchall() == [("v1",)]
    assert count(warehouse, "rules") == 8


# ---------- the round trip

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = st.none() | texts
seconds = st.floats(min_value=0, max_value=LONGEST)
confidences = st.none() | st.floats(min_value=0, max_value=1)
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
# What lies before the gate for what a call can be; see test_impossible.py for the rest.
first, last = EARLIEST.replace(tzinfo=None) + timedelta(days=1), MONDAY.replace(tzinfo=None)
starts = st.none() | st.datetimes(first, last, timezones=offsets)
words = st.lists(st.builds(Word, texts, seconds, seconds, confidences), max_size=3).map(tuple)
utterances = st.builds(
    Utterance,
    role=st.sampled_from(SpeakerRole),
    text=texts,
    start=st.none() | seconds,
    end=st.none() | seconds,
    channel=st.none() | st.integers(0, 1),
    words=words,
    confidence=confidences,
)
spans = st.lists(st.builds(Span, seconds, seconds), max_size=3).map(tuple)
any_transcript = st.builds(
    Transcript,
    call=st.builds(
        Call, call_id=texts, source=texts, started_at=starts, agent_id=names, agent_name=names, team=names,
        customer_id=names, customer_name=names, queue=names, direction=names,
    ),
    utterances=st.lists(utterances, max_size=4).map(tuple),
    provenance=st.builds(
        Provenance, engine=texts, model=texts, weights_hash=texts, settings_hash=texts, notice=texts
    ),
    recording=st.none()
    | st.builds(
        Recording, path=texts, sha256=texts, size=st.integers(0, 2**50), codec=texts,
        sample_rate=st.integers(1, 192_000), channels=st.integers(1, 8), duration=seconds,
    ),
    roles_from=st.sampled_from(RolesFrom),
    role_confidence=confidences,
    role_evidence=texts,
    speech=st.dictionaries(st.sampled_from(SpeakerRole), spans, max_size=3),
    unheard=st.dictionaries(st.sampled_from(SpeakerRole), spans.filter(bool), max_size=3),
    dropped_words=st.integers(0, 1000),
    redactions=st.integers(0, 1000),
    warnings=st.lists(texts, max_size=2).map(tuple),
)  # fmt: skip


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(any_transcript, min_size=1, max_size=3, unique_by=lambda t: t.call.call_id))
def test_a_transcript_comes_out_as_it_went_in(warehouse, builders, heard):
    load(
        warehouse,
        [judged(builders, transcript) for transcript in heard],
        run_id="R1",
    )
    asked = [t.call.call_id for t in heard]
    back = {t.call.call_id: t for t in transcripts(warehouse, call_ids=asked, at_once=2)}
    # A start is the same moment, whatever clock it was written by.
    assert back == {t.call.call_id: t for t in heard}


@pytest.mark.parametrize(
    ("text", "said", "kept"),
    [
        ("so sorry", ["so", "sorry"], None),
        ("so sorry", ["so sorry"], ["so sorry"]),
        ("So sorry.", ["so", "sorry"], ["so", "sorry"]),
        ("", [""], None),
        ("so sorry", [], None),
    ],
)
def test_a_word_is_stored_once_where_the_text_tells_it(warehouse, builders, text, said, kept):
    words = tuple(Word(w, 1.0 + n, 1.5 + n, None if n else 0.25) for n, w in enumerate(said))
    utterance = Utterance(role=SpeakerRole.AGENT, text=text, words=words)
    transcript = msgspec.structs.replace(builders.transcript(), utterances=(utterance,))
    load(warehouse, [judged(builders, transcript)], run_id="R1")
    assert warehouse.execute("select word_texts from core.utterances").fetchall() == [(kept,)]
    shown = [{"text": w.text, "start": w.start, "end": w.end, "confidence": w.confidence} for w in words]
    assert warehouse.execute("select words from utterances").fetchall() == [(shown,)]
    assert [t.utterances for t in transcripts(warehouse)] == [(utterance,)]


def judged(builders, transcript):
    return msgspec.structs.replace(
        builders.audited(), transcript=transcript, audit=builders.audit(transcript.call.call_id)
    )


def test_transcripts_can_be_asked_for_by_what_has_not_judged_them(warehouse, builders):
    load(warehouse, [builders.audited(c) for c in ("C1", "C2", "C3")], run_id="R1")
    store_rulebook(warehouse, builders.rulebook("v2"))
    load(warehouse, [builders.audited("C2", version="v2")], run_id="R2")
    assert [t.call.call_id for t in transcripts(warehouse, without_rulebook="v2")] == ["C1", "C3"]
    assert list(transcripts(warehouse, without_rulebook="v1")) == []


def test_loading_while_transcripts_are_read_is_allowed(warehouse, builders):
    load(warehouse, [builders.audited(f"C{n}") for n in range(5)], run_id="R1")
    store_rulebook(warehouse, builders.rulebook("v2"))
    for transcript in transcripts(warehouse, without_rulebook="v2", at_once=2):
        audit = builders.audit(transcript.call.call_id, version="v2")
        load(warehouse, [msgspec.structs.replace(builders.audited(), transcript=transcript, audit=audit)], run_id="R2")
    assert count(warehouse, "findings") == 10
