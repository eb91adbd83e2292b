"""A warehouse without calls, made once a process: its tables and views take a second, a copy takes none."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from callaudit.warehouse.connect import open_writer


def put_empty_warehouse(home: Path) -> Path:
    """Put one into a folder that has none, which is made where it is missing; returns the file."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = home / "warehouse.duckdb"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(_empty())
    return path


@cache
def _empty() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "warehouse.duckdb"
        open_writer(path).close()
        return path.read_bytes()
