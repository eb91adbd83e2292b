"""A run as JSON lines, one for each event: for log collectors, and for those who look for what went wrong.

No line holds anything personal. Numbers and switches are let through, and of texts only those whose field is known to
hold an id, a code or a name of ours: an event that is added later tells nothing personal by accident. File names are
left out because recorders put phone numbers and names into them; a recording is named by its call id, or by the first
twelve digits of its sha256, which `callaudit query "from not_audited"` shows beside its name.
"""

import logging
import os
import re
import sys
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import msgspec

from callaudit.flows.telemetry.events import Ended, Event, Opened, Refused
from callaudit.transcription.errors import SetupError

SAYS = frozenset({"run_id", "call_id", "recording", "code", "engine", "step", "state", "error_kind"})
"""The fields that are logged although they hold text."""

_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


class Journal(logging.Handler):
    """Adds a line to `file` for each event it hears, at once; every line is whole and can be read by itself.

    Raises SetupError where the file cannot be written.
    """

    def __init__(self, file: Path | None) -> None:
        super().__init__()
        self._run_id = ""
        self._own = file is not None
        try:
            self._lines: TextIO = sys.stderr if file is None else file.open("a", encoding="utf-8", buffering=1)
        except OSError as error:
            raise SetupError(
                f"the log {file} cannot be written",
                why=f"{error.strerror}.",
                tries=("set [watch] log to a file that can be written", 'or to "-" for standard error'),
            ) from error

    def emit(self, record: logging.LogRecord) -> None:
        """Write one event down."""
        event = getattr(record, "event", None)
        if not isinstance(event, Event):
            return
        if isinstance(event, Opened):
            self._run_id = event.run_id
        try:
            self._lines.write(
                line_of(event, run_id=self._run_id, at=datetime.fromtimestamp(record.created, UTC)) + "\n"
            )
            self._lines.flush()
        except (OSError, ValueError):
            self.handleError(record)

    def close(self) -> None:
        """Let go of the file."""
        if self._own:
            self._lines.close()
        super().close()


def line_of(event: Event, *, run_id: str, at: datetime) -> str:
    """The event as one line of JSON, without anything personal; `at` is written in UTC."""
    fields = msgspec.structs.asdict(event)
    told = {
        "time": at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "level": _level(event),
        "event": _CAPITAL.sub("_", type(event).__name__).lower(),
        "run_id": run_id,
        **{k: v for k, v in fields.items() if isinstance(v, bool | int | float) or (k in SAYS and isinstance(v, str))},
    }
    return msgspec.json.encode(told).decode()


def forget_calls(file: Path, calls: Collection[str], recordings: Collection[str]) -> None:
    """Take every line of these calls, and of the recordings with these sha256, out of a log; nobody writes it now."""
    if not file.exists() or not (calls or recordings):
        return
    names = {*calls, *(sha256[:12] for sha256 in recordings)}
    part = file.with_name(f"{file.name}.part")
    with file.open("rb") as former, part.open("wb") as kept:
        os.fchmod(kept.fileno(), file.stat().st_mode & 0o777)
        kept.writelines(line for line in former if not _tells_of(line, names))
    part.replace(file)


def _tells_of(line: bytes, names: Collection[str]) -> bool:
    try:
        told = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False  # A line that was cut off by a kill, or is none of ours.
    return told.get("call_id") in names or told.get("recording") in names


def _level(event: Event) -> str:
    if isinstance(event, Ended) and event.state != "finished":
        return "error"
    return "warning" if isinstance(event, Refused) else "info"
