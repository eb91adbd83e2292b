"""What is not ours to delete and names who was erased: metadata, tables and exports where recordings come from."""

import re
from collections.abc import Collection, Iterator

import msgspec

from callaudit.flows.erasure.file_search import names_in_bytes
from callaudit.flows.settings import Settings
from callaudit.transcription.errors import InputError, SetupError
from callaudit.transcription.inbox.metadata import LIKE_METADATA
from callaudit.transcription.inbox.scan import Listing, list_files
from callaudit.transcription.inbox.storage import Found, read_small

_EXPORTS = (".srt", ".vtt", ".txt", ".jsonl")
# More bytes than this are no metadata and no export of one call.
_MOST_BYTES = 64 << 20


class OwnFile(msgspec.Struct, frozen=True, order=True):
    """A file of the owner's that names who was erased, and of a table the numbers of its lines that do."""

    place: str
    lines: tuple[int, ...] = ()


class OwnFiles(msgspec.Struct, frozen=True, kw_only=True):
    """The files that name somebody, and the sources that could not be looked through, with the reason."""

    files: tuple[OwnFile, ...] = ()
    not_searched: tuple[str, ...] = ()


def own_files(settings: Settings, names: Collection[str]) -> OwnFiles:
    """The metadata, tables and exports in the sources that hold one of the ids or names as a word of its own."""
    pattern = names_in_bytes(names)
    if pattern is None:
        return OwnFiles()
    files: set[OwnFile] = set()
    missed: list[str] = []
    for source in settings.inbox_sources():
        try:
            files.update(_named_in(list_files(source), pattern))
        except (InputError, SetupError, OSError) as error:
            missed.append(f"{source.folder}: {error}")
    return OwnFiles(files=tuple(sorted(files)), not_searched=tuple(missed))


def recordings_named_beside(settings: Settings, places: Collection[str], names: Collection[str]) -> set[str]:
    """Those of the recordings whose metadata, in a file beside them, hold one of the ids or names.

    So a file that was refused before its metadata were looked at is known to be a customer's.
    """
    pattern = names_in_bytes(names)
    found: set[str] = set()
    if pattern is None or not places:
        return found
    for source in settings.inbox_sources():
        try:
            listing = list_files(source)
            for path, sidecar in listing.sidecars.items():
                place = listing.storage.place(path)
                if place in places and pattern.search(_content(listing, sidecar)):
                    found.add(place)
        except (InputError, SetupError, OSError):
            # Named by `own_files` as not looked through.
            continue
    return found


def _named_in(listing: Listing, pattern: re.Pattern[bytes]) -> Iterator[OwnFile]:
    tables = {file.path for file in listing.tables}
    for file in (*listing.sidecars.values(), *listing.tables, *listing.recordings):
        if not file.name.lower().endswith((*LIKE_METADATA, *_EXPORTS)):
            continue
        content = _content(listing, file)
        if pattern.search(content) is None:
            continue
        lines: tuple[int, ...] = ()
        if file.path in tables:
            lines = tuple(n for n, line in enumerate(content.splitlines(), 1) if pattern.search(line))
        yield OwnFile(listing.storage.place(file.path), lines)


def _content(listing: Listing, file: Found) -> bytes:
    content = read_small(listing.storage, file.path, most=_MOST_BYTES)
    # Names are looked for as UTF-8 holds them.
    return content.decode("utf-16").encode() if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else content
