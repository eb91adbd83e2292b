"""Two hundred damaged recordings, the same each time: each is refused with a reason or heard, none ends the program."""

import json
import random
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sound import CODECS, bursts, write_sound

ROOT = Path(__file__).parents[2]
# The files are decoded in another process, which may hold no more than this and take no longer than that.
MEMORY_BYTES = 3 << 30
TIME_LIMIT_SECONDS = 120

DECODE = """
import json, resource, sys
from pathlib import Path
from callaudit.transcription.audio import declared_duration, decode
from callaudit.transcription.errors import Unreadable
import av
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]),) * 2)
for path in sorted(Path(sys.argv[1]).iterdir()):
    print(json.dumps([path.name, "begun", ""]), flush=True)
    declared_duration(path)
    try:
        audio = decode(path)
        outcome = ["heard", f"{audio.channels} channels, {audio.duration:.2f} s"]
    except Unreadable as error:
        outcome = [error.code, str(error) if error.tries else ""]
    print(json.dumps([path.name, *outcome]), flush=True)
"""


def wav(*, rate: int = 8000, channels: int = 1, bits: int = 16, size: int | None = None, form: int = 1) -> bytes:
    """A WAV file of a quarter of a second that says of itself what it is told to."""
    sound = struct.pack("<2000h", *(int(9000 * ((n // 10) % 2 - 0.5)) for n in range(2000)))
    frame = channels * bits // 8 & 0xFFFF
    head = struct.pack("<HHIIHH", form, channels, rate & 0xFFFFFFFF, (rate * frame) & 0xFFFFFFFF, frame, bits)
    length = (len(sound) if size is None else size) & 0xFFFFFFFF
    body = b"WAVEfmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", length) + sound
    return b"RIFF" + struct.pack("<I", len(body)) + body


def absurd_headers() -> Iterator[tuple[str, bytes]]:
    for rate in (0, 1, 7, 400_000_000, 0x7FFFFFFF, 0xFFFFFFFF, -1):
        yield f"rate_{rate}.wav", wav(rate=rate)
    for channels in (0, 3, 63, 64, 255, 1024, 65535):
        yield f"channels_{channels}.wav", wav(channels=channels)
    for size in (0, 1, 3, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF, -2000):
        yield f"size_{size}.wav", wav(size=size)
    for bits in (0, 1, 7, 9, 64, 255, 65535):
        yield f"bits_{bits}.wav", wav(bits=bits)
    for form in (0, 2, 3, 6, 7, 0x31, 0x55, 0xFFFE, 0xFFFF):
        yield f"form_{form}.wav", wav(form=form)


def no_recordings(rng: random.Random) -> Iterator[tuple[str, bytes]]:
    for ending in ("wav", "mp3", "flac", "ogg", "m4a", "amr", "aac", "webm"):
        yield f"zero_length.{ending}", b""
        yield f"text.{ending}", b"these are not sounds\n" * 200
        yield f"noise.{ending}", rng.randbytes(20_000)
    for head in (
        b"RIFF",
        b"RIFF\xff\xff\xff\xffWAVE",
        b"fLaC",
        b"OggS",
        b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f",
        b"\xff\xfb",
    ):
        yield f"head_{head[:4].hex()}_{len(head)}.bin", head
        yield f"head_{head[:4].hex()}_{len(head)}_then_noise.bin", head + rng.randbytes(5_000)
    yield "playlist.wav", b"#EXTM3U\n#EXTINF:10,\n/etc/hostname\n"
    yield "nested.mp4", b"\x00\x00\x00\x08moov" * 2000
    yield "nested.mkv", b"\x1a\x45\xdf\xa3" * 5000


def damaged(folder: Path, rng: random.Random) -> Iterator[tuple[str, bytes]]:
    names = list(CODECS)
    whole = {name: write_sound(folder / name, bursts([(0.2, 0.9)], seconds=1.5)).read_bytes() for name in names}
    for name in names:
        for n in range(4):
            yield f"cut_{n}_{name}", whole[name][: rng.randrange(1, len(whole[name]))]
        for n in range(4):
            spoilt = bytearray(whole[name])
            # Half of the damage is in the header, where it hurts most.
            reach = min(200, len(spoilt)) if n % 2 else len(spoilt)
            for _ in range(rng.choice((1, 8, 64))):
                spoilt[rng.randrange(reach)] ^= 1 << rng.randrange(8)
            yield f"flipped_{n}_{name}", bytes(spoilt)
        other = names[(names.index(name) + 5) % len(names)]
        yield f"named_{name.replace('.', '_')}{Path(other).suffix}", whole[name]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str]]:
    rng = random.Random(20260302)
    sources, folder = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("damaged")
    for name, content in (*absurd_headers(), *no_recordings(rng), *damaged(sources, rng)):
        (folder / name).write_bytes(content)
    for name, head in (("huge_zeros.wav", b""), ("huge_after_a_header.wav", wav(size=0xFFFFFFF0)[:44])):
        with (folder / name).open("wb") as huge:
            huge.write(head)
            huge.truncate(6 << 30)
    done = subprocess.run(
        [sys.executable, "-c", DECODE, str(folder), str(MEMORY_BYTES)],
        cwd=ROOT, capture_output=True, text=True, timeout=TIME_LIMIT_SECONDS, check=False,
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, (lines[-1:], done.stderr[-2000:])
    for name in ("huge_zeros.wav", "huge_after_a_header.wav"):
        (folder / name).unlink()
    return {name: (code, why) for name, code, why in lines if code != "begun"}


def test_two_hundred_damaged_files_end_in_a_reason_or_in_sound(outcomes: dict[str, tuple[str, str]]):
    assert len(outcomes) >= 200
    known = {"heard", "empty_file", "not_audio", "no_samples", "truncated", "unsupported_channels", "too_long"}
    assert {code for code, _ in outcomes.values()} <= known
    assert all(why for _, why in outcomes.values())


def test_what_has_no_sound_in_it_is_always_refused(outcomes: dict[str, tuple[str, str]]):
    heard = [n for n, (code, _) in outcomes.items() if code == "heard"]

    assert not [n for n in heard if n.startswith(("zero_", "text", "noise", "huge_", "playlist", "nested"))]


def test_a_wrong_ending_is_no_damage(outcomes: dict[str, tuple[str, str]]):
    """What a file is stands in the file."""
    assert {code for n, (code, _) in outcomes.items() if n.startswith("named_")} == {"heard"}


def test_most_cut_files_are_refused_as_cut(outcomes: dict[str, tuple[str, str]]):
    codes = Counter(code for n, (code, _) in outcomes.items() if n.startswith("cut_"))

    # What the docstring of `audio` lists cannot be known to be cut; a cut inside the header leaves no recording.
    assert codes["truncated"] >= 0.6 * codes.total(), codes
