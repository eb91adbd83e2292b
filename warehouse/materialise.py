"""What readers ask most, counted once: in a published copy, which never changes, views can be tables.

A night changes a week or two of a year. What the former copy says of the other weeks is taken over from it.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from pathlib import Path

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
# Files left out come into a week without a call in it being touched, and to count all weeks is cheap.
_ALWAYS_WHOLE = frozenset(("weeks",))
# Each row is over the four weeks that end with its own.
_OVER_A_MONTH = frozenset(("agent_step_month",))
_MONTH = tuple(timedelta(weeks=n) for n in range(4))

# All that the counts of a week are made from, as a number. Words stand in it through the hash of their transcript, and
# verdicts through the hash of all verdicts on a call, so that neither must be read. What has no week is told as ''.
_WEEKS = """
create table counted.week_marks as
select coalesce(c.iso_week, '') as iso_week, bit_xor(marks.mark) as mark
from (
    select c.call_id, hash(c) as mark from core.calls c
    union all select m.call_id, hash(m) from core.call_measures m
    union all select r.call_id, hash(r) from core.reviews r
) marks
join core.calls c on c.call_id = marks.call_id
group by all
"""
# What counts for every week: how it is counted, the rules, and what makes the marks themselves.
_WHOLE = """
create table counted.all_weeks_mark as
select (select library_version from pragma_version()) as duckdb,
    (select min(sha256) from core.view_sets) as views,
    (select bit_xor(hash(b)) from core.rulebooks b) as rulebooks,
    (select bit_xor(hash(r)) from core.rules r) as rules,
    (select bit_xor(hash(s)) from core.scorecard_steps s) as scorecards
"""


def count_views(con: duckdb.DuckDBPyConnection, former: Path | None = None) -> None:
    """Keep the rows of the views in `COUNTED` in tables of the schema `counted`, and let the views read those.

    The tables bear names of their own, so that programs that list all of a file's tables show each view once.

    `former` is a copy in which that was done before: weeks of which it knows the same are taken from there. Names,
    columns and comments stay as they are. Only for a copy that nobody writes to any more: what is loaded afterwards
    would not be counted. Raises duckdb.Error where the disk does not take it.
    """
    con.execute("create schema counted")
    con.execute(_WEEKS)
    con.execute(_WHOLE)
    with _attached(con, former) as there:
        same, other = _weeks(con) if there else (set(), None)
        # At once: hundreds of comments, each written to disk by itself, take longer than all the counting.
        con.execute("begin")
        # Three of the views read the steps of all calls; a temporary table stands before the view of its name.
        con.execute(f"create temp table call_steps as from main.call_steps where {_only(other)}")
        for view in COUNTED:
            if view in _ALWAYS_WHOLE:
                _keep(con, view, set(), None)
            elif view in _OVER_A_MONTH and other is not None:
                reached = other | {week for week in same if any(_start(week) - n in map(_start, other) for n in _MONTH)}
                _keep(con, view, same - reached, reached)
            else:
                _keep(con, view, same, other)
        con.execute("drop table temp.call_steps")
        con.execute("commit")


@contextmanager
def _attached(con: duckdb.DuckDBPyConnection, former: Path | None) -> Iterator[bool]:
    """Whether the former copy can be read, as `former`, and was counted by the same rules in the same way."""
    usable = False
    if former is not None:
        # A copy of another make, or a broken one: then all is counted.
        with suppress(duckdb.Error):
            quoted = str(former).replace("'", "''")
            con.execute(f"attach '{quoted}' as former (read_only)")
            usable = con.execute(
                "select count(*) = 1 from (from counted.all_weeks_mark intersect from former.counted.all_weeks_mark)"
            ).fetchone() == (True,)
    try:
        yield usable
    finally:
        with suppress(duckdb.Error):
            con.execute("detach former")


def _weeks(con: duckdb.DuckDBPyConnection) -> tuple[set[str], set[str]]:
    """The weeks that are as they were in the former copy, and all others that either copy knows; '' is in neither."""
    rows = con.execute(
        """
        select iso_week, now.mark is not distinct from before.mark
        from counted.week_marks now full join former.counted.week_marks before using (iso_week)
        where iso_week <> ''
        """
    ).fetchall()
    return {week for week, same in rows if same}, {week for week, same in rows if not same}


def _start(week: str) -> date:
    year, number = week.split("-W")
    return date.fromisocalendar(int(year), int(number), 1)


def _only(weeks: Collection[str] | None) -> str:
    """What holds for rows of these weeks and of none; for all rows where no weeks are given.

    As literals, for only those reach the bottom of a view, where the calls are.
    """
    if weeks is None:
        return "true"
    return f"(iso_week is null or iso_week in ({_literals(weeks) or 'null'}))"


def _literals(weeks: Collection[str]) -> str:
    return ", ".join("'" + week.replace("'", "''") + "'" for week in sorted(weeks))


def _keep(con: duckdb.DuckDBPyConnection, view: str, same: Collection[str], other: Collection[str] | None) -> None:
    comments = con.execute(
        """
        select 'view "' || view_name || '"', comment from duckdb_views()
        where database_name = current_database() and schema_name = 'main' and view_name = $view
        union all
        select 'column "' || table_name || '"."' || column_name || '"', comment from duckdb_columns()
        where database_name = current_database() and schema_name = 'main' and table_name = $view
        """,
        {"view": view},
    ).fetchall()
    con.execute(f"create table counted.rows_of_{view} as from {view} where {_only(other)}")
    if same:
        con.execute(
            f"insert into counted.rows_of_{view} by name "
            f"from former.counted.rows_of_{view} where iso_week in ({_literals(same)})"
        )
    con.execute(
        f"comment on table counted.rows_of_{view} is 'The rows of the view {view}, counted when this copy was made.'"
    )
    con.execute(f"create or replace view {view} as from counted.rows_of_{view}")
    for place, comment in comments:
        if comment is not None:
            text = comment.replace("'", "''")
            con.execute(f"comment on {place} is '{text}'")
