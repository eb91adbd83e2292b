import json
import os
import shutil
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callaudit.transcription.errors import InputError, SetupError, Unreadable
from callaudit.transcription.inbox import Inbox, Quarantined, Source, arrival_of, scan, sha256_of

LONG_AGO = time.time() - 86_400


def source(folder: Path, **changed: Any) -> Source:
    return Source(**{"name": "nice", "folder": folder, "zone": "Europe/Berlin", **changed})


def put(path: Path, content: bytes = b"RIFF sound", **metadata: Any) -> Path:
    """A settled file, with a sidecar if metadata are given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (LONG_AGO, LONG_AGO))
    if metadata:
        put(path.with_suffix(".json"), json.dumps(metadata).encode())
    return path


STARTED = "2026-03-02T09:15:00+01:00"


def codes(inbox: Inbox) -> dict[str, str]:
    return {Path(q.path).name: q.code for q in inbox.quarantined}


def test_a_sidecar_tells_who_called_whom_and_when(tmp_path: Path):
    put(
        tmp_path / "a.wav",
        call_id="C-1",
        started_at=STARTED,
        agent={"id": "7", "name": "Ana", "team": "north"},
        customer={"id": 99, "name": "Bo"},
        queue="billing",
        direction="inbound",
        skill="ignored",
    )

    (arrival,) = scan(source(tmp_path)).arrivals

    assert arrival.sha256 == sha256_of(tmp_path / "a.wav")
    assert arrival.size == 10
    call = arrival.call
    assert (call.call_id, call.source, call.queue, call.direction) == ("C-1", "nice", "billing", "inbound")
    assert (call.agent_id, call.agent_name, call.team) == ("7", "Ana", "north")
    assert (call.customer_id, call.customer_name) == ("99", "Bo")
    assert call.started_at is not None
    assert call.started_at.isoformat() == STARTED


@pytest.mark.parametrize("sidecar", ["a.wav.json", "a.json"])
def test_a_sidecar_is_named_after_the_recording_with_or_without_its_ending(tmp_path: Path, sidecar: str):
    put(tmp_path / "a.wav")
    put(tmp_path / sidecar, json.dumps({"call_id": "1", "started_at": STARTED, "agent_id": "x"}).encode())

    inbox = scan(source(tmp_path))

    assert [a.call.agent_id for a in inbox.arrivals] == ["x"]
    assert inbox.quarantined == ()


def test_a_time_without_offset_is_read_in_the_zone_of_the_source(tmp_path: Path):
    put(tmp_path / "winter.wav", b"1", call_id="1", started_at="2026-01-05T10:00:00")
    put(tmp_path / "summer.wav", b"2", call_id="2", started_at="2026-07-05T10:00:00")

    times = [a.call.started_at.isoformat() for a in scan(source(tmp_path)).arrivals if a.call.started_at]

    assert times == ["2026-07-05T10:00:00+02:00", "2026-01-05T10:00:00+01:00"]


@pytest.mark.parametrize(
    ("started_at", "found"),
    [
        ("2026-03-29T02:30:00", "does not exist in Europe/Berlin"),
        ("2026-10-25T02:30:00", "happened twice in Europe/Berlin"),
        ("02/03/2026 9:15", "expected a time like"),
        ("2026-03-02", "a date and a time of day"),
        (1772439300, "found 1772439300"),
        (None, "missing or empty"),
        ("", "missing or empty"),
    ],
)
def test_a_time_that_cannot_be_read_in_one_way_is_quarantined_and_never_guessed(
    tmp_path: Path, started_at: object, found: str
):
    put(tmp_path / "a.wav", call_id="1", started_at=started_at)

    inbox = scan(source(tmp_path, metadata="optional"))

    assert inbox.arrivals == ()
    (item,) = inbox.quarantined
    assert item.code == "metadata_unparsable"
    assert found in item.reason
    assert "a.json" in item.reason
    assert "started_at" in item.reason


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'{"call_id": "1", ', "it is no JSON"),
        (b"[1, 2]", "expected one object"),
        (b'{"started_at": "2026-03-02T09:15:00Z"}', "call_id"),
        (b'{"call_id": {"x": 1}, "started_at": "2026-03-02T09:15:00Z"}', "expected text"),
        (b'{"call_id": "1", "started_at": "2026-03-02T09:15:00Z", "agent": "Ana"}', "'agent'"),
        (b"\xff\xfe{}", "it is no JSON"),
    ],
)
def test_broken_metadata_are_quarantined_even_where_they_are_optional(tmp_path: Path, content: bytes, found: str):
    put(tmp_path / "a.wav")
    put(tmp_path / "a.json", content)

    inbox = scan(source(tmp_path, metadata="optional"))

    assert codes(inbox) == {"a.wav": "metadata_unparsable"}
    assert found in inbox.quarantined[0].reason


def test_no_metadata_quarantine_a_recording_where_they_are_required(tmp_path: Path):
    put(tmp_path / "a.wav")

    inbox = scan(source(tmp_path))

    assert codes(inbox) == {"a.wav": "metadata_missing"}
    assert inbox.quarantined[0].next_step


def test_no_metadata_give_an_undated_call_where_they_are_optional(tmp_path: Path):
    path = put(tmp_path / "a.wav")

    (arrival,) = scan(source(tmp_path, metadata="optional")).arrivals

    assert arrival.call.call_id == f"audio-{sha256_of(path)[:12]}"
    assert arrival.call.started_at is None


def test_metadata_can_be_read_from_the_file_name(tmp_path: Path):
    put(tmp_path / "20260302-091500_7_C-1.wav")
    put(tmp_path / "other.wav", b"other")

    inbox = scan(
        source(
            tmp_path,
            file_name=r"(?P<started_at>\d{8}-\d{6})_(?P<agent_id>\d+)_(?P<call_id>.+)",
            started_format="%Y%m%d-%H%M%S",
        )
    )

    (arrival,) = inbox.arrivals
    assert (arrival.call.call_id, arrival.call.agent_id) == ("C-1", "7")
    assert arrival.call.started_at == datetime(2026, 3, 2, 8, 15, tzinfo=UTC)
    assert codes(inbox) == {"other.wav": "metadata_missing"}


@pytest.mark.parametrize("pattern", ["(", r"(?P<call_id>.*)", r"(?P<call_id>.)(?P<started_at>.)(?P<agnet>.)"])
def test_a_pattern_that_cannot_work_stops_the_run(tmp_path: Path, pattern: str):
    with pytest.raises(SetupError):
        scan(source(tmp_path, file_name=pattern))


def test_a_zone_that_does_not_exist_stops_the_run(tmp_path: Path):
    with pytest.raises(SetupError, match="Europe/Berln"):
        scan(source(tmp_path, zone="Europe/Berln"))


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path):
    with pytest.raises(InputError, match="nowhere"):
        scan(source(tmp_path / "nowhere"))


def test_every_other_file_is_a_candidate_so_that_nothing_is_lost_in_silence(tmp_path: Path):
    for name in ("README.txt", "LICENSE", "notes.md", ".DS_Store", ".hidden/a.wav"):
        put(tmp_path / name)
    put(tmp_path / "call.txt", b"text")
    put(tmp_path / "calls.zip", b"PK")
    put(tmp_path / "deep" / "er" / "call.unknown", b"?")

    inbox = scan(source(tmp_path, metadata="optional"))

    assert [a.path.name for a in inbox.arrivals] == ["call.unknown"]
    assert codes(inbox) == {"call.txt": "no_transcript", "calls.zip": "archive"}


@pytest.mark.parametrize(
    "name", ["Thumbs.db", "desktop.ini", "a.wav.filepart", "a.wav.part", "~$calls.xlsx", "a.wav.crdownload", "a.wav~"]
)
def test_what_programs_leave_behind_is_no_recording(tmp_path: Path, name: str):
    put(tmp_path / name, b"x")

    inbox = scan(source(tmp_path))

    assert (inbox.arrivals, inbox.quarantined) == ((), ())


def test_a_linked_folder_is_read_where_it_lies_in_the_inbox_and_else_named(tmp_path: Path):
    put(tmp_path / "in" / "deep" / "a.wav", b"one", call_id="1", started_at=STARTED)
    put(tmp_path / "elsewhere" / "b.wav", b"two", call_id="2", started_at=STARTED)
    (tmp_path / "in" / "again").symlink_to(tmp_path / "in" / "deep")
    (tmp_path / "in" / "other").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "gone.wav").symlink_to(tmp_path / "nowhere")

    inbox = scan(source(tmp_path / "in"))

    assert [a.path.name for a in inbox.arrivals] == ["a.wav"]
    assert codes(inbox) == {"other": "linked_folder", "gone.wav": "not_readable"}


@pytest.mark.parametrize("name", ["a.json", "a.csv", "a.xml"])
def test_metadata_without_their_recording_are_counted(tmp_path: Path, name: str):
    put(tmp_path / name, b"{}")

    assert codes(scan(source(tmp_path))) == {name: "metadata_without_recording"}


def test_an_empty_recording_says_so(tmp_path: Path):
    put(tmp_path / "a.wav", b"", call_id="1", started_at=STARTED)
    put(tmp_path / "b.wav", b"", call_id="2", started_at=STARTED)

    assert codes(scan(source(tmp_path))) == {"a.wav": "empty_file", "b.wav": "empty_file"}


def test_the_same_bytes_are_one_call_and_known_bytes_are_none(tmp_path: Path):
    put(tmp_path / "a.wav", b"one", call_id="1", started_at=STARTED)
    put(tmp_path / "b.wav", b"one", call_id="1", started_at=STARTED)
    old = put(tmp_path / "c.wav", b"old", call_id="3", started_at=STARTED)

    inbox = scan(source(tmp_path), known={sha256_of(old)})

    assert [a.path.name for a in inbox.arrivals] == ["a.wav"]
    assert (inbox.already, inbox.duplicates) == (1, 1)


@pytest.mark.parametrize("name", ["a.wav", "z.wav"])
def test_a_copy_without_metadata_hides_no_call(tmp_path: Path, name: str):
    put(tmp_path / "m.wav", b"one", call_id="1", started_at=STARTED)
    put(tmp_path / name, b"one")

    for metadata in ("required", "optional"):
        inbox = scan(source(tmp_path, metadata=metadata))

        assert [a.call.call_id for a in inbox.arrivals] == ["1"]
        assert (inbox.duplicates, inbox.quarantined) == (1, ())


def test_the_same_bytes_with_other_metadata_are_a_conflict_and_never_copies(tmp_path: Path):
    put(tmp_path / "a.wav", b"one", call_id="1", started_at=STARTED)
    put(tmp_path / "b.wav", b"one", call_id="2", started_at=STARTED)

    inbox = scan(source(tmp_path))

    assert codes(inbox) == {"a.wav": "duplicate_bytes", "b.wav": "duplicate_bytes"}
    assert "b.wav (call_id '2')" in inbox.quarantined[0].reason
    assert (inbox.arrivals, inbox.duplicates) == ((), 0)


def test_bytes_that_were_audited_before_as_another_call_are_a_conflict(tmp_path: Path):
    old = put(tmp_path / "a.wav", b"one", call_id="1", started_at=STARTED)
    put(tmp_path / "b.wav", b"one", call_id="2", started_at=STARTED)
    put(tmp_path / "c.wav", b"one", call_id="1", started_at=STARTED)
    digest = sha256_of(old)

    inbox = scan(source(tmp_path), known={digest}, audited={digest: ("1", str(old))})

    assert codes(inbox) == {"b.wav": "duplicate_bytes"}
    assert "'1'" in inbox.quarantined[0].reason
    assert inbox.already == 2


NASTY = {
    "nested.json": b"[" * 5000,
    "nested.wav.json": b'{"a":' * 5000,
    "broken.srt": b"1\n00:00:01 --> 0x\n",
    "binary.jsonl": bytes(range(256)) * 4,
    "bom.json": b"\xff\xfe\x00",
    "list.json": b"[1, 2]",
    "null.json": b"null",
    "name\n.wav": b"x",
    "a.zip": b"PK\x03\x04",
    "nul.txt": b"\x00" * 100,
    "open.csv": b'recording,"call_id\n',
}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from([*NASTY, "x.wav", "x.json", "x.vtt", "x.txt", "x.jsonl", "x.xml", "x"]),
    content=st.none() | st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "replace")),
)
def test_no_single_file_changes_what_becomes_of_the_others(tmp_path: Path, name: str, content: bytes | None):
    folder = tmp_path / "in"
    shutil.rmtree(folder, ignore_errors=True)
    export = b"Agent: Hello.\nCustomer: Hi.\n"
    put(folder / "a.wav", b"one", call_id="1", started_at=STARTED)
    put(folder / "b.txt", export, call_id="2", started_at=STARTED)
    put(folder / "c.wav", b"three")
    before = scan(source(folder))
    put(folder / "deep" / name, NASTY.get(name, b"") if content is None else content)

    after = scan(source(folder))

    assert [a for a in after.arrivals if a.path.parent == folder] == list(before.arrivals)
    assert [q for q in after.quarantined if Path(q.path).parent == folder] == list(before.quarantined)
    assert {a.call.call_id for a in before.arrivals} == {"1", "2"}


def test_two_recordings_that_claim_one_call_are_both_held_back(tmp_path: Path):
    put(tmp_path / "a.wav", b"one", call_id="1", started_at=STARTED)
    put(tmp_path / "b.wav", b"two", call_id="1", started_at=STARTED)
    put(tmp_path / "c.wav", b"three", call_id="3", started_at=STARTED)

    inbox = scan(source(tmp_path))

    assert [a.path.name for a in inbox.arrivals] == ["c.wav"]
    assert codes(inbox) == {"a.wav": "duplicate_call_id", "b.wav": "duplicate_call_id"}
    assert "b.wav" in inbox.quarantined[0].reason


def test_a_recording_that_is_still_being_written_waits(tmp_path: Path):
    put(tmp_path / "done.wav", b"done")
    growing = tmp_path / "growing.wav"
    growing.write_bytes(b"RIFF")
    stop = threading.Event()

    def record() -> None:
        with growing.open("ab", buffering=0) as file:
            while not stop.wait(0.05):
                file.write(b"sound")

    recorder = threading.Thread(target=record)
    recorder.start()
    try:
        inbox = scan(source(tmp_path, metadata="optional"))
    finally:
        stop.set()
        recorder.join()

    assert [a.path.name for a in inbox.arrivals] == ["done.wav"]
    assert inbox.unsettled == 1


def test_a_recording_that_was_just_copied_does_not_wait(tmp_path: Path):
    (tmp_path / "fresh.wav").write_bytes(b"fresh")

    inbox = scan(source(tmp_path, metadata="optional"))

    assert len(inbox.arrivals) == 1
    assert inbox.unsettled == 0


def test_the_time_of_a_file_is_never_the_time_of_the_call(tmp_path: Path):
    put(tmp_path / "a.wav", call_id="1", started_at=STARTED)
    before = scan(source(tmp_path))
    os.utime(tmp_path / "a.wav", (LONG_AGO - 1e6, LONG_AGO - 1e6))

    assert scan(source(tmp_path)) == before


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root may read everything")
def test_a_recording_that_may_not_be_read_is_quarantined(tmp_path: Path):
    put(tmp_path / "a.wav").chmod(0)

    assert codes(scan(source(tmp_path, metadata="optional"))) == {"a.wav": "not_readable"}


def test_a_single_recording_outside_any_inbox_is_undated_unless_a_sidecar_lies_beside_it(tmp_path: Path):
    put(tmp_path / "a.wav")
    put(tmp_path / "b.wav", b"two", call_id="B", started_at=STARTED)

    assert arrival_of(tmp_path / "a.wav", zone="UTC").call.started_at is None
    dated = arrival_of(tmp_path / "b.wav", zone="UTC", agent_channel=1)
    assert dated.call.call_id == "B"
    assert dated.call.started_at is not None
    assert dated.call.started_at.utcoffset() == timedelta(hours=1)
    assert dated.source.agent_channel == 1


def test_what_turned_out_unreadable_becomes_a_line_of_the_quarantine(tmp_path: Path):
    put(tmp_path / "a.wav")
    (arrival,) = scan(source(tmp_path, metadata="optional")).arrivals

    item = Quarantined.of(arrival, Unreadable("truncated", "a.wav: cut", why="header", tries=("copy it", "ask")))

    assert (item.code, item.reason, item.next_step) == ("truncated", "a.wav: cut (header)", "copy it; or ask")
    assert item.sha256 == arrival.sha256
