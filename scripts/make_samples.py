#!/usr/bin/env python
"""Make the demo recordings in samples/recordings from the dialogues in samples/dialogues.

    python scripts/make_samples.py                 # all recordings
    python scripts/make_samples.py C-1002 C-1004   # only these calls
    python scripts/make_samples.py --check         # make them in memory, say which differ on disk

Needs flite (Debian: apt-get install flite) and this project's packages. The recordings lie in the
repository, so this is only for changing a dialogue or adding one.

A dialogue is one YAML file, named as its recording will be:

    shows: What a listener should notice.
    call_id: C-1016
    started_at: 2026-03-12T16:05:00-04:00
    agent: A-01            # who they are and how they sound: samples/cast.yaml
    customer: K-202
    queue: orders
    direction: inbound     # or outbound
    layout: stereo         # or mono; stereo has the agent left and the customer right
    codec: flac            # or opus (16 kHz both), mulaw or alaw (WAV, 8 kHz)
    gap: 0.4               # seconds between lines, if not given here or with the line
    lines:
      - agent: Thank you for calling. How can I help you?
      - customer: My lamp arrived broken.
        after: 1.2         # seconds of silence before this line
      - agent: I see.
        signal: true       # a listening signal: the other party keeps the floor
        over: 0.3          # begins 0.3 s before the line on the floor has ended
      - hold: 12           # seconds in which nobody speaks

The same dialogue, cast and flite give the same bytes.
"""

import argparse
import io
import json
import subprocess
import sys
import tempfile
import wave
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Literal, cast

import av
import msgspec
import numpy as np
import numpy.typing as npt

SAMPLES = Path(__file__).parents[1] / "samples"
RATE = 16_000

Samples = npt.NDArray[np.float32]

_EDGE = 0.4
# Loud enough to be no digital zero, quiet enough (dB below full scale) to be silence to any listener.
_NOISE_LEVEL = 10 ** (-74 / 20)
_SPEECH_LEVEL = 10 ** (-21 / 20)

_ENDING = {"flac": ".flac", "opus": ".opus", "mulaw": ".wav", "alaw": ".wav"}
_ENCODER = {"flac": "flac", "opus": "libopus", "mulaw": "pcm_mulaw", "alaw": "pcm_alaw"}
_CONTAINER = {"flac": "flac", "opus": "ogg", "mulaw": "wav", "alaw": "wav"}
_RATE_OF = {"flac": RATE, "opus": RATE, "mulaw": 8_000, "alaw": 8_000}


class Person(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One voice of the cast. `pitch` and `slower` are factors, 1.0 is flite's own."""

    name: str
    voice: str
    pitch: float = 1.0
    slower: float = 1.0
    team: str | None = None


class Cast(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everyone who speaks, by the id that stands in the metadata."""

    agents: dict[str, Person]
    customers: dict[str, Person]


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing said, or a hold; exactly one of `agent`, `customer` and `hold` is given. Times in seconds."""

    agent: str | None = None
    customer: str | None = None
    hold: float | None = None
    after: float | None = None
    over: float | None = None
    signal: bool = False

    def __post_init__(self) -> None:
        if [self.agent, self.customer, self.hold].count(None) != 2:
            raise ValueError("a line has exactly one of agent, customer and hold")
        if self.after is not None and self.over is not None:
            raise ValueError("a line has after or over, not both")

    @property
    def channel(self) -> int:
        """0 (left) for the agent, 1 (right) for the customer."""
        return 0 if self.agent is not None else 1

    @property
    def text(self) -> str:
        """The words; empty for a hold."""
        return self.agent or self.customer or ""


class Dialogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One call as written."""

    shows: str
    call_id: str
    started_at: str
    agent: str
    customer: str
    queue: str
    direction: Literal["inbound", "outbound"]
    lines: tuple[Line, ...]
    layout: Literal["stereo", "mono"] = "stereo"
    codec: Literal["flac", "opus", "mulaw", "alaw"] = "flac"
    # An answer begins about half a second after a question when people are polite on the telephone.
    gap: float = 0.4
    fault: Literal["cut_in_half", "no_date"] | None = None


class Placed(msgspec.Struct, frozen=True):
    """A spoken line at its time in the call, in samples at `RATE`."""

    line: Line
    start: int
    end: int
    sound: Samples


def read_cast(path: Path = SAMPLES / "cast.yaml") -> Cast:
    """Read the cast; raises msgspec.ValidationError naming the field that is wrong."""
    return msgspec.yaml.decode(path.read_bytes(), type=Cast)


def read_dialogues(folder: Path = SAMPLES / "dialogues") -> dict[str, Dialogue]:
    """Read the dialogues by the stem of their file, which is also their recording's; sorted."""
    # started_at stays text: a fault may be in it, and an offset must not be turned into UTC.
    return {
        path.stem: msgspec.convert(_texts(msgspec.yaml.decode(path.read_bytes())), Dialogue)
        for path in sorted(folder.glob("*.yaml"))
    }


def recording_path(stem: str, dialogue: Dialogue, folder: Path) -> Path:
    """Name the place of a dialogue's recording."""
    return folder / f"{stem}{_ENDING[dialogue.codec]}"


def speak(text: str, person: Person) -> Samples:
    """Say a line in a person's voice at `RATE`, without silence before and after, at speech level.

    Raises subprocess.CalledProcessError where flite fails, FileNotFoundError where it is not installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        spoken = Path(folder) / "line.wav"
        stretch = f"duration_stretch={person.slower}"
        subprocess.run(["flite", "-voice", person.voice, "--setf", stretch, "-t", text, "-o", spoken], check=True)
        with wave.open(str(spoken)) as file:
            if file.getframerate() != RATE:
                raise ValueError(f"flite voice {person.voice} speaks at {file.getframerate()} Hz, not {RATE}")
            sound = np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16).astype(np.float32) / 32_768
    loud = np.flatnonzero(np.abs(sound) > 0.01)
    # The soft beginning of "thank" and end of "yes" lie below that.
    sound = sound[max(0, loud[0] - _samples(0.08)) : loud[-1] + _samples(0.08)]
    # Played faster, a voice is higher; `slower` in the cast makes up for the pace.
    sound = np.interp(np.arange(0, len(sound), person.pitch), np.arange(len(sound)), sound)
    level = float(np.sqrt(np.mean(sound**2)))
    return np.asarray(sound * (_SPEECH_LEVEL / level), dtype=np.float32)


def place(lines: Sequence[Line], sounds: Sequence[Samples], *, usual_gap: float) -> list[Placed]:
    """Put each spoken line at its time; `sounds` holds one array per line, empty for a hold.

    A line waits for the end of the line on the floor. A listening signal leaves the floor where it was.
    """
    floor = _samples(_EDGE)
    placed: list[Placed] = []
    for line, sound in zip(lines, sounds, strict=True):
        if line.hold is not None:
            floor += _samples(line.hold - usual_gap)
            continue
        gap = -line.over if line.over is not None else line.after if line.after is not None else usual_gap
        own_last = max((p.end for p in placed if p.line.channel == line.channel), default=0)
        start = max(floor + _samples(gap), own_last)
        placed.append(Placed(line, start, start + len(sound), sound))
        if not line.signal:
            floor = max(floor, start + len(sound))
    return placed


def mix(placed: Sequence[Placed], *, seed: int) -> Samples:
    """Add the lines up in two channels [2, n] with comfort noise from the seed, agent first."""
    length = max(p.end for p in placed) + _samples(_EDGE)
    noise = np.random.default_rng(seed).normal(0, _NOISE_LEVEL, (2, length))
    for p in placed:
        noise[p.line.channel, p.start : p.end] += p.sound
    return np.clip(noise, -0.99, 0.99).astype(np.float32)


def encode(channels: Samples, codec: str) -> bytes:
    """Write one or two channels as the bytes of a recording; `codec` is one of a dialogue's."""
    layout = "stereo" if len(channels) == 2 else "mono"
    pcm = np.ascontiguousarray((channels.T.reshape(1, -1) * 32_767).round().astype(np.int16))
    frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout=layout)
    frame.sample_rate = RATE
    file = io.BytesIO()
    # bitexact keeps library versions and random stream numbers out of the file.
    options = {"fflags": "+bitexact"}
    with av.open(file, "w", format=_CONTAINER[codec], container_options=options) as container:
        stream = cast("av.AudioStream", container.add_stream(_ENCODER[codec], rate=_RATE_OF[codec], layout=layout))
        stream.codec_context.flags |= 1 << 23  # AV_CODEC_FLAG_BITEXACT
        if codec == "opus":
            stream.codec_context.bit_rate = 32_000
        resampler = av.AudioResampler(
            format=stream.codec_context.format, layout=layout, rate=_RATE_OF[codec], frame_size=_frame_size(codec)
        )
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return file.getvalue()


def render(dialogue: Dialogue, everyone: Cast) -> bytes:
    """Make the recording of a dialogue, with its fault if it is meant to have one."""
    people = (everyone.agents[dialogue.agent], everyone.customers[dialogue.customer])
    silence = np.zeros(0, dtype=np.float32)
    sounds = [speak(line.text, people[line.channel]) if line.hold is None else silence for line in dialogue.lines]
    channels = mix(place(dialogue.lines, sounds, usual_gap=dialogue.gap), seed=zlib.crc32(dialogue.call_id.encode()))
    if dialogue.layout == "mono":
        channels = channels.mean(axis=0, keepdims=True)
    recording = encode(channels, dialogue.codec)
    return recording[: len(recording) // 2] if dialogue.fault == "cut_in_half" else recording


def metadata(dialogue: Dialogue, everyone: Cast) -> bytes:
    """Write the sidecar: what a telephone system would write beside the recording."""
    agent, customer = everyone.agents[dialogue.agent], everyone.customers[dialogue.customer]
    fields = {
        "call_id": dialogue.call_id,
        "started_at": dialogue.started_at,
        "agent": {"id": dialogue.agent, "name": agent.name, "team": agent.team},
        "customer": {"id": dialogue.customer, "name": customer.name},
        "queue": dialogue.queue,
        "direction": dialogue.direction,
    }
    return (json.dumps(fields, indent=2) + "\n").encode()


def files_of(stem: str, dialogue: Dialogue, everyone: Cast, folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield the recording and its sidecar, as (path, bytes)."""
    recording = recording_path(stem, dialogue, folder)
    yield recording, render(dialogue, everyone)
    yield recording.with_suffix(".json"), metadata(dialogue, everyone)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. Exit code 0; 1 where --check found a difference; 2 for a wrong command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("calls", nargs="*", metavar="CALL_ID", help="only these calls (default: all)")
    parser.add_argument("--out", type=Path, default=SAMPLES / "recordings", help="folder (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="write nothing; say which files would change")
    options = parser.parse_args(arguments)

    everyone, dialogues = read_cast(), read_dialogues()
    if unknown := set(options.calls) - {d.call_id for d in dialogues.values()}:
        parser.error(f"no dialogue for {', '.join(sorted(unknown))}; see samples/dialogues")
    wanted = {stem: d for stem, d in dialogues.items() if not options.calls or d.call_id in options.calls}
    options.out.mkdir(parents=True, exist_ok=True)

    changed = 0
    with ThreadPoolExecutor(max_workers=2) as pool:
        make = partial(_made, everyone=everyone, folder=options.out)
        for path, content in (file for files in pool.map(make, wanted.items()) for file in files):
            same = path.exists() and path.read_bytes() == content
            changed += not same
            if not options.check and not same:
                path.write_bytes(content)
            print(f"{'same' if same else 'differs' if options.check else 'written'}  {len(content):>9,}  {path.name}")
    return 1 if options.check and changed else 0


def _made(item: tuple[str, Dialogue], *, everyone: Cast, folder: Path) -> list[tuple[Path, bytes]]:
    stem, dialogue = item
    return list(files_of(stem, dialogue, everyone, folder))


def _samples(seconds: float) -> int:
    return round(seconds * RATE)


def _frame_size(codec: str) -> int:
    # Opus takes 20 ms at a time, FLAC up to 4,096 samples; PCM takes anything.
    return 320 if codec == "opus" else 4_096


def _texts(tree: dict[str, object]) -> dict[str, object]:
    started_at = tree["started_at"]
    return tree | {"started_at": started_at if isinstance(started_at, str) else started_at.isoformat()}  # type: ignore[attr-defined]  # YAML gives text or a time.


if __name__ == "__main__":
    sys.exit(main())
