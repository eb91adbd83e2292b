"""What every read and write of the warehouse stands on: a transaction, tables lent to DuckDB, a full disk told."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import duckdb
import msgspec
import pyarrow as pa

from callaudit.transcription.errors import SetupError

_Row = TypeVar("_Row", bound=msgspec.Struct)


@contextmanager
def disk_full_as_setup_error(what: str = "the warehouse cannot be written") -> Iterator[None]:
    """Within it, or as a decorator: a write that the disk does not take raises SetupError, which says `what` failed.

    What was stored before stays: a failed write closes the file to this process and does not harm it.
    """
    try:
        yield
    except (duckdb.IOException, duckdb.FatalException, duckdb.TransactionException) as error:
        raise SetupError(
            what,
            why=f"{str(error).strip()} What was stored before is safe.",
            tries=("free some space", "then callaudit run  (it goes on where it stopped)"),
        ) from error


def insert_rows(con: duckdb.DuckDBPyConnection, table: str, rows: Iterable[Sequence[object]]) -> None:
    """Add rows to a table of core, values in the order of its columns."""
    for row in rows:
        con.execute(f"insert into core.{table} values ({', '.join('?' * len(row))})", row)  # noqa: S608  Names of ours.


@contextmanager
def transaction(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """What is written within it is written whole, or not at all."""
    con.begin()
    try:
        yield
        con.commit()
    except BaseException:
        # After a write or a commit that failed the connection may take no more orders; the error itself must be seen.
        with suppress(duckdb.Error):
            con.rollback()
        raise


@contextmanager
def registered(con: duckdb.DuckDBPyConnection, tables: Mapping[str, pa.Table | pa.RecordBatchReader]) -> Iterator[None]:
    """Within it SQL can read each table, by its name with `batch_` before it."""
    for name, table in tables.items():
        con.register(f"batch_{name}", table)
    try:
        yield
    finally:
        # In a transaction that failed nothing more can be said; its end takes the names away too.
        with suppress(duckdb.Error):
            for name in tables:
                con.unregister(f"batch_{name}")


def texts(con: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, object] | None = None) -> set[str]:
    """The values of a query of one text column."""
    return {text for (text,) in con.execute(sql, parameters).fetchall()}


def fetch_arrow(con: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    """The answer to a query, whole."""
    return con.sql(sql).to_arrow_table()


def named_rows(answer: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """The rows of an answer as dicts by column name."""
    names = [column[0] for column in answer.description or ()]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def rows_of(answer: duckdb.DuckDBPyConnection, kind: type[_Row]) -> list[_Row]:
    """The rows of an answer, each field from the column of its name; columns without a field are left out."""
    return [msgspec.convert(row, kind) for row in named_rows(answer)]
