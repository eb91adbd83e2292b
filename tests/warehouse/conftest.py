"""Small calls with chosen verdicts, and a warehouse on disk to put them in."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.rulebooks import store_rulebook
from tests.support.audited import MONDAY, audit_of, audited_of, rulebook_of, transcript_of


@pytest.fixture(scope="session")
def builders():
    return SimpleNamespace(
        rulebook=rulebook_of, transcript=transcript_of, audit=audit_of, monday=MONDAY, audited=audited_of
    )


@pytest.fixture(scope="session")
def empty_warehouse(tmp_path_factory):
    path = tmp_path_factory.mktemp("empty") / "warehouse.duckdb"
    con = open_writer(path)
    store_rulebook(con, rulebook_of())
    con.close()
    return path


@pytest.fixture
def warehouse(tmp_path, empty_warehouse):
    """A warehouse on disk with no calls and the four-rule rulebook in force."""
    con = open_writer(Path(shutil.copy(empty_warehouse, tmp_path)))
    yield con
    con.close()
