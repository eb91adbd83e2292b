"""Where the sound of a file ends, and on how many tracks it lies: all of it is heard, or the file is refused."""

import struct
import time
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callaudit.transcription.audio import declared_duration, decode
from callaudit.transcription.errors import Unreadable

RATE = 8000
TONE = (9000 * np.sin(np.arange(4 * RATE) * 0.3)).astype("<i2").tobytes()
MEGABYTE = 1 << 20


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def wav(sound: bytes = TONE, *, declared: int | None = None, before: bytes = b"", behind: bytes = b"") -> bytes:
    head = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16))
    data = b"data" + struct.pack("<I", len(sound) if declared is None else declared) + sound
    return b"RIFF" + struct.pack("<I", 4 + len(head) + len(data)) + b"WAVE" + head + before + data + behind


def heard(path: Path, content: bytes) -> float:
    path.write_bytes(content)
    return decode(path).duration


def refused(path: Path, content: bytes) -> Unreadable:
    path.write_bytes(content)
    with pytest.raises(Unreadable) as error:
        decode(path)
    return error.value


@pytest.mark.parametrize("declared", [2 * RATE, 2 * RATE + 1, 3 * RATE, 7 * RATE])
def test_sound_behind_the_length_that_a_recorder_wrote_last_is_heard(tmp_path: Path, declared: int):
    assert heard(tmp_path / "a.wav", wav(declared=declared)) == pytest.approx(4.0, abs=0.01)


@pytest.mark.parametrize("second", [wav(), b"OggS" + bytes(9000), chunk(b"data", TONE)])
def test_a_second_recording_behind_the_first_is_refused(tmp_path: Path, second: bytes):
    error = refused(tmp_path / "a.wav", wav() + second)

    assert error.code == "several_recordings"
    assert "4.0 s" in error.what


@pytest.mark.parametrize(
    "behind",
    [
        chunk(b"LIST", b"INFOISFT\4\0\0\0test"), chunk(b"id3 ", bytes(301)), b"TAG" + bytes(range(125)), bytes(90_000),
        b'<?xml version="1.0"?>\n<call/>' + b" " * 9000, b"LIST\xff\xff\0\0INFO" + bytes(9000), b"\x81" * 3999,
    ],
)  # fmt: skip
def test_what_writers_put_behind_the_sound_is_none(tmp_path: Path, behind: bytes):
    assert heard(tmp_path / "a.wav", wav(behind=behind)) == pytest.approx(4.0, abs=0.01)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(missing=st.integers(0, 12_000))
def test_a_quarter_of_a_second_is_the_tolerance_for_what_is_missing(tmp_path: Path, missing: int):
    content = wav()[: len(wav()) - missing]

    if missing <= 0.25 * 2 * RATE:
        assert heard(tmp_path / "a.wav", content) == pytest.approx(4.0 - missing / 2 / RATE, abs=0.01)
    else:
        assert refused(tmp_path / "a.wav", content).code == "truncated"


FLOODS = {
    "before.wav": lambda: wav(before=b"JUNK\0\0\0\0" * (MEGABYTE // 8)),
    "behind.wav": lambda: wav(behind=b"JUNK\0\0\0\0" * (MEGABYTE // 8)),
    "call.mp4": lambda: b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42" + b"\0\0\0\x08free" * (MEGABYTE // 8),
    "call.aiff": lambda: b"FORM" + struct.pack(">I", MEGABYTE) + b"AIFF" + b"ANNO\0\0\0\0" * (MEGABYTE // 8),
    "call.caf": lambda: b"caff\0\1\0\0" + (b"free" + bytes(8)) * (MEGABYTE // 12),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_container_of_empty_pieces_is_refused_before_anything_walks_over_them(tmp_path: Path, name: str):
    content = FLOODS[name]()
    started = time.process_time()

    error = refused(tmp_path / name, content)

    assert "more than 10,000" in error.why + error.what
    assert declared_duration(tmp_path / name) is None
    # Ten thousand steps; all of them would be ten times as many.
    assert time.process_time() - started < 2.0


def write_tracks(path: Path, codec: str, tracks: list[tuple[float, np.ndarray]]) -> None:
    """A file with a sound track for each array of mono or stereo float samples, begun at its second."""
    with av.open(path, "w") as container:
        streams = [
            container.add_stream(codec, rate=48_000, layout="stereo" if len(samples) == 2 else "mono")
            for _, samples in tracks
        ]
        for stream, (begin, samples) in zip(streams, tracks, strict=True):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(samples, np.float32), format="fltp", layout=stream.layout.name
            )
            frame.sample_rate = 48_000
            frame.pts = round(begin * 48_000)
            resampler = av.AudioResampler(stream.format.name, stream.layout.name, 48_000, frame_size=960)
            for ready in [*resampler.resample(frame), *resampler.resample(None)]:
                container.mux(stream.encode(ready))
            container.mux(stream.encode(None))


def tone(hertz: float, seconds: float, channels: int = 1) -> np.ndarray:
    return np.tile(0.4 * np.sin(np.arange(int(seconds * 48_000)) * 2 * np.pi * hertz / 48_000), (channels, 1))


@pytest.mark.parametrize(("name", "codec"), [("a.m4a", "aac"), ("a.mka", "libopus"), ("a.webm", "libopus")])
def test_each_track_is_a_channel_in_its_own_place_and_time(tmp_path: Path, name: str, codec: str):
    write_tracks(
        tmp_path / name, codec, [(0.0, tone(300, 3.0)), (0.0, tone(900, 2.0, channels=2)), (1.0, tone(1500, 1.0))]
    )

    audio = decode(tmp_path / name)

    assert audio.samples.shape[0] == 3
    assert audio.duration == pytest.approx(3.0, abs=0.25)
    loudness = np.abs(audio.samples)
    pitch = [np.argmax(np.abs(np.fft.rfft(channel))) * 16_000 / channel.size for channel in audio.samples]
    assert pitch == [pytest.approx(hertz, abs=5) for hertz in (300, 900, 1500)]
    assert loudness[1, int(2.3 * 16_000) :].max() < 0.01
    if codec == "libopus":
        assert loudness[2, : int(0.8 * 16_000)].max() < 0.01


def test_long_tracks_are_kept_in_a_file_and_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_tracks(tmp_path / "a.mka", "libopus", [(0.0, tone(300, 3.0)), (0.5, tone(900, 2.0))])
    short = decode(tmp_path / "a.mka")
    monkeypatch.setattr("callaudit.transcription.audio.sink.HELD_IN_MEMORY", 0.5)
    for module in ("decoding", "sink"):
        monkeypatch.setattr(f"callaudit.transcription.audio.{module}.WRITTEN_AT_ONCE", 0.7)
    # The system's folder is no place for it.
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))

    assert np.array_equal(decode(tmp_path / "a.mka", spill=tmp_path / "decoded").samples, short.samples)
    assert list((tmp_path / "decoded").iterdir()) == []


WMA_PACKET = 3200


@pytest.fixture(scope="module")
def wma(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Twenty seconds of WMA, in packets of about 0.4 s."""
    file = tmp_path_factory.mktemp("wma") / "a.wma"
    with av.open(file, "w", format="asf") as container:
        stream = container.add_stream("wmav2", rate=44_100, layout="mono")
        stream.bit_rate = 64_000
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 20 * 44_100), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 44_100, 0
        stream.codec_context.open()
        resampler = av.AudioResampler("fltp", "mono", 44_100, frame_size=stream.codec_context.frame_size)
        for ready in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(ready))
        container.mux(stream.encode(None))
    return file.read_bytes()


@pytest.mark.parametrize("missing", [WMA_PACKET, 7 * WMA_PACKET, 7 * WMA_PACKET + 100, 9001])
def test_wma_that_is_cut_off_is_refused_between_two_packets_too(tmp_path: Path, wma: bytes, missing: int):
    error = refused(tmp_path / "a.wma", wma[:-missing])

    assert error.code == "truncated"
    assert "20.0 s declared" in error.what


@pytest.mark.parametrize("missing", [0, 100])
def test_wma_that_lost_less_than_a_quarter_of_a_second_is_heard(tmp_path: Path, wma: bytes, missing: int):
    assert heard(tmp_path / "a.wma", wma[: len(wma) - missing]) == pytest.approx(20.0, abs=0.25)


def test_wma_of_a_recorder_that_streamed_declares_no_length(tmp_path: Path, wma: bytes):
    flags = wma.index(bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")) + 88
    live = wma[:flags] + b"\1" + wma[flags + 1 :]

    assert heard(tmp_path / "a.wma", live[: -5 * WMA_PACKET]) == pytest.approx(18.0, abs=0.25)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Three seconds in every container that says where its sound ends."""
    folder = tmp_path_factory.mktemp("whole")
    kinds = {"m4a": "aac", "mov": "pcm_s16le", "aiff": "pcm_s16be", "caf": "pcm_s16le", "w64": "pcm_s16le"}
    for ending, codec in kinds.items():
        write_tracks(folder / f"a.{ending}", codec, [(0.0, tone(300, 3.0))])
    return {ending: (folder / f"a.{ending}").read_bytes() for ending in kinds}


CONTAINERS = ["m4a", "mov", "aiff", "caf", "w64"]


@pytest.mark.parametrize("ending", CONTAINERS)
def test_of_two_recordings_in_one_file_neither_is_left_unheard(tmp_path: Path, whole: dict[str, bytes], ending: str):
    error = refused(tmp_path / f"a.{ending}", whole[ending] * 2)

    assert error.code == "several_recordings"


def test_of_two_wma_recordings_in_one_file_neither_is_left_unheard(tmp_path: Path, wma: bytes):
    assert refused(tmp_path / "a.wma", wma * 2).code == "several_recordings"


@pytest.mark.parametrize("ending", CONTAINERS)
def test_what_lost_a_third_is_cut_off_in_every_container(tmp_path: Path, whole: dict[str, bytes], ending: str):
    assert refused(tmp_path / f"a.{ending}", whole[ending][: 2 * len(whole[ending]) // 3]).code == "truncated"


@pytest.mark.parametrize("ending", ["m4a", "mov"])
def test_an_index_that_is_cut_off_is_said_to_be(tmp_path: Path, whole: dict[str, bytes], ending: str):
    assert "cut off inside its index" in refused(tmp_path / f"a.{ending}", whole[ending][:-200]).what


@pytest.mark.parametrize("ending", CONTAINERS)
def test_a_place_beyond_all_numbers_in_a_header_is_no_error_of_ours(
    tmp_path: Path, whole: dict[str, bytes], ending: str, capfd: pytest.CaptureFixture[str]
):
    far = {"m4a": b"\0\0\0\1free" + b"\xff" * 8, "mov": b"\0\0\0\1free" + b"\xff" * 8, "aiff": b"ANNO" + b"\xff" * 4}
    piece = far.get(ending, b"junk" + b"\xff" * 21)

    assert heard(tmp_path / f"a.{ending}", whole[ending] + piece) == pytest.approx(3.0, abs=0.25)
    assert "PyAV" not in capfd.readouterr().err


def test_how_long_a_byte_lasts_is_known_from_those_that_were_heard(tmp_path: Path):
    no_rate = bytearray(wav(declared=len(TONE)))
    no_rate[28:32] = bytes(4)

    assert heard(tmp_path / "a.wav", bytes(no_rate[:-3000])) == pytest.approx(4.0, abs=0.25)
    assert "4.0 s declared, 3.0 s found" in refused(tmp_path / "a.wav", bytes(no_rate[: -2 * RATE])).what
