"""Promises whose outcome may still change: a later call may keep them, or their time may run out."""

import duckdb


def unsettled_promises(con: duckdb.DuckDBPyConnection, *, rulebook_version: str, rule_id: str) -> list[str]:
    """Calls that hold a promise which this rulebook does not call kept, in order of their ids."""
    return [
        call_id
        for (call_id,) in con.execute(
            """
            select distinct f.call_id
            from core.findings f join core.promises p using (call_id, rulebook_version)
            where f.rulebook_version = $version and f.rule_id = $rule and f.verdict <> 'met'
              and p.due_at is not null  -- Without a date nothing can change,
              -- and what an erased call kept must not turn to missed.
              and f.call_id not in (from core.contact_gaps)
            order by f.call_id
            """,
            {"version": rulebook_version, "rule": rule_id},
        ).fetchall()
    ]
