import csv
import re
import select
import socket
import unicodedata
import zlib
from collections import Counter
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from callaudit.reports.formats.all_formats import write_formats
from callaudit.reports.formats.chat_summary import LONGEST, chat_summary, plain_summary
from callaudit.reports.formats.csv_files import write_csv
from callaudit.reports.formats.parquet import write_parquet
from callaudit.reports.formats.pdf import write_pdf
from callaudit.reports.weekly.notices import Known
from callaudit.reports.weekly.page import weekly
from callaudit.reports.weekly.queries import read
from callaudit.reports.weekly.tables import tables

WEEK = "2026-W10"


@pytest.fixture(scope="module")
def many(published, centre):
    return read(published(centre.random_calls(3, 60)), week=WEEK, scorecard="house")


def test_every_form_lies_beside_the_page_and_nothing_unfinished_is_left(many, tmp_path):
    made = write_formats(
        many, weekly(many), ("xlsx", "markdown", "csv", "parquet"), out=tmp_path / "weekly-2026-W10.html"
    )

    assert {path.name for path in made} == {path.name for path in tmp_path.iterdir()}
    assert made[0].name == "weekly-2026-W10.html"
    assert {"weekly-2026-W10.xlsx", "weekly-2026-W10.md", "weekly-2026-W10-steps.csv"} <= {path.name for path in made}


def test_the_same_figures_give_the_same_bytes_in_every_form(many, tmp_path):
    forms = ("xlsx", "markdown", "csv", "parquet")
    first = write_formats(many, weekly(many), forms, out=tmp_path / "a" / "weekly.html")
    second = write_formats(many, weekly(many), forms, out=tmp_path / "b" / "weekly.html")

    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_csv_files_hold_the_numbers_of_the_page(many, tmp_path):
    page = weekly(many)
    write_csv(many, page, out=tmp_path / "weekly.html")

    with (tmp_path / "weekly-steps.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["Followed"]) for row in rows] == [step.rate.share for step in page.steps]
    with (tmp_path / "weekly-agents-by-step.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row["Calls, four weeks"]) for row in rows) == sum(row.judged for row in many.agent_steps)


def test_parquet_files_hold_the_numbers_of_the_page_in_columns_of_their_kind(many, tmp_path):
    import pandas

    page = weekly(many)
    made = write_parquet(many, page, out=tmp_path / "weekly.html")
    steps = pandas.read_parquet(tmp_path / "weekly-steps.parquet")
    calls = pandas.read_parquet(tmp_path / "weekly-calls.parquet")

    assert len(made) == len(tables(many, page))
    assert list(steps["Followed"]) == [step.rate.share for step in page.steps]
    (started,) = (name for name in calls.columns if name.startswith("Started ("))
    assert calls[started].dtype.kind == "M"
    assert set(calls["Call"]) == {call.call_id for call in many.calls}


def test_a_quote_in_a_csv_file_is_no_formula(many, tmp_path):
    poisoned = msgspec.structs.replace(
        many, moments=[msgspec.structs.replace(many.moments[0], quote="=A1 & what I said", reason="@x")]
    )
    write_csv(poisoned, weekly(poisoned), out=tmp_path / "weekly.html")

    with (tmp_path / "weekly-evidence.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert "'=A1 & what I said" in cells
    assert not any(cell.startswith(("=", "@")) for cell in cells)


def test_the_summary_for_chat_says_what_the_page_says_and_is_short(many):
    page = weekly(many)

    text = chat_summary(page, link="https://quality.example/weekly-2026-W10.html")

    assert len(text) < LONGEST
    for known in page.know:
        assert known.point in text
    for figure in page.figures:
        assert f"{figure.name}: **{figure.value}**" in text
    assert text.rstrip().endswith("(https://quality.example/weekly-2026-W10.html)")


def test_nobody_is_named_in_the_summaries(many):
    page = weekly(many)
    names = {agent.agent_name for agent in many.agents}

    assert names
    for text in (chat_summary(page), plain_summary(page)):
        assert not any(name in text for name in names)


def test_a_summary_that_would_be_too_long_keeps_its_head_and_its_link(many):
    page = msgspec.structs.replace(weekly(many), know=tuple(Known(point="x" * 300, detail="") for _ in range(20)))

    text = chat_summary(page, link="https://quality.example/r")

    assert len(text) <= LONGEST
    assert text.startswith("**De-escalation quality")
    assert text.rstrip().endswith("](https://quality.example/r)")


def test_marks_in_a_text_do_not_format_the_chat_or_call_people(many):
    page = msgspec.structs.replace(weekly(many), know=(Known(point="*all* @channel <!here>", detail="[x](y)"),))

    text = chat_summary(page)

    assert r"\*all\* \@channel \<!here\>" in text
    assert not re.search(r"(?<!\\)[@<\[]", text)


def inside(pdf):
    """Everything a PDF file says, unpacked."""
    raw = pdf.read_bytes()
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", raw, re.DOTALL)
    unpacked = []
    for stream in streams:
        try:
            unpacked.append(zlib.decompress(stream))
        except zlib.error:
            unpacked.append(stream)
    return b"\n".join([raw, *unpacked])


@pytest.fixture(scope="module")
def printer():
    try:
        import weasyprint
    except (ImportError, OSError) as error:
        pytest.skip(f"WeasyPrint or its Pango is not here: {error}")
    return weasyprint


@pytest.mark.slow
def test_the_page_is_printed_without_a_browser_and_names_no_folder_of_this_machine(printer, many, tmp_path):
    made = write_formats(many, weekly(many), ("pdf",), out=tmp_path / "weekly-2026-W10.html")

    pdf = inside(made[1])
    assert pdf.startswith(b"%PDF-")
    assert b"/Page" in pdf
    assert b"file:" not in pdf
    assert str(tmp_path).encode() not in pdf


@pytest.mark.slow
def test_a_printed_page_fetches_nothing_and_is_the_same_each_time(printer, tmp_path):
    page = tmp_path / "page.html"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        page.write_text(
            f"<p>Hello</p><img src='http://127.0.0.1:{port}/x.png'><img src='{(tmp_path / 'x.png').as_uri()}'>"
            "<a href='calls/a.html'>a</a>"
        )

        write_pdf(page, out=tmp_path / "a.pdf", url="https://quality.example/r")
        write_pdf(page, out=tmp_path / "b.pdf", url="https://quality.example/r")

        assert not select.select([listening], [], [], 0)[0]
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    assert b"https://quality.example/r/calls/a.html" in inside(tmp_path / "a.pdf")


_VOID = frozenset({"meta", "img", "br", "input", "col"})
_UNSEEN = frozenset({"script", "style", "head", "nav", "title", "summary"})


class _Said(HTMLParser):
    """Pieces of text, one for each run between two tags; without what only a screen shows."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._skipped: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        classes = (dict(attrs).get("class") or "").split()
        if tag not in _VOID and (
            self._skipped or tag in _UNSEEN or {"skip", "visually-hidden", "narrow", "flag-mark"} & set(classes)
        ):
            self._skipped.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._skipped and tag not in _VOID:
            self._skipped.pop()

    def handle_data(self, data: str) -> None:
        if not self._skipped and data.strip():
            self.pieces.append(data)


def squeezed(text: str) -> str:
    """Without spaces, quotation marks (a style sheet's) and ligatures."""
    return re.sub(r"[\s“”]+", "", unicodedata.normalize("NFKC", text))


def missing_on_paper(page: Path, pdf: Path) -> list[str]:
    """The pieces of text of an HTML page that stand less often in the PDF than on the page."""
    import pypdf

    said = _Said()
    said.feed(page.read_text(encoding="utf-8"))
    sheets = [sheet.extract_text() for sheet in pypdf.PdfReader(pdf).pages]
    # A piece that runs over the end of a sheet goes on after the number of the sheet.
    paper = squeezed("".join(re.sub(rf"\s*{n}\s*/\s*{len(sheets)}\s*", " ", text) for n, text in enumerate(sheets, 1)))
    wanted = Counter(squeezed(piece) for piece in said.pieces)
    return [piece for piece, times in wanted.items() if paper.count(piece) < times]


@pytest.mark.slow
@pytest.mark.parametrize(("calls", "agents"), [(6, 3), (300, 50)])
def test_paper_says_all_that_the_page_says(printer, published, centre, tmp_path, calls, agents):
    pytest.importorskip("pypdf", reason="needs pypdf, which reads what was printed (make setup)")
    readings = read(published(centre.random_calls(2, calls, agents=agents)), week=WEEK, scorecard="house")

    page, pdf = write_formats(readings, weekly(readings), ("pdf",), out=tmp_path / "weekly.html")

    assert missing_on_paper(page, pdf) == []


def test_every_picture_says_in_words_what_it_shows(many, tmp_path):
    (page,) = write_formats(many, weekly(many), (), out=tmp_path / "weekly.html")
    html = page.read_text()
    pictures = re.findall(r"<svg[^>]*>", html)

    assert len(pictures) > 20
    assert [svg for svg in pictures if 'aria-label="' not in svg and 'x="100%"' not in svg] == []
    assert 'aria-label=""' not in html


def test_a_first_week_has_every_form(published, centre, tmp_path):
    call = centre.angry_call("C1", datetime(2026, 3, 5, 9, tzinfo=UTC))
    readings = read(published([call]), week=WEEK, scorecard="house")

    made = write_formats(
        readings, weekly(readings), ("xlsx", "markdown", "csv", "parquet"), out=tmp_path / "weekly.html"
    )

    assert all(path.stat().st_size for path in made)
