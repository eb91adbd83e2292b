"""Nothing of ours is importable but `callaudit`, so nothing of anybody else's can stand in its place."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("flows", "reports", "warehouse", "audit_rules", "transcription")
ASKED = "from callaudit.cli import main; import sys; sys.argv = ['callaudit', 'rules', 'show', 'apology.given']; main()"


def said_by(code: str, folder: Path, *before: Path) -> str:
    """What Python prints when it runs code in a folder, with other folders before ours on its path."""
    path = os.pathsep.join(map(str, (*before, ROOT)))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env={**os.environ, "PYTHONPATH": path, "COLUMNS": "200"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_folder_with_rooms_of_its_own_does_not_stand_in_for_ours(tmp_path: Path):
    for room in ROOMS:
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").write_text("raise RuntimeError('somebody else’s')\n")
    assert "apology.given" in said_by(ASKED, tmp_path)


def test_packages_of_the_rooms_names_do_not_stand_in_for_ours(tmp_path: Path):
    """The packages `flows` and `reports` of PyPI, which overwrote ours when ours were installed under these names."""
    others = tmp_path / "others"
    got = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", others, "flows", "reports"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if got.returncode:
        pytest.skip(f"PyPI is not reached: {got.stderr.strip().splitlines()[-1:]}")
    assert "apology.given" in said_by(ASKED, tmp_path, others)


@pytest.mark.slow
def test_an_installation_holds_one_package_with_every_room_in_it(tmp_path: Path):
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, ROOT],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if built.returncode:
        pytest.skip(f"no wheel can be built here: {built.stderr.strip().splitlines()[-1:]}")
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"callaudit"}
    for room in ROOMS:
        ours = [p for p in (ROOT / room).rglob("*") if p.suffix in {".py", ".sql", ".yaml"}]
        assert {f"callaudit/{p.relative_to(ROOT).as_posix()}" for p in ours} <= set(names)
