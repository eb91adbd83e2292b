"""Verdicts that people agreed on and that no change of a rule may take back, read from a file."""

import csv
import difflib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from callaudit.audit_rules.finding import Verdict
from callaudit.transcription.errors import InputError

COLUMNS = ("call_id", "rule_id", "verdict")


class Golden(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One verdict that must hold."""

    call_id: str
    rule_id: str
    verdict: Verdict


def read_golden(path: Path) -> tuple[Golden, ...]:
    """The golden verdicts of a CSV with a head line, or of JSON objects, one a line; other columns are ignored.

    Raises:
        InputError: the file cannot be read, a line lacks a column, names no verdict, or contradicts another.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the golden verdicts of {path}", why=str(error)) from error
    lines = _json_lines(text, path) if text.lstrip().startswith("{") else _csv_lines(text)
    return _checked(lines, path)


def _csv_lines(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    for row in reader:
        yield reader.line_num, row


def _json_lines(text: str, path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{path}:{number} is not JSON", why=str(error), tries=(_example(),)) from error
        if not isinstance(row, dict):
            raise InputError(f"{path}:{number} is no JSON object", tries=(_example(),))
        yield number, row


def _checked(lines: Iterable[tuple[int, Mapping[str, Any]]], path: Path) -> tuple[Golden, ...]:
    found: dict[tuple[str, str], Verdict] = {}
    for number, row in lines:
        call_id, rule_id, verdict = (str(row.get(c) or "").strip() for c in COLUMNS)
        missing = [c for c, value in zip(COLUMNS, (call_id, rule_id, verdict), strict=True) if not value]
        if missing:
            raise InputError(f"{path}:{number} has no {' and no '.join(missing)}", tries=(_example(),))
        if verdict not in list(Verdict):
            near = difflib.get_close_matches(verdict, list(Verdict), n=1)
            raise InputError(
                f"{path}:{number}: “{verdict}” is no verdict",
                why=f"There are: {', '.join(Verdict)}." + (f" Did you mean “{near[0]}”?" if near else ""),
            )
        before = found.setdefault((call_id, rule_id), Verdict(verdict))
        if before != verdict:
            raise InputError(f"{path}:{number}: {call_id} {rule_id} is {verdict} here and {before} further up")
    if not found:
        raise InputError(f"{path} holds no golden verdict", tries=(_example(),))
    return tuple(Golden(call_id=c, rule_id=r, verdict=v) for (c, r), v in sorted(found.items()))


def _example() -> str:
    return f"a first line {','.join(COLUMNS)} and then, for example, C-1004,apology.given,met"
