"""`callaudit erase`: a call or a customer out of everything that callaudit keeps."""

import secrets
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from flows.auditing.shared import come_home
from flows.removing.kept_files import files_that_name, naming
from flows.removing.removal import (
    Outcome,
    Removal,
    affected_pages,
    begin,
    complete,
    gather,
    made_elsewhere,
    staged_calls,
    weeks_that_show,
)
from flows.settings import Settings
from transcription.errors import InputError, LockedError
from transcription.transcript import Call
from warehouse.connect import Writer, newest_generation, open_published, open_writer
from warehouse.erase import Gone, traces_of_call, traces_of_customer
from warehouse.search import databases, tables_that_name


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure took, and what a search afterwards still finds: tables with rows, and files."""

    calls: int
    files: int
    weeks: dict[str, int]
    places: tuple[str, ...]
    outcome: Outcome
    rows_left: tuple[tuple[str, int], ...]
    files_left: tuple[str, ...]


def plan_erasure(settings: Settings, *, call_id: str = "", customer_id: str = "", reason: str = "") -> Removal:
    """What an erasure would take; nothing is changed.

    Raises InputError where nothing is known of the call or customer, LockedError while a run holds the warehouse.
    """
    con = open_writer(settings.warehouse)
    try:
        return _planned(settings, con, call_id, customer_id, reason)
    finally:
        con.close()


def erase_now(
    settings: Settings, *, call_id: str = "", customer_id: str = "", reason: str = "", also: Collection[Path] = ()
) -> Erased:
    """Take every trace of a call or a customer, and look afterwards, also in further files that are not ours.

    An erasure that was cut off before is completed first. Raises as `plan_erasure` and `removal.begin` do.
    """
    before = complete(settings)
    con = open_writer(settings.warehouse)
    try:
        gather(settings)
        removal = _planned(settings, con, call_id, customer_id, reason)
    except InputError:
        con.close()
        # Said again after a crash, it has just been completed.
        if before is None or not {call_id, customer_id} & {*before.gone.calls, *before.gone.names}:
            raise
        return _erased(settings, before, Outcome(made=(), taken=(), again=()), also)
    except BaseException:
        con.close()
        raise
    return _erased(settings, removal, begin(settings, removal, con), also)


def _erased(settings: Settings, removal: Removal, outcome: Outcome, also: Collection[Path]) -> Erased:
    gone = removal.gone
    ids = {*gone.names, *gone.calls}
    rows = []
    for database in databases(settings.warehouse, settings.published):
        # A run may have begun meanwhile; the newest copy holds the same rows as the file that it holds.
        with suppress(LockedError):
            rows += [(f"{database.name} {table}", number) for table, number in tables_that_name(database, ids)]
    return Erased(
        calls=len(gone.calls),
        files=len(gone.recordings),
        weeks=gone.weeks,
        places=gone.places,
        outcome=outcome,
        rows_left=tuple(rows),
        files_left=tuple(files_that_name(settings, ids, also=also)),
    )


def _planned(settings: Settings, con: Writer, call_id: str, customer_id: str, reason: str) -> Removal:
    come_home(settings)
    gone = traces_of_call(con, call_id) if call_id else traces_of_customer(con, customer_id)
    gone = _with_unfinished(settings, gone, lambda call: call_id == call.call_id or _is(customer_id, call))
    if not (gone.calls or gone.recordings or gone.places):
        what = f"call is called “{call_id}”" if call_id else f"customer has the id “{customer_id}”"
        raise InputError(
            f"no {what}",
            why="Neither audited, nor in quarantine, nor among unfinished work.",
            tries=("callaudit calls list", 'callaudit query "select distinct customer_id from calls"'),
        )
    named = naming((*gone.names, *gone.calls))
    if named is not None and named.search(reason):
        raise InputError(
            "the reason names what is to be erased",
            why="It is kept with the tombstone.",
            tries=('--reason "request of 3 March"',),
        )
    at = datetime.now(UTC)
    removal = Removal(
        erasure_id=f"E{at:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}",
        kind="call" if call_id else "customer",
        at=at,
        reason=reason,
        gone=gone,
        silent=gone.recordings,
        made_elsewhere=made_elsewhere(settings, (*gone.names, *gone.calls)),
    )
    weeks = weeks_that_show(set(gone.weeks), trends=True)
    if newest_generation(settings.published) is None:
        return msgspec.structs.replace(removal, pages=affected_pages(settings, removal, None, weeks))
    with open_published(settings.published) as shown:
        return msgspec.structs.replace(removal, pages=affected_pages(settings, removal, shown, weeks))


def _is(customer_id: str, call: Call) -> bool:
    return bool(customer_id) and call.customer_id == customer_id


def _with_unfinished(settings: Settings, gone: Gone, wanted: Callable[[Call], bool]) -> Gone:
    found = {sha256 for _, sha256 in staged_calls(settings, wanted)}
    return msgspec.structs.replace(gone, recordings=tuple(sorted({*gone.recordings, *found})))
