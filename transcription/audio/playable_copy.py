"""The small copy of a recording that a call page plays."""

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from callaudit.transcription.audio.decoding import Audio
from callaudit.transcription.transcript import Span


def write_copy(path: Path, audio: Audio, *, silence: Iterable[Span] = ()) -> None:
    """A small copy that browsers play: Opus, in WebM for a name ending in .webm, else in Ogg.

    More than two channels are mixed into one. `silence` are times to mute (masked personal data). The file appears
    whole or not at all.
    """
    import av  # noqa: PLC0415  Only who needs it waits for it.

    samples = audio.samples
    channels = len(samples) if len(samples) <= 2 else 1
    muted = [(int(s.start * audio.sample_rate), int(np.ceil(s.end * audio.sample_rate))) for s in silence]
    layout = "stereo" if channels == 2 else "mono"
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        # bitexact: without it the muxer writes a random serial number and the copy of a rerun differs.
        options = {"fflags": "+bitexact"}
        with av.open(part, "w", format="webm" if path.suffix == ".webm" else "ogg", options=options) as container:
            stream = container.add_stream("libopus", rate=_opus_rate(audio.sample_rate), layout=layout)
            stream.bit_rate = 20_000 * channels
            stream.options = {"application": "voip", "flags": "+bitexact"}
            resampler = av.AudioResampler("flt", layout, stream.rate)
            block = audio.sample_rate
            for start in range(0, samples.shape[1], block):
                piece = samples[:, start : start + block]
                if channels < len(samples):
                    piece = piece.mean(axis=0, keepdims=True)
                piece = np.clip(piece, -1.0, 1.0, order="C")
                for first, last in muted:
                    piece[:, max(0, first - start) : max(0, last - start)] = 0
                frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout=layout)
                frame.sample_rate = audio.sample_rate
                frame.pts = start
                for ready in resampler.resample(frame):
                    container.mux(stream.encode(ready))
            for ready in resampler.resample(None):
                container.mux(stream.encode(ready))
            container.mux(stream.encode(None))
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _opus_rate(sample_rate: int) -> int:
    return next((rate for rate in (8000, 12000, 16000, 24000, 48000) if rate >= sample_rate), 48000)
