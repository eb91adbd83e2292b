"""`callaudit query`: rows written as a table, CSV, JSON, Markdown or Parquet, as they come."""

import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from callaudit.console import show_rows
from callaudit.transcription.errors import InputError, SetupError
from callaudit.warehouse.published import Parameters, Published
from callaudit.warehouse.queries import looks_like_a_name, saved_query, values_for

FORMATS = ("table", "csv", "json", "markdown", "parquet")
_ENDINGS = {".csv": "csv", ".json": "json", ".md": "markdown", ".parquet": "parquet", ".txt": "table"}
_ON_A_SCREEN = 1_000

_JSON = msgspec.json.Encoder(decimal_format="number")
Batches = Iterator[pa.RecordBatch]


def format_of(asked: str, target: Path | None) -> str:
    """The format that was asked for, else the one that the file's name ends in, else a table.

    Raises InputError for a format that is none, and for Parquet without a file.
    """
    chosen = asked or (_ENDINGS.get(target.suffix.lower(), "") if target else "table")
    if chosen not in FORMATS:
        wrong = "" if asked else f"{target}: the ending does not tell a format."
        raise InputError(
            f"“{asked or (target.suffix if target else '')}” is no format",
            why=wrong,
            tries=tuple(f"--output {name}" for name in FORMATS),
        )
    if chosen == "parquet" and target is None:
        raise InputError("Parquet needs a file", tries=("--out FILE.parquet",))
    return chosen


def question(published: Published, asked: str, values: Sequence[str]) -> tuple[str, dict[str, object] | None]:
    """The SQL that is meant by SQL or by the name of a saved query, and what its `$names` stand for.

    `values` are as typed: `name=value`. Raises InputError for a name or value that does not exist.
    """
    given = dict(_pair(value) for value in values)
    if not looks_like_a_name(asked):
        return asked, dict(given) or None
    query = saved_query(asked)
    return query.sql, values_for(query, given, published) or None


def _pair(value: str) -> tuple[str, str]:
    name, equals, meant = value.partition("=")
    if not equals:
        raise InputError(
            f"“{value}” is no value",
            why="A value has a name; SQL with spaces in it stands in one pair of quotes.",
            tries=("callaudit query one_agent agent='Marco Lee'", "callaudit query 'select 1'"),
        )
    return name.removeprefix("$"), meant


def write_answer(
    published: Published, sql: str, parameters: Parameters = None, *, output: str, target: Path | None = None
) -> int:
    """Ask, and write the rows to `target` or to the terminal; returns how many there are.

    Rows are written as they come, so their number does not matter, save for a table, which measures its columns
    first and stops on a terminal after 1,000 rows. A file appears whole or not at all.

    Raises:
        InputError: the query cannot run.
        SetupError: the file cannot be written.
    """
    if output == "table":
        return _table(published, sql, parameters, target)
    write = {"csv": _csv, "json": _json, "markdown": _markdown, "parquet": _parquet}[output]
    with published.batches(sql, parameters, plain=output == "csv") as (schema, batches):
        if target is None:
            return _on_standard_output(write, schema, batches)
        with whole_file(target) as sink:
            return write(schema, batches, sink)


def _on_standard_output(
    write: Callable[[pa.Schema, Batches, BinaryIO], int], schema: pa.Schema, batches: Batches
) -> int:
    sys.stdout.flush()
    count = write(schema, batches, sys.stdout.buffer)
    sys.stdout.buffer.flush()
    return count


def _table(published: Published, sql: str, parameters: Parameters, target: Path | None) -> int:
    limit = _ON_A_SCREEN if target is None and sys.stdout.isatty() else None
    with published.batches(sql, parameters) as (schema, batches):
        rows = list(islice(_rows(schema, batches), limit + 1 if limit else None))
    shown = rows[:limit]
    if target is None:
        show_rows(shown, empty="No rows.")
    else:
        with whole_file(target) as sink:
            text = TextIOWrapper(sink, encoding="utf-8", newline="\n")
            show_rows(shown, empty="No rows.", file=text)
            text.detach()
    if len(rows) > len(shown):
        sys.stderr.write(f"The first {limit:,} rows. All of them: --out FILE.csv\n")
    return len(shown)


def _rows(schema: pa.Schema, batches: Batches) -> Iterator[dict[str, object]]:
    names = _distinct(schema.names)
    for batch in batches:
        yield from batch.rename_columns(names).to_pylist()


def _distinct(names: list[str]) -> list[str]:
    """Column names of which no two are equal, as a row by name needs them: a, a_1, a_2."""
    made: list[str] = []
    for name in names:
        other, number = name, 0
        while other in made:
            number += 1
            other = f"{name}_{number}"
        made.append(other)
    return made


def _csv(schema: pa.Schema, batches: Batches, sink: BinaryIO) -> int:
    count = 0
    with pyarrow.csv.CSVWriter(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            count += batch.num_rows
    return count


def _parquet(schema: pa.Schema, batches: Batches, sink: BinaryIO) -> int:
    names = _distinct(schema.names)
    schema = pa.schema([field.with_name(name) for field, name in zip(schema, names, strict=True)])
    count = 0
    with pyarrow.parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch.rename_columns(names))
            count += batch.num_rows
    return count


def _json(schema: pa.Schema, batches: Batches, sink: BinaryIO) -> int:
    count = 0
    sink.write(b"[")
    for count, row in enumerate(_rows(schema, batches), 1):
        sink.write((b",\n" if count > 1 else b"\n") + _JSON.encode(row))
    sink.write(b"\n]\n")
    return count


def _markdown(schema: pa.Schema, batches: Batches, sink: BinaryIO) -> int:
    names = _distinct(schema.names)
    sink.write(_markdown_line(names) + _markdown_line(["---"] * len(names)))
    count = 0
    for row in _rows(schema, batches):
        sink.write(_markdown_line([_cell(value) for value in row.values()]))
        count += 1
    return count


def _markdown_line(cells: list[str]) -> bytes:
    safe = (cell.replace("\\", "\\\\").replace("|", "\\|").replace("\r", " ").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(safe)} |\n".encode()


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else _JSON.encode(value).decode().strip('"')


@contextmanager
def whole_file(target: Path) -> Iterator[BinaryIO]:
    """A file for its owner only, that is put in its place when the block ends well, and else leaves nothing.

    Raises SetupError where it cannot be written.
    """
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        part.touch(mode=0o600, exist_ok=False)
        with part.open("wb") as sink:
            yield sink
        part.replace(target)
    except OSError as error:
        raise SetupError(
            f"cannot write {target}", why=f"{error.strerror or error}.", tries=("check that the folder is there",)
        ) from error
    finally:
        part.unlink(missing_ok=True)
