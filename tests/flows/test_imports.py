"""Exports of other systems go through a run as recordings do, side by side with them, into a real warehouse."""

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from callaudit.flows.auditing.audit_run import AuditRun
from callaudit.flows.report_files import make_report
from callaudit.flows.settings import Settings, load_settings
from callaudit.warehouse.published import open_published

EXPORTS = Path(__file__).parents[1] / "exports"
SPEAKERS = (
    'speakers = { "ch_1" = "agent", "spk_0" = "agent", "Deepgram 1" = "agent", "AssemblyAI 2" = "agent", '
    '"Twilio 2" = "agent", "Ines Duarte" = "agent" }\n'
)


def settings_of(installation, *, engine: str = "whisper", model: str = "base.en", source: str = SPEAKERS) -> Settings:
    """An engine whose weights are nowhere: whoever asks for it fails."""
    installation.settings.write_text(
        '[site]\ntimezone = "Europe/London"\n'
        f'[engine]\nname = "{engine}"\nmodel = "{model}"\nweights_folder = "no-weights"\n[run]\nworkers = 1\n'
        '[report]\ncall_pages = "all"\n'
        f'[[sources]]\nfolder = "inbox"\n{source}',
        encoding="utf-8",
    )
    return load_settings(installation.settings)


def put(installation, name: str, sidecar: str = "", **metadata: object) -> Path:
    path = installation.inbox / name
    shutil.copyfile(EXPORTS / name, path)
    files = [path]
    if metadata:
        files.append(installation.inbox / (sidecar or f"{name}.json"))
        files[-1].write_text(json.dumps(metadata), encoding="utf-8")
    for file in files:
        os.utime(file, (1_700_000_000, 1_700_000_000))
    return path


def told(call_id: str, **more: object) -> dict[str, object]:
    return {
        "call_id": call_id,
        "started_at": "2026-03-03T10:15:00+00:00",
        "agent": {"id": "A1", "name": "Ines"},
        **more,
    }


def run_once(settings: Settings, *, at: datetime = datetime(2026, 3, 9, 2, tzinfo=UTC)):
    with AuditRun(settings, started_at=at) as run:
        for batch in run.batches(run.find()):
            run.store(run.audit(batch), batch)
        run.settle_promises()
        return run.finish()


def asked(settings: Settings, sql: str) -> list[dict[str, object]]:
    with open_published(settings.published) as published:
        return published.rows(sql)


def test_a_folder_of_exports_needs_no_engine_and_gives_one_verdict_in_twelve_shapes(installation):
    shapes = [p.name for p in EXPORTS.iterdir() if p.suffix in {".json", ".vtt", ".srt"} and p.stem != "expected"]
    for name in shapes:
        party = name.removeprefix("whisper_").removesuffix(".json")
        if name.startswith("whisper"):
            put(installation, name, **told("whisper", speaker=party))
        else:
            put(installation, name, **told(name))

    settings = settings_of(installation)
    summary = run_once(settings)

    assert (summary.found, summary.audited, summary.quarantined) == (12, 12, 0)
    assert not settings.audio.exists()
    assert summary.audio_seconds == 0
    untimed = "('empathy.acknowledges_feeling', 'apology.apologises', 'ownership.takes_responsibility')"
    verdicts = asked(
        settings,
        f"select rule_id, verdict, count(*) as calls from findings where rule_id in {untimed} group by all",
    )
    assert verdicts
    assert {row["calls"] for row in verdicts} == {12}
    assert run_once(settings, at=datetime(2026, 3, 10, 2, tzinfo=UTC)).already == 12


@pytest.mark.slow
def test_recordings_and_exports_lie_side_by_side(installation, clip):
    settings = settings_of(installation, engine="faster-whisper", model="tiny.en")
    installation.add(clip, "heard", **told("heard"))
    put(installation, "zoom.vtt", sidecar="zoom.json", **told("read"))

    assert run_once(settings).audited == 2
    assert asked(settings, "select call_id, codec, sample_rate is null as no_sound from calls order by call_id") == [
        {"call_id": "heard", "codec": "opus", "no_sound": False},
        {"call_id": "read", "codec": "export", "no_sound": True},
    ]


def test_a_call_without_sound_has_its_pages_and_no_player(installation):
    settings = settings_of(installation)
    put(installation, "deepgram.json", **told("D-1"))
    run_once(settings)

    files = make_report(settings, week="2026-W10", scorecard="house").files

    (page,) = files.call_pages
    text = page.read_text(encoding="utf-8")
    assert "<audio" not in text
    assert "Words by Deepgram a-model" in text
    assert "not from sound" in text
    assert files.weekly.is_file()


def test_metadata_rules_are_those_of_recordings(installation):
    settings = settings_of(installation)
    put(installation, "deepgram.json")

    assert run_once(settings).quarantined == 1
    (row,) = asked(settings, "select code, reason, next_step from not_audited")
    assert row["code"] == "metadata_missing"
    assert "an export without metadata" in str(row["reason"])
    assert "deepgram.json.json" in str(row["next_step"])


def test_a_contacts_own_id_is_used_where_metadata_are_optional(installation):
    settings = settings_of(installation, source='metadata = "optional"\n')
    put(installation, "contact_lens.json")
    put(installation, "zoom.vtt")
    run_once(settings)

    ids = [str(row["call_id"]) for row in asked(settings, "select call_id from calls order by call_id")]
    assert ids[0] == "contact-41"
    assert ids[1].startswith("export-")


def test_json_of_an_unknown_shape_is_refused_with_what_was_looked_for(installation):
    settings = settings_of(installation)
    (installation.inbox / "odd.json").write_text('{"lines": ["Hello"]}', encoding="utf-8")

    run_once(settings)

    (row,) = asked(settings, "select code, reason from not_audited")
    assert row["code"] == "export_unknown"
    assert "Contact Lens (JSON with Participants" in str(row["reason"])


def test_json_beside_a_recording_stays_its_metadata(installation):
    settings = settings_of(installation)
    (installation.inbox / "call.wav").write_bytes(b"RIFF")
    shutil.copyfile(EXPORTS / "deepgram.json", installation.inbox / "call.json")

    run_once(settings)

    (row,) = asked(settings, "select path, code from not_audited")
    assert (Path(str(row["path"])).name, row["code"]) == ("call.wav", "metadata_unparsable")


def test_one_partys_export_waits_for_the_others_and_leaves_quarantine_with_it(installation):
    settings = settings_of(
        installation,
        source="file_name = '(?P<started_at>\\d{8}T\\d{6}Z)_(?P<call_id>\\d+)_(?P<speaker>\\w+)'\n",
    )
    names = {p: f"20260303T101500Z_7_{p}.json" for p in ("customer", "agent")}
    put(installation, "whisper_customer.json").rename(installation.inbox / names["customer"])
    assert run_once(settings).quarantined == 1
    assert [r["code"] for r in asked(settings, "select code from not_audited")] == ["metadata_incomplete"]

    put(installation, "whisper_agent.json").rename(installation.inbox / names["agent"])
    summary = run_once(settings, at=datetime(2026, 3, 10, 2, tzinfo=UTC))

    assert (summary.audited, summary.quarantined) == (1, 0)
    assert asked(settings, "select call_id, roles_from from calls") == [{"call_id": "7", "roles_from": "labels"}]
    assert asked(settings, "select code from not_audited") == []


@pytest.mark.slow
def test_one_export_is_audited_by_its_file(installation):
    settings_of(installation)

    shown = installation.callaudit("audit", str(EXPORTS / "twilio.json"), "--agent", "2").stdout

    assert shown.startswith("twilio.json  export-"), "having no metadata, it is known by its sha256 and its file"
    assert "Warning: when each party speaks is taken from the times in the Twilio export" in shown
    assert "empathy.acknowledges_feeling" in shown
