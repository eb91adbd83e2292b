"""The command line as a user meets it: what it prints and how it exits."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest


def test_help_names_every_command(installation):
    shown = installation.callaudit("--help").stdout
    for command in ("init", "doctor", "run", "audit", "report", "query", "rules", "calls", "models"):
        assert command in shown


def test_a_misspelt_command_is_answered_with_the_nearest_one(installation):
    done = installation.callaudit("rnu", check=2)
    assert "run" in done.stderr


def test_init_writes_a_commented_example_once(installation):
    installation.settings.unlink()
    installation.callaudit("init")
    assert "[[sources]]" in installation.settings.read_text()
    again = installation.callaudit("init", check=3)
    assert "already there" in again.stderr


def test_doctor_says_what_is_missing_and_what_to_try(installation):
    installation.inbox.rmdir()
    done = installation.callaudit("doctor", check=3)
    assert "FAIL" in done.stdout
    assert "try: mkdir" in done.stdout


def test_every_example_of_the_shipped_rules_passes(installation):
    assert "examples pass" in installation.callaudit("rules", "test").stdout


def test_a_mistake_in_a_rule_stops_a_run_before_anything_else(installation):
    rules = installation.root / "rules"
    rules.mkdir()
    (rules / "apology.yaml").write_text(
        "- id: apology.given\n  asks: x\n  why: x\n  sources: [A3]\n"
        "  expect:\n    witin: 1 agent turns\n  examples: {met: 'A: x'}\n"
    )
    done = installation.callaudit("rules", "lint", check=3)
    assert "apology.yaml:6:" in done.stdout
    assert "Did you mean “within”?" in done.stdout


def test_an_unknown_rule_is_answered_with_the_nearest_one(installation):
    done = installation.callaudit("rules", "show", "apology.givn", check=3)
    assert "callaudit rules show apology.given" in done.stderr


def test_a_query_before_the_first_run_says_what_to_do(installation):
    done = installation.callaudit("query", "from calls", check=4)
    assert "nothing is published" in done.stderr
    assert "try: callaudit run" in done.stderr


def test_auditing_a_file_that_is_not_there_names_it(installation):
    done = installation.callaudit("audit", "nowhere.wav", check=4)
    assert "nowhere.wav" in done.stderr


@pytest.mark.slow
def test_one_recording_is_audited_on_the_terminal_and_nothing_is_stored(installation, clip):
    done = installation.without_home().callaudit("audit", str(clip))
    assert "House" in done.stdout
    assert "Whisper tiny.en, the smallest model" in done.stdout
    assert not (installation.root / "callaudit-home").exists()


def test_a_transcript_in_an_unknown_format_names_the_formats(installation):
    done = installation.callaudit("transcribe", "call.wav", "--format", "docx", check=4)
    assert "docx" in done.stderr
    assert "--format vtt" in done.stderr


def test_an_export_is_written_as_captions_with_its_numbers_masked(installation):
    captions = installation.root / "call.srt"
    captions.write_text(
        "1\n00:00:01,000 --> 00:00:03,000\nAgent: What's the security code?\n\n"
        "2\n00:00:03,500 --> 00:00:05,000\nCustomer: three one two\n"
    )
    written = installation.root / "call.vtt"
    installation.callaudit("transcribe", str(captions), "--out", str(written))
    assert "<v Customer>[code]</v>" in written.read_text()
    assert [p.name for p in installation.root.glob("*.part")] == []


@pytest.mark.slow
def test_a_night_from_recordings_to_pages(installation, clip, other_clip):
    """Run, run again, report, ask: the whole path, with Prefect, in one installation."""
    started = "2026-03-03T10:15:00-05:00"
    installation.add(clip, "good", call_id="T-1", started_at=started, agent={"id": "A-1", "name": "Ann Lee"})
    installation.add(other_clip, "lost")
    notes = installation.root / "notes.wav"
    notes.write_text("these are not sounds\n")
    installation.add(notes, "notes", call_id="T-3", started_at=started)

    first = installation.callaudit("run", check=5)
    assert "1 of 3 calls audited" in first.stdout
    assert "2 refused" in first.stdout
    assert "Whisper tiny.en, the smallest model" in first.stdout
    assert "Traceback" not in first.stderr

    again = installation.callaudit("run", "--retry-failed")
    assert "Nothing new: 1 file tried again, and refused as before." in again.stdout

    refused = json.loads(installation.callaudit("query", "from not_audited order by code", "-f", "json").stdout)
    assert [r["code"] for r in refused] == ["metadata_missing", "not_audio"]
    calls = json.loads(installation.callaudit("query", "from calls", "-f", "json").stdout)
    assert [(c["call_id"], c["iso_week"]) for c in calls] == [("T-1", "2026-W10")]

    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    for sql in re.findall(r"```sql\n(.*?)```", readme, re.DOTALL)[0].split(";"):
        if sql.strip():
            installation.callaudit("query", "--", sql)

    shown = installation.callaudit("report", "--week", "newest").stdout
    assert "2026-W10" in shown
    page = (installation.root / "reports" / "weekly-2026-W10-house.html").read_text()
    assert "Whisper tiny.en, the smallest model" in page
    assert (installation.root / "reports" / "calls" / "T-1.html").exists()

    # The same report as a Prefect flow, as a schedule would run it.
    (installation.root / "reports" / "weekly-2026-W10-house.html").unlink()
    code = "from callaudit.flows.weekly_report import weekly_report; print(weekly_report(week='newest').week)"
    environment = {**os.environ, "PREFECT_HOME": str(installation.root / "prefect")}
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=installation.root, env=environment
    )
    assert done.stdout.splitlines()[-1] == "2026-W10"
    assert (installation.root / "reports" / "weekly-2026-W10-house.html").exists()

    unknown = installation.callaudit("report", "--week", "2031-W01", check=4)
    assert "Weeks with calls: 2026-W10" in unknown.stderr


@pytest.mark.slow
def test_a_folder_of_broken_files_is_refused_file_by_file(installation, clip):
    """What a recorder leaves behind on a bad day, given on the command line."""
    folder = installation.root / "broken"
    folder.mkdir()
    (folder / "text.wav").write_text("not a sound")
    (folder / "notes.txt").write_text("call me")
    (folder / "nothing.wav").write_bytes(b"")
    fmt = b"fmt \x10\x00\x00\x00\x01\x00\x01\x00\x80>\x00\x00\x00}\x00\x00\x02\x00\x10\x00"
    header = b"RIFF\x24\x00\x00\x00WAVE" + fmt + b"data\x00\x00\x00\x00"
    (folder / "header_only.wav").write_bytes(header)
    (folder / "cut.ogg").write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    done = installation.callaudit("run", str(folder), check=5)
    assert "0 of 5 calls audited" in done.stdout
    rows = json.loads(installation.callaudit("query", "select path, code from not_audited", "-f", "json").stdout)
    assert {r["path"].rpartition("/")[2]: r["code"] for r in rows} == {
        "text.wav": "not_audio",
        "notes.txt": "no_transcript",
        "nothing.wav": "empty_file",
        "header_only.wav": "no_samples",
        "cut.ogg": "truncated",
    }


@pytest.mark.slow
def test_a_warehouse_in_use_is_said_with_who_holds_it(installation, clip):
    from callaudit.warehouse.connect import open_writer

    installation.add(clip, "good", call_id="T-1", started_at="2026-03-03T10:15:00-05:00")
    held = open_writer(installation.root / "callaudit-home" / "warehouse.duckdb")
    try:
        done = installation.callaudit("run", check=6)
    finally:
        held.close()
    assert "in use" in done.stderr or "holds" in done.stderr


@pytest.mark.slow
def test_ctrl_c_stops_at_once_and_the_next_run_goes_on(installation, clip, other_clip, monkeypatch):
    """The finished transcript of a stopped run is used by the next; nobody is left running."""
    monkeypatch.setenv("CALLAUDIT_ENGINE__BATCH", "1")  # One call after the other: together they would end together.
    installation.add(clip, "one", call_id="T-1", started_at="2026-03-03T10:15:00-05:00")
    for n in range(2, 4):
        path = installation.add(other_clip, f"call{n}", call_id=f"T-{n}", started_at="2026-03-03T10:15:00-05:00")
        # Free bytes behind the last Ogg page: the same sound under another fingerprint.
        path.write_bytes(path.read_bytes() + b"\0" * n)
    run = installation.start("run")
    for line in run.stdout:
        if "/3" in line:
            break
    os.killpg(run.pid, signal.SIGINT)
    assert run.wait(timeout=30) == 130
    staged = list((installation.root / "callaudit-home" / "staging").glob("*.json"))
    assert staged
    assert nobody_is_left(run.pid)
    assert "finished earlier" in installation.callaudit("run", check=None).stdout


def nobody_is_left(group: int) -> bool:
    """Whether every process of a group ends within ten seconds."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_a_run_where_there_are_no_settings_says_so_and_makes_nothing(tmp_path: Path):
    environment = {name: value for name, value in os.environ.items() if name != "CALLAUDIT_CONFIG"}

    done = subprocess.run(
        [sys.executable, "-m", "callaudit.cli", "run"],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 3
    assert "there is no callaudit.toml here" in done.stderr
    assert "callaudit init" in done.stderr
    assert list(tmp_path.iterdir()) == []
