"""What readers ask most, counted once: in a published copy, which never changes, views can be tables."""

import duckdb

# A view stands below those it reads.
COUNTED = (
    "call_scorecards",
    "scorecards_by_week",
    "steps_by_week",
    "rules_by_week",
    "agents_by_week",
    "agent_steps_by_week",
    "agent_step_month",
    "coverage",
    "weeks",
)


def count_views(con: duckdb.DuckDBPyConnection) -> None:
    """Keep the rows of the views in `COUNTED` in tables of the schema `counted`, and let the views read those.

    Names, columns and comments stay as they are. Only for a copy that nobody writes to any more: what is loaded
    afterwards would not be counted. Raises duckdb.Error where the disk does not take it.
    """
    con.execute("create schema counted")
    # Three of the views read the steps of all calls; a temporary table stands before the view of its name.
    con.execute("create temp table call_steps as from main.call_steps")
    for view in COUNTED:
        _keep(con, view)


def _keep(con: duckdb.DuckDBPyConnection, view: str) -> None:
    comments = con.execute(
        """
        select 'view "' || view_name || '"', comment from duckdb_views()
        where schema_name = 'main' and view_name = $view
        union all
        select 'column "' || table_name || '"."' || column_name || '"', comment from duckdb_columns()
        where schema_name = 'main' and table_name = $view
        """,
        {"view": view},
    ).fetchall()
    con.execute(f"create table counted.{view} as from {view}")
    con.execute(f"comment on table counted.{view} is 'The rows of the view {view}, counted when this copy was made.'")
    con.execute(f"create or replace view {view} as from counted.{view}")
    for place, comment in comments:
        if comment is not None:
            text = comment.replace("'", "''")
            con.execute(f"comment on {place} is '{text}'")
