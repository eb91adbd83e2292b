"""What a file declares of its own sound before it is decoded: where it lies, how long it is, what stands behind it."""

from collections.abc import Callable
from typing import IO

import msgspec

from callaudit.transcription.audio.refusals import Absurd
from callaudit.transcription.transcript import Seconds

# Headers round to their own clock, encoders pad, a last block is incomplete; a cut loses more than this.
TOLERANCE: Seconds = 0.25


# Headers are damaged too. What lies beyond these is no call, and would ask for more memory than there is.
# No recorder writes so many; FFmpeg is not asked to walk over them.
_MOST_CHUNKS = 10_000
# A container of live sound has many pieces, but not small ones.
_SMALL_PIECE = 1024
MOST_STEPS = 1_000_000


class Declared(msgspec.Struct):
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
    end: int | None = None
    has_more: bool = False


def declared_by(source: IO[bytes], size: int) -> Declared:
    """The promise in the file's own header, read without decoding anything. Raises `Absurd`."""
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
    return Declared()


# Recorders that stream write a size they do not know yet: 0, or the largest number the field holds.
_UNKNOWN_SIZE = 0x7FFF0000


# What writers put behind the sound, and tags that no chunk announces.
_NO_SOUND = (
    b"TAG", b"ID3", b"APETAGEX", b"LYRICS", b"LIST", b"INFO", b"id3 ", b"ID3 ", b"bext", b"iXML", b"cue ", b"fact"
)  # fmt: skip
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


def _declared_by_wav(source: IO[bytes], size: int, form: _Chunks) -> Declared:
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
            return Declared()
        if name == b"data":
            found.start, found.end = behind, behind + length
        # No file is longer than it is, whatever a header says.
        position = min(behind + length + -length % form.align, size)
    else:
        raise Absurd("not_audio", f"more than {_MOST_CHUNKS:,} chunks in a WAV file")
    if not found.end:
        return Declared(end=min(position, size))
    what = _left_over(source, size, position, enough=TOLERANCE * found.byte_rate)
    if what == "another":
        raise _second((found.end - found.start) / found.byte_rate if found.byte_rate else 0.0)
    if what == "sound":
        return Declared(has_more=True)
    return Declared(
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


def _second(behind: Seconds = 0.0) -> Absurd:
    return Absurd(
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


def _declared_by_pieces(source: IO[bytes], size: int, head: bytes) -> Declared:
    """What the pieces tell that an MP4, AIFF or CAF file is made of, if they are no more than a recorder writes."""
    position = {b"FORM": 12, b"caff": 8}.get(head[:4], 0)
    pieces = indexes = 0
    found = Declared()
    while pieces < _MOST_CHUNKS or position >= pieces * _SMALL_PIECE:
        source.seek(position)
        piece = source.read(16)
        if len(piece) < 8:
            return found
        pieces += 1
        indexes += piece[4:8] == b"moov"
        if indexes > 1 or piece[:4] == head[:4] in {b"FORM", b"caff"}:
            raise _second()
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
                raise Absurd("truncated", "the recording is cut off inside its index (moov)")
        position = min(position + max(8, length), size)
    raise Absurd("not_audio", f"more than {_MOST_CHUNKS:,} small pieces in its container")


def _declared_by_ogg(source: IO[bytes], size: int) -> Declared:
    # A page is at most 65,307 bytes (RFC 3533), so the last one starts within that of the end.
    start = max(0, size - 65_307)
    source.seek(start)
    tail = source.read()
    page = tail[max(0, tail.rfind(b"OggS")) :]
    # Behind 27 bytes stand the lengths of the pieces of the page, as many as the last of these bytes says.
    if page.startswith(b"OggS") and len(page) >= 27 and len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]]):
        return Declared()
    return Declared(broken_off="the last Ogg page is incomplete")


_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def _declared_by_asf(source: IO[bytes], size: int) -> Declared:
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
                raise _second()
            # A recorder that streams says that it knows no length.
            is_live = piece[88] & 1
            # In units of 100 ns, with the wait before playing, which is in milliseconds.
            seconds = played / 1e7 - wait / 1e3
            if is_live or seconds <= 0:
                break
            return Declared(by="the length in the ASF header", seconds=seconds)
        if length < 24:
            break
        position = min(position + length, size)
    return Declared()


def _declared_by_mp3(source: IO[bytes], head: bytes) -> Declared:
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
        return Declared()
    body = block[at : at + 256]
    for tag, skip in ((b"Xing", 8), (b"Info", 8), (b"VBRI", 14)):
        found = body.find(tag)
        if found < 0:
            continue
        if tag != b"VBRI" and not body[found + 7] & 1:
            return Declared()  # The header does not hold the number of frames.
        return Declared(
            by=f"the frame count in the MP3's {tag.decode()} header",
            frames=int.from_bytes(body[found + skip : found + skip + 4], "big"),
            seconds_per_frame=frame.samples / frame.sample_rate,
        )
    return Declared()


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


def _adts_frame_length(head: bytes) -> int | None:
    """Length is only in bytes 4 to 6; the sync word alone tells a frame from a tag (ISO 13818-7)."""
    return 7 if len(head) >= 2 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0 else None


# Bytes of a frame by its type, frame header included (RFC 4867, section 5.3).
_AMR_NB = (13, 14, 16, 18, 20, 21, 27, 32, 6)
_AMR_WB = (18, 24, 33, 37, 41, 47, 51, 59, 61, 6)


def _amr_frame_length(table: tuple[int, ...], head: bytes) -> int | None:
    kind = (head[0] >> 3) & 15 if head else 15
    return table[kind] if kind < len(table) else None


FRAME_LENGTH: dict[str, Callable[[bytes], int | None]] = {
    "mp3": lambda head: frame.length if (frame := _mpeg_frame(head)) else None,
    "aac": _adts_frame_length,
    "amrnb": lambda head: _amr_frame_length(_AMR_NB, head),
    "amrwb": lambda head: _amr_frame_length(_AMR_WB, head),
}
