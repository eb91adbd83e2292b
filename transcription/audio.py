"""Recordings decoded in this process: each channel on its own, float32, one sample rate.

A recording that lost part of its sound is refused, because a rule would read the missing half as
things left unsaid. Libraries that decode sound are lenient on purpose, so what a file declares is
compared here with what was found: RIFF `data` size, FLAC STREAMINFO, the Xing/Info/VBRI frame count
of MP3, the index of MP4 and Matroska, the play time of WMA, the last Ogg page, and the last frame of MP3, AAC and AMR.
What lies behind the sound that a WAV file declares is heard where it can be more of it (a recorder that
did not come to write the length again); a second recording behind the first is refused.

Several sound tracks of one file are its channels: programs that record calls write one for each party.

Not detectable, because nothing in the file says so: an MP3 without a Xing/Info/VBRI header, an ADTS AAC
or an AMR file cut exactly between two frames, and an Ogg file cut exactly between two pages.
"""

import contextlib
import errno
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

from callaudit.transcription.errors import Unreadable
from callaudit.transcription.possible import LONGEST
from callaudit.transcription.transcript import Seconds, Span

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

Samples = npt.NDArray[np.float32]

# Only containers that hold recordings: a play list named .wav must never make us open what it points to.
_CONTAINERS = "wav,w64,mp3,flac,ogg,mov,matroska,webm,aac,amr,amrnb,amrwb,aiff,au,caf,asf"
_OPTIONS = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}

# Containers whose duration is written in a header, not estimated from the bit rate.
_DECLARES_DURATION = {"flac", "mov", "matroska", "aiff", "caf", "au"}

# Headers round to their own clock, encoders pad, a last block is incomplete; a cut loses more than this.
_TOLERANCE: Seconds = 0.25

# A few bad packets in the middle of a long call (a network recorder) cost no rule anything; more than this does.
_LOST_IN_THE_MIDDLE: Seconds = 1.0

# Recorders that drop silent packets leave holes in the clock; shorter ones are rounding.
_HOLE: Seconds = 0.1
_LONGEST_HOLE: Seconds = 6 * 3600.0
_HOLES_ARE_NORMAL = {"matroska", "mov", "ogg", "asf"}


# Headers are damaged too. What lies beyond these is no call, and would ask for more memory than there is.
# No recorder writes so many; FFmpeg is not asked to walk over them.
_MOST_CHUNKS = 10_000
# A container of live sound has many pieces, but not small ones.
_SMALL_PIECE = 1024
_MOST_STEPS = 1_000_000
_RATES = range(1_000, 768_001)
_MOST_CHANNELS = 8

# Longer sound is kept in a file, which is written in portions.
_HELD_IN_MEMORY: Seconds = 300.0
_WRITTEN_AT_ONCE: Seconds = 30.0
# Bytes that are left to whoever else writes there.
_LEFT_FREE = 64 << 20


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


def decode(path: Path, *, sample_rate: int = 16000, spill: Path | None = None) -> Audio:
    """The whole recording as float32 [channels, n], every channel resampled to `sample_rate`.

    `spill` is the folder of the file that long sound is kept in while it is used; the system's own for temporary
    files without one. Raises OSError where its disk is full, before much is written if the file says how long it is.

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
        if declared.absurd is not None:
            raise _refused(path, declared.absurd) from declared.absurd
        try:
            container = _opened(source, declared)
        except (av.FFmpegError, ValueError, OSError) as error:
            raise _unopened(path, source, size) from error
        with container:
            if not container.streams.audio:
                raise _not_audio(path, f"a {container.format.name} file with no sound track")
            if container.duration is not None and container.duration / av.time_base > LONGEST:
                raise _refused(path, _too_long(container.duration / av.time_base))
            try:
                sound, heard = _read(container, sample_rate, spill)
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
            declared = _declared_by(source, path.stat().st_size)
            if declared.absurd is not None:
                return None
            with _opened(source, declared) as container:
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
    tries = (_COPY_AGAIN,) if absurd.code == "truncated" else (_COPY_AGAIN, "cut it into its calls")
    return Unreadable(absurd.code, f"{path.name}: {absurd.why}", why=str(path), tries=tries)


_COPY_AGAIN = "copy the recording again from the recorder; it is picked up by the next run"
_EXPORT_WAV = "export the recording as WAV, MP3, FLAC, Opus, M4A or AMR"


class _Declared(msgspec.Struct):
    """What the file's own header promises; None where it promises nothing.

    `end` is where the sound ends and other things begin; `has_more`: there is sound behind the end that is declared.
    """

    by: str = ""
    data_bytes: int | None = None
    data_bytes_found: int | None = None
    frames: int | None = None
    seconds_per_frame: float = 0.0
    seconds: Seconds | None = None
    broken_off: str = ""
    absurd: _Absurd | None = None
    end: int | None = None
    has_more: bool = False


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


class _Part:
    """A file as far as its sound goes, so that no library walks over what lies behind it.

    Until it is `open` only so many steps are taken in it: a header can send its reader from one place to the next for
    ever.
    """

    def __init__(self, source: IO[bytes], end: int) -> None:
        self._source = source
        self._end = end
        self._steps = 0
        self.open = False

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._end - self._source.tell())
        return self._source.read(left if size < 0 else min(size, left))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._steps += not self.open
        if self._steps > _MOST_STEPS:
            # FFmpeg may try on: of several errors PyAV prints all but the first.
            if self._steps > _MOST_STEPS + 1:
                return -1
            raise OSError("its header leads from place to place without end")
        begin = {os.SEEK_SET: 0, os.SEEK_CUR: self._source.tell(), os.SEEK_END: self._end}[whence]
        # The system takes no place beyond its largest number, which a header may name.
        return self._source.seek(min(max(0, begin + offset), self._end))

    def tell(self) -> int:
        return self._source.tell()


def _opened(source: IO[bytes], declared: _Declared) -> "InputContainer":
    import av  # noqa: PLC0415  Only who needs it waits for it.

    source.seek(0)
    options = {**_OPTIONS, "ignore_length": "1"} if declared.has_more else _OPTIONS
    part = _Part(source, os.fstat(source.fileno()).st_size if declared.end is None else declared.end)
    container = av.open(part, mode="r", options=options, metadata_errors="ignore")
    part.open = True
    return container


class _Track:
    """One sound track while it is decoded."""

    def __init__(
        self,
        container: "InputContainer",
        stream: "av.AudioStream",
        sample_rate: int,
        *,
        alone: bool,
        spill: Path | None,
    ) -> None:
        import av  # noqa: PLC0415  Only who needs it waits for it.

        self.heard = _Heard(container=container.format.name.split(",")[0])
        if self.heard.container in _DECLARES_DURATION and stream.duration is not None and stream.time_base is not None:
            self.heard.declared = float(stream.duration * stream.time_base)
        says = None if container.duration is None else container.duration / av.time_base
        self.sink = _Sink(sample_rate, mixed=not alone, spill=spill, expected=says)
        # PyAV finds no context for a codec that it cannot decode, whatever its stubs say.
        if stream.codec_context is None:
            raise _Absurd("not_audio", "its header names a way of writing sound that nothing here can read")
        self.codec = stream.codec_context
        kind = self.heard.container
        self._framed = _FRAME_LENGTH.get(kind if kind in _FRAME_LENGTH else self.codec.name)

    def take(self, packet: "av.Packet[Any]") -> None:
        """Decode one packet; one that cannot be is counted."""
        import av  # noqa: PLC0415  Only who needs it waits for it.

        heard, framed = self.heard, self._framed
        try:
            frames = self.codec.decode(packet)
        except (av.FFmpegError, ValueError):
            if framed is None or framed(_head(packet)) is not None:  # Anything else is a tag at the end, not sound.
                heard.undecodable += 1
                heard.last_undecodable = True
                if packet.duration and packet.time_base:
                    heard.lost += float(packet.duration * packet.time_base)
            return
        if packet is not None and packet.size:
            heard.packets += 1
            heard.last_undecodable = False
            whole = framed(_head(packet)) if framed else None
            heard.last_incomplete = whole is not None and packet.size < whole
        for frame in frames:
            self.sink.add(frame)

    def close(self) -> Samples:
        """The sound of the track."""
        samples = self.sink.close()
        self.heard.seconds = samples.shape[1] / self.sink.sample_rate
        if self.heard.container not in _HOLES_ARE_NORMAL:
            self.heard.seconds -= self.sink.holes
            self.heard.lost = max(self.heard.lost, self.sink.holes)
        return samples


def _read(container: "InputContainer", sample_rate: int, spill: Path | None) -> tuple[Audio, list[_Heard]]:
    """The sound of all tracks side by side, and what was found on each."""
    import av  # noqa: PLC0415  Only who needs it waits for it.

    streams = container.streams.audio
    if len(streams) > _MOST_CHANNELS:
        raise _Absurd("unsupported_channels", f"{len(streams)} sound tracks; a call has at most {_MOST_CHANNELS}")
    tracks = {s.index: _Track(container, s, sample_rate, alone=len(streams) == 1, spill=spill) for s in streams}
    for packet in _packets(container, streams):
        tracks[packet.stream.index].take(packet)
    sounds = [track.close() for track in tracks.values()]
    began = [track.sink.first or 0.0 for track in tracks.values()]
    delays = [begin - min(began) for begin in began]
    heard = [track.heard for track in tracks.values()]
    if container.duration is not None and heard[0].container in _DECLARES_DURATION:
        # What the container declares is the length of its longest track.
        last = max(range(len(heard)), key=lambda n: delays[n] + heard[n].seconds)
        if heard[last].declared is None:
            heard[last].declared = container.duration / av.time_base - delays[last]
    samples = (
        sounds[0]
        if len(sounds) == 1
        else _side_by_side(sounds, [round(d * sample_rate) for d in delays], sample_rate, spill)
    )
    first = next(iter(tracks.values()))
    rate = max(track.sink.source_rate for track in tracks.values())
    return Audio(samples=samples, sample_rate=sample_rate, source_rate=rate, codec=first.codec.name), heard


def _side_by_side(sounds: list[Samples], delays: list[int], sample_rate: int, spill: Path | None) -> Samples:
    """One channel of each track, with silence before one that begins later, and behind one that ends before."""
    length = max(delay + sound.shape[1] for sound, delay in zip(sounds, delays, strict=True))
    if length > LONGEST * sample_rate:
        raise _too_long(length / sample_rate)
    block = round(_WRITTEN_AT_ONCE * sample_rate)
    pieces = (_piece(sounds, delays, start, min(block, length - start)) for start in range(0, length, block))
    if length <= _HELD_IN_MEMORY * sample_rate:
        return np.concatenate(list(pieces) or [np.zeros((len(sounds), 0), np.float32)], axis=1)
    with _nameless(spill, 4 * len(sounds) * length) as file:
        for piece in pieces:
            _write(file, piece, spill)
        return np.asarray(np.memmap(file, np.float32, mode="r", shape=(length, len(sounds)))).T


def _piece(sounds: list[Samples], delays: list[int], start: int, length: int) -> Samples:
    piece = np.zeros((len(sounds), length), np.float32)
    for channel, sound, delay in zip(piece, sounds, delays, strict=True):
        found = sound[0, max(0, start - delay) : max(0, start + length - delay)] if len(sound) else sound
        into = max(0, delay - start)
        if found.shape[-1] and len(sound):
            channel[into : into + len(found)] = found
    return piece


def _packets(container: "InputContainer", streams: "Sequence[av.AudioStream]") -> Iterator["av.Packet[Any]"]:
    import av  # noqa: PLC0415  Only who needs it waits for it.

    packets = container.demux(*streams)
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

    `first` is when its sound begins on the file's own clock; `mixed` makes one channel of all.

    Pages of a mapped file are the system's to take back, so that memory does not grow with the length of a call.
    """

    def __init__(
        self, sample_rate: int, *, mixed: bool = False, spill: Path | None = None, expected: Seconds | None = None
    ) -> None:
        self.sample_rate = sample_rate
        self._mixed = mixed
        self.spill = spill
        self.expected = expected
        self.source_rate = 0
        self.holes: Seconds = 0.0
        self._resampler: av.AudioResampler | None = None
        self._shape: tuple[str, str, int] | None = None
        self._layout: av.AudioLayout | None = None
        self.first: Seconds | None = None
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
            self._layout = av.AudioLayout("mono") if self._mixed else frame.layout
            self.source_rate = frame.sample_rate
        if frame.time is not None:
            self.first = frame.time if self.first is None else self.first
            hole = frame.time - self.first - self._clock
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
            seconds = max(self.expected or 0.0, self._n / self.sample_rate)
            # Closed once it is mapped.
            self._file = _nameless(self.spill, 4 * block.shape[0] * self.sample_rate * seconds)
        if self._file is not None and self._waiting >= _WRITTEN_AT_ONCE * self.sample_rate:
            self._spill()

    def _spill(self) -> None:
        if self._file is not None and self._blocks:
            _write(self._file, np.concatenate(self._blocks, axis=1), self.spill)
            self._blocks, self._waiting = [], 0


def _nameless(spill: Path | None, needed: float) -> IO[bytes]:
    """A file without a name, for sound. Raises OSError where its disk has no room for so many bytes."""
    folder = spill or Path(tempfile.gettempdir())
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(folder).free < needed + _LEFT_FREE:
        raise _full(folder)
    return tempfile.TemporaryFile(prefix="callaudit-", dir=folder)


def _write(file: IO[bytes], sound: Samples, spill: Path | None) -> None:
    """Write float32 [channels, n], one sample of each channel after the other. Raises OSError where no room is left."""
    try:
        file.write(sound.T.astype(np.float32, order="C").data)
        file.flush()
    except OSError as error:
        # The file has no name; its folder does.
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(spill or Path(tempfile.gettempdir())) from error
        raise


def _full(folder: Path) -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


def _refuse_if_incomplete(path: Path, declared: _Declared, tracks: list[_Heard]) -> None:
    longest = max(tracks, key=lambda heard: heard.seconds)
    if declared.data_bytes is not None and declared.data_bytes_found:
        # What a byte lasts is known from those that were heard; headers are often wrong about it.
        promised = longest.seconds * declared.data_bytes / declared.data_bytes_found
        if longest.seconds < promised - _TOLERANCE:
            raise _truncated(path, promised, longest.seconds, declared.by)
    if longest.seconds == 0.0:
        if longest.undecodable and longest.container in {"mp3", "aac"}:
            # These two have no header of their own: any bytes can look like the start of a frame.
            raise _not_audio(path, f"it looks like {longest.container}, but none of its frames can be decoded")
        raise Unreadable(
            "no_samples",
            f"{path.name}: a {longest.container} file without any sound in it",
            why=f"{path}: the header is there, the samples are not",
            tries=(_COPY_AGAIN, "check the recorder: it opened the file but wrote nothing"),
        )
    if declared.seconds is not None and longest.seconds < declared.seconds - _TOLERANCE:
        raise _truncated(path, declared.seconds, longest.seconds, declared.by)
    for heard in tracks:
        _refuse_if_cut(path, declared, heard)


def _refuse_if_cut(path: Path, declared: _Declared, heard: _Heard) -> None:
    promised, found = heard.declared, heard.seconds
    by = f"the {heard.container} header"
    if declared.frames is not None:
        promised = declared.frames * declared.seconds_per_frame
        found = (heard.packets + heard.undecodable) * declared.seconds_per_frame
        by = declared.by
    if promised is not None and found < promised - _TOLERANCE:
        raise _truncated(path, promised, found, by)
    # Where a length is declared and found, an incomplete last block is no more than that.
    is_known = any(length is not None for length in (promised, declared.data_bytes, declared.seconds))
    if declared.broken_off or (not is_known and (heard.last_undecodable or heard.last_incomplete)):
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
    if head == _W64_START or (head[:4] in {b"RIFF", b"RF64"} and head[8:12] == b"WAVE"):
        return _declared_by_wav(source, size, _W64 if head == _W64_START else _RIFF)
    if head[:4] == b"OggS":
        return _declared_by_ogg(source, size)
    if _ASF_HEADER.startswith(head):
        return _declared_by_asf(source, size)
    if head[4:8] == b"ftyp" or head[:4] in {b"FORM", b"caff"}:
        return _declared_by_pieces(source, size, head)
    if head[:3] == b"ID3" or _mpeg_frame(head[:4]) is not None:
        return _declared_by_mp3(source, head)
    return _Declared()


# Recorders that stream write a size they do not know yet: 0, or the largest number the field holds.
_UNKNOWN_SIZE = 0x7FFF0000


# What writers put behind the sound, and tags that no chunk announces.
_NO_SOUND = (
    b"TAG",
    b"ID3",
    b"APETAGEX",
    b"LYRICS",
    b"LIST",
    b"INFO",
    b"id3 ",
    b"ID3 ",
    b"bext",
    b"iXML",
    b"cue ",
    b"fact",
)
_ANOTHER = (b"data", b"RIFF", b"RF64", b"riff", b"FORM", b"OggS", b"fLaC")


class _Chunks(msgspec.Struct, frozen=True, kw_only=True):
    """How a family of WAV files cuts itself in chunks: Sony's W64 has longer names and lengths than RIFF."""

    start: int
    name: int
    length: int
    header: int
    counts_itself: bool
    align: int


_W64_START = bytes.fromhex("726966662e91cf11a5d628db")
_RIFF = _Chunks(start=12, name=4, length=4, header=8, counts_itself=False, align=2)
_W64 = _Chunks(start=40, name=16, length=8, header=24, counts_itself=True, align=8)


def _declared_by_wav(source: IO[bytes], size: int, form: _Chunks) -> _Declared:
    found = _WavSound()
    position = form.start
    for _ in range(_MOST_CHUNKS):
        source.seek(position)
        head = source.read(form.header)
        name, length = head[:4], int.from_bytes(head[form.name : form.header], "little")
        length -= form.header if form.counts_itself else 0
        behind = position + form.header
        is_known = len(head) == form.header and length >= 0
        if not is_known or (found.end and (name in _ANOTHER or not _is_chunk(name) or behind + length > size)):
            break
        length = found.take(source, name, length, streams=form is _RIFF)
        if found.unknown:
            return _Declared()
        if name == b"data":
            found.start, found.end = behind, behind + length
        # No file is longer than it is, whatever a header says.
        position = min(behind + length + -length % form.align, size)
    else:
        return _Declared(absurd=_Absurd("not_audio", f"more than {_MOST_CHUNKS:,} chunks in a WAV file"))
    if not found.end:
        return _Declared(end=min(position, size))
    what = _left_over(source, size, position, enough=_TOLERANCE * found.byte_rate)
    if what == "another":
        return _Declared(absurd=_second((found.end - found.start) / found.byte_rate if found.byte_rate else 0.0))
    if what == "sound":
        return _Declared(has_more=True)
    return _Declared(
        by="the size in the WAV header",
        data_bytes=found.end - found.start,
        data_bytes_found=max(0, min(found.end, size) - found.start),
        end=min(size, position),
    )


class _WavSound(msgspec.Struct):
    """What the chunks of a WAV file tell of its sound, which lies from `start` to `end`."""

    byte_rate: int = 0
    long_size: int = 0
    start: int = 0
    end: int = 0
    unknown: bool = False

    def take(self, source: IO[bytes], name: bytes, length: int, *, streams: bool) -> int:
        """Read one chunk, whose content comes next in the source, and give its length."""
        if name == b"ds64":
            self.long_size = int.from_bytes(source.read(16)[8:], "little")
        elif name == b"fmt ":
            self.byte_rate = int.from_bytes(source.read(12)[8:], "little")
        elif name == b"data" and length == 0xFFFFFFFF and self.long_size:
            return self.long_size
        elif name == b"data":
            self.unknown = streams and (length == 0 or length >= _UNKNOWN_SIZE)
        return length


def _second(behind: Seconds = 0.0) -> _Absurd:
    return _Absurd(
        "several_recordings", f"another recording begins behind the first{f' {behind:.1f} s' if behind else ''}"
    )


def _is_chunk(name: bytes) -> bool:
    return name.isascii() and name.decode("ascii").isprintable()


def _left_over(source: IO[bytes], size: int, position: int, *, enough: float) -> str:
    """What lies behind the last chunk: "another" recording, more "sound", or "" for what is none."""
    source.seek(position)
    head = source.read(64)
    if (
        size - position <= enough
        or head.startswith(_NO_SOUND)
        or _is_chunk(head.replace(b"\n", b"").replace(b"\r", b""))
    ):
        return ""
    if head.startswith(_ANOTHER):
        return "another"
    blocks = iter(lambda: source.read(1 << 20), b"")
    return "sound" if head.strip(b"\0") or any(block.strip(b"\0") for block in blocks) else ""


def _declared_by_pieces(source: IO[bytes], size: int, head: bytes) -> _Declared:
    """What the pieces tell that an MP4, AIFF or CAF file is made of, if they are no more than a recorder writes."""
    position = {b"FORM": 12, b"caff": 8}.get(head[:4], 0)
    pieces = indexes = 0
    found = _Declared()
    while pieces < _MOST_CHUNKS or position >= pieces * _SMALL_PIECE:
        source.seek(position)
        piece = source.read(16)
        if len(piece) < 8:
            return found
        pieces += 1
        indexes += piece[4:8] == b"moov"
        if indexes > 1 or piece[:4] == head[:4] in {b"FORM", b"caff"}:
            return _Declared(absurd=_second())
        if head[:4] == b"FORM":
            length = 8 + int.from_bytes(piece[4:8], "big")
            length += length % 2
        elif head[:4] == b"caff":
            length = 12 + int.from_bytes(piece[4:12], "big")
            # Behind four bytes that count edits; a recorder that streams writes -1.
            if piece[:4] == b"data" and 16 < length < 1 << 63:
                found.by = "the size in the CAF header"
                found.data_bytes = length - 16
                found.data_bytes_found = min(length - 16, size - position - 16)
        else:
            # 1: the length follows in eight bytes; 0: to the end (ISO 14496-12).
            short = int.from_bytes(piece[:4], "big")
            length = int.from_bytes(piece[8:16], "big") if short == 1 else short or size - position
            if piece[4:8] == b"moov" and position + length > size:
                return _Declared(absurd=_Absurd("truncated", "the recording is cut off inside its index (moov)"))
        position = min(position + max(8, length), size)
    return _Declared(absurd=_Absurd("not_audio", f"more than {_MOST_CHUNKS:,} small pieces in its container"))


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


_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def _declared_by_asf(source: IO[bytes], size: int) -> _Declared:
    """The length of a WMA file (Microsoft, Advanced Systems Format, sections 3.1 and 3.2)."""
    position = 30
    for _ in range(_MOST_CHUNKS):
        source.seek(position)
        piece = source.read(104)
        length = int.from_bytes(piece[16:24], "little")
        if piece.startswith(_ASF_FILE_PROPERTIES) and len(piece) == 104:
            all_bytes, played, wait = (int.from_bytes(piece[at : at + 8], "little") for at in (40, 64, 80))
            source.seek(min(all_bytes, size))
            if source.read(16) == _ASF_HEADER:
                return _Declared(absurd=_second())
            # A recorder that streams says that it knows no length.
            is_live = piece[88] & 1
            # In units of 100 ns, with the wait before playing, which is in milliseconds.
            seconds = played / 1e7 - wait / 1e3
            return (
                _Declared()
                if is_live or seconds <= 0
                else _Declared(by="the length in the ASF header", seconds=seconds)
            )
        if length < 24:
            break
        position = min(position + length, size)
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
