"""What the dictionary asks the warehouse: its catalogue, and every saved query."""

import re
from typing import Any

import msgspec

from callaudit.warehouse.dictionary import Dictionary, read_dictionary
from callaudit.warehouse.published import Published
from callaudit.warehouse.queries import SavedQuery, saved_queries, values_for

SHOWN_ROWS = 6


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A saved query that was run: its SQL with the values it was asked with, and the first rows that came."""

    name: str
    title: str
    sql: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    more: bool


class Readings(msgspec.Struct, frozen=True, kw_only=True):
    """The catalogue, what the warehouse is about, and the samples."""

    dictionary: Dictionary
    calls: int
    timezone: str
    first_week: str | None
    last_week: str | None
    samples: tuple[Sample, ...]


def read(published: Published) -> Readings:
    """Read the catalogue and run every saved query."""
    (about,) = published.rows(
        "select count(*) as calls, min(iso_week) as first, max(iso_week) as last, site_timezone() as zone from calls"
    )
    return Readings(
        dictionary=read_dictionary(published),
        calls=about["calls"],
        timezone=about["zone"],
        first_week=about["first"],
        last_week=about["last"],
        samples=tuple(_run(query, published) for query in saved_queries().values()),
    )


def _run(query: SavedQuery, published: Published) -> Sample:
    values = values_for(query, {}, published)
    rows: list[tuple[Any, ...]] = []
    with published.batches(query.sql, values or None, rows=SHOWN_ROWS + 1) as (schema, batches):
        for batch in batches:
            rows += zip(*(column.to_pylist() for column in batch.columns), strict=True)
            if len(rows) > SHOWN_ROWS:
                break
    return Sample(
        name=query.name,
        title=query.title,
        sql=_with_values(query.sql, values),
        columns=tuple(schema.names),
        rows=tuple(rows[:SHOWN_ROWS]),
        more=len(rows) > SHOWN_ROWS,
    )


def _with_values(sql: str, values: dict[str, object]) -> str:
    """The query as it could be typed: `$name` as what it stood for."""
    return re.sub(r"\$([a-z_]+)", lambda found: _literal(values[found[1]]), sql).strip()


def _literal(value: object) -> str:
    if value is None:
        return "null"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)
