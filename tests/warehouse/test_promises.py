"""A promise is settled when it can be, whichever rulebook heard it, and from what was stored of it alone."""

from datetime import timedelta

import msgspec
import pytest

from callaudit.audit_rules.finding import Evidence, EvidenceKind, Finding, Reason, Verdict
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
