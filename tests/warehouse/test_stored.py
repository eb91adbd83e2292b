"""Calls that were audited before, read again."""

import pytest

from callaudit.transcription.errors import InputError
from callaudit.warehouse.load import load
from callaudit.warehouse.publish import publish
from callaudit.warehouse.stored_calls import stored_calls


def filled(warehouse, builders):
    batch = [builders.audited("C1", customer_id="K1"), builders.audited("C2", started_at=None)]
    load(warehouse, batch, run_id="R1")
    return [a.transcript for a in batch]


def test_the_published_copy_gives_the_transcripts_as_they_were_loaded(warehouse, builders, tmp_path):
    expected = filled(warehouse, builders)
    publish(warehouse, tmp_path / "published")

    with stored_calls(tmp_path / "published", tmp_path / "nowhere.duckdb") as calls:
        assert list(calls.transcripts) == expected
        assert calls.count == 2
        assert [c.call_id for c in calls.contacts["K1"]] == ["C1"]
        assert calls.known_until == builders.monday


def test_before_the_first_publishing_the_warehouse_is_read(warehouse, builders, tmp_path):
    expected = filled(warehouse, builders)
    warehouse.close()

    with stored_calls(tmp_path / "published", tmp_path / "warehouse.duckdb") as calls:
        assert list(calls.transcripts) == expected


def test_without_any_audited_call_it_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match="nothing is published"), stored_calls(tmp_path, tmp_path / "no.duckdb"):
        pass
    assert not (tmp_path / "no.duckdb").exists()
