"""The weekly report as a workbook: the figures of the page as numbers, to filter, sort and chart.

Text is always written as text: a quote that starts with `=` is no formula. The same week gives the same bytes.
"""

import textwrap
from collections.abc import Collection, Sequence
from datetime import date, datetime, time
from pathlib import Path

import msgspec
from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_range
from xlsxwriter.worksheet import Worksheet

from callaudit.reports import charts
from callaudit.reports.page import call_file_name, complete
from callaudit.reports.weekly.page import Weekly
from callaudit.reports.weekly.queries import Readings
from callaudit.reports.weekly.tables import Column, Kind, Table, tables
from callaudit.reports.weekly.trend import trend_points
from callaudit.reports.wording import week_start

_INK, _SOFT, _MUTE, _LINE, _TINT, _ACCENT, _BAND, _LOW = (
    "#1D2127", "#59616B", "#8B949E", "#DFE2E6", "#F1F4F8", "#1F5FA8", "#D3E1F1", "#A84A0C",
)  # fmt: skip
# The page's shades, from far below the team to far above it.
_SHADES = {-3: "#DD8038", -2: "#EFB385", -1: "#F8DFCC", 0: "#EEF0F2", 1: "#D3E2F3", 2: "#93BBE4", 3: "#5A9BDB"}
_NUMBERS: dict[Kind, str] = {
    "text": "@",
    "count": "#,##0",
    "share": "0.0%",
    "points": '+0.0;"\N{MINUS SIGN}"0.0;0.0',
    "score": "0",
    "seconds": "[m]:ss",
    "when": "ddd d mmm hh:mm",
    "day": "d mmm yyyy",
}
# Columns of words and dates stand apart from the numbers to their left.
_LEFT: frozenset[Kind] = frozenset({"text", "when", "day"})
_A4 = 9
_LINE_POINTS = 15
_LONGEST_CELL = 32_767
_MOST_LINKS = 65_000
_DAY_SECONDS = 86_400
_LEAST_POINTS = 0.05


class _Styles:
    """Formats by what they are for, each made once."""

    def __init__(self, book: Workbook) -> None:
        self._book = book
        self._made: dict[tuple[tuple[str, str | float], ...], Format] = {}

    def __call__(self, **properties: str | float) -> Format:
        key = tuple(sorted(properties.items()))
        if key not in self._made:
            self._made[key] = self._book.add_format({"font_color": _INK, "valign": "top", **properties})
        return self._made[key]

    def head(self, kind: Kind = "text") -> Format:
        return self(
            bold=True, font_color=_SOFT, bg_color=_TINT, bottom=1, bottom_color=_MUTE, text_wrap=True, valign="bottom",
            **({"align": "left", "indent": 1} if kind in _LEFT else {"align": "right"}),
        )  # fmt: skip

    def cell(self, kind: Kind, *, faint: bool = False, wrap: bool = False) -> Format:
        looks: dict[str, str | float] = {"num_format": _NUMBERS[kind], "bottom": 1, "bottom_color": _LINE}
        if kind in _LEFT:
            looks |= {"align": "left", "indent": 1}
        if faint:
            looks["font_color"] = _MUTE
        if wrap:
            looks["text_wrap"] = True
        return self(**looks)


def write_workbook(
    readings: Readings, page: Weekly, *, out: Path, with_pages: Collection[str] = (), report_name: str = ""
) -> Path:
    """Write the workbook to `out`, complete or not at all, and return `out`.

    Calls in `with_pages` are linked to `calls/` beside it; `report_name` names the page it belongs to.
    """
    made = tables(readings, page)
    monday = datetime.combine(week_start(readings.week), time())
    with complete(out) as partial:
        book = Workbook(
            str(partial),
            {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True},
        )
        book.set_properties({"title": page.title, "created": monday, "comments": page.footer})
        style = _Styles(book)
        sheet = book.add_worksheet("Summary")
        _summary(sheet, style=style, page=page, made=made, report_name=report_name)
        if len(readings.weeks) > 1:
            _trend(sheet, book, page, rows=len(readings.weeks), domain=charts.domain_of(trend_points(readings)))
        _steps(book.add_worksheet("Steps"), style, page, made["steps"])
        _write_table(book.add_worksheet("Rules"), style, made["rules"], bars=("Share met",))
        if page.teams:
            _write_table(book.add_worksheet("Agents"), style, made["agents"], bars=("Estimate",))
        if page.heat:
            _heat(book.add_worksheet("Agents by step"), style, page)
        if made["coaching"].rows:
            _write_table(book.add_worksheet("Coaching"), style, made["coaching"])
        for name in ("points lost", "how missed", "by kind of call"):
            if made[name].rows:
                bar = "Followed" if name == "by kind of call" else made[name].columns[2].title
                _write_table(book.add_worksheet(name.capitalize()), style, made[name], bars=(bar,))
        linked = with_pages if len(with_pages) <= _MOST_LINKS else frozenset[str]()
        _write_table(book.add_worksheet("Calls"), style, made["calls"], bars=("Score",), with_pages=linked)
        _write_table(book.add_worksheet("Evidence"), style, made["evidence"], with_pages=linked)
        _write_table(book.add_worksheet("Data quality"), style, made["data quality"])
        _counting(book.add_worksheet("How it is counted"), style, page)
        for sheet in book.worksheets():
            sheet.hide_gridlines(2)
            sheet.set_landscape()
            sheet.set_paper(_A4)
            sheet.set_margins(left=0.5, right=0.5, top=0.6, bottom=0.6)
            sheet.fit_to_pages(1, 0)
            sheet.set_footer(f"&L&8{page.title.replace('&', '&&')}&R&8&P / &N")
        book.close()
    return out


def _put(sheet: Worksheet, at: tuple[int, int], value: object, kind: Kind, form: Format) -> None:
    """One cell, typed by its column; text is never read as a formula, a link or a number."""
    if value is None:
        sheet.write_blank(*at, None, form)
    elif isinstance(value, (int, float)):
        if kind == "points" and abs(value) < _LEAST_POINTS:
            value = 0  # It would read as minus nothing.
        sheet.write_number(*at, value / (_DAY_SECONDS if kind == "seconds" else 1), form)
    elif isinstance(value, date):
        moment = value if isinstance(value, datetime) else datetime.combine(value, time())
        sheet.write_datetime(*at, moment.replace(tzinfo=None), form)
    else:
        sheet.write_string(*at, _fit(str(value)), form)


def _fit(text: str) -> str:
    """What a cell can hold: half a character (a lone surrogate) has no bytes, and longer text is refused by Excel."""
    return text.encode("utf-8", "replace").decode("utf-8")[:_LONGEST_CELL]


def _write_table(
    sheet: Worksheet,
    style: _Styles,
    table: Table,
    *,
    bars: Sequence[str] = (),
    with_pages: Collection[str] = (),
) -> None:
    """A table with a frozen header that filters, on as many pages as it needs; empty columns are left out."""
    table = _filled(table)
    titles = [column.title for column in table.columns]
    widths = [_width(table, i) for i in range(len(titles))]
    _headers(sheet, style, 0, table.columns, widths)
    call, at = (titles.index(t) if t in titles else None for t in ("Call", "At"))
    for r, row in enumerate(table.rows, 1):
        lines = max(_lines(value, widths[c]) for c, value in enumerate(row))
        if lines > 1:
            sheet.set_row(r, lines * _LINE_POINTS)
        for c, (column, value) in enumerate(zip(table.columns, row, strict=True)):
            form = style.cell(column.kind, faint=r - 1 in table.faint, wrap=widths[c] >= _WIDEST)
            if c == call and value in with_pages:
                second = f"#t={row[at]:.1f}" if at is not None and row[at] is not None else ""
                form = style(font_color=_ACCENT, underline=1, bottom=1, bottom_color=_LINE, align="left", indent=1)
                sheet.write_url(r, c, f"external:calls/{call_file_name(str(value))}{second}", form, _fit(str(value)))
            else:
                _put(sheet, (r, c), value, column.kind, form)
    for c, width in enumerate(widths):
        sheet.set_column(c, c, width)
    for title in bars:
        if title in titles:
            _data_bar(sheet, 1, titles.index(title), len(table.rows), 100 if title == "Score" else 1)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(1, len(table.rows)), len(titles) - 1)
    sheet.repeat_rows(0)


def _filled(table: Table) -> Table:
    """The table without the columns in which no row has anything."""
    if not table.rows:
        return table
    kept = [c for c in range(len(table.columns)) if any(row[c] not in (None, "") for row in table.rows)]
    rows = tuple(tuple(row[c] for c in kept) for row in table.rows)
    return msgspec.structs.replace(table, columns=tuple(table.columns[c] for c in kept), rows=rows)


def _headers(sheet: Worksheet, style: _Styles, row: int, columns: Sequence[Column], widths: Sequence[float]) -> None:
    sheet.set_row(row, max(_lines(c.title, width) for c, width in zip(columns, widths, strict=False)) * _LINE_POINTS)
    for c, column in enumerate(columns):
        sheet.write_string(row, c, column.title, style.head(column.kind))


_WIDEST = 42


def _width(table: Table, column: int) -> float:
    """Characters: as wide as the longest text up to a limit, and wide enough for numbers and dates."""
    if table.columns[column].kind != "text":
        return {"when": 19.0, "day": 15.0}.get(table.columns[column].kind, 12.5)
    longest = max((len(str(row[column] or "")) for row in table.rows), default=0)
    return float(min(_WIDEST, max(longest, len(table.columns[column].title) + 3, 8) + 3))


def _lines(value: object, width: float) -> int:
    """How many lines a wrapped text needs; not every program works that out when it opens a file."""
    return len(textwrap.wrap(value, int(width))) or 1 if isinstance(value, str) else 1


def _data_bar(sheet: Worksheet, first: int, column: int, rows: int, highest: float) -> None:
    if rows:
        bar = {
            "type": "data_bar", "bar_color": _BAND, "bar_solid": True, "bar_border_color": _BAND,
            "min_type": "num", "min_value": 0, "max_type": "num", "max_value": highest,
        }  # fmt: skip
        sheet.conditional_format(first, column, first + rows - 1, column, bar)


def _summary(sheet: Worksheet, *, style: _Styles, page: Weekly, made: dict[str, Table], report_name: str) -> None:
    """The headline, what to know, the figures and the weeks, which come last, on one printed page."""
    widths = (28, *[12] * 8, 30)
    for c, width in enumerate(widths):
        sheet.set_column(c, c, width)
    sheet.set_row(0, 2 * _LINE_POINTS)
    sheet.write_string(0, 0, page.title, style(bold=True, font_size=18))
    sheet.write_string(1, 0, page.summary, style(font_color=_SOFT))
    said = f"Scorecard: {page.scorecard}." + (
        f" The page with charts and call pages: {report_name}" if report_name else ""
    )
    sheet.write_string(2, 0, said, style(font_color=_SOFT))
    row = 4
    for notice in page.notices:
        sheet.merge_range(row, 0, row, 9, "", style(text_wrap=True))
        sheet.write_string(row, 0, _fit(f"Please note: {notice}"), style(text_wrap=True, font_color=_LOW))
        sheet.set_row(row, 2 * _LINE_POINTS)
        row += 1
    for known in page.know:
        sheet.write_rich_string(row, 0, style(bold=True), known.point, style(), f" {known.detail or ' '}")
        row += 1
    row += 1
    for name in ("headlines", "weeks"):
        table = made[name]
        _headers(sheet, style, row, table.columns, widths)
        for r, values in enumerate(table.rows, row + 1):
            for c, (column, value) in enumerate(zip(table.columns, values, strict=True)):
                _put(sheet, (r, c), value, column.kind, style.cell(column.kind))
        row += len(table.rows) + 3


def _trend(sheet: Worksheet, book: Workbook, page: Weekly, *, rows: int, domain: tuple[float, float]) -> None:
    """Steps followed by week with both ends of the likely range, as a chart that stays tied to the cells.

    It stands beside the last `rows` of the sheet and ends where the table above does; its axis runs as the page's does.
    """
    first = sheet.dim_rowmax - rows + 1
    chart = book.add_chart({"type": "line"})
    name = sheet.get_name()
    for column, line in (
        (2, {"color": _ACCENT, "width": 2.25}),
        (3, {"color": "#93BBE4", "width": 1, "dash_type": "dash"}),
        (4, {"color": "#93BBE4", "width": 1, "dash_type": "dash"}),
    ):
        series = {
            "name": [name, first - 1, column],
            "categories": [name, first, 0, first + rows - 1, 0],
            "values": [name, first, column, first + rows - 1, column],
            "line": line,
        }
        chart.add_series(series)
    chart.set_title({"name": f"Steps followed, {page.trend.title.lower()}", "name_font": {"size": 12, "color": _INK}})
    chart.set_y_axis(
        {
            "num_format": "0%", "min": round(domain[0], 1), "max": round(domain[1], 1), "major_unit": 0.1,
            "major_gridlines": {"visible": True, "line": {"color": _LINE}},
        }
    )  # fmt: skip
    # As dates the axis would be marked between the weeks.
    chart.set_x_axis({"num_format": "d mmm", "text_axis": True, "interval_unit": 1 + rows // 8})
    chart.set_legend({"position": "bottom"})
    chart.show_na_as_empty_cell()
    chart.set_size({"width": 470, "height": 20 * (rows + 1) if rows > 11 else 260})
    sheet.insert_chart(first - 1, 6, chart, {"description": page.trend.label, "x_offset": 12})


def _steps(sheet: Worksheet, style: _Styles, page: Weekly, table: Table) -> None:
    """The table of steps with a small line a step; the weeks that it draws are at its right, and are not printed."""
    table = _filled(table)
    _write_table(sheet, style, table, bars=("Followed",))
    if not page.sparks:
        return
    spark = len(table.columns)
    weeks = len(page.steps[0].by_week)
    sheet.write_string(0, spark, "By week", style.head())
    sheet.set_column(spark, spark, 24)
    for r, step in enumerate(page.steps, 1):
        sheet.set_row(r, 21)
        for w, rate in enumerate(step.by_week):
            _put(sheet, (r, spark + 1 + w), rate.share, "share", style.cell("share", faint=True))
        sheet.write_blank(r, spark, None, style.cell("text"))
        drawn = {
            "range": f"'{sheet.get_name()}'!{xl_range(r, spark + 1, r, spark + weeks)}", "series_color": _ACCENT,
            "last_point": True, "last_color": _LOW, "weight": 1.5,
        }  # fmt: skip
        sheet.add_sparkline(r, spark, drawn)
    for w in range(weeks):
        sheet.write_string(
            0, spark + 1 + w, f"{w + 1 - weeks} weeks" if w + 1 < weeks else "This week", style.head("share")
        )
    sheet.set_column(spark + 1, spark + weeks, 9)
    sheet.print_area(0, 0, len(page.steps), spark)


def _heat(sheet: Worksheet, style: _Styles, page: Weekly) -> None:
    """Agents by steps: the estimate in the page's shade, beside it the calls it rests on."""
    heat = page.heat
    if heat is None:
        return
    for c, title in enumerate(("Team", "Agent")):
        sheet.write_string(1, c, title, style.head())
    for s, step in enumerate(heat.steps):
        sheet.merge_range(0, 2 + 2 * s, 0, 3 + 2 * s, "", style.head())
        sheet.write_string(0, 2 + 2 * s, step, style.head())
        sheet.write_string(1, 2 + 2 * s, "followed", style.head("share"))
        sheet.write_string(1, 3 + 2 * s, "calls", style.head("count"))
    sheet.set_row(0, 48)
    r = 2
    for team in heat.teams:
        for row in team.rows:
            sheet.write_string(r, 0, _fit(team.name), style(font_color=_SOFT))
            sheet.write_string(r, 1, _fit(row.name), style())
            for c, cell in enumerate(row.cells):
                shade: dict[str, str | float] = {"bg_color": _SHADES[cell.shade], "num_format": "0%", "align": "center"}
                if cell.flag:
                    shade |= {"bold": True, "border": 1}
                if cell.share is None:
                    sheet.write_string(
                        r, 2 + 2 * c, cell.text.replace("/", " of "), style(font_color=_MUTE, align="center")
                    )
                else:
                    sheet.write_number(r, 2 + 2 * c, cell.share, style(**shade))
                sheet.write_number(r, 3 + 2 * c, cell.judged, style(font_color=_MUTE, font_size=9, align="left"))
            r += 1
    sheet.set_column(0, 0, 16)
    sheet.set_column(1, 1, 24)
    for s in range(len(heat.steps)):
        sheet.set_column(2 + 2 * s, 2 + 2 * s, 9)
        sheet.set_column(3 + 2 * s, 3 + 2 * s, 5)
    sheet.freeze_panes(2, 2)
    sheet.autofilter(1, 0, max(2, r - 1), 1 + 2 * len(heat.steps))
    sheet.repeat_rows(0, 1)
    sheet.write_string(
        r + 1,
        0,
        f"Colour: points above (blue) or below (orange) the agent's own team. {heat.note}",
        style(font_color=_SOFT),
    )


def _counting(sheet: Worksheet, style: _Styles, page: Weekly) -> None:
    sheet.set_column(0, 0, 96)
    notes = (page.trend.note, page.steps_note, page.agents_note if page.teams else "", *page.counting, page.footer)
    sheet.write_string(0, 0, "How it is counted", style(bold=True, font_size=14))
    for r, note in enumerate((n for n in notes if n), 2):
        sheet.set_row(r, _lines(note, 94) * _LINE_POINTS)
        sheet.write_string(r, 0, _fit(note), style(text_wrap=True))
