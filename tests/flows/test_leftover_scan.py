from pathlib import Path

import msgspec
import pytest

from audit_rules.audit import audit
from audit_rules.rulebook import load_rulebook
from flows.leftover_scan import Leftover, leftovers
from flows.settings import Settings, load_settings
from transcription.redaction import redact
from transcription.redaction.leftovers import kinds_left
from transcription.transcript import Call, Provenance, RolesFrom, SpeakerRole, Transcript, Utterance
from warehouse.connect import open_writer
from warehouse.load import load, store_rulebook
from warehouse.publish import publish
from warehouse.tables import AuditedCall


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


def test_what_is_left_in_the_published_copy_is_found_by_call_and_turn(settings: Settings):
    rulebook = load_rulebook()
    texts = ("my card is 4111 1111 1111 1111", "and mail a@b.example")
    transcript = Transcript(
        call=Call(call_id="C-8", source="inbox"),
        utterances=tuple(Utterance(role=SpeakerRole.CUSTOMER, text=text) for text in texts),
        provenance=Provenance(engine="test", model="m", weights_hash="", settings_hash=""),
        roles_from=RolesFrom.LABELS,
    )
    con = open_writer(settings.warehouse)
    store_rulebook(con, rulebook)
    load(con, [AuditedCall(transcript, audit(transcript, rulebook))], run_id="R1")
    publish(con, settings.published)

    found = leftovers(settings)

    assert {Leftover("C-8", "turn 0", "card"), Leftover("C-8", "turn 0", "email")} <= set(found)
    assert all("4111" not in str(one) for one in found)
