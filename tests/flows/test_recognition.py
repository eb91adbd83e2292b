"""How calls are put together for a recogniser that hears many windows at once."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from flows.recognition import Heard, _batches, _made_ahead
from transcription.audio import Audio
from transcription.errors import Unreadable
from transcription.inbox import Arrival, Quarantined, arrival_of
from transcription.speakers import Layout
from transcription.transcribe import Prepared
from transcription.transcript import Span


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
    refused = Heard(arrival=arrival, outcome=Quarantined.of(arrival, unreadable))

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
