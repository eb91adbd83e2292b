"""Sound made for the tests: tones and voices written in every format that recorders use."""

from collections.abc import Callable
from pathlib import Path

import pytest

from callaudit.transcription.audio import Samples
from tests.support.sound import bursts, write_sound


@pytest.fixture
def stereo() -> tuple[Samples, Samples]:
    """Six seconds: 300 Hz on the left in the first half, 700 Hz on the right in the second."""
    return bursts([(0.5, 2.5)], seconds=6.0), bursts([(3.5, 5.5)], seconds=6.0, hertz=700.0)


@pytest.fixture
def recording(tmp_path: Path, stereo: tuple[Samples, Samples]) -> Callable[[str], Path]:
    """Writes the stereo sound under a name of `CODECS` (AMR: its left channel, AMR has only one)."""

    def write(name: str) -> Path:
        return write_sound(tmp_path / name, *(stereo[:1] if name.endswith(".amr") else stereo))

    return write
