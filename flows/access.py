"""Who may read what is written: its owner alone, unless `[access]` in the settings says more."""

import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from callaudit.transcription.errors import SetupError

if TYPE_CHECKING:  # The command line is to answer --help without it.
    from callaudit.flows.settings import Settings

_Given = ParamSpec("_Given")
_Made = TypeVar("_Made")


def keep_private() -> None:
    """From now on files of this process and of those that it starts are 0600 and folders 0700."""
    os.umask(0o077)


@contextmanager
def readable(folder: Path, *, mode: int) -> Iterator[None]:
    """While the block lasts, new files have `mode`, and `folder` lets in whoever may read them."""
    entered = folder_mode(mode)
    before = os.umask(0o777 & ~entered)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if folder.stat().st_mode & entered != entered and folder.stat().st_uid == os.getuid():
            folder.chmod(folder.stat().st_mode & 0o777 | entered)
        yield
    finally:
        os.umask(before)


def folder_mode(mode: int) -> int:
    """The mode of a folder whose files have `mode`: who may read may enter."""
    return 0o700 | mode | (mode & 0o444) >> 2


def write_whole(target: Path, text: str) -> None:
    """Write the file beside its place and put it there; one that is there already keeps its mode.

    Raises SetupError where that cannot be done.
    """
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        part.write_text(text, encoding="utf-8")
        if target.exists():
            part.chmod(stat.S_IMODE(target.stat().st_mode))
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise SetupError(
            f"cannot write {target}", why=f"{error.strerror}.", tries=("check that the folder is there",)
        ) from error


def for_readers(
    make: Callable[Concatenate["Settings", _Given], _Made],
) -> Callable[Concatenate["Settings", _Given], _Made]:
    """What the function writes into the reports' folder may be read as `[access] reports` says."""

    @wraps(make)
    def made(settings: "Settings", /, *args: _Given.args, **kwargs: _Given.kwargs) -> _Made:
        with readable(settings.reports, mode=settings.access.reports_mode):
            return make(settings, *args, **kwargs)

    return made
