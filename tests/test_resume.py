"""Runs that are killed at random moments end as a quiet run does; the benchmark with its figures, one kill long."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.long
def test_killed_runs_end_with_the_rows_of_a_quiet_run_and_hear_nothing_twice():
    done = subprocess.run(
        [sys.executable, "benchmarks/resume_rounds.py", "1"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "byte for byte" in done.stdout
