"""A look through a source: what is new, what is known, what cannot be used, what is still being written."""

import tempfile
import time
import unicodedata
from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import unquote, urlsplit

import msgspec

from callaudit.transcription.encoding import text_of
from callaudit.transcription.errors import CallauditError, InputError, Unreadable, broke_down, disk_full, is_disk_full
from callaudit.transcription.exports import contact_of, joined_digest, looks_like_text, shape_of, unknown_shape
from callaudit.transcription.inbox.arrival import Arrival, Inbox, Quarantined, fetched_path, quarantined
from callaudit.transcription.inbox.fingerprints import Fingerprints
from callaudit.transcription.inbox.metadata import (
    LIKE_METADATA,
    Metadata,
    Row,
    beside,
    call_of,
    metadata_of,
    not_readable,
    printable,
    read_table,
    start_of,
    stem_of,
    unparsable,
)
from callaudit.transcription.inbox.source import KNOWN_FIELDS, Source, Terms, terms_of
from callaudit.transcription.inbox.storage import Found, Storage, digest_of, fetch, is_remote, sha256_of, storage_of
from callaudit.transcription.transcript import Call, Seconds, SpeakerRole

_Settled = tuple[Found, str, Path]
"""A file that nobody writes any more, the sha256 of its bytes, and where they can be read on this machine."""

# A file touched this recently gets a second look after `_SETTLES_WITHIN`: a recorder writes at least once a second.
_YOUNG: Seconds = 5.0
_SETTLES_WITHIN: Seconds = 1.0

# A scan must read every new object to know it; so many bytes are kept until they are heard, the rest is fetched again.
_KEPT_BYTES = 1 << 30

# Endings that only exports have; any other file is known for one by its content.
_EXPORTS = (".vtt", ".srt", ".jsonl")
# Text of any kind; only by its lines a transcript.
_TEXT = ".txt"
_A_LOOK = 1024
_ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".tgz", ".gz", ".bz2", ".xz")


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """The files of a source by what they are for.

    `rows` are those of its tables, once they are read, by the path of the recording that they name; `broken` is why one
    of the tables cannot be read.
    """

    terms: Terms
    storage: Storage
    recordings: tuple[Found, ...]
    sidecars: dict[str, Found]
    tables: tuple[Found, ...] = ()
    skipped: int = 0
    rows: dict[str, list[Row]] = {}
    broken: Unreadable | None = None

    @property
    def source(self) -> Source:
        """The source as it is set."""
        return self.terms.source


def list_files(source: Source) -> Listing:
    """Everything that lies in the source, told apart; sidecars by the path of their recording.

    Raises `InputError` for a place that is not there and `SetupError` for a source that cannot be.
    """
    terms, storage = terms_of(source), storage_of(source)
    every = storage.files()
    files = [f for f in every if not any(fnmatchcase(f.path, pattern) for pattern in source.skip)]
    tables = tuple(f for f in files if source.table and _matches(f.path, source.table))
    by_path = {f.path: f for f in files}
    by_folded = {f.path.casefold(): f for f in files}
    sidecars: dict[str, Found] = {}
    for recording in files:
        # An export may be JSON itself: then its sidecar bears its whole name.
        is_json = recording.name.lower().endswith(LIKE_METADATA)
        for path in beside(recording, [n for n in source.sidecars if "{name}" in n or not is_json]):
            # Some recorders write .XML; a file system that tells case apart then needs help.
            sidecar = by_path.get(path) or by_folded.get(path.casefold())
            if sidecar is not None and sidecar is not recording:
                sidecars[recording.path] = sidecar
                break
    used = {f.path for f in (*sidecars.values(), *tables)}
    return Listing(
        terms=terms,
        storage=storage,
        recordings=tuple(f for f in files if f.path not in used),
        sidecars=sidecars,
        tables=tables,
        skipped=len(every) - len(files),
    )


def scan(
    source: Source,
    *,
    known: Container[str] = (),
    erased: Container[str] = (),
    audited: Mapping[str, tuple[str, str]] | None = None,
    fingerprints: Fingerprints | None = None,
    fetched: Path | None = None,
) -> Inbox:
    """All recordings below the source's folder, sorted by path.

    `known` are sha256 already audited or quarantined, `audited` the call and the place of those that were audited,
    `erased` those that must never be audited again. Two calls of the same bytes are a conflict, and both are refused.
    Files that change while they are looked at wait for the next run; files touched in the last seconds are looked at
    twice, a second apart. `fingerprints` spare reading what has not changed; `fetched` is where recordings from an
    object store are kept until they are heard. Raises `InputError` for a place that is not there and `SetupError` for a
    wrong zone, file-name pattern or URL.
    """
    listing = list_files(source)
    fingerprints = fingerprints or Fingerprints()
    settled, unreadable, unsettled = _fingerprinted(
        listing, fingerprints, fetched or Path(tempfile.gettempdir(), "callaudit")
    )
    listing = _with_rows(listing)
    refused = [_refused(listing, f, error) for f, error in unreadable]
    refused += [quarantined(source, place, None, 0, error) for place, error in listing.storage.passed_over()]
    arrivals: list[Arrival] = []
    already = duplicates = gone = 0
    for group in _same_bytes(settled):
        digest = group[0][1]
        if digest in erased:
            # Its name is nowhere kept, so it is read again each time, until its owner takes it away.
            fingerprints.forget(digest)
            gone += len(group)
        elif digest in known:
            others = _other_calls(listing, group, (audited or {}).get(digest))
            refused += others
            already += len(group) - len(others)
        else:
            new, others = _one_call(listing, group)
            arrivals += new
            refused += others
            duplicates += len(group) - len(new) - len(others)
    if is_remote(source):
        # What turned out to be known, or was refused, will not be heard.
        for path in {path for _, _, path in settled} - {a.path for a in arrivals}:
            path.unlink(missing_ok=True)
    joined, alone = _joined(arrivals)
    unique, clashing = _unique([a for a in joined if a.sha256 not in known and a.sha256 not in erased])
    return Inbox(
        arrivals=unique,
        quarantined=tuple(sorted((*refused, *alone, *clashing), key=lambda q: (q.path, q.code))),
        already=already + sum(a.sha256 in known for a in joined),
        duplicates=duplicates,
        unsettled=unsettled,
        erased=gone + sum(a.sha256 in erased for a in joined),
    )


def _refusal(recording: Found, place: str, error: Exception) -> Unreadable:
    """Why one file is left out. Whatever goes wrong on it concerns it alone; on a full disk nothing can run."""
    if isinstance(error, Unreadable):
        return error
    if isinstance(error, CallauditError):
        raise error
    if isinstance(error, OSError) and is_disk_full(error):
        raise disk_full(printable(recording.name), printable(place), error) from error
    if isinstance(error, OSError):
        return not_readable(recording.name, place, error)
    return broke_down(printable(recording.name), printable(place), error)


def arrival_of(
    file: Path, *, zone: str, agent_channel: int | None = 0, speakers: Mapping[str, SpeakerRole] | None = None
) -> Arrival:
    """One recording or export outside any inbox, with the metadata of a sidecar if one lies beside it, else undated.

    Raises `InputError` for a file that is not there and `Unreadable` for metadata that cannot be read.
    """
    if not file.is_file():
        raise InputError(f"there is no recording {file}", tries=("check the path",))
    source = Source(
        name=file.parent.name or "here",
        folder=file.parent,
        agent_channel=agent_channel,
        zone=zone,
        metadata="optional",
        speakers=dict(speakers or {}),
    )
    storage = storage_of(source)
    try:
        recording = storage.look_again([file.name])[file.name]
        digest = sha256_of(file)
    except (OSError, KeyError) as error:
        raise not_readable(file.name, str(file), error if isinstance(error, OSError) else OSError()) from error
    names = [path for path in beside(recording, source.sidecars) if path != recording.path]
    near = storage.look_again(names)
    sidecar = next((near[path] for path in names if path in near), None)
    listing = Listing(
        terms=terms_of(source),
        storage=storage,
        recordings=(recording,),
        sidecars={recording.path: sidecar} if sidecar else {},
    )
    try:
        arrival = _arrival(listing, recording, digest, file)
    except OSError as error:
        raise _refusal(recording, str(file), error) from error
    return msgspec.structs.replace(arrival, by_speaker=())


class Understood(msgspec.Struct, frozen=True, kw_only=True):
    """How one file would be taken: its call and what told it, or why it would be refused."""

    place: str
    call: Call | None = None
    told_by: str = ""
    refused: Unreadable | None = None


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What lies in a source, and how its first files would be understood. Nothing is read but their metadata."""

    recordings: int
    sidecars: int
    tables: int
    skipped: int
    young: int
    first: tuple[Understood, ...]


def preview(source: Source, *, show: int = 5) -> Preview:
    """A dry run of `scan` that reads no recording. An id that would be made from the bytes ends in "…".

    Raises as `scan` does.
    """
    listing = _with_rows(list_files(source))
    now = time.time()
    return Preview(
        recordings=len(listing.recordings),
        sidecars=len(listing.sidecars),
        tables=len(listing.tables),
        skipped=listing.skipped,
        young=sum(now - f.modified < _YOUNG for f in listing.recordings),
        first=tuple(_understood(listing, recording) for recording in listing.recordings[:show]),
    )


def _understood(listing: Listing, recording: Found) -> Understood:
    place = listing.storage.place(recording.path)
    try:
        metadata = _metadata(listing, recording)
        with listing.storage.open(recording.path) as file:
            shape = _export(listing, recording, file)
        call = _call(listing, recording, "…", shape=shape)
    except Exception as error:
        return Understood(place=place, refused=_refusal(recording, place, error))
    return Understood(place=place, call=call, told_by=metadata.told_by if metadata else "nothing: an undated call")


def _matches(path: str, pattern: str) -> bool:
    name = PurePosixPath(path)
    return name.match(pattern) if "/" in pattern else fnmatchcase(path, pattern)


def _fingerprinted(
    listing: Listing, fingerprints: Fingerprints, fetched: Path
) -> tuple[list[_Settled], list[tuple[Found, Unreadable]], int]:
    """Each recording that nobody writes with its sha256 and local path; those that cannot be read; how many wait."""
    source, storage = listing.source, listing.storage
    memory_name = storage.place("")
    started = time.monotonic()
    digests: dict[str, tuple[str, Path]] = {}
    unreadable: list[tuple[Found, Unreadable]] = []
    read: set[str] = set()
    kept = 0
    for recording in listing.recordings:
        place = storage.place(recording.path)
        path = fetched_path(fetched, place) if is_remote(source) else Path(place)
        digest = fingerprints.of(memory_name, recording)
        if digest is None:
            keep = is_remote(source) and kept + recording.size <= _KEPT_BYTES
            try:
                digest = fetch(storage, recording.path, path) if keep else digest_of(storage, recording.path)
            except FileNotFoundError:
                continue  # Taken away while we looked: not ours any more.
            except OSError as error:
                unreadable.append((recording, _refusal(recording, place, error)))
                continue
            kept += recording.size * keep
            read.add(recording.path)
        digests[recording.path] = (digest, path)
    now = time.time()
    every = [*listing.recordings, *listing.sidecars.values(), *listing.tables]
    young = {f.path for f in every if now - f.modified < _YOUNG}
    if young:
        time.sleep(max(0.0, started + _SETTLES_WITHIN - time.monotonic()))
    # What was long known and is no longer young cannot have changed under our reading: it was not read.
    asked = {f.path: f for f in every if f.path in read or f.path in young}
    asked |= {s.path: s for r, s in listing.sidecars.items() if r in read}
    asked |= {t.path: t for t in listing.tables}
    again = storage.look_again(sorted(asked))
    changed = {path for path, found in asked.items() if again.get(path) != found}
    table_changed = any(t.path in changed for t in listing.tables)
    settled: list[_Settled] = []
    waiting = 0
    for recording in listing.recordings:
        if recording.path not in digests:
            continue
        sidecar = listing.sidecars.get(recording.path)
        if recording.path in changed or (sidecar.path in changed if sidecar else table_changed):
            waiting += recording.path in again or recording.path not in asked
            continue
        digest, path = digests[recording.path]
        if recording.path in read:
            fingerprints.remember(memory_name, recording, digest)
        settled.append((recording, digest, path))
    return settled, unreadable, waiting


def _with_rows(listing: Listing) -> Listing:
    """The listing with the rows of its tables: for each recording those that name its path the most fully."""
    by_name: dict[str, list[Found]] = {}
    for recording in listing.recordings:
        for name in {_folded(recording.name), _folded(stem_of(recording))}:
            by_name.setdefault(name, []).append(recording)
    best: dict[str, tuple[int, list[Row]]] = {}
    broken: Unreadable | None = None
    for table in listing.tables:
        try:
            named = read_table(listing.storage, table, listing.source)
        except Exception as error:
            broken = broken or _refusal(table, listing.storage.place(table.path), error)
            continue
        for name, row in named:
            *folders, last = _steps(name)
            alike = {r.path: _alike(folders, r) for r in by_name.get(last, ())}
            nearest = max(alike.values(), default=0)
            for path in (path for path, steps in alike.items() if steps == nearest):
                steps, rows = best.setdefault(path, (nearest, []))
                if nearest > steps:
                    best[path] = (nearest, [row])
                elif nearest == steps:
                    rows.append(row)
    return msgspec.structs.replace(listing, rows={path: rows for path, (_, rows) in best.items()}, broken=broken)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _steps(written: str) -> list[str]:
    """The folders and the name of a recording as a table writes it: a path of any system, or a URL."""
    path = written
    if "://" in written:
        with suppress(ValueError):
            path = unquote(urlsplit(written).path)
    return _folded(path.replace("\\", "/")).split("/")


def _alike(folders: Sequence[str], recording: Found) -> int:
    """How many folders, counted from the name, are those of the recording."""
    own = _folded(recording.path).split("/")[:-1]
    pairs = zip(reversed(folders), reversed(own), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _row(listing: Listing, recording: Found) -> Row | None:
    rows = listing.rows.get(recording.path, [])
    for other in rows[1:]:
        if other.values != rows[0].values:
            found = f"{recording.name!r} stands there twice, and differently: also in {rows[0].place}"
            raise unparsable(other.place, found)
    return rows[0] if rows else None


def _metadata(listing: Listing, recording: Found) -> Metadata | None:
    sidecar = listing.sidecars.get(recording.path)
    row = _row(listing, recording) if sidecar is None else None
    if sidecar is None and row is None and listing.broken is not None:
        raise listing.broken
    return metadata_of(listing.terms, listing.storage, recording, sidecar, row)


def _same_bytes(settled: Iterable[_Settled]) -> Iterable[list[_Settled]]:
    """The files in groups of the same bytes; every empty file is one of its own."""
    groups: dict[tuple[str, str], list[_Settled]] = {}
    for recording, digest, path in settled:
        groups.setdefault((digest, "" if recording.size else recording.path), []).append((recording, digest, path))
    return groups.values()


def _one_call(listing: Listing, group: Sequence[_Settled]) -> tuple[list[Arrival], list[Quarantined]]:
    """What arrives and what is refused of files of the same bytes; the others are copies.

    They are one call unless their metadata tell different calls.
    """
    named: list[Arrival] = []
    bare: list[Arrival] = []
    unlike: list[Quarantined] = []
    without: list[Quarantined] = []
    for file in group:
        outcome = _outcome(listing, file)
        if isinstance(outcome, Quarantined):
            (without if outcome.code == "metadata_missing" else unlike).append(outcome)
        else:
            (bare if _is_bare(outcome) else named).append(outcome)
    if len({_as_key(a.call) for a in named}) > 1:
        return [], [*unlike, *(Quarantined.of(a, _two_calls(a, named)) for a in named)]
    # One party's export each, of the same words, are not each other's copies.
    parties = {a.by_speaker[0][0] if a.by_speaker else "": a for a in reversed(named or bare[:1])}
    if not parties:
        return [], [*unlike, *without]
    return [a for a in (named or bare) if any(a is one for one in parties.values())], unlike


def _outcome(listing: Listing, file: _Settled) -> Arrival | Quarantined:
    recording, digest, path = file
    place = listing.storage.place(recording.path)
    try:
        return _arrival(listing, recording, digest, path)
    except Exception as error:
        return _refused(listing, recording, _refusal(recording, place, error), digest=digest)


def _refused(listing: Listing, recording: Found, error: Unreadable, *, digest: str | None = None) -> Quarantined:
    """A file that is left out, with the start of its call where that can be read none the less.

    Without a digest its bytes could not be read, and how many there are does not matter.
    """
    started_at = None
    # Whatever broke it before may do so again.
    with suppress(Exception):
        metadata = _metadata(listing, recording)
        started_at = start_of(listing.terms, metadata) if metadata is not None else None
    place = listing.storage.place(recording.path)
    size = recording.size if digest else 0
    return quarantined(listing.source, place, digest, size, error, started_at=started_at)


def _other_calls(listing: Listing, group: Sequence[_Settled], audited: tuple[str, str] | None) -> list[Quarantined]:
    """Of files whose bytes were audited as one call, those that lie elsewhere and say that they are another call."""
    if audited is None:
        return []
    call_id, path = audited
    outcomes = [_outcome(listing, f) for f in group if listing.storage.place(f[0].path) != path]
    return [
        Quarantined.of(a, _audited_as(a, call_id))
        for a in outcomes
        if isinstance(a, Arrival) and not _is_bare(a) and a.call.call_id != call_id
    ]


def _is_bare(arrival: Arrival) -> bool:
    """Whether nothing told of the call, so that its id is made from the bytes."""
    made = {_made_id(kind, arrival.sha256) for kind in ("audio", "export")}
    return arrival.call.call_id in made and arrival.call.started_at is None


def _made_id(kind: str, digest: str) -> str:
    return f"{kind}-{digest[:12]}"


def _as_key(call: Call) -> bytes:
    return msgspec.json.encode(call)


def _arrival(listing: Listing, recording: Found, digest: str, path: Path) -> Arrival:
    """A recording or export that is new, with its call. Raises `Unreadable`, and OSError as it comes."""
    storage, source = listing.storage, listing.source
    with path.open("rb") if path.exists() else storage.open(recording.path) as file:
        shape = _export(listing, recording, file)
    if shape and not path.exists():
        fetch(storage, recording.path, path)
    call = _call(listing, recording, digest, shape=shape, path=path)
    metadata = _metadata(listing, recording) if shape else None
    spoken = metadata.fields.get("speaker") if metadata else None
    return Arrival(
        path=path,
        sha256=digest,
        size=recording.size,
        call=call,
        source=source,
        key=recording.path if is_remote(source) else "",
        export=shape or "",
        by_speaker=((str(spoken.value), path),) if spoken is not None and spoken.value else (),
    )


def _export(listing: Listing, recording: Found, file: IO[bytes]) -> str | None:
    """The shape of an export; None for every other file.

    Raises `Unreadable` for what looks like an export and is in no known shape.
    """
    head = file.read(64)
    name = recording.name.lower()
    # Sound is long and never begins like text.
    content = head + file.read() if looks_like_text(head) or name.endswith((*_EXPORTS, _TEXT)) else b""
    shape = shape_of(content) if content else None
    if shape is not None:
        return shape.name
    is_text = name.endswith(_EXPORTS) or (name.endswith(_TEXT) and b"\0" not in content[:_A_LOOK])
    if content and (is_text or (looks_like_text(head) and not _is_metadata(listing.source, content))):
        raise unknown_shape(Path(listing.storage.place(recording.path)), content)
    return None


def _is_metadata(source: Source, content: bytes) -> bool:
    """Whether JSON may be a sidecar; the sidecar's own reading says what is wrong with it."""
    try:
        fields = msgspec.json.decode(text_of(content), type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    named = {step for path in source.fields.values() for step in (path, path.partition(".")[0])}
    return not fields or not {*KNOWN_FIELDS, "agent", "customer", *named}.isdisjoint(fields)


def _call(
    listing: Listing,
    recording: Found,
    digest: str,
    *,
    shape: str | None = None,
    path: Path | None = None,
) -> Call:
    """The call's metadata, or `Unreadable` with what is wrong with them; `shape` as `_export` gives it."""
    source, name = listing.source, printable(recording.name)
    place = listing.storage.place(recording.path)
    if recording.name.lower().endswith(_ARCHIVES):
        raise Unreadable(
            "archive",
            f"{name}: an archive, which is not looked into",
            why=printable(place),
            tries=("unpack it into the folder", "remove it, or leave it out with skip in the settings"),
        )
    if recording.name.lower().endswith(LIKE_METADATA) and not shape:
        raise Unreadable(
            "metadata_without_recording",
            f"{name}: metadata without a recording",
            why=f"{printable(place)}: no recording of that name lies beside it",
            tries=("bring the recording; both are picked up by the next run", "remove the metadata file"),
        )
    if recording.size == 0:
        raise Unreadable(
            "empty_file",
            f"{name}: the file is empty (0 bytes)",
            why=printable(place),
            tries=("copy the recording again from the recorder; it is picked up by the next run",),
        )
    metadata = _metadata(listing, recording)
    if metadata is not None:
        return call_of(listing.terms, metadata, sha256=digest, place=place)
    if source.metadata == "optional" and shape:
        return Call(call_id=(contact_of(path) if path else "") or _made_id("export", digest), source=source.name)
    if source.metadata == "optional":
        return Call(call_id=_made_id("audio", digest), source=source.name)
    raise Unreadable(
        "metadata_missing",
        f"{name}: {'an export' if shape else 'a recording'} without metadata",
        why=printable(f"{place}: {_looked_for(source, recording)}"),
        tries=(
            f"write {_own_sidecar(recording)} with call_id, started_at and agent",
            "set file_name in the settings if the file name holds them",
            'set metadata = "optional" to audit such calls without a date',
        ),
    )


def _own_sidecar(recording: Found) -> str:
    name = recording.name if recording.name.lower().endswith(LIKE_METADATA) else stem_of(recording)
    return f"{printable(name)}.json"


def _looked_for(source: Source, recording: Found) -> str:
    names = [path.rpartition("/")[2] for path in beside(recording, source.sidecars) if path != recording.path]
    looked = [f"none of {', '.join(names)} lies beside it"] if names else []
    looked += [f"no row of {source.table} names it"] if source.table else []
    looked += [f"the name does not match {source.file_name!r}"] if source.file_name else []
    return "; ".join(looked)


def _joined(arrivals: Sequence[Arrival]) -> tuple[list[Arrival], list[Quarantined]]:
    """The exports of single parties put together to calls, and those that no other party's belongs to."""
    joined = [a for a in arrivals if not a.by_speaker]
    alone: list[Quarantined] = []
    for group in _by_call(a for a in arrivals if a.by_speaker):
        parties = sorted(group, key=lambda a: a.by_speaker)
        labels = {label for a in parties for label, _ in a.by_speaker}
        if len(parties) == 1:
            error = Unreadable(
                "metadata_incomplete",
                f"{parties[0].name}: one party's export without the other's",
                why=f"{printable(parties[0].place)}: no other file is of call {parties[0].call.call_id!r}",
                tries=("bring the other party's export; both are picked up by the next run",),
            )
            alone.append(Quarantined.of(parties[0], error))
        elif len(labels) < len(parties):
            joined += parties  # Two exports of the same party: two files claim to be the same call.
        else:
            joined.append(
                msgspec.structs.replace(
                    parties[0],
                    sha256=joined_digest([a.sha256 for a in parties]),
                    size=sum(a.size for a in parties),
                    by_speaker=tuple(pair for a in parties for pair in a.by_speaker),
                )
            )
    return joined, alone


def _unique(arrivals: Iterable[Arrival]) -> tuple[tuple[Arrival, ...], list[Quarantined]]:
    """Arrivals whose call_id is theirs alone: of two recordings of one call, neither is preferred."""
    groups = _by_call(arrivals)
    clashing = [Quarantined.of(a, _clash(a, group)) for group in groups if len(group) > 1 for a in group]
    return tuple(a for group in groups if len(group) == 1 for a in group), clashing


def _by_call(arrivals: Iterable[Arrival]) -> list[list[Arrival]]:
    by_id: dict[str, list[Arrival]] = {}
    for arrival in arrivals:
        by_id.setdefault(arrival.call.call_id, []).append(arrival)
    return list(by_id.values())


def _two_calls(arrival: Arrival, group: Sequence[Arrival]) -> Unreadable:
    others = ", ".join(f"{a.name} (call_id {a.call.call_id!r})" for a in group if a is not arrival)
    found = f"the same bytes as {others}, but other metadata"
    return _same_recording(arrival, found, ("keep the one that was meant", "export the other call's recording again"))


def _audited_as(arrival: Arrival, call_id: str) -> Unreadable:
    found = f"its bytes were audited before, as the call {call_id!r}"
    return _same_recording(
        arrival, found, ("export the recording of this call again", "remove the file if it is a copy")
    )


def _same_recording(arrival: Arrival, found: str, tries: tuple[str, ...]) -> Unreadable:
    return Unreadable(
        "duplicate_bytes",
        f"{arrival.name}: {found}",
        why=f"{printable(arrival.place)}: call_id {arrival.call.call_id!r}; one recording cannot be two calls",
        tries=tries,
    )


def _clash(arrival: Arrival, group: Sequence[Arrival]) -> Unreadable:
    others = ", ".join(a.name for a in group if a is not arrival)
    return Unreadable(
        "duplicate_call_id",
        f"{arrival.name}: call_id {arrival.call.call_id!r} is also that of {others}",
        why="two different recordings claim to be the same call",
        tries=(
            "give each recording its own call_id",
            "keep only the recording that was meant",
            "if they are recordings of one conversation, call that id interaction_id",
        ),
    )
