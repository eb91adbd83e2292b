#!/usr/bin/env python
"""How well speech is found, and how fast: energy alone, Silero VAD alone, and what the project does with both.

    python benchmarks/speech_activity.py            # print the tables for one call (half a minute)
    python benchmarks/speech_activity.py --write    # write docs/speech_activity.md
    python benchmarks/speech_activity.py --real ../shared/audio/two_channel_calm.wav

The voices are the demo calls of `samples/recordings`, whose lines are nearly silent between the words, so that the
truth is where the clean sound rises to -50 dB below full scale, closures up to 0.2 s filled. What a line adds is then
put on top: the telephone's band, hiss, hum, crosstalk. What is not speech at all is made with numpy: noise, hold music,
ringing, keys, breath. Another recording can stand in for the demo calls with `--real`; its truth is then what energy
finds in it, so that only the change under noise can be judged.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).parents[1]

from callaudit.transcription import speech  # noqa: E402  The path or a skip comes first.
from callaudit.transcription.audio import Samples, decode  # noqa: E402  The path or a skip comes first.
from callaudit.transcription.loudness import FRAME, levels_of, noise_floor, runs, without_runs  # noqa: E402  The path or a skip comes first.
from callaudit.transcription.transcript import Span  # noqa: E402  The path or a skip comes first.
from callaudit.transcription.voice_activity import voice_probabilities  # noqa: E402  The path or a skip comes first.

RATE = 16_000
PAGE = ROOT / "docs" / "speech_activity.md"
CALLS = ("C-1002", "C-1004", "C-1009", "C-1012")
_QUICK = 1
_GRID = 0.01

Flags = npt.NDArray[np.bool_]
Detector = Callable[[Samples], Sequence[Sequence[Span]]]


# What a line adds to the voices.


def telephone(samples: Samples, seed: int = 0) -> Samples:
    """300 to 3400 Hz, 8-bit mu-law, as a telephone network carries it."""
    spectrum = np.fft.rfft(samples, axis=-1)
    hertz = np.fft.rfftfreq(samples.shape[-1], 1 / RATE)
    spectrum[..., (hertz < 300) | (hertz > 3400)] = 0
    band = np.fft.irfft(spectrum, samples.shape[-1], axis=-1)
    squeezed = np.sign(band) * np.log1p(255 * np.minimum(np.abs(band), 1.0)) / np.log(256)
    coarse = np.round(squeezed * 127) / 127
    return (np.sign(coarse) * (256 ** np.abs(coarse) - 1) / 255).astype(np.float32)


def noise(length: int, colour: str, seed: int) -> Samples:
    """White or pink noise of power 1."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(length))
    if colour == "pink":
        spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1.0))
    sound = np.fft.irfft(spectrum, length)
    return (sound / np.sqrt(np.mean(sound**2))).astype(np.float32)


def with_noise(samples: Samples, *, snr: float, colour: str) -> Samples:
    """Noise so many dB below the voices (-21 dB while they speak)."""
    gain = 10 ** ((-21 - snr) / 20)
    return samples + np.stack([gain * noise(samples.shape[1], colour, seed) for seed in range(len(samples))])


def with_hum(samples: Samples) -> Samples:
    """A 50 Hz hum with overtones, 20 dB below the voices."""
    clock = np.arange(samples.shape[1]) / RATE
    hum = sum(np.sin(2 * np.pi * 50 * k * clock) / k for k in (1, 2, 3, 5))
    return (samples + 10 ** (-41 / 20) * hum).astype(np.float32)


def with_crosstalk(samples: Samples, *, below: float) -> Samples:
    """Each party also on the other's channel, 40 ms late and so many dB weaker."""
    late = np.roll(samples, round(0.04 * RATE), axis=1)
    return (samples + 10 ** (-below / 20) * late[::-1]).astype(np.float32)


LINES: dict[str, Callable[[Samples], Samples]] = {
    "clean": lambda samples: samples,
    "telephone band": telephone,
    "telephone, white noise 20 dB": lambda s: telephone(with_noise(s, snr=20, colour="white")),
    "telephone, white noise 10 dB": lambda s: telephone(with_noise(s, snr=10, colour="white")),
    "telephone, pink noise 10 dB": lambda s: telephone(with_noise(s, snr=10, colour="pink")),
    "telephone, pink noise 5 dB": lambda s: telephone(with_noise(s, snr=5, colour="pink")),
    "hum 20 dB": with_hum,
    "quiet voices (-20 dB)": lambda s: telephone(0.1 * s),
    "crosstalk -20 dB": partial(with_crosstalk, below=20),
    "crosstalk -30 dB": partial(with_crosstalk, below=30),
}


# What is not speech.


def tone(hertz: float, seconds: float, partials: Sequence[float] = (1.0,), fall: float = 0.0) -> Samples:
    """A tone with its overtones; `fall` is how fast it dies away, in 1/s."""
    clock = np.arange(round(seconds * RATE)) / RATE
    sound = sum(a * np.sin(2 * np.pi * hertz * (k + 1) * clock) for k, a in enumerate(partials))
    ramp = np.minimum(1.0, np.minimum(clock, clock[::-1]) / 0.01)
    return np.asarray(sound * ramp * np.exp(-fall * clock), np.float32)


def melody(notes: Sequence[Sequence[float]], beat: float, partials: Sequence[float], fall: float) -> Samples:
    """Chords one after the other."""
    return np.concatenate([np.sum([tone(h, beat, partials, fall) for h in chord], axis=0) for chord in notes])


_SCALE = [220.0 * 2 ** (n / 12) for n in (0, 2, 4, 5, 7, 9, 11, 12, 14, 16)]
_CHORDS = [[220.0, 277.2, 329.6], [196.0, 246.9, 293.7], [174.6, 220.0, 261.6], [164.8, 207.7, 246.9]]


def _chords() -> Samples:
    return melody(_CHORDS, 1.5, (1.0, 0.5, 0.3, 0.2), fall=0.4)


def _plucked() -> Samples:
    steps = np.random.default_rng(3).integers(0, len(_SCALE), 64)
    return melody([[_SCALE[n]] for n in steps], 0.25, (1.0, 0.6, 0.4, 0.3, 0.2), fall=6.0)


def _band() -> Samples:
    tune = np.tile(_plucked(), 2)
    chords = np.resize(_chords(), len(tune))
    drums = np.tile(np.concatenate([0.6 * noise(800, "white", 5), np.zeros(RATE // 2 - 800, np.float32)]), 100)
    return tune + chords + drums[: len(tune)]


def _sung() -> Samples:
    """A vowel held on changing notes with vibrato: as near to singing as numpy comes."""
    steps = np.random.default_rng(4).integers(0, 7, 24)
    clock = np.arange(round(0.8 * RATE)) / RATE
    parts = []
    for n in steps:
        phase = 2 * np.pi * np.cumsum(_SCALE[n] * (1 + 0.01 * np.sin(2 * np.pi * 5.5 * clock))) / RATE
        parts.append(
            sum(
                np.sin(k * phase) / k * np.exp(-(((_SCALE[n] * k - 700) / 500) ** 2))
                + 0.5 * np.sin(k * phase) / k * np.exp(-(((_SCALE[n] * k - 1200) / 400) ** 2))
                for k in range(1, 12)
            )
        )
    return np.concatenate(parts).astype(np.float32)


def _ringing(low: float, high: float, on: float, off: float) -> Samples:
    ring = tone(low, on) + tone(high, on)
    return np.concatenate([ring, np.zeros(round(off * RATE), np.float32)])


def _keys() -> Samples:
    pairs = [(697, 1209), (770, 1336), (852, 1477), (941, 1336), (697, 1477), (770, 1209)]
    gap = np.zeros(round(0.15 * RATE), np.float32)
    return np.concatenate([np.concatenate([tone(a, 0.12) + tone(b, 0.12), gap]) for a, b in pairs])


def _breath() -> Samples:
    swell = np.sin(np.pi * np.linspace(0, 1, round(0.9 * RATE))) ** 2
    return np.concatenate([swell * noise(len(swell), "pink", 8), np.zeros(2 * RATE)]).astype(np.float32)


def _typing() -> Samples:
    sound = np.zeros(10 * RATE, np.float32)
    random = np.random.default_rng(9)
    for at in random.integers(0, len(sound) - 400, 60):
        sound[at : at + 400] += noise(400, "white", int(at)) * np.exp(-np.arange(400) / 60)
    return sound


NOT_SPEECH: dict[str, Callable[[], Samples]] = {
    "digital silence": lambda: np.zeros(RATE, np.float32),
    "white noise": lambda: noise(20 * RATE, "white", 1),
    "pink noise": lambda: noise(20 * RATE, "pink", 2),
    "hum": lambda: with_hum(np.zeros((1, 10 * RATE), np.float32))[0],
    "music: chords": _chords,
    "music: plucked": _plucked,
    "music: band with drums": _band,
    "music: sung vowel": _sung,
    "ringing, American": lambda: _ringing(440, 480, 2.0, 4.0),
    "ringing, British": lambda: _ringing(400, 450, 0.4, 0.2),
    "engaged": lambda: _ringing(425, 425, 0.5, 0.5),
    "telephone keys": _keys,
    "breath": _breath,
    "typing": _typing,
}


def not_speech(name: str, seconds: float = 60.0, level: float = -26.0) -> Samples:
    """So many seconds of that sound at that level (dB below full scale while it sounds), over a telephone line."""
    sound = NOT_SPEECH[name]()
    power = float(np.mean(sound**2))
    if power:
        sound = sound * (10 ** (level / 20) / power**0.5)
    repeated = np.resize(sound, round(seconds * RATE)) + 10 ** (-70 / 20) * noise(round(seconds * RATE), "white", 11)
    return telephone(repeated)


# The detectors, and how they are judged.


def by_energy(samples: Samples) -> Sequence[Sequence[Span]]:
    """Energy alone: 9 dB over the line's floor, and no more than 32 dB under the loudest fiftieth of the channel."""
    found = []
    for channel in samples:
        levels = levels_of(channel, RATE)
        speech_level = float(np.percentile(levels, 98))
        threshold = np.maximum(noise_floor(levels) + 9.0, max(-55.0, speech_level - 32.0))
        loud = levels > np.minimum(threshold, max(-55.0, speech_level - 6.0))
        loud = without_runs(without_runs(loud, value=False, shorter_than=15), value=True, shorter_than=5)
        spans = [Span(start * FRAME, end * FRAME) for start, end in runs(loud)]
        found.append(speech.padded(spans, 0.03, duration=samples.shape[1] / RATE))
    return found


def by_voice(samples: Samples) -> Sequence[Sequence[Span]]:
    """Silero alone, as its page recommends: 0.5 to begin, 0.35 to go on, pauses under 0.1 s closed, 30 ms put on."""
    found = []
    for probable in voice_probabilities(samples):
        spans, since, last = [], None, 0
        for frame, p in enumerate(probable):
            if p >= 0.5 and since is None:
                since = frame
            if since is not None and p >= 0.35:
                last = frame
            if since is not None and frame - last > 3:
                spans.append(Span(since * 0.032, (last + 1) * 0.032))
                since = None
        if since is not None:
            spans.append(Span(since * 0.032, (last + 1) * 0.032))
        long = [s for s in spans if s.duration >= 0.25]
        found.append(speech.padded(long, 0.03, duration=samples.shape[1] / RATE))
    return found


def by_both(samples: Samples) -> Sequence[Sequence[Span]]:
    """What the project does."""
    return speech.speech_by_channel(samples, RATE)


DETECTORS: dict[str, Detector] = {"energy": by_energy, "silero": by_voice, "both": by_both}


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One detector on one line, over all calls; times in seconds, edges in milliseconds."""

    precision: float
    recall: float
    start_median: float
    start_p95: float
    end_median: float
    end_p95: float


def voices(call: str, folder: Path = ROOT / "samples" / "recordings") -> Samples:
    """The sound of a demo call, [2, n]."""
    return decode(next(p for p in sorted(folder.glob(f"*{call}*")) if p.suffix != ".json")).samples


def truth(samples: Samples) -> list[Flags]:
    """Where each channel of clean voices speaks, by hundredths of a second."""
    width = round(_GRID * RATE)
    found = []
    for channel in samples:
        frames = channel[: len(channel) // width * width].reshape(-1, width)
        flags = np.asarray(10 * np.log10(np.maximum((frames**2).mean(axis=1), 1e-9)) > -50.0)
        edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0])))).reshape(-1, 2)
        for (_, end), (start, _) in pairwise(edges):
            if start - end <= 0.2 / _GRID:
                flags[end:start] = True
        found.append(flags)
    return found


def judge(detector: Detector, calls: Sequence[Samples], heard: Sequence[Samples]) -> Judged:
    """Frames found and missed in what is `heard` of the calls, and how far its edges are from the true ones.

    Edges are those of stretches over 0.3 s apart.
    """
    both = found_only = truth_only = 0
    starts: list[float] = []
    ends: list[float] = []
    for samples, changed in zip(calls, heard, strict=True):
        for true, spans in zip(truth(samples), detector(changed), strict=True):
            flags = np.zeros_like(true)
            for span in spans:
                flags[round(span.start / _GRID) : round(span.end / _GRID)] = True
            both += int(np.sum(true & flags))
            found_only += int(np.sum(~true & flags))
            truth_only += int(np.sum(true & ~flags))
            stretches = _stretches(true)
            starts += _errors([s for s, _ in stretches], [s.start for s in spans])
            ends += _errors([e for _, e in stretches], [s.end for s in spans])
    return Judged(
        precision=both / max(1, both + found_only),
        recall=both / max(1, both + truth_only),
        start_median=_quantile(starts, 0.5),
        start_p95=_quantile(starts, 0.95),
        end_median=_quantile(ends, 0.5),
        end_p95=_quantile(ends, 0.95),
    )


def _stretches(true: Flags) -> list[tuple[float, float]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], true.astype(np.int8), [0])))).reshape(-1, 2)
    joined: list[list[float]] = []
    for start, end in edges * _GRID:
        if joined and start - joined[-1][1] <= 0.3:
            joined[-1][1] = end
        else:
            joined.append([start, end])
    return [(s, e) for s, e in joined]


def _errors(wanted: Sequence[float], found: Sequence[float]) -> list[float]:
    """Milliseconds from each wanted edge to the nearest found one."""
    there = np.array(found) if found else np.array([np.inf])
    return [min(9999.0, 1000 * float(np.min(np.abs(there - one)))) for one in wanted]


def _quantile(errors: Sequence[float], share: float) -> float:
    return float(np.quantile(errors, share)) if errors else float("nan")


def false_seconds(detector: Detector, sound: Samples) -> float:
    """Seconds of speech found in a minute of what is none."""
    return speech.total(detector(sound[None])[0])


def speed(detector: Detector, seconds: float = 300.0) -> float:
    """How many seconds of a two-channel call one core hears in a second (processor time)."""
    call = voices(CALLS[0])
    samples = np.resize(call.T, (round(seconds * RATE), 2)).T.copy()
    detector(samples[:, : 10 * RATE])
    began = time.process_time()
    detector(samples)
    return seconds / (time.process_time() - began)


_INTRODUCTION = """\
# Where speech is found

Written by `python benchmarks/speech_activity.py --write`; do not edit.

Three detectors on the same sound: energy alone, Silero VAD alone, and both as `transcription/speech.py` has them:
Silero says whether, the sound's own loudness says from when to when. The voices are four demo calls (flite, a
synthesiser), so the figures say how the detectors compare, not how well they hear your calls. Start and end are the
distances in ms from each true edge to the nearest found one; the truth counts pauses over 0.3 s.
What is no speech is made with numpy; music made with sampled instruments and real singing were not part of it.
Singing is a voice to every detector here.

"""


def tables(calls: Sequence[Samples]) -> Iterator[str]:
    """The page, a piece at a time."""
    yield "| line | detector | precision | recall | start, median / p95 ms | end, median / p95 ms |"
    yield "|---|---|---|---|---|---|"
    for line, change in LINES.items():
        heard = [change(samples) for samples in calls]
        for name, detector in DETECTORS.items():
            j = judge(detector, calls, heard)
            yield (
                f"| {line} | {name} | {j.precision:.3f} | {j.recall:.3f} "
                f"| {j.start_median:.0f} / {j.start_p95:.0f} | {j.end_median:.0f} / {j.end_p95:.0f} |"
            )
    yield f"\n| seconds of speech found in a minute of | {' | '.join(DETECTORS)} |\n|---|{'---|' * len(DETECTORS)}"
    for name in NOT_SPEECH:
        for level in (-26.0, -40.0):
            sound = not_speech(name, level=level)
            found = " | ".join(f"{false_seconds(d, sound):.1f}" for d in DETECTORS.values())
            yield f"| {name}, {level:.0f} dB | {found} |"
    yield "\n| detector | x real time, two channels, one core |\n|---|---|"
    for name, detector in DETECTORS.items():
        yield f"| {name} | {speed(detector):.0f} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)} instead of printing")
    parser.add_argument("--real", type=Path, metavar="FILE", help="voices of this recording instead of the demo's")
    options = parser.parse_args(arguments)
    calls = (
        [decode(options.real).samples]
        if options.real
        else [voices(call) for call in (CALLS if options.write else CALLS[:_QUICK])]
    )
    lines = []
    for line in tables(calls):
        if not options.write:
            print(line, flush=True)
        lines.append(line)
    if options.write:
        PAGE.write_text(_INTRODUCTION + "\n".join(lines) + "\n", encoding="utf-8")
        print(f"wrote {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
