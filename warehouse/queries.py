"""Questions about the calls that are asked often: one SQL file each, its first line says what it answers."""

from pathlib import Path

import msgspec

from transcription.errors import InputError

QUERIES = Path(__file__).parent / "queries"


class SavedQuery(msgspec.Struct, frozen=True):
    """A question with a name: `title` is the first line of its file."""

    name: str
    title: str
    sql: str


def saved_queries(*folders: Path) -> dict[str, SavedQuery]:
    """The shipped questions by name, with those of the folders added; a later one of the same name wins."""
    return {
        path.stem: SavedQuery(
            path.stem, path.read_text().partition("\n")[0].removeprefix("--").strip(), path.read_text()
        )
        for folder in (QUERIES, *folders)
        for path in sorted(folder.glob("*.sql"))
    }


def saved_query(name: str, *folders: Path) -> SavedQuery:
    """The question of that name. Raises InputError where there is none, listing those there are."""
    known = saved_queries(*folders)
    if name not in known:
        raise InputError(
            f"no saved query is called “{name}”",
            why=f"There are: {', '.join(sorted(known))}.",
            tries=("callaudit query  (lists them)",),
        )
    return known[name]
