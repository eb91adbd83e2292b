"""What is past its age goes, each kind for itself, and nothing else does."""

import os
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from callaudit.flows.erasure.removal import weeks_that_show
from callaudit.flows.erasure.retention import retain
from callaudit.flows.report_files import make_report, render_call
from callaudit.flows.settings import Settings, load_settings
from callaudit.warehouse.published import open_published
from callaudit.warehouse.stored_calls import calls_in
from tests.flows.test_erasure import databases, files_with, rows, rows_with
from tests.support.installation import Installation

TODAY = date(2026, 4, 1)
OLD, YOUNG = "2026-01-15T10:00:00Z", "2026-03-30T10:00:00Z"
SAID = (
    "C: This is ridiculous, the {} is broken and I am fed up.",
    "A: I am so sorry that your {} is broken. I will call you back tomorrow.",
    "C: Thank you.",
)


@pytest.fixture
def house(installation: Installation) -> Installation:
    """An old call, a young one and an undated one, each with a copy of its sound and its page."""
    installation.settings.write_text(
        '[engine]\nname = "whisper"\nweights_folder = "no-weights"\n[report]\ncall_pages = "all"\n'
        '[[sources]]\nfolder = "inbox"\nmetadata = "optional"\nspeakers = { "A" = "agent", "C" = "customer" }\n',
        encoding="utf-8",
    )
    for call_id, thing, started in (("C-1", "zorblatt", OLD), ("C-2", "quibnor", YOUNG), ("C-3", "frimble", None)):
        dated = {"started_at": started} if started else {}
        installation.say(call_id, *(line.format(thing) for line in SAID), customer={"id": f"K-{call_id}"}, **dated)
        if started is None:
            (installation.inbox / "C-3.srt.json").unlink()
    # The undated call counts from this night.
    installation.run(at=datetime(2026, 2, 1, tzinfo=UTC))
    settings = load_settings(installation.settings)
    settings.audio.mkdir()
    for row in rows(settings, "select sha256 from calls"):
        (settings.audio / f"{row['sha256'][:40]}.webm").write_text("sound")
    make_report(settings, week="2026-W03", scorecard="house")
    return installation


def kept_for(installation: Installation, **days: int) -> Settings:
    with installation.settings.open("a") as file:
        file.write("[retention]\n" + "".join(f"{kind}_days = {n}\n" for kind, n in days.items()))
    return load_settings(installation.settings)


def test_each_kind_goes_at_its_own_age_and_undated_calls_by_their_first_run(house):
    settings = kept_for(house, audio=30, transcripts=70, findings=100)
    found = retain(settings, today=TODAY, dry_run=True)
    undated = next(r["call_id"] for r in rows(settings, "select call_id from calls where started_at is null"))

    assert {c.call_id for c in found.due.audio} == {"C-1", undated}
    assert [c.call_id for c in found.due.words] == ["C-1"]
    assert found.due.calls == ()
    assert len(list(settings.audio.iterdir())) == 3


def test_a_call_past_its_words_keeps_its_verdicts_and_no_word(house):
    settings = kept_for(house, transcripts=70)
    verdicts = "select rule_id, verdict, quote_kind, at_s from findings where call_id = 'C-1' order by rule_id"
    measures = (
        "select words_agent, c.tense, c.calmed, score from calls c join call_scorecards using (call_id) order by all"
    )
    before, measured = rows(settings, verdicts), rows(settings, measures)
    assert rows_with(settings.warehouse, "zorblatt")
    assert files_with(settings, "zorblatt") >= {"C-1.html"}

    retain(settings, today=TODAY)

    assert [rows_with(database, "zorblatt", "ridiculous, the z") for database in databases(settings)] == [[], [], []]
    assert files_with(settings, "zorblatt") == set()
    assert (rows(settings, verdicts), rows(settings, measures)) == (before, measured)
    assert rows_with(settings.warehouse, "quibnor")
    # Its pages are there, without a quote, and can be made again.
    assert (settings.reports / "weekly-2026-W03-house.html").exists()
    with open_published(settings.published) as published:
        page = render_call(settings, published, "C-1").read_text()
    assert "zorblatt" not in page
    # A second time there is nothing to do.
    assert not retain(settings, today=TODAY).due


def test_a_call_past_its_findings_goes_with_all_it_had_and_is_counted(house):
    settings = kept_for(house, findings=70)
    retain(settings, today=TODAY)

    assert [rows_with(database, "zorblatt", "C-1") for database in databases(settings)] == [[], [], []]
    assert len(list(settings.audio.iterdir())) == 2
    assert rows(settings, "from erased_by_week") == [{"iso_week": "2026-W03", "kind": "retention", "calls": 1}]
    # Its recording still lies in the inbox; it is not audited again.
    assert house.run(at=datetime(2026, 4, 2, tzinfo=UTC)).erased == 1


def test_transcripts_that_were_never_loaded_go_at_the_age_of_words(house):
    settings = kept_for(house, transcripts=70)
    with open_published(settings.published) as published:
        (old, young) = (t for t in calls_in(published.connection).transcripts if t.call.started_at is not None)
    settings.staging.mkdir(exist_ok=True)
    places = [settings.staging / f"{n}-abc.json" for n in range(3)]
    for place, transcript in zip(
        places, (old, young, replace(old, call=replace(old.call, started_at=None))), strict=True
    ):
        place.write_bytes(msgspec.json.encode(transcript))

    found = retain(settings, today=TODAY, dry_run=True)
    assert (found.due.staged, [path.exists() for path in places]) == ((places[0],), [True, True, True])

    retain(settings, today=TODAY)
    assert [path.exists() for path in places] == [False, True, True]


def test_the_cards_of_later_weeks_quote_a_call_too():
    assert weeks_that_show({"2026-W52", ""}, trends=False) == {"2026-W52", "2026-W53", "2027-W01", "2027-W02"}
    assert len(weeks_that_show({"2026-W03"}, trends=True)) == 13


def test_without_limits_nothing_ever_goes(house):
    settings = load_settings(house.settings)
    before = Path(settings.warehouse).read_bytes()
    assert not retain(settings, today=date(2099, 1, 1)).due
    assert settings.warehouse.read_bytes() == before


def test_a_file_that_was_refused_goes_with_calls_of_its_age(house: Installation):
    (house.inbox / "U-3.srt").write_text("1\nno times\nhere\n")
    os.utime(house.inbox / "U-3.srt", (1_700_000_000, 1_700_000_000))
    house.run(at=datetime(2026, 2, 2, tzinfo=UTC))
    settings = kept_for(house, findings=50)
    refused = "select count(*)::int as n from not_audited"
    assert rows(settings, refused) == [{"n": 1}]

    # Nothing tells the day of its call, so its age counts from the night that refused it.
    assert retain(settings, today=date(2026, 3, 1), dry_run=True).due.refused == ()
    due = retain(settings, today=TODAY).due

    assert [Path(path).name for path, _ in due.refused] == ["U-3.srt"]
    assert rows(settings, refused) == [{"n": 0}]
    assert [rows_with(database, "U-3") for database in databases(settings)] == [[]] * len(databases(settings))
