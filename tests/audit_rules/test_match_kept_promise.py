"""`kept_promise`: a promised contact took place in time, across the calls of one customer."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from callaudit.audit_rules.audit import audit
from callaudit.audit_rules.authoring.examples import parse_example
from callaudit.audit_rules.business_time import business_time
from callaudit.audit_rules.conversation import Contact
from callaudit.audit_rules.finding import Verdict
from callaudit.audit_rules.rulebook import Rulebook, load_rulebook
from callaudit.audit_rules.sentences import reason_of
from tests.support.rules import GATE, Judge, RulebookOf, WriteRules, block

KEPT = "kept_promise: {made: [call you back], within_hours: 48}"
PROMISE = "C: Where is my lamp?\nA: I will call you back within 24 hours.\n"


@pytest.mark.parametrize(
    ("more", "verdict", "reason"),
    [
        ("later call: outbound after 20 h\nknown until: 60 h", Verdict.MET,
         "Contacted again after 20 h, in call later-1."),
        ("later call: outbound after 24 h\nknown until: 60 h", Verdict.MET,
         "Contacted again after 24 h, in call later-1."),
        ("later call: outbound after 24.1 h\nknown until: 60 h", Verdict.MISSED,
         "No contact within 24 h; the next call was later-1."),
        ("later call: inbound after 20 h\nknown until: 60 h", Verdict.MISSED,
         "No contact within 24 h; the next call was later-1."),
        ("known until: 60 h", Verdict.MISSED, "No contact within 24 h."),
        ("known until: 23 h", Verdict.NOT_ASSESSABLE, "Promised within 24 h, and that time has not passed."),
        ("later call: outbound after 20 h\nknown until: 20 h", Verdict.MET,
         "Contacted again after 20 h, in call later-1."),
        ("", Verdict.NOT_ASSESSABLE,
         "The customer or the time of the call is not known, so later calls cannot be found."),
    ],
)  # fmt: skip
def test_the_contact_comes_in_the_time_promised(judge: Judge, more: str, verdict: Verdict, reason: str) -> None:
    found = judge(KEPT, PROMISE + more)

    assert (found.verdict, reason_of(found)) == (verdict, reason)


def kept(rulebook_of: RulebookOf, said: str, *contacts: Contact) -> Verdict:
    """What is said of a promise of a call of the conversation I-1, due a day later, once two days have passed."""
    example = parse_example(f"C: Where is my lamp?\nA: {said}\nknown until: 60 h")
    call = msgspec.structs.replace(example.transcript.call, interaction_id="I-1")
    transcript = msgspec.structs.replace(example.transcript, call=call)
    rule = "kept_promise: {made: [call you back, email you, be in touch], within_hours: 24}"
    found = audit(transcript, rulebook_of(apology=block(rule)), contacts=contacts, known_until=example.known_until)
    return found.findings[0].verdict


def after(hours: float, direction: str | None, interaction: str | None = None) -> Contact:
    at = datetime(2026, 3, 2, 9, tzinfo=UTC) + timedelta(hours=hours)
    return Contact(call_id=f"after {hours}", started_at=at, direction=direction, interaction_id=interaction)


def test_a_call_of_unknown_direction_neither_keeps_a_promise_nor_lets_it_be_called_broken(
    rulebook_of: RulebookOf,
) -> None:
    said = "I will call you back."
    assert kept(rulebook_of, said, after(3, None)) is Verdict.NOT_ASSESSABLE
    assert kept(rulebook_of, said, after(3, None), after(4, "outbound")) is Verdict.MET
    assert kept(rulebook_of, said, after(30, None)) is Verdict.MISSED


def test_another_recording_of_the_same_conversation_is_not_the_call_that_was_promised(rulebook_of: RulebookOf) -> None:
    said = "I will call you back."
    assert kept(rulebook_of, said, after(0.1, "outbound", "I-1")) is Verdict.NOT_ASSESSABLE
    assert kept(rulebook_of, said, after(0.1, "outbound", "I-1"), after(9, "outbound", "I-2")) is Verdict.MET
    assert kept(rulebook_of, said, after(0.1, "inbound", "I-1")) is Verdict.MISSED


@pytest.mark.parametrize(
    ("said", "without", "with_call"),
    [
        ("I will call you back.", Verdict.MISSED, Verdict.MET),
        ("I will email you tomorrow.", Verdict.NOT_ASSESSABLE, Verdict.NOT_ASSESSABLE),
        ("We will be in touch by email.", Verdict.NOT_ASSESSABLE, Verdict.NOT_ASSESSABLE),
        ("We will be in touch.", Verdict.NOT_ASSESSABLE, Verdict.MET),
        ("I will call you back or send a message.", Verdict.MISSED, Verdict.MET),
    ],
)
def test_what_was_promised_in_writing_or_left_open_is_not_called_broken(
    rulebook_of: RulebookOf, said: str, without: Verdict, with_call: Verdict
) -> None:
    assert kept(rulebook_of, said) is without
    assert kept(rulebook_of, said, after(5, "outbound")) is with_call


def test_without_a_promise_there_is_nothing_to_keep(judge: Judge) -> None:
    assert judge(KEPT, "C: Where is it?\nA: It is here now.").verdict is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("named", "hours"),
    [
        ("", 48.0),
        ("within 24 hours", 24.0),
        ("in 1.5 hours", 1.5),
        ("in 24 to 48 hours", 48.0),
        ("within two business days", 48.0),
        ("in an hour", 1.0),
        ("in a couple of hours", 2.0),
        ("in forty eight hours", 48.0),
        ("tomorrow", 36.0),
        ("by the end of the day", 24.0),
        ("next week", 336.0),
        ("on Monday", 168.0),
        ("in 30 minutes", 0.5),
        ("in 99999999999999999999 weeks", 366 * 24.0),
        ("in zero days", 0.0),
    ],
)
def test_the_time_named_is_the_time_promised(rulebook_of: RulebookOf, named: str, hours: float) -> None:
    rulebook = rulebook_of(apology=block(KEPT))

    found = audit(parse_example(f"C: Where is it?\nA: I will call you back {named}.").transcript, rulebook)

    (promise,) = found.promises
    assert promise.within_hours == hours
    assert promise.quote == f"I will call you back {named}".strip()


def test_a_promise_that_runs_out_at_night_may_be_kept_until_the_business_closes_next(write_rules: WriteRules) -> None:
    """Promised on a Monday at nine in the morning for ten hours later; the business closes at half past five."""
    rule = "kept_promise: {made: [call you back], within_hours: 10}"
    folder = write_rules(**GATE, apology=block(rule))
    hours = business_time("UTC", {"mon": "09:00-17:30", "wed": "09:00-17:30"})
    always, open_hours = (load_rulebook(folder, shipped=False, recogniser=False, hours=h) for h in (None, hours))
    example = parse_example("C: Where is my lamp?\nA: I will call you back.\nknown until: 100 h")

    def judged(rulebook: Rulebook, *contacts: Contact) -> tuple[Verdict, datetime | None]:
        found = audit(example.transcript, rulebook, contacts=contacts, known_until=example.known_until)
        return found.findings[0].verdict, found.promises[0].due_at

    closes = datetime(2026, 3, 4, 17, 30, tzinfo=UTC)
    assert judged(always, after(56, "outbound")) == (Verdict.MISSED, datetime(2026, 3, 2, 19, tzinfo=UTC))
    assert judged(open_hours, after(56, "outbound")) == (Verdict.MET, closes)
    assert judged(open_hours, after(57, "outbound")) == (Verdict.MISSED, closes)
    # Other hours judge otherwise, so they are another rulebook, and `reaudit` judges again by it.
    assert always.version != open_hours.version
