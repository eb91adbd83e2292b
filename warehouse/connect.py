"""Doors to the warehouse: one writer at a time, any number of readers of the published copy.

The writer's file is private: DuckDB lets no other process open it while it is held. Readers open
the published copy, which no writer ever holds (`warehouse.publish`).
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from callaudit.transcription.errors import LockedError, SetupError
from callaudit.transcription.transcript import Seconds
from callaudit.warehouse.file_copy import TakenError, copy_whole
from callaudit.warehouse.lock_holder import described
from callaudit.warehouse.schema import MIGRATIONS, applied_migrations, apply_migration, pending_migrations, remake_views

# Readable by DuckDB 1.4 and newer; without it the file is unreadable to every 1.x client.
STORAGE = "v1.4.0"
Writer = duckdb.DuckDBPyConnection
"""The writing connection, for those who hold it and do not look inside."""


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
        if pending and applied_migrations(con, path):
            con.execute("checkpoint")
            con.close()
            _back_up(path, path.with_name(f"{path.name}.before-{pending[0].name[:4]}"))
            con = connect_file(path)
            pending = pending_migrations(con, path, migrations)
        for file in pending:
            apply_migration(con, int(file.name[:4]), file)
        remake_views(con)
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
                "storage_compatibility_version": STORAGE,
                "autoinstall_known_extensions": "false",
                "python_enable_replacements": "false",
            },
        )
    except OSError as error:
        raise _unusable(path, str(error)) from error
    except duckdb.Error as error:
        raise locked_or_unusable(path, error) from error
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
        raise locked_or_unusable(path, error) from error
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


def locked_or_unusable(path: Path, error: duckdb.Error) -> SetupError | LockedError:
    """What DuckDB's refusal to open a file means to a person: somebody holds it, or it cannot be used."""
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
