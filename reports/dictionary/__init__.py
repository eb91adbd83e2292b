"""The dictionary: what stands in the warehouse, what it means, how it joins, and questions asked of it just now."""

from pathlib import Path

from callaudit.reports.dictionary.page import dictionary_page
from callaudit.reports.dictionary.queries import read
from callaudit.reports.page import write_page
from callaudit.warehouse.published import Published


def render(published: Published, *, out: Path) -> Path:
    """Write the page to `out`, and return `out`. Raises InputError where a sample query cannot run."""
    return write_page(out, "dictionary/dictionary.html.j2", page=dictionary_page(read(published)))
