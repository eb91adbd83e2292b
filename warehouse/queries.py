"""Questions about the calls that are asked often: one SQL file each.

Its first line is the question. A line for each value that it may be asked with follows::

    -- Which quotes hold these words?
    -- $words  Words to look for. Without it: select 'sorry'
    from quotes($words);

What stands behind "Without it" is asked first, so that every question has an answer on every warehouse.
"""

import difflib
import re
from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path

import msgspec

from callaudit.transcription.errors import InputError, SetupError
from callaudit.warehouse.published import Published

QUERIES = Path(__file__).parent / "queries"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_VALUE = re.compile(r"--\s*\$(?P<name>[a-z_]+)\s+(?P<meaning>.+?\.)\s+Without it: (?P<otherwise>.+)")


class QueryValue(msgspec.Struct, frozen=True):
    """What a question may be asked with: `$name` in its SQL. `otherwise` is SQL that picks one where none is given."""

    name: str
    meaning: str
    otherwise: str


class SavedQuery(msgspec.Struct, frozen=True):
    """A question with a name: `title` is the first line of its file, `sql` what stands below its comment."""

    name: str
    title: str
    sql: str
    values: tuple[QueryValue, ...] = ()


def saved_queries(*folders: Path) -> dict[str, SavedQuery]:
    """The shipped questions by name, with those of the folders added; a later one of the same name wins.

    Raises SetupError for a file whose first lines are not as this module says, naming it.
    """
    return {path.stem: _read(path) for folder in (QUERIES, *folders) for path in sorted(folder.glob("*.sql"))}


def saved_query(name: str, *folders: Path) -> SavedQuery:
    """The question of that name. Raises InputError where there is none, listing those there are."""
    known = saved_queries(*folders)
    if name not in known:
        raise InputError(
            f"no saved query is called “{name}”",
            why=f"There are: {', '.join(sorted(known))}.",
            tries=(
                *(f"callaudit query {near}" for near in difflib.get_close_matches(name, known, n=1)),
                "callaudit query  (lists them)",
                f"callaudit query 'from {name}'  (if it is a view)",
            ),
        )
    return known[name]


def looks_like_a_name(asked: str) -> bool:
    """Whether somebody who typed this meant a saved query, not SQL."""
    return _NAME.fullmatch(asked) is not None


def values_for(query: SavedQuery, given: Mapping[str, str], published: Published) -> dict[str, object]:
    """The value of each `$name` of a question: as given, else as the question picks it from this copy.

    Raises InputError for a value that the question does not know.
    """
    known = [value.name for value in query.values]
    for name in given:
        if name not in known:
            raise InputError(
                f"“{query.name}” has no value “{name}”",
                why=f"It can be asked with: {', '.join(known)}." if known else "It takes none.",
                tries=("callaudit query  (lists the saved queries)",),
            )
    return {value.name: given.get(value.name) or _picked(value, published) for value in query.values}


def _picked(value: QueryValue, published: Published) -> object:
    rows = published.rows(value.otherwise)
    return next(iter(rows[0].values()), None) if rows else None


def _read(path: Path) -> SavedQuery:
    lines = path.read_text(encoding="utf-8").strip().splitlines()
    head = list(takewhile(lambda line: line.startswith("--"), lines))
    values = [_VALUE.fullmatch(line.strip()) for line in head[1:] if line.startswith("-- $")]
    if not head or not all(values):
        raise SetupError(
            f"{path} is no saved query",
            why="Its first line is the question, as a comment (-- ...); a line for each value follows: "
            "-- $name  What it is. Without it: select ...",
            tries=(f"compare it with {QUERIES / 'who_said.sql'}",),
        )
    return SavedQuery(
        path.stem,
        head[0].removeprefix("--").strip(),
        "\n".join(lines[len(head) :]),
        tuple(QueryValue(**found.groupdict()) for found in values if found),
    )
