"""What the bytes of a file were found to be, so that a file that has not changed is not read every night.

The memory is safe to delete: without it every file is read once more. It is never trusted for a file whose size or
times differ, and nothing is remembered of a file so young that it could change again within one tick of its clock.
"""

import os
import time
from pathlib import Path

import msgspec

from callaudit.transcription.inbox.storage import Found
from callaudit.transcription.transcript import Seconds

# FAT keeps times to two seconds; shares may be some seconds off this machine's clock.
_STEADY: Seconds = 60.0


class _Remembered(msgspec.Struct, frozen=True, array_like=True):
    stamp: tuple[int, ...]
    sha256: str


class Fingerprints:
    """The sha256 of files by source, path and stamp; `file` None remembers for this process only."""

    def __init__(self, file: Path | None = None) -> None:
        self.file = file
        self._known: dict[str, dict[str, _Remembered]] = {}
        if file is not None:
            try:
                self._known = msgspec.json.decode(file.read_bytes(), type=dict[str, dict[str, _Remembered]])
            except (OSError, msgspec.DecodeError, UnicodeDecodeError):
                self._known = {}
        self._seen: dict[str, dict[str, _Remembered]] = {}

    def of(self, place: str, found: Found) -> str | None:
        """The sha256 of an unchanged file, or None where it must be read."""
        remembered = self._known.get(place, {}).get(found.path)
        if remembered is None or remembered.stamp != found.stamp:
            return None
        self._seen.setdefault(place, {})[found.path] = remembered
        return remembered.sha256

    def remember(self, place: str, found: Found, sha256: str) -> None:
        """Keep what a file was found to be, unless it is too young to be sure that it shows when it changes."""
        if time.time() - max(found.modified, found.stamp[-1] / 1e9) > _STEADY:
            self._seen.setdefault(place, {})[found.path] = _Remembered(found.stamp, sha256)

    def forget(self, sha256: str) -> None:
        """Keep no name of the files with these bytes."""
        for memory in (self._known, self._seen):
            for files in memory.values():
                for path in [path for path, remembered in files.items() if remembered.sha256 == sha256]:
                    del files[path]

    def save(self) -> None:
        """Write down what was seen; files of the same sources that are gone are forgotten."""
        if self.file is None:
            return
        self._known.update(self._seen)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        partial = self.file.with_name(f"{self.file.name}.{os.getpid()}.part")
        try:
            partial.write_bytes(msgspec.json.encode(self._known, order="deterministic"))
        except UnicodeEncodeError:
            # A name that is no text cannot be written down; those files are read each time.
            texts = {p: {k: v for k, v in files.items() if _is_text(k)} for p, files in self._known.items()}
            partial.write_bytes(msgspec.json.encode(texts, order="deterministic"))
        partial.replace(self.file)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
