"""Where recordings come from, how they are named, and where the words about them lie."""

import re
import tomllib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from callaudit.transcription.errors import SetupError
from callaudit.transcription.transcript import SpeakerRole

SIDECARS = (
    "{name}.json", "{stem}.json", "{name}.csv", "{stem}.csv", "{name}.xml", "{stem}.xml"
)  # fmt: skip
"""Where the metadata of a recording are looked for, beside it; `{stem}` is its name without the ending."""

TEXT_FIELDS = (
    "call_id", "interaction_id", "agent_id", "agent_name", "team", "customer_id", "customer_name", "queue", "direction"
)  # fmt: skip
"""The fields of a call that metadata may hold besides `started_at`."""

KNOWN_FIELDS = (*TEXT_FIELDS, "started_at", "started_epoch", "speaker")
"""The fields that metadata may hold.

`speaker` says who speaks in an export that was made of one party; `started_epoch`, seconds since 1970 when the call
began to ring, says which one was meant of a `started_at` that happened twice.
"""

RECORDING = "recording"
"""The column of a table of metadata that names the recording."""


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One place recordings come from.

    - `folder`: a folder, or the URL of a place in an object store (`s3://bucket/prefix`).
    - `agent_channel`: 0 (left) or 1 (right); None where it is not known.
    - `zone`: IANA zone for times without an offset, and for times counted in seconds.
    - `file_name`: regular expression with named groups, matched on the name without its ending, on the name, then on
      the path below `folder` without and with its ending.
    - `started_format`: how `started_at` reads in a file name: empty = ISO 8601, "epoch" (seconds), "epoch_ms",
      "rfc2822", or a strptime format.
    - `sidecars`: names of files beside a recording that hold its metadata, the first one there is read; `{name}` and
      `{stem}` stand for the recording's name with and without its ending.
    - `sidecar_started_format`: how `started_at` reads in sidecars and tables.
    - `table`: pattern of CSV files below `folder` with one row per recording ("*.csv", "**/*.csv").
    - `skip`: patterns of paths below `folder` that are no recordings to audit ("ivr/*").
    - `fields`: where sidecars and tables keep each field; then no other is read. Empty: fields bear our own names.
    - `metadata`: "required" quarantines a recording without any; "optional" audits it as an undated call.
    - `speakers`: the role behind each label of this source's exports; see `transcription.exports.roles`.
    - `glossary`: product and other names that a recogniser cannot guess, most important first.
    - `announcements`: sentences that this source's recordings say (hold messages, menus), which are nobody's words.
    """

    name: str
    folder: Path | str
    agent_channel: int | None = 0
    zone: str
    file_name: str = ""
    started_format: str = ""
    sidecars: tuple[str, ...] = SIDECARS
    sidecar_started_format: str = ""
    table: str = ""
    skip: tuple[str, ...] = ()
    fields: dict[str, str] = {}
    metadata: Literal["required", "optional"] = "required"
    glossary: tuple[str, ...] = ()
    announcements: tuple[str, ...] = ()
    speakers: dict[str, SpeakerRole] = {}


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """A source with its zone and pattern understood."""

    source: Source
    zone: ZoneInfo
    pattern: re.Pattern[str] | None


def terms_of(source: Source) -> Terms:
    """Raises `SetupError` for a zone, a file-name pattern, a form of times or a field that cannot be."""
    _check_fields(source)
    for key in ("started_format", "sidecar_started_format"):
        check_format(source.name, key, getattr(source, key))
    return Terms(source=source, zone=_zone(source), pattern=_pattern(source))


@cache
def presets() -> dict[str, dict[str, Any]]:
    """The settings of each recorder that is known by name; a source's own keys go before them."""
    return tomllib.loads((Path(__file__).parent / "presets.toml").read_text(encoding="utf-8"))


# One in the evening, so that an hour counted to twelve shows; the day can be taken for no month.
_TRIED = (datetime(2026, 12, 30, 21, 15, 40, tzinfo=UTC), datetime(2031, 2, 17, 9, 5, 20, tzinfo=UTC))
_DIRECTIVE = re.compile(r"%[-#]?(.)")
_A_ZONE = re.compile(r"(?<![A-Za-z])(?:Z|UTC|GMT)(?![A-Za-z])|[+-]\d\d:?\d\d\b")


def check_format(source: str, key: str, started_format: str) -> None:
    """Raises `SetupError` for a strptime format that leaves out of `started_at` what decides when the call was."""
    if started_format in {"", "epoch", "epoch_ms", "rfc2822"}:
        return
    directives = set(_DIRECTIVE.findall(started_format))
    zone = _A_ZONE.search(_DIRECTIVE.sub(" ", started_format))
    found, tries = "", f'{key} = "%Y-%m-%dT%H:%M:%S%z"'
    try:
        read = [datetime.strptime(when.strftime(started_format), started_format) for when in _TRIED]  # noqa: DTZ007  Only the format is tried.
    except (ValueError, re.error) as error:
        found = f"it is no format: {error}"
    else:
        pairs = list(zip(read, _TRIED, strict=True))
        if "Z" in directives:
            found = "%Z reads a zone and then drops it; %z reads an offset, also a Z"
        elif zone is not None:
            found = f"{zone[0]!r} in it would be read and then dropped; %z reads an offset, also a Z"
        elif {"H", "p"} <= directives:
            found = "%p means nothing beside %H: of an hour counted to twelve it takes %I"
        elif any(r.date() != when.date() for r, when in pairs):
            found = "it holds no whole date"
        elif any(r.hour != when.hour for r, when in pairs):
            found = "it holds no hour, or one counted to twelve without %p"
    if found:
        raise SetupError(f"source {source!r}: {key}: {found}", why=f"{key} = {started_format!r}", tries=(tries,))


def _zone(source: Source) -> ZoneInfo:
    try:
        return ZoneInfo(source.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SetupError(
            f"source {source.name!r}: no time zone {source.zone!r}",
            why="zones have names such as Europe/Berlin or America/New_York",
            tries=("correct `zone` in the settings",),
        ) from error


def _check_fields(source: Source) -> None:
    known = (*KNOWN_FIELDS, RECORDING)
    for name in source.fields:
        if name not in known:
            raise SetupError(
                f"source {source.name!r}: fields: a call has no field {name!r}",
                why=f"there are {', '.join(known)}",
                tries=('[sources.fields]  call_id = "contactId"',),
            )
    if source.table and RECORDING not in source.fields:
        raise SetupError(
            f"source {source.name!r}: which column of {source.table} names the recording?",
            why="a table holds one row per recording, so one of its columns must say which",
            tries=(f'[sources.fields]  {RECORDING} = "File Name"',),
        )


def _pattern(source: Source) -> re.Pattern[str] | None:
    if not source.file_name:
        return None
    example = r"file_name = '(?P<call_id>\d+)_(?P<agent_id>\w+)_(?P<started_at>[\dT-]+)'"
    try:
        pattern = re.compile(source.file_name)
    except re.error as error:
        raise SetupError(
            f"source {source.name!r}: file_name is no regular expression: {error}",
            why=f"file_name = {source.file_name!r}",
            tries=(example,),
        ) from error
    groups, elsewhere = set(pattern.groupindex), set(source.fields)
    listed = [f"no field {n!r}" for n in sorted(groups - set(KNOWN_FIELDS))]
    if not (groups | elsewhere) & {"call_id", "interaction_id"}:
        listed.append("group 'call_id' is missing")
    if "started_at" not in groups | elsewhere and source.metadata == "required":
        listed.append("group 'started_at' is missing")
    if listed:
        raise SetupError(
            f"source {source.name!r}: file_name: {', '.join(listed)}",
            why=f"named groups may be {', '.join(KNOWN_FIELDS)}; "
            "call_id and started_at must be there, or be named under [sources.fields] if a sidecar holds them",
            tries=(example, '[sources.fields]  started_at = "path.in.the.sidecar"'),
        )
    return pattern
