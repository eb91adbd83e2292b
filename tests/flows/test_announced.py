"""Sentences of recordings: found in the stored calls, named in the settings, and then nobody's."""

from datetime import UTC, datetime

from typer.testing import CliRunner

from callaudit.cli import app
from callaudit.flows.announced import announced_in, name_in_settings
from callaudit.flows.settings import load_settings
from callaudit.transcription.announcements import Repeated
from callaudit.warehouse.published import open_published

TAPE = "Brightwater now delivers lamps on every day of the week."
SENTENCE = "brightwater now delivers lamps on every day of the week"
NIGHT = datetime(2026, 3, 10, 2, tzinfo=UTC)


def say(installation, number):
    lines = ("C: My lamp is broken.", f"A: {TAPE}", f"C: It is order {number}.", "A: I see.")
    installation.say(f"C-{number}", *lines, started_at="2026-03-09T10:00:00-04:00")


def test_a_recording_that_calls_repeat_is_named_once_and_is_nobodys_from_then_on(installation):
    before = installation.settings.read_text()
    commented = 'folder = "inbox" # here\nspeakers = { A = "agent", "*" = "customer" }\nannouncements = [] # ours'
    installation.settings.write_text(before.replace('folder = "inbox"', commented))
    for n in range(5):
        say(installation, n)
    installation.run(at=NIGHT)
    settings = load_settings(installation.settings)

    found = announced_in(settings)
    shown = CliRunner().invoke(app, ["--config", str(installation.settings), "announcements", "--write"])

    assert found == (Repeated(source="inbox", sentence=SENTENCE, calls=5),)
    assert SENTENCE in shown.output
    text = installation.settings.read_text()
    assert 'folder = "inbox" # here' in text
    assert f'announcements = ["{SENTENCE}"] # ours' in text
    settings = load_settings(installation.settings)
    assert announced_in(settings) == ()

    say(installation, 6)
    installation.run(at=NIGHT.replace(day=11))
    with open_published(settings.published) as published:
        said = published.rows("select call_id, speaker from utterances where text = ? order by 1", [TAPE])
    assert [row["speaker"] for row in said] == ["agent"] * 5 + ["system"]


def test_a_source_that_is_no_longer_in_the_settings_is_left_alone(installation):
    before = installation.settings.read_text()

    added = name_in_settings(load_settings(installation.settings), [Repeated(source="gone", sentence=TAPE, calls=9)])

    assert added == ()
    assert installation.settings.read_text() == before
