"""The clock by which days and weeks are counted."""

import duckdb

from callaudit.warehouse.session import disk_full_as_setup_error, transaction

# The day and the week of a start, and how far its clock is from UTC, are those of the site.
ON_CLOCK = """
    datediff('second', started_at at time zone 'UTC', started_at at time zone site_timezone()) as utc_offset_s,
    (started_at at time zone site_timezone())::date as local_date,
    strftime(started_at at time zone site_timezone(), '%G-W%V') as iso_week
"""


@disk_full_as_setup_error()
def keep_clock(con: duckdb.DuckDBPyConnection, timezone: str) -> None:
    """Count days and weeks by the clock of this IANA zone from now on, and again for all that is stored.

    Does nothing where that is the clock already. Raises SetupError where the disk does not take it.
    """
    if con.execute("select timezone from core.site").fetchall() == [(timezone,)]:
        return
    with transaction(con):
        con.execute("delete from core.site")
        con.execute("insert into core.site values (?)", [timezone])
        of_day = ("local_date", "iso_week")
        for table, columns in (("calls", ("utc_offset_s", *of_day)), ("quarantine", of_day)):
            con.execute(
                f"update core.{table} t set {', '.join(f'{c} = n.{c}' for c in columns)} "  # noqa: S608  Names of ours.
                f"from (select rowid as id, {ON_CLOCK} from core.{table} where started_at is not null) n "
                "where n.id = t.rowid"
            )
