"""The run book of docs/operations.md: each trouble brought about, and held to the words that the book gives it."""

import os
import re
import resource
import shutil
import subprocess
import sys
import time
import wave
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from callaudit.audit_rules.rulebook import load_rulebook
from callaudit.cli import daily
from callaudit.cli.run_history import past_runs, run_facts
from callaudit.flows.auditing.audit_run import AuditRun
from callaudit.flows.auditing.transcription_pool import _prepared
from callaudit.flows.mailing.smtp import greet
from callaudit.flows.settings import MailSettings, load_settings
from callaudit.transcription.engines import choose
from callaudit.transcription.errors import CallauditError
from callaudit.transcription.inbox import arrival_of
from callaudit.transcription.transcribe import TranscriptionSettings
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.published import open_published
from callaudit.warehouse.runs import Run, record_run

pytestmark = pytest.mark.slow

BOOK = Path(__file__).parents[2] / "docs" / "operations.md"
NIGHT = datetime(2026, 3, 9, 2, tzinfo=UTC)
TROUBLES: dict[str, Callable[..., None]] = {}


def sections():
    """What the book says of each trouble, by its heading."""
    text = BOOK.read_text(encoding="utf-8").partition("## Run book\n")[2].partition("\n## ")[0]
    return {part.partition("\n")[0]: part.partition("\n")[2] for part in text.split("\n### ")[1:]}


def trouble(heading):
    """Marks the test that brings a trouble about."""

    def noted(test):
        TROUBLES[heading] = test
        return test

    return noted


def booked(heading, said):
    """Whether the program says every line that the book gives; "..." stands for anything."""
    lines = re.findall(r"^    (.+)$", sections()[heading].partition("\nCause:")[0], re.MULTILINE)
    assert lines, f"the book shows nothing for {heading}"
    for line in lines:
        wanted = ".*".join(re.escape(part) for part in line.strip().split("..."))
        assert re.search(rf"^\s*{wanted}$", said, re.MULTILINE), f"{line!r} is not in:\n{said}"


def said_by(work):
    """The error as the command line shows it."""
    with pytest.raises(CallauditError) as caught:
        work()
    return f"Error: {caught.value}"


def refused(installation):
    settings = load_settings(installation.settings)
    with open_published(settings.published) as published:
        (row,) = published.rows("select code, reason from not_audited")
    return f"{row['code']}: {row['reason']}"


def test_every_trouble_of_the_book_is_brought_about_here():
    assert list(sections()) == list(TROUBLES)
    assert len(TROUBLES) == 12
    for heading, says in sections().items():
        assert "\nCause: " in says, heading
        assert "\nDo: " in says, heading


@trouble("Another program holds the warehouse")
def test_the_warehouse_is_held(installation):
    warehouse = installation.root / "callaudit-home" / "warehouse.duckdb"
    code = f"import duckdb, sys; c = duckdb.connect({str(warehouse)!r}); print(flush=True); sys.stdin.read()"
    open_writer(warehouse).close()
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        said = said_by(lambda: open_writer(warehouse))
        holder.stdin.close()
    booked("Another program holds the warehouse", said)


@trouble("A run died")
def test_a_run_died(installation):
    con = open_writer(installation.root / "callaudit-home" / "warehouse.duckdb")
    record_run(con, Run(run_id="R1", kind="nightly", state="running", started_at=NIGHT))
    con.close()
    found, zone = past_runs(installation.settings)
    booked("A run died", run_facts(found.runs[0], zone)["outcome"])


@trouble("Nothing to audit")
def test_there_is_nothing_to_audit(installation, capsys):
    daily._say_summary(installation.run(at=NIGHT))
    booked("Nothing to audit", capsys.readouterr().out)


@trouble("A recording has no metadata")
def test_a_recording_without_metadata(installation):
    installation.add(Path(__file__), "lost")
    installation.run(at=NIGHT)
    booked("A recording has no metadata", refused(installation))


@trouble("The recogniser dies on a call")
def test_the_recogniser_dies(installation, clip, monkeypatch):
    """Every worker that opens this recording is killed, as by the kernel when memory is out."""
    ill = installation.root / "ill"
    ill.mkdir()
    (ill / "sitecustomize.py").write_text(
        "import multiprocessing, os, signal, sys\n"
        "def opened(event, told):\n"
        "    if event == 'open' and 'deadly' in str(told[0]) and multiprocessing.parent_process() is not None:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.addaudithook(opened)\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{ill}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    installation.add(clip, "deadly", call_id="T-1", started_at="2026-03-03T10:15:00-05:00")
    summary = installation.run(at=NIGHT)
    assert (summary.audited, summary.quarantined) == (0, 1)
    booked("The recogniser dies on a call", refused(installation))


@trouble("The disk is full")
def test_the_disk_is_full(installation):
    for n in range(20):
        installation.say(
            f"T-{n}", *(["C: This is ridiculous", f"A: I am sorry, {n}"] * 40), started_at=NIGHT.isoformat()
        )
    settings = load_settings(installation.settings)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fills():
        with AuditRun(settings) as run:
            batches = run.batches(run.find())
            audited = run.audit(batches[0])
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
            try:
                run.store(audited, batches[0])
                record_run(run.ledger.con, Run(run_id="R1", kind="nightly", state="failed", started_at=NIGHT))
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))

    booked("The disk is full", said_by(fills))


@trouble("The disk is full while a long call is heard")
def test_the_disk_is_full_while_a_long_call_is_heard(tmp_path, monkeypatch):
    path = tmp_path / "long.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(2 * 8000 * 360))
    # As the system would tell of a disk with a tenth of the room that six minutes take.
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1 << 30, (1 << 30) - (2 << 20), 2 << 20)
    )
    arrival = arrival_of(path, zone="UTC")
    began = time.monotonic()
    said = said_by(lambda: _prepared(arrival, TranscriptionSettings(), tmp_path / "home" / "decoded"))
    assert time.monotonic() - began < 60
    booked("The disk is full while a long call is heard", said)
    assert str(tmp_path / "home" / "decoded") in said
    assert "long.wav" in said
    monkeypatch.undo()
    heard = _prepared(arrival, TranscriptionSettings(), tmp_path / "home" / "decoded")
    assert heard.audio.duration == 360
    assert list((tmp_path / "home" / "decoded").iterdir()) == []  # The file has no name.


@trouble("A date that no call has")
@pytest.mark.parametrize("told", ["0001-01-01T00:00:00+00:00", "0001-01-01T00:00:00", "1970-01-01T00:00:00Z"])
def test_a_date_that_no_call_has(installation, told):
    installation.say("T-1", "C: Hello", "A: Hello", started_at=told)
    installation.say("T-2", "C: Hello", "A: Hello there", started_at="2026-03-03T10:15:00-05:00")
    for _ in range(2):
        installation.run(at=NIGHT)
        booked("A date that no call has", refused(installation))


@trouble("A mistake in the rules")
def test_a_mistake_in_the_rules(tmp_path):
    (tmp_path / "apology.yaml").write_text(
        "- id: apology.given\n  asks: x\n  why: x\n  sources: [A3]\n"
        "  expect:\n    witin: 1 agent turns\n  examples: {met: 'A: x'}\n"
    )
    booked("A mistake in the rules", said_by(lambda: load_rulebook(tmp_path)))


@trouble("A mistake in the settings")
def test_a_mistake_in_the_settings(tmp_path):
    settings = tmp_path / "callaudit.toml"
    settings.write_text('[site]\ntimezone = "Europe/Londn"\n')
    booked("A mistake in the settings", said_by(lambda: load_settings(settings)))


@trouble("The weights are missing")
def test_the_weights_are_missing(tmp_path, monkeypatch):
    pytest.importorskip("whisper", reason="needs openai-whisper, to say that its weights are missing")
    # Where weights would lie, were there any on this machine.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    booked("The weights are missing", said_by(lambda: choose("whisper", weights_folder=tmp_path, download_timeout=0)))


@trouble("The mail does not leave")
def test_the_mail_does_not_leave():
    server = MailSettings(host="smtp.example", user="audit", sender="a@example.com", to=("b@example.com",))
    booked("The mail does not leave", said_by(lambda: greet(server, "")))
