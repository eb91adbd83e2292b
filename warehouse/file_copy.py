"""A database file copied whole while no writer can change it."""

import errno
import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

_COPY_BYTES = 8 * 1024 * 1024


class TakenError(OSError):
    """A writer holds the file that was to be copied."""


def copy_whole(source: Path, target: Path, mode: int, *, finish: Callable[[Path], None] = lambda _: None) -> None:
    """Copy a closed database file: `target` is there whole, with `mode` and on the disk, or not at all.

    `finish` may still change the copy, under another name, before it becomes `target`; it closes the file.

    Raises:
        TakenError: a process has the file open to write.
        OSError: the copy cannot be written.
    """
    part = target.with_name(target.name + ".part")
    with source.open("rb") as original:
        try:
            # DuckDB's own kind of lock, shared: no writer can change the file under the copy. It goes when
            # any descriptor of the file is closed, so the copy reads through this one.
            fcntl.lockf(original, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise
            raise TakenError(error.errno, "locked by a writer", str(source)) from error
        with part.open("wb") as copy:
            shutil.copyfileobj(original, copy, _COPY_BYTES)
    finish(part)
    with part.open("rb+") as copy:
        os.fchmod(copy.fileno(), mode)
        os.fsync(copy.fileno())
    part.replace(target)
