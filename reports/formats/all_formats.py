"""The forms a weekly report comes in, all from the same figures; which one writes which files."""

from collections.abc import Collection
from pathlib import Path

from callaudit.reports import Format
from callaudit.reports.formats.chat_summary import chat_summary
from callaudit.reports.formats.csv_files import write_csv
from callaudit.reports.formats.parquet import write_parquet
from callaudit.reports.formats.pdf import write_pdf
from callaudit.reports.formats.workbook import write_workbook
from callaudit.reports.page import NO_BRAND, Brand, complete, write_page
from callaudit.reports.weekly.page import Weekly
from callaudit.reports.weekly.queries import Readings


def write_formats(
    readings: Readings,
    page: Weekly,
    formats: Collection[Format],
    *,
    out: Path,
    url: str = "",
    with_pages: Collection[str] = (),
    brand: Brand = NO_BRAND,
) -> tuple[Path, ...]:
    """Write the page to `out` and every other form beside it; each file is complete or the one before it.

    `url` is where the folder is served, "" where it is not; `with_pages` are the calls that have a page in `calls/`.
    Returns the paths, the page first. Raises SetupError where a PDF is asked for and its library is missing.
    """
    made = [write_page(out, "weekly/weekly.html.j2", brand=brand, page=page)]
    if "xlsx" in formats:
        workbook = out.with_suffix(".xlsx")
        made.append(write_workbook(readings, page, out=workbook, with_pages=with_pages, report_name=out.name))
    if "pdf" in formats:
        made.append(write_pdf(out, out=out.with_suffix(".pdf"), url=url))
    if "markdown" in formats:
        with complete(out.with_suffix(".md")) as partial:
            text = chat_summary(page, link=address(url, out.name))
            partial.write_text(text, encoding="utf-8", errors="replace", newline="\n")
        made.append(out.with_suffix(".md"))
    if "csv" in formats:
        made.extend(write_csv(readings, page, out=out))
    if "parquet" in formats:
        made.extend(write_parquet(readings, page, out=out))
    return tuple(made)


def address(url: str, name: str) -> str:
    """Where a file of the reports' folder is served, or "" where it is not."""
    return f"{url.rstrip('/')}/{name}" if url else ""
