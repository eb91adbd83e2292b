"""`callaudit erase`: a call or a customer out of everything that callaudit keeps."""

import secrets
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from callaudit.flows.erasure.file_search import files_that_name, naming
from callaudit.flows.erasure.own_files import OwnFiles, own_files, recordings_named_beside
from callaudit.flows.erasure.removal import (
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
from callaudit.flows.settings import Settings
from callaudit.flows.staging.shared_store import recover_shared
from callaudit.transcription.errors import InputError, LockedError
from callaudit.transcription.transcript import Call
from callaudit.warehouse.connect import Writer, open_writer
from callaudit.warehouse.erase import (
    Gone,
    OthersCalledSo,
    customers_called,
    others_called_so,
    traces_of_call,
    traces_of_customer,
    unnamed_refused,
)
from callaudit.warehouse.published import newest_generation, open_published
from callaudit.warehouse.search import databases, tables_that_name


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure took, and what a search afterwards still finds: tables with rows, and files.

    `own` is what the owner has still to delete; `shared` are names that were not searched for, as others bear them.
    """

    calls: int
    files: int
    weeks: dict[str, int]
    places: tuple[str, ...]
    outcome: Outcome
    rows_left: tuple[tuple[str, int], ...]
    files_left: tuple[str, ...]
    own: OwnFiles = OwnFiles()
    shared: tuple[str, ...] = ()


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
    ids = {*gone.names, *gone.calls} - {*removal.shared}
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
        own=own_files(settings, ids),
        shared=removal.shared,
    )


def _planned(settings: Settings, con: Writer, call_id: str, customer_id: str, reason: str) -> Removal:
    recover_shared(settings)
    if call_id:
        gone = traces_of_call(con, call_id)
    else:
        theirs = recordings_named_beside(settings, unnamed_refused(con), (customer_id,))
        gone = traces_of_customer(con, customer_id, theirs_too=theirs)
    gone = _with_unfinished(settings, gone, lambda call: call_id == call.call_id or _is(customer_id, call))
    if not (gone.calls or gone.recordings or gone.places):
        what = f"call is called “{call_id}”" if call_id else f"customer has the id “{customer_id}”"
        raise InputError(
            f"no {what}",
            why="Neither audited, nor in quarantine, nor among unfinished work.",
            tries=("callaudit calls list", 'callaudit query "select distinct customer_id from calls"'),
        )
    shared = others_called_so(con, gone)
    if customer_id:
        _refuse_if_shared(con, customer_id, gone, shared)
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
        shared=tuple(one.name for one in shared),
    )
    weeks = weeks_that_show(set(gone.weeks), trends=True)
    if newest_generation(settings.published) is None:
        return msgspec.structs.replace(removal, pages=affected_pages(settings, removal, None, weeks))
    with open_published(settings.published) as shown:
        return msgspec.structs.replace(removal, pages=affected_pages(settings, removal, shown, weeks))


def _refuse_if_shared(con: Writer, customer_id: str, gone: Gone, shared: Sequence[OthersCalledSo]) -> None:
    """Raises InputError where the id is a name that several people bear: who is meant is then not known."""
    calls = next((one.calls for one in shared if one.name == customer_id), 0)
    called = customers_called(con, customer_id) if customer_id.isalpha() else ()
    if not calls and len(called) < 2:
        return
    why = f"It also stands in {calls} {'call' if calls == 1 else 'calls'} that would stay." if calls else ""
    if len(called) > 1:
        why = f"Calls under it are of {' and of '.join(called)}."
    raise InputError(
        f"“{customer_id}” is a name that others bear too, so nothing was erased",
        why=why,
        tries=tuple(f"callaudit erase --call {one}" for one in gone.calls),
    )


def _is(customer_id: str, call: Call) -> bool:
    return bool(customer_id) and call.customer_id == customer_id


def _with_unfinished(settings: Settings, gone: Gone, wanted: Callable[[Call], bool]) -> Gone:
    found = {sha256 for _, sha256 in staged_calls(settings, wanted)}
    return msgspec.structs.replace(gone, recordings=tuple(sorted({*gone.recordings, *found})))
