"""What a run tells programs: JSON lines and Prometheus, and nothing personal in either."""

import json
import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from callaudit.flows.auditing.audit_run import AuditRun
from callaudit.flows.settings import load_settings
from callaudit.flows.telemetry import events
from callaudit.flows.telemetry.events import LOGGER, Ended, Event, Refused, Stored, step, tell
from callaudit.flows.telemetry.handlers import watched
from callaudit.flows.telemetry.json_log import SAYS, line_of
from callaudit.transcription.errors import SetupError

NIGHT = datetime(2026, 3, 9, 2, tzinfo=UTC)
STARTED = "2026-03-03T10:15:00-05:00"
EVENTS = [kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event)][1:]


def watching(installation, **given):
    text = installation.settings.read_text() + "[watch]\n" + "".join(f'{k} = "{v}"\n' for k, v in given.items())
    installation.settings.write_text(text)
    return load_settings(installation.settings)


def night(settings):
    with watched(settings), AuditRun(settings, started_at=NIGHT) as run:
        for batch in run.batches(run.find()):
            run.store(run.audit(batch), batch)
        run.settle_promises()
        return run.finish()


def lines_of(file: Path):
    return [json.loads(line) for line in file.read_text().splitlines()]


@given(st.sampled_from(EVENTS).flatmap(st.builds), st.text(max_size=20))
def test_no_field_of_any_event_is_logged_as_text_unless_it_is_known_to_be_no_words(event, run_id):
    logged = json.loads(line_of(event, run_id=run_id, at=NIGHT))
    texts = {k for k, v in logged.items() if isinstance(v, str)}
    assert texts <= SAYS | {"time", "level", "event"}


@given(st.text(min_size=1))
def test_a_line_of_the_log_is_one_line_whatever_an_id_holds(call_id):
    refused = Refused(file="f", code="c", reason="r", next_step="n", again=False, call_id=call_id)
    assert "\n" not in line_of(refused, run_id="R", at=NIGHT)


def test_a_night_leaves_a_line_for_each_event_and_no_trace_of_who_spoke_about_what(installation):
    secrets = ["Jane", "Doe", "K-77", "Marco", "A-31", "kettle", "broken", "0172"]
    installation.say(
        "T-1", "C: The kettle is broken", "A: I am sorry", name="Jane_Doe_0172",
        started_at=STARTED, agent={"id": "A-31", "name": "Marco"}, customer={"id": "K-77", "name": "Jane Doe"},
    )  # fmt: skip
    (installation.inbox / "Jane_Doe_0172_kettle.wav").write_text("not a sound")
    settings = watching(installation, log="run.jsonl", metrics="callaudit.prom")
    summary = night(settings)
    assert (summary.audited, summary.quarantined) == (1, 1)

    told = settings.log.read_text() + settings.metrics.read_text()
    assert [word for word in secrets if word.lower() in told.lower()] == []
    lines = lines_of(settings.log)
    assert {"opened", "started", "transcribed", "refused", "stored", "step_done", "ended"} <= {
        x["event"] for x in lines
    }
    assert {line["run_id"] for line in lines} == {summary.run_id}
    assert [line["call_id"] for line in lines if line["event"] == "transcribed"] == ["T-1"]
    (refused,) = [line for line in lines if line["event"] == "refused"]
    assert (refused["level"], refused["code"], len(refused["recording"])) == ("warning", "metadata_missing", 12)
    assert (lines[-1]["event"], lines[-1]["state"]) == ("ended", "finished")


def figures(settings):
    families = text_string_to_metric_families(settings.metrics.read_text())
    return {(s.name, *s.labels.values()): s.value for f in families for s in f.samples}


def counted(settings, *, calls=1, refused=(), breaks=False):
    with watched(settings):
        for code in refused:
            tell(Refused(file="f", code=code, reason="r", next_step="n", again=False))
        with step("find"):
            tell(Stored(calls=calls))
        if breaks:
            raise OSError("the disk is away")


def test_totals_go_on_from_night_to_night_and_a_failed_night_is_no_success(installation):
    settings = watching(installation, metrics="callaudit.prom")
    counted(settings, calls=3, refused=["not_audio", "not_audio", "truncated"])
    counted(settings, calls=4, refused=["truncated"])
    second = figures(settings)
    assert second["callaudit_calls_audited_total",] == 7
    assert second["callaudit_calls_refused_total", "not_audio"] == 2
    assert second["callaudit_calls_refused_total", "truncated"] == 2
    assert second["callaudit_last_run_calls_audited",] == 4
    assert second["callaudit_runs_total", "finished"] == 2
    assert second["callaudit_last_run_step_seconds", "find"] > 0

    with pytest.raises(OSError, match="disk is away"):
        counted(settings, breaks=True)
    third = figures(settings)
    assert third["callaudit_runs_total", "failed"] == 1
    assert third["callaudit_last_success_time_seconds",] == second["callaudit_last_success_time_seconds",]
    assert third["callaudit_last_run_end_time_seconds",] > second["callaudit_last_run_end_time_seconds",]


def test_what_was_refused_in_an_earlier_night_is_not_counted_again(installation):
    settings = watching(installation, metrics="callaudit.prom")
    with watched(settings):
        tell(Refused(file="f", code="truncated", reason="r", next_step="n", again=True))
    assert figures(settings)["callaudit_last_run_calls_refused",] == 0


def test_a_broken_file_of_metrics_is_begun_anew(installation):
    settings = watching(installation, metrics="callaudit.prom")
    settings.metrics.write_text("not { metrics")
    counted(settings)
    assert figures(settings)["callaudit_runs_total", "finished"] == 1


def test_a_run_that_never_began_is_told_with_the_kind_of_its_error_and_not_its_words(installation):
    settings = watching(installation, log="run.jsonl")

    def breaks():
        with watched(settings):
            raise SetupError("the folder of Jane Doe is away")

    with pytest.raises(SetupError):
        breaks()
    (line,) = lines_of(settings.log)
    assert (line["state"], line["error_kind"], line["exit_code"]) == ("failed", "SetupError", 3)
    assert "Jane" not in settings.log.read_text()
    assert LOGGER.handlers == []


@pytest.mark.parametrize("what", ["log", "metrics"])
def test_a_place_that_cannot_be_written_is_said_before_the_run(installation, what):
    settings = watching(installation, **{what: "nowhere/file"})
    with pytest.raises(SetupError, match="cannot be written"), watched(settings):
        pytest.fail("the run began")


def test_lines_on_standard_error_are_json_too(installation, capsys):
    with watched(watching(installation, log="-")):
        tell(Ended(state="finished", seconds=1.0))
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["ended", "ended"]


def test_nothing_listens_where_nothing_is_asked_for(installation):
    with watched(load_settings(installation.settings)):
        assert [h for h in LOGGER.handlers if not isinstance(h, logging.NullHandler)] == []
