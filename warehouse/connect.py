"""Doors to the warehouse: one writer at a time, any number of readers of the published copy.

The writer's file is private: DuckDB lets no other process open it while it is held. Readers open
the published copy, which no writer ever holds (`warehouse.publish`).
"""

import hashlib
import re
import time
import tomllib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import duckdb
import pyarrow as pa

from callaudit.audit_rules.scorecard import LEAST_JUDGED
from callaudit.transcription.errors import InputError, LockedError, SetupError
from callaudit.transcription.transcript import Seconds
from callaudit.warehouse.file_copy import TakenError, copy_whole
from callaudit.warehouse.lock_holder import described
from callaudit.warehouse.sentences import macros

if TYPE_CHECKING:
    import pandas as pd

MIGRATIONS = Path(__file__).parent / "migrations"
VIEWS = Path(__file__).parent / "views"
COLUMNS = Path(__file__).parent / "columns.toml"

# Readable by DuckDB 1.4 and newer; without it the file is unreadable to every 1.x client.
_STORAGE = "v1.4.0"

# A view stands below those it reads.
VIEW_ORDER = (
    "wilson",
    "site",
    "impossible_calls",
    "core_current",
    "calls",
    "utterances",
    "turns",
    "speech",
    "announcements",
    "holds",
    "silences",
    "episodes",
    "promises",
    "rules",
    "scorecard_rules",
    "targets",
    "bands",
    "roster",
    "evidence",
    "findings",
    "call_steps",
    "call_scorecards",
    "scorecards_by_week",
    "steps_by_week",
    "rules_by_week",
    "agents_by_week",
    "agent_steps_by_week",
    "agent_step_month",
    "coverage",
    "not_audited",
    "not_audited_by_week",
    "weeks",
    "erased_by_week",
    "rule_changes",
    "verdict_changes",
    "heard_again",
    "reviews",
    "random_reviews",
    "disputes",
    "agreements",
    "runs",
    "questions",
)

_Answer = TypeVar("_Answer")
_Worked = TypeVar("_Worked")
Writer = duckdb.DuckDBPyConnection
"""The writing connection, for those who hold it and do not look inside."""

Parameters = Sequence[object] | Mapping[str, object] | None


def open_writer(path: Path, *, migrations: Path = MIGRATIONS, patience: Seconds = 0.0) -> duckdb.DuckDBPyConnection:
    """The only writing connection to the warehouse at `path`, brought up to this program's tables and views.

    A file that another process holds is tried again until `patience` is over.

    Before the first migration on a file that holds tables already, the file is copied beside itself, as
    `warehouse.duckdb.before-0005` for the migration it had not seen.

    Raises:
        LockedError: another process holds the file; names its process id.
        SetupError: the folder cannot be written, the file is no warehouse, was written by a newer
            program, one of its migrations was changed afterwards, or the copy beside it cannot be written.
    """
    con = _connect_patiently(path, patience)
    try:
        pending = pending_migrations(con, path, migrations)
        if pending and _applied(con, path):
            con.execute("checkpoint")
            con.close()
            _back_up(path, path.with_name(f"{path.name}.before-{pending[0].name[:4]}"))
            con = connect_file(path)
            pending = pending_migrations(con, path, migrations)
        for file in pending:
            _apply(con, int(file.name[:4]), file)
        _remake_views(con)
    except BaseException:
        con.close()
        raise
    return con


def _connect_patiently(path: Path, patience: Seconds) -> duckdb.DuckDBPyConnection:
    until = time.monotonic() + patience
    while True:
        try:
            return connect_file(path)
        except LockedError:
            if time.monotonic() >= until:
                raise
            time.sleep(0.2)


def connect_file(path: Path) -> duckdb.DuckDBPyConnection:
    """A writing connection to the file as it is, whatever it holds. Raises as `open_writer` does."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        con = duckdb.connect(
            path,
            config={
                "storage_compatibility_version": _STORAGE,
                "autoinstall_known_extensions": "false",
                "python_enable_replacements": "false",
            },
        )
    except OSError as error:
        raise _unusable(path, str(error)) from error
    except duckdb.Error as error:
        raise _locked_or_unusable(path, error) from error
    con.execute("set TimeZone = 'UTC'")
    # Every checkpoint writes the last, unfinished block of rows anew; many small batches should not pay for many.
    con.execute("set checkpoint_threshold = '256MB'")
    return con


def is_open(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether a connection was not closed yet, by who holds it or by an error that ended it."""
    try:
        con.execute("select 1")
    except duckdb.Error:
        return False
    return True


@contextmanager
def look_into(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The writer's own file as it lies there, read-only; no writer can begin while the block lasts.

    Raises LockedError while somebody writes it, SetupError where it cannot be read.
    """
    try:
        con = duckdb.connect(path, read_only=True, config={"autoinstall_known_extensions": "false"})
    except duckdb.Error as error:
        raise _locked_or_unusable(path, error) from error
    try:
        con.execute("set TimeZone = 'UTC'")
        yield con
    except duckdb.Error as error:
        raise _unusable(path, str(error).strip()) from error
    finally:
        con.close()


def _back_up(path: Path, backup: Path) -> None:
    try:
        copy_whole(path, backup, 0o600)
    except TakenError as error:
        raise _locked(path, "another process") from error
    except OSError as error:
        with suppress(OSError):
            backup.with_name(backup.name + ".part").unlink()
        raise SetupError(
            f"{path} was not brought up to this callaudit",
            why=f"Nothing was changed, as the copy to keep, {backup.name}, cannot be written: {error.strerror}.",
            tries=("free some space, as much as the warehouse takes", f"check that {path.parent} can be written"),
        ) from error


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
            answer = self._asked(lambda: _present(self._connection.execute(sql, parameters)))
            names = [column[0] for column in answer.description or ()]
            return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    def frame(self, sql: str, parameters: Parameters = None) -> "pd.DataFrame":
        """The rows as a pandas frame. Raises InputError when the query cannot run."""
        with self._explained(sql), warnings.catch_warnings():
            # DuckDB 2.0 calls pandas in a way that pandas 3.1 warns of; nothing a reader could do.
            warnings.filterwarnings("ignore", message="The inplace keyword")
            return _present(self._connection.sql(sql, params=parameters)).df()

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
                    "from (show tables)  (what there is to ask)",
                    *(
                        f"describe {name}  (what its columns mean: callaudit dictionary)"
                        for name in columns or ["calls"]
                    ),
                ),
            ) from error

    def _columns_of_what_is_named(self, sql: str) -> dict[str, list[str]]:
        """The columns of every view that the query names."""
        rows = self._connection.execute(
            """
            select table_name, list(column_name order by column_index) from duckdb_columns()
            where schema_name = 'main' and not internal and regexp_matches($sql, '\\b' || table_name || '\\b', 'i')
            group by table_name order by table_name
            """,
            {"sql": sql},
        ).fetchall()
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


def pending_migrations(con: duckdb.DuckDBPyConnection, path: Path, migrations: Path) -> list[Path]:
    """The migrations that the file has not seen, in order. Raises SetupError as `open_writer` does."""
    files = {int(file.name[:4]): file for file in sorted(migrations.glob("[0-9][0-9][0-9][0-9]_*.sql"))}
    applied = _applied(con, path)
    for number, (name, sha256) in sorted(applied.items()):
        if number not in files:
            raise SetupError(
                f"{path} was written by a newer callaudit",
                why=f"It holds migration {name}, which this version does not know (newest: {max(files):04d}).",
                tries=("install the newer callaudit", "or name another file under warehouse in callaudit.toml"),
            )
        if _checksum(files[number].read_bytes()) != sha256:
            raise SetupError(
                f"the tables of {path} do not match this callaudit",
                why=f"{name} was changed after it had been applied to this file.",
                tries=("install callaudit again", f"put back {name} as it was released"),
            )
    return [files[number] for number in sorted(files.keys() - applied.keys())]


def _applied(con: duckdb.DuckDBPyConnection, path: Path) -> dict[int, tuple[str, str]]:
    """Name and checksum of each migration that the file has seen, by its number."""
    tables = con.execute("select schema_name, table_name from duckdb_tables() where not internal").fetchall()
    if ("core", "migrations") in tables:
        return {number: (name, sha256) for number, name, sha256 in con.execute("from core.migrations").fetchall()}
    if tables:
        raise SetupError(
            f"{path} is another program's database",
            why=f"It holds tables of its own ({tables[0][1]}, ...).",
            tries=("name another file under warehouse in callaudit.toml",),
        )
    return {}


def _apply(con: duckdb.DuckDBPyConnection, number: int, file: Path) -> None:
    content = file.read_bytes()
    con.begin()
    try:
        con.execute(content.decode())
        con.execute("insert into core.migrations values (?, ?, ?)", [number, file.name, _checksum(content)])
        con.commit()
    except duckdb.Error as error:
        con.rollback()
        raise SetupError(
            f"migration {file.name} cannot be applied", why=str(error).strip(), tries=("install callaudit again",)
        ) from error


# The limit stands in one place, for the terminal's scorecards and for the views.
_LEAST_JUDGED = f"""
create or replace macro least_judged() as {LEAST_JUDGED};
comment on macro least_judged is 'Share of the weight called for, 0 to 1, that must be judged for a score.';
"""


def _remake_views(con: duckdb.DuckDBPyConnection) -> None:
    """Views hold nothing, so they are dropped and made again whenever their text changed."""
    sources = [_LEAST_JUDGED, macros(), *((VIEWS / f"{name}.sql").read_text() for name in VIEW_ORDER)]
    glossary = COLUMNS.read_text()
    wanted = _checksum("\0".join([*sources, glossary]).encode())
    if con.execute("select sha256 from core.view_sets").fetchall() == [(wanted,)]:
        return
    con.begin()
    try:
        for schema, name in con.execute(
            """
            select schema_name, view_name from duckdb_views()
            where not internal and database_name = current_database()
            """
        ).fetchall():
            con.execute(f'drop view "{schema}"."{name}"')
        for name, kind in con.execute(
            """
            select distinct function_name, if(function_type = 'table_macro', 'macro table', 'macro')
            from duckdb_functions() where not internal and database_name = current_database()
            """
        ).fetchall():
            con.execute(f'drop {kind} "{name}"')
        for source in sources:
            con.execute(source)
        _comment_columns(con, tomllib.loads(glossary))
        con.execute("delete from core.view_sets")
        con.execute("insert into core.view_sets values (?)", [wanted])
        con.commit()
    except BaseException:
        con.rollback()
        raise


def _comment_columns(con: duckdb.DuckDBPyConnection, glossary: dict[str, dict[str, str]]) -> None:
    """One meaning per column name, wherever it stands; a table's own section may say it more closely."""
    columns = con.execute(
        """
        select schema_name, table_name, column_name from duckdb_columns()
        where not internal and database_name = current_database()
        """
    ).fetchall()
    for schema, table, column in columns:
        meaning = glossary.get(table, {}).get(column) or glossary["everywhere"].get(column)
        if meaning is not None:
            text = meaning.replace("'", "''")
            con.execute(f'comment on column "{schema}"."{table}"."{column}" is \'{text}\'')


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()


def _locked_or_unusable(path: Path, error: duckdb.Error) -> SetupError | LockedError:
    message = str(error).strip()
    if "Could not set lock" not in message:
        return _unusable(path, message)
    holder = re.search(r"PID (\d+)", message)
    return _locked(path, described(int(holder[1])) if holder else "another process")


def _locked(path: Path, who: str) -> LockedError:
    return LockedError(
        "the warehouse is in use by another program",
        why=f"{path} is locked by {who}.",
        tries=("wait until it has finished", "to read only, use the published copy: callaudit query ..."),
        holder=who,
    )


def _unusable(path: Path, message: str) -> SetupError:
    return SetupError(
        f"cannot open the warehouse {path}",
        why=message,
        tries=("check that the folder can be written", "or name another file under warehouse in callaudit.toml"),
    )
