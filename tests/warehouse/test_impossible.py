"""Calls that an earlier version stored although none can be so: they harm nobody, are named, and can go."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from callaudit.transcription.transcript import Span, SpeakerRole
from callaudit.warehouse.contacts import contacts, known_calls, newest_start
from callaudit.warehouse.history import condition
from callaudit.warehouse.load import load
from callaudit.warehouse.promises import unsettled_promises
from callaudit.warehouse.publish import publish
from callaudit.warehouse.published import open_published
from callaudit.warehouse.quarantine import known_recordings
from callaudit.warehouse.stored_calls import calls_in, not_judged_by
from callaudit.warehouse.transcripts import transcripts

NULL_DATE = datetime(1, 1, 1, tzinfo=UTC)
FAR_AHEAD = datetime(9999, 12, 31, tzinfo=UTC)


def lasting(audited, *, duration=None, said=None, spoken=None):
    t = audited.transcript
    recording = msgspec.structs.replace(t.recording, duration=duration or t.recording.duration)
    last = msgspec.structs.replace(t.utterances[-1], end=said or t.utterances[-1].end, words=())
    speech = {SpeakerRole.AGENT: (Span(0.0, spoken),)} if spoken else t.speech
    t = msgspec.structs.replace(t, recording=recording, utterances=(*t.utterances[:-1], last), speech=speech)
    return msgspec.structs.replace(audited, transcript=t)


@pytest.fixture
def poisoned(warehouse, builders):
    """One sound call, and five that cannot have been so, all of one customer."""
    known = {"customer_id": "K-1", "promises": (24.0,)}
    load(
        warehouse,
        [
            builders.audited("good", **known),
            builders.audited("null-date", started_at=NULL_DATE, **known),
            builders.audited("far-ahead", started_at=FAR_AHEAD, customer_id="K-1"),
            lasting(builders.audited("epoch", **known), duration=1.7e12),
            lasting(builders.audited("words", **known), said=2.0**62),
            lasting(builders.audited("speech", **known), spoken=2.0**62),
        ],
        run_id="R1",
    )
    return warehouse


IMPOSSIBLE = {"null-date", "far-ahead", "epoch", "words", "speech"}


def test_a_run_reads_only_what_can_have_been_so(poisoned):
    assert newest_start(poisoned).year == 2026
    assert [contact.call_id for contact in contacts(poisoned)["K-1"]] == ["good"]
    assert [t.call.call_id for t in transcripts(poisoned)] == ["good"]
    assert known_calls(poisoned).keys() == {"good"}
    assert len(known_recordings(poisoned)) == 1
    assert [c.call_id for c in not_judged_by(poisoned, "v2")] == ["good"]
    assert [t.call.call_id for t in calls_in(poisoned).transcripts] == ["good"]
    assert {u.call.call_id for u in unsettled_promises(poisoned)} <= {"good"}


def test_no_view_shows_them(poisoned, tmp_path):
    publish(poisoned, tmp_path / "published")
    with open_published(tmp_path / "published") as copy:
        named = copy.rows(
            """
            select distinct view_name from duckdb_views() join duckdb_columns() on table_name = view_name
            where not duckdb_views.internal and duckdb_views.schema_name = 'main' and column_name = 'call_id'
            """
        )
        assert {"calls", "utterances", "turns", "findings"} <= {row["view_name"] for row in named}
        for row in named:
            shown = {r["call_id"] for r in copy.rows(f"select distinct call_id from {row['view_name']}")}
            assert not shown & IMPOSSIBLE, row["view_name"]
        assert {row["call_id"] for row in copy.rows("from said('sorry')")} == {"good"}
        assert [row["iso_week"] for row in copy.rows("from weeks")] == ["2026-W10"]


def test_they_are_named_with_what_is_wrong(poisoned, tmp_path):
    (path,) = poisoned.execute("select path from duckdb_databases() where not internal").fetchone()
    poisoned.close()
    found = condition(Path(path))
    assert found.calls == 6
    assert found.impossible == {
        "null-date": "its start lies before 1990",
        "far-ahead": "its start lies in the future",
        "epoch": "it is longer than 8 hours",
        "words": "it is longer than 8 hours",
        "speech": "it is longer than 8 hours",
    }


def test_the_same_recording_heard_again_takes_their_place(poisoned, builders):
    load(poisoned, [builders.audited("null-date", customer_id="K-1")], run_id="R2")
    assert known_calls(poisoned).keys() == {"good", "null-date"}
