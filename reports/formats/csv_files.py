"""The weekly report's tables as CSV files: for whoever goes on counting."""

import csv
from datetime import datetime
from pathlib import Path

from callaudit.reports.page import complete
from callaudit.reports.weekly.page import Weekly
from callaudit.reports.weekly.queries import Readings
from callaudit.reports.weekly.tables import tables

# What makes a spreadsheet read a text as a formula (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_csv(readings: Readings, page: Weekly, *, out: Path) -> tuple[Path, ...]:
    """One file for each table, named `STEM-TABLE.csv` beside `out`; each is complete or not there.

    UTF-8 with a mark, which Excel needs to read names. Shares are 0 to 1, lengths seconds. A text that a spreadsheet
    would take for a formula gets an apostrophe in front, as a spreadsheet itself writes it.
    """
    written = []
    for table in tables(readings, page).values():
        target = out.with_name(f"{out.stem}-{table.name.replace(' ', '-')}.csv")
        with complete(target) as partial, partial.open("w", encoding="utf-8-sig", errors="replace", newline="") as file:
            lines = csv.writer(file)
            lines.writerow(column.title for column in table.columns)
            lines.writerows([_cell(value) for value in row] for row in table.rows)
        written.append(target)
    return tuple(written)


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value.isoformat(sep=" ") if isinstance(value, datetime) else value
