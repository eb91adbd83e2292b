"""The page of one call: what was heard, what was judged, and where to listen."""

from collections.abc import Mapping
from pathlib import Path

from callaudit.reports.call_page.loudness import loudness
from callaudit.reports.call_page.page import call_page
from callaudit.reports.call_page.queries import Readings, read, read_calls
from callaudit.reports.page import NO_BRAND, Brand, link, write_page
from callaudit.warehouse.published import Published


def render(
    published: Published, call_id: str, *, out: Path, audio: Path | None = None, scorecard: str = "house"
) -> Path:
    """Write a call's page to `out` and return `out`; every scorecard is on it, `scorecard` is the one it opens with.

    `audio` is a copy that browsers play; the page names it by a relative path, so both folders must move together.
    Raises InputError where the warehouse holds no such call.
    """
    return _write(read(published, call_id), out=out, audio=audio, scorecard=scorecard)


def render_calls(
    published: Published,
    pages: Mapping[str, tuple[Path, Path | None]],
    *,
    scorecard: str = "house",
    brand: Brand = NO_BRAND,
) -> tuple[Path, ...]:
    """Write the pages of many calls, by id (the page, its audio), as `render` does, asking for many calls at once."""
    return tuple(
        _write(readings, out=out, audio=audio, scorecard=scorecard, brand=brand)
        for readings, (out, audio) in zip(read_calls(published, list(pages)), pages.values(), strict=True)
    )


def _write(readings: Readings, *, out: Path, audio: Path | None, scorecard: str, brand: Brand = NO_BRAND) -> Path:
    source = link(audio, page=out) if audio is not None else ""
    page = call_page(readings, scorecard, loudness(audio) if audio is not None and audio.exists() else ())
    return write_page(out, "call_page/call.html.j2", brand=brand, page=page, audio=source)
