"""What `callaudit report` writes for an edition, and the key of its pseudonyms."""

import stat
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from callaudit.flows.coaching import agree, withdraw
from callaudit.flows.erasure.erase import erase_now
from callaudit.flows.report_files import Narrowed, make_report, pseudonym_key
from callaudit.flows.settings import load_settings
from callaudit.transcription.errors import InputError, SetupError
from callaudit.warehouse.published import open_published
from tests.flows.test_erasure import rows_with

WEEK = "2026-W10"
SAID = ("C: This is ridiculous, I am fed up and furious.", "A: I am so sorry that your heater broke, I understand.")


@pytest.fixture
def settings(installation):
    """A call each of three agents of one team."""
    installation.settings.write_text(
        '[engine]\nname = "whisper"\nweights_folder = "no-weights"\n'
        '[[sources]]\nfolder = "inbox"\nspeakers = { "A" = "agent", "C" = "customer" }\n',
        encoding="utf-8",
    )
    for n, name in enumerate(("Ines Duarte", "Bo Lind", "Aiko Mori")):
        installation.say(
            f"C-{n}",
            *SAID,
            f"A: It is broken for the {n + 2}nd time, is that right?",
            agent={"id": f"person{n}", "name": name},
            team="Billing",
            started_at=f"2026-03-0{n + 3}T10:00:00+00:00",
        )
    installation.run(at=datetime(2026, 3, 9, tzinfo=UTC))
    return load_settings(installation.settings)


def test_an_edition_has_its_own_file_and_pages_of_its_own_calls(settings):
    whole = make_report(settings, week=WEEK, scorecard="house").files
    own = make_report(settings, week=WEEK, scorecard="house", narrowed=Narrowed(agent="Bo Lind")).files

    assert whole.weekly.name == "weekly-2026-W10-house.html"
    assert own.weekly.name == "weekly-2026-W10-house-agent-person1.html"
    assert len(whole.call_pages) == 3
    assert [page.name for page in own.call_pages] == ["C-1.html"]
    with pytest.raises(InputError, match="Spelled alike: Billing"):
        make_report(settings, week=WEEK, scorecard="house", narrowed=Narrowed(team="Biling"))


def test_the_report_of_everybody_makes_every_team_and_agent_a_page_and_no_scorecard_overwrites_another(settings):
    house = make_report(settings, week=WEEK, scorecard="house").files
    tips = make_report(settings, week=WEEK, scorecard="five_tips").files
    names = {path.relative_to(settings.reports).as_posix() for path in (*house.places, house.weekly, tips.weekly)}

    assert names == {
        "index.html",
        "weekly-2026-W10-house.html",
        "weekly-2026-W10-five_tips.html",
        "weekly-2026-W10-house-team-Billing.html",
        *(f"agents/person{n}.html" for n in range(3)),
    }
    assert all((settings.reports / name).exists() for name in names)
    index = (settings.reports / "index.html").read_text()
    assert 'href="weekly-2026-W10-house.html"' in index
    assert 'href="weekly-2026-W10-five_tips.html"' in index


def test_what_is_agreed_with_an_agent_stands_on_their_page_and_what_cannot_be_is_refused(settings):
    agree(settings, "Bo Lind", "apology", by="Lea Roth", on=date(2026, 3, 5), note="say what for", moments=["C-1@0:04"])
    page = (settings.reports / "agents" / "person1.html").read_text()

    assert "Agreed on 5 March 2026 with Lea Roth" in page
    assert "C-1 at 0:04" in page
    for wrong, why in (
        ({"step": "apologies"}, "has no step"),
        ({"moments": ["C-2@0:04"]}, "no call of this agent"),
        ({"on": date(2999, 1, 1)}, "still to come"),
    ):
        with pytest.raises(InputError, match=why):
            agree(settings, "Bo Lind", **{"step": "apology", "by": "Lea Roth", "on": date(2026, 3, 5), **wrong})


@pytest.mark.parametrize(("zone", "ahead"), [("Pacific/Kiritimati", 14), ("Pacific/Niue", -11)])
def test_today_is_the_day_of_the_site_wherever_the_machine_is(settings, zone, ahead):
    there = msgspec.structs.replace(settings, site=msgspec.structs.replace(settings.site, timezone=zone))
    today = (datetime.now(UTC) + timedelta(hours=ahead)).date()

    assert agree(there, "Bo Lind", "apology", by="Lea Roth").agreed_on == today
    assert agree(there, "Bo Lind", "apology", by="Lea Roth", on=today, note="again").agreed_on == today
    with pytest.raises(InputError, match="still to come"):
        agree(there, "Bo Lind", "apology", by="Lea Roth", on=today + timedelta(days=1))


def test_what_was_agreed_can_be_taken_back(settings):
    for note in ("say what for", "name it"):
        agree(settings, "Bo Lind", "apology", by="Lea Roth", on=date(2026, 3, 5), note=note, moments=["C-1@0:04"])
    with open_published(settings.published) as published:
        ids = {row["note"]: row["agreement_id"] for row in published.rows("from agreements")}

    assert withdraw(settings, ids["say what for"][:8]).note == "say what for"

    page = (settings.reports / "agents" / "person1.html").read_text()
    assert ("say what for" in page, "name it" in page) == (False, True)
    assert rows_with(settings.warehouse, "say what for", ids["say what for"]) == []
    for unknown in (ids["say what for"], ""):
        with pytest.raises(InputError, match="no agreement begins"):
            withdraw(settings, unknown)


@pytest.mark.parametrize(("note", "moments"), [("as with K-9", []), ("name it", ["C-1@0:04"])])
def test_a_note_of_coaching_goes_with_who_is_erased(settings, installation, note, moments):
    installation.say("C-8", *SAID, started_at="2026-03-06T10:00:00+00:00", customer={"id": "K-9"})
    installation.run(at=datetime(2026, 3, 10, tzinfo=UTC))
    for said in (note, "stays"):
        agree(settings, "Bo Lind", "apology", by="Lea Roth", on=date(2026, 3, 5), note=said,
              moments=moments if said == note else ())  # fmt: skip

    erased = erase_now(settings, call_id="C-1") if moments else erase_now(settings, customer_id="K-9")

    assert erased.rows_left == ()
    with open_published(settings.published) as published:
        assert sorted(row["note"] for row in published.rows("from agreements")) == ["", "stays"]


def test_under_pseudonyms_no_call_page_is_made_and_the_key_stays_with_its_owner(settings):
    hidden = Narrowed(pseudonyms=True, team="billing")
    first = make_report(settings, week=WEEK, scorecard="house", formats=("html", "csv"), narrowed=hidden).files
    html = first.weekly.read_bytes()
    key = settings.pseudonym_key.read_text().strip()

    assert first.call_pages == ()
    assert not (settings.reports / "calls").exists()
    assert first.weekly.name == "weekly-2026-W10-house-team-Billing-pseudonyms.html"
    assert stat.S_IMODE(settings.pseudonym_key.stat().st_mode) == 0o600
    for path in (first.weekly, *first.beside):
        text = path.read_text()
        assert not [told for told in ("Ines", "Duarte", "Lind", "Aiko", "person1", "C-1", key) if told in text]
    assert make_report(settings, week=WEEK, scorecard="house", narrowed=hidden).files.weekly.read_bytes() == html


def test_a_key_that_is_short_or_none_is_refused_with_what_to_do(tmp_path):
    file = tmp_path / "home" / "pseudonyms.key"
    made = pseudonym_key(file)

    assert len(made) == 32
    assert pseudonym_key(file) == made
    for spoiled, why in (("abcd\n", "can be guessed"), ("my secret\n", "hexadecimal")):
        file.write_text(spoiled)
        with pytest.raises(SetupError, match=why):
            pseudonym_key(file)
