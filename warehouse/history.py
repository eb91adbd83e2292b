"""What the writer's own file tells without being written: its condition, and the runs there were."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from callaudit.transcription.errors import LockedError
from callaudit.warehouse.connect import look_into
from callaudit.warehouse.published import open_published
from callaudit.warehouse.runs import Run
from callaudit.warehouse.schema import MIGRATIONS, pending_migrations


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """The writer's file as it lies there; `pending` are the migrations that the next run will apply.

    `impossible` are the calls that an earlier callaudit stored although none can be so, with what is wrong; they are
    known once a run of this one has made its views.
    """

    calls: int
    bytes: int
    pending: tuple[str, ...]
    impossible: dict[str, str] = {}


class PastRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run with what became of it; `refused` counts by reason what it was the first to refuse."""

    run: Run
    refused: dict[str, int]


class History(msgspec.Struct, frozen=True, kw_only=True):
    """The newest runs first. While somebody writes (`held_by`), only those are known that were published."""

    runs: tuple[PastRun, ...]
    held_by: str = ""


def condition(path: Path) -> Condition:
    """How the file at `path` is. Raises LockedError while somebody writes it, SetupError where it is none of ours."""
    with look_into(path) as con:
        pending = tuple(file.name for file in pending_migrations(con, path, MIGRATIONS))
        (calls,) = con.execute("select count(*) from core.calls").fetchone() or (0,)
        impossible: dict[str, str] = {}
        with suppress(duckdb.CatalogException):
            impossible = dict(con.execute("from core.impossible_calls order by call_id").fetchall())
    return Condition(calls=calls, bytes=path.stat().st_size, pending=pending, impossible=impossible)


def history(path: Path, published: Path) -> History:
    """The runs of the warehouse at `path`; while it is held, of its published copy.

    Whoever reads a file that nobody writes sees no run at work, so one that never told its end has died.
    """
    if not path.exists():
        return History(runs=())
    try:
        with look_into(path) as con:
            return History(runs=tuple(_runs(con)))
    except LockedError as error:
        with _maybe_published(published) as copy:
            return History(runs=tuple(_runs(copy)) if copy is not None else (), held_by=error.holder)


@contextmanager
def _maybe_published(folder: Path) -> Iterator[duckdb.DuckDBPyConnection | None]:
    if not os.path.lexists(folder):
        yield None
        return
    with open_published(folder) as copy:
        yield copy.connection


def _runs(con: duckdb.DuckDBPyConnection) -> Iterator[PastRun]:
    asked = con.execute(
        """
        select r.*, coalesce(q.refused, map {}) as refused
        from core.runs r left join (
            select run_id, map_from_entries(list((code, files) order by code)) as refused
            from (select first_run_id as run_id, code, count(*) as files from core.quarantine group by all)
            group by run_id
        ) q using (run_id)
        order by r.started_at desc, r.run_id desc
        """
    )
    names = [column[0] for column in asked.description or ()]
    for row in asked.fetchall():
        told: dict[str, Any] = dict(zip(names, row, strict=True))
        refused = told.pop("refused")
        run = Run(**told)
        if run.state == "running":
            run = msgspec.structs.replace(run, state="died")
        yield PastRun(run=run, refused=refused)
