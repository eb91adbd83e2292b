import re
import shutil
import subprocess
import warnings
import zipfile
from datetime import UTC, datetime

import msgspec
import openpyxl
import pytest

from callaudit.reports import charts
from callaudit.reports.formats.workbook import write_workbook
from callaudit.reports.weekly.aims import Aim
from callaudit.reports.weekly.page import weekly
from callaudit.reports.weekly.queries import read
from callaudit.reports.weekly.trend import trend_points

WEEK = "2026-W10"
SOFFICE = shutil.which("soffice") or shutil.which("libreoffice")


@pytest.fixture(scope="module")
def many(published, centre):
    return read(published(centre.random_calls(13, 60, agents=6)), week=WEEK, scorecard="house")


@pytest.fixture(scope="module")
def workbook(many, tmp_path_factory):
    tense = frozenset(call.call_id for call in many.calls if call.tense)
    out = tmp_path_factory.mktemp("book") / "weekly.xlsx"
    return write_workbook(many, weekly(many), out=out, with_pages=tense)


def opened(path):
    with warnings.catch_warnings():
        # openpyxl keeps no sparklines and no data bars, and says so.
        warnings.simplefilter("ignore", UserWarning)
        return openpyxl.load_workbook(path)


def rows_of(sheet):
    titles, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(titles, row, strict=True)) for row in rows]


def test_the_steps_carry_the_numbers_of_the_page(many, workbook):
    page = weekly(many)
    rows = rows_of(opened(workbook)["Steps"])

    assert [row["Step"] for row in rows] == [step.title for step in page.steps]
    for row, step in zip(rows, page.steps, strict=True):
        likely = step.rate.interval()
        assert row["Followed"] == pytest.approx(step.rate.share, abs=1e-12)
        assert row["Calls"] == step.rate.n
        assert (row["Likely from"], row["Likely to"]) == pytest.approx((likely.low, likely.high), abs=1e-12)
        assert row["Reading"] == step.change.words


def test_each_step_has_a_line_over_thirteen_weeks(workbook):
    with zipfile.ZipFile(workbook) as parts:
        xml = parts.read("xl/worksheets/sheet2.xml").decode()

    assert xml.count("<x14:sparkline>") == 10
    first, last = re.search(r"Steps'?!([A-Z]+)2:([A-Z]+)2", xml).groups()
    assert _column(last) - _column(first) == 12


def _column(letters):
    """The number of a spreadsheet's column."""
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - 64
    return number


def test_a_column_in_which_nobody_has_anything_is_left_out(published, centre, tmp_path, many, workbook):
    aims = read(published(centre.random_calls(1, 20)), week=WEEK, scorecard="house")
    page = weekly(aims)
    aimed = msgspec.structs.replace(page.steps[0], aim=Aim(target=0.9, words="Below target"))
    with_aims = msgspec.structs.replace(page, steps=(aimed, *page.steps[1:]))

    without = rows_of(opened(workbook)["Steps"])
    told = rows_of(opened(write_workbook(aims, with_aims, out=tmp_path / "aims.xlsx"))["Steps"])

    assert "Target" not in without[0]
    assert [row["Target"] for row in told[:2]] == [0.9, None]


def test_a_change_of_nothing_has_no_sign(many, tmp_path):
    page = weekly(many)
    step = page.steps[0]
    change = msgspec.structs.replace(step.change.change, difference=-0.0001)
    still = msgspec.structs.replace(step, change=msgspec.structs.replace(step.change, change=change))
    page = msgspec.structs.replace(page, steps=(still, *page.steps[1:]))

    rows = rows_of(opened(write_workbook(many, page, out=tmp_path / "still.xlsx"))["Steps"])

    assert rows[0]["Change, points"] == 0
    assert rows[1]["Change, points"] == pytest.approx(100 * page.steps[1].change.change.difference)


def test_the_chart_of_weeks_is_marked_at_each_week_and_shows_what_the_page_shows(many, workbook):
    low, high = charts.domain_of(trend_points(many))
    with zipfile.ZipFile(workbook) as parts:
        xml = parts.read("xl/charts/chart1.xml").decode()

    assert f'<c:min val="{low:.1f}"/>' in xml
    assert f'<c:max val="{high:.1f}"/>' in xml
    assert "<c:dateAx>" not in xml
    assert "<c:auto " not in xml  # It lets a program take the weeks for days.


def test_headers_stay_in_sight_filter_and_are_printed_on_every_page(workbook):
    book = opened(workbook)

    for name in ("Steps", "Rules", "Agents", "Calls", "Evidence", "Data quality"):
        sheet = book[name]
        assert sheet.freeze_panes == "A2", name
        assert sheet.auto_filter.ref, name
        assert sheet.print_title_rows == "$1:$1", name
        assert sheet.page_setup.orientation == "landscape", name
        assert sheet.sheet_properties.pageSetUpPr.fitToPage, name
    assert book["Agents by step"].freeze_panes == "C3"


def test_a_cell_of_few_calls_says_how_many_and_shows_no_share(many, workbook):
    page = weekly(many)
    sheet = opened(workbook)["Agents by step"]
    found = [
        (cell, sheet.cell(row=3 + r, column=3 + 2 * c), sheet.cell(row=3 + r, column=4 + 2 * c))
        for r, row in enumerate(row for team in page.heat.teams for row in team.rows)
        for c, cell in enumerate(row.cells)
    ]

    assert any(cell.few and cell.judged for cell, *_ in found)
    assert any(not cell.few for cell, *_ in found)
    for cell, shown, calls in found:
        assert calls.value == cell.judged
        if cell.few:
            assert shown.value == (f"{cell.text.replace('/', ' of ')}" or None)
        else:
            assert shown.value == pytest.approx(cell.share, abs=1e-12)


def test_every_call_is_listed_and_those_with_a_page_are_linked(many, workbook):
    sheet = opened(workbook)["Calls"]
    linked = {cell.value: cell.hyperlink.target for cell in sheet["A"] if cell.hyperlink}

    assert {row["Call"] for row in rows_of(sheet)} == {call.call_id for call in many.calls}
    assert set(linked) == {call.call_id for call in many.calls if call.tense}
    # xlsxwriter writes paths as Windows does; LibreOffice and Excel read them so on every system.
    assert all(target == f"calls\\{call}.html" for call, target in linked.items())


@pytest.mark.parametrize(
    "hostile",
    ["=cmd|' /C calc'!A0", "+1+1", "@SUM(A1)", "-2", "http://example.com", "007", "{=1}", "a\x00b\x0b", "\ud800"],
)
def test_words_of_a_call_are_never_a_formula_a_link_or_a_number(many, tmp_path, hostile):
    call = msgspec.structs.replace(many.calls[0], agent_name=hostile, call_id=hostile)
    moment = msgspec.structs.replace(many.moments[0], quote=hostile)
    poisoned = msgspec.structs.replace(many, calls=[call], moments=[moment])
    book = opened(write_workbook(poisoned, weekly(poisoned), out=tmp_path / "hostile.xlsx"))

    cells = [c for sheet in book for row in sheet.iter_rows() for c in row if c.value is not None]
    assert not any(c.data_type == "f" for c in cells)
    assert not any(c.hyperlink for c in cells)
    assert isinstance(rows_of(book["Calls"])[0]["Call"], str)


def test_the_same_week_gives_the_same_bytes(many, workbook, tmp_path):
    tense = frozenset(call.call_id for call in many.calls if call.tense)

    again = write_workbook(many, weekly(many), out=tmp_path / "weekly.xlsx", with_pages=tense)

    assert again.read_bytes() == workbook.read_bytes()
    assert opened(again).properties.created == datetime.fromisoformat("2026-03-02")


def test_a_week_of_one_unnamed_call_makes_a_workbook_too(published, centre, tmp_path):
    call = centre.angry_call("C1", datetime(2026, 3, 5, 9, tzinfo=UTC), agent_id=None, agent_name=None, team=None)
    readings = read(published([call]), week=WEEK, scorecard="house")

    book = opened(write_workbook(readings, weekly(readings), out=tmp_path / "one.xlsx"))

    assert "Agents" not in book.sheetnames
    assert rows_of(book["Calls"])[0]["Call"] == "C1"


@pytest.mark.slow
@pytest.mark.skipif(SOFFICE is None, reason="no LibreOffice here: the workbook is only read by openpyxl")
def test_libreoffice_opens_it_as_it_is(workbook, tmp_path):
    run = subprocess.run(
        [
            str(SOFFICE), "--headless", f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}", "--convert-to",
            'csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1', "--outdir", str(tmp_path),
            str(workbook),
        ],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip

    written = {path.stem.removeprefix("weekly-"): path.read_text(encoding="utf-8") for path in tmp_path.glob("*.csv")}
    assert set(opened(workbook).sheetnames) == set(written), run.stderr
    assert "Let the customer finish" in written["Steps"]
    assert not any(error in text for text in written.values() for error in ("#REF!", "#NAME?", "#VALUE!", "Err:"))
