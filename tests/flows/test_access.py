"""What a run, a report and an export write is for its owner alone, unless the settings say more."""

import os
from datetime import UTC, datetime

import pytest

from callaudit.flows.access import folder_mode
from callaudit.flows.report_files import make_report
from callaudit.flows.settings import load_settings

pytestmark = pytest.mark.slow

TENSE = ("C: This is ridiculous, I am furious", "A: I am sorry about that", "C: The bill is wrong again")


def modes(folder):
    """Path and mode of everything below the folder."""
    paths = [p for p in folder.rglob("*") if not p.is_symlink()]
    return {str(p.relative_to(folder)): p.stat().st_mode & 0o777 for p in paths}


@pytest.fixture
def lavish():
    """A user whose files everybody may read."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def night(installation):
    installation.say("T-1", *TENSE, started_at="2026-03-03T10:15:00-05:00", customer={"id": "K-1"})
    before = set(modes(installation.without_home().root))
    installation.run(at=datetime(2026, 3, 9, 2, tzinfo=UTC))
    settings = load_settings(installation.settings)
    make_report(settings, week="newest", scorecard="house", formats=("html", "xlsx", "csv"))
    # As a process of its own, whose user's files everybody may read.
    os.umask(0o022)
    installation.callaudit("export")
    return {path: mode for path, mode in modes(installation.root).items() if path not in before}


def test_everything_is_its_owners_alone(installation, lavish):
    made = night(installation)
    assert {"callaudit-home/warehouse.duckdb", "callaudit-home/published/audit.duckdb"} <= made.keys()
    assert "reports/weekly-2026-W10-house.html" in made
    assert {path: oct(mode) for path, mode in made.items() if mode & 0o077} == {}


def test_the_published_copy_and_the_reports_are_opened_as_far_as_the_settings_say(installation, lavish):
    with installation.settings.open("a") as file:
        file.write('[access]\npublished = "0440"\nreports = "0644"\n')
    made = night(installation)
    assert made["callaudit-home/published/audit.duckdb"] == 0o440
    assert made["callaudit-home/published"] == 0o750
    # The group goes through the home and reads nothing else there.
    assert made["callaudit-home"] == 0o710
    assert made["callaudit-home/warehouse.duckdb"] == 0o600
    assert made["reports"] == made["reports/calls"] == 0o755
    assert {made[p] for p in made if p.startswith("reports/") and p.endswith((".html", ".xlsx", ".csv"))} == {0o644}


@pytest.mark.parametrize(("files", "folder"), [(0o400, 0o700), (0o440, 0o750), (0o644, 0o755), (0o640, 0o750)])
def test_who_may_read_a_folders_files_may_enter_it(files, folder):
    assert folder_mode(files) & 0o755 == folder
