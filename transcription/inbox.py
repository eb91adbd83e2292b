"""Recordings and their metadata found in a folder; what cannot be used is quarantined with its reason.

A call is known by the sha256 of its recording. Metadata come from a sidecar file beside the recording
(`call.wav` + `call.wav.json` or `call.json`), else from the file name by the source's pattern. A time that
cannot be read quarantines the call: it is never the file's own time and never "now".
"""

import os
import re
import time
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from transcription.errors import InputError, SetupError, Unreadable
from transcription.exports import contact_of, joined_digest, looks_like_text, shape_of, unknown_shape
from transcription.transcript import Call, Seconds, SpeakerRole


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One place recordings come from.

    - `agent_channel`: 0 (left) or 1 (right); None where it is not known.
    - `zone`: IANA zone for times without an offset.
    - `file_name`: regular expression with named groups, among them `call_id`, matched on the name without its ending.
    - `started_format`: how `started_at` in a file name reads (strptime); empty = ISO 8601.
    - `metadata`: "required" quarantines a recording without any; "optional" audits it as an undated call.
    - `glossary`: product and other names that a recogniser cannot guess, most important first.
    - `speakers`: the role behind each label of this source's exports; see `transcription.exports.roles`.
    """

    name: str
    folder: Path
    agent_channel: int | None = 0
    zone: str
    file_name: str = ""
    started_format: str = ""
    metadata: Literal["required", "optional"] = "required"
    glossary: tuple[str, ...] = ()
    speakers: dict[str, SpeakerRole] = {}


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """A recording that is ready to be transcribed, or an export of a transcript that is ready to be read.

    `export` is the shape of the export, "" for a recording. `by_speaker` holds the label and file of each party
    where one export each was made of them; `path` is then the first and `sha256` is over all.
    """

    path: Path
    sha256: str
    size: int
    call: Call
    source: Source
    export: str = ""
    by_speaker: tuple[tuple[str, Path], ...] = ()


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """A file that cannot be audited; `code` is what reports count by, `next_step` is for a person."""

    path: str
    sha256: str | None
    size: int
    code: str
    reason: str
    next_step: str
    source: str

    @classmethod
    def of(cls, arrival: Arrival, error: Unreadable) -> "Quarantined":
        """An arrival that turned out to be unreadable."""
        return _quarantined(arrival.source, arrival.path, arrival.sha256, arrival.size, error)


class Inbox(msgspec.Struct, frozen=True, kw_only=True):
    """What one scan found.

    `already` were known by their sha256, `duplicates` are further copies of the same bytes in this scan, `unsettled`
    were still being written and wait for the next run.
    """

    arrivals: tuple[Arrival, ...]
    quarantined: tuple[Quarantined, ...]
    already: int
    duplicates: int
    unsettled: int = 0


# A file touched this recently gets a second look after `_SETTLES_WITHIN`: a recorder writes at least once a second.
_YOUNG: Seconds = 5.0
_SETTLES_WITHIN: Seconds = 1.0

_SIDECARS = (".json",)
# Endings that only exports have; any other file is known for one by its content.
_EXPORTS = {".vtt", ".srt"}
_SIDECAR_LIKE = {".json", ".csv", ".xml"}

# Fields of Call that metadata may hold, by their flat names.
_TEXT_FIELDS = (
    "call_id", "agent_id", "agent_name", "team", "customer_id", "customer_name", "queue", "direction"
)  # fmt: skip
_NESTED_FIELDS = {
    "agent": {"id": "agent_id", "name": "agent_name", "team": "team"},
    "customer": {"id": "customer_id", "name": "customer_name"},
}
_ALSO_CALLED = {"agent_team": "team"}


def scan(source: Source, *, known: Container[str] = ()) -> Inbox:
    """All recordings below the source's folder, sorted by path; `known` are sha256 already audited or quarantined.

    Files that change while they are looked at wait for the next run; files touched in the last seconds are looked at
    twice, a second apart. Raises `InputError` for a folder that is not there and `SetupError` for a wrong zone or
    file-name pattern.
    """
    rules = _Rules(source=source, zone=_zone(source), pattern=_pattern(source))
    files = _files(source)
    sidecars = {path: _sidecar(path, files) for path in files if not _is_sidecar_like(path)}
    exports = _exports(path for path in files if path not in frozenset(sidecars.values()))
    sidecars |= {path: _sidecar(path, files) for path, shape in exports.items() if shape and path not in sidecars}
    used = frozenset(sidecars.values())
    candidates = [path for path in files if path not in used]
    prints, unreadable = _fingerprints(files, candidates)

    arrivals: list[Arrival] = []
    quarantined = [_quarantined(source, path, None, 0, error) for path, error in unreadable]
    already = duplicates = unsettled = 0
    seen: set[str] = set()
    for path in candidates:
        sidecar = sidecars.get(path)
        if path not in prints or (sidecar is not None and sidecar not in prints):
            unsettled += path not in {p for p, _ in unreadable}
            continue
        digest, size = prints[path]
        if digest in known:
            already += 1
        elif digest in seen and size:
            duplicates += 1
        else:
            seen.add(digest)
            try:
                shape = exports.get(path)
                call = _call(rules, path, sidecar, prints[path], shape=shape)
                label = _speaker(rules, path, sidecar) if shape else ""
                arrivals.append(
                    Arrival(
                        path=path,
                        sha256=digest,
                        size=size,
                        call=call,
                        source=source,
                        export=shape or "",
                        by_speaker=((label, path),) if label else (),
                    )
                )
            except Unreadable as error:
                quarantined.append(_quarantined(source, path, digest, size, error))
    joined, alone = _joined(arrivals)
    unique, clashing = _unique(source, [a for a in joined if a.sha256 not in known])
    return Inbox(
        arrivals=unique,
        quarantined=tuple(sorted((*quarantined, *alone, *clashing), key=lambda q: (q.path, q.code))),
        already=already + sum(a.sha256 in known for a in joined),
        duplicates=duplicates,
        unsettled=unsettled,
    )


def arrival_of(
    file: Path, *, zone: str, agent_channel: int | None = 0, speakers: Mapping[str, SpeakerRole] | None = None
) -> Arrival:
    """One recording or export outside any inbox, with the metadata of a sidecar if one lies beside it, else undated.

    Raises `InputError` for a file that is not there and `Unreadable` for metadata that cannot be read.
    """
    if not file.is_file():
        raise InputError(f"there is no recording {file}", tries=("check the path",))
    folder = file.parent
    source = Source(
        name=folder.name or "here",
        folder=folder,
        agent_channel=agent_channel,
        zone=zone,
        metadata="optional",
        speakers=dict(speakers or {}),
    )
    rules = _Rules(source=source, zone=_zone(source), pattern=None)
    beside = [path for path in folder.iterdir() if path.suffix.lower() in _SIDECARS]
    try:
        digest, size = sha256_of(file), file.stat().st_size
    except OSError as error:
        raise _not_readable(file, error) from error
    shape = _exports([file]).get(file)
    call = _call(rules, file, _sidecar(file, beside), (digest, size), shape=shape)
    return Arrival(path=file, sha256=digest, size=size, call=call, source=source, export=shape or "")


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, read a megabyte at a time."""
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _files(source: Source) -> list[Path]:
    if not source.folder.is_dir():
        raise InputError(
            f"source {source.name!r}: no folder {source.folder}",
            why="that is where its recordings should be",
            tries=("create the folder, or mount the share it is on", "correct `folder` in the settings"),
        )
    found: list[Path] = []
    for folder, folders, names in os.walk(source.folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(folder, name) for name in names if not _is_ignored(name)]
    return sorted(path for path in found if path.is_file())


def _is_ignored(name: str) -> bool:
    upper = name.upper()
    return name.startswith(".") or upper.startswith(("README", "LICENSE")) or upper.endswith(".MD")


class _Rules(msgspec.Struct, frozen=True, kw_only=True):
    """A source with its zone and pattern understood."""

    source: Source
    zone: ZoneInfo
    pattern: re.Pattern[str] | None


def _is_sidecar_like(path: Path) -> bool:
    return path.suffix.lower() in _SIDECAR_LIKE


def _sidecar(recording: Path, files: Container[Path]) -> Path | None:
    for ending in _SIDECARS:
        for candidate in (recording.with_name(recording.name + ending), recording.with_suffix(ending)):
            if candidate in files and candidate != recording:
                return candidate
    return None


def _fingerprints(
    files: Sequence[Path], candidates: Sequence[Path]
) -> tuple[dict[Path, tuple[str, int]], list[tuple[Path, Unreadable]]]:
    """(sha256, size) of each file that nobody is writing ("" for sidecars), and the files that cannot be read."""
    started = time.monotonic()
    before = {path: _size_and_time(path) for path in files}
    digests: dict[Path, str] = dict.fromkeys(files, "")
    unreadable: list[tuple[Path, Unreadable]] = []
    for path in candidates:
        try:
            digests[path] = sha256_of(path)
        except OSError as error:
            before[path] = None
            if not isinstance(error, FileNotFoundError):  # Taken away while we looked: not ours any more.
                unreadable.append((path, _not_readable(path, error)))
    now = time.time()
    if any(0 <= now - seen[1] / 1e9 < _YOUNG for seen in before.values() if seen):
        time.sleep(max(0.0, started + _SETTLES_WITHIN - time.monotonic()))
    settled = {path: (digests[path], seen[0]) for path, seen in before.items() if seen and _size_and_time(path) == seen}
    return settled, unreadable


def _size_and_time(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns


def _exports(files: Iterable[Path]) -> dict[Path, str]:
    """The files that are exports, each with its shape; "" for one that looks like an export of no known shape."""
    found: dict[Path, str] = {}
    for path in files:
        try:
            with path.open("rb") as file:
                head = file.read(64)
                # Sound is long and never begins like text.
                content = head + file.read() if looks_like_text(head) else b""
        except OSError:
            continue  # Told when its fingerprint is taken.
        shape = shape_of(content) if content else None
        if shape is not None:
            found[path] = shape.name
        elif path.suffix.lower() in _EXPORTS or (content and not _is_metadata(content)):
            found[path] = ""
    return found


def _is_metadata(content: bytes) -> bool:
    """Whether JSON may be a sidecar; the sidecar's own reading says what is wrong with it."""
    try:
        fields = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return True
    return not fields or not {*_TEXT_FIELDS, *_NESTED_FIELDS, "started_at"}.isdisjoint(fields)


def _call(
    rules: _Rules, path: Path, sidecar: Path | None, fingerprint: tuple[str, int], *, shape: str | None = None
) -> Call:
    """The call's metadata, or `Unreadable` with what is wrong with them; `shape` as `_exports` gives it."""
    source, (digest, size) = rules.source, fingerprint
    if shape == "" and size:
        raise unknown_shape(path)
    if _is_sidecar_like(path) and not shape:
        raise Unreadable(
            "metadata_without_recording",
            f"{path.name}: metadata without a recording",
            why=f"{path}: no recording of that name lies beside it",
            tries=("bring the recording; both are picked up by the next run", "remove the metadata file"),
        )
    if size == 0:
        raise Unreadable(
            "empty_file",
            f"{path.name}: the file is empty (0 bytes)",
            why=str(path),
            tries=("copy the recording again from the recorder; it is picked up by the next run",),
        )
    if sidecar is not None:
        return _call_by_sidecar(rules, sidecar)
    if rules.pattern is not None:
        match = rules.pattern.fullmatch(path.stem) or rules.pattern.fullmatch(path.name)
        if match:
            fields = {name: text for name, text in match.groupdict().items() if text}
            return _made(rules, fields, place=f"{path}: file name", started_format=source.started_format)
    if source.metadata == "optional" and shape:
        return Call(call_id=contact_of(path) or f"export-{digest[:12]}", source=source.name)
    if source.metadata == "optional":
        return Call(call_id=f"audio-{digest[:12]}", source=source.name)
    names = [f"{path.name}.json"] + ([f"{path.stem}.json"] if path.suffix.lower() != ".json" else [])
    unmatched = f"; the name does not match {source.file_name!r}" if rules.pattern else ""
    raise Unreadable(
        "metadata_missing",
        f"{path.name}: {'an export' if shape else 'a recording'} without metadata",
        why=f"{path}: no {' or '.join(names)} lies beside it{unmatched}",
        tries=(
            f"write {names[-1]} with call_id, started_at and agent",
            "set file_name in the settings if the file name holds them",
            'set metadata = "optional" to audit such calls without a date',
        ),
    )


def _call_by_sidecar(rules: _Rules, sidecar: Path) -> Call:
    try:
        content = msgspec.json.decode(sidecar.read_bytes())
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unparsable(str(sidecar), f"it is no JSON: {error}") from error
    except OSError as error:
        raise _not_readable(sidecar, error) from error
    if not isinstance(content, dict):
        raise _unparsable(str(sidecar), f"expected one object with fields, found {_shown(content)}")
    fields: dict[str, Any] = {}
    for key, value in content.items():
        nested = _NESTED_FIELDS.get(key)
        if nested is None:
            fields.setdefault(_ALSO_CALLED.get(key, str(key)), value)
        elif isinstance(value, dict):
            fields.update({nested[k]: v for k, v in value.items() if k in nested})
        elif value is not None:
            raise _unparsable(f"{sidecar}: field {key!r}", f"expected an object, found {_shown(value)}")
    return _made(rules, fields, place=str(sidecar), started_format="")


def _made(rules: _Rules, fields: Mapping[str, Any], *, place: str, started_format: str) -> Call:
    texts: dict[str, str] = {}
    for name in _TEXT_FIELDS:
        value = fields.get(name)
        if isinstance(value, bool) or not isinstance(value, str | int | None):
            raise _unparsable(f"{place}: field {name!r}", f"expected text, found {_shown(value)}")
        if value is not None and str(value).strip():
            texts[name] = str(value).strip()
    if "call_id" not in texts:
        raise _unparsable(f"{place}: field 'call_id'", "it is missing or empty")
    call_id = texts.pop("call_id")
    started = fields.get("started_at")
    if started is None or started == "":
        raise _unparsable(f"{place}: field 'started_at'", "it is missing or empty")
    try:
        started_at = _time(started, rules.zone, started_format)
    except ValueError as error:
        raise _unparsable(f"{place}: field 'started_at'", str(error)) from error
    return Call(call_id=call_id, source=rules.source.name, started_at=started_at, **texts)


def _time(written: object, zone: ZoneInfo, started_format: str) -> datetime:
    """The time with its offset; `ValueError` in words for one that cannot be read, or not in one way only."""
    if not isinstance(written, str):
        raise ValueError(f"expected a time such as 2026-03-02T09:15:00+01:00, found {_shown(written)}")
    text = written.strip()
    try:
        when = datetime.strptime(text, started_format) if started_format else datetime.fromisoformat(text)  # noqa: DTZ007  The zone is added below.
    except ValueError:
        like = started_format or "2026-03-02T09:15:00+01:00"
        raise ValueError(f"expected a time like {like}, found {_shown(written)}") from None
    if not started_format and len(text) <= len("2026-03-02"):
        raise ValueError(f"expected a date and a time of day, found {_shown(written)}")
    if when.tzinfo is not None:
        return when
    earlier, later = when.replace(tzinfo=zone, fold=0), when.replace(tzinfo=zone, fold=1)
    if earlier.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != when:
        raise ValueError(f"{text} does not exist in {zone.key}: clocks went forward over it; write the offset")
    if earlier.utcoffset() != later.utcoffset():
        raise ValueError(f"{text} happened twice in {zone.key}: clocks went back; write the offset")
    # A fixed offset, as if it had been written: what the call keeps must not depend on a zone database.
    return datetime.fromisoformat(earlier.isoformat())


def _joined(arrivals: Iterable[Arrival]) -> tuple[list[Arrival], list[Quarantined]]:
    """The exports of single parties put together to calls, and those that no other party's belongs to."""
    joined: list[Arrival] = []
    by_id: dict[str, list[Arrival]] = {}
    for arrival in arrivals:
        if arrival.by_speaker:
            by_id.setdefault(arrival.call.call_id, []).append(arrival)
        else:
            joined.append(arrival)
    alone: list[Quarantined] = []
    for group in by_id.values():
        parties = sorted(group, key=lambda a: a.by_speaker)
        labels = {label for a in parties for label, _ in a.by_speaker}
        if len(parties) == 1:
            error = Unreadable(
                "metadata_incomplete",
                f"{parties[0].path.name}: one party's export without the other's",
                why=f"{parties[0].path}: no other file is of call {parties[0].call.call_id!r}",
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


def _speaker(rules: _Rules, path: Path, sidecar: Path | None) -> str:
    """Who speaks in an export, where one was made of each party and its sidecar or the file's name says which."""
    if sidecar is not None:
        # Read before: it is JSON and an object.
        return str(msgspec.json.decode(sidecar.read_bytes()).get("speaker") or "")
    if rules.pattern is None or "speaker" not in rules.pattern.groupindex:
        return ""
    match = rules.pattern.fullmatch(path.stem) or rules.pattern.fullmatch(path.name)
    return (match["speaker"] or "") if match else ""


def _unique(source: Source, arrivals: Iterable[Arrival]) -> tuple[tuple[Arrival, ...], list[Quarantined]]:
    """Arrivals whose call_id is theirs alone: of two recordings of one call, neither is preferred."""
    by_id: dict[str, list[Arrival]] = {}
    for arrival in arrivals:
        by_id.setdefault(arrival.call.call_id, []).append(arrival)
    clashing: list[Quarantined] = []
    for call_id, group in by_id.items():
        if len(group) > 1:
            for arrival in group:
                others = ", ".join(a.path.name for a in group if a is not arrival)
                error = Unreadable(
                    "duplicate_call_id",
                    f"{arrival.path.name}: call_id {call_id!r} is also that of {others}",
                    why="two different recordings claim to be the same call",
                    tries=("give each recording its own call_id", "keep only the recording that was meant"),
                )
                clashing.append(_quarantined(source, arrival.path, arrival.sha256, arrival.size, error))
    alone = tuple(a for a in arrivals if len(by_id[a.call.call_id]) == 1)
    return alone, clashing


def _quarantined(source: Source, path: Path, digest: str | None, size: int, error: Unreadable) -> Quarantined:
    return Quarantined(
        path=str(path),
        sha256=digest,
        size=size,
        code=error.code,
        reason=f"{error.what} ({error.why})" if error.why else error.what,
        next_step="; or ".join(error.tries),
        source=source.name,
    )


def _unparsable(place: str, found: str) -> Unreadable:
    return Unreadable(
        "metadata_unparsable",
        f"metadata cannot be read: {found}",
        why=place,
        tries=("correct the metadata; the call is picked up by the next run",),
    )


def _not_readable(path: Path, error: OSError) -> Unreadable:
    return Unreadable(
        "not_readable",
        f"{path.name}: cannot be read",
        why=f"{path}: {error.strerror or error}",
        tries=("give the account that runs callaudit the right to read it",),
    )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _zone(source: Source) -> ZoneInfo:
    try:
        return ZoneInfo(source.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SetupError(
            f"source {source.name!r}: no time zone {source.zone!r}",
            why="zones have names such as Europe/Berlin or America/New_York",
            tries=("correct `zone` in the settings",),
        ) from error


def _pattern(source: Source) -> re.Pattern[str] | None:
    if not source.file_name:
        return None
    try:
        pattern = re.compile(source.file_name)
    except re.error as error:
        raise SetupError(
            f"source {source.name!r}: file_name is no regular expression: {error}",
            why=f"file_name = {source.file_name!r}",
            tries=(r"file_name = '(?P<call_id>\d+)_(?P<agent_id>\w+)_(?P<started_at>[\dT-]+)'",),
        ) from error
    known = (*_TEXT_FIELDS, "started_at", "speaker")
    unknown = set(pattern.groupindex) - {*known}
    missing = {"call_id", "started_at"} - set(pattern.groupindex)
    if unknown or missing:
        listed = [f"no field {n!r}" for n in sorted(unknown)] + [f"group {n!r} is missing" for n in sorted(missing)]
        raise SetupError(
            f"source {source.name!r}: file_name: {', '.join(listed)}",
            why=f"named groups may be {', '.join(known)}; call_id and started_at must be there",
            tries=(r"file_name = '(?P<call_id>\d+)_(?P<agent_id>\w+)_(?P<started_at>[\dT-]+)'",),
        )
    return pattern
