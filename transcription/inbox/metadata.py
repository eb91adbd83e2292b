"""From the words beside a recording, or in its name, to a `Call`.

Fields come from the name by the source's pattern, over them from a sidecar or a row of a table. A time that cannot
be read, or not in one way only, is an error: it is never the file's own time and never "now".
"""

import csv
import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from xml.parsers import expat
from zoneinfo import ZoneInfo

import msgspec

from callaudit.transcription.encoding import text_of
from callaudit.transcription.errors import Unreadable
from callaudit.transcription.inbox.source import KNOWN_FIELDS, RECORDING, TEXT_FIELDS, Source, Terms
from callaudit.transcription.inbox.storage import Found, Storage, read_small
from callaudit.transcription.possible import check_start
from callaudit.transcription.transcript import Call

LIKE_METADATA = (".json", ".csv", ".xml")

_MOST_BYTES = 64 << 20
_NESTED_FIELDS = {
    "agent": {"id": "agent_id", "name": "agent_name", "team": "team"},
    "customer": {"id": "customer_id", "name": "customer_name"},
}
_ALSO_CALLED = {"agent_team": "team"}


class Field(msgspec.Struct, frozen=True):
    """What metadata say of one field, and where they say it."""

    value: Any
    place: str


class Row(msgspec.Struct, frozen=True):
    """A line of a table of metadata by its column names; `place` names the file and the line.

    `flaw` says what is wrong with the line, "" for nothing; then `values` are as far as they can be made out.
    """

    values: dict[str, str]
    place: str
    flaw: str = ""


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about a recording before its bytes are: the fields, and how their times are written."""

    fields: dict[str, Field]
    started_format: str
    told_by: str


def named_fields(terms: Terms, recording: Found, place: str) -> dict[str, Field]:
    """The fields in the recording's name or path; none where the pattern does not match."""
    if terms.pattern is None:
        return {}
    for text in (_stem(recording.name), recording.name, _stem(recording.path), recording.path):
        match = terms.pattern.fullmatch(text)
        if match:
            return {name: Field(text, f"{place}: file name") for name, text in match.groupdict().items() if text}
    return {}


def metadata_of(
    terms: Terms, storage: Storage, recording: Found, sidecar: Found | None, row: Row | None
) -> Metadata | None:
    """All that name, sidecar and table tell; None where they tell nothing. Raises `Unreadable`."""
    place = storage.place(recording.path)
    named = named_fields(terms, recording, place)
    told: dict[str, Field] = {}
    if sidecar is not None:
        content = read_sidecar(storage, sidecar, terms.source)
        is_row = sidecar.name.lower().endswith(".csv")
        told = _chosen(content, terms.source, storage.place(sidecar.path), is_row=is_row)
    elif row is not None:
        told = _chosen(_sound(row).values, terms.source, row.place, is_row=True)
    if sidecar is None and row is None and not named:
        return None
    from_name = "started_at" not in told
    sources = ["file name"] if named else []
    sources += [sidecar.name] if sidecar is not None else [row.place.rpartition("/")[2]] if row is not None else []
    return Metadata(
        fields={**named, **told},
        started_format=terms.source.started_format if from_name else terms.source.sidecar_started_format,
        told_by=" and ".join(sources),
    )


def start_of(terms: Terms, metadata: Metadata) -> datetime | None:
    """When the call began, whatever is wrong with the other fields; None where it cannot be read or is no call's."""
    started = metadata.fields.get("started_at")
    if started is None:
        return None
    try:
        started_at = read_time(started.value, terms.zone, metadata.started_format)
        check_start(started_at, place=started.place)
    except (ValueError, OverflowError, Unreadable):
        return None
    return started_at


def call_of(terms: Terms, metadata: Metadata, *, sha256: str, place: str) -> Call:
    """The call that the fields tell. Raises `Unreadable` naming the field and what was found.

    A recording that bears only the id of its interaction gets an id of its own, made from that and its bytes.
    """
    texts: dict[str, str] = {}
    for name in TEXT_FIELDS:
        field = metadata.fields.get(name)
        value = field.value if field is not None else None
        if field is not None and (isinstance(value, bool) or not isinstance(value, str | int | None)):
            raise unparsable(f"{field.place}: field {name!r}", f"expected text, found {shown(value)}")
        if value is not None and str(value).strip():
            texts[name] = str(value).strip()
    if "direction" in texts:
        texts["direction"] = _DIRECTIONS.get(texts["direction"].casefold(), texts["direction"])
    if "call_id" not in texts:
        if "interaction_id" not in texts:
            raise unparsable(f"{_place(metadata, 'call_id', place)}: field 'call_id'", "it is missing or empty")
        texts["call_id"] = f"{texts['interaction_id']}-{sha256[:8]}"
    call_id = texts.pop("call_id")
    started = metadata.fields.get("started_at")
    if started is None or started.value is None or started.value == "":
        if terms.source.metadata == "optional" and not {"started_at"} & {*terms.source.fields, *metadata.fields}:
            return Call(call_id=call_id, source=terms.source.name, started_at=None, **texts)
        raise unparsable(f"{_place(metadata, 'started_at', place)}: field 'started_at'", "it is missing or empty")
    epoch = metadata.fields.get("started_epoch")
    try:
        near = _counted(epoch.value, terms.zone, 1) if epoch is not None and epoch.value else None
        started_at = read_time(started.value, terms.zone, metadata.started_format, near=near)
    except ValueError as error:
        raise unparsable(f"{started.place}: field 'started_at'", str(error)) from error
    except OverflowError as error:
        # The first and the last day of the calendar have no place in every zone.
        raise unparsable(f"{started.place}: field 'started_at'", f"no call began on {shown(started.value)}") from error
    check_start(started_at, place=printable(f"{started.place}: field 'started_at'"))
    return Call(call_id=call_id, source=terms.source.name, started_at=started_at, **texts)


# Who called whom, as recorders write it: a call that the customer made keeps no promise to call back.
_DIRECTIONS = {
    **dict.fromkeys(("inbound", "in", "incoming", "received"), "inbound"),
    **dict.fromkeys(("outbound", "out", "outgoing", "dialed", "dialled", "outbound-api", "outbound-dial"), "outbound"),
}


def _place(metadata: Metadata, name: str, otherwise: str) -> str:
    if name in metadata.fields:
        return metadata.fields[name].place
    places = dict.fromkeys(f.place for f in metadata.fields.values())
    return next(reversed(places), otherwise)


# ---------- sidecars


def read_sidecar(storage: Storage, sidecar: Found, source: Source) -> Mapping[str, Any]:
    """The one object, row or element of a sidecar file. Raises `Unreadable`."""
    place = storage.place(sidecar.path)
    content = _content(storage, sidecar, f"more than {_MOST_BYTES >> 20} MB are no metadata of one call")
    ending = sidecar.name.lower().rpartition(".")[2]
    if ending == "xml":
        return _xml(content, place)
    if ending == "csv":
        rows = _rows(content, place, source.fields.values() or _OUR_COLUMNS)
        if len(rows) != 1:
            raise unparsable(place, f"expected a header and one row, found {len(rows)} rows")
        return _sound(rows[0]).values
    try:
        decoded = msgspec.json.decode(text_of(content))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise unparsable(place, f"it is no JSON: {error}") from error
    if not isinstance(decoded, dict):
        raise unparsable(place, f"expected one object with fields, found {shown(decoded)}")
    return decoded


def read_table(storage: Storage, table: Found, source: Source) -> list[tuple[str, Row]]:
    """Each row of a table with the recording that it names, rows with a flaw included. Raises `Unreadable`."""
    place = storage.place(table.path)
    content = _content(storage, table, f"it holds more than {_MOST_BYTES >> 20} MB; split it")
    column = source.fields[RECORDING]
    rows = _rows(content, place, (column,), used=source.fields.values())
    if rows and not any(column in row.values for row in rows):
        raise unparsable(place, _no_column(column, rows[0].values))
    named = [(row.values.get(column, "").strip(), row) for row in rows]
    return [(name, row) for name, row in named if name]


def _content(storage: Storage, file: Found, too_large: str) -> bytes:
    try:
        content = read_small(storage, file.path, most=_MOST_BYTES)
    except OSError as error:
        raise not_readable(file.name, storage.place(file.path), error) from error
    if len(content) > _MOST_BYTES:
        raise unparsable(storage.place(file.path), too_large)
    return content


def _sound(row: Row) -> Row:
    if row.flaw:
        raise unparsable(row.place, row.flaw)
    return row


# What stands before the header, and how many lines of it, is the exporting program's own affair.
_MOST_TITLES = 30
# A cell may hold line breaks; a quote that is never closed must not swallow the table.
_MOST_LINES_A_ROW = 50
_SEPARATOR = re.compile(r"sep=(.)\s*", re.IGNORECASE)
_TOTAL = re.compile(r"(?:grand )?(?:totals?|sum|count|records|rows|gesamt|summe|anzahl)\b[\s:]*[\d.,]*", re.IGNORECASE)
_OUR_COLUMNS = (*KNOWN_FIELDS, *_ALSO_CALLED)


def _rows(content: bytes, place: str, wanted: Collection[str], *, used: Collection[str] = ()) -> list[Row]:
    """The rows below the header, which is the first line that holds one of the `wanted` columns.

    Titles before it and totals at the end are no rows. A line that cannot be read is a row with a flaw. No column that
    is wanted or `used` may stand there twice.
    """
    try:
        text = text_of(content)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise unparsable(f"{place}: line {line}", f"it is not UTF-8 text: {error.reason}") from error
    lines = text.split("\n")
    said = _SEPARATOR.fullmatch(lines[0])
    first = 1 if said is not None else 0
    at, delimiter = _header(lines, first, said[1] if said is not None else "", wanted)
    if at >= len(lines):
        return []
    header = [name.strip() for name in next(csv.reader([lines[at]], delimiter=delimiter))]
    while header and not header[-1]:
        header.pop()
    twice = sorted({name for name in header if name in {*wanted, *used} and header.count(name) > 1})
    if twice:
        raise unparsable(f"{place}: line {at + 1}", f"the column {twice[0]!r} stands there twice")
    rows = [
        _row(header, cells, flaw, f"{place}: line {number}")
        for number, cells, flaw in _records(lines, at + 1, delimiter)
        if any(cell.strip() for cell in cells)
    ]
    return [
        row for row in rows if not _TOTAL.fullmatch(next((v for v in row.values.values() if v.strip()), "").strip())
    ]


def _header(lines: Sequence[str], first: int, separator: str, wanted: Collection[str]) -> tuple[int, str]:
    """The number of the header's line and what separates its columns."""
    candidates = [n for n in range(first, min(len(lines), first + _MOST_TITLES)) if lines[n].strip()]
    for n in candidates:
        for delimiter in separator or ",;\t|":
            cells = {cell.strip() for cell in next(csv.reader([lines[n]], delimiter=delimiter), [])}
            if not cells.isdisjoint(wanted):
                return n, delimiter
    at = candidates[0] if candidates else len(lines)
    # What separates most columns; a comma where there is but one.
    return at, separator or max(",;\t|", key=lines[at].count if candidates else lambda _: 0)


def _records(lines: Sequence[str], at: int, delimiter: str) -> Iterator[tuple[int, list[str], str]]:
    """Number, cells and flaw of each record; after one that cannot be read it goes on with the next line."""
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        cells, flaw, used = [cell.strip(' "') for cell in lines[at].split(delimiter)], "it is no CSV: an open quote", 1
        for more in range(1, _MOST_LINES_A_ROW + 1):
            try:
                read = next(csv.reader(["\n".join(lines[at : at + more])], delimiter=delimiter, strict=True))
            except csv.Error as error:
                if "unexpected end" in str(error) and at + more < len(lines):
                    continue
                flaw = f"it is no CSV: {error}"
            else:
                cells, flaw, used = read, "", more
            break
        yield at + 1, cells, flaw
        at += used


def _row(header: Sequence[str], cells: Sequence[str], flaw: str, place: str) -> Row:
    values = {name: cell for name, cell in zip(header, cells, strict=False) if name}
    if not flaw and (len(cells) < len(header) or any(cell.strip() for cell in cells[len(header) :])):
        flaw = f"expected {len(header)} cells, found {len(cells)}"
    return Row(values, place, flaw)


def _xml(content: bytes, place: str) -> Mapping[str, Any]:
    """Elements as nested dicts: attributes and children by name, repeated children as lists, the root's name too.

    A document type is refused, and with it every entity: none of them belongs into metadata.
    """
    parser = expat.ParserCreate()
    root: dict[str, Any] = {}
    stack: list[tuple[dict[str, Any], list[str]]] = [(root, [])]

    def start(name: str, attributes: dict[str, str]) -> None:
        stack.append(({_local(k): v for k, v in attributes.items()}, []))

    def end(name: str) -> None:
        children, pieces = stack.pop()
        text = "".join(pieces).strip()
        value: Any = {**children, "#text": text} if children and text else children or text
        parent = stack[-1][0]
        known = parent.get(_local(name))
        if known is None:
            parent[_local(name)] = value
        elif isinstance(known, list):
            known.append(value)
        else:
            parent[_local(name)] = [known, value]

    def characters(text: str) -> None:
        stack[-1][1].append(text)

    def document_type(name: str, *_: object) -> None:
        raise unparsable(place, f"it declares a document type ({name}), which metadata need not; entities are refused")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = document_type
    try:
        parser.Parse(_as_marked(content), True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise unparsable(place, f"it is no XML: {error}") from error
    (inside,) = root.values()
    return {**root, **inside} if isinstance(inside, dict) else root


# Programs write "utf-16" into XML that they then write as UTF-8.
_SAYS_UTF16 = re.compile(rb"<\?xml[^>]*encoding=[\"']utf-16", re.IGNORECASE)


def _as_marked(content: bytes) -> str | bytes:
    """The text where its first bytes tell its encoding; else the bytes, whose encoding the XML declares itself."""
    if content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:4]:
        return text_of(content)
    return text_of(content) if _SAYS_UTF16.match(content) else content


def _local(name: str) -> str:
    return name.rpartition(":")[2]


# ---------- fields


def _chosen(content: Mapping[str, Any], source: Source, place: str, *, is_row: bool = False) -> dict[str, Field]:
    """Our fields in somebody's metadata: where `source.fields` says, else under our own names.

    A row has all columns of its table, so that a wrong name shows.
    """
    if not source.fields:
        return _under_our_names(content, place)
    fields: dict[str, Field] = {}
    for name, path in source.fields.items():
        if name != RECORDING:
            if is_row and path not in content:
                raise unparsable(f"{place}: {path}", _no_column(path, content))
            value = _at(content, path, place)
            if value is not None or name == "started_at":
                fields[name] = Field(value, f"{place}: {path}")
    return fields


def _under_our_names(content: Mapping[str, Any], place: str) -> dict[str, Field]:
    fields: dict[str, Field] = {}
    for key, value in content.items():
        nested = _NESTED_FIELDS.get(key)
        if nested is None:
            fields.setdefault(_ALSO_CALLED.get(key, str(key)), Field(value, place))
        elif isinstance(value, dict):
            fields.update({nested[k]: Field(v, place) for k, v in value.items() if k in nested})
        elif value is not None:
            raise unparsable(f"{place}: field {key!r}", f"expected an object, found {shown(value)}")
    return fields


def _at(content: Any, path: str, place: str) -> Any:  # noqa: ANN401  What others wrote has no type.
    """The value at a dotted path; numbers count along lists. None where a step is not there."""
    if isinstance(content, dict) and path in content:
        value = content[path]
    else:
        value = content
        for step in re.split(r"[./]", path):
            if isinstance(value, dict):
                value = value.get(step.removeprefix("@"))
            elif isinstance(value, list) and step.isdecimal():
                value = value[int(step)] if int(step) < len(value) else None
            elif isinstance(value, list):
                raise unparsable(
                    f"{place}: {path}", f"{len(value)} of them before {step!r}; write which, counted from 0"
                )
            else:
                return None
    return value.get("#text") if isinstance(value, dict) and "#text" in value else value


def _no_column(column: str, values: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(column, values, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    return f"there is no {column!r} among {', '.join(values)}{meant}"


# ---------- times


def read_time(written: object, zone: ZoneInfo, started_format: str = "", *, near: datetime | None = None) -> datetime:
    """The time with its offset; `ValueError` in words for one that cannot be read, or not in one way only.

    Of a time that happened twice `near`, when its call began to ring, tells which one it was.
    """
    if started_format in {"epoch", "epoch_ms"}:
        return _counted(written, zone, 1000 if started_format == "epoch_ms" else 1)
    if not isinstance(written, str):
        raise ValueError(f"expected a time such as 2026-03-02T09:15:00+01:00, found {shown(written)}")
    text = written.strip()
    try:
        if started_format == "rfc2822":
            when = parsedate_to_datetime(text)
        elif started_format:
            when = datetime.strptime(text, started_format)  # noqa: DTZ007  The zone is added below.
        else:
            when = datetime.fromisoformat(text)
    except (ValueError, IndexError, TypeError):
        like = {"": "2026-03-02T09:15:00+01:00", "rfc2822": "Mon, 02 Mar 2026 08:15:00 +0000"}
        raise ValueError(
            f"expected a time like {like.get(started_format, started_format)}, found {shown(written)}"
        ) from None
    if not started_format and len(text) <= len("2026-03-02"):
        raise ValueError(f"expected a date and a time of day, found {shown(written)}")
    if started_format == "rfc2822" and text.endswith("-0000"):
        when = when.replace(tzinfo=UTC)
    return when if when.tzinfo is not None else _in_zone(when, text, zone, near)


def _counted(written: object, zone: ZoneInfo, per_second: int) -> datetime:
    unit = "milliseconds" if per_second == 1000 else "seconds"
    try:
        if isinstance(written, bool) or not isinstance(written, str | int | float):
            raise ValueError
        when = datetime.fromtimestamp(float(written) / per_second, UTC).astimezone(zone)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"expected {unit} since 1970, found {shown(written)}") from None
    if not 1990 <= when.year < 2100:
        raise ValueError(f"{shown(written)} {unit} since 1970 would be in the year {when.year}")
    return datetime.fromisoformat(when.isoformat())


_CLOCKS_DIFFER = timedelta(minutes=1)


def _in_zone(when: datetime, text: str, zone: ZoneInfo, near: datetime | None) -> datetime:
    earlier, later = when.replace(tzinfo=zone, fold=0), when.replace(tzinfo=zone, fold=1)
    if earlier.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != when:
        raise ValueError(f"{text} does not exist in {zone.key}: clocks went forward over it; write the offset")
    if earlier.utcoffset() != later.utcoffset():
        if near is None:
            raise ValueError(f"{text} happened twice in {zone.key}: clocks went back; write the offset")
        # No recording begins before its call does; a clock is read to the second.
        earlier = earlier if earlier >= near - _CLOCKS_DIFFER else later
    # A fixed offset, as if it had been written: what the call keeps must not depend on a zone database.
    return datetime.fromisoformat(earlier.isoformat())


# ---------- what is wrong


def unparsable(place: str, found: str) -> Unreadable:
    """Metadata that are there and cannot be understood."""
    return Unreadable(
        "metadata_unparsable",
        f"metadata cannot be read: {found}",
        why=printable(place),
        tries=("correct the metadata; the call is picked up by the next run",),
    )


def not_readable(name: str, place: str, error: OSError) -> Unreadable:
    """A file that this account may not read."""
    return Unreadable(
        "not_readable",
        f"{printable(name)}: cannot be read",
        why=printable(f"{place}: {error.strerror or error}"),
        tries=("give the account that runs callaudit the right to read it",),
    )


def shown(value: object) -> str:
    """A value in a message: short, and on one line."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def printable(text: str) -> str:
    """A name from outside in a message: line breaks, controls, turned writing and broken bytes as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


def stem_of(recording: Found) -> str:
    """The recording's name without its ending."""
    return _stem(recording.name)


def _stem(path: str) -> str:
    head, slash, name = path.rpartition("/")
    dot = name.rfind(".")
    return f"{head}{slash}{name[:dot] if dot > 0 else name}"


def beside(recording: Found, names: Sequence[str]) -> list[str]:
    """The paths at which the recording's metadata may lie, in the order in which they are looked for."""
    folder, slash, name = recording.path.rpartition("/")
    stem = _stem(name)
    return [f"{folder}{slash}{n.replace('{name}', name).replace('{stem}', stem)}" for n in names]
