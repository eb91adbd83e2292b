import re
import shutil
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path

import msgspec
import pyarrow
import pyarrow.parquet
import pytest
import xlsxwriter
from hypothesis import example, given
from hypothesis import strategies as st

from callaudit.audit_rules.audit import audit
from callaudit.audit_rules.rulebook import load_rulebook
from callaudit.flows.erasure.personal_data_scan import Leftover, leftovers
from callaudit.flows.settings import Settings, load_settings
from callaudit.reports.formats.pdf import write_pdf
from callaudit.transcription.errors import LockedError
from callaudit.transcription.redaction import redact
from callaudit.transcription.redaction.net import CANDIDATES, kinds_left
from callaudit.transcription.transcript import Call, Provenance, RolesFrom, SpeakerRole, Transcript, Utterance
from callaudit.warehouse.arrow_tables import AuditedCall
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.load import load
from callaudit.warehouse.publish import publish
from callaudit.warehouse.rulebooks import store_rulebook


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    file = tmp_path / "callaudit.toml"
    file.write_text("")
    return load_settings(file)


def stage(settings: Settings, *texts: str, masked: bool) -> None:
    utterances = tuple(Utterance(role=SpeakerRole.CUSTOMER, text=text) for text in texts)
    transcript = Transcript(
        call=Call(call_id="C-7", source="inbox"),
        utterances=redact(utterances).utterances if masked else utterances,
        provenance=Provenance(engine="test", model="m", weights_hash="", settings_hash=""),
    )
    settings.staging.mkdir(parents=True)
    (settings.staging / "C-7.json").write_bytes(msgspec.json.encode(transcript))


def test_a_planted_card_number_is_found_by_call_and_turn(settings: Settings):
    stage(settings, "hello", "it is four one one one " + "one " * 12, masked=False)

    assert leftovers(settings) == [Leftover("C-7", "turn 1", "card")]


def test_a_masked_call_leaves_nothing(settings: Settings):
    stage(settings, "hello", "my card is 4111 1111 1111 1111", "mail a@b.com", masked=True)

    assert leftovers(settings) == []


def test_a_report_page_is_searched_too_and_its_style_is_not(settings: Settings):
    settings.reports.mkdir(parents=True)
    (settings.reports / "calls").mkdir()
    page = settings.reports / "calls" / "C-7.html"
    page.write_text("<style>4111111111111111</style><p>a.person@shop.example</p>")

    assert leftovers(settings) == [Leftover(str(page), "page", "email")]


def test_shapes_are_personal_without_any_cue():
    assert sorted(kinds_left("219-09-9999, 4111-1111-1111-1111 and a@b.example")) == ["card", "email", "ssn"]
    assert list(kinds_left("order 4111 1111 1111 1112 on 2026-03-02, 1,249.99")) == []


@pytest.mark.parametrize("text", ["It is 4111 1111 1111 1111.", "(4111111111111111)", "card_4111111111111111"])
def test_a_card_number_is_found_whatever_stands_beside_it(text):
    assert list(kinds_left(text)) == ["card"]


@given(st.binary(min_size=32, max_size=32))
@example(bytes.fromhex("0000101124364479a0").ljust(32, b"\0"))
def test_a_hash_is_no_card(content: bytes):
    assert list(kinds_left(f"sha256 {content.hex()}")) == []


@given(st.text(alphabet="a4111 .-@1é", max_size=40))
def test_what_the_database_passes_over_holds_nothing(text: str):
    assert re.search(CANDIDATES, text) or not list(kinds_left(text))


def store(settings: Settings, *texts: str, **call: str) -> None:
    """Load a call with these words and publish."""
    rulebook = load_rulebook()
    transcript = Transcript(
        call=Call(call_id="C-8", source="inbox", **call),
        utterances=tuple(Utterance(role=SpeakerRole.CUSTOMER, text=text) for text in texts),
        provenance=Provenance(engine="test", model="m", weights_hash="", settings_hash=""),
        roles_from=RolesFrom.LABELS,
    )
    con = open_writer(settings.warehouse)
    store_rulebook(con, rulebook)
    load(con, [AuditedCall(transcript, audit(transcript, rulebook))], run_id="R1")
    publish(con, settings.published)


def test_what_is_left_in_a_copy_is_found_by_call_and_turn(settings: Settings):
    store(settings, "my card is 4111 1111 1111 1111", "and mail a@b.example")

    found = leftovers(settings)

    copies = ("audit-000001.duckdb", "warehouse.duckdb")
    assert {Leftover("C-8", "turn 0", "card", copies), Leftover("C-8", "turn 0", "email", copies)} <= set(found)
    assert all("4111" not in str(one) for one in found)


def test_what_only_an_older_copy_or_a_backup_still_holds_is_found(settings: Settings):
    store(settings, "my card is 4111 1111 1111 1111")
    shutil.copy(settings.warehouse, settings.warehouse.with_name("warehouse.duckdb.before-0009"))
    store(settings, "my card is [card]")

    (found,) = leftovers(settings)

    assert found == Leftover("C-8", "turn 0", "card", ("audit-000001.duckdb", "warehouse.duckdb.before-0009"))


def test_what_the_metadata_hold_is_found(settings: Settings):
    store(settings, "hello", customer_id="ada@bright.example", customer_name="4111 1111 1111 1111")

    places = {(one.place, one.kind) for one in leftovers(settings) if one.where == "C-8"}

    assert {("core.calls.customer_id", "email"), ("core.calls.customer_name", "card")} <= places


def mail(*attached: Path) -> bytes:
    letter = EmailMessage()
    letter["From"], letter["To"] = "audit@example.com", "quality@example.com"
    letter.set_content("Nobody's.")
    letter.add_alternative("<p>Card 4111&nbsp;1111&#32;1111 1111</p>".replace("&nbsp;", " "), subtype="html")
    for path in attached:
        letter.add_attachment(path.read_bytes(), maintype="application", subtype="x-any", filename=path.name)
    return letter.as_bytes()


def test_workbooks_tables_mails_and_prints_are_opened(settings: Settings):
    pytest.importorskip("weasyprint", reason="the extra pdf makes and reads PDFs")
    settings.reports.mkdir(parents=True)
    book, table, letter = (settings.reports / f"weekly-2026-W10.{form}" for form in ("xlsx", "csv", "eml"))
    with xlsxwriter.Workbook(book) as written:
        written.add_worksheet().write(3, 1, "card 4111 1111 1111 1111")
    table.write_text("call,quote\nC-1,a.person@shop.example\n", encoding="utf-8-sig")
    letter.write_bytes(mail(book))
    page = settings.root / "page.html"
    page.write_text("<p>Number 219-09-9999</p>")
    write_pdf(page, out=settings.reports / "weekly-2026-W10.pdf")
    pyarrow.parquet.write_table(
        pyarrow.table({"quote": ["4111 1111 1111 1111"]}), settings.reports / "findings.parquet"
    )

    found = {(Path(one.where).name, one.place, one.kind) for one in leftovers(settings)}

    assert found == {
        ("weekly-2026-W10.xlsx", "xl/sharedStrings.xml", "card"),
        ("weekly-2026-W10.csv", "text", "email"),
        ("weekly-2026-W10.eml", "part-2.html", "card"),
        ("weekly-2026-W10.eml", "weekly-2026-W10.xlsx xl/sharedStrings.xml", "card"),
        ("weekly-2026-W10.pdf", "page 1", "ssn"),
        ("findings.parquet", "quote", "card"),
    }


def test_while_a_run_holds_the_warehouse_nothing_is_called_clean(settings: Settings):
    store(settings, "hello")
    code = "import sys, duckdb; con = duckdb.connect(sys.argv[1]); print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(settings.warehouse)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as holder:  # fmt: skip
        holder.stdout.readline()
        with pytest.raises(LockedError, match="cannot be searched now"):
            leftovers(settings)
        holder.communicate("\n", timeout=30)


SPELLINGS = (Path(__file__).parents[1] / "cases" / "spellings_to_mask.txt").read_text(encoding="utf-8").splitlines()


def test_a_number_in_any_spelling_that_was_stored_is_found(settings: Settings):
    roles = {"A": SpeakerRole.AGENT, "C": SpeakerRole.CUSTOMER}
    settings.staging.mkdir(parents=True)
    for n, line in enumerate(SPELLINGS):
        said = [turn.partition(": ") for turn in line.split(" / ")]
        transcript = Transcript(
            call=Call(call_id=f"S-{n}", source="inbox"),
            utterances=tuple(Utterance(role=roles[who], text=text) for who, _, text in said),
            provenance=Provenance(engine="test", model="m", weights_hash="", settings_hash=""),
        )
        (settings.staging / f"S-{n}.json").write_bytes(msgspec.json.encode(transcript))

    found = {one.where for one in leftovers(settings)}

    assert [line for n, line in enumerate(SPELLINGS) if f"S-{n}" not in found] == []


def test_rows_of_figures_are_no_card(settings: Settings):
    settings.reports.mkdir(parents=True)
    (settings.reports / "weekly.csv").write_text("a,b,c,d\n4111,1111,1111,1111\n", encoding="utf-8")
    (settings.reports / "weekly.md").write_text("| 4111 | 12 | 1111 | 11 | 1111 |\n", encoding="utf-8")
    (settings.reports / "weekly.json").write_text("[4111, 1111, 1111, 1111]", encoding="utf-8")
    (settings.reports / "weekly.html").write_text("<td>4111</td><td>1111</td><td>1111</td><td>1111</td>")

    assert leftovers(settings) == []
