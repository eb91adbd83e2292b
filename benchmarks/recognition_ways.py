#!/usr/bin/env python
"""The ways to recognise, side by side: engine, compute type and beam against words an hour, word errors and memory.

    python benchmarks/recognition_ways.py              # every demo call, clean and over four bad telephone lines
    python benchmarks/recognition_ways.py --calls 4    # only so many of them, evenly chosen
    python benchmarks/recognition_ways.py --lines noise fast  # only over these lines
    python benchmarks/recognition_ways.py --model base.en --weights-folder models

Each way has a process of its own and one thread, and time is that of the processor: what else the machine does counts
little. Words an hour are words written in one hour of one core. The lines, each made of the clean call:

- telephone: 8 kHz and G.711 (mu-law), as a land line has it;
- noise: white noise 15 dB below the speech, then the telephone;
- loss: the telephone, with 5 % of the packets of 20 ms lost, two in a row on average, and nothing put in their place;
- fast: speech a fifth faster at the same pitch, then the telephone.
"""

import argparse
import os
import resource
import sys
import time
import wave
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import jiwer
import msgspec
import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from word_error_rate import normalised, sample_arrivals, spoken_on  # noqa: E402  The path or a skip comes first.

from callaudit.transcription.audio import Samples, decode  # noqa: E402  The path or a skip comes first.
from callaudit.transcription.engines import Engine, EngineName, EngineUnavailable, choose, faster_whisper  # noqa: E402  The path or a skip comes first.
from callaudit.transcription.inbox import arrival_of  # noqa: E402  The path or a skip comes first.
from callaudit.transcription.transcribe import TranscriptionSettings, prepare, transcribe  # noqa: E402  The path or a skip comes first.
from scripts.make_samples import read_dialogues  # noqa: E402  The path or a skip comes first.

LINES = ("clean", "telephone", "noise", "loss", "fast")
_RATE, _LINE_RATE = 16_000, 8_000
_NOISE_BELOW = 15.0
_PACKET, _LOST, _IN_A_ROW = 0.02, 0.05, 2.0
_FASTER = 1.2


class Way(msgspec.Struct, frozen=True):
    """An engine with its settings; `beam` = 0 where the engine knows no other way than the most probable token."""

    engine: EngineName
    quantise: bool
    beam: int

    def __str__(self) -> str:
        kind = {"whisper": "int8 encoder", "faster-whisper": "int8"}[self.engine] if self.quantise else "float32"
        return f"{self.engine} | {kind} | {self.beam or 1}"


WAYS = (
    Way("whisper", quantise=False, beam=0),
    Way("whisper", quantise=True, beam=0),
    *(Way("faster-whisper", quantise, beam) for quantise in (False, True) for beam in (1, 5)),
)


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What one way did: processor time, words written, wrong and spoken words by line, and the peak of memory."""

    way: Way
    seconds: float
    words: int
    errors: dict[str, int]
    spoken: dict[str, int]
    peak_mb: float


def measure(way: Way, model: str, weights_folder: Path | None, calls: Sequence[tuple[str, str, Path]]) -> Measured:
    """Write the words of every call (its line, its dialogue's name, its file) and compare them with what was said."""
    engine = _engine(way, model, weights_folder)
    plain = TranscriptionSettings(redact=False)
    first, *_ = prepare(arrival_of(calls[0][2], zone="UTC")).channels
    engine.transcribe([msgspec.structs.replace(first, spans=first.spans[:1])])  # Loads the weights.
    errors, spoken = dict.fromkeys(LINES, 0), dict.fromkeys(LINES, 0)
    words, began = 0, time.process_time()
    texts = []
    for line, name, path in calls:
        texts.append((line, name, transcribe(arrival_of(path, zone="UTC"), engine, settings=plain)))
    seconds = time.process_time() - began
    for line, name, transcript in texts:
        dialogue = read_dialogues()[name]
        for channel in (0,) if dialogue.layout == "mono" else (0, 1):
            heard = normalised(" ".join(u.text for u in transcript.utterances if u.channel == channel))
            found = jiwer.process_words(normalised(spoken_on(dialogue, channel)), heard)
            words += len(heard.split())
            errors[line] += found.substitutions + found.deletions + found.insertions
            spoken[line] += found.hits + found.substitutions + found.deletions
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return Measured(way=way, seconds=seconds, words=words, errors=errors, spoken=spoken, peak_mb=peak)


def _engine(way: Way, model: str, weights_folder: Path | None) -> Engine:
    if way.engine == "whisper":
        return choose("whisper", model=model, weights_folder=weights_folder, threads=1, quantise=way.quantise)
    return faster_whisper.ready(model, weights_folder=weights_folder, threads=1, quantise=way.quantise, beam=way.beam)


def lines_of(path: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """The recording as it comes over each of `LINES`."""
    yield "clean", path
    sound = decode(path, sample_rate=_RATE).samples
    lots = np.random.default_rng(len(sound[0]))
    loudness = np.sqrt(np.mean(sound[np.abs(sound) > 0.01] ** 2))
    noise = lots.normal(0.0, loudness * 10 ** (-_NOISE_BELOW / 20), sound.shape).astype(np.float32)
    for line, heard in (("telephone", sound), ("noise", sound + noise), ("loss", sound), ("fast", faster(sound))):
        narrow = companded(resampled(heard))
        if line == "loss":
            narrow = narrow * kept(narrow.shape, lots)
        target = folder / f"{path.stem}.{line}.wav"
        with wave.open(str(target), "wb") as file:
            file.setparams((len(narrow), 2, _LINE_RATE, 0, "NONE", ""))
            file.writeframes((np.clip(narrow, -1, 1).T * 32767).astype("<i2").tobytes())
        yield line, target


def companded(sound: Samples) -> Samples:
    """The sound after mu-law and back, with its 8 bits (ITU-T G.711, the continuous form of the curve)."""
    curve = np.sign(sound) * np.log1p(255 * np.abs(np.clip(sound, -1, 1))) / np.log(256)
    steps = np.round(curve * 127) / 127
    return (np.sign(steps) * np.expm1(np.abs(steps) * np.log(256)) / 255).astype(np.float32)


def kept(shape: tuple[int, ...], lots: np.random.Generator) -> Samples:
    """1 where a packet arrives and 0 where it is lost, by a chain with two states (E. N. Gilbert, 1960)."""
    packet = round(_PACKET * _LINE_RATE)
    mask = np.ones(shape, np.float32)
    for channel in mask:
        lost = False
        for first in range(0, shape[1], packet):
            lost = lots.random() < (1 - 1 / _IN_A_ROW if lost else _LOST / (1 - _LOST) / _IN_A_ROW)
            if lost:
                channel[first : first + packet] = 0.0
    return mask


def resampled(sound: Samples) -> Samples:
    """At the telephone's rate."""
    resampler = av.AudioResampler("fltp", "stereo" if len(sound) == 2 else "mono", _LINE_RATE)
    frames = [*resampler.resample(_frame(sound)), *resampler.resample(None)]
    return np.concatenate([frame.to_ndarray() for frame in frames], axis=1)


def faster(sound: Samples) -> Samples:
    """A fifth faster at the same pitch (ffmpeg's atempo)."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=_RATE, format="fltp", layout="stereo" if len(sound) == 2 else "mono")
    tempo, planes = graph.add("atempo", str(_FASTER)), graph.add("aformat", "sample_fmts=fltp")
    sink = graph.add("abuffersink")
    source.link_to(tempo)
    tempo.link_to(planes)
    planes.link_to(sink)
    graph.configure()
    source.push(_frame(sound))
    source.push(None)
    frames = []
    while True:
        try:
            frames.append(sink.pull().to_ndarray())
        except (av.EOFError, av.BlockingIOError):
            return np.concatenate(frames, axis=1)


def _frame(sound: Samples) -> av.AudioFrame:
    layout = "stereo" if len(sound) == 2 else "mono"
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound), "fltp", layout)
    frame.sample_rate = _RATE
    return frame


def row(found: Measured, lines: Sequence[str]) -> str:
    """One line of the table."""
    rates = " | ".join(f"{found.errors[line] / max(1, found.spoken[line]):.1%}" for line in lines)
    return f"| {found.way} | {found.words / found.seconds * 3600:,.0f} | {rates} | {found.peak_mb:,.0f} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=0, help="demo calls to hear, evenly chosen (0: all)")
    parser.add_argument("--lines", nargs="+", choices=LINES, default=LINES)
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--weights-folder", type=Path)
    options = parser.parse_args(arguments)
    arrivals = sample_arrivals()
    chosen = arrivals[:: max(1, len(arrivals) // options.calls)][: options.calls] if options.calls else arrivals
    print(
        f"load {os.getloadavg()[0]:.1f} on {len(os.sched_getaffinity(0))} cores; {len(chosen)} calls, {options.model}"
    )
    heads = [
        "engine",
        "compute type",
        "beam",
        "words an hour",
        *(f"WER {line}" for line in options.lines),
        "memory, MB",
    ]
    print(f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}")
    with TemporaryDirectory() as folder:
        calls = [
            (line, a.path.stem, path)
            for a in chosen
            for line, path in lines_of(a.path, Path(folder))
            if line in options.lines
        ]
        for way in WAYS:
            # A process of its own each, so that one does not inherit the peak of another.
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                try:
                    found = pool.submit(measure, way, options.model, options.weights_folder, calls).result()
                    print(row(found, options.lines), flush=True)
                except EngineUnavailable as error:
                    print(f"{way}: not measured: {error.what}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
