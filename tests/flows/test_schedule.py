"""Schedules: one start a night whatever the clocks do, and the two files that hold them."""

import asyncio
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from prefect.server.schemas.schedules import RRuleSchedule
from typer.testing import CliRunner

from callaudit.cli import app
from callaudit.flows.scheduling.schedule import (
    Schedule,
    checked_weekday,
    fire_times,
    schedules,
    set_times,
    write_prefect_yaml,
)
from callaudit.flows.settings import ScheduleSettings, Settings, Site, load_settings
from callaudit.transcription.errors import InputError, SetupError
from callaudit.warehouse.published import open_published

# Clocks that jump by an hour, by half an hour, at midnight, not at all, and by an hour and back within weeks.
ZONES = (
    *("America/New_York", "Europe/Lisbon", "Australia/Lord_Howe", "Asia/Kolkata"),
    *("America/Havana", "Asia/Beirut", "Africa/Casablanca", "Pacific/Chatham", "Antarctica/Troll"),
)


def nightly(at: str, zone: str) -> Schedule:
    return schedules(Settings(schedule=ScheduleSettings(nightly=at, weekly="", zone=zone)))[0]


def local(day: date, at: time, zone: str) -> datetime:
    return datetime.combine(day, at, ZoneInfo(zone)).astimezone(UTC)


def changes(zone: str) -> list[date]:
    """The days from 2025 to 2027 on which the clocks of a zone change."""
    days = [date(2025, 1, 1) + timedelta(days=n) for n in range(3 * 365)]
    offsets = [datetime.combine(day, time(12), ZoneInfo(zone)).utcoffset() for day in days]
    return [day for n, day in enumerate(days) if n and offsets[n] != offsets[n - 1]]


AROUND_CHANGES = [(zone, day - timedelta(days=back)) for zone in ZONES for day in changes(zone) for back in (0, 1, 4)]
ANYWHERE = st.tuples(
    st.sampled_from(sorted(available_timezones() - {"Factory", "localtime"})),
    st.dates(date(2025, 1, 1), date(2029, 12, 31)),
)


@given(
    place=st.sampled_from(AROUND_CHANGES) | ANYWHERE,
    at=st.times(max_value=time(4)) | st.times(),
    minutes=st.integers(0, 3 * 24 * 60),
)
@settings(max_examples=40)
def test_every_night_has_one_start_whatever_the_clocks_do(place, at, minutes):
    """A night lasts from twelve hours before the set time to twelve hours after it."""
    zone, day = place
    schedule = nightly(f"{at:%H:%M}", zone)
    at = at.replace(second=0, microsecond=0)
    boundaries = [local(day + timedelta(days=n), at, zone) - timedelta(hours=12) for n in range(10)]
    fires = [t.astimezone(UTC) for t in fire_times(schedule, after=boundaries[0], count=11)]

    for begin, end in pairwise(boundaries):
        assert sum(begin <= t < end for t in fires) == 1
    # The scheduler asks again and again, from whenever it is; it knows a start by its moment.
    later = boundaries[0] + timedelta(minutes=minutes)
    asked_later = [t.astimezone(UTC) for t in fire_times(schedule, after=later, count=6)]
    assert set(asked_later) <= set(fires)
    assert [t for t in fires if t >= later][:5] == [t for t in asked_later if t >= later][:5]


@pytest.mark.parametrize(
    ("zone", "at", "night", "starts"),
    [
        ("America/New_York", "02:30", date(2026, 3, 8), "01:30 EST or 03:30 EDT"),  # 02:30 does not exist.
        ("America/New_York", "01:30", date(2026, 11, 1), "01:30 EDT"),  # 01:30 comes twice.
        ("America/New_York", "02:30", date(2026, 11, 1), "02:30 EST"),
        ("Europe/Lisbon", "01:30", date(2026, 3, 29), "00:30 WET or 02:30 WEST"),
        ("Europe/Lisbon", "01:30", date(2026, 10, 25), "01:30 WEST"),
        ("Australia/Lord_Howe", "02:15", date(2026, 10, 4), "01:45 +1030 or 02:45 +11"),
        ("Asia/Kolkata", "02:30", date(2026, 3, 8), "02:30 IST"),
    ],
)
def test_a_time_that_is_skipped_moves_and_one_that_comes_twice_counts_once(zone, at, night, starts):
    first, second = fire_times(nightly(at, zone), after=local(night, time(0), zone), count=2)
    assert f"{first:%H:%M %Z}" in starts.split(" or ")  # Which one depends on the version of Python.
    assert first.date() == night
    assert f"{second:%H:%M}" == at
    assert second.date() == night + timedelta(days=1)


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe"])
def test_a_calendar_rule_for_the_same_time_starts_at_the_same_moments(zone):
    """Prefect's other kind of schedule, which some will write themselves, agrees with ours."""
    rule = RRuleSchedule(rrule="FREQ=DAILY;BYHOUR=2;BYMINUTE=30;BYSECOND=0", timezone=zone)
    for day in (date(2026, 3, 6), date(2026, 10, 2), date(2026, 10, 30)):
        start = local(day, time(0), zone)
        theirs = [t.timestamp() for t in asyncio.run(rule.get_dates(6, start))]
        assert [t.timestamp() for t in fire_times(nightly("02:30", zone), after=start, count=6)] == theirs


@given(weeks=st.integers(2, 30), start=st.dates(date(2026, 1, 1), date(2028, 1, 1)))
@settings(max_examples=10)
def test_every_week_has_one_report_on_its_day(weeks, start):
    asked = schedules(Settings(schedule=ScheduleSettings(nightly="", weekly="sunday 02:30", zone="America/New_York")))
    fires = fire_times(asked[0], after=local(start, time(11), "UTC"), count=weeks)
    assert {t.strftime("%A") for t in fires} == {"Sunday"}
    assert len({t.isocalendar()[:2] for t in fires}) == weeks


def test_the_zone_of_the_site_is_that_of_the_schedule_unless_it_has_its_own():
    site = Site(timezone="Asia/Kolkata")
    assert {s.zone for s in schedules(Settings(site=site))} == {"Asia/Kolkata"}
    with_own = Settings(site=site, schedule=ScheduleSettings(zone="Europe/Lisbon"))
    assert {s.zone for s in schedules(with_own)} == {"Europe/Lisbon"}


def test_a_night_that_was_skipped_is_made_up_for_and_one_that_came_twice_audits_nothing_twice(installation):
    """The unit of work is a recording that is not audited yet, not a stretch of the clock."""
    for call, started in (("D-1", "2026-03-05T10:15:00+00:00"), ("D-2", "2026-03-06T10:15:00+00:00")):
        installation.say(call, f"C: This is {call}, I am fed up.", "A: I can see why you are.", started_at=started)
    # The night of the 6th did not happen.
    assert installation.run(at=datetime(2026, 3, 7, 7, tzinfo=UTC)).audited == 2
    again = installation.run(at=datetime(2026, 3, 7, 7, 30, tzinfo=UTC))
    assert (again.found, again.audited, again.already) == (0, 0, 2)
    with open_published(load_settings(installation.settings).published) as published:
        rows = published.rows("select call_id, count(*) as times from findings group by all order by all")
        assert published.rows("select count(*) as calls from calls") == [{"calls": 2}]
    assert [row["call_id"] for row in rows] == ["D-1", "D-2"]
    assert rows[0]["times"] == rows[1]["times"]


# The two files.


def written(path, text: str = "") -> Settings:
    path.write_text(text, encoding="utf-8")
    return load_settings(path)


def test_times_are_written_without_touching_what_is_around_them(tmp_path):
    text = (
        '# ours\n[site]\ntimezone = "UTC"   # here\n\n[schedule]\nnightly = "02:00"  # at night\n[run]\nworkers = 1\n'
    )
    file = tmp_path / "callaudit.toml"
    file.touch(mode=0o600)
    changed = set_times(written(file, text), nightly="02:30", zone="Europe/Lisbon")
    assert changed.schedule.nightly == "02:30"
    assert changed.schedule.zone == "Europe/Lisbon"
    after = file.read_text(encoding="utf-8")
    assert after.replace("02:30", "02:00").replace('zone = "Europe/Lisbon"\n', "") == text
    assert file.stat().st_mode & 0o777 == 0o600
    set_times(changed, nightly="02:30", zone="Europe/Lisbon")
    assert file.read_text(encoding="utf-8") == after


@pytest.mark.parametrize(
    ("times", "says"),
    [
        ({"nightly": "2:30"}, "nightly is “2:30”"),
        ({"nightly": "24:00"}, "24:00"),
        ({"weekly": "someday 07:00"}, "someday"),
        ({"zone": "Mars/Olympus"}, "“Mars/Olympus” is not a time zone"),
    ],
)
def test_a_time_that_is_none_changes_nothing(tmp_path, times, says):
    file = tmp_path / "callaudit.toml"
    before = written(file, "[run]\nworkers = 1\n")
    with pytest.raises(SetupError, match=says):
        set_times(before, **times)
    assert file.read_text(encoding="utf-8") == "[run]\nworkers = 1\n"


def test_without_a_settings_file_there_is_nowhere_to_keep_a_schedule(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SetupError, match=r"no callaudit\.toml") as error:
        set_times(load_settings(), nightly="02:00")
    assert error.value.tries == ("callaudit init",)


def test_weekdays_may_be_cut_short_but_not_made_up():
    assert [checked_weekday(day) for day in ("Mon", "TUESDAY", "thu")] == ["monday", "tuesday", "thursday"]
    for wrong in ("mo", "noday", ""):
        with pytest.raises(InputError):
            checked_weekday(wrong)


THEIRS = """\
# The warehouse team's file.
name: theirs
deployments:
- name: copy           # theirs, every hour
  entrypoint: copy.py:copy
  work_pool:
    name: other
- name: nightly        # another flow of theirs with our name
  entrypoint: copy.py:night
"""


def test_prefect_yaml_keeps_what_is_not_ours(tmp_path):
    path = tmp_path / "prefect.yaml"
    path.write_text(THEIRS, encoding="utf-8")
    both = written(tmp_path / "callaudit.toml", '[schedule]\nnightly = "02:00"\nweekly = "monday 07:00"\n')
    assert write_prefect_yaml(both) == path
    text = path.read_text(encoding="utf-8")
    assert text.startswith(THEIRS)
    assert [d["name"] for d in yaml.safe_load(text)["deployments"]] == ["copy", "nightly", "nightly", "weekly"]

    write_prefect_yaml(both)
    assert path.read_text(encoding="utf-8") == text

    none = written(tmp_path / "callaudit.toml", '[schedule]\nnightly = ""\nweekly = ""\n')
    write_prefect_yaml(none)
    assert path.read_text(encoding="utf-8") == THEIRS


def test_what_a_person_added_to_our_deployment_stays_and_the_time_follows(tmp_path):
    toml = tmp_path / "callaudit.toml"
    path = write_prefect_yaml(written(toml, '[schedule]\nweekly = ""\n'))
    text = path.read_text(encoding="utf-8").replace("  schedules:", "  tags: [quality]  # for the filter\n  schedules:")
    path.write_text(text, encoding="utf-8")
    write_prefect_yaml(written(toml, '[schedule]\nnightly = "23:45"\nweekly = ""\nzone = "Asia/Kolkata"\n'))
    after = path.read_text(encoding="utf-8")
    assert "tags: [quality]  # for the filter" in after
    (deployment,) = yaml.safe_load(after)["deployments"]
    (schedule,) = deployment["schedules"]
    assert (schedule["cron"], schedule["timezone"]) == ("45 23 * * *", "Asia/Kolkata")
    assert deployment["parameters"]["config"] == str(toml)


@pytest.mark.parametrize("text", ["- a list\n", "deployments: {}\n", "a: [\n"])
def test_a_file_that_is_no_prefect_yaml_is_left_alone(tmp_path, text):
    path = tmp_path / "prefect.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SetupError):
        write_prefect_yaml(written(tmp_path / "callaudit.toml"))
    assert path.read_text(encoding="utf-8") == text


def test_the_command_says_when_and_what_to_start_next(tmp_path):
    toml = tmp_path / "callaudit.toml"
    toml.write_text("", encoding="utf-8")
    run = CliRunner(env={"COLUMNS": "200"})
    answer = run.invoke(
        app, ["-c", str(toml), "schedule", "nightly", "--at", "02:30", "--zone", "America/New_York"]
    ).output
    assert "every night at 02:30, America/New_York" in answer
    for command in ("callaudit serve", "callaudit prefect server start", "callaudit schedule deploy"):
        assert command in answer
    run.invoke(app, ["-c", str(toml), "schedule", "weekly", "--on", "Tue", "--at", "07:15"])
    asked = load_settings(toml).schedule
    assert (asked.nightly, asked.weekly, asked.zone) == ("02:30", "tuesday 07:15", "America/New_York")
    shown = run.invoke(app, ["-c", str(toml), "schedule", "show"]).output
    assert shown.count("every night at 02:30") == 5
    assert shown.count("every Tuesday at 07:15") == 5
    run.invoke(app, ["-c", str(toml), "schedule", "nightly", "--off"])
    assert load_settings(toml).schedule.nightly == ""
