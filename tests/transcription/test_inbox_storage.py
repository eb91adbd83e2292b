"""Where recordings lie: folders and object stores, what is read again, what waits, names from outside."""

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from callaudit.transcription.errors import InputError, SetupError, Unreadable
from callaudit.transcription.inbox import Fingerprints, Source, local_copy, scan, sha256_of
from callaudit.transcription.inbox import storage as storage_room
from callaudit.transcription.inbox.arrival import fetched_path

STARTED = "2026-03-02T09:15:00+01:00"
LONG_AGO = time.time() - 86_400


def source(folder: Path | str, **changed: Any) -> Source:
    return Source(**{"name": "nice", "folder": folder, "zone": "UTC", "metadata": "optional", **changed})


def put(path: Path, content: bytes = b"RIFF sound") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths whose bytes are read from now on."""
    seen: list[str] = []
    for kind in (storage_room._Folder, storage_room._ObjectStore):
        opened = kind.open

        def noted(self: Any, path: str, opened: Any = opened) -> Any:
            seen.append(path)
            return opened(self, path)

        monkeypatch.setattr(kind, "open", noted)
    return seen


# ---------- object stores


def test_recordings_in_s3_are_found_described_heard_from_a_copy_and_the_copy_removed(bucket: Any, tmp_path: Path):
    bucket.put("03/a b.wav", b"RIFF one")
    bucket.put("03/a b.json", json.dumps({"call_id": "1", "started_at": STARTED}).encode())

    (arrival,) = scan(source(bucket.url, metadata="required"), fetched=tmp_path / "fetched").arrivals

    assert arrival.call.call_id == "1"
    assert arrival.name == "a b.wav"
    assert arrival.place == f"{bucket.url.partition('?')[0]}/03/a b.wav"
    with local_copy(arrival) as path:
        assert path.read_bytes() == b"RIFF one"
        assert sha256_of(path) == arrival.sha256
    assert not path.exists()
    with local_copy(arrival) as path:
        assert path.read_bytes() == b"RIFF one", "fetched anew where the copy is gone"
    assert [p for p in (tmp_path / "fetched").rglob("*") if p.is_file()] == []


def test_a_full_disk_is_no_fault_of_the_recording_that_was_being_fetched(bucket: Any, tmp_path: Path):
    bucket.put("a.wav", b"RIFF one")
    place = f"{bucket.url.partition('?')[0]}/a.wav"
    full = fetched_path(tmp_path / "fetched", place).with_name(f".{os.getpid()}.part")
    full.parent.mkdir(parents=True)
    full.symlink_to("/dev/full")

    with pytest.raises(SetupError, match="the disk is full") as error:
        scan(source(bucket.url), fetched=tmp_path / "fetched")

    assert "a.wav" in error.value.why


def test_an_object_that_was_replaced_or_removed_meanwhile_waits_for_the_next_run(bucket: Any, tmp_path: Path):
    bucket.put("a.wav", b"RIFF one")
    (arrival,) = scan(source(bucket.url), fetched=tmp_path / "fetched").arrivals
    arrival.path.unlink()
    bucket.put("a.wav", b"RIFF two")

    with pytest.raises(Unreadable, match="replaced") as error, local_copy(arrival):
        pass
    assert error.value.code == "failed_fetch"
    assert not arrival.path.exists()

    bucket.remove("a.wav")
    with pytest.raises(Unreadable, match="cannot be fetched"), local_copy(arrival):
        pass


def test_known_objects_are_not_read_again(bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    bucket.put("a.wav", b"RIFF one")
    monkeypatch.setattr("callaudit.transcription.inbox.fingerprints._STEADY", -1.0)
    memory = Fingerprints(tmp_path / "fingerprints.json")
    (arrival,) = scan(source(bucket.url), fingerprints=memory, fetched=tmp_path / "fetched").arrivals
    memory.save()
    seen = reads(monkeypatch)

    again = scan(
        source(bucket.url),
        known={arrival.sha256},
        fingerprints=Fingerprints(tmp_path / "fingerprints.json"),
        fetched=tmp_path / "fetched",
    )

    assert (again.already, seen) == (1, [])


def test_a_bucket_that_is_not_there_is_named(bucket: Any, tmp_path: Path):
    with pytest.raises(InputError, match="s3://no-such-bucket"):
        scan(source(bucket.url.replace("calls-", "no-such-bucket-")), fetched=tmp_path)


@pytest.mark.parametrize("url", ["s3://KEY:hunter2@bucket/x", "s3://KEY@bucket/x"])
def test_credentials_in_a_url_are_refused_and_never_shown(url: str):
    with pytest.raises(SetupError, match="credentials") as error:
        scan(source(url))

    assert "hunter2" not in str(error.value)


def test_a_url_of_no_known_kind_says_which_there_are():
    with pytest.raises(SetupError, match="cannot be used"):
        scan(source("nonsense://bucket/x"))


def test_a_file_url_is_a_folder(tmp_path: Path):
    put(tmp_path / "a b" / "a.wav")

    (arrival,) = scan(source(f"file://{tmp_path}/a%20b")).arrivals

    assert arrival.path == tmp_path / "a b" / "a.wav"


# ---------- what is read again


def test_unchanged_files_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    put(tmp_path / "in" / "a.wav")
    monkeypatch.setattr("callaudit.transcription.inbox.fingerprints._STEADY", -1.0)
    memory = Fingerprints(tmp_path / "f.json")
    (arrival,) = scan(source(tmp_path / "in"), fingerprints=memory).arrivals
    memory.save()
    seen = reads(monkeypatch)

    again = scan(source(tmp_path / "in"), known={arrival.sha256}, fingerprints=Fingerprints(tmp_path / "f.json"))

    assert (again.already, seen) == (1, [])


def test_other_bytes_of_the_same_size_and_time_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    put(tmp_path / "in" / "a.wav", b"RIFF one")
    monkeypatch.setattr("callaudit.transcription.inbox.fingerprints._STEADY", -1.0)
    memory = Fingerprints(tmp_path / "f.json")
    (before,) = scan(source(tmp_path / "in"), fingerprints=memory).arrivals
    memory.save()
    put(tmp_path / "in" / "a.wav", b"RIFF two")

    (after,) = scan(source(tmp_path / "in"), fingerprints=Fingerprints(tmp_path / "f.json")).arrivals

    assert after.sha256 == sha256_of(tmp_path / "in" / "a.wav") != before.sha256


def test_a_young_file_is_not_remembered(tmp_path: Path):
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    memory = Fingerprints(tmp_path / "home" / "f.json")
    scan(source(tmp_path), fingerprints=memory)
    memory.save()

    assert json.loads((tmp_path / "home" / "f.json").read_bytes()) == {}


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"x": {"a.wav": [[1], 5]}}', b"\xff"])
def test_a_damaged_memory_is_as_good_as_none(tmp_path: Path, content: bytes):
    put(tmp_path / "in" / "a.wav")
    (tmp_path / "f.json").write_bytes(content)

    assert len(scan(source(tmp_path / "in"), fingerprints=Fingerprints(tmp_path / "f.json")).arrivals) == 1


# ---------- what waits


def test_metadata_that_are_still_being_written_keep_their_recording_waiting(tmp_path: Path):
    put(tmp_path / "a.wav")
    stop = threading.Event()

    def export() -> None:
        with (tmp_path / "a.json").open("ab", buffering=0) as file:
            while not stop.wait(0.05):
                file.write(b" ")

    writer = threading.Thread(target=export)
    writer.start()
    try:
        while not (tmp_path / "a.json").exists():
            time.sleep(0.01)
        inbox = scan(source(tmp_path))
    finally:
        stop.set()
        writer.join()

    assert (inbox.arrivals, inbox.quarantined, inbox.unsettled) == ((), (), 1)


def test_a_recording_that_vanishes_while_it_is_looked_at_is_no_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("a.wav", "b.wav", "c.wav"):
        put(tmp_path / name, name.encode())
    opened = storage_room._Folder.open

    def taken_away(self: Any, path: str) -> Any:
        if path == "a.wav":
            (tmp_path / "a.wav").unlink()
        stream = opened(self, path)
        if path == "b.wav":
            (tmp_path / "b.wav").unlink()
        return stream

    monkeypatch.setattr(storage_room._Folder, "open", taken_away)

    inbox = scan(source(tmp_path))

    assert [a.name for a in inbox.arrivals] == ["c.wav"]
    assert (inbox.quarantined, inbox.unsettled) == ((), 0)


# ---------- names from outside


@pytest.mark.parametrize(
    "name",
    [
        "line\nbreak.wav",
        "quote'; drop table calls; --.wav",
        "up\\..\\..\\up.wav",
        "turned\u202evaw.exe.wav",
        "\x1b[31mred.wav",
        "[bold]marked[/].wav",
        "é" * 125 + ".wav",
        "caf\udce9.wav",
    ],
)
def test_a_hostile_name_is_a_name_like_any_other(tmp_path: Path, name: str):
    put(tmp_path / "in" / name)
    memory = Fingerprints(tmp_path / "f.json")

    required = scan(source(tmp_path / "in", metadata="required"), fingerprints=memory)
    optional = scan(source(tmp_path / "in"), fingerprints=memory)
    memory.save()

    (item,) = required.quarantined
    assert item.path == str(tmp_path / "in" / name)
    assert item.reason.isprintable()
    assert item.next_step.isprintable()
    (arrival,) = optional.arrivals
    assert arrival.name.isprintable()


@pytest.mark.parametrize("key", ["../../up.wav", "a/..", "x" * 300 + ".wav", "line\nbreak", ".hidden", "nul\0.wav", ""])
def test_the_copy_of_an_object_stays_in_its_folder_whatever_its_key(tmp_path: Path, key: str):
    path = fetched_path(tmp_path, f"s3://bucket/{key}")

    assert path.resolve().is_relative_to(tmp_path.resolve())
    assert path.parent.parent == tmp_path
    put(path)
