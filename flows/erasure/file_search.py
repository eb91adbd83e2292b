"""Every file that callaudit keeps or made, opened as far as text can stand in it: for searches of what is left.

The DuckDB files are opened by `warehouse.search`, as their text is compressed; here only their bytes are looked at.
"""

import csv
import email
import email.policy
import html
import json
import mmap
import os
import re
import sqlite3
import zipfile
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from email.message import EmailMessage
from io import BytesIO
from itertools import chain
from pathlib import Path
from urllib.parse import quote

import msgspec
import pyarrow.parquet

from callaudit.flows.settings import Settings
from callaudit.warehouse.erase import whole_word

_TAG = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_IN_A_SENTENCE = re.compile(r"</?(?:a|b|i|em|strong|mark|span|t|r|u|small)(?:\s[^>]*)?>", re.IGNORECASE)
# Texts and numbers of a JSON document, one by one, whole or cut off.
_VALUES = re.compile(r'"(?:[^"\\]|\\.)*"?|[-+.\w]+')
_MARKUP = (".html", ".xml", ".rels")
_TEXT = (".csv", ".md", ".txt", ".json", ".jsonl", ".log", ".srt", ".vtt")


class Document(msgspec.Struct, frozen=True):
    """A file, or what is packed in one: `place` is "" for the file itself, else where inside it; `form` its ending."""

    place: str
    form: str
    content: bytes

    @property
    def visible(self) -> str:
        """What a reader sees of it, without marks of the format; "" for what is no text.

        Cells, values and what stands between other marks than those within a sentence are lines of their own: the
        cells of a row are no one number.
        """
        text = self.content.decode(errors="replace")
        if self.form in _MARKUP:
            return html.unescape(_TAG.sub("\n", _IN_A_SENTENCE.sub("", text)))
        if self.form == ".csv":
            return "\n".join(cell for row in _rows(text) for cell in row)
        if self.form in {".json", ".jsonl"}:
            return "\n".join(map(_unescaped, _VALUES.findall(text)))
        return text if self.form in _TEXT else ""


def kept_files(settings: Settings) -> Iterator[Path]:
    """Files below home and reports, the log, and review forms beside the settings, where `review sample` puts them."""
    for folder in (settings.home, settings.reports):
        yield from sorted(path for path in folder.rglob("*") if path.is_file())
    if settings.log is not None and settings.log.is_file():
        yield settings.log
    yield from review_forms(settings)


def prefect_history() -> list[Path]:
    """The files of Prefect's own history where it is kept on this machine; a server elsewhere is not looked at."""
    from prefect.settings import get_current_settings  # noqa: PLC0415  It takes a second, and few ask.

    return sorted(path for path in get_current_settings().home.glob("prefect.db*") if path.is_file())


def review_forms(settings: Settings) -> list[Path]:
    """The forms that lie where `callaudit review sample` puts them, when called beside the settings."""
    return sorted(p for form in ("xlsx", "html", "json") for p in settings.root.glob(f"review-*.{form}") if p.is_file())


def documents(path: Path) -> Iterator[Document]:
    """What stands in a file, unpacked: sheets, parts of a mail, pages of a PDF, rows of a table.

    A file that is not what its name says is given as it is, and so is a PDF where pypdf is not installed.
    """
    form = path.suffix.lower()
    unpack = _UNPACK.get(form)
    if unpack is None:
        if form in _MARKUP or form in _TEXT:
            yield Document("", form, path.read_bytes())
        return
    yield from _unpacked(path.read_bytes(), form, "")


def naming(names: Collection[str]) -> re.Pattern[str] | None:
    """Finds any of the ids and names as a word of its own; None where there are none."""
    patterns = [whole_word(name).pattern for name in sorted(set(names)) if name]
    return re.compile("|".join(patterns)) if patterns else None


def file_names(path: Path, names: Collection[str]) -> bool:
    """Whether the file's name, its bytes or what is packed in it hold one of the ids or names as a word of its own."""
    pattern = names_in_bytes(names)
    return pattern is not None and _holds(path, pattern, path.name)


def files_that_name(settings: Settings, names: Collection[str], *, also: Collection[Path] = ()) -> list[str]:
    """The kept files, and those given, that hold one of the ids or names, as `file_names` looks for them."""
    pattern = names_in_bytes(names)
    if pattern is None:
        return []
    files = chain(kept_files(settings), also)
    return [str(path) for path in files if _holds(path, pattern, os.path.relpath(path, settings.root))]


def _spellings(name: str) -> tuple[str, ...]:
    escaped = html.escape(name)
    # The templates write quotes by number.
    by_number = escaped.replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
    return (name, html.escape(name, quote=False), escaped, by_number, quote(name, safe=""), json.dumps(name)[1:-1])


def names_in_bytes(names: Collection[str]) -> re.Pattern[bytes] | None:
    """Finds any of the ids and names as a word of its own, in every spelling that formats of files give them."""
    forms = {form.encode(errors="surrogatepass") for name in names if name for form in _spellings(name)}
    if not forms:
        return None
    return re.compile(rb"(?<![0-9A-Za-z])(?:" + b"|".join(map(re.escape, sorted(forms))) + rb")(?![0-9A-Za-z])")


def _holds(path: Path, pattern: re.Pattern[bytes], name: str) -> bool:
    if pattern.search(os.fsencode(name)):
        return True
    if path.stat().st_size == 0:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if pattern.search(content) is not None:
            return True
    return path.suffix.lower() in _UNPACK and any(pattern.search(one.content) for one in documents(path))


def _unescaped(value: str) -> str:
    r"""A value of a JSON document as it is read: "\\u0664" is a digit."""
    try:
        return str(json.loads(value)) if "\\" in value else value
    except ValueError:
        return value


def _rows(text: str) -> Iterator[list[str]]:
    """The rows of a table; line by line where it is none."""
    csv.field_size_limit(len(text) + 1)
    try:
        yield from csv.reader(text.splitlines(keepends=True))
    except csv.Error:
        yield from ([line] for line in text.splitlines())


def _unpacked(content: bytes, form: str, place: str) -> Iterator[Document]:
    unpack = _UNPACK.get(form)
    if unpack is None:
        yield Document(place, form, content)
        return
    try:
        yield from unpack(content, place)
    except (zipfile.BadZipFile, ValueError, OSError, sqlite3.Error, pyarrow.ArrowException):
        yield Document(place, ".txt", content)


def _of_zip(content: bytes, place: str) -> Iterator[Document]:
    with zipfile.ZipFile(BytesIO(content)) as packed:
        for name in packed.namelist():
            yield from _unpacked(packed.read(name), Path(name).suffix.lower(), f"{place} {name}".strip())


def _of_mail(content: bytes, place: str) -> Iterator[Document]:
    mail = email.message_from_bytes(content, policy=email.policy.default)
    if not isinstance(mail, EmailMessage):
        raise TypeError("the policy makes another kind of message")
    # Whom it is from and to is no customer's.
    yield Document(f"{place} subject".strip(), ".txt", str(mail["subject"] or "").encode())
    leaves = (part for part in mail.walk() if not part.is_multipart())
    for number, part in enumerate(leaves, 1):
        name = part.get_filename() or f"part-{number}.{'html' if part.get_content_subtype() == 'html' else 'txt'}"
        packed = part.get_payload(decode=True)
        if isinstance(packed, bytes):
            yield from _unpacked(packed, Path(name).suffix.lower(), f"{place} {name}".strip())


def _of_pdf(content: bytes, place: str) -> Iterator[Document]:
    try:
        from pypdf import PdfReader  # noqa: PLC0415  An extra, with what makes the PDFs.
        from pypdf.errors import PyPdfError  # noqa: PLC0415  With it.
    except ImportError:
        yield Document(place, ".pdf", content)
        return
    try:
        for number, page in enumerate(PdfReader(BytesIO(content)).pages, 1):
            links = [str(note.get_object().get("/A", {}).get("/URI", "")) for note in page.get("/Annots") or ()]
            said = "\n".join((page.extract_text(), *links))
            yield Document(f"{place} page {number}".strip(), ".txt", said.encode(errors="replace"))
    except PyPdfError as error:
        raise ValueError(str(error)) from error


def _of_parquet(content: bytes, place: str) -> Iterator[Document]:
    for batch in pyarrow.parquet.ParquetFile(BytesIO(content)).iter_batches():
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            said = "\n".join(str(value) for value in column.to_pylist() if value is not None)
            yield Document(f"{place} {name}".strip(), ".txt", said.encode(errors="replace"))


def _of_sqlite(content: bytes, place: str) -> Iterator[Document]:
    with closing(sqlite3.connect(":memory:")) as con:
        con.deserialize(content)
        for (table,) in con.execute("select name from sqlite_master where type = 'table'").fetchall():
            rows = "\n".join(map(str, con.execute(f'select * from "{table}"')))  # noqa: S608  A name of the file's own.
            yield Document(f"{place} {table}".strip(), ".txt", rows.encode(errors="replace"))


_UNPACK: dict[str, Callable[[bytes, str], Iterator[Document]]] = {
    ".xlsx": _of_zip,
    ".zip": _of_zip,
    ".eml": _of_mail,
    ".pdf": _of_pdf,
    ".parquet": _of_parquet,
    ".sqlite": _of_sqlite,
}
