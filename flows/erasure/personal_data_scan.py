"""`callaudit scan`: personal data that is left in what was stored; says where, never what."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec

from callaudit.flows.auditing.transcription_pool import read_staged
from callaudit.flows.erasure.file_search import documents, kept_files
from callaudit.flows.settings import Settings
from callaudit.transcription.errors import SetupError
from callaudit.transcription.redaction import find
from callaudit.transcription.redaction.net import CANDIDATES, kinds_left
from callaudit.transcription.transcript import SpeakerRole, Utterance
from callaudit.warehouse.search import Said, cells_like, databases, open_to_search, said_in


class Leftover(msgspec.Struct, frozen=True, order=True):
    """Something that should have been masked: in which call or file, at which place of it, and of what kind.

    `copies` are the DuckDB files that it stands in.
    """

    where: str
    place: str
    kind: str
    copies: tuple[str, ...] = ()


def leftovers(settings: Settings) -> list[Leftover]:
    """What is left in every DuckDB file, in transcripts that wait to be loaded, and in every file that was made.

    Words are searched as they are before storage, with what was said around them; everything else (metadata, quotes,
    reasons, notes, pages, tables, mails) for what is personal by its shape alone.

    Raises LockedError while a run holds the warehouse, SetupError where a PDF cannot be read.
    """
    found: set[Leftover] = set(_in_databases(settings))
    for path in kept_files(settings):
        # Who was mailed is no customer, and what a removal has still to do names who is to go.
        if path in (settings.mailed, settings.removal) or path.suffix == ".duckdb":
            continue
        transcript = read_staged(path) if path.parent == settings.staging and path.suffix == ".json" else None
        if transcript is not None:
            said = tuple((n, u.role.value, u.text) for n, u in enumerate(transcript.utterances))
            found.update(_left(Said(transcript.call.call_id, "", said)))
            for field, told in msgspec.to_builtins(transcript.call).items():
                found.update(Leftover(transcript.call.call_id, field, kind) for kind in kinds_left(str(told or "")))
            continue
        found.update(_in_file(path))
    return sorted(found)


def _in_file(path: Path) -> Iterator[Leftover]:
    for document in documents(path):
        if document.form == ".pdf":
            raise SetupError(
                f"{path} cannot be searched", why="That needs pypdf.", tries=('pip install "call-audit[pdf]"',)
            )
        place = document.place or ("page" if document.form == ".html" else "text")
        yield from (Leftover(str(path), place, kind) for kind in kinds_left(document.visible))


def _in_databases(settings: Settings) -> Iterator[Leftover]:
    copies: dict[Leftover, list[str]] = {}
    # Copies hold most calls unchanged: the words of a transcript are searched once.
    known: dict[tuple[str, str], tuple[Leftover, ...]] = {}
    for database in databases(settings.warehouse, settings.published):
        with closing(open_to_search(database)) as con:
            found: set[Leftover] = set()
            for said in said_in(con):
                key = (said.call_id, said.transcript)
                if key not in known:
                    known[key] = tuple(dict.fromkeys(_left(said)))
                found.update(known[key])
            for cell in cells_like(con, CANDIDATES, but=("utterances",)):
                where, place = cell.call_id or cell.table, f"{cell.table}.{cell.column}"
                found.update(Leftover(where, place, kind) for kind in kinds_left(cell.text))
        for one in found:
            copies.setdefault(one, []).append(database.name)
    yield from (msgspec.structs.replace(one, copies=tuple(names)) for one, names in copies.items())


def _left(said: Said) -> Iterator[Leftover]:
    utterances = [Utterance(role=SpeakerRole(role), text=text) for _, role, text in said.utterances]
    turns = [turn for turn, _, _ in said.utterances]
    for one in find(utterances):
        yield Leftover(said.call_id, f"turn {turns[one.utterance]}", one.kind)
    for turn, utterance in zip(turns, utterances, strict=True):
        yield from (Leftover(said.call_id, f"turn {turn}", kind) for kind in kinds_left(utterance.text))
