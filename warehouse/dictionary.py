"""What a warehouse holds, as its own catalogue says it: tables, views, columns, macros, keys and how they join.

Nothing is written down here a second time. A key is what the comment of a table or view names after "Key:"; it is held
by the loader, not by an index, and a test reads it. How tables join follows from the keys: a table that has the columns
of another's key refers to it.
"""

import re
from collections.abc import Collection, Iterable
from typing import Any, Literal

import msgspec

from callaudit.warehouse.published import Published
from callaudit.warehouse.schema import VIEW_ORDER

# They tell the rows of their own table apart; the same name elsewhere does not refer to them.
_OWN = frozenset(("position", "episode", "promise", "number", "path"))
_KEY = re.compile(r"\s*Key: ([a-z0-9_]+(?:, [a-z0-9_]+)*)")


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column; `type` as DuckDB writes it, `meaning` is its comment."""

    name: str
    type: str
    meaning: str
    required: bool


class Relation(msgspec.Struct, frozen=True, kw_only=True):
    """A table or view; `meaning` is its comment without the key, `rows` is None for a view."""

    schema: str
    name: str
    kind: Literal["table", "view"]
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: int | None = None

    @property
    def title(self) -> str:
        """The name as a query from `main` writes it."""
        return self.name if self.schema == "main" else f"{self.schema}.{self.name}"


class Macro(msgspec.Struct, frozen=True, kw_only=True):
    """A question that is called like a function; `gives` is a table or a value."""

    name: str
    parameters: tuple[str, ...]
    gives: Literal["table", "value"]
    meaning: str

    @property
    def call(self) -> str:
        """As it is written in a query."""
        return f"{self.name}({', '.join(self.parameters)})"


class Join(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of `many` belong to a row of `one` with the same values in the columns `by`."""

    one: str
    many: str
    by: tuple[str, ...]
    single: bool  # At most one row of `many` for each of `one`.


class Dictionary(msgspec.Struct, frozen=True, kw_only=True):
    """Everything in a warehouse that a query can name."""

    views: tuple[Relation, ...]
    tables: tuple[Relation, ...]
    macros: tuple[Macro, ...]


def read_dictionary(published: Published) -> Dictionary:
    """What the published copy holds, read from its catalogue; a view comes after those that it reads."""
    columns: dict[tuple[str, str], list[Column]] = {}
    for row in published.rows(
        """
        select schema_name, table_name, column_name, data_type, comment, is_nullable
        from duckdb_columns() where not internal and database_name = current_database()
        order by schema_name, table_name, column_index
        """
    ):
        columns.setdefault((row["schema_name"], row["table_name"]), []).append(
            Column(
                name=row["column_name"],
                type=row["data_type"].lower(),
                meaning=row["comment"] or "",
                required=not row["is_nullable"],
            )
        )
    relations = [
        _relation(row, columns.get((row["schema_name"], row["name"]), ()))
        for row in published.rows(
            """
            select 'table' as kind, schema_name, table_name as name, comment, estimated_size as rows, table_oid as made
            from duckdb_tables() where not internal and not temporary and database_name = current_database()
            and schema_name <> 'counted'  -- The rows of views, which stand for themselves.
            union all
            select 'view', schema_name, view_name, comment, null, view_oid
            from duckdb_views() where not internal and database_name = current_database()
            order by made
            """
        )
    ]
    return Dictionary(
        views=tuple(sorted((r for r in relations if r.kind == "view"), key=_place)),
        tables=tuple(r for r in relations if r.kind == "table"),
        macros=tuple(
            Macro(
                name=row["name"],
                parameters=tuple(row["parameters"]),
                gives="table" if row["function_type"] == "table_macro" else "value",
                meaning=row["comment"] or "",
            )
            for row in published.rows(
                """
                select function_name as name, function_type, parameters, comment
                from duckdb_functions() where not internal and database_name = current_database()
                order by function_type desc, function_name
                """
            )
        ),
    )


def joins(relations: Iterable[Relation]) -> tuple[Join, ...]:
    """How these join: each to those whose whole key it has, nearest only (findings to calls, not to a call's week).

    Of several with one key the first stands for it, and the others hold one row for each of its.
    """
    among = [r for r in relations if r.key]
    owners: dict[tuple[str, ...], Relation] = {}
    for relation in among:
        if not _OWN & set(relation.key):
            owners.setdefault(relation.key, relation)
    direct = {r.title: {o.title: o for o in owners.values() if _refers(r, o)} for r in among}
    found = []
    for relation in among:
        farther = {name for near in direct[relation.title] for name in _reach(near, direct)}
        found += [
            Join(one=owner.title, many=relation.title, by=owner.key, single=owner.key == relation.key)
            for owner in direct[relation.title].values()
            if owner.title not in farther
        ]
    return tuple(found)


def _refers(relation: Relation, owner: Relation) -> bool:
    # A table says which columns always hold a value; what a view may lack is not known to the catalogue.
    sure = {c.name for c in relation.columns if c.required or relation.kind == "view"}
    return owner is not relation and set(owner.key) <= sure and not set(relation.key) < set(owner.key)


def _reach(name: str, direct: dict[str, dict[str, Relation]], seen: frozenset[str] = frozenset()) -> set[str]:
    reached: set[str] = set()
    for further in direct[name]:
        if further not in seen:
            reached |= {further} | _reach(further, direct, seen | {name})
    return reached


def _place(view: Relation) -> tuple[bool, int, str]:
    known = view.name in VIEW_ORDER
    return view.schema != "main", VIEW_ORDER.index(view.name) if known else len(VIEW_ORDER), view.name


def _sentence(text: str, names: set[str]) -> str:
    if not text:
        return ""
    first = text.split(maxsplit=1)[0]
    return f" {text if first in names else text[0].upper() + text[1:]}{'' if text.endswith(')') else '.'}"


def _relation(row: dict[str, Any], columns: Collection[Column]) -> Relation:
    comment = row["comment"] or ""
    key = _KEY.search(comment)
    names = {column.name for column in columns}
    said = comment[: key.start()] + _sentence(comment[key.end() :].strip(" .;"), names) if key else comment
    return Relation(
        schema=row["schema_name"],
        name=row["name"],
        kind=row["kind"],
        meaning=said.strip(),
        key=tuple(key[1].split(", ")) if key else (),
        columns=tuple(columns),
        rows=row["rows"],
    )
