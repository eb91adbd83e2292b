"""Why a recording is refused, in words that name the file and the next step."""

import contextlib
from pathlib import Path
from typing import IO

from callaudit.transcription.errors import Unreadable
from callaudit.transcription.possible import LONGEST
from callaudit.transcription.transcript import Seconds


class Absurd(Exception):
    """A recording that no call can be, by its header or by what was found."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.why = why


def too_long(seconds: Seconds) -> Absurd:
    """More sound than a call can have."""
    return Absurd("too_long", f"{seconds / 3600:,.0f} hours of sound; a call has at most {LONGEST / 3600:g}")


def refused(path: Path, absurd: Absurd) -> Unreadable:
    """The file refused for what no call can be."""
    if absurd.code == "not_audio":
        return not_audio(path, absurd.why)
    tries = (COPY_AGAIN,) if absurd.code == "truncated" else (COPY_AGAIN, "cut it into its calls")
    return Unreadable(absurd.code, f"{path.name}: {absurd.why}", why=str(path), tries=tries)


COPY_AGAIN = "copy the recording again from the recorder; it is picked up by the next run"
_EXPORT_WAV = "export the recording as WAV, MP3, FLAC, Opus, M4A or AMR"


def truncated(path: Path, declared: Seconds | None, found: Seconds, by: str) -> Unreadable:
    """Sound is missing at the end; `by` says what in the file tells so."""
    if declared is None:
        what = f"{path.name}: the recording is cut off after {found:.1f} s"
    else:
        what = f"{path.name}: the recording is cut off: {declared:.1f} s declared, {found:.1f} s found"
    return Unreadable("truncated", what, why=f"{path}: {by}", tries=(COPY_AGAIN,))


def not_audio(path: Path, why: str) -> Unreadable:
    """The file holds no sound that can be read."""
    return Unreadable(
        "not_audio",
        f"{path.name}: not a sound recording",
        why=f"{path}: {why}",
        tries=(_EXPORT_WAV, "move the file out of the inbox if it is no recording"),
    )


def no_samples(path: Path, found: str, *, why: str) -> Unreadable:
    """The file is of a recorder that wrote no sound into it."""
    tries = (COPY_AGAIN, "check the recorder: it opened the file but wrote nothing")
    return Unreadable("no_samples", f"{path.name}: {found}", why=f"{path}: {why}", tries=tries)


def unopened(path: Path, source: IO[bytes], size: int) -> Unreadable:
    """Why no library opens the file, by its first bytes."""
    source.seek(0)
    head = source.read(16)
    if head[:4] in {b"RIFF", b"RF64"} and head[8:12] == b"WAVE":
        return no_samples(path, "a WAV header without any sound behind it", why=f"{size} bytes")
    if head[4:8] == b"ftyp":
        return truncated(path, None, 0.0, "an MP4 file without its index (moov), which recorders write last")
    if head[:4] in {b"fLaC", b"OggS", b"\x1a\x45\xdf\xa3"} or head[:5] == b"#!AMR":
        return truncated(path, None, 0.0, f"the header ends after {size} bytes")
    return not_audio(path, _looks_like(head))


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
