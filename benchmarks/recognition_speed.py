#!/usr/bin/env python
"""How fast Whisper is here against `whisper.transcribe` on the same sound in the same run, and what memory it needs.

    python benchmarks/recognition_speed.py                               # tiny, a minute of a call
    python benchmarks/recognition_speed.py --sizes tiny base small --minutes 10 --tokens 80
    python benchmarks/recognition_speed.py --sizes --lengths 10 60 180   # memory by length of the call, in minutes

The models have the true sizes and random weights. Such a model never ends its text by itself, so it is made to end it
after `--tokens` tokens (fast speech has 80 in a window): the cap is in the weights and the same for both sides. All is
decoded at temperature 0, since random text would fail every check and be tried again. The call is one of the demo's,
repeated, with a minute of silence after each time. `whisper.transcribe` is measured twice: on each channel, as a user
would run it, and on each of our windows alone, which shows what batches alone are worth. Random weights write as much
into silence as into speech; real ones write less there, so that the first ratio is too high by up to the share of time
that silent windows spend in the decoder.
"""

import argparse
import os
import resource
import sys
import threading
import time
import wave
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.transcription.random_whisper import random_model, save_checkpoint  # noqa: E402  The path or a skip comes first.
from transcription.audio import Samples, decode  # noqa: E402  The path or a skip comes first.
from transcription.engines.checkpoints import Weights  # noqa: E402  The path or a skip comes first.
from transcription.engines.whisper import Whisper  # noqa: E402  The path or a skip comes first.
from transcription.engines.windows import sound_of, windows  # noqa: E402  The path or a skip comes first.
from transcription.inbox import arrival_of  # noqa: E402  The path or a skip comes first.
from transcription.speech import total  # noqa: E402  The path or a skip comes first.
from transcription.transcribe import TranscriptionSettings, prepare, recognise, transcribe  # noqa: E402  The path or a skip comes first.
from transcription.transcript import Span  # noqa: E402  The path or a skip comes first.

DEMO = ROOT / "samples" / "recordings" / "2026-03-04_C-1004_charged_twice.flac"
SILENCE = 60.0
RATE = 16000


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="*", default=["tiny"], choices=["tiny", "base", "small"])
    parser.add_argument("--minutes", type=float, default=1.0, help="of two-channel sound (default: %(default)s)")
    parser.add_argument("--tokens", type=int, default=40, help="written in each window (default: %(default)s)")
    parser.add_argument("--lengths", nargs="*", type=float, default=[], help="minutes of calls to measure memory with")
    parser.add_argument("--batch", type=int, default=0, help="windows decoded together (default: the engine's own)")
    options = parser.parse_args(arguments)
    print(f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}")
    with TemporaryDirectory() as folder:
        for size in options.sizes:
            speed(Path(folder), size, minutes=options.minutes, tokens=options.tokens, batch=options.batch)
        for length in options.lengths:
            # A process of its own each, so that one does not inherit the peak of another.
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                print(pool.submit(memory, Path(folder), length).result(), flush=True)
    return 0


def speed(folder: Path, size: str, *, minutes: float, tokens: int, batch: int) -> None:
    """Our way through a call, then the library's, on the same sound."""
    import torch  # noqa: PLC0415  Heavy: after the arguments are read.
    import whisper  # noqa: PLC0415  Heavy: after the arguments are read.

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    path = call_of(folder / "call.wav", minutes)
    began = time.perf_counter()
    audio = decode(path)
    decoding = time.perf_counter() - began
    call = prepare(arrival_of(path, zone="UTC"))
    hours = audio.duration / 3600
    spoken = sum(total(c.spans) for c in call.channels) / audio.duration / len(call.channels)
    model = random_model(seed=1, size=size, says=tokens, stamps={tokens - 1: 28.0})
    checkpoint = Weights(name=size, path=save_checkpoint(folder / f"{size}.pt", model))
    print(f"{size}: {60 * hours:.1f} minutes, 2 channels, speech in {spoken:.0%} of each")
    print(f"  random weights that end their text after {tokens} tokens in each window, ours and the library's alike")
    print(
        f"  decoding the file             {decoding:8.1f} s   {audio.duration / decoding:7.0f} x real time", flush=True
    )

    heard: dict[str, float] = {}

    def measured(name: str, work: Callable[[], Any]) -> None:
        took = heard[name] = seconds(work)
        says = f"  {name:28} {took:8.1f} s   {audio.duration / took:7.2f} audio hours an hour"
        print(says + (f"   ours is {took / heard['ours']:.2f} x as fast" if name != "ours" else ""), flush=True)

    first, *_ = call.channels
    for name, quantise in (("ours", False), ("ours, int8 encoder", True)):
        engine = Whisper(checkpoint, batch=batch, quantise=quantise, temperatures=(0.0,))
        # Weights are loaded and numba compiles; a second of speech is enough for that.
        start = first.spans[0].start
        engine.transcribe([msgspec.structs.replace(first, spans=(Span(start, start + 1.0),))])
        measured(name, lambda engine=engine: recognise([call], engine))
    alone = {
        "temperature": 0.0, "language": "en", "condition_on_previous_text": False, "word_timestamps": True,
        "fp16": False,
    }  # fmt: skip
    cuts = [sound_of(c, window) for c in call.channels for window in windows(c)]
    measured("transcribe, our windows", lambda: [whisper.transcribe(model, sound, **alone) for sound in cuts])
    channels = [np.ascontiguousarray(c.samples) for c in call.channels]
    measured("transcribe, whole channels", lambda: [whisper.transcribe(model, c, **alone) for c in channels])


def memory(folder: Path, minutes: float) -> str:
    """The peak of a process that transcribes a call of that length with a toy model, beside one that only loads it."""
    path = call_of(folder / "long.wav", minutes, silence=9 * SILENCE)
    weights = save_checkpoint(folder / "toy.pt", random_model(seed=1, stamps={7: 28.0}))
    engine = Whisper(Weights(name="toy", path=weights), temperatures=(0.0,))
    engine._model()
    before = anonymous()
    peaks, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            peaks.append(anonymous())

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    transcript = transcribe(
        arrival_of(path, zone="UTC"),
        engine,
        settings=TranscriptionSettings(min_confidence=0.0),
        audio_copy=folder / "copy.webm",
    )
    took = time.perf_counter() - began
    done.set()
    watcher.join()
    path.unlink()
    whole = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    words = sum(len(u.words) for u in transcript.utterances)
    return (
        f"{minutes:6.0f} minutes: private memory {max(peaks):5.0f} MB at its peak ({before:.0f} MB with the model "
        f"loaded), {whole:5.0f} MB with mapped pages; {words} words, {took:.0f} s"
    )


def anonymous() -> float:
    """Memory of this process that no file backs, in MB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("RssAnon:")[1].split()[0]) / 1e3


def seconds(work: Callable[[], Any]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def call_of(path: Path, minutes: float, *, silence: float = SILENCE) -> Path:
    """A two-channel WAV of that length: a demo call, a silence, the call again."""
    demo = decode(DEMO).samples
    rest: Samples = np.random.default_rng(1).normal(0.0, 1e-4, (2, round(silence * RATE))).astype(np.float32)
    once = (np.clip(np.concatenate([demo, rest], axis=1), -1, 1).T * 32767).astype("<i2")
    left = round(minutes * 60 * RATE)
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, RATE, 0, "NONE", ""))
        while left > 0:
            file.writeframes(once[:left].tobytes())
            left -= len(once)
    return path


if __name__ == "__main__":
    sys.exit(main())
