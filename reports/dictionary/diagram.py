"""The entity diagram: a box for each table or view, a line for each join, laid out by who refers to whom."""

from collections.abc import Sequence

import msgspec

from callaudit.warehouse.dictionary import Column, Join, Relation

BOX, GAP, EDGE = 216, 58, 4
HEAD, ROW, FOOT, BETWEEN = 28, 17, 7, 20
_MOST_ROWS = 3
_LONGEST_NAME = 24


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A column in a box, `y` at the foot of its letters."""

    y: float
    name: str
    type: str
    key: bool


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """A table or view, and the columns there is room for."""

    x: float
    y: float
    height: float
    name: str
    anchor: str
    lines: tuple[Line, ...]
    more: str


class Path(msgspec.Struct, frozen=True, kw_only=True):
    """A join: a curve from the one row to its rows, and where `1` and `n` are written."""

    d: str
    one_x: float
    one_y: float
    many_x: float
    many_y: float
    many: str


class Diagram(msgspec.Struct, frozen=True, kw_only=True):
    """Everything in drawing units of one pixel at full size."""

    width: float
    height: float
    box: float
    head: float
    boxes: tuple[Box, ...]
    paths: tuple[Path, ...]
    label: str


def diagram(relations: Sequence[Relation], found: Sequence[Join], *, label: str) -> Diagram:
    """Draw these relations and the joins among them.

    What others refer to stands left of those that refer to it; what refers to one thing only and is referred to by
    nothing may stand on its left instead, where that makes the drawing lower.
    """
    layers = _layers(relations, found)
    heights = {r.title: _height(r, found) for r in relations}
    tallest = max((_stack(layer, heights) for layer in layers), default=0)
    places: dict[str, tuple[float, float, int]] = {}
    for number, layer in enumerate(layers):
        y: float = EDGE
        for relation in layer:
            places[relation.title] = (EDGE + number * (BOX + GAP), y, number)
            y += heights[relation.title] + BETWEEN
    by_title = {r.title: r for r in relations}
    return Diagram(
        width=2 * EDGE + len(layers) * (BOX + GAP) - GAP,
        height=2 * EDGE + tallest,
        box=BOX,
        head=HEAD,
        boxes=tuple(_box(r, *places[r.title][:2], found) for layer in layers for r in layer),
        paths=tuple(_path(j, by_title, places, found) for j in found),
        label=label,
    )


def short_type(kind: str) -> str:
    """A type as a box has room for it: `struct(kind varchar, ...)[]` is `struct[]`."""
    name = kind.partition("(")[0] + ("[]" if kind.endswith("[]") and "(" in kind else "")
    return {"timestamp with time zone": "timestamptz"}.get(name, name)


def _layers(relations: Sequence[Relation], found: Sequence[Join]) -> list[list[Relation]]:
    owners = {r.title: [j.one for j in found if j.many == r.title] for r in relations}
    referred = {j.one for j in found}
    depth: dict[str, int] = {}

    def depth_of(title: str) -> int:
        if title not in depth:
            depth[title] = 0  # Not reached again in a circle; joins of whole keys hold none.
            depth[title] = max((depth_of(o) + 1 for o in owners[title]), default=0)
        return depth[title]

    heights = {r.title: _height(r, found) for r in relations}
    leaves = [r for r in relations if depth_of(r.title) == 1 and r.title not in referred and len(owners[r.title]) == 1]
    alone = [r for r in relations if not owners[r.title] and r.title not in referred]
    layers: list[list[Relation]] = [[] for _ in range(2 + max((depth_of(r.title) for r in relations), default=0))]
    for relation in relations:
        if relation not in leaves and relation not in alone:
            layers[1 + depth[relation.title]].append(relation)
    for leaf in leaves:
        min((layers[0], layers[2]), key=lambda layer: _stack(layer, heights)).append(leaf)
    for relation in alone:
        min(layers, key=lambda layer: _stack(layer, heights)).append(relation)
    return [layer for layer in layers if layer]


def _stack(layer: Sequence[Relation], heights: dict[str, float]) -> float:
    return sum(heights[r.title] for r in layer) + BETWEEN * max(len(layer) - 1, 0)


def _shown(relation: Relation, found: Sequence[Join]) -> list[Column]:
    joined = {column for j in found if j.many == relation.title for column in j.by}
    first = [c for c in relation.columns if c.name in relation.key or c.name in joined]
    rest = [c for c in relation.columns if c not in first]
    return first + rest[: max(_MOST_ROWS - len(first), 0)]


def _height(relation: Relation, found: Sequence[Join]) -> float:
    rows = len(_shown(relation, found))
    return HEAD + ROW * (rows + (rows < len(relation.columns))) + FOOT


def _box(relation: Relation, x: float, y: float, found: Sequence[Join]) -> Box:
    shown = _shown(relation, found)
    left = len(relation.columns) - len(shown)
    return Box(
        x=x,
        y=y,
        height=_height(relation, found),
        name=relation.title,
        anchor=relation.title,
        lines=tuple(
            Line(
                y=y + HEAD + ROW * (number + 1) - 4,
                name=column.name if len(column.name) <= _LONGEST_NAME else f"{column.name[: _LONGEST_NAME - 1]}…",
                type=short_type(column.type),
                key=column.name in relation.key,
            )
            for number, column in enumerate(shown)
        ),
        more=f"and {left} more" if left else "",
    )


def _path(
    join: Join, relations: dict[str, Relation], places: dict[str, tuple[float, float, int]], found: Sequence[Join]
) -> Path:
    one_x, one_y, one_layer = places[join.one]
    many_x, many_y, many_layer = places[join.many]
    one_y += _row(relations[join.one], join, found)
    many_y += _row(relations[join.many], join, found)
    rightwards = many_layer > one_layer
    start, end = (one_x + BOX, many_x) if rightwards else (one_x, many_x + BOX)
    bend = GAP * 0.7 if rightwards else -GAP * 0.7
    away = 8 if rightwards else -8
    curve = f"C{start + bend:.1f} {one_y:.1f} {end - bend:.1f} {many_y:.1f} {end:.1f} {many_y:.1f}"
    return Path(
        d=f"M{start:.1f} {one_y:.1f}{curve}",
        one_x=start + away,
        one_y=one_y - 4,
        many_x=end - away,
        many_y=many_y - 4,
        many="1" if join.single else "n",
    )


def _row(relation: Relation, join: Join, found: Sequence[Join]) -> float:
    """How far below a box's top the line of the join's last column is."""
    names = [c.name for c in _shown(relation, found)]
    return HEAD + ROW * (max(names.index(column) for column in join.by) + 0.5)
