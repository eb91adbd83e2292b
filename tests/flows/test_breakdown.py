"""A call on which callaudit itself breaks down is refused with where it happened; the night goes on."""

import errno
import importlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from callaudit.flows.auditing import batch_audit, transcription_pool
from callaudit.flows.settings import load_settings
from callaudit.transcription.engines import Written
from callaudit.transcription.errors import SetupError
from callaudit.transcription.inbox import Quarantined, Source, preview, scan
from callaudit.transcription.transcribe import TranscriptionSettings, prepare
from callaudit.transcription.transcript import Provenance, Transcript
from callaudit.warehouse import load
from callaudit.warehouse.published import open_published

AT = datetime(2026, 3, 9, 2, tzinfo=UTC)
CASES = Path(__file__).parents[1] / "cases" / "hostile"
# The package gives the name of this module to its function.
looking = importlib.import_module("callaudit.transcription.inbox.scan")


class Fragile:
    """An engine that breaks down on some calls; the words of its errors are those of the call."""

    batch = 8
    takes_glossary = False
    provenance = Provenance(engine="fragile", model="m", weights_hash="w", settings_hash="s")

    def __init__(self, *, breaks_on: set[str], error: Exception) -> None:
        self.breaks_on, self.error = breaks_on, error

    def transcribe(self, heard):
        if self.breaks_on & {channel.call for channel in heard}:
            raise self.error
        return [Written([], "en") for _ in heard]


@pytest.fixture
def prepared(installation, clip):
    for n in range(3):
        path = installation.add(clip, f"call{n}", call_id=f"T-{n}", started_at="2026-03-03T10:15:00-05:00")
        path.write_bytes(path.read_bytes() + b"\0" * n)
    source = Source(name="inbox", folder=installation.inbox, zone="UTC")
    return [prepare(arrival, settings=TranscriptionSettings()) for arrival in scan(source).arrivals]


def test_the_call_that_breaks_the_recogniser_is_found_among_those_heard_with_it(prepared, tmp_path):
    ill = prepared[1].arrival
    (name,) = {channel.call for channel in prepared[1].channels}
    engine = Fragile(breaks_on={name}, error=RuntimeError("my card is 4111 1111"))
    heard = list(transcription_pool._heard(prepared, engine, TranscriptionSettings(), tmp_path))
    assert [call.arrival.place for call, _ in heard] == [call.arrival.place for call in prepared]
    assert [isinstance(outcome, Transcript) for _, outcome in heard] == [True, False, True]
    refused = Quarantined.of(ill, heard[1][1])
    assert refused.code == "internal_error"
    assert "RuntimeError in test_breakdown.py, line" in refused.reason
    assert refused.trace.reference in refused.reason
    assert "4111" not in refused.reason + refused.trace.frames


@pytest.mark.parametrize("error", [SetupError("no weights"), OSError(errno.ENOSPC, "No space left", "/home")])
def test_what_concerns_every_call_ends_the_run_instead(prepared, tmp_path, error):
    engine = Fragile(breaks_on={c.call for call in prepared for c in call.channels}, error=error)
    with pytest.raises(SetupError) as raised:
        list(transcription_pool._heard(prepared, engine, TranscriptionSettings(), tmp_path))
    if isinstance(error, OSError):
        assert raised.value.what == "the disk is full: /home"
        assert prepared[0].arrival.name in raised.value.why


@pytest.mark.parametrize(
    "error", [RecursionError(), MemoryError(), OverflowError(), OSError(errno.EIO, "Input/output error"), KeyError("x")]
)
def test_whatever_goes_wrong_in_judging_one_call_refuses_that_call_alone(installation, monkeypatch, error):
    for n in range(3):
        installation.say(f"T-{n}", "C: Hello", f"A: Hello {n}", started_at="2026-03-03T10:15:00-05:00")
    each = batch_audit.audit_each

    def breaks(transcripts, *others, **more):
        if any(t.call.call_id == "T-1" for t in transcripts):
            raise error
        return each(transcripts, *others, **more)

    monkeypatch.setattr(batch_audit, "audit_each", breaks)
    summary = installation.run(at=AT)
    assert (summary.audited, summary.quarantined) == (2, 1)
    (row,) = refusals(installation)
    assert (row["call_id"], row["code"]) == ("T-1", "internal_error")
    log = (installation.root / "callaudit-home" / "errors.log").read_text()
    assert log.count("E-") == 1
    assert log.split()[0] in row["reason"]


def test_a_call_that_the_warehouse_does_not_take_is_refused_alone(installation, monkeypatch):
    for n in range(3):
        installation.say(f"T-{n}", "C: Hello", f"A: Hello {n}", started_at="2026-03-03T10:15:00-05:00")
    load_tables = load.load_tables

    def breaks(con, tables, **more):
        if tables and "T-1" in tables["calls"]["call_id"].to_pylist():
            raise OverflowError
        load_tables(con, tables, **more)

    monkeypatch.setattr(load, "load_tables", breaks)
    summary = installation.run(at=AT)
    assert (summary.audited, summary.quarantined) == (2, 1)
    assert [row["call_id"] for row in refusals(installation)] == ["T-1"]
    # What was refused for our own mistake is looked at again.
    monkeypatch.undo()
    assert installation.run(at=AT + timedelta(days=1)).audited == 1
    assert refusals(installation) == []


def refusals(installation):
    with open_published(load_settings(installation.settings).published) as published:
        return published.rows("select call_id, code, reason from not_audited")


def test_a_file_of_nested_brackets_is_refused_and_nothing_else(installation):
    installation.say("T-1", "C: Hello", "A: Hello", started_at="2026-03-03T10:15:00-05:00")
    installation.add(CASES / "deeply_nested.json", "nested")
    summary = installation.run(at=AT)
    assert (summary.audited, summary.quarantined) == (1, 1)
    (source,) = load_settings(installation.settings).inbox_sources()
    refused = [one.refused for one in preview(source).first if one.refused is not None]
    assert [one.code for one in refused] == ["export_unparsable"]
    (installation.inbox / "nested.json").rename(installation.inbox / "T-1.srt.json")
    assert [one.refused.code for one in preview(source).first] == ["metadata_unparsable"]


def test_a_file_that_breaks_the_look_through_the_inbox_is_refused_alone(installation, monkeypatch):
    for n in range(3):
        installation.say(f"T-{n}", "C: Hello", f"A: Hello {n}", started_at="2026-03-03T10:15:00-05:00")
    told = looking.metadata_of

    def breaks(terms, storage, recording, *others):
        if recording.name == "T-1.srt":
            raise AssertionError("Jane Doe")
        return told(terms, storage, recording, *others)

    monkeypatch.setattr(looking, "metadata_of", breaks)
    summary = installation.run(at=AT)
    assert (summary.audited, summary.quarantined) == (2, 1)
    (row,) = refusals(installation)
    assert row["code"] == "internal_error"
    assert "Jane" not in row["reason"]


def test_an_export_that_breaks_its_reader_is_refused(installation, monkeypatch):
    installation.say("T-1", "C: Hello", "A: Hello", started_at="2026-03-03T10:15:00-05:00")
    (source,) = load_settings(installation.settings).inbox_sources()
    (arrival,) = scan(source).arrivals

    def breaks(arrival, *, settings):
        raise KeyError("Jane Doe")

    monkeypatch.setattr(batch_audit, "read_arrival", breaks)
    heard = batch_audit.read(arrival, TranscriptionSettings())
    assert heard.outcome.code == "internal_error"
    assert "KeyError in test_breakdown.py" in heard.outcome.reason
    assert "Jane" not in heard.outcome.reason
