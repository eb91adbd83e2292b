"""Forms on which people judge findings: a spreadsheet, a page for the browser, or JSON; and reading them back.

On a blind sheet neither the rule's verdict nor its words are shown, because who sees a verdict tends to agree with it;
the words of the calls stand on a sheet of their own instead.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from callaudit.audit_rules.finding import Verdict
from callaudit.reports.page import write_page
from callaudit.reports.reviews.accuracy import MINIMUM
from callaudit.reports.reviews.over_time import NOTHING_YET, OverTime, advice, pair_rows, reviewer_rows
from callaudit.reports.wording import clock
from callaudit.transcription.errors import InputError, SetupError

SAID = {
    "met": Verdict.MET,
    "missed": Verdict.MISSED,
    "unsure": Verdict.UNSURE,
    "not applicable": Verdict.NOT_APPLICABLE,
    "cannot tell": Verdict.NOT_ASSESSABLE,
}
"""What a reviewer may say of a finding. What nobody can tell is nobody's credit or fault: it is not assessable,
and what somebody heard and still doubts is unsure."""

JUDGEMENTS = ("right", "wrong", "cannot tell")
_LOCKED = ("sample", "call", "rule", "rulebook", "asks", "drawn for", "rule says", "reason", "quote", "at", "listen")
_BLIND = ("sample", "call", "rule", "rulebook", "asks", "tense from", "listen")
_OPEN, _OPEN_BLIND = ("judgement", "should be", "note"), ("you say", "note")
_SHEETS = ("Random", "Targeted")
_CHECK = "check"


_FIELD = {"sample": "sample_id", "call": "call_id", "rule": "rule_id"}


class Row(
    msgspec.Struct, frozen=True, kw_only=True, rename={"sample_id": "sample", "call_id": "call", "rule_id": "rule"}
):
    """A finding as a form shows it. Every cell is text, so that no spreadsheet makes a number or a date of it."""

    sample_id: str
    call_id: str
    rule_id: str
    rulebook: str
    asks: str
    is_blind: bool
    drawn_for: str = ""
    rule_says: str = ""
    reason: str = ""
    quote: str = ""
    at: str = ""
    tense_from: str = ""
    listen: str = ""
    you_say: str = ""
    judgement: str = ""
    should_be: str = ""
    note: str = ""
    check: str = ""

    def locked(self) -> tuple[str, ...]:
        """The cells nobody may change, in the order of their columns."""
        cells = msgspec.structs.asdict(self)
        return tuple(str(cells[_field(head)]) for head in (_BLIND if self.is_blind else _LOCKED))

    def checked(self) -> "Row":
        """The row with the hash by which a changed cell is noticed."""
        return msgspec.structs.replace(self, check=self._hash())

    @property
    def is_as_written(self) -> bool:
        """Whether every locked cell is as the form was written."""
        return self.check == self._hash()

    def _hash(self) -> str:
        return hashlib.sha256("\x1f".join(("blind" if self.is_blind else "", *self.locked())).encode()).hexdigest()[:12]


def _field(head: str) -> str:
    return _FIELD.get(head, head.replace(" ", "_"))


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What is said in a blind call, for who cannot listen."""

    call: str
    at: str
    who: str
    words: str


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """Findings to judge; `reviewer` may be filled in on the form or given when it comes back."""

    rows: tuple[Row, ...]
    words: tuple[Turn, ...] = ()
    reviewer: str = ""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a reviewer says of one finding; `place` is where it was read.

    `rule_verdict` is what the reviewer saw, where a form shows it. `sample_id` is "" for the marks of a call's page,
    and `said_at` is known only of those.
    """

    place: str
    call_id: str
    rule_id: str
    rulebook: str
    verdict: Verdict
    note: str = ""
    sample_id: str = ""
    is_blind: bool = False
    rule_verdict: Verdict | None = None
    said_at: datetime | None = None


class Filled(msgspec.Struct, frozen=True, kw_only=True):
    """A form that came back: what was said, how many rows were left empty, and every row that cannot be understood."""

    reviewer: str
    said: tuple[Said, ...]
    empty: int
    problems: tuple[str, ...]


def time_cell(seconds: float | None) -> str:
    """`1:23`, or nothing."""
    return "" if seconds is None else clock(seconds)


def write_form(path: Path, form: Form, *, so_far: OverTime = NOTHING_YET) -> None:
    """Write the form as .xlsx, .html or .json, complete or not at all; the same form gives the same bytes.

    A page saves what is judged on it as the .json. It shows how far reviewers agreed `so_far`, and a spreadsheet says
    where too little. How often they reversed the rule is shown only where no finding is blind: it would lead.

    Raises:
        InputError: the name ends otherwise.
        SetupError: the file cannot be written, or a spreadsheet is asked for without the extra “review”.
    """
    form = msgspec.structs.replace(form, rows=tuple(row.checked() for row in form.rows))
    writers = {".xlsx": _write_xlsx, ".html": _write_page, ".json": _write_json}
    if path.suffix.lower() not in writers:
        raise InputError(f"{path} is no form", why="A form is .xlsx, .html or .json.", tries=("--out review.xlsx",))
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        writers[path.suffix.lower()](part, form, so_far)
        part.replace(path)
    except OSError as error:
        raise SetupError(f"cannot write {path}", why=str(error)) from error
    finally:
        part.unlink(missing_ok=True)


def _write_json(path: Path, form: Form, _: OverTime) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(form), indent=2) + b"\n")


def _write_page(path: Path, form: Form, so_far: OverTime) -> None:
    words: dict[str, list[Turn]] = {}
    for turn in form.words:
        words.setdefault(turn.call, []).append(turn)
    # What the page sends back is the form itself, filled in; it needs no words for that.
    fields = msgspec.to_builtins(msgspec.structs.replace(form, words=()))
    write_page(
        path, "review_page/review.html.j2", form=form, fields=fields, words=words, said=tuple(SAID),
        judgements=JUDGEMENTS, how=_HOW[1:-1], advice=advice(so_far), pairs=pair_rows(so_far),
        reviewers=[] if any(row.is_blind for row in form.rows) else reviewer_rows(so_far), fewest=MINIMUM,
    )  # fmt: skip


_WIDTHS = {
    "sample": 18, "call": 14, "rule": 28, "rulebook": 12, "asks": 44, "drawn for": 14, "rule says": 12, "reason": 40,
    "quote": 50, "at": 8, "tense from": 10, "listen": 30, "judgement": 14, "should be": 16, "you say": 16, "note": 40,
    _CHECK: 4,
}  # fmt: skip
_HOW = (
    "Listen to the call, then choose from the list in the yellow cells. Rows you leave empty are not judged.",
    "Random: say what happened. The rule's verdict is hidden, so that it cannot lead you.",
    "Targeted: say whether the rule is right. If it is wrong, say what it should be.",
    "Unsure: the rule leaves it to you. Choose “wrong” and say what it should be, or “right” if you are unsure too.",
    "Quiet call: the rule waited for an upset customer and heard none. Listen whether there was one after all.",
    "“Cannot tell” is an honest answer: the finding then counts neither for nor against anybody.",
    "Grey cells are locked: a row in which one was changed is refused.",
)


def _write_xlsx(path: Path, form: Form, so_far: OverTime) -> None:
    book = Workbook(path, {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False})
    # The file's own time would make every writing differ.
    book.set_properties({"title": "callaudit review", "created": datetime(2000, 1, 1)})  # noqa: DTZ001 - It wants none.
    look = {
        "head": book.add_format({"bold": True, "bottom": 1, "text_wrap": True}),
        "locked": book.add_format({"bg_color": "#F0F0F0", "text_wrap": True, "valign": "top"}),
        "open": book.add_format({"bg_color": "#FFF9DB", "text_wrap": True, "valign": "top", "locked": False}),
        "link": book.add_format({"bg_color": "#F0F0F0", "font_color": "#0B57D0", "underline": 1, "valign": "top"}),
    }
    how = book.add_worksheet("How to")
    how.set_column(0, 0, 12)
    how.set_column(1, 1, 110)
    how.write_string(0, 0, "reviewer", look["head"])
    how.write_string(0, 1, form.reviewer, look["open"])
    for n, line in enumerate((*_HOW, *advice(so_far)), 2):
        how.write_string(n, 1, line)
    how.protect()
    for name in _SHEETS:
        rows = [row for row in form.rows if row.sample_id.endswith(f"-{name.lower()}")]
        if rows:
            _write_sheet(book.add_worksheet(name), rows, rows[0].is_blind, look)
    if form.words:
        words = book.add_worksheet("Words")
        words.set_column(3, 3, 120, look["locked"])
        for column, head in enumerate(("call", "at", "who", "words")):
            words.write_string(0, column, head, look["head"])
        for n, turn in enumerate(form.words, 1):
            for column, cell in enumerate((turn.call, turn.at, turn.who, turn.words)):
                words.write_string(n, column, cell)
        words.freeze_panes(1, 0)
        words.autofilter(0, 0, len(form.words), 3)
    book.close()


def _write_sheet(
    sheet: Worksheet,
    rows: Sequence[Row],
    is_blind: bool,
    look: Mapping[str, Any],
) -> None:
    locked, opened = (_BLIND, _OPEN_BLIND) if is_blind else (_LOCKED, _OPEN)
    heads = (*locked, *opened, _CHECK)
    for column, head in enumerate(heads):
        sheet.write_string(0, column, head, look["head"])
        sheet.set_column(column, column, _WIDTHS[head], None, {"hidden": head in (_CHECK, "rulebook")})
    for n, row in enumerate(rows, 1):
        for column, (head, cell) in enumerate(zip(locked, row.locked(), strict=True)):
            if head == "listen" and cell:
                sheet.write_url(n, column, f"external:{cell}", look["link"], cell)
            else:
                sheet.write_string(n, column, cell, look["locked"])
        filled = (row.you_say, row.note) if is_blind else (row.judgement, row.should_be, row.note)
        for column, cell in enumerate(filled, len(locked)):
            sheet.write_string(n, column, cell, look["open"])
        sheet.write_string(n, len(heads) - 1, row.check, look["locked"])
    choices = (tuple(SAID),) if is_blind else (JUDGEMENTS, tuple(SAID))
    for column, choice in enumerate(choices, len(locked)):
        sheet.data_validation(1, column, len(rows), column, {"validate": "list", "source": list(choice)})
    sheet.freeze_panes(1, 3)
    sheet.protect("", {"format_columns": True, "format_rows": True})


def read_form(path: Path) -> Filled:
    """What a form (.xlsx, .json) or the marks of a call's page (.json) say; raises InputError if it is neither."""
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    if path.suffix.lower() == ".xlsx":
        return _read_xlsx(path)
    if path.suffix.lower() == ".html":
        raise InputError(
            f"{path.name} is the page itself, not what was said on it",
            why="A page cannot write into its own file.",
            tries=("open it in a browser, choose “Save”, and import the .json that it saves",),
        )
    try:
        content = path.read_bytes()
        fields = msgspec.json.decode(content)
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(f"{path.name} is no review", why=str(error), tries=("give an .xlsx or .json form",)) from error
    if isinstance(fields, dict) and "reviews" in fields:
        return _read_marks(path, content)
    try:
        form = msgspec.json.decode(content, type=Form)
    except msgspec.ValidationError as error:
        raise InputError(f"{path.name} is no review form", why=f"{error}.") from error
    return _understood(form.reviewer, ((f"{path.name}, row {n}", row) for n, row in enumerate(form.rows, 1)))


class _Mark(msgspec.Struct, frozen=True, kw_only=True):
    rule_id: str
    rule_verdict: Verdict
    verdict: Verdict


class _Marks(msgspec.Struct, frozen=True, kw_only=True):
    call_id: str
    rulebook_version: str
    reviewed_at: datetime
    reviews: tuple[_Mark, ...]
    reviewer: str = ""


def _read_marks(path: Path, content: bytes) -> Filled:
    try:
        marks = msgspec.json.decode(content, type=_Marks)
    except msgspec.ValidationError as error:
        raise InputError(f"{path.name} is not what a call's page saves", why=f"{error}.") from error
    if marks.reviewed_at.tzinfo is None:
        raise InputError(f"{path.name} is not what a call's page saves", why="reviewed_at has no offset from UTC.")
    said = tuple(
        Said(
            place=f"{path.name}, {mark.rule_id}",
            call_id=marks.call_id,
            rule_id=mark.rule_id,
            rulebook=marks.rulebook_version,
            verdict=mark.verdict,
            rule_verdict=mark.rule_verdict,
            said_at=marks.reviewed_at,
        )
        for mark in marks.reviews
    )
    return Filled(reviewer=marks.reviewer, said=said, empty=0, problems=())


def _read_xlsx(path: Path) -> Filled:
    calamine = _calamine()
    try:
        book = calamine.CalamineWorkbook.from_path(path)
        sheets = {name: book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names}
    except (calamine.CalamineError, OSError, ValueError) as error:
        raise InputError(f"{path.name} cannot be read as a spreadsheet", why=str(error)) from error
    if not sheets.keys() & set(_SHEETS):
        raise InputError(
            f"{path.name} is no review form",
            why=f"It has no sheet {' or '.join(_SHEETS)}.",
            tries=("callaudit review sample --out review.xlsx",),
        )
    first = sheets.get("How to") or [[]]
    reviewer = str(first[0][1]).strip() if len(first[0]) > 1 else ""
    rows: list[tuple[str, Row]] = []
    for name in _SHEETS:
        rows.extend(_rows_of(path, name, sheets.get(name, [])))
    return _understood(reviewer, rows)


def _rows_of(path: Path, name: str, cells: Sequence[Sequence[object]]) -> Iterator[tuple[str, Row]]:
    if not cells:
        return
    heads = [str(cell).strip() for cell in cells[0]]
    is_blind = "rule says" not in heads
    locked, opened = (_BLIND, _OPEN_BLIND) if is_blind else (_LOCKED, _OPEN)
    missing = [head for head in (*locked, *opened, _CHECK) if head not in heads]
    if missing:
        raise InputError(f"{path.name}, sheet {name} has no column {', '.join(missing)}")
    fields = {head: _field(head) for head in (*locked, *opened, _CHECK)}
    for number, line in enumerate(cells[1:], 2):
        by_head = dict(zip(heads, (str(cell) for cell in line), strict=False))
        if any(by_head.values()):
            told = {field: by_head.get(head, "") for head, field in fields.items()}
            yield f"{path.name}, {name} row {number}", Row(is_blind=is_blind, **told)


def _understood(reviewer: str, rows: Iterable[tuple[str, Row]]) -> Filled:
    said: list[Said] = []
    problems: list[str] = []
    seen: dict[tuple[str, str, str], str] = {}
    empty = 0
    for place, row in rows:
        if not row.is_as_written:
            problems.append(f"{place}: a locked cell was changed, or the row was put together from two")
            continue
        if row.you_say.strip() == row.judgement.strip() == row.should_be.strip() == "":
            empty += 1
            continue
        key = row.sample_id, row.call_id, row.rule_id
        if key in seen:
            problems.append(f"{place}: {row.rule_id} on {row.call_id} stands at {seen[key]} already")
            continue
        seen[key] = place
        verdict = _verdict(row)
        if not isinstance(verdict, Verdict):
            problems.append(f"{place}: {verdict}")
            continue
        said.append(
            Said(
                place=place,
                call_id=row.call_id,
                rule_id=row.rule_id,
                rulebook=row.rulebook,
                verdict=verdict,
                note=row.note.strip(),
                sample_id=row.sample_id,
                is_blind=row.is_blind,
                rule_verdict=None if row.is_blind else SAID.get(row.rule_says),
            )
        )
    return Filled(reviewer=reviewer.strip(), said=tuple(said), empty=empty, problems=tuple(problems))


def _verdict(row: Row) -> Verdict | str:
    """What the row says, or what is wrong with it."""
    if row.is_blind:
        return SAID.get(_word(row.you_say)) or f"“{row.you_say}” is none of {', '.join(SAID)}"
    judgement, should_be, rule = _word(row.judgement), _word(row.should_be), SAID[row.rule_says]
    if judgement not in JUDGEMENTS:
        return f"“{row.judgement}” is none of {', '.join(JUDGEMENTS)}"
    if should_be and should_be not in SAID:
        return f"“{row.should_be}” is none of {', '.join(SAID)}"
    if judgement == "wrong":
        if not should_be:
            return "wrong, but not what it should be"
        return SAID[should_be] if SAID[should_be] is not rule else "wrong, yet it should be what the rule says"
    verdict = rule if judgement == "right" else SAID[judgement]
    return verdict if SAID.get(should_be, verdict) is verdict else f"{judgement}, yet it should be {should_be}"


def _word(cell: str) -> str:
    return " ".join(cell.split()).lower()


def _calamine() -> ModuleType:
    try:
        import python_calamine  # noqa: PLC0415 - Only who reviews in a spreadsheet needs it.
    except ImportError as error:
        raise SetupError(
            "to read a spreadsheet needs the package python-calamine, which is not installed",
            why="It comes with the extra “review”.",
            tries=("pip install 'call-audit[review]'", "a form in JSON: --out review.json"),
        ) from error
    return python_calamine
