"""The page of one call: what was heard, what was judged, and where to listen."""

from pathlib import Path

from reports.call_page.numbers import call_page
from reports.call_page.readings import read
from reports.page import link, write_page
from warehouse.connect import Published


def render(
    published: Published, call_id: str, *, out: Path, audio: Path | None = None, scorecard: str = "house"
) -> Path:
    """Write a call's page to `out` and return `out`; every scorecard is on it, `scorecard` is the one it opens with.

    `audio` is a copy that browsers play; the page names it by a relative path, so both folders must move together.
    Raises InputError where the warehouse holds no such call.
    """
    source = link(audio, page=out) if audio is not None else ""
    return write_page(out, "call_page/call.html.j2", page=call_page(read(published, call_id), scorecard), audio=source)
