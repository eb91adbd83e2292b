"""The weekly report's tables as Parquet files: for whoever goes on counting in pandas, DuckDB or Spark."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from callaudit.reports.page import complete
from callaudit.reports.weekly.page import Weekly
from callaudit.reports.weekly.queries import Readings
from callaudit.reports.weekly.tables import Kind, tables

_TYPES: dict[Kind, pa.DataType] = {
    "text": pa.string(),
    "count": pa.int64(),
    "share": pa.float64(),
    "points": pa.float64(),
    "score": pa.float64(),
    "seconds": pa.float64(),
    "when": pa.timestamp("us"),
    "day": pa.date32(),
}


def write_parquet(readings: Readings, page: Weekly, *, out: Path) -> tuple[Path, ...]:
    """One file for each table, named `STEM-TABLE.parquet` beside `out`; each is complete or not there.

    Columns are named and typed as in the workbook: shares are 0 to 1, lengths seconds, times those of the call's clock.
    """
    written = []
    for table in tables(readings, page).values():
        target = out.with_name(f"{out.stem}-{table.name.replace(' ', '-')}.parquet")
        arrays = {
            column.title: _array([row[n] for row in table.rows], column.kind) for n, column in enumerate(table.columns)
        }
        with complete(target) as partial:
            pq.write_table(pa.table(arrays), partial)
        written.append(target)
    return tuple(written)


def _array(values: Sequence[Any], kind: Kind) -> pa.Array:
    if kind == "text":
        values = [None if value is None else str(value).encode("utf-8", "replace").decode() for value in values]
    return pa.array(values, type=_TYPES[kind])
