"""An invented contact centre in a real warehouse: calls, verdicts and rules made up, tables and views the product's."""

import shutil
from collections.abc import Iterable, Iterator
from types import ModuleType

import pytest

import tests.support.centre
from callaudit.warehouse.agreements import Agreement
from callaudit.warehouse.arrow_tables import AuditedCall
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.heard_again import HeardAgain
from callaudit.warehouse.published import Published
from callaudit.warehouse.reviews import Review
from tests.support.centre import Publisher, Quarantined, Rulebook, fill_warehouse


@pytest.fixture(scope="session")
def centre() -> ModuleType:
    """What an invented call is made of."""
    return tests.support.centre


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Publisher]:
    """Loads calls into a warehouse of their own and opens its published copy, which nobody can write to."""
    opened: list[Published] = []
    # Making the tables and views takes most of the time, so it is done once.
    empty = tmp_path_factory.mktemp("empty") / "warehouse.duckdb"
    open_writer(empty).close()

    def fill(
        calls: Iterable[AuditedCall],
        *,
        rulebooks: Iterable[Rulebook] = (),
        refused: Iterable[Quarantined] = (),
        reviews: Iterable[Review] = (),
        again: Iterable[HeardAgain] = (),
        agreed: Iterable[Agreement] = (),
    ) -> Published:
        folder = tmp_path_factory.mktemp("centre")
        shutil.copyfile(empty, folder / empty.name)
        opened.append(
            fill_warehouse(
                folder, calls, rulebooks=rulebooks, refused=refused, reviews=reviews, again=again, agreed=agreed
            )
        )
        return opened[-1]

    yield fill
    for each in opened:
        each.close()
