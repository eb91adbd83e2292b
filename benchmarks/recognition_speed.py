#!/usr/bin/env python
"""How fast Whisper is here against the libraries' own ways on the same sound in the same run, and what memory it needs.

    python benchmarks/recognition_speed.py                               # tiny.en, two minutes of a demo call
    python benchmarks/recognition_speed.py --call call.wav               # of a call of yours
    python benchmarks/recognition_speed.py --sizes base small --minutes 10 --tokens 80
    python benchmarks/recognition_speed.py --lengths 10 60 180           # memory by length of the call, in minutes

tiny.en has its real weights (the extra `tiny`). openai-whisper's engine is compared with `whisper.transcribe` on each
channel, as a user would run it; faster-whisper's engine with its own batched pipeline (`BatchedInferencePipeline` with
its own search for speech) at the same compute type, beam and batch. "Same words" is 1 minus the word error rate of ours
against theirs. Time is that of the processor, so that what else the machine does counts little.

The other sizes have random weights. Such a model never ends its text by itself, so it is made to end it after
`--tokens` tokens (fast speech has 80 in a window): the cap is in the weights, the same for both sides. All is decoded
at temperature 0, since random text would fail every check and be tried again. Random weights write as much into silence
as into speech; real ones write less there, so that the ratio is too high by up to the share of time that silent windows
spend in the decoder.

Without `--call` the call is one of the demo's, repeated, with a minute of silence after each time.
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
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jiwer
import msgspec
import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from word_error_rate import normalised  # noqa: E402  The path or a skip comes first.

from benchmarks.support.random_whisper import random_model, save_checkpoint  # noqa: E402  The path or a skip comes first.
from callaudit.transcription.audio import Samples, decode  # noqa: E402  The path or a skip comes first.
from callaudit.transcription.engines import Engine, checkpoints, faster_whisper, tiny  # noqa: E402  The path or a skip comes first.
from callaudit.transcription.engines.checkpoints import Weights  # noqa: E402  The path or a skip comes first.
from callaudit.transcription.engines.whisper import Whisper  # noqa: E402  The path or a skip comes first.
from callaudit.transcription.engines.whisper_batches import TEMPERATURES  # noqa: E402  The path or a skip comes first.
from callaudit.transcription.inbox import arrival_of  # noqa: E402  The path or a skip comes first.
from callaudit.transcription.speech import total  # noqa: E402  The path or a skip comes first.
from callaudit.transcription.transcribe import (  # noqa: E402  The path or a skip comes first.
    Prepared,
    TranscriptionSettings,
    prepare,
    recognise,
    transcribe,
)
from callaudit.transcription.transcript import Span  # noqa: E402  The path or a skip comes first.

DEMO = ROOT / "samples" / "recordings" / "2026-03-04_C-1004_charged_twice.flac"
SILENCE = 60.0
RATE = 16000


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--call", type=Path, help="a recording (default: one of the demo's, repeated)")
    parser.add_argument("--sizes", nargs="*", default=[], choices=["base", "small"], help="with random weights")
    parser.add_argument("--minutes", type=float, default=2.0, help="of two-channel sound (default: %(default)s)")
    parser.add_argument("--tokens", type=int, default=40, help="written in each window (default: %(default)s)")
    parser.add_argument("--lengths", nargs="*", type=float, default=[], help="minutes of calls to measure memory with")
    parser.add_argument("--threads", type=int, default=1, help="of the processor (default: %(default)s)")
    options = parser.parse_args(arguments)
    print(f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}, {options.threads} threads")
    with TemporaryDirectory() as made:
        folder = Path(made)
        path = options.call or call_of(folder / "call.wav", options.minutes)
        if options.sizes:
            for size in options.sizes:
                speed_of_random(folder, size, path, tokens=options.tokens, threads=options.threads)
        elif not options.lengths:
            speed(path, threads=options.threads)
        for length in options.lengths:
            # A process of its own each, so that one does not inherit the peak of another.
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                print(pool.submit(memory, folder, length).result(), flush=True)
    return 0


def speed(path: Path, *, threads: int) -> None:
    """Both engines with tiny.en, and each library's own way, on one call."""
    import torch  # noqa: PLC0415  Heavy: after the arguments are read.
    import whisper  # noqa: PLC0415  Heavy: after the arguments are read.
    from faster_whisper import BatchedInferencePipeline, WhisperModel  # noqa: PLC0415  Likewise.

    torch.set_num_threads(threads)
    call = prepared(path)
    alone = {
        "language": "en", "temperature": TEMPERATURES, "condition_on_previous_text": False, "word_timestamps": True,
    }  # fmt: skip
    channels = [np.ascontiguousarray(c.samples) for c in call.channels]
    checkpoint = checkpoints.obtain(tiny.MODEL)
    library = whisper.load_model(str(checkpoint.path))
    library.set_alignment_heads(whisper._ALIGNMENT_HEADS[tiny.MODEL])
    theirs = measured(
        "whisper.transcribe",
        call,
        lambda: " ".join(whisper.transcribe(library, c, fp16=False, **alone)["text"] for c in channels),
    )
    for quantise in (False, True):
        engine = Whisper(checkpoint, threads=threads, quantise=quantise)
        measured(f"whisper, {'int8 encoder' if quantise else 'float32'}", call, ours(engine, call), against=theirs)
    for kind, beam in (("float32", 5), ("int8", 5), ("float32", 1), ("int8", 1)):
        engine = faster_whisper.ready(tiny.MODEL, threads=threads, quantise=kind == "int8", beam=beam)
        pipeline = BatchedInferencePipeline(
            WhisperModel(str(tiny.folder()), device="cpu", compute_type=kind, cpu_threads=threads)
        )

        settings = {"language": "en", "beam_size": beam, "batch_size": engine.batch, "word_timestamps": True}
        work = partial(piped, pipeline, channels, settings)
        theirs = measured(f"batched pipeline, {kind}, beam {beam}", call, work)
        measured(f"faster-whisper, {kind}, beam {beam}", call, ours(engine, call), against=theirs)


def piped(pipeline: Any, channels: Sequence[Samples], settings: dict[str, Any]) -> str:  # noqa: ANN401  No types.
    """What faster-whisper's own pipeline writes for the channels, with its own search for speech."""
    return " ".join(s.text.strip() for c in channels for s in pipeline.transcribe(c, **settings)[0])


def ours(engine: Engine, call: Prepared) -> Callable[[], str]:
    """What the engine writes for the call, with its weights loaded."""
    first, *_ = call.channels
    start = first.spans[0].start
    # Weights are loaded and numba compiles; a second of speech is enough for that.
    engine.transcribe([msgspec.structs.replace(first, spans=(Span(start, start + 1.0),))])
    return lambda: " ".join(w.text for channel in recognise([call], engine)[0] for w in channel.words)


class Work(msgspec.Struct, frozen=True):
    """What was written, and the processor's seconds that it took."""

    text: str
    seconds: float


def measured(name: str, call: Prepared, work: Callable[[], str], *, against: Work | None = None) -> Work:
    """Do the work and print how long it took, and how that compares with theirs."""
    began = time.process_time()
    text = work()
    done = Work(text, time.process_time() - began)
    rate = call.audio.duration / done.seconds
    says = f"  {name:34} {done.seconds:7.1f} s {rate:6.1f} audio hours an hour {len(done.text.split()):6} words"
    if against is not None:
        same = 1 - jiwer.wer(normalised(against.text), normalised(text))
        says += f"   {against.seconds / done.seconds:.2f} x as fast, {same:.1%} the same words"
    print(says, flush=True)
    return done


def speed_of_random(folder: Path, size: str, path: Path, *, tokens: int, threads: int) -> None:
    """Our way through a call with random weights of a size, then the library's, on the same sound."""
    import torch  # noqa: PLC0415  Heavy: after the arguments are read.
    import whisper  # noqa: PLC0415  Heavy: after the arguments are read.

    torch.set_num_threads(threads)
    call = prepared(path)
    model = random_model(seed=1, size=size, says=tokens, stamps={tokens - 1: 28.0})
    checkpoint = Weights(name=size, path=save_checkpoint(folder / f"{size}.pt", model))
    print(f"{size}: random weights that end their text after {tokens} tokens in each window, on both sides")
    channels = [np.ascontiguousarray(c.samples) for c in call.channels]
    alone = {
        "temperature": 0.0, "language": "en", "condition_on_previous_text": False, "word_timestamps": True,
        "fp16": False,
    }  # fmt: skip
    theirs = measured(
        "whisper.transcribe", call, lambda: " ".join(whisper.transcribe(model, c, **alone)["text"] for c in channels)
    )
    for quantise in (False, True):
        engine = Whisper(checkpoint, threads=threads, quantise=quantise, temperatures=(0.0,))
        measured(f"whisper, {'int8 encoder' if quantise else 'float32'}", call, ours(engine, call), against=theirs)


def prepared(path: Path) -> Prepared:
    """The call decoded and its speech found, with how long both took."""
    began = time.process_time()
    call = prepare(arrival_of(path, zone="UTC"))
    took = time.process_time() - began
    spoken = sum(total(c.spans) for c in call.channels) / call.audio.duration / len(call.channels)
    print(f"{call.audio.duration:.0f} s, {len(call.channels)} channels, speech in {spoken:.0%} of each")
    print(f"  {'decoding and finding the speech':34} {took:7.1f} s", flush=True)
    return call


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
