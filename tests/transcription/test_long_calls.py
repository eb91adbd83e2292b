"""A call of three hours is decoded in little memory; `test_speech` holds the search for its speech to the same."""

import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from callaudit.transcription.audio import decode
from callaudit.transcription.transcript import Span
from tests.support.sound import RATE, spoken

HOURS = 3
SAID = (Span(0.0, 20.0), Span(5400.0, 5420.0), Span(HOURS * 3600.0 - 30.0, HOURS * 3600.0 - 10.0))

_Made = TypeVar("_Made")


def long_call(path: Path) -> Path:
    """Three hours of a telephone line where somebody speaks three times; its silence takes no room on the disk."""
    size = HOURS * 3600 * RATE * 2
    said = (spoken([(0.0, 20.0)], seconds=20.0) * 32767).astype("<i2").tobytes()
    with path.open("wb") as file:
        file.write(struct.pack("<4sI8sIHHIIHH", b"RIFF", 36 + size, b"WAVEfmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16))
        file.write(struct.pack("<4sI", b"data", size))
        for span in SAID:
            file.seek(44 + round(span.start * RATE) * 2)
            file.write(said)
        file.truncate(44 + size)
    return path


def private_memory() -> float:
    """Memory of this process that no file backs, in MB."""
    return int(Path("/proc/self/status").read_text(encoding="ascii").split("RssAnon:")[1].split()[0]) / 1e3


def with_peak(work: Callable[[], _Made]) -> tuple[_Made, float]:
    """What the work makes, and by how many MB the memory had grown at its highest."""
    before, peak, done = private_memory(), [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            peak[0] = max(peak[0], private_memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        return work(), peak[0] - before
    finally:
        done.set()
        watcher.join()


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc, which only Linux has")
def test_three_hours_are_decoded_without_being_held_in_memory(tmp_path: Path):
    path = long_call(tmp_path / "call.wav")

    audio, peak = with_peak(lambda: decode(path))

    assert audio.duration == HOURS * 3600
    assert audio.samples.nbytes > 600e6
    assert peak < 200
    for span in SAID:
        first, last = (round(time * audio.sample_rate) for time in (span.start, span.end))
        assert np.abs(audio.samples[0, first:last]).max() > 0.1
        assert np.abs(audio.samples[0, last + audio.sample_rate : last + 9 * audio.sample_rate]).max() < 1e-3
