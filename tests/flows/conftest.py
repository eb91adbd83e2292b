"""A small installation in a temporary folder, with short recordings cut from the samples."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from callaudit.flows.scheduling.own_server import some_server
from tests.support.installation import Installation, cut


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cut("C-1004", tmp_path_factory.mktemp("clip") / "clip.ogg")


@pytest.fixture(scope="session")
def other_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cut("C-1013", tmp_path_factory.mktemp("clip") / "other.ogg")


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one Prefect server for all runs that do not need their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(tmp_path_factory.mktemp("prefect")))
        with some_server() as url:
            yield url


@pytest.fixture
def installation(tmp_path: Path, request: pytest.FixtureRequest) -> Installation:
    return Installation(tmp_path, lambda: str(request.getfixturevalue("prefect_server")))
