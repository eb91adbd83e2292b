"""Weights of a recogniser on disk: checked by their sha256, fetched within a hard time limit.

Knows no recogniser. Run as a program it is the child that downloads one file, so that a name server or a proxy that
never answers can be ended by ending the child: the network library's own time limits do not cover all of it.
"""

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
from functools import lru_cache
from hashlib import file_digest
from pathlib import Path
from urllib.request import urlopen

from callaudit.transcription.engines import EngineUnavailable
from callaudit.transcription.transcript import Seconds


def sha256_of(path: Path) -> str:
    """The sha256 of a weights file, read once per process for as long as the file does not change."""
    stat = path.stat()
    return _sha256_of(path, stat.st_size, stat.st_mtime_ns)


def fetch(url: str, target: Path, *, expected: str, timeout: Seconds | None = None) -> Path:
    """Download a file to `target`, which appears only once its sha256 is the `expected` one.

    After `timeout` seconds (None = no limit) the download is ended. Raises `EngineUnavailable`; nothing is left behind.
    """
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        child = subprocess.run(  # noqa: S603  This file, run by this interpreter.
            [sys.executable, "-m", "callaudit.transcription.engines.weights", url, str(part)],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if child.returncode:
            reason = (child.stderr.strip().splitlines() or ["the download ended without a reason"])[-1]
            raise _not_fetched(target, url, reason)
        if sha256_of(part) != expected:
            raise _not_fetched(target, url, "what arrived has another sha256 than the one published")
        part.replace(target)
    except subprocess.TimeoutExpired as error:
        raise _not_fetched(target, url, f"no complete file after {timeout:g} s") from error
    except OSError as error:
        raise _not_fetched(target, url, str(error)) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return target


def _not_fetched(target: Path, url: str, reason: str) -> EngineUnavailable:
    return EngineUnavailable(
        f"{target.name} could not be fetched",
        why=f"{url}: {reason}",
        tries=(f"fetch that address on another machine and put the file into {target.parent}",),
    )


@lru_cache(maxsize=16)
def _sha256_of(path: Path, _size: int, _changed: int) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _download(url: str, part: Path) -> None:
    with urlopen(url, timeout=60) as answer, part.open("wb") as file:  # noqa: S310  The address is the recogniser's own.
        shutil.copyfileobj(answer, file, 1 << 20)
        file.flush()
        os.fsync(file.fileno())


if __name__ == "__main__":
    try:
        _download(sys.argv[1], Path(sys.argv[2]))
    except OSError as failure:
        sys.exit(str(failure))
