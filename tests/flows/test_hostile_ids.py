"""Ids come from file names and metadata that anybody may have written: they are text, and nothing else, everywhere."""

import os
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as trying
from hypothesis import strategies as st

from callaudit.flows.erasure.erase import erase_now
from callaudit.flows.report_files import make_report, render_call
from callaudit.flows.settings import Settings, load_settings
from callaudit.warehouse.export import export_views
from callaudit.warehouse.published import open_published
from callaudit.warehouse.search import tables_that_name
from tests.flows.test_erasure import databases, rows
from tests.support.installation import Installation

NIGHT = datetime(2026, 3, 9, 2, tzinfo=UTC)
DROP, UP = "'; drop table core.calls; --", "../../K"
HOSTILE = (
    "../../escaped", "..\\..\\escaped", "/etc/escaped", ".", "..", "~", "C:\\escaped", "-rf", DROP,
    "\"; attach 'escaped.db'; --", "a'b\"c`d", "$(touch escaped) `touch escaped` ${HOME} %s {0}", "nul\x00byte",
    "line\nbreak", "x" * 5000, "C-1", "\N{CYRILLIC CAPITAL LETTER ES}-1", "\N{FULLWIDTH LATIN CAPITAL LETTER C}-1",
    "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "cafe\N{COMBINING ACUTE ACCENT}", "CON", "nul.txt", "*", "[a-z]?",
    "<script>alert(1)</script>", "=1+1", "\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe", "%2e%2e%2f", "a#b?c=d&e", "None",
    "\N{FIRE}",
)  # fmt: skip


def house(root: Path) -> Installation:
    installation = Installation(root)
    installation.settings.write_text(
        '[engine]\nname = "whisper"\nweights_folder = "no-weights"\n[report]\ncall_pages = "all"\n'
        '[[sources]]\nfolder = "inbox"\nspeakers = { "A" = "agent", "C" = "customer" }\n'
        # The id is in the file's name, whatever that holds.
        '[[sources]]\nname = "named"\nfolder = "named"\nspeakers = { "A" = "agent", "C" = "customer" }\n'
        "file_name = '(?s)(?P<started_at>\\d{10})_(?P<call_id>.+)'\nstarted_format = \"%Y%m%d%H\"\n",
        encoding="utf-8",
    )
    (root / "named").mkdir()
    return installation


def through(installation: Installation, ids: Collection[str]) -> Settings:
    """Run, publish, export and make the pages of calls with these ids, every other one a customer's."""
    for n, call_id in enumerate(ids):
        installation.say(
            call_id, f"C: I am fed up, number {n} is ridiculous.", "A: I am so sorry.", name=f"file-{n}",
            started_at="2026-03-03T10:00:00Z", customer={"id": (DROP, UP)[n % 2], "name": call_id},
            agent={"id": call_id, "name": call_id, "team": call_id},
        )  # fmt: skip
    installation.run(at=NIGHT)
    settings = load_settings(installation.settings)
    with open_published(settings.published) as published:
        export_views(published, settings.export)
        for row in published.rows("select call_id from calls"):
            render_call(settings, published, row["call_id"])
    make_report(settings, week="2026-W10", scorecard="house", formats=("html", "xlsx", "csv", "markdown"))
    return settings


def stored(settings: Settings) -> set[str]:
    return {str(row["call_id"]) for row in rows(settings, "select call_id from calls")}


def everything(root: Path) -> set[str]:
    return {os.path.relpath(path, root) for path in root.rglob("*")}


def erased_wholly(settings: Settings, customer_id: str, theirs: Collection[str]) -> None:
    before = stored(settings)
    erase_now(settings, customer_id=customer_id)
    assert stored(settings) == before - set(theirs)
    pages = {path.name for path in (settings.reports / "calls").iterdir()}
    assert len(pages) == len(stored(settings))
    assert not settings.export.exists()
    # Short ones are also numbers and words of others.
    names = [customer_id, *(one for one in theirs if len(one) > 12 and one[:1].isalnum() and one[-1:].isalnum())]
    assert [tables_that_name(database, names) for database in databases(settings)] == [[], [], []]


def test_hostile_ids_are_text_from_the_inbox_to_the_erasure(tmp_path):
    (tmp_path / "house").mkdir()
    installation = house(tmp_path / "house")
    settings = through(installation, HOSTILE)

    assert stored(settings) == set(HOSTILE)
    assert rows(settings, "select count(*)::int as n from not_audited") == [{"n": 0}]
    assert len(list((settings.reports / "calls").iterdir())) == len(HOSTILE)
    own = {settings.reports, settings.reports / "calls", settings.reports / "agents"}
    assert all(path.parent in own for path in settings.reports.rglob("*") if "=" in path.name)

    erased_wholly(settings, DROP, HOSTILE[::2])
    erased_wholly(settings, UP, HOSTILE[1::2])

    assert stored(settings) == set()
    # Nothing was written, or taken away, anywhere else.
    assert [path.name for path in tmp_path.iterdir()] == ["house"]
    assert not [path for path in everything(tmp_path) if "escaped" in path]
    assert {path.name for path in installation.inbox.iterdir()} == {
        f"file-{n}.srt{end}" for n in range(len(HOSTILE)) for end in ("", ".json")
    }


def test_an_id_out_of_a_file_name_is_text_too(tmp_path):
    installation = house(tmp_path)
    ids = (DROP, "$(touch escaped)", "line\nbreak", "..", "*")
    for call_id in ids:
        said = installation.say("ignored", f"C: I am fed up, this is ridiculous. {call_id}", "A: I am so sorry.")
        (installation.inbox / "ignored.srt.json").unlink()
        said.rename(tmp_path / "named" / f"2026030310_{call_id}.srt")
    installation.run(at=NIGHT)
    settings = load_settings(installation.settings)
    assert stored(settings) == set(ids)

    for call_id in (DROP, "*"):
        assert erase_now(settings, call_id=call_id).calls == 1

    assert stored(settings) == set(ids) - {DROP, "*"}
    assert {path.name for path in (tmp_path / "named").iterdir()} == {f"2026030310_{call_id}.srt" for call_id in ids}


odd = st.text(alphabet="./\\'\";\x00\n\r*?=-é", min_size=1, max_size=9)
ids = st.lists(
    (st.text(min_size=1, max_size=40) | odd).map(str.strip).filter(bool), min_size=4, max_size=12, unique=True
)


@pytest.mark.long
@trying(max_examples=6, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(ids)
def test_any_id_is_stored_as_it_is_or_refused_with_a_reason(drawn):
    with TemporaryDirectory() as folder:
        installation = house(Path(folder))
        settings = through(installation, drawn)
        refused = rows(settings, "select reason from not_audited")
        assert stored(settings) <= set(drawn)
        assert len(stored(settings)) + len(refused) == len(drawn)
        assert all(row["reason"] for row in refused)
        erased_wholly(settings, DROP, set(drawn[::2]) & stored(settings))
