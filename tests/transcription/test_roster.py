"""The roster: a call has the team that its agent was in on that day."""

import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callaudit.transcription.errors import SetupError
from callaudit.transcription.inbox.roster import Post, Roster, read_roster, with_roster
from callaudit.transcription.transcript import Call

BERLIN = ZoneInfo("Europe/Berlin")
ROSTER = """\
agent_id,name,team,shift,started_on,language,from
A17,Ines Okafor,Billing,early,2024-05-01,en,
A17,Ines Okafor,Retention,late,2024-05-01,en,2026-03-02
A18,Bo Day,Billing,,,,2026-01-05
A19,Bo Day,Retention,,,,
"""


@pytest.fixture
def roster(tmp_path: Path) -> Roster:
    (tmp_path / "roster.csv").write_text(ROSTER, encoding="utf-8")
    return read_roster(tmp_path / "roster.csv")


def call(day: str | None = "2026-03-10", **told: str) -> Call:
    started = datetime.fromisoformat(f"{day}T09:00:00+01:00") if day else None
    return Call(call_id="C1", source="inbox", started_at=started, **told)


@pytest.mark.parametrize(
    ("asked", "team"),
    [
        (call("2026-03-01", agent_id="A17"), "Billing"),
        (call("2026-03-02", agent_id="A17"), "Retention"),
        (call("2026-01-04", agent_id="A18"), None),
        (call("2026-01-05", agent_id="A18"), "Billing"),
        (call(None, agent_id="A17"), None),
        (call(None, agent_id="A19"), "Retention"),
        (call(agent_id="A99"), None),
        (call(agent_name="Ines Okafor"), "Retention"),
        (call(agent_name="Bo Day"), None),
        (call(agent_id="A17", team="Loans"), "Loans"),
    ],
)
def test_a_call_has_the_team_of_its_day_and_what_its_metadata_say_goes_first(roster, asked, team) -> None:
    assert with_roster(asked, roster, {}, zone=BERLIN).team == team


@pytest.mark.parametrize(("zone", "team"), [("America/New_York", "Billing"), ("UTC", "Retention")])
def test_the_day_of_a_call_is_the_sites_whatever_offset_its_metadata_carry(roster, zone, team) -> None:
    started = datetime.fromisoformat("2026-03-02T03:30:00Z")
    told = with_roster(
        Call(call_id="C1", source="inbox", started_at=started, agent_id="A17"), roster, {}, zone=ZoneInfo(zone)
    )

    assert told.team == team


def test_an_agent_who_is_known_by_name_alone_gets_their_id(roster) -> None:
    told = with_roster(call(agent_name="Ines Okafor"), roster, {}, zone=BERLIN)

    assert (told.agent_id, told.agent_name) == ("A17", "Ines Okafor")


def test_a_queue_has_the_name_that_people_know_it_by() -> None:
    assert with_roster(call(queue="4001"), Roster(), {"4001": "Billing"}, zone=BERLIN).queue == "Billing"
    assert with_roster(call(queue="4002"), Roster(), {"4001": "Billing"}, zone=BERLIN).queue == "4002"


def test_semicolons_and_a_sheet_of_two_columns_will_do(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("\ufeffagent_id;team\r\nA1;Red\r\n", encoding="utf-8")

    assert read_roster(tmp_path / "r.csv").posts == (Post(agent_id="A1", since=date.min, team="Red"),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("agent,team\nA1,Red\n", "no column is called “agent”"),
        ("team\nRed\n", "the column agent_id is missing"),
        ("", "the column agent_id is missing"),
        ("agent_id,team\n,Red\n", "r.csv:2: agent_id is empty"),
        ("agent_id,team\nA1\n", "r.csv:2 has not as many fields as the first line"),
        ("agent_id,team\nA1,Red,Blue\n", "r.csv:2 has not as many fields as the first line"),
        ("agent_id,from\nA1,2.3.2026\n", "r.csv:2: from is “2.3.2026”"),
        ("agent_id,team\nA1,Red\nA1,Blue\n", "r.csv:3: A1 has two rows from that day on"),
        ('agent_id,team\nA1,"Red\n', "is no CSV"),
    ],
)
def test_what_cannot_be_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "r.csv").write_text(text, encoding="utf-8")

    with pytest.raises(SetupError, match=said):
        read_roster(tmp_path / "r.csv")


def test_a_roster_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot be read"):
        read_roster(tmp_path / "none.csv")


def test_a_hundred_thousand_calls_find_their_agents_among_thousands_of_posts_at_once() -> None:
    posts = (Post(agent_id=f"A{n:04}", since=date.min, name=f"Agent {n}", team=str(n)) for n in range(3000))
    roster = Roster(tuple(posts))
    asked = [call(agent_id="A2999"), call(agent_name="Agent 1500")]

    began = time.process_time()
    teams = {roster.of(asked[n % 2], BERLIN).team for n in range(100_000)}

    assert teams == {"2999", "1500"}
    # Walking all posts for each takes minutes.
    assert time.process_time() - began < 10


days = st.dates(date(2020, 1, 1), date(2029, 12, 31))


@given(since=st.lists(days, min_size=1, max_size=6, unique=True), day=days)
def test_on_any_day_the_newest_post_that_has_begun_counts(since: list[date], day: date) -> None:
    roster = Roster(tuple(Post(agent_id="A", since=d, team=str(d)) for d in sorted(since)))
    started = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=12)

    post = roster.of(Call(call_id="C", source="s", started_at=started, agent_id="A"), ZoneInfo("UTC"))

    assert (post.since if post else None) == max((d for d in since if d <= day), default=None)
