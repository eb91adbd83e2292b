"""The weekly report: what a quality manager reads on Monday."""

from pathlib import Path

from callaudit.reports.page import write_page
from callaudit.reports.weekly.edition import WHOLE, Edition
from callaudit.reports.weekly.page import weekly
from callaudit.reports.weekly.queries import read
from callaudit.warehouse.published import Published


def render(published: Published, *, week: str, scorecard: str = "house", out: Path, edition: Edition = WHOLE) -> Path:
    """Write the report of one ISO week (`2026-W10`) by one scorecard to `out`, and return `out`.

    Links point to `calls/<call file name>` beside it. Raises InputError for a week or scorecard that is none.
    """
    readings = read(published, week=week, scorecard=scorecard, edition=edition)
    return write_page(out, "weekly/weekly.html.j2", page=weekly(readings))
