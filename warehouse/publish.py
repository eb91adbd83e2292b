"""A fresh copy for the readers, in place of the old one in a single step.

DuckDB lets no reader in while a writer is open, and copying the file inside the writer's own process
drops the writer's lock. So: checkpoint, close, copy, swap. Whoever reads goes on reading the old copy.
"""

import errno
import os
import re
import shutil
from pathlib import Path

import duckdb

from callaudit.transcription.errors import CallauditError, LockedError, SetupError
from callaudit.warehouse.connect import connect_file
from callaudit.warehouse.file_copy import TakenError, copy_whole
from callaudit.warehouse.materialise import count_views
from callaudit.warehouse.published import GENERATIONS, PUBLISHED_NAME, newest_generation

_GENERATION = re.compile(r"audit-(\d{6,})\.duckdb")


def publish(con: duckdb.DuckDBPyConnection, folder: Path, *, keep: int = 3, mode: int = 0o444) -> Path:
    """Close the writer and put a copy of its file at `folder / audit.duckdb`; returns that path.

    The connection must be the only one to its file in this process. The last `keep` copies (at least
    one) stay in `folder / generations`, each with `mode`; the folders let in whoever that
    lets read. A crash at any point leaves the old copy or the new one, whole.

    Raises:
        SetupError: the copy cannot be written (disk full, folder not writable); the old copy stays.
        LockedError: another writer took the file before it could be copied; the old copy stays.
    """
    source = ""
    try:
        (source,) = con.execute(
            "select path from duckdb_databases() where database_name = current_database()"
        ).fetchone() or ("",)
        con.execute("checkpoint")
    except duckdb.Error as error:
        raise SetupError(
            "nothing was published",
            why=f"{source or 'The warehouse'} cannot be written: {str(error).strip()}. Readers keep the former copy.",
            tries=("free some space", "then callaudit run"),
        ) from error
    finally:
        con.close()
    generations = folder / GENERATIONS
    published = folder / PUBLISHED_NAME
    try:
        generations.mkdir(parents=True, exist_ok=True)
        _let_in(folder, mode)
        _clear(folder)
        generation = generations / f"audit-{_newest_number(generations) + 1:06d}.duckdb"
        _copy(Path(source), generation, mode, former=newest_generation(folder))
        _point_to(generation, published)
        for old in _sorted_generations(generations)[: -max(keep, 1)]:
            old.unlink()
    except OSError as error:
        raise _not_published(folder, error) from error
    except duckdb.Error as error:
        _clear(folder)
        raise SetupError(
            "nothing was published",
            why=f"The weekly figures cannot be counted: {str(error).strip()}. Readers keep the former copy.",
            tries=("free some space", "then callaudit run"),
        ) from error
    return published


def _let_in(folder: Path, mode: int) -> None:
    """Who may read the copy may look into its folders and go through the one above them; nobody else may."""
    entered = 0o700 | mode & 0o044 | (mode & 0o044) >> 2
    for one in (folder, folder / GENERATIONS):
        if one.stat().st_mode & 0o777 != entered:
            one.chmod(entered)
    above = folder.absolute().parent
    passed = above.stat().st_mode & 0o777 | (mode & 0o044) >> 2
    if above.stat().st_mode & 0o777 != passed:
        above.chmod(passed)


def _clear(folder: Path) -> None:
    """Take away what a publication that was broken off had begun."""
    for left in [*(folder / GENERATIONS).glob("*.part*"), *folder.glob("*.part*")]:
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink(missing_ok=True)


def _count(copy: Path, former: Path | None) -> None:
    con = connect_file(copy)
    try:
        count_views(con, former)
        con.execute("checkpoint")
    finally:
        con.close()


def _newest_number(generations: Path) -> int:
    existing = _sorted_generations(generations)
    return _number(existing[-1]) if existing else 0


def _sorted_generations(generations: Path) -> list[Path]:
    return sorted((p for p in generations.iterdir() if _GENERATION.fullmatch(p.name)), key=_number)


def _number(generation: Path) -> int:
    match = _GENERATION.fullmatch(generation.name)
    return int(match[1]) if match else 0


def _copy(source: Path, generation: Path, mode: int, *, former: Path | None) -> None:
    try:
        copy_whole(source, generation, mode, finish=lambda copy: _count(copy, former))
    except TakenError as error:
        raise LockedError(
            "the warehouse was taken by another program before it could be published",
            why=f"{source} is locked; readers keep the former copy.",
            tries=("callaudit run  again once it has finished",),
        ) from error


def _point_to(generation: Path, published: Path) -> None:
    """Make `published` the same file as `generation`, or a copy of it where the disk knows no links."""
    part = published.with_name(published.name + ".part")
    try:
        os.link(generation, part)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES):
            raise
        shutil.copy2(generation, part)
    part.replace(published)
    _sync_folder(published.parent)
    _sync_folder(generation.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _not_published(folder: Path, error: OSError) -> CallauditError:
    _clear(folder)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SetupError(
            "the disk is full: nothing was published",
            why=f"{folder}: {error.strerror}. The calls are safe in the warehouse; readers keep the former copy.",
            tries=("free some space", "then callaudit run"),
        )
    return SetupError(
        "nothing was published",
        why=f"{error.filename or folder}: {error.strerror}. Readers keep the former copy.",
        tries=(f"check that {folder} can be written",),
    )
