"""Recordings decoded in this process: each channel on its own, float32, one sample rate.

A recording that lost part of its sound is refused, because a rule would read the missing half as
things left unsaid. Libraries that decode sound are lenient on purpose, so what a file declares is
compared here with what was found: RIFF `data` size, FLAC STREAMINFO, the Xing/Info/VBRI frame count
of MP3, the index of MP4 and Matroska, the last Ogg page, and the last frame of MP3, AAC and AMR.

Not detectable, because nothing in the file says so: an MP3 without a Xing/Info/VBRI header, an ADTS AAC
or an AMR file cut exactly between two frames, and an Ogg file cut exactly between two pages.
"""

import contextlib
import os
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

from transcription.errors import Unreadable
from transcription.transcript import Seconds, Span

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

Samples = npt.NDArray[np.float32]

# Only containers that hold recordings: a play list named .wav must never make us open what it points to.
_CONTAINERS = "wav,w64,mp3,flac,ogg,mov,matroska,webm,aac,amr,amrnb,amrwb,aiff,au,caf,asf"
_OPTIONS = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}

# Containers whose duration is written in a header, not estimated from the bit rate.
_DECLARES_DURATION = {"flac", "mov", "matroska", "aiff", "caf", "au"}

# Headers round to their own clock, and encoders pad; a cut loses more than this.
_TOLERANCE: Seconds = 0.25

# A few bad packets in the middle of a long call (a network recorder) cost no rule anything; more than this does.
_LOST_IN_THE_MIDDLE: Seconds = 1.0

# Recorders that drop silent packets leave holes in the clock; shorter ones are rounding.
_HOLE: Seconds = 0.1
_LONGEST_HOLE: Seconds = 6 * 3600.0
_HOLES_ARE_NORMAL = {"matroska", "mov", "ogg", "asf"}


# Headers are damaged too. What lies beyond these is no call, and would ask for more memory than there is.
LONGEST: Seconds = 8 * 3600.0
# FFmpeg looks through what follows the sound of a WAV file eight bytes at a time.
_MOST_LEFT_OVER = 64 << 20
_MOST_CHUNKS = 10_000
_RATES = range(1_000, 768_001)
_MOST_CHANNELS = 8

# Longer sound is kept in a file, which is written in portions.
_HELD_IN_MEMORY: Seconds = 300.0
_WRITTEN_AT_ONCE: Seconds = 30.0


class Audio(msgspec.Struct, frozen=True, kw_only=True):
    """Decoded sound: `samples` is float32 [channels, n] at `sample_rate`; the file itself had `source_rate`."""

    samples: Samples
    sample_rate: int
    source_rate: int
    codec: str

    @property
    def duration(self) -> Seconds:
        """Length in seconds."""
        return float(self.samples.shape[1] / self.sample_rate)

    @property
    def channels(self) -> int:
        """Number of channels in the file."""
        return int(self.samples.shape[0])


def decode(path: Path, *, sample_rate: int = 16000) -> Audio:
    """The whole recording as float32 [channels, n], every channel resampled to `sample_rate`.

    Raises `Unreadable`: `not_found`, `empty_file`, `not_audio`, `no_samples`, `truncated`, `too_long` (above
    `LONGEST`) or `unsupported_channels`.
    """
    import av  # noqa: PLC0415  A heavy library; `callaudit --help` must not wait for it.

    try:
        size = path.stat().st_size
        source: IO[bytes] = path.open("rb")
    except OSError as error:
        raise Unreadable(
            "not_found",
            f"{path.name}: cannot be opened",
            why=f"{path}: {error.strerror}",
            tries=("check that the file is still there and may be read",),
        ) from error
    with source:
        if size == 0:
            raise Unreadable(
                "empty_file", f"{path.name}: the file is empty (0 bytes)", why=str(path), tries=(_COPY_AGAIN,)
            )
        declared = _declared_by(source, size)
        if declared.left_over > _MOST_LEFT_OVER:
            raise _not_audio(path, f"{declared.left_over:,} bytes follow the sound that its WAV header declares")
        source.seek(0)
        try:
            container = av.open(source, mode="r", options=_OPTIONS, metadata_errors="ignore")
        except (av.FFmpegError, ValueError) as error:
            raise _unopened(path, source, size) from error
        with container:
            if not container.streams.audio:
                raise _not_audio(path, f"a {container.format.name} file with no sound track")
            if container.duration is not None and container.duration / av.time_base > LONGEST:
                raise _refused(path, _too_long(container.duration / av.time_base))
            try:
                sound, heard = _read(container, sample_rate)
            except _Absurd as absurd:
                raise _refused(path, absurd) from absurd
            except (av.FFmpegError, ValueError) as error:
                raise _not_audio(path, f"its header says what no recorder writes ({error})") from error
    _refuse_if_incomplete(path, declared, heard)
    return sound


def declared_duration(path: Path) -> Seconds | None:
    """How long a recording says it is, without decoding it; None where it does not say or cannot be opened.

    For progress and planning only: what was really heard is `Audio.duration`.
    """
    import av  # noqa: PLC0415  Only who needs it waits for it.

    try:
        with path.open("rb") as source:
            if _declared_by(source, path.stat().st_size).left_over > _MOST_LEFT_OVER:
                return None
        with path.open("rb") as source, av.open(source, mode="r", options=_OPTIONS) as container:
            return None if container.duration is None else container.duration / av.time_base
    except (OSError, ValueError, av.FFmpegError):
        return None


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


class _Absurd(Exception):
    """A recording that no call can be, by its header or by what was found."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.why = why


def _too_long(seconds: Seconds) -> _Absurd:
    return _Absurd("too_long", f"{seconds / 3600:,.0f} hours of sound; a call has at most {LONGEST / 3600:g}")


def _refused(path: Path, absurd: _Absurd) -> Unreadable:
    if absurd.code == "not_audio":
        return _not_audio(path, absurd.why)
    return Unreadable(
        absurd.code, f"{path.name}: {absurd.why}", why=str(path), tries=(_COPY_AGAIN, "cut it into its calls")
    )


_COPY_AGAIN = "copy the recording again from the recorder; it is picked up by the next run"
_EXPORT_WAV = "export the recording as WAV, MP3, FLAC, Opus, M4A or AMR"


class _Declared(msgspec.Struct):
    """What the file's own header promises; None where it promises nothing."""

    by: str = ""
    data_bytes: int | None = None
    data_bytes_found: int | None = None
    seconds_per_byte: float = 0.0
    frames: int | None = None
    seconds_per_frame: float = 0.0
    broken_off: str = ""
    left_over: int = 0


class _Heard(msgspec.Struct):
    """What was found while decoding."""

    container: str
    seconds: Seconds = 0.0
    declared: Seconds | None = None
    packets: int = 0
    undecodable: int = 0
    lost: Seconds = 0.0
    last_undecodable: bool = False
    last_incomplete: bool = False


def _read(container: "InputContainer", sample_rate: int) -> tuple[Audio, _Heard]:
    import av  # noqa: PLC0415  Only who needs it waits for it.

    stream = container.streams.audio[0]
    heard = _Heard(container=container.format.name.split(",")[0])
    if heard.container in _DECLARES_DURATION:
        if stream.duration is not None and stream.time_base is not None:
            heard.declared = float(stream.duration * stream.time_base)
        elif container.duration is not None:
            heard.declared = container.duration / av.time_base
    sink = _Sink(sample_rate)
    codec = stream.codec_context
    # PyAV finds no context for a codec that it cannot decode, whatever its stubs say.
    if codec is None:
        raise _Absurd("not_audio", "its header names a way of writing sound that nothing here can read")
    framed = _FRAME_LENGTH.get(heard.container if heard.container in _FRAME_LENGTH else codec.name)
    for packet in _packets(container, stream):
        try:
            frames = codec.decode(packet)
        except (av.FFmpegError, ValueError):
            if framed is None or framed(_head(packet)) is not None:  # Anything else is a tag at the end, not sound.
                heard.undecodable += 1
                heard.last_undecodable = True
                if packet.duration and packet.time_base:
                    heard.lost += float(packet.duration * packet.time_base)
            continue
        if packet is not None and packet.size:
            heard.packets += 1
            heard.last_undecodable = False
            whole = framed(_head(packet)) if framed else None
            heard.last_incomplete = whole is not None and packet.size < whole
        for frame in frames:
            sink.add(frame)
    samples = sink.close()
    heard.seconds = samples.shape[1] / sample_rate
    if heard.container not in _HOLES_ARE_NORMAL:
        heard.seconds -= sink.holes
        heard.lost = max(heard.lost, sink.holes)
    return Audio(samples=samples, sample_rate=sample_rate, source_rate=sink.source_rate, codec=codec.name), heard


def _packets(container: "InputContainer", stream: "av.AudioStream") -> Iterator["av.Packet[Any]"]:
    import av  # noqa: PLC0415  Only who needs it waits for it.

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.FFmpegError:
            return  # The container itself breaks off; what was found is compared with what it declared.
        yield packet


def _head(packet: "av.Packet[Any]") -> bytes:
    return bytes(memoryview(packet)[:4])


class _Sink:
    """Collects resampled sound: in memory while it is short, else in a nameless temporary file that is mapped.

    Pages of a mapped file are the system's to take back, so that memory does not grow with the length of a call.
    """

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self.source_rate = 0
        self.holes: Seconds = 0.0
        self._resampler: av.AudioResampler | None = None
        self._shape: tuple[str, str, int] | None = None
        self._layout: av.AudioLayout | None = None
        self._first: Seconds | None = None
        self._clock: Seconds = 0.0
        self._blocks: list[Samples] = []
        self._file: IO[bytes] | None = None
        self._waiting = 0
        self._n = 0

    def add(self, frame: "av.AudioFrame") -> None:
        """Take one decoded frame, after silence where the recorder's clock jumped."""
        import av  # noqa: PLC0415  Only who needs it waits for it.

        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        if frame.sample_rate not in _RATES:
            raise _Absurd("not_audio", f"its header says {frame.sample_rate:,} samples a second")
        if self._layout is None:
            if frame.layout.nb_channels > _MOST_CHANNELS:
                found = frame.layout.nb_channels
                raise _Absurd("unsupported_channels", f"{found} channels; a call has at most {_MOST_CHANNELS}")
            self._layout = frame.layout
            self.source_rate = frame.sample_rate
        if frame.time is not None:
            self._first = frame.time if self._first is None else self._first
            hole = frame.time - self._first - self._clock
            if _HOLE < hole < _LONGEST_HOLE:
                if self._clock + hole > LONGEST:
                    raise _too_long(self._clock + hole)
                self._drain()
                silence = np.zeros((self._layout.nb_channels, round(_WRITTEN_AT_ONCE * self.sample_rate)), np.float32)
                for left in range(round(hole * self.sample_rate), 0, -silence.shape[1]):
                    self._append(silence[:, :left])
                self._clock += hole
                self.holes += hole
        if self._resampler is None or shape != self._shape:
            self._drain()
            self._shape = shape
            self._resampler = av.AudioResampler("fltp", self._layout, self.sample_rate)
        self._clock += frame.samples / frame.sample_rate
        frame.pts = None
        for ready in self._resampler.resample(frame):
            self._append(ready.to_ndarray())

    def close(self) -> Samples:
        """All sound taken so far, float32 [channels, n]."""
        self._drain()
        if self._layout is None or not self._n:
            return np.zeros((0 if self._layout is None else self._layout.nb_channels, 0), np.float32)
        if self._file is None:
            return np.concatenate(self._blocks, axis=1)
        self._spill()
        self._file.flush()
        # One sample of each channel after the other; the channels are views with a stride.
        shape = (self._n, self._layout.nb_channels)
        mapped = np.asarray(np.memmap(self._file, np.float32, mode="r", shape=shape))
        self._file.close()
        return mapped.T

    def _drain(self) -> None:
        if self._resampler is not None:
            for ready in self._resampler.resample(None):
                self._append(ready.to_ndarray())
            self._resampler = None

    def _append(self, block: npt.NDArray[Any]) -> None:
        if not block.shape[1]:
            return
        self._n += block.shape[1]
        if self._n > LONGEST * self.sample_rate:
            raise _too_long(self._n / self.sample_rate)
        self._blocks.append(block)
        self._waiting += block.shape[1]
        if self._file is None and self._n > _HELD_IN_MEMORY * self.sample_rate:
            self._file = tempfile.TemporaryFile(prefix="callaudit-")  # noqa: SIM115  Closed once it is mapped.
        if self._file is not None and self._waiting >= _WRITTEN_AT_ONCE * self.sample_rate:
            self._spill()

    def _spill(self) -> None:
        if self._file is not None and self._blocks:
            np.concatenate(self._blocks, axis=1).T.astype(np.float32, order="C").tofile(self._file)
            self._blocks, self._waiting = [], 0


def _refuse_if_incomplete(path: Path, declared: _Declared, heard: _Heard) -> None:
    if declared.data_bytes is not None and declared.data_bytes_found is not None:
        missing = declared.data_bytes - declared.data_bytes_found
        if missing > 0:
            raise _truncated(
                path,
                declared.data_bytes * declared.seconds_per_byte,
                declared.data_bytes_found * declared.seconds_per_byte,
                declared.by,
            )
    if heard.seconds == 0.0:
        if heard.undecodable and heard.container in {"mp3", "aac"}:
            # These two have no header of their own: any bytes can look like the start of a frame.
            raise _not_audio(path, f"it looks like {heard.container}, but none of its frames can be decoded")
        raise Unreadable(
            "no_samples",
            f"{path.name}: a {heard.container} file without any sound in it",
            why=f"{path}: the header is there, the samples are not",
            tries=(_COPY_AGAIN, "check the recorder: it opened the file but wrote nothing"),
        )
    # The Xing frame itself may or may not be counted, and some encoders count their padding.
    if declared.frames is not None and heard.packets + heard.undecodable < declared.frames - 2:
        found = (heard.packets + heard.undecodable) * declared.seconds_per_frame
        raise _truncated(path, declared.frames * declared.seconds_per_frame, found, declared.by)
    if heard.declared is not None and heard.seconds < heard.declared - _TOLERANCE:
        raise _truncated(path, heard.declared, heard.seconds, f"the {heard.container} header")
    if declared.broken_off or heard.last_undecodable or heard.last_incomplete:
        raise _truncated(path, None, heard.seconds, declared.broken_off or "the last frame is incomplete")
    if heard.lost > _LOST_IN_THE_MIDDLE:
        raise _truncated(
            path,
            heard.seconds + heard.lost,
            heard.seconds,
            f"{heard.lost:.1f} s in the middle cannot be decoded",
        )


def _truncated(path: Path, declared: Seconds | None, found: Seconds, by: str) -> Unreadable:
    if declared is None:
        what = f"{path.name}: the recording is cut off after {found:.1f} s"
    else:
        what = f"{path.name}: the recording is cut off: {declared:.1f} s declared, {found:.1f} s found"
    return Unreadable("truncated", what, why=f"{path}: {by}", tries=(_COPY_AGAIN,))


def _not_audio(path: Path, why: str) -> Unreadable:
    return Unreadable(
        "not_audio",
        f"{path.name}: not a sound recording",
        why=f"{path}: {why}",
        tries=(_EXPORT_WAV, "move the file out of the inbox if it is no recording"),
    )


def _unopened(path: Path, source: IO[bytes], size: int) -> Unreadable:
    source.seek(0)
    head = source.read(16)
    if head[:4] in {b"RIFF", b"RF64"} and head[8:12] == b"WAVE":
        return Unreadable(
            "no_samples",
            f"{path.name}: a WAV header without any sound behind it",
            why=f"{path}: {size} bytes",
            tries=(_COPY_AGAIN, "check the recorder: it opened the file but wrote nothing"),
        )
    if head[4:8] == b"ftyp":
        return _truncated(path, None, 0.0, "an MP4 file without its index (moov), which recorders write last")
    if head[:4] in {b"fLaC", b"OggS", b"\x1a\x45\xdf\xa3"} or head[:5] == b"#!AMR":
        return _truncated(path, None, 0.0, f"the header ends after {size} bytes")
    return _not_audio(path, _looks_like(head))


def _looks_like(head: bytes) -> str:
    known = {
        b"%PDF": "a PDF document",
        b"PK\x03\x04": "a ZIP archive or an Office document",
        b"\x89PNG": "a PNG picture",
        b"\xff\xd8\xff\xe0": "a JPEG picture",
        b"\x1f\x8b\x08\x00": "a gzip archive",
    }
    for start, name in known.items():
        if head.startswith(start):
            return f"it is {name}"
    with contextlib.suppress(UnicodeDecodeError):
        if all(c.isprintable() or c in "\r\n\t" for c in head.decode("ascii")):
            return "it is a text file"
    return "its content is of no known sound format, whatever its name says"


def _opus_rate(sample_rate: int) -> int:
    return next((rate for rate in (8000, 12000, 16000, 24000, 48000) if rate >= sample_rate), 48000)


# What files declare about themselves.


def _declared_by(source: IO[bytes], size: int) -> _Declared:
    """The promise in the file's own header, read without decoding anything."""
    head = source.read(12)
    if head[:4] in {b"RIFF", b"RF64"} and head[8:12] == b"WAVE":
        return _declared_by_wav(source, size)
    if head[:4] == b"OggS":
        return _declared_by_ogg(source, size)
    if head[:3] == b"ID3" or _mpeg_frame(head[:4]) is not None:
        return _declared_by_mp3(source, head)
    return _Declared()


# Recorders that stream write a size they do not know yet: 0, or the largest number the field holds.
_UNKNOWN_SIZE = 0x7FFF0000


def _declared_by_wav(source: IO[bytes], size: int) -> _Declared:
    byte_rate = 0
    long_size: int | None = None
    position = 12
    for _ in range(_MOST_CHUNKS):
        if position + 8 > size:
            return _Declared()
        source.seek(position)
        chunk = source.read(8)
        name, length = chunk[:4], int.from_bytes(chunk[4:], "little")
        if name == b"ds64":
            long_size = int.from_bytes(source.read(16)[8:], "little")
        elif name == b"fmt ":
            byte_rate = int.from_bytes(source.read(12)[8:], "little")
        elif name == b"data":
            if length == 0xFFFFFFFF and long_size:
                length = long_size
            elif length == 0 or length >= _UNKNOWN_SIZE:
                # The largest number is the only one of these that FFmpeg too takes for "to the end".
                behind = size - position - 8 - length if 0 < length < 0xFFFFFFFF else 0
                return _Declared(left_over=max(0, behind))
            return _Declared(
                left_over=max(0, size - position - 8 - length),
                by="the size in the WAV header",
                data_bytes=length,
                data_bytes_found=min(length, size - position - 8),
                seconds_per_byte=1 / byte_rate if byte_rate else 0.0,
            )
        position += 8 + length + length % 2
    return _Declared(left_over=size - position)


def _declared_by_ogg(source: IO[bytes], size: int) -> _Declared:
    # A page is at most 65,307 bytes (RFC 3533), so the last one starts within that of the end.
    start = max(0, size - 65_307)
    source.seek(start)
    tail = source.read()
    at = tail.rfind(b"OggS")
    if at < 0 or len(tail) < at + 27:
        return _Declared(broken_off="the last Ogg page is incomplete")
    lacing = tail[at + 27 : at + 27 + tail[at + 26]]
    if len(tail) < at + 27 + tail[at + 26] + sum(lacing):
        return _Declared(broken_off="the last Ogg page is incomplete")
    return _Declared()


def _declared_by_mp3(source: IO[bytes], head: bytes) -> _Declared:
    start = 0
    if head[:3] == b"ID3":
        # The tag's length is stored in four bytes of seven bits (ID3v2.4, section 3.1).
        start = 10 + sum((b & 0x7F) << shift for b, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    source.seek(start)
    block = source.read(8192)
    for at in range(len(block) - 4):
        if block[at] == 0xFF and (frame := _mpeg_frame(block[at : at + 4])) is not None:
            break
    else:
        return _Declared()
    body = block[at : at + 256]
    for tag, skip in ((b"Xing", 8), (b"Info", 8), (b"VBRI", 14)):
        found = body.find(tag)
        if found < 0:
            continue
        if tag != b"VBRI" and not body[found + 7] & 1:
            return _Declared()  # The header does not hold the number of frames.
        return _Declared(
            by=f"the frame count in the MP3's {tag.decode()} header",
            frames=int.from_bytes(body[found + skip : found + skip + 4], "big"),
            seconds_per_frame=frame.samples / frame.sample_rate,
        )
    return _Declared()


class _MpegFrame(msgspec.Struct, frozen=True):
    length: int
    samples: int
    sample_rate: int


_MPEG1_LAYER3 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG2_LAYER3 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MPEG_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def _mpeg_frame(head: bytes) -> _MpegFrame | None:
    """Length of the MPEG audio layer 3 frame that starts with these four bytes (ISO 11172-3, 13818-3)."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0 or (head[1] >> 1) & 3 != 1:
        return None
    version, bits, rate = (head[1] >> 3) & 3, head[2] >> 4, (head[2] >> 2) & 3
    if version not in _MPEG_RATES or bits in {0, 15} or rate == 3:
        return None
    sample_rate = _MPEG_RATES[version][rate]
    kilobits = (_MPEG1_LAYER3 if version == 3 else _MPEG2_LAYER3)[bits]
    samples = 1152 if version == 3 else 576
    return _MpegFrame(samples // 8 * kilobits * 1000 // sample_rate + (head[2] >> 1 & 1), samples, sample_rate)


def _mp3_frame_length(head: bytes) -> int | None:
    frame = _mpeg_frame(head)
    return frame.length if frame else None


def _adts_frame_length(head: bytes) -> int | None:
    """Length is only in bytes 4 to 6; the sync word alone tells a frame from a tag (ISO 13818-7)."""
    return 7 if len(head) >= 2 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0 else None


# Bytes of a frame by its type, frame header included (RFC 4867, section 5.3).
_AMR_NB = (13, 14, 16, 18, 20, 21, 27, 32, 6)
_AMR_WB = (18, 24, 33, 37, 41, 47, 51, 59, 61, 6)


def _amr_frame_length(table: tuple[int, ...], head: bytes) -> int | None:
    kind = (head[0] >> 3) & 15 if head else 15
    return table[kind] if kind < len(table) else None


_FRAME_LENGTH: dict[str, Callable[[bytes], int | None]] = {
    "mp3": _mp3_frame_length,
    "aac": _adts_frame_length,
    "amrnb": lambda head: _amr_frame_length(_AMR_NB, head),
    "amrwb": lambda head: _amr_frame_length(_AMR_WB, head),
}
