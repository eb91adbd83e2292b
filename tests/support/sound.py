"""Sound as tests make it: voices, bursts, files of every codec."""

from functools import cache
from pathlib import Path

import av
import numpy as np

from callaudit.transcription.audio import Samples, decode

RATE = 8000
RECORDINGS = Path(__file__).parents[2] / "samples" / "recordings"


CODECS = {
    "u8.wav": ("wav", "pcm_u8", {}),
    "s16.wav": ("wav", "pcm_s16le", {}),
    "s24.wav": ("wav", "pcm_s24le", {}),
    "s32.wav": ("wav", "pcm_s32le", {}),
    "float.wav": ("wav", "pcm_f32le", {}),
    "mulaw.wav": ("wav", "pcm_mulaw", {}),
    "alaw.wav": ("wav", "pcm_alaw", {}),
    "tagged.mp3": ("mp3", "libmp3lame", {}),
    "bare.mp3": ("mp3", "libmp3lame", {"write_xing": "0", "id3v2_version": "0"}),
    "call.flac": ("flac", "flac", {}),
    "call.ogg": ("ogg", "libopus", {}),
    "call.webm": ("webm", "libopus", {}),
    "call.m4a": ("ipod", "aac", {}),
    "call.aac": ("adts", "aac", {}),
    "call.amr": ("amr", "libopencore_amrnb", {}),
}


def bursts(times: list[tuple[float, float]], *, seconds: float, hertz: float = 300.0, level: float = 0.3) -> Samples:
    """A tone where the times say, over a quiet line; float32 [n] at `RATE`."""
    line = np.random.default_rng(7).normal(0.0, 1e-4, round(seconds * RATE))
    clock = np.arange(len(line)) / RATE
    for start, end in times:
        inside = (clock >= start) & (clock < end)
        line[inside] += level * np.sin(2 * np.pi * hertz * clock[inside])
    return line.astype(np.float32)


@cache
def voice(which: int, rate: int = RATE) -> Samples:
    """Half a minute of somebody who never stops for breath: the agent (0) or the customer (1) of a demo call."""
    call = decode(next(RECORDINGS.glob("*C-1002*.flac")), sample_rate=rate)
    frames = call.samples[which][: len(call.samples[which]) // 160 * 160].reshape(-1, 160)
    said = frames[(frames**2).mean(axis=1) > 1e-4].reshape(-1)[: 30 * rate]
    return np.asarray(said * (0.1 / np.sqrt(np.mean(said**2))), np.float32)


def spoken(
    times: list[tuple[float, float]], *, seconds: float, which: int = 0, level: float = 0.3, rate: int = RATE
) -> Samples:
    """A voice where the times say, over a quiet line; float32 [n] at `rate`, `level` as of a tone as loud."""
    line = np.random.default_rng(7).normal(0.0, 1e-4, round(seconds * rate))
    for start, end in times:
        first, last = round(start * rate), round(end * rate)
        line[first:last] += level * np.sqrt(50) * np.resize(voice(which, rate), last - first)
    return line.astype(np.float32)


def write_sound(path: Path, *channels: Samples) -> Path:
    """The channels in the format that the file's name stands for in `CODECS`."""
    container_format, codec, options = CODECS[path.name]
    layout = "stereo" if len(channels) == 2 else "mono"
    with av.open(path, "w", format=container_format, options=options) as container:
        stream = container.add_stream(codec, rate=RATE, layout=layout)
        resampler = av.AudioResampler(stream.codec_context.format, layout, RATE, frame_size=stream.frame_size or 1024)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(np.stack(channels)), "fltp", layout)
        frame.sample_rate = RATE
        for ready in (*resampler.resample(frame), *resampler.resample(None)):
            ready.pts = None
            container.mux(stream.encode(ready))
        container.mux(stream.encode(None))
    return path
