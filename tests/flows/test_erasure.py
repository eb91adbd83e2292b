"""A customer or a call is erased: what is searched for afterwards is looked for in every byte and every row."""

import hashlib
import html
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from callaudit.flows.erasure.erase import erase_now, plan_erasure
from callaudit.flows.erasure.own_files import own_files
from callaudit.flows.report_files import make_report, render_call
from callaudit.flows.settings import Settings, load_settings
from callaudit.transcription.errors import InputError, LockedError
from callaudit.warehouse.published import open_published
from tests.support.installation import Installation

NIGHT = datetime(2026, 3, 9, 2, tzinfo=UTC)
CUSTOMER, NAME = "K-77001", "Zebedee Quillfeather"
SECRET = "my zorblatt machine floods the cellar"
UPSET = ("C: This is ridiculous, I am fed up and furious.", "A: I am so sorry that your heater broke, I understand.")


@pytest.fixture
def settings(house, installation, monkeypatch) -> Settings:
    """A house of its own for each test."""
    shutil.copytree(house, installation.root, dirs_exist_ok=True)
    monkeypatch.setattr("callaudit.transcription.inbox.fingerprints._STEADY", -60.0)
    return load_settings(installation.settings)


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Path:
    """Four calls of two customers over two weeks, their pages made, one generation published before."""
    installation = Installation(tmp_path_factory.mktemp("house"))
    with pytest.MonkeyPatch.context() as patch:
        # As if the files had lain there for more than a minute, so that their names are remembered.
        patch.setattr("callaudit.transcription.inbox.fingerprints._STEADY", -60.0)
        build(installation)
    return installation.root


def build(installation: Installation) -> None:
    installation.settings.write_text(
        '[engine]\nname = "whisper"\nweights_folder = "no-weights"\n[report]\ncall_pages = "all"\n'
        '[[sources]]\nfolder = "inbox"\nspeakers = { "A" = "agent", "C" = "customer" }\n',
        encoding="utf-8",
    )
    zebedee = {"id": CUSTOMER, "name": NAME}
    other = {"id": "K-2", "name": "Ada Bright"}
    installation.say(
        "C-5501", f"C: I am fed up, {SECRET}.", UPSET[1], started_at="2026-02-24T10:00:00Z", customer=zebedee
    )
    installation.run(at=NIGHT - timedelta(days=7))
    installation.say("C-5502", *UPSET, f"C: Still {SECRET}.", started_at="2026-03-03T10:00:00Z", customer=zebedee)
    installation.say("C-5503", *UPSET, "A: I will call you back tomorrow.", started_at="2026-03-03T11:00:00Z",
                     direction="inbound", customer=other)  # fmt: skip
    installation.say("C-5504", "A: Hello, I call about your heater.", "C: Thank you.",
                     started_at="2026-03-04T09:00:00Z", direction="outbound", customer=other)  # fmt: skip
    installation.run(at=NIGHT)
    settings = load_settings(installation.settings)
    for week in ("2026-W09", "2026-W10"):
        make_report(settings, week=week, scorecard="six_step_process")
    # Copies of the sound, as a recogniser's run would leave them; these say in plain bytes whose they are.
    settings.audio.mkdir()
    for row in rows(settings, "select sha256, call_id, customer_name from calls"):
        (settings.audio / f"{row['sha256'][:40]}.webm").write_text(f"{row['call_id']} {row['customer_name']}")


def rows(settings: Settings, sql: str) -> list[dict[str, object]]:
    with open_published(settings.published) as published:
        return published.rows(sql)


def files_with(settings: Settings, *texts: str) -> set[str]:
    """Every file below home and reports that holds one of the texts, or has it in its name."""
    found = set()
    for folder in (settings.home, settings.reports):
        for path in folder.rglob("*"):
            content = path.read_bytes() if path.is_file() else b""
            for text in texts:
                forms = {text, html.escape(text), text.lower()}
                if any(form.encode() in content or form in str(path.relative_to(folder)) for form in forms):
                    found.add(path.name)
    return found


def rows_with(database: Path, *texts: str) -> list[str]:
    """The tables of a DuckDB file, compressed or not, in which one of the texts stands."""
    con = duckdb.connect(database, read_only=True)
    tables = con.execute("select schema_name, table_name from duckdb_tables() where not internal").fetchall()
    found = []
    for schema, table in tables:
        (count,) = con.execute(
            f"select count(*) from {schema}.{table} t where regexp_matches(t::varchar, ?, 'i')",
            ["|".join(texts)],
        ).fetchone()
        found += [table] * bool(count)
    con.close()
    return found


def databases(settings: Settings) -> list[Path]:
    return [settings.warehouse, *settings.published.rglob("*.duckdb")]


TRACES = (CUSTOMER, NAME, "Zebedee", "C-5501", "C-5502", "zorblatt", "cellar")


def test_a_search_finds_the_customer_before_so_that_not_finding_means_something(settings):
    assert {"calls", "utterances", "findings"} <= set(rows_with(settings.warehouse, *TRACES))
    found = files_with(settings, *TRACES)
    assert {
        "warehouse.duckdb",
        "audit.duckdb",
        "weekly-2026-W09-six_step_process.html",
        "C-5501.html",
        "fingerprints.json",
    } <= found
    assert len(databases(settings)) == 4


def test_after_erasing_a_customer_no_byte_and_no_row_tells_of_them(settings):
    done = erase_now(settings, customer_id=CUSTOMER, reason="request of 3 March")

    assert files_with(settings, *TRACES) == set()
    assert [rows_with(database, *TRACES) for database in databases(settings)] == [[], [], []]
    assert (done.calls, done.weeks, done.rows_left, done.files_left) == (2, {"2026-W09": 1, "2026-W10": 1}, (), ())
    # What is another's stays.
    assert [r["call_id"] for r in rows(settings, "select call_id from calls order by 1")] == ["C-5503", "C-5504"]
    assert len(list(settings.audio.iterdir())) == 2
    assert not settings.removal.exists()


def test_the_recordings_are_named_left_alone_and_never_audited_again(settings, installation):
    done = erase_now(settings, customer_id=CUSTOMER)
    assert [Path(place).name for place in done.places] == ["C-5501.srt", "C-5502.srt"]
    # Another name for the same bytes changes nothing.
    (installation.inbox / "C-5501.srt").rename(installation.inbox / "C-5509.srt")
    (installation.inbox / "C-5501.srt.json").rename(installation.inbox / "C-5509.srt.json")

    again = installation.run(at=NIGHT + timedelta(days=1))

    assert (again.found, again.audited, again.erased, again.already) == (0, 0, 2, 2)
    assert files_with(settings, *TRACES, "C-5509") == set()


def test_what_stays_is_a_count_by_week_and_a_hash_of_a_hash(settings, installation):
    sha256 = hashlib.sha256((installation.inbox / "C-5501.srt").read_bytes()).hexdigest()
    erase_now(settings, customer_id=CUSTOMER, reason="request of 3 March")

    stones = rows(settings, "select kind, key_hash, iso_week, calls, reason from core.erasures order by all")
    assert [(s["kind"], s["iso_week"], s["calls"], s["reason"]) for s in stones] == [
        ("customer", "2026-W09", 1, "request of 3 March"),
        ("customer", "2026-W10", 1, "request of 3 March"),
        ("recording", None, 0, ""),
        ("recording", None, 0, ""),
    ]
    assert sha256 not in str(stones)


def test_totals_and_pages_are_made_again_in_the_frame_they_had(settings):
    before = {r["iso_week"]: r["calls"] for r in rows(settings, "select iso_week, calls from weeks")}
    done = erase_now(settings, customer_id=CUSTOMER)
    after = {r["iso_week"]: r["calls"] for r in rows(settings, "select iso_week, calls from weeks")}

    assert (before, after) == ({"2026-W09": 1, "2026-W10": 3}, {"2026-W10": 2})
    page = (settings.reports / "weekly-2026-W10-six_step_process.html").read_text()
    assert "1 call of this week, on request: in no figure here" in page
    assert 'content="six_step_process"' in page
    assert not (settings.reports / "weekly-2026-W09-six_step_process.html").exists()
    assert str(settings.reports / "weekly-2026-W10-six_step_process.html") in done.outcome.made
    assert {Path(p).name for p in done.outcome.taken} == {
        "weekly-2026-W09-six_step_process.html",
        "C-5501.html",
        "C-5502.html",
    }


def test_the_list_of_a_weeks_calls_is_made_again_with_its_page_and_asks_for_no_command(settings, monkeypatch):
    monkeypatch.setattr("callaudit.reports.weekly.moments.CALLS_SHOWN", 1)
    make_report(settings, week="2026-W10", scorecard="house")
    calls = settings.reports / "weekly-2026-W10-house-calls.html"
    assert "C-5502" in calls.read_text()

    outcome = erase_now(settings, customer_id=CUSTOMER).outcome

    assert "C-5502" not in calls.read_text()
    assert (str(calls) in outcome.made, str(calls) in outcome.taken) == (True, False)
    assert outcome.again == ()


def test_a_promise_kept_by_an_erased_call_is_not_broken_by_erasing_it(settings):
    rule = "select verdict, reason from findings where call_id = 'C-5503' and rule_id = 'follow_up.keeps_promise'"
    (kept,) = rows(settings, rule)
    assert kept["verdict"] == "met"
    assert "C-5504" in kept["reason"]

    erase_now(settings, call_id="C-5504")

    (still,) = rows(settings, rule)
    assert still["verdict"] == "met"
    assert "C-5504" not in still["reason"]
    assert rows(settings, "select outcome from promises where call_id = 'C-5503'") == [{"outcome": "unknown"}]
    assert files_with(settings, "C-5504") == set()
    assert [rows_with(database, "C-5504") for database in databases(settings)] == [[], [], []]


def test_a_page_of_another_call_that_names_the_erased_one_is_made_again(settings):
    with open_published(settings.published) as published:
        page = render_call(settings, published, "C-5503")
    assert "C-5504" in page.read_text()
    done = erase_now(settings, call_id="C-5504")
    assert str(page) in done.outcome.made
    assert "C-5504" not in page.read_text()


def test_a_dry_run_changes_no_byte(settings):
    def everything():
        return {p: p.read_bytes() for f in (settings.home, settings.reports) for p in f.rglob("*") if p.is_file()}

    before = everything()
    plan = plan_erasure(settings, customer_id=CUSTOMER)
    assert set(plan.gone.calls) == {"C-5501", "C-5502"}
    assert everything() == before


def test_unfinished_work_and_quarantine_are_traces_too(settings, installation):
    installation.say("C-5510", "A: Hello.", f"C: {SECRET}", started_at="soon", customer={"id": CUSTOMER})
    (installation.inbox / "K-77001_broken.srt").write_text("1\nno times\nhere\n")
    for file in installation.inbox.iterdir():
        os.utime(file, (1_700_000_000, 1_700_000_000))
    installation.run(at=NIGHT + timedelta(days=1))
    assert rows(settings, "select count(*) as n from not_audited") == [{"n": 2}]

    erase_now(settings, customer_id=CUSTOMER)

    assert rows_with(settings.warehouse, CUSTOMER, "broken.srt") == []
    assert files_with(settings, CUSTOMER) == set()


def test_nothing_known_is_an_error_and_changes_nothing(settings):
    with pytest.raises(InputError, match="no customer has the id “K-404”"):
        erase_now(settings, customer_id="K-404")
    assert not settings.removal.exists()


def test_the_reason_must_not_name_what_is_erased(settings):
    with pytest.raises(InputError, match="the reason names"):
        erase_now(settings, customer_id=CUSTOMER, reason=f"{NAME} asked")
    assert rows(settings, "select count(*) as n from calls") == [{"n": 4}]


def test_while_a_run_holds_the_warehouse_nothing_is_erased(settings, installation):
    holder = subprocess.Popen(
        [sys.executable, "-c", "import sys, duckdb; con = duckdb.connect(sys.argv[1]); print(1, flush=True); input()",
         str(settings.warehouse)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        holder.stdout.readline()
        with pytest.raises(LockedError, match="in use by another program"):
            erase_now(settings, customer_id=CUSTOMER)
    finally:
        holder.communicate("\n", timeout=30)
    assert not settings.removal.exists()
    assert "C-5501.html" in files_with(settings, "C-5501")


KILLED_AT = {
    "before anything is removed": "callaudit.flows.erasure.removal._remove_files",
    "before the rows are deleted": "callaudit.flows.erasure.removal.erase",
    "before the file is written anew": "callaudit.flows.erasure.removal.rewrite",
    "before the new file takes its place": "callaudit.warehouse.erase._swap",
    "before the copy is published": "callaudit.flows.erasure.removal.publish",
    "before the pages are made": "callaudit.flows.erasure.removal._make_pages",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("where", "by"),
    [
        # Each place once, completed by one command or the other; the long rounds complete each by both.
        pytest.param(where, by, id=f"{name}-{by}", marks=() if (by == "run") == bool(n % 3) else pytest.mark.long)
        for n, (name, where) in enumerate(KILLED_AT.items())
        for by in ("erase", "run")
    ],
)
def test_an_erasure_that_is_killed_is_completed_by_the_next_command(settings, installation, where, by):
    module, _, name = where.rpartition(".")
    code = f"""
        import os, signal, sys
        from pathlib import Path
        import {module} as module
        from callaudit.flows.erasure.erase import erase_now
        from callaudit.flows.settings import load_settings
        module.{name} = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)
        erase_now(load_settings(Path(sys.argv[1])), customer_id={CUSTOMER!r})
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(code), str(installation.settings)], check=False,
                            cwd=Path(__file__).parents[2])  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    assert settings.removal.exists()

    if by == "erase":
        assert erase_now(settings, customer_id=CUSTOMER).calls == 2
    else:
        installation.run(at=NIGHT + timedelta(days=1))

    assert files_with(settings, *TRACES) == set()
    assert [rows_with(database, *TRACES) for database in databases(settings)] == [[]] * len(databases(settings))
    assert rows(settings, "select sum(calls)::int as n from erased_by_week") == [{"n": 2}]
    assert not settings.removal.exists()
    assert (settings.reports / "weekly-2026-W10-six_step_process.html").exists()


def test_metadata_and_table_rows_that_name_the_customer_are_named(settings, installation):
    (installation.inbox / "U-3.json").write_text(f'{{"call_id": "U-3", "customer": {{"name": "{NAME}"}}}}')
    (installation.inbox / "other.json").write_text('{"call_id": "U-4", "customer": {"name": "Ada Bright"}}')

    done = erase_now(settings, customer_id=CUSTOMER)

    named = {Path(file.place).name for file in done.own.files}
    assert {"U-3.json", "C-5501.srt.json", "C-5502.srt.json"} <= named
    assert not {"other.json", "C-5503.srt.json"} & named
    assert done.own.not_searched == ()
    # The owner's files are left alone.
    assert (installation.inbox / "U-3.json").exists()


def test_a_table_is_named_with_the_lines_that_go(settings, installation):
    with installation.settings.open("a") as file:
        file.write('table = "*.csv"\n[sources.fields]\nrecording = "recording"\n')
    lines = ("recording,call_id,customer", "a.wav,C-9,Ada Bright", f"b.wav,C-10,{NAME}", "c.wav,C-11,Bo")
    (installation.inbox / "calls.csv").write_text("\n".join(lines))

    own = own_files(load_settings(installation.settings), (NAME,))

    assert [file.lines for file in own.files if file.place.endswith("calls.csv")] == [(3,)]


def test_a_source_that_is_not_there_is_said_not_to_have_been_looked_through(settings, installation):
    installation.inbox.rename(installation.root / "elsewhere")

    own = own_files(settings, (NAME,))

    assert own.files == ()
    assert len(own.not_searched) == 1


def refuse(installation: Installation, name: str, **metadata: object) -> None:
    """A file that is refused before anybody looks at its metadata."""
    (installation.inbox / f"{name}.srt").write_text(f"1\nno times\nin {name}\n")
    if metadata:
        (installation.inbox / f"{name}.srt.json").write_text(json.dumps(metadata))
    for file in installation.inbox.glob(f"{name}.*"):
        os.utime(file, (1_700_000_000, 1_700_000_000))
    installation.run(at=NIGHT + timedelta(days=1))


def test_a_file_refused_before_its_metadata_goes_by_its_name(settings, installation):
    refuse(installation, "U-3")
    refuse(installation, "U-33")
    (refused, other) = rows(settings, "select path, call_id from not_audited order by path desc")
    assert refused["call_id"] is None or other["call_id"] is None

    erase_now(settings, call_id="U-3")

    assert [Path(r["path"]).name for r in rows(settings, "select path from not_audited")] == ["U-33.srt"]


def test_a_file_refused_before_its_metadata_is_the_customers_where_the_metadata_beside_it_say_so(
    settings, installation
):
    refuse(installation, "U-3", call_id="U-3", customer={"id": CUSTOMER, "name": NAME})
    assert rows(settings, "select count(*)::int as n from not_audited") == [{"n": 1}]

    erase_now(settings, customer_id=CUSTOMER)

    assert rows(settings, "from not_audited") == []


def test_a_first_name_that_others_bear_is_refused_before_anything_goes(settings, installation):
    for number, (name, start) in enumerate((("Maria", "C: Hello."), ("Maria", "C: It is me, Maria.")), 1):
        installation.say(f"M-{number}", "A: Hello Maria.", start, started_at="2026-03-05T10:00:00Z",
                         customer={"id": "Maria" if number == 1 else "K-9", "name": name})  # fmt: skip
    installation.run(at=NIGHT + timedelta(days=1))

    with pytest.raises(InputError, match="“Maria” is a name that others bear too, so nothing was erased") as refused:
        erase_now(settings, customer_id="Maria")

    assert refused.value.tries == ("callaudit erase --call M-1",)
    assert rows(settings, "select count(*)::int as n from calls") == [{"n": 6}]
    # By an id that is one person's it goes, and what others are called is not taken for a trace.
    done = erase_now(settings, customer_id="K-9")
    assert (done.calls, done.shared, done.rows_left, done.files_left) == (1, ("Maria",), (), ())
