"""The views as Parquet files, a folder for each, divided by ISO week: for pandas, Spark or a data lake.

::

    export/
      _callaudit_export.json                     what is in it, and that the folder is ours to replace
      calls/iso_week=2026-W10/calls.parquet
      calls/iso_week=undated/calls.parquet       calls without a time
      rules/rules.parquet                        has no week

The week stands in the folder's name, as Hive does it; pandas, pyarrow, DuckDB and Spark read it back as a column.
"""

import glob
import secrets
import shutil
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from callaudit.transcription.errors import InputError, SetupError
from callaudit.warehouse.dictionary import Relation, read_dictionary
from callaudit.warehouse.published import Published

MARKER = "_callaudit_export.json"
# Not Hive's own name for NULL: pandas cannot read a missing one.
NO_WEEK = "undated"
WORDS = frozenset(("turns", "utterances", "speech"))
"""What was said in full: exported only when asked for by name."""


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """One view that was written: its rows, and the files they are in."""

    name: str
    rows: int
    files: int


def export_views(published: Published, folder: Path, *, views: tuple[str, ...] = ()) -> tuple[Exported, ...]:
    """Write the views to `folder` in place of a former export; without `views` all but the words themselves.

    Rows are in order of the view's key, so the same warehouse gives the same bytes. Files and folders are for their
    owner only. Everything is written beside the folder first: a crash leaves the former export, whole (in the moment
    between two renames it is called `.<folder>.<letters>.old`).

    Raises:
        InputError: there is no such view.
        SetupError: the folder cannot be written, or holds something that is no export.
    """
    chosen = _chosen(published, views)
    _check_ours(folder)
    part = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        part.mkdir(mode=0o700)
        written = tuple(_write(published, view, part / view.name) for view in chosen)
        _write_private(part / MARKER, msgspec.json.format(msgspec.json.encode({"views": written})) + b"\n")
        _put_in_place(part, folder)
    except OSError as error:
        raise SetupError(
            f"nothing was exported to {folder}",
            why=f"{error.filename or folder}: {error.strerror or error}. What was there before is as it was.",
            tries=("free some space, or name another folder: callaudit export --out FOLDER",),
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return written


def _chosen(published: Published, views: tuple[str, ...]) -> list[Relation]:
    known = {r.name: r for r in read_dictionary(published).views if r.schema == "main"}
    for name in views:
        if name not in known:
            raise InputError(
                f"there is no view “{name}”",
                why=f"There are: {', '.join(known)}.",
                tries=("callaudit export  (all but the words themselves)",),
            )
    return [known[name] for name in dict.fromkeys(views) or (n for n in known if n not in WORDS)]


def _check_ours(folder: Path) -> None:
    if not folder.exists() or (folder / MARKER).exists():
        return
    if not folder.is_dir() or any(folder.iterdir()):
        raise SetupError(
            f"{folder} is no export of callaudit, so it is left alone",
            why=f"An export is replaced as a whole, and there is no {MARKER} in this folder.",
            tries=("callaudit export --out FOLDER  (a new or empty one)",),
        )


def _write(published: Published, view: Relation, folder: Path) -> Exported:
    by_week = any(c.name == "iso_week" for c in view.columns)
    order = ", ".join(dict.fromkeys((*(("iso_week",) if by_week else ()), *view.key)))
    folder.mkdir(mode=0o700)
    with published.batches(f"from {view.name} order by {order}", rows=50_000) as (schema, batches):
        if not by_week:
            return Exported(name=view.name, rows=_write_file(folder / f"{view.name}.parquet", schema, batches), files=1)
        rows = files = 0
        inside = schema.remove(schema.get_field_index("iso_week"))
        for week, of_week in _weeks(batches):
            place = folder / f"iso_week={week or NO_WEEK}"
            place.mkdir(mode=0o700)
            rows += _write_file(place / f"{view.name}.parquet", inside, of_week)
            files += 1
    if not files:  # A view without rows keeps its columns.
        _write_file(folder / f"{view.name}.parquet", schema, iter(()))
    return Exported(name=view.name, rows=rows, files=max(files, 1))


def _weeks(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[str | None, Iterator[pa.RecordBatch]]]:
    """Batches in order of `iso_week`, as one run of batches for each week, without that column."""
    pieces = (piece for batch in batches for piece in _pieces(batch))
    for week, of_week in groupby(pieces, key=itemgetter(0)):
        yield week, map(itemgetter(1), of_week)


def _pieces(batch: pa.RecordBatch) -> Iterator[tuple[str | None, pa.RecordBatch]]:
    number = batch.schema.get_field_index("iso_week")
    runs, rest = pyarrow.compute.run_end_encode(batch.column(number)), batch.remove_column(number)
    start = 0
    for end, week in zip(runs.run_ends.to_pylist(), runs.values.to_pylist(), strict=True):
        yield week, rest.slice(start, end - start)
        start = end


def _write_file(file: Path, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> int:
    rows = 0
    _write_private(file, b"")
    with pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def _write_private(file: Path, content: bytes) -> None:
    file.touch(mode=0o600, exist_ok=False)
    file.write_bytes(content)


def _put_in_place(part: Path, folder: Path) -> None:
    if not folder.exists():
        part.rename(folder)
        return
    old = part.with_suffix(".old")
    folder.rename(old)
    try:
        part.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    shutil.rmtree(old)


def _sweep(folder: Path) -> None:
    """Clear away what a killed export left beside the folder; puts the former export back if it was between names."""
    left = sorted(folder.parent.glob(f".{glob.escape(folder.name)}.????????.old"))
    if left and not folder.exists():
        left.pop().rename(folder)
    for path in (*left, *folder.parent.glob(f".{glob.escape(folder.name)}.????????.part")):
        shutil.rmtree(path)
