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

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec
import numpy as np

from callaudit.transcription.audio.headers import FRAME_LENGTH, MOST_STEPS, TOLERANCE, Declared, declared_by
from callaudit.transcription.audio.refusals import (
    COPY_AGAIN,
    Absurd,
    no_samples,
    not_audio,
    refused,
    too_long,
    truncated,
    unopened,
)
from callaudit.transcription.audio.sink import MOST_CHANNELS, WRITTEN_AT_ONCE, Kept, Samples, Sink
from callaudit.transcription.errors import Unreadable
from callaudit.transcription.possible import LONGEST
from callaudit.transcription.transcript import Seconds

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

# Only containers that hold recordings: a play list named .wav must never make us open what it points to.
_CONTAINERS = "wav,w64,mp3,flac,ogg,mov,matroska,webm,aac,amr,amrnb,amrwb,aiff,au,caf,asf"
_OPTIONS = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}

# Containers whose duration is written in a header, not estimated from the bit rate.
_DECLARES_DURATION = {"flac", "mov", "matroska", "aiff", "caf", "au"}


# A few bad packets in the middle of a long call (a network recorder) cost no rule anything; more than this does.
_LOST_IN_THE_MIDDLE: Seconds = 1.0

_HOLES_ARE_NORMAL = {"matroska", "mov", "ogg", "asf"}


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
                "empty_file", f"{path.name}: the file is empty (0 bytes)", why=str(path), tries=(COPY_AGAIN,)
            )
        try:
            declared = declared_by(source, size)
            try:
                container = _opened(source, declared)
            except (av.FFmpegError, ValueError, OSError) as error:
                raise unopened(path, source, size) from error
            with container:
                if not container.streams.audio:
                    raise not_audio(path, f"a {container.format.name} file with no sound track")
                if container.duration is not None and container.duration / av.time_base > LONGEST:
                    raise too_long(container.duration / av.time_base)
                sound, heard = _read(container, sample_rate, spill)
        except Absurd as absurd:
            raise refused(path, absurd) from absurd
        except (av.FFmpegError, ValueError) as error:
            raise not_audio(path, f"its header says what no recorder writes ({error})") from error
    _refuse_if_incomplete(path, declared, heard)
    return sound


def declared_duration(path: Path) -> Seconds | None:
    """How long a recording says it is, without decoding it; None where it does not say or cannot be opened.

    For progress and planning only: what was really heard is `Audio.duration`.
    """
    import av  # noqa: PLC0415  Only who needs it waits for it.

    try:
        with path.open("rb") as source, _opened(source, declared_by(source, path.stat().st_size)) as container:
            return None if container.duration is None else container.duration / av.time_base
    except (OSError, ValueError, av.FFmpegError, Absurd):
        return None


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
        if self._steps > MOST_STEPS:
            # FFmpeg may try on: of several errors PyAV prints all but the first.
            if self._steps > MOST_STEPS + 1:
                return -1
            raise OSError("its header leads from place to place without end")
        begin = {os.SEEK_SET: 0, os.SEEK_CUR: self._source.tell(), os.SEEK_END: self._end}[whence]
        # The system takes no place beyond its largest number, which a header may name.
        return self._source.seek(min(max(0, begin + offset), self._end))

    def tell(self) -> int:
        return self._source.tell()


def _opened(source: IO[bytes], declared: Declared) -> "InputContainer":
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
        self.sink = Sink(Kept(sample_rate, spill=spill, expected=says), mixed=not alone)
        self._sample_rate = sample_rate
        # PyAV finds no context for a codec that it cannot decode, whatever its stubs say.
        if stream.codec_context is None:
            raise Absurd("not_audio", "its header names a way of writing sound that nothing here can read")
        self.codec = stream.codec_context
        kind = self.heard.container
        self._framed = FRAME_LENGTH.get(kind if kind in FRAME_LENGTH else self.codec.name)

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
        self.heard.seconds = samples.shape[1] / self._sample_rate
        if self.heard.container not in _HOLES_ARE_NORMAL:
            self.heard.seconds -= self.sink.holes
            self.heard.lost = max(self.heard.lost, self.sink.holes)
        return samples


def _read(container: "InputContainer", sample_rate: int, spill: Path | None) -> tuple[Audio, list[_Heard]]:
    """The sound of all tracks side by side, and what was found on each."""
    import av  # noqa: PLC0415  Only who needs it waits for it.

    streams = container.streams.audio
    if len(streams) > MOST_CHANNELS:
        raise Absurd("unsupported_channels", f"{len(streams)} sound tracks; a call has at most {MOST_CHANNELS}")
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
    samples = sounds[0]
    if len(sounds) > 1:
        samples = _side_by_side(sounds, [round(d * sample_rate) for d in delays], sample_rate, spill)
    first = next(iter(tracks.values()))
    rate = max(track.sink.source_rate for track in tracks.values())
    return Audio(samples=samples, sample_rate=sample_rate, source_rate=rate, codec=first.codec.name), heard


def _side_by_side(sounds: list[Samples], delays: list[int], sample_rate: int, spill: Path | None) -> Samples:
    """One channel of each track, with silence before one that begins later, and behind one that ends before."""
    length = max(delay + sound.shape[1] for sound, delay in zip(sounds, delays, strict=True))
    if length > LONGEST * sample_rate:
        raise too_long(length / sample_rate)
    block = round(WRITTEN_AT_ONCE * sample_rate)
    together = Kept(sample_rate, spill=spill, expected=length / sample_rate)
    for start in range(0, length, block):
        together.take(_piece(sounds, delays, start, min(block, length - start)))
    return together.close(len(sounds))


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


def _refuse_if_incomplete(path: Path, declared: Declared, tracks: list[_Heard]) -> None:
    longest = max(tracks, key=lambda heard: heard.seconds)
    if declared.data_bytes is not None and declared.data_bytes_found:
        # What a byte lasts is known from those that were heard; headers are often wrong about it.
        promised = longest.seconds * declared.data_bytes / declared.data_bytes_found
        if longest.seconds < promised - TOLERANCE:
            raise truncated(path, promised, longest.seconds, declared.by)
    if longest.seconds == 0.0:
        if longest.undecodable and longest.container in {"mp3", "aac"}:
            # These two have no header of their own: any bytes can look like the start of a frame.
            raise not_audio(path, f"it looks like {longest.container}, but none of its frames can be decoded")
        found = f"a {longest.container} file without any sound in it"
        raise no_samples(path, found, why="the header is there, the samples are not")
    if declared.seconds is not None and longest.seconds < declared.seconds - TOLERANCE:
        raise truncated(path, declared.seconds, longest.seconds, declared.by)
    for heard in tracks:
        _refuse_if_cut(path, declared, heard)


def _refuse_if_cut(path: Path, declared: Declared, heard: _Heard) -> None:
    promised, found = heard.declared, heard.seconds
    by = f"the {heard.container} header"
    if declared.frames is not None:
        promised = declared.frames * declared.seconds_per_frame
        found = (heard.packets + heard.undecodable) * declared.seconds_per_frame
        by = declared.by
    if promised is not None and found < promised - TOLERANCE:
        raise truncated(path, promised, found, by)
    # Where a length is declared and found, an incomplete last block is no more than that.
    is_known = any(length is not None for length in (promised, declared.data_bytes, declared.seconds))
    if declared.broken_off or (not is_known and (heard.last_undecodable or heard.last_incomplete)):
        raise truncated(path, None, heard.seconds, declared.broken_off or "the last frame is incomplete")
    if heard.lost > _LOST_IN_THE_MIDDLE:
        raise truncated(
            path,
            heard.seconds + heard.lost,
            heard.seconds,
            f"{heard.lost:.1f} s in the middle cannot be decoded",
        )
