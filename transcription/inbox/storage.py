"""Files in a folder or in an object store: listed, looked at again, read, fetched. Only importer of pyarrow.fs."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from hashlib import file_digest, sha256
from pathlib import Path
from stat import S_ISREG
from typing import IO, Any, Protocol
from urllib.parse import unquote, urlsplit

import msgspec

from callaudit.transcription.errors import InputError, SetupError, Unreadable
from callaudit.transcription.inbox.source import Source

_BLOCK = 1 << 20


class Found(msgspec.Struct, frozen=True):
    """A file as a listing shows it: its path below the source with "/", its bytes, and a stamp that changes with it."""

    path: str
    size: int
    modified: float
    stamp: tuple[int, ...]

    @property
    def name(self) -> str:
        """The name without its folders."""
        return self.path.rpartition("/")[2]


class Storage(Protocol):
    """A place that holds files."""

    def files(self) -> list[Found]:
        """Every file below the place, sorted by path."""

    def passed_over(self) -> list[tuple[str, Unreadable]]:
        """Where `files` could not look, and why: folders without the right to, links that lead out of the place."""

    def look_again(self, paths: Iterable[str]) -> dict[str, Found]:
        """Those of the files that are still there, as they are now."""

    def open(self, path: str) -> IO[bytes]:
        """The file's bytes, as a stream."""

    def place(self, path: str) -> str:
        """The file as people know it: its full path, or its URL."""


def storage_of(source: Source) -> Storage:
    """Raises `SetupError` for a URL with credentials in it."""
    if is_remote(source):
        return _ObjectStore(source, str(source.folder))
    url = str(source.folder)
    return _Folder(source, Path(unquote(urlsplit(url).path)) if url.startswith("file://") else Path(source.folder))


def is_remote(source: Source) -> bool:
    """Whether the recordings must be fetched before they can be heard."""
    return isinstance(source.folder, str) and "://" in source.folder and not source.folder.startswith("file://")


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, read a megabyte at a time."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def digest_of(storage: Storage, path: str) -> str:
    """The sha256 of a stored file's bytes."""
    digest = sha256()
    with storage.open(path) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def fetch(storage: Storage, path: str, to: Path) -> str:
    """Copy a stored file to `to`, whole or not at all, and give the sha256 of its bytes."""
    to.parent.mkdir(parents=True, exist_ok=True)
    partial = to.with_name(f".{os.getpid()}.part")
    try:
        digest = sha256()
        with storage.open(path) as file, partial.open("wb") as copy:
            while block := file.read(_BLOCK):
                digest.update(block)
                copy.write(block)
        partial.replace(to)
    finally:
        partial.unlink(missing_ok=True)
    return digest.hexdigest()


# What systems and programs leave beside recordings, and names under which a file is still being copied.
_LEFT_BEHIND = ("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r")
_STILL_COPIED = (".filepart", ".part", ".partial", ".crdownload", ".download", ".tmp", ".temp", ".swp", ".lock")


def is_ignored(path: str) -> bool:
    """Hidden files and folders, what programs leave behind, and what people write for each other beside recordings."""
    *folders, name = path.split("/")
    upper, lower = name.upper(), name.lower()
    return (
        any(f.startswith(".") for f in (*folders, name))
        or upper.startswith(("README", "LICENSE"))
        or upper.endswith(".MD")
        or lower in _LEFT_BEHIND
        or lower.startswith("~$")
        or lower.endswith(("~", *_STILL_COPIED))
    )


class _Folder:
    def __init__(self, source: Source, folder: Path) -> None:
        self.source = source
        self.folder = folder
        self._passed_over: list[tuple[str, Unreadable]] = []

    def files(self) -> list[Found]:
        if not self.folder.is_dir():
            raise InputError(
                f"source {self.source.name!r}: no folder {self.folder}",
                why="that is where its recordings should be",
                tries=("create the folder, or mount the share it is on", "correct `folder` in the settings"),
            )
        paths: list[str] = []
        self._passed_over = []
        for folder, folders, names in os.walk(self.folder, onerror=self._closed):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            below = Path(folder).relative_to(self.folder).as_posix()
            self._name_links(Path(folder), [*folders, *names])
            paths += [name if below == "." else f"{below}/{name}" for name in names]
        return sorted(self.look_again(p for p in paths if not is_ignored(p)).values(), key=lambda f: f.path)

    def passed_over(self) -> list[tuple[str, Unreadable]]:
        return self._passed_over

    def _closed(self, error: OSError) -> None:
        self._pass_over(
            Path(error.filename),
            "not_readable",
            "a folder cannot be looked into",
            why=error.strerror or "",
            tries=("give the account that runs callaudit the right to read it",),
        )

    def _pass_over(self, path: Path, code: str, what: str, *, why: str, tries: tuple[str, ...]) -> None:
        place = str(path)
        self._passed_over.append((place, Unreadable(code, what, why=f"{place}: {why}", tries=tries)))

    def _name_links(self, folder: Path, names: Iterable[str]) -> None:
        """A linked folder of this source is looked into where it is; another one is named, and so is a dead link."""
        for name in names:
            link = folder / name
            if not link.is_symlink() or is_ignored(name):
                continue
            to = link.resolve()
            if link.is_dir() and not to.is_relative_to(self.folder.resolve()):
                self._pass_over(
                    link,
                    "linked_folder",
                    f"{name}: a link to a folder outside of this source, which is not followed",
                    why=f"it leads to {to}",
                    tries=("make that folder a source of its own ([[sources]])", "remove the link"),
                )
            elif not link.exists():
                self._pass_over(
                    link,
                    "not_readable",
                    f"{name}: a link to nothing",
                    why=f"it leads to {to}",
                    tries=("bring back what it leads to", "remove the link"),
                )

    def look_again(self, paths: Iterable[str]) -> dict[str, Found]:
        found: dict[str, Found] = {}
        for path in paths:
            with suppress(OSError):
                seen = os.stat(f"{self.folder}/{path}")  # noqa: PTH116  A Path for each of 100,000 files takes longer.
                if S_ISREG(seen.st_mode):
                    # A copy that keeps a file's time and size still changes ctime.
                    stamp = (seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
                    found[path] = Found(path, seen.st_size, seen.st_mtime_ns / 1e9, stamp)
        return found

    def open(self, path: str) -> IO[bytes]:
        return (self.folder / path).open("rb")

    def place(self, path: str) -> str:
        return str(self.folder / path)


class _ObjectStore:
    """S3, Google Cloud Storage, Azure and HDFS by pyarrow; any other that fsspec knows as `fsspec+NAME://`.

    Credentials come from where each of them keeps its own (for S3: the environment, ~/.aws, or the machine's role).
    """

    def __init__(self, source: Source, url: str) -> None:
        parts = urlsplit(url)
        self.source = source
        self.url = url
        self.address = f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")
        if parts.username is not None or parts.password is not None:
            raise SetupError(
                f"source {source.name!r}: credentials do not belong in the settings",
                why=f"folder names an account before the @ of {parts.scheme}://...@{parts.hostname}",
                tries=("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a profile of ~/.aws, or a role",),
            )

    def _reached(self) -> tuple[Any, str]:
        try:
            return _reach(self.url)
        except (ValueError, ImportError) as error:
            raise SetupError(
                f"source {self.source.name!r}: {self.address} cannot be used",
                why=str(error).partition("\n")[0],
                tries=(
                    'folder = "s3://bucket/prefix?region=eu-central-1"',
                    'folder = "gs://bucket/prefix", "abfs://...", or "fsspec+NAME://..." for what fsspec knows',
                ),
            ) from error

    def files(self) -> list[Found]:
        try:
            filesystem, base = self._reached()
            from pyarrow.fs import FileSelector  # noqa: PLC0415  Only who needs it waits for it.

            infos = filesystem.get_file_info(FileSelector(base, recursive=True))
        except FileNotFoundError:
            raise InputError(
                f"source {self.source.name!r}: there is no {self.address}",
                why="that is where its recordings should be",
                tries=("correct `folder` in the settings", "check the bucket's region: folder = ...?region=..."),
            ) from None
        except OSError as error:
            raise InputError(
                f"source {self.source.name!r}: {self.address} cannot be listed",
                why=str(error).partition("\n")[0],
                tries=("check the credentials (AWS_PROFILE, ~/.aws, the machine's role)", "check the network"),
            ) from error
        return sorted((f for f in _found(base, infos) if not is_ignored(f.path)), key=lambda f: f.path)

    def passed_over(self) -> list[tuple[str, Unreadable]]:
        return []

    def look_again(self, paths: Iterable[str]) -> dict[str, Found]:
        filesystem, base = self._reached()
        asked = [f"{base}/{path}" for path in paths]
        return {f.path: f for f in _found(base, filesystem.get_file_info(asked) if asked else ())}

    def open(self, path: str) -> IO[bytes]:
        filesystem, base = self._reached()
        stream: IO[bytes] = filesystem.open_input_stream(f"{base}/{path}")
        return stream

    def place(self, path: str) -> str:
        return f"{self.address}/{path}"


def _found(base: str, infos: Iterable[Any]) -> Iterator[Found]:
    for info in infos:
        if info.is_file:
            path = info.path.removeprefix(base).lstrip("/")
            modified_ns = info.mtime_ns if info.mtime is not None else time.time_ns()
            yield Found(path, info.size, modified_ns / 1e9, (info.size, modified_ns))


@cache
def _reach(url: str) -> tuple[Any, str]:
    """The file system of a URL and the path in it; kept, because finding a bucket's region asks the network."""
    from pyarrow.fs import FileSystem  # noqa: PLC0415  Only who needs it waits for it.

    filesystem, base = FileSystem.from_uri(url)
    return filesystem, base.rstrip("/")


def read_small(storage: Storage, path: str, *, most: int) -> bytes:
    """The bytes of a file of metadata, at most `most` and one more."""
    with storage.open(path) as file:
        return file.read(most + 1)
