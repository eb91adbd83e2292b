"""Sources as a user has them: an object store, and the command that shows how files are understood."""

import json

import pytest

from callaudit.flows.auditing.audit_run import AuditRun
from callaudit.flows.settings import load_settings
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.published import open_published

STARTED = "2026-03-03T10:15:00-05:00"


@pytest.mark.slow
def test_recordings_in_s3_are_audited_once_and_grouped_by_their_interaction(installation, bucket, clip, other_clip):
    for name, file in (("ivr", clip), ("agent", other_clip)):
        bucket.put(f"{name}.ogg", file.read_bytes())
        bucket.put(f"{name}.json", json.dumps({"interaction_id": "I-1", "started_at": STARTED}).encode())
    bucket.put("lone.ogg", clip.read_bytes() + b"\0")
    text = installation.settings.read_text(encoding="utf-8").replace('folder = "inbox"', f'folder = "{bucket.url}"')
    installation.settings.write_text(text, encoding="utf-8")
    settings = load_settings(installation.settings)

    summaries = []
    for _ in range(2):
        with AuditRun(settings) as run:
            for batch in run.batches(run.find()):
                run.store(run.audit(batch), batch)
            summaries.append(run.finish())

    assert [(s.audited, s.already, s.quarantined) for s in summaries] == [(2, 0, 1), (0, 2, 0)]
    assert not settings.fetched.exists()
    with open_published(settings.published) as published:
        rows = published.rows("select interaction_id, recording_path, call_id from calls order by recording_path")
        assert [r["interaction_id"] for r in rows] == ["I-1", "I-1"]
        address = bucket.url.partition("?")[0]
        assert [r["recording_path"] for r in rows] == [f"{address}/agent.ogg", f"{address}/ivr.ogg"]
        assert len({r["call_id"] for r in rows}) == 2
        assert published.rows("select path from not_audited") == [{"path": f"{address}/lone.ogg"}]


def test_the_inbox_command_shows_how_files_are_understood_while_a_run_holds_the_warehouse(installation, clip):
    installation.add(clip, "one", call_id="C-1", started_at=STARTED, agent={"id": "7", "name": "Ana"})
    installation.add(clip, "two")
    con = open_writer(load_settings(installation.settings).warehouse)
    try:
        shown = installation.callaudit("inbox").stdout
    finally:
        con.close()

    assert "2 files to audit, 1 sidecars" in shown
    assert "call C-1; started 2026-03-03 10:15:00-05:00; agent 7 Ana; team unknown" in shown
    assert "two.ogg: a recording without metadata" in shown


def test_init_writes_a_preset_that_works(installation):
    installation.settings.unlink()
    installation.inbox.rmdir()
    installation.callaudit("init", "--preset", "amazon-connect")

    (source,) = load_settings(installation.settings).inbox_sources()

    assert source.agent_channel == 1
    assert "interaction_id" in source.file_name
    assert "no preset" in installation.callaudit("init", "--preset", "nonsense", check=4).stderr
