"""Whisper's checkpoints: found, checked, fetched. One of one's own has random weights; test_tiny.py has real ones."""

import hashlib
import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.support.random_whisper import random_model, save_checkpoint
from callaudit.transcription.engines import EngineUnavailable, choose, weights
from callaudit.transcription.inbox import arrival_of
from callaudit.transcription.transcribe import TranscriptionSettings, transcribe
from tests.support.sound import spoken, write_sound

torch = pytest.importorskip("torch", reason="the package torch is not installed")
pytest.importorskip("whisper", reason="the package whisper is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights folder that holds `random.pt`, a tiny English-only checkpoint."""
    folder: Path = tmp_path_factory.mktemp("weights")
    return save_checkpoint(folder / "random.pt", random_model(seed=1)).parent


@pytest.fixture(autouse=True)
def no_other_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home without Whisper weights, so that a developer's own do not change what is tested."""
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_a_checkpoint_of_ones_own_is_heard_from_end_to_end_and_named_by_its_sha256(folder: Path, tmp_path: Path):
    path = write_sound(tmp_path / "s16.wav", spoken([(0.5, 1.2)], seconds=3.0), spoken([(2.0, 2.5)], seconds=3.0))
    engine = choose("whisper", model="random", weights_folder=folder)

    transcript = transcribe(arrival_of(path, zone="UTC"), engine, settings=TranscriptionSettings(min_confidence=0.0))

    assert (transcript.provenance.engine, transcript.provenance.model) == ("whisper", "random")
    assert transcript.provenance.weights_hash == hashlib.sha256((folder / "random.pt").read_bytes()).hexdigest()[:12]
    assert transcript.provenance.notice == ""
    assert transcript.has_times


def test_missing_weights_are_never_replaced_by_another_engine(tmp_path: Path):
    with pytest.raises(EngineUnavailable) as missing:
        choose("whisper", model="base.en", weights_folder=tmp_path / "weights")

    message = str(missing.value)
    assert str(tmp_path / "weights") in message
    assert str(tmp_path / ".cache" / "whisper") in message
    assert "callaudit models fetch base.en" in message
    assert 'model = "tiny.en"' in message


def test_auto_takes_whisper_when_its_weights_are_there(folder: Path):
    assert choose("auto", model="random", weights_folder=folder).provenance.engine == "whisper"


def test_a_published_size_with_other_bytes_is_refused(folder: Path, tmp_path: Path):
    (tmp_path / "base.en.pt").write_bytes((folder / "random.pt").read_bytes())

    with pytest.raises(EngineUnavailable, match="not the published ones"):
        choose("whisper", model="base.en", weights_folder=tmp_path)


@pytest.mark.parametrize("content", [b"", b"no checkpoint at all", b"PK\x03\x04 half a zip"])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "mine.pt").write_bytes(content)

    with pytest.raises(EngineUnavailable, match=r"mine\.pt is no Whisper checkpoint"):
        choose("whisper", model="mine", weights_folder=tmp_path)


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path):
    torch.save({"dims": {}, "model_state_dict": Path("x")}, tmp_path / "mine.pt")

    with pytest.raises(EngineUnavailable, match=r"mine\.pt is no Whisper checkpoint"):
        choose("whisper", model="mine", weights_folder=tmp_path)


def test_weights_on_disk_are_listed_by_size(tmp_path: Path):
    from callaudit.transcription.engines.checkpoints import weights_on_disk

    (tmp_path / "tiny.en.pt").write_bytes(b"cut off")

    listed = weights_on_disk(tmp_path)

    assert {"tiny.en", "base.en", "large-v3"} <= set(listed)
    assert set(listed.values()) == {None}


class _Server(http.server.ThreadingHTTPServer):
    """Serves one body, cut short or never, on a free port of this machine."""

    def __init__(self, body: bytes, *, hangs: bool) -> None:
        released = self.released = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2])
                if hangs:
                    released.wait(30)
                self.wfile.write(body[len(body) // 2 :])

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/model.pt"


BODY = b"weights" * 10_000


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_a_fetched_file_appears_when_its_sha256_is_right(tmp_path: Path):
    server = _Server(BODY, hangs=False)

    path = weights.fetch(
        server.url, tmp_path / "new" / "model.pt", expected=hashlib.sha256(BODY).hexdigest(), timeout=30
    )

    server.shutdown()
    assert path.read_bytes() == BODY
    assert [p.name for p in path.parent.iterdir()] == ["model.pt"]


def test_a_fetched_file_with_another_sha256_is_thrown_away(tmp_path: Path):
    server = _Server(BODY, hangs=False)

    with pytest.raises(EngineUnavailable, match="another sha256"):
        weights.fetch(server.url, tmp_path / "model.pt", expected="0" * 64, timeout=30)

    server.shutdown()
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_hangs_is_ended_in_time_and_leaves_nothing(tmp_path: Path):
    server = _Server(BODY, hangs=True)
    began = time.monotonic()

    with pytest.raises(EngineUnavailable, match="no complete file after 3 s"):
        weights.fetch(server.url, tmp_path / "model.pt", expected=hashlib.sha256(BODY).hexdigest(), timeout=3)

    assert time.monotonic() - began < 6
    server.released.set()
    server.shutdown()
    assert list(tmp_path.iterdir()) == []


def test_an_address_that_answers_nothing_is_named(tmp_path: Path):
    with pytest.raises(EngineUnavailable, match="could not be fetched"):
        weights.fetch("http://127.0.0.1:9/model.pt", tmp_path / "model.pt", expected="0", timeout=30)
