"""What lies beside the warehouse is a trace too: bytes in free blocks, backups, forms, mails, what a kill left."""

import json
import resource
import shutil
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
import xlsxwriter

import callaudit.warehouse.connect
import callaudit.warehouse.publish
from callaudit.flows.erasure.erase import erase_now, plan_erasure
from callaudit.flows.erasure.file_search import file_names, files_that_name
from callaudit.flows.erasure.removal import complete
from callaudit.flows.mailing.weekly_mail import write_draft
from callaudit.flows.report_files import make_report
from callaudit.flows.review import sample
from callaudit.flows.settings import MailSettings, RunSettings, Settings, WatchSettings
from callaudit.flows.staging.shared_store import SharedStore
from callaudit.reports.page import environment
from callaudit.transcription.errors import SetupError
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.erase import rewrite
from callaudit.warehouse.publish import publish
from callaudit.warehouse.published import open_published
from callaudit.warehouse.search import tables_that_name
from callaudit.warehouse.stored_calls import calls_in
from tests.flows.test_erasure import (  # noqa: F401  Fixtures.
    CUSTOMER,
    NAME,
    NIGHT,
    TRACES,
    databases,
    files_with,
    house,
    rows,
    rows_with,
    settings,
)

IDS = (CUSTOMER, NAME, "C-5501", "C-5502")


def test_the_bytes_of_deleted_rows_are_in_no_block_of_any_file(settings: Settings, monkeypatch):  # noqa: F811  A fixture of that name.
    connect = callaudit.warehouse.connect.connect_file

    def uncompressed(path: Path):
        con = connect(path)
        con.execute("set force_compression = 'uncompressed'")
        return con

    for module in (callaudit.warehouse.connect, callaudit.warehouse.publish):
        monkeypatch.setattr(module, "connect_file", uncompressed)
    # As if DuckDB had never compressed a word: what is deleted is then seen in the bytes as long as it lies there.
    rewrite(open_writer(settings.warehouse))
    publish(open_writer(settings.warehouse), settings.published)
    assert {"warehouse.duckdb", "audit.duckdb"} <= files_with(settings, "zorblatt")
    con = open_writer(settings.warehouse)
    con.execute("delete from core.utterances where text like '%zorblatt%'")
    con.execute("checkpoint")
    con.close()
    # Deleting alone proves nothing: that is why the file is written anew.
    assert b"zorblatt" in settings.warehouse.read_bytes()

    erase_now(settings, customer_id=CUSTOMER)

    assert files_with(settings, *TRACES) == set()
    assert b"I am so sorry that your heater broke" in settings.warehouse.read_bytes()


def test_backups_of_migrations_and_what_kills_left_are_traces(settings: Settings):  # noqa: F811  The fixture.
    shutil.copy(settings.warehouse, settings.warehouse.with_name("warehouse.duckdb.before-0007"))
    shutil.copy(settings.warehouse, settings.warehouse.with_name("warehouse.duckdb.before-0008.part"))
    settings.staging.mkdir(exist_ok=True)
    left = (
        settings.home / "warehouse.duckdb.tmp" / "duckdb_temp_storage-0.tmp",
        settings.home / "fingerprints.json.77.part",
        settings.home / ".export.00aa11bb.part" / "calls.csv",
        settings.published / "generations" / "audit-000002.duckdb.tmp" / "duckdb_temp_storage-0.tmp",
        settings.staging / "0123.77.part",
        settings.reports / ".weekly-2026-W10-house.html.77.partial",
        settings.root / ".review-2026-W10.77.part.xlsx",
    )
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{NAME} said zorblatt")

    erase_now(settings, customer_id=CUSTOMER)

    assert [path for path in left if path.exists()] == []
    assert files_with(settings, *TRACES) == set()
    assert not list(settings.home.glob("*.before-*"))


def test_what_other_machines_left_in_the_shared_place_is_a_trace(settings: Settings):  # noqa: F811  The fixture.
    settings = msgspec.structs.replace(settings, run=RunSettings(shared="shared"))
    place = Path(settings.shared)
    with open_published(settings.published) as published:
        transcripts = list(calls_in(published.connection).transcripts)
    for transcript in transcripts:
        SharedStore(settings.shared).put_transcript(f"{transcript.recording.sha256[:40]}-abc.json", transcript)
    (place / "transcripts" / "0123-abc.json.77.part").write_text(NAME)
    (place / "audited" / "token").mkdir(parents=True)
    (place / "audited" / "token" / "outcome.json").write_text(NAME)

    erase_now(settings, customer_id=CUSTOMER)

    assert [path for path in place.rglob("*") if path.is_file()] == []
    assert len(list(settings.staging.iterdir())) == len(transcripts) - 2
    assert files_with(settings, *TRACES) == set()


def test_the_log_keeps_the_lines_of_others(settings: Settings):  # noqa: F811  The fixture.
    log = settings.root / "audit.jsonl"
    (sha256,) = (r["sha256"] for r in rows(settings, "select sha256 from calls where call_id = 'C-5502'"))
    lines = ('{"event":"stored","call_id":"C-5501"}', f'{{"event":"refused","recording":"{sha256[:12]}"}}',
             '{"event":"stored","call_id":"C-5503"}', '{"event":"cut o')  # fmt: skip
    log.write_text("\n".join(lines))

    erase_now(msgspec.structs.replace(settings, watch=WatchSettings(log="audit.jsonl")), customer_id=CUSTOMER)

    assert log.read_text().splitlines() == [*lines[2:]]


def test_what_another_program_keeps_is_looked_through_and_named(settings: Settings, tmp_path):  # noqa: F811  A fixture of that name.
    history = tmp_path / "prefect.db"
    history.write_bytes(b"\0\1 the run failed on C-5501.srt \0")
    assert erase_now(settings, customer_id=CUSTOMER, also=[history]).files_left == (str(history),)


def test_every_form_of_the_report_goes_with_the_calls_it_shows(settings: Settings):  # noqa: F811  The fixture.
    pytest.importorskip("weasyprint", reason="the extra pdf makes and reads PDFs")
    for week in ("2026-W09", "2026-W10"):
        make_report(
            settings, week=week, scorecard="house", formats=("html", "xlsx", "pdf", "markdown", "csv", "parquet")
        )
    mail = MailSettings(sender="audit@example.com", to=("quality@example.com",))
    write_draft(msgspec.structs.replace(settings, mail=mail), week="2026-W10", scorecard="house")
    sample(settings, week="2026-W10", random=9, targeted=9, out=settings.root / "review-2026-W10.xlsx")
    before = {Path(path).suffix for path in files_that_name(settings, IDS)}
    assert {".duckdb", ".html", ".xlsx", ".eml", ".csv", ".pdf", ".webm", ".json"} <= before

    done = erase_now(settings, customer_id=CUSTOMER)

    assert files_that_name(settings, IDS) == []
    assert not (settings.root / "review-2026-W10.xlsx").exists()
    assert "callaudit review sample --out review-2026-W10.xlsx" in done.outcome.again
    assert "callaudit report --week 2026-W10" in done.outcome.again
    assert {path.name for path in settings.reports.glob("weekly-*")} == {
        "weekly-2026-W10-house.html",
        "weekly-2026-W10-six_step_process.html",
    }


def test_a_recording_that_was_refused_for_its_sound_is_forgotten_with_its_customer(settings: Settings, installation):  # noqa: F811  A fixture of that name.
    # Two recordings under one call id: the second is refused, and is known to be this customer's.
    installation.say("C-5503", "A: Hello.", name="again", started_at="2026-03-05T10:00:00Z", customer={"id": CUSTOMER})
    installation.run(at=NIGHT + timedelta(days=1))
    (refused,) = rows(settings, "select code, call_id from not_audited")
    assert refused == {"code": "duplicate_call_id", "call_id": "C-5503"}

    erase_now(settings, customer_id=CUSTOMER)

    assert rows(settings, "from not_audited") == []
    assert [rows_with(database, "again.srt", CUSTOMER) for database in databases(settings)] == [[], [], []]
    assert rows(settings, "select call_id from calls order by 1") == [{"call_id": "C-5503"}, {"call_id": "C-5504"}]


# Sizes that no file may pass, as on a disk that is full: nothing at all, a note but no table, tables but no new file.
@pytest.mark.parametrize(
    ("room", "says"),
    [
        (0, "nothing was erased"),
        (20_000, "nothing was removed from the warehouse|cannot be written anew|is not finished"),
        (1_500_000, "cannot be written anew"),
    ],
)
def test_on_a_full_disk_an_erasure_stops_cleanly_and_is_completed_later(settings: Settings, room, says):  # noqa: F811  A fixture of that name.
    assert settings.warehouse.stat().st_size > room
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(SetupError, match=says):
            erase_now(settings, customer_id=CUSTOMER)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    # Nothing is half there, and the readers' copy is whole.
    assert rows(settings, "select count(*)::int as n from calls") == [{"n": 4}]
    assert not list(settings.home.glob("*.rewritten*"))
    assert settings.removal.exists() == (room > 0)

    if room:
        complete(settings)
    else:
        erase_now(settings, customer_id=CUSTOMER)

    assert files_with(settings, *TRACES) == set()
    assert [tables_that_name(database, IDS) for database in databases(settings)] == [[], [], []]
    assert rows(settings, "select count(*)::int as n from calls") == [{"n": 2}]


@pytest.mark.parametrize("name", ["O'Brien & Söhne", 'the "old" one', "7<8", "Å/Ø?"])
@pytest.mark.parametrize("form", ["html", "json", "xlsx", "link"])
def test_a_name_is_found_in_every_spelling_that_a_format_gives_it(tmp_path: Path, name: str, form: str):
    path = tmp_path / f"file.{form}"
    if form == "html":
        path.write_text(environment().from_string("<td>{{ name }}</td>").render(name=name), encoding="utf-8")
    elif form == "json":
        path.write_text(json.dumps({"name": name}))
    elif form == "xlsx":
        with xlsxwriter.Workbook(path) as book:
            book.add_worksheet().write_string(0, 0, f"with {name}")
    else:
        path.write_text(f'<a href="calls/{quote(name, safe="")}.html">')
    assert file_names(path, [name])
    assert not file_names(path, ["Nobody"])


def test_a_dry_run_names_the_forms_that_would_go(settings: Settings):  # noqa: F811  The fixture.
    form = sample(settings, week="2026-W10", random=9, targeted=9, out=settings.root / "review-2026-W10.json").path
    other = settings.root / "review-2026-W09.json"
    other.write_text("{}")

    assert plan_erasure(settings, customer_id=CUSTOMER).made_elsewhere == (str(form),)
    assert form.exists()
