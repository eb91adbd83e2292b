"""The read-only copy that each run publishes, and questions asked of it."""

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import duckdb
import msgspec
import pyarrow as pa

from callaudit.transcription.errors import InputError, SetupError
from callaudit.warehouse.session import named_rows, rows_of

if TYPE_CHECKING:
    import pandas as pd

_Answer = TypeVar("_Answer")
_Worked = TypeVar("_Worked")
_Kind = TypeVar("_Kind")
_Row = TypeVar("_Row", bound=msgspec.Struct)
Parameters = Sequence[object] | Mapping[str, object] | None


class Published:
    """The read-only copy that reports and analysts read.

    It can reach nothing outside itself: no files, no network, no extensions. An open copy keeps
    showing the generation it was opened on while newer ones are published.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path) -> None:
        self.path = path
        self._connection = connection

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """What the warehouse's own functions read through."""
        return self._connection

    def rows(self, sql: str, parameters: Parameters = None) -> list[dict[str, Any]]:
        """Every row as a dict by column name. Raises InputError when the query cannot run."""
        with self._explained(sql):
            return named_rows(self._execute(sql, parameters))

    def rows_as(self, kind: type[_Row], sql: str, parameters: Parameters = None) -> list[_Row]:
        """Every row as `kind`, each field from the column of its name. Raises InputError when the query cannot run."""
        with self._explained(sql):
            return rows_of(self._execute(sql, parameters), kind)

    def value(self, kind: type[_Kind], sql: str, parameters: Parameters = None) -> _Kind:
        """The one value of an answer of one row and column. Raises InputError when the query cannot run."""
        with self._explained(sql):
            ((value,),) = self._execute(sql, parameters).fetchall()
            return msgspec.convert(value, kind)

    def frame(self, sql: str, parameters: Parameters = None) -> "pd.DataFrame":
        """The rows as a pandas frame. Raises InputError when the query cannot run, SetupError without pandas."""
        with self._explained(sql), warnings.catch_warnings():
            # DuckDB 2.0 calls pandas in a way that pandas 3.1 warns of; nothing a reader could do.
            warnings.filterwarnings("ignore", message="The inplace keyword")
            try:
                return _present(self._connection.sql(sql, params=parameters)).df()
            except ModuleNotFoundError as error:
                raise SetupError(
                    "pandas is not installed",
                    why=str(error),
                    tries=("pip install 'call-audit[pandas]'", "Published.arrow"),
                ) from error

    def arrow(self, sql: str, parameters: Parameters = None) -> pa.Table:
        """The rows as an Arrow table. Raises InputError when the query cannot run."""
        with self._explained(sql):
            return _present(self._connection.sql(sql, params=parameters)).to_arrow_table()

    @contextmanager
    def batches(
        self, sql: str, parameters: Parameters = None, *, plain: bool = False, rows: int = 20_000
    ) -> Iterator[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
        """The columns, and the rows in batches of up to `rows`, worked out while they are read.

        So any number of rows fits in memory; nothing else can be asked meanwhile. With `plain` only numbers, text,
        booleans and times are left: what is nested becomes its JSON, anything else its text. Raises InputError when
        the query cannot run, also while the batches are read.
        """
        with self._explained(sql):
            asked = _present(self._connection.sql(sql, params=parameters))
            shown = asked.project(_plain(asked)) if plain else asked
            reader = self._asked(lambda: shown.to_arrow_reader(rows))
        try:
            yield reader.schema, self._read(reader, sql)
        finally:
            reader.close()

    def _execute(self, sql: str, parameters: Parameters) -> duckdb.DuckDBPyConnection:
        return self._asked(lambda: _present(self._connection.execute(sql, parameters)))

    def _asked(self, work: Callable[[], _Worked]) -> _Worked:
        """What the work answers, in a thread of its own: Ctrl-C does not reach a main thread that DuckDB works in."""
        with ThreadPoolExecutor(max_workers=1) as thread:
            answer = thread.submit(work)
            try:
                return answer.result()
            except KeyboardInterrupt:
                self._connection.interrupt()
                raise

    def _read(self, reader: pa.RecordBatchReader, sql: str) -> Iterator[pa.RecordBatch]:
        with self._explained(sql):
            try:
                yield from reader
            except OSError as error:  # How Arrow hands on what DuckDB says while it streams.
                raise duckdb.Error(str(error)) from error

    @contextmanager
    def _explained(self, sql: str) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            # DuckDB's name for a Ctrl-C while it works.
            if str(error) == "Query interrupted":
                raise KeyboardInterrupt from error
            raise
        except duckdb.Error as error:
            columns = self._columns_of_what_is_named(sql)
            raise InputError(
                "the query cannot run",
                why="\n".join(
                    [str(error).strip(), *(f"{name} has: {', '.join(has)}" for name, has in columns.items())]
                ),
                tries=(
                    "callaudit query 'from (show tables)'  (what there is to ask)",
                    *(
                        f"callaudit query 'describe {name}'  (what its columns mean: callaudit dictionary)"
                        for name in columns or ["calls"]
                    ),
                ),
            ) from error

    def _columns_of_what_is_named(self, sql: str) -> dict[str, list[str]]:
        """The columns of every view that the query names; none where the connection can tell no more."""
        try:
            rows = self._connection.execute(
                """
                select table_name, list(column_name order by column_index) from duckdb_columns()
                where schema_name = 'main' and not internal
                    and regexp_matches($sql, '\\b' || table_name || '\\b', 'i')
                group by table_name order by table_name
                """,
                {"sql": sql},
            ).fetchall()
        except duckdb.Error:
            return {}
        return dict(rows)

    def close(self) -> None:
        """Let go of the copy; closing twice does nothing."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _present(answer: _Answer | None) -> _Answer:
    # DuckDB hands back nothing at all for an empty text or a lone comment, whatever its stubs say.
    if answer is None:
        raise InputError("the query is empty", tries=("from calls limit 5",))
    return answer


_NESTED = frozenset(("list", "struct", "map", "array", "union"))
_PLAIN = re.compile(r"(u?(tiny|small|big)?int(eger)?|float|double|decimal|varchar|boolean|date|time|timestamp.*)")


def _plain(asked: duckdb.DuckDBPyRelation) -> str:
    columns = []
    for number, (name, kind) in enumerate(zip(asked.columns, asked.types, strict=True), 1):
        quoted = '"' + name.replace('"', '""') + '"'
        if kind.id in _NESTED:
            columns.append(f"to_json(#{number})::varchar as {quoted}")
        else:
            columns.append(f"#{number}{'' if _PLAIN.fullmatch(kind.id) else '::varchar'} as {quoted}")
    return ", ".join(columns)


def open_published(folder: Path, *, on_site_clock: bool = False) -> Published:
    """The newest published copy in `folder`, read-only; moments are shown in UTC or, for people, on the site's clock.

    Raises:
        InputError: nothing is published there yet, or the copy cannot be read.
    """
    path = newest_generation(folder)
    if path is None:
        raise InputError(
            f"nothing is published in {folder} yet",
            why=f"There is no {folder / PUBLISHED_NAME}: no run has finished here.",
            tries=("callaudit run",),
        )
    try:
        con = connect_read_only(path)
    except duckdb.Error as error:
        raise InputError(
            f"cannot read {path}", why=str(error).strip(), tries=("callaudit run  (publishes a fresh copy)",)
        ) from error
    con.execute("set TimeZone = 'UTC'")
    if on_site_clock:
        # A copy of an earlier program knows no site.
        with suppress(duckdb.Error):
            ((zone,),) = con.execute("select site_timezone()").fetchall()
            con.execute(f"set TimeZone = '{zone}'")
    con.execute("set lock_configuration = true")
    return Published(con, path)


def connect_read_only(path: Path) -> duckdb.DuckDBPyConnection:
    """The file to read, with nothing outside itself in reach; raises DuckDB's own error."""
    return duckdb.connect(
        path,
        read_only=True,
        config={
            "enable_external_access": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
        },
    )


PUBLISHED_NAME = "audit.duckdb"
GENERATIONS = "generations"


def newest_generation(folder: Path) -> Path | None:
    """The file to open for `folder / audit.duckdb`, or None where nothing is published.

    A process that still has an older copy open under the same path would be handed that one again,
    so the copy is opened under the name of its generation where it has one.
    """
    published = folder / PUBLISHED_NAME
    for generation in sorted((folder / GENERATIONS).glob("audit-*.duckdb"), reverse=True):
        try:
            if generation.samefile(published):
                return generation
        except FileNotFoundError:
            continue
    return published if published.is_file() else None
