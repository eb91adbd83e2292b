"""A promise is settled when it can be, whichever rulebook heard it, and from what was stored of it alone."""

from datetime import UTC, date, datetime, timedelta
from random import Random

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callaudit.audit_rules.business_time import WEEKDAYS, business_time
from callaudit.audit_rules.finding import Evidence, EvidenceKind, Finding, Medium, Reason, Verdict
from callaudit.audit_rules.matchers import Answer
from callaudit.audit_rules.matchers.kept_promise import settled
from callaudit.audit_rules.rule import Examples, KeptPromise, Rule
from callaudit.transcription.transcript import SpeakerRole
from callaudit.warehouse import load
from callaudit.warehouse.contacts import contacts, known_until
from callaudit.warehouse.promises import store_settled, unsettled_promises
from callaudit.warehouse.rulebooks import store_rulebook
from callaudit.warehouse.runs import Run, record_run

HOUR = timedelta(hours=1)
KEEPS = Rule(
    id="follow_up.keeps_promise",
    asks="Kept?",
    why="Because.",
    sources=("A6",),
    kept_promise=KeptPromise(made=("call you",), within_hours=48),
    examples=Examples(met="A: x"),
)
HEARD = Evidence(kind=EvidenceKind.TRIGGER, turn=1, role=SpeakerRole.AGENT, start=2.0, quote="i will call you")


@pytest.fixture
def promised(warehouse, builders):
    """A promise that an older rulebook heard, due after ten hours, and a rulebook since that judged no call."""
    for version in ("old", "new"):
        book = builders.rulebook(version)
        book.rules = (*book.rules, KEEPS)
        store_rulebook(warehouse, book)
    open_ = Finding(rule_id=KEEPS.id, verdict=Verdict.NOT_ASSESSABLE, reason=Reason.CONTACT_NOT_DUE, evidence=(HEARD,))
    made = builders.audited("made", customer_id="k", promises=(10.0,), version="old")
    made = msgspec.structs.replace(made, audit=msgspec.structs.replace(made.audit, findings=(open_,)))
    load.load(warehouse, [made], run_id="R1")
    return warehouse


def settle(con):
    """As a run does it; returns the verdict that stands then, and how many were settled."""
    judged = [
        (
            u,
            settled(
                u.promise,
                u.trigger,
                u.call,
                contacts=contacts(con)["k"],
                known_until=known_until(con),
                answer=Answer(u.rule_id),
            ),
        )
        for u in unsettled_promises(con)
    ]
    store_settled(con, judged)
    ((verdict,),) = con.execute("select verdict from findings where call_id = 'made'").fetchall()
    return verdict, len(judged)


def nightly(con, at):
    record_run(con, Run(run_id=f"R{at:%d%H}", kind="nightly", state="finished", started_at=at))


def test_a_promise_of_an_older_rulebook_is_settled_once_it_is_due(promised, builders):
    load.load(promised, [builders.audited("other", started_at=builders.monday + 20 * HOUR, version="new")], run_id="R2")
    nightly(promised, builders.monday + 9 * HOUR)
    assert settle(promised) == ("not_assessable", 0)
    nightly(promised, builders.monday + 21 * HOUR)
    before = promised.execute("select verdicts_hash from core.call_measures where call_id = 'made'").fetchone()
    assert settle(promised) == ("missed", 1)
    assert before != promised.execute("select verdicts_hash from core.call_measures where call_id = 'made'").fetchone()
    assert settle(promised) == ("missed", 0)


def test_a_call_that_came_in_late_turns_a_broken_promise_to_a_kept_one(promised, builders):
    load.load(promised, [builders.audited("other", started_at=builders.monday + 20 * HOUR, version="new")], run_id="R2")
    nightly(promised, builders.monday + 21 * HOUR)
    assert settle(promised) == ("missed", 1)
    back = builders.audited(
        "back", customer_id="k", started_at=builders.monday + 3 * HOUR, direction="outbound", version="new"
    )
    load.load(promised, [back], run_id="R3")
    assert settle(promised) == ("met", 1)
    ((quote, reason),) = promised.execute(
        "select evidence[1].quote, reason from findings where call_id = 'made'"
    ).fetchall()
    assert (quote, "back" in reason) == ("i will call you", True)


MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda at: at.replace(second=0, microsecond=0)
)
# No clock is set between four and midnight, where PEP 495 and ICU might read a time in two ways.
HOURS = st.dictionaries(
    st.sampled_from(WEEKDAYS),
    st.tuples(st.integers(240, 900), st.integers(901, 1439)).map(
        lambda m: "-".join(f"{x // 60:02}:{x % 60:02}" for x in m)
    ),
    min_size=1,
)
HOLIDAYS = st.lists(st.dates(date(2025, 1, 1), date(2027, 12, 31)), max_size=40).map(tuple)
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")
DUE_IN_SQL = """
with days as (
    select unnest(generate_series(
        ($plain at time zone $zone)::date - 2, ($plain at time zone $zone)::date + 400, interval 1 day
    ))::date as day
),
open as (
    select (day + to_minutes($opens[isodow(day)])) at time zone $zone as opens,
        (day + to_minutes($closes[isodow(day)])) at time zone $zone as closes
    from days
    where $opens[isodow(day)] is not null and not list_contains($holidays, day)
)
select if(bool_or($plain between opens and closes), $plain, min(closes) filter (closes > $plain)) from open
"""


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plain=MOMENTS, hours=HOURS, holidays=HOLIDAYS, zone=st.sampled_from(ZONES))
def test_the_rule_of_business_hours_written_in_sql_finds_the_same_moment(warehouse, plain, hours, holidays, zone):
    business = business_time(zone, hours, holidays)
    due = business.due(plain)

    assert due >= plain
    assert business.due(due) == due
    asked = {
        "plain": plain,
        "zone": zone,
        "opens": [day and day[0] for day in business.days],
        "closes": [day and day[1] for day in business.days],
        "holidays": [*holidays, date(1900, 1, 1)],
    }
    assert warehouse.execute(DUE_IN_SQL, asked).fetchone() == (due,)


def test_what_becomes_of_a_promise_is_the_same_in_the_view_and_by_the_rule_also_in_business_hours(warehouse, builders):
    lots = Random(11)
    hours = business_time("America/New_York", dict.fromkeys(WEEKDAYS[:5], "09:00-17:30"), (date(2026, 3, 9),))
    made, loaded = {}, []
    for n in range(150):
        started = builders.monday + timedelta(minutes=lots.randrange(14 * 24 * 60))
        call = builders.audited(
            f"made {n}", customer_id=f"k{n}", started_at=started, promises=(lots.choice((2.0, 24.0, 36.0, 72.0)),),
            medium=lots.choice([*Medium]), hours=hours,
        )  # fmt: skip
        made[call.transcript.call.call_id] = call
        loaded.append(call)
        for m in range(lots.choice((0, 1, 2))):
            (promise,) = call.audit.promises
            near = lots.choice((started, started + promise.within_hours * HOUR, promise.due_at))
            loaded.append(
                builders.audited(
                    f"later {n} {m}",
                    customer_id=f"k{n}",
                    direction=lots.choice(("inbound", "outbound", "outbound", None)),
                    started_at=near + lots.choice((-1, 0, 1, 60)) * timedelta(minutes=1),
                )
            )
    load.load(warehouse, loaded, run_id="R1")
    nightly(warehouse, builders.monday + 12 * 24 * HOUR)

    rows = warehouse.execute("select call_id, due_at, outcome from promises order by call_id").fetchall()
    known, others = known_until(warehouse), contacts(warehouse)
    outcomes = {Verdict.MET: {"kept"}, Verdict.MISSED: {"broken"}, Verdict.NOT_ASSESSABLE: {"open", "unknown"}}
    seen = set()
    for call_id, due_at, outcome in rows:
        of, (promise,) = made[call_id].transcript.call, made[call_id].audit.promises
        by_the_rule = settled(
            promise, HEARD, of, contacts=others[of.customer_id], known_until=known, answer=Answer(KEEPS.id)
        )
        assert (call_id, due_at) == (call_id, promise.due_at)
        assert (call_id, outcome) == (call_id, outcome if outcome in outcomes[by_the_rule.verdict] else by_the_rule)
        moved = promise.due_at != of.started_at + promise.within_hours * HOUR
        seen.add((outcome, moved))
    assert len(rows) == len(made)
    assert seen == {(outcome, moved) for outcome in ("kept", "broken", "open", "unknown") for moved in (False, True)}
