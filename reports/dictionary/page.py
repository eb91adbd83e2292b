"""The dictionary as its page shows it: views by what a row is about, joins in words, sample rows as text."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from callaudit.reports.dictionary.diagram import Diagram, diagram
from callaudit.reports.dictionary.queries import SHOWN_ROWS, Readings, Sample
from callaudit.reports.wording import counted, listed
from callaudit.warehouse.dictionary import Column, Join, Macro, Relation, joins

_OPEN = "findings"
_LONGEST = 160


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A view or table with its columns, its key and what it joins to, in words."""

    title: str
    meaning: str
    size: str
    key: tuple[str, ...]
    joins: tuple[tuple[str, str], ...]
    columns: tuple[Column, ...]
    is_open: bool


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Entries that are read together."""

    title: str
    note: str
    entries: tuple[Entry, ...]


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """A value of a sample's row; numbers stand to the right, what is missing is said to be."""

    text: str
    kind: str


class SampleTable(msgspec.Struct, frozen=True, kw_only=True):
    """A query with its answer."""

    name: str
    title: str
    sql: str
    columns: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str


class DictionaryPage(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the template prints."""

    summary: str
    views_drawn: Diagram
    tables_drawn: Diagram
    views: tuple[Group, ...]
    tables: Group
    macros: tuple[Macro, ...]
    samples: tuple[SampleTable, ...]


def dictionary_page(readings: Readings) -> DictionaryPage:
    """Arrange the catalogue and the samples."""
    found = readings.dictionary
    views = [v for v in found.views if v.schema == "main"]
    inner = [v for v in found.views if v.schema != "main"]
    of_rules = [v for v in views if "rule_id" in v.key and not {"call_id", "iso_week", "rulebook_version"} & set(v.key)]
    of_weeks = [v for v in views if "iso_week" in v.key]
    of_calls = [v for v in views if "call_id" in v.key or _hangs_on_a_call(v, views)]
    others = [v for v in views if v not in of_calls and v not in of_weeks]
    about_calls = joins([*of_calls, *of_rules])
    made_tables = joins(found.tables)
    weeks = f", weeks {readings.first_week} to {readings.last_week}" if readings.first_week else ""
    return DictionaryPage(
        summary=f"Made from the warehouse itself: {counted(readings.calls, 'call')}{weeks}. Rates count met and missed "
        f"only. Days and weeks are those of {readings.timezone}.",
        views_drawn=diagram([*of_calls, *of_rules], about_calls, label="How the views about calls join"),
        tables_drawn=diagram(found.tables, made_tables, label="How the base tables join"),
        views=(
            _group("By call", "What was heard, judged and scored in each call.", of_calls, about_calls),
            _group(
                "By week",
                "The same, counted, by the week that a call began in.",
                of_weeks,
                joins([*of_weeks, *of_rules]),
            ),
            _group("Rules, runs and what was left out", "", others, joins(of_rules)),
        ),
        tables=_group(
            "Base tables",
            "What the views are made of. They may change with a new version; the views keep their meaning.",
            [*found.tables, *inner],
            made_tables,
        ),
        macros=found.macros,
        samples=tuple(_sample(sample) for sample in readings.samples),
    )


def _hangs_on_a_call(view: Relation, views: Sequence[Relation]) -> bool:
    """Whether each of its rows belongs to a verdict of a call, as a review does, whatever its own key is."""
    return any(j.many == view.title and {"call_id", "rule_id"} <= set(j.by) for j in joins(views))


def _group(title: str, note: str, relations: Sequence[Relation], known: Sequence[Join]) -> Group:
    return Group(title=title, note=note, entries=tuple(_entry(r, known) for r in relations))


def _entry(relation: Relation, known: Sequence[Join]) -> Entry:
    return Entry(
        title=relation.title,
        meaning=relation.meaning,
        size=counted(len(relation.columns), "column") if relation.rows is None else counted(relation.rows, "row"),
        key=relation.key,
        joins=tuple((j.one, listed(list(j.by))) for j in known if j.many == relation.title),
        columns=relation.columns,
        is_open=relation.title == _OPEN,
    )


def _sample(sample: Sample) -> SampleTable:
    rows = tuple(tuple(_cell(value) for value in row) for row in sample.rows)
    kinds = ["number" if any(r[n].kind == "number" for r in rows) else "text" for n in range(len(sample.columns))]
    return SampleTable(
        name=sample.name,
        title=sample.title,
        sql=sample.sql,
        columns=tuple(Cell(text=name, kind=kind) for name, kind in zip(sample.columns, kinds, strict=True)),
        rows=rows,
        note=f"The first {SHOWN_ROWS} rows." if sample.more else "" if rows else "No rows in this warehouse.",
    )


def _cell(value: Any) -> Cell:  # noqa: ANN401  A value of any column.
    if value is None:
        return Cell(text="NULL", kind="missing")
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        written = f"{value:,}" if isinstance(value, int) else f"{value:,.3f}".rstrip("0").rstrip(".")
        return Cell(text=written, kind="number")
    if isinstance(value, datetime):
        return Cell(text=f"{value:%Y-%m-%d %H:%M %Z}".rstrip(), kind="text")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return Cell(text=text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…", kind="text")
