"""When a promise is due where the business is not always open."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from callaudit.audit_rules.business_time import WEEKDAYS, business_time

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = dict.fromkeys(WEEKDAYS[:5], "09:00-17:30")


def due(*shown, hours=OFFICE, holidays=()):
    found = business_time("Europe/Berlin", hours, holidays).due(datetime(*shown, tzinfo=BERLIN))
    return f"{found.astimezone(BERLIN):%d %b %H:%M}"


@pytest.mark.parametrize(
    ("promised_for", "due_at"),
    [
        ((2026, 3, 4, 12), "04 Mar 12:00"),
        ((2026, 3, 4, 9), "04 Mar 09:00"),
        ((2026, 3, 4, 17, 30), "04 Mar 17:30"),
        ((2026, 3, 4, 17, 31), "05 Mar 17:30"),
        ((2026, 3, 4, 3), "04 Mar 17:30"),
        ((2026, 3, 7, 16), "09 Mar 17:30"),
    ],
    ids=["open", "as it opens", "as it closes", "after closing", "before opening", "at the weekend"],
)
def test_a_promise_that_runs_out_while_nobody_is_there_is_due_when_they_close_next(promised_for, due_at):
    assert due(*promised_for) == due_at


def test_a_holiday_is_no_business_day():
    eve = (2026, 12, 24, 18)
    assert due(*eve) == "25 Dec 17:30"
    assert due(*eve, holidays=(date(2026, 12, 25),)) == "28 Dec 17:30"


def test_hours_are_those_that_the_clock_shows_also_on_the_day_it_is_set():
    every = dict.fromkeys(WEEKDAYS, "09:00-17:30")
    assert business_time("Europe/Berlin", every).due(datetime(2026, 3, 28, 20, tzinfo=UTC)) == datetime(
        2026, 3, 29, 15, 30, tzinfo=UTC
    )
    # The clock shows 02:30 twice, and never: nobody is late before the later of what it may mean.
    night = dict.fromkeys(WEEKDAYS, "00:00-02:30")
    assert business_time("Europe/Berlin", night).due(datetime(2026, 10, 25, 1, 30, tzinfo=UTC)) == datetime(
        2026, 10, 25, 1, 30, tzinfo=UTC
    )
    assert business_time("Europe/Berlin", night).due(datetime(2026, 3, 29, 1, 30, tzinfo=UTC)) == datetime(
        2026, 3, 29, 1, 30, tzinfo=UTC
    )


def test_who_is_open_until_midnight_closes_as_the_next_day_begins():
    always = dict.fromkeys(WEEKDAYS, "00:00-24:00")
    moment = datetime(2026, 3, 5, tzinfo=BERLIN)
    assert business_time("Europe/Berlin", always).due(moment) == moment
    assert due(2026, 3, 7, 1, hours={"fri": "08:00-24:00"}) == "14 Mar 00:00"


@pytest.mark.parametrize(
    ("hours", "holidays", "told"),
    [
        ({"monday": "09:00-17:30"}, (), "“monday” is no day; days are mon, tue"),
        ({"mon": "9-17"}, (), "the hours of mon are “9-17”; they are written 09:00-17:30"),
        ({"mon": "18:00-09:00"}, (), "which end before they begin"),
        ({}, (date(2026, 12, 25),), "holidays say nothing without hours"),
    ],
)
def test_hours_that_cannot_be_are_told(hours, holidays, told):
    with pytest.raises(ValueError, match=told):
        business_time("UTC", hours, holidays)


def test_without_hours_there_is_no_business_time():
    assert business_time("UTC", {}) is None
