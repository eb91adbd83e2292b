"""The guide for analysts and its notebook are run, so that they cannot rot."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from callaudit.warehouse.export import export_views
from callaudit.warehouse.published import Published, open_published

DOCS = Path(__file__).parents[1] / "docs"
GUIDE = (DOCS / "analysts.md").read_text(encoding="utf-8")
NOTEBOOK = json.loads((DOCS / "analysts.ipynb").read_text(encoding="utf-8"))


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder as `callaudit init` makes it, with the published copy of two calls and its export."""
    from callaudit.warehouse.connect import open_writer
    from callaudit.warehouse.publish import publish

    root = tmp_path_factory.mktemp("guide")
    shutil.copy(Path(__file__).parents[1] / "flows" / "example.toml", root / "callaudit.toml")
    home = root / "callaudit-home"
    con = open_writer(home / "warehouse.duckdb")
    con.execute(FILLED)
    publish(con, home / "published")
    with open_published(home / "published") as copy:
        export_views(copy, home / "export")
    return root


# Two calls and a verdict each, as short as the tables allow.
FILLED = """
insert into core.rulebooks values ('v1', 1, null);
insert into core.rules (rulebook_version, rule_id, step, asks, why, sources, status, applies, definition)
    values ('v1', 'apology.given', 'apology', 'Sorry?', '', [], 'live', 'always', '{}');
insert into core.scorecard_steps values ('v1','house','H', 1, 'apology','Say sorry', 'apology.given', 1, false, false);
insert into core.calls (call_id, source, started_at, utc_offset_s, local_date, iso_week, agent_id, agent_name, team)
    select 'C' || i, 'main', timestamptz '2026-03-02 09:00:00+00', 0, date '2026-03-02', '2026-W10', 'a1', 'Marco Lee',
        'red' from range(2) t(i);
insert into core.transcripts by name
    select call_id, 'h' as transcript_hash, 'e' as engine, 'm' as model, '' as weights_hash, '' as settings_hash,
        '' as notice, 'channels' as roles_from, '' as role_evidence, ['agent', 'customer'] as speech_roles,
        0 as dropped_words, 0 as redactions, [] as warnings from core.calls;
insert into core.call_measures by name
    select call_id, 'v1' as rulebook_version, 'h' as transcript_hash, 'R1' as run_id, 1 as turns_agent,
        1 as turns_customer, 1 as words_agent, 1 as words_customer, 0 as transfers, 'clear' as upset,
        false as upset_at_start, false as upset_at_end, true as calmed from core.calls;
insert into core.findings (call_id, rulebook_version, rule_id, verdict, reason_code, shown, evidence)
    select call_id, 'v1', 'apology.given', if(call_id = 'C0', 'met', 'missed'), 'heard', null, [] from core.calls;
"""


def run(code: str, folder: Path) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_notebook_runs_from_the_first_cell_to_the_last(home):
    cells = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    # What a notebook shows of a cell is its last expression.
    printed = run("\n".join(re.sub(r"(?ms)^((?:con|steps|pd)\.(?!close).*)\Z", r"print(\1)", c) for c in cells), home)
    assert "2026-W10" in printed
    assert "Say sorry" in printed
    assert "apology.given" in printed


def test_the_notebook_finds_a_home_that_the_settings_put_elsewhere(home, tmp_path):
    (tmp_path / "callaudit.toml").write_text(f"[paths]\nhome = '{home / 'callaudit-home'}'\n")
    first = next("".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code")
    assert "2026-W10" in run(re.sub(r"(?ms)^(con\.sql.*)\Z", r"print(\1)", first), tmp_path)


def test_the_notebook_is_kept_without_what_it_printed():
    assert [c for c in NOTEBOOK["cells"] if c.get("outputs")] == []


def test_the_python_of_the_guide_runs(home):
    assert len(blocks("python")) == 1
    for code in blocks("python"):
        assert "Say sorry" in run(code, home)


def test_the_sql_of_the_guide_runs(home):
    statements = [s for block in blocks("sql") for s in block.split(";") if s.strip()]
    assert len(statements) == 3
    with open_published(home / "callaudit-home" / "published") as copy:
        assert isinstance(copy, Published)
        for statement in statements:
            copy.rows(statement)


def test_what_the_guide_names_exists(home):
    with open_published(home / "callaudit-home" / "published") as copy:
        views = {r["view_name"] for r in copy.rows("select view_name from duckdb_views() where not internal")}
    assert {"findings", "calls", "call_scorecards", "steps_by_week", "agents_by_week", "agent_step_month"} <= views
    assert (DOCS / "pictures" / "dictionary.png").stat().st_size < 200_000
