"""A call on which callaudit itself breaks down is refused with where it happened; the night goes on."""

import pytest

from flows.auditing import judging, recognition
from flows.settings import load_settings
from transcription.engines import Written
from transcription.errors import SetupError
from transcription.inbox import Quarantined, Source, scan
from transcription.transcribe import TranscriptionSettings, prepare
from transcription.transcript import Provenance, Transcript


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
    heard = list(recognition._heard(prepared, engine, TranscriptionSettings(), tmp_path))
    assert [call.arrival.place for call, _ in heard] == [call.arrival.place for call in prepared]
    assert [isinstance(outcome, Transcript) for _, outcome in heard] == [True, False, True]
    refused = Quarantined.of(ill, heard[1][1])
    assert refused.code == "failed_recogniser"
    assert "RuntimeError in test_breakdown.py, line" in refused.reason
    assert "4111" not in refused.reason


@pytest.mark.parametrize("error", [SetupError("no weights"), OSError("the disk is away")])
def test_what_concerns_every_call_ends_the_run_instead(prepared, tmp_path, error):
    engine = Fragile(breaks_on={c.call for call in prepared for c in call.channels}, error=error)
    with pytest.raises(type(error)):
        list(recognition._heard(prepared, engine, TranscriptionSettings(), tmp_path))


def test_an_export_that_breaks_its_reader_is_refused(installation, monkeypatch):
    installation.say("T-1", "C: Hello", "A: Hello", started_at="2026-03-03T10:15:00-05:00")
    (source,) = load_settings(installation.settings).inbox_sources()
    (arrival,) = scan(source).arrivals

    def breaks(arrival, *, settings):
        raise KeyError("Jane Doe")

    monkeypatch.setattr(judging, "read_arrival", breaks)
    (heard,) = judging.read([arrival], TranscriptionSettings())
    assert heard.outcome.code == "failed_reading"
    assert "KeyError in test_breakdown.py" in heard.outcome.reason
    assert "Jane" not in heard.outcome.reason
