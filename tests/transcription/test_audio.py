from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callaudit.transcription.audio import Audio, declared_duration, decode, write_copy
from callaudit.transcription.errors import Unreadable
from callaudit.transcription.transcript import Span
from tests.support.sound import CODECS, bursts, write_sound

Recording = Callable[[str], Path]


def loudest_hertz(audio: Audio, channel: int) -> float:
    spectrum = np.abs(np.fft.rfft(audio.samples[channel]))
    return float(np.argmax(spectrum) * audio.sample_rate / audio.samples.shape[1])


@pytest.mark.parametrize("name", CODECS)
def test_every_format_keeps_its_length_and_keeps_the_channels_apart(recording: Recording, name: str):
    audio = decode(recording(name))

    assert audio.sample_rate == 16000
    assert audio.samples.dtype == np.float32
    assert abs(audio.duration - 6.0) < 0.2
    assert abs(loudest_hertz(audio, 0) - 300) < 5
    if audio.channels == 2:
        assert abs(loudest_hertz(audio, 1) - 700) < 5


@pytest.mark.parametrize("name", CODECS)
def test_speech_stays_where_it_was_in_every_format(recording: Recording, name: str):
    left = decode(recording(name)).samples[0]
    heard = np.flatnonzero(np.abs(left) > 0.1) / 16000

    # An MP3 without a header cannot say how much silence its encoder put first.
    assert abs(heard[0] - 0.5) < 0.15
    assert abs(heard[-1] - 2.5) < 0.15


@pytest.mark.parametrize("share", [0.12, 0.31, 0.503, 0.74, 0.93])
@pytest.mark.parametrize("name", CODECS)
def test_a_recording_that_was_cut_off_is_refused(recording: Recording, name: str, share: float):
    path = recording(name)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])

    with pytest.raises(Unreadable) as refused:
        decode(path)

    assert refused.value.code == "truncated"
    assert path.name in str(refused.value)
    assert refused.value.tries


def test_the_reason_names_the_seconds_declared_and_found(recording: Recording):
    path = recording("s16.wav")
    path.write_bytes(path.read_bytes()[: 44 + 2 * 2 * 8000 * 4])

    with pytest.raises(Unreadable, match=r"6\.0 s declared, 4\.0 s found"):
        decode(path)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0.02, 0.9))  # A quarter of a second may be missing anywhere.
def test_an_mp3_with_a_frame_count_cut_anywhere_is_never_taken_for_whole(recording: Recording, share: float):
    path = recording("tagged.mp3")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])

    with pytest.raises(Unreadable):
        decode(path)


@pytest.mark.parametrize("name", ["tagged.mp3", "bare.mp3"])
@pytest.mark.parametrize(
    "tag",
    [b"TAG" + b"x" * 125, b"APETAGEX" + bytes(24) + b"TITLE" * 60, bytes(4000), b"LYRICSBEGIN" + b"la " * 99],
    ids=["id3v1", "ape", "zeros", "lyrics"],
)
def test_a_tag_behind_an_mp3_is_not_taken_for_a_cut(recording: Recording, name: str, tag: bytes):
    path = recording(name)
    path.write_bytes(path.read_bytes() + tag)

    assert abs(decode(path).duration - 6.0) < 0.3


@pytest.mark.parametrize("seconds", [2.0, 2.013, 2.05, 2.1, 2.33, 3.001])
def test_the_padding_of_an_encoder_is_not_taken_for_a_cut(tmp_path: Path, seconds: float):
    for name in ("tagged.mp3", "bare.mp3", "call.m4a", "call.ogg", "call.webm", "call.aac"):
        decode(write_sound(tmp_path / name, bursts([(0.2, 1.8)], seconds=seconds)))


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF])
def test_a_recorder_that_did_not_know_the_length_yet_is_believed(recording: Recording, size: int):
    path = recording("s16.wav")
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = size.to_bytes(4, "little")
    path.write_bytes(content)

    assert abs(decode(path).duration - 6.0) < 0.01


def unusable(name: str) -> bytes:
    return {
        "text.wav": b"Agent: good morning.\n" * 40,
        "letter.pdf": b"%PDF-1.7\n" + bytes(range(256)) * 20,
        "noise.mp3": np.random.default_rng(3).bytes(60_000),
        "zeros.wav": bytes(50_000),
        "list.wav": b"#EXTM3U\n#EXTINF:10,\n/etc/hostname\n",
        "short.txt": b"x",
    }[name]


@pytest.mark.parametrize("name", ["text.wav", "letter.pdf", "noise.mp3", "zeros.wav", "list.wav", "short.txt"])
def test_what_is_no_recording_is_refused_whatever_its_name_says(tmp_path: Path, name: str):
    path = tmp_path / name
    path.write_bytes(unusable(name))

    with pytest.raises(Unreadable) as refused:
        decode(path)

    assert refused.value.code == "not_audio"


def test_an_empty_file_is_refused_as_empty(tmp_path: Path):
    (tmp_path / "call.wav").touch()

    with pytest.raises(Unreadable) as refused:
        decode(tmp_path / "call.wav")

    assert refused.value.code == "empty_file"


@pytest.mark.parametrize("name", ["s16.wav", "mulaw.wav"])
def test_a_header_without_samples_is_refused_as_such(tmp_path: Path, name: str):
    path = write_sound(tmp_path / name, bursts([], seconds=1.0))
    content = path.read_bytes()
    header = bytearray(content[: content.index(b"data") + 8])
    header[-4:] = bytes(4)
    path.write_bytes(header)

    with pytest.raises(Unreadable) as refused:
        decode(path)

    assert refused.value.code == "no_samples"


def test_a_file_that_is_gone_is_refused_as_not_found(tmp_path: Path):
    with pytest.raises(Unreadable) as refused:
        decode(tmp_path / "gone.wav")

    assert refused.value.code == "not_found"


def test_damage_in_the_middle_is_refused_when_it_costs_more_than_a_second(recording: Recording):
    path = recording("call.flac")
    content = bytearray(path.read_bytes())
    third = len(content) // 3
    content[third : 2 * third] = bytes(third)
    path.write_bytes(content)

    with pytest.raises(Unreadable) as refused:
        decode(path)

    assert refused.value.code == "truncated"


def test_decoding_bad_files_prints_nothing(recording: Recording, capfd: pytest.CaptureFixture[str]):
    for name in ("tagged.mp3", "call.flac", "call.m4a", "call.ogg"):
        path = recording(name)
        path.write_bytes(path.read_bytes()[:3000])
        with pytest.raises(Unreadable):
            decode(path)

    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", CODECS)
def test_the_declared_length_is_near_without_decoding(recording: Recording, name: str):
    declared = declared_duration(recording(name))

    assert declared is not None
    assert abs(declared - 6.0) < 0.4


@pytest.mark.parametrize("name", ["copy.ogg", "copy.webm"])
def test_a_copy_is_small_and_mutes_what_was_masked(recording: Recording, tmp_path: Path, name: str):
    audio = decode(recording("s16.wav"))

    write_copy(tmp_path / name, audio, silence=[Span(1.0, 2.0)])

    copy = decode(tmp_path / name)
    assert (tmp_path / name).stat().st_size < recording("s16.wav").stat().st_size / 2
    assert abs(copy.duration - audio.duration) < 0.1
    assert np.abs(copy.samples[0, 16000 + 800 : 32000 - 800]).max() < 0.01
    assert np.abs(copy.samples[0, 8800:15200]).max() > 0.1
    assert np.abs(copy.samples[1, 64000:80000]).max() > 0.1


def test_the_copy_of_a_rerun_has_the_same_bytes_and_leaves_nothing_beside_it(recording: Recording, tmp_path: Path):
    audio = decode(recording("s16.wav"))
    folder = tmp_path / "copies"
    folder.mkdir()

    write_copy(folder / "a.webm", audio)
    write_copy(folder / "b.webm", audio)

    assert (folder / "a.webm").read_bytes() == (folder / "b.webm").read_bytes()
    assert sorted(p.name for p in folder.iterdir()) == ["a.webm", "b.webm"]
