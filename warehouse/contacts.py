"""Who called when: what later calls of the same customer are found by."""

from collections.abc import Collection
from datetime import datetime

import duckdb
import pyarrow as pa

from callaudit.audit_rules.conversation import Contact
from callaudit.warehouse.arrow_tables import (
    arrow_table,
)
from callaudit.warehouse.load import CALL_ID
from callaudit.warehouse.session import registered


def known_calls(con: duckdb.DuckDBPyConnection, call_ids: Collection[str] | None = None) -> dict[str, str | None]:
    """The audited calls with the sha256 of their recording (None for one that came as text); all, or those asked for.

    Another recording under the same call id would replace the call, so a run looks here first.
    """
    with registered(con, {"asked": arrow_table(CALL_ID, [[*(call_ids or ())]])}):
        return dict(
            con.execute(
                """
                select call_id, sha256 from core.calls left join core.recordings using (call_id)
                where ($all or call_id in (from batch_asked))
                  and call_id not in (select call_id from core.impossible_calls)
                """,
                {"all": call_ids is None},
            ).fetchall()
        )


def possible(con: duckdb.DuckDBPyConnection) -> str:
    """What is asked of a call id so that a call that cannot have been so is left out.

    A copy that an earlier callaudit published knows nothing of such calls.
    """
    known = con.execute("select 1 from duckdb_views() where view_name = 'impossible_calls'").fetchall()
    return "call_id not in (select call_id from core.impossible_calls)" if known else "true"


def contacts(con: duckdb.DuckDBPyConnection, customers: Collection[str] | None = None) -> dict[str, list[Contact]]:
    """The dated calls of each customer id in order. Where a kept promise is looked for.

    Of all customers, or of those asked for. A call that could not be audited is among them, without its direction.
    """
    found: dict[str, list[Contact]] = {}
    with registered(con, {"asked": arrow_table(CUSTOMER_ID, [[*(customers or ())]])}):
        rows = con.execute(
            f"""
            select customer_id, call_id, started_at, direction, interaction_id from {_dated(con)}
            where $all or customer_id in (from batch_asked)
            order by customer_id, started_at, call_id
            """,  # noqa: S608  Words of ours.
            {"all": customers is None},
        ).fetchall()
    for customer_id, call_id, started_at, direction, interaction_id in rows:
        contact = Contact(call_id=call_id, started_at=started_at, direction=direction, interaction_id=interaction_id)
        found.setdefault(customer_id, []).append(contact)
    return found


def _dated(con: duckdb.DuckDBPyConnection) -> str:
    """Where the contacts stand; a copy that an earlier callaudit published has no view of them."""
    if con.execute("select 1 from duckdb_views() where schema_name = 'core' and view_name = 'contacts'").fetchall():
        return "core.contacts"
    return f"(from core.calls where customer_id is not null and started_at is not null and {possible(con)})"


def newest_start(con: duckdb.DuckDBPyConnection) -> datetime | None:
    """The newest start of a call."""
    rows: list[tuple[datetime | None]] = con.execute(
        f"select max(started_at) from core.calls where {possible(con)}"  # noqa: S608  Words of ours.
    ).fetchall()
    return rows[0][0]


def known_until(con: duckdb.DuckDBPyConnection) -> datetime | None:
    """Until when calls are known: a promise that is due later cannot be judged yet. None where nothing is known."""
    rows: list[tuple[datetime | None]] = con.execute("from core.known_until").fetchall()
    return rows[0][0]


CUSTOMER_ID = pa.schema([("customer_id", pa.string())])
