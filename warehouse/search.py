"""What stands in any DuckDB file of ours: the writer's, published copies old and new, backups of migrations.

DuckDB compresses text, so a search of a file's bytes proves nothing about the text in its tables.
"""

from collections.abc import Collection, Iterator
from contextlib import closing
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import duckdb
import msgspec

from callaudit.transcription.errors import InputError, LockedError
from callaudit.warehouse.published import GENERATIONS, PUBLISHED_NAME, connect_read_only

_AT_ONCE = 10_000
# How the file was made and what the rules say: nothing of any call.
_OF_NO_CALL = ("migrations", "view_sets", "rulebooks", "rules", "scorecard_steps", "targets", "bands", "roster")


class Said(msgspec.Struct, frozen=True):
    """The words of one call as they are stored: turn, role and text of each utterance."""

    call_id: str
    transcript: str
    utterances: tuple[tuple[int, str, str], ...]


class Cell(msgspec.Struct, frozen=True):
    """A text in a table; `call_id` is None where the table has none."""

    table: str
    column: str
    call_id: str | None
    text: str


def databases(warehouse: Path, published: Path) -> list[Path]:
    """Every DuckDB file that holds calls: published copies, the newest first, then the writer's, then backups."""
    copies = sorted((published / GENERATIONS).glob("*.duckdb"), reverse=True)
    pointed = published / PUBLISHED_NAME
    if pointed.is_file() and not any(copy.samefile(pointed) for copy in copies):
        copies.insert(0, pointed)
    return [*copies, *(p for p in (warehouse,) if p.is_file()), *backups(warehouse)]


def backups(warehouse: Path) -> list[Path]:
    """The copies that migrations left beside the warehouse, unfinished ones too."""
    return sorted(warehouse.parent.glob(f"{warehouse.name}.before-*"))


def open_to_search(path: Path) -> duckdb.DuckDBPyConnection:
    """A DuckDB file, read-only, with nothing outside it in reach.

    Raises LockedError while a run holds it, InputError where it cannot be read.
    """
    try:
        return connect_read_only(path)
    except duckdb.Error as error:
        if "Could not set lock" in str(error):
            raise LockedError(
                f"{path} cannot be searched now", why="A run holds it.", tries=("wait until it has finished",)
            ) from error
        raise InputError(f"{path} cannot be searched", why=str(error).strip()) from error


def tables_that_name(path: Path, names: Collection[str]) -> list[tuple[str, int]]:
    """As `where_named`, in a file. Raises as `open_to_search` does."""
    with closing(open_to_search(path)) as con:
        return where_named(con, names)


def where_named(con: duckdb.DuckDBPyConnection, names: Collection[str]) -> list[tuple[str, int]]:
    """The tables in which one of the ids or names still stands as a word of its own, with the number of rows."""
    patterns = [rf"(^|[^\p{{L}}\p{{N}}]){_quoted(name)}($|[^\p{{L}}\p{{N}}])" for name in sorted(names) if name]
    if not patterns:
        return []
    found = []
    for schema, table in _tables(con):
        (rows,) = con.execute(
            f"select count(*) from {_of_calls(con, schema, table)} t where regexp_matches(t::varchar, ?)",  # noqa: S608  Names of ours.
            ["|".join(patterns)],
        ).fetchone() or (0,)
        if rows:
            found.append((f"{schema}.{table}", int(rows)))
    return found


def said_in(con: duckdb.DuckDBPyConnection) -> Iterator[Said]:
    """The words of every call that has them, in order of call id; any number of calls fits in memory."""
    reader = con.sql(
        """
        select u.call_id, t.transcript_hash, u.turn, u.role, u.text
        from core.utterances u join core.transcripts t using (call_id) order by u.call_id, u.position
        """
    ).to_arrow_reader(_AT_ONCE)
    rows = (row for batch in reader for row in zip(*(column.to_pylist() for column in batch.columns), strict=True))
    for (call_id, transcript), said in groupby(rows, key=itemgetter(0, 1)):
        yield Said(call_id, transcript, tuple((turn, role, text) for _, _, turn, role, text in said))


def cells_like(con: duckdb.DuckDBPyConnection, pattern: str, *, but: Collection[str] = ()) -> Iterator[Cell]:
    """The texts that an RE2 pattern finds, table by table; `but` are tables to leave out.

    Columns of hashes are left out: their digits mean nothing.
    """
    for schema, table in _tables(con):
        columns = [
            name
            for (name,) in con.execute(
                """
                select column_name from duckdb_columns()
                where schema_name = ? and table_name = ? and data_type like '%VARCHAR%'
                  and not regexp_matches(column_name, '(^|_)(sha256|hash|version)$')
                order by column_index
                """,
                [schema, table],
            ).fetchall()
        ]
        if table in but or not columns:
            continue
        has_call = "call_id" in columns
        for column in columns:
            found = con.execute(
                f'select {"call_id" if has_call else "null"}, "{column}"::varchar from {_of_calls(con, schema, table)} '  # noqa: S608  Names of ours.
                f'where regexp_matches("{column}"::varchar, ?) order by all',
                [pattern],
            )
            while rows := found.fetchmany(_AT_ONCE):
                yield from (Cell(f"{schema}.{table}", column, call_id, text) for call_id, text in rows)


def _tables(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """The tables in which something of a call can stand."""
    return con.execute(
        """
        select schema_name, table_name from duckdb_tables()
        where not internal and not list_contains(?, table_name) order by all
        """,
        [list(_OF_NO_CALL)],
    ).fetchall()


def _of_calls(con: duckdb.DuckDBPyConnection, schema: str, table: str) -> str:
    """The table as a query reads it, without the lines of the corpus, which are no call's words."""
    (with_lines,) = con.execute(
        """
        select count(*) > 0 from duckdb_columns()
        where schema_name = ? and table_name = ? and column_name = 'evidence' and contains(data_type, 'nearest_line')
        """,
        [schema, table],
    ).fetchone() or (False,)
    if not with_lines:
        return f'"{schema}"."{table}"'
    without = "list_transform(evidence, lambda e: struct_update(e, nearest_line := null::varchar))"
    return f'(select * replace ({without} as evidence) from "{schema}"."{table}")'  # noqa: S608  Names of ours.


def _quoted(text: str) -> str:
    """The text for RE2, which takes no escape of a letter or digit."""
    return "".join(c if c.isalnum() or c.isspace() or ord(c) > 127 else f"\\{c}" for c in text)
