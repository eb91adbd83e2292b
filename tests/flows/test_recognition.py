"""How calls are put together for a recogniser that hears many windows at once."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from callaudit.flows.auditing.transcription_pool import Recognition, TranscriptionResult, _batches, _made_ahead
from callaudit.flows.settings import EngineSettings, RunSettings, Settings
from callaudit.transcription.audio import Audio
from callaudit.transcription.errors import Unreadable
from callaudit.transcription.inbox import Arrival, Quarantined, arrival_of
from callaudit.transcription.speakers import Layout
from callaudit.transcription.transcribe import Prepared, TranscriptionSettings
from callaudit.transcription.transcript import Span, Transcript
from tests.support.sound import spoken, write_sound


@pytest.fixture
def arrival(tmp_path: Path) -> Arrival:
    path = tmp_path / "call.wav"
    path.write_bytes(b"RIFF")
    return arrival_of(path, zone="UTC")


def call(arrival: Arrival, *, speech: float) -> Prepared:
    audio = Audio(samples=np.zeros((1, 10), np.float32), sample_rate=10, source_rate=10, codec="pcm")
    layout = Layout(channels=(0,), spans=((Span(0.0, speech),),), music=((),), names=("left",))
    return Prepared(arrival=arrival, audio=audio, layout=layout)


def test_calls_are_put_together_until_they_fill_a_batch(arrival: Arrival):
    calls = [call(arrival, speech=seconds) for seconds in (40.0, 70.0, 300.0, 20.0)]

    assert [len(batch) for batch in _batches(iter(calls), enough=100.0)] == [2, 1, 1]


def test_a_call_that_cannot_be_heard_keeps_its_place_and_fills_nothing(arrival: Arrival):
    unreadable = Unreadable("no_samples", "nothing in it", why="", tries=())
    refused = TranscriptionResult(arrival=arrival, outcome=Quarantined.of(arrival, unreadable))

    batches = list(_batches(iter([refused, call(arrival, speech=100.0)]), enough=100.0))

    assert [len(batch) for batch in batches] == [2]


def test_only_the_next_batch_is_made_while_one_is_in_use():
    made: list[int] = []
    third = threading.Event()

    def items() -> Iterator[int]:
        for n in range(1, 5):
            made.append(n)
            if n == 3:
                third.set()
            yield n

    coming = _made_ahead(items())
    assert next(coming) == 1
    assert not third.wait(0.1)
    assert next(coming) == 2
    assert third.wait(5)
    assert list(coming) == [3, 4]
    assert made == [1, 2, 3, 4]


# ---------------------------------------------------------------- several calls in worker processes


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `toy.pt`, a checkpoint with random weights."""
    pytest.importorskip("whisper", reason="the package whisper is not installed")
    from benchmarks.support.random_whisper import random_model, save_checkpoint

    folder: Path = tmp_path_factory.mktemp("weights")
    save_checkpoint(folder / "toy.pt", random_model(seed=2, stamps={7: 1.0}))
    return folder


@pytest.fixture
def recognition(tmp_path: Path, weights: Path) -> Iterator[Recognition]:
    """A worker that hears two windows at once, so that it takes several calls in a portion."""
    made = Recognition(
        Settings(
            root=tmp_path,
            engine=EngineSettings(name="whisper", model="toy", weights_folder=weights, batch=2, threads=1),
            transcription=TranscriptionSettings(min_confidence=0.0),
            run=RunSettings(workers=1),
        )
    )
    made.settings.audio.mkdir(parents=True)
    yield made
    made.close()


def recorded(folder: Path, *, seconds: float, which: int) -> Arrival:
    folder.mkdir()
    path = folder / "s16.wav"
    said = spoken([(0.5, seconds - 0.5)], seconds=seconds, which=which)
    write_sound(path, said, spoken([(0.2, 0.4)], seconds=seconds, which=1 - which))
    return arrival_of(path, zone="UTC")


@pytest.mark.slow
def test_calls_of_one_portion_are_heard_together_and_an_unreadable_one_among_them_is_refused(
    tmp_path: Path, recognition: Recognition
):
    first = recorded(tmp_path / "1", seconds=3.0, which=0)
    second = recorded(tmp_path / "2", seconds=4.0, which=1)
    broken = tmp_path / "3.wav"
    broken.write_bytes(b"RIFF and no sound")
    calls = [first, second, arrival_of(broken, zone="UTC")]
    assert [len(portion) for portion in recognition._portions(calls)] == [3]

    heard = {one.arrival.place: one.outcome for one in recognition.transcripts(calls)}

    assert heard.keys() == {call.place for call in calls}
    assert isinstance(heard[calls[2].place], Quarantined)
    for call in (first, second):
        transcript = heard[call.place]
        assert isinstance(transcript, Transcript)
        assert transcript.recording is not None
        assert transcript.recording.sha256 == call.sha256
        assert transcript.language == "en"
        assert recognition._staged(call).is_file()


@pytest.mark.slow
def test_a_worker_that_dies_in_the_middle_of_a_portion_loses_only_what_it_had_not_finished(
    tmp_path: Path, recognition: Recognition
):
    # Each fills a batch, so that the first is put aside before the second is heard.
    calls = [recorded(tmp_path / str(n), seconds=65.0, which=n) for n in (0, 1)]
    assert [len(portion) for portion in recognition._portions(calls)] == [2]
    finished = recognition._staged(calls[0])
    died = threading.Event()

    def kill() -> None:
        while not finished.is_file():
            time.sleep(0.01)
        assert recognition._pool is not None
        for process in list(recognition._pool._processes.values()):
            process.kill()
        died.set()

    threading.Thread(target=kill, daemon=True).start()
    outcomes: list[Transcript] = []
    for heard in recognition.transcripts(calls):
        assert isinstance(heard.outcome, Transcript)
        if not outcomes:
            assert died.wait(5)
            assert heard.arrival == calls[0]
            made_at = finished.stat().st_mtime_ns
        outcomes.append(heard.outcome)

    assert [t.recording.sha256 for t in outcomes if t.recording] == [call.sha256 for call in calls]
    assert finished.stat().st_mtime_ns == made_at
    assert list(recognition.settings.staging.glob("*.part")) == []
