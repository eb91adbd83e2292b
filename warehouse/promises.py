"""Promises whose outcome may still change: a later call may keep them, or their time may run out."""

from datetime import datetime

import duckdb


def unsettled_promises(
    con: duckdb.DuckDBPyConnection, *, rulebook_version: str, rule_id: str, known_until: datetime | None
) -> list[str]:
    """Calls whose promise this rulebook does not call kept and may now judge otherwise, in order of their ids.

    That is where it was not due when it was judged and is due by `known_until`, the start of the newest known call, or
    where a run after the one that judged it brought a later call of the same customer.
    """
    return [
        call_id
        for (call_id,) in con.execute(
            """
            with came as (
                select call_id, customer_id, started_at, min(run_id) as run_id
                from core.calls join core.call_measures using (call_id)
                where customer_id is not null and started_at is not null
                  and call_id not in (select call_id from core.impossible_calls)
                group by all
            )
            select distinct f.call_id
            from core.findings f
            join core.promises p using (call_id, rulebook_version)
            join core.call_measures m using (call_id, rulebook_version)
            join core.calls c using (call_id)
            where f.rulebook_version = $version and f.rule_id = $rule and f.verdict <> 'met'
              and f.call_id not in (select call_id from core.impossible_calls)
              and p.due_at is not null  -- Without a date nothing can change,
              -- and what an erased call kept must not turn to missed.
              and f.call_id not in (from core.contact_gaps)
              and (
                (f.verdict = 'not_assessable' and p.due_at <= $known_until)
                or exists (
                    from came
                    where came.customer_id = c.customer_id and came.started_at > c.started_at and came.run_id > m.run_id
                )
              )
            order by f.call_id
            """,
            {"version": rulebook_version, "rule": rule_id, "known_until": known_until},
        ).fetchall()
    ]
