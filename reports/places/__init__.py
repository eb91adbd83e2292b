"""The pages that lead to others: the index of all reports, and a page for every agent."""

from pathlib import Path

from callaudit.reports.page import INDEX, Brand, call_file_name, write_page
from callaudit.reports.places.agents import agent_pages
from callaudit.reports.places.index import index_page
from callaudit.warehouse.published import Published

AGENTS = "agents"


def make_places(published: Published, reports: Path, *, scorecard: str, brand: Brand) -> tuple[Path, ...]:
    """Write `index.html` and `agents/` into the reports' folder, and return their paths, the index first.

    The index leads to the weekly pages that lie there; an agent's page to the pages of calls that do. The page of an
    agent whom no call names any more is removed.
    """
    made = []
    for agent_id, page in agent_pages(published, scorecard=scorecard, with_pages=_names(reports / "calls")):
        out = reports / AGENTS / call_file_name(agent_id)
        made.append(write_page(out, "places/agent.html.j2", brand=brand, page=page))
    for path in set((reports / AGENTS).glob("*.html")).difference(made):
        path.unlink(missing_ok=True)
    index = index_page(published, reports, scorecard=scorecard)
    return (write_page(reports / INDEX, "places/index.html.j2", brand=brand, page=index), *made)


def _names(folder: Path) -> frozenset[str]:
    return frozenset(path.name for path in folder.glob("*.html"))
