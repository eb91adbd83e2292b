"""A promised contact took place in time, across the calls of one customer.

    kept_promise: {made: [i will call you back _6 (today|tomorrow)], within_hours: 48}

Judged only once the time has passed: until then, and for customers without an id, it is not assessable.
"The time" is that of the newest call known to the warehouse, never the clock of the machine.
"""

import re
from collections.abc import Sequence
from datetime import timedelta

from audit_rules.acts.said import Place
from audit_rules.conversation import Conversation
from audit_rules.finding import EvidenceKind, Facts, Finding, Miss, Promise, Reason, Unit
from audit_rules.index import Index
from audit_rules.matchers import Answer, Scope
from audit_rules.rule import KeptPromise, Phrases

_NUMBERS = {w: n for n, w in enumerate("zero one two three four five six seven eight nine ten".split())} | {
    "an": 1, "a": 1, "couple": 2, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40,
}  # fmt: skip
_SPAN = re.compile(
    r"(?:^|(?<= ))(\d+(?:\.\d+)?|twenty four|forty eight|seventy two|" + "|".join(_NUMBERS) + r") "
    r"(?:of )?(?:business |working )?(minute|hour|day|week)"
)
_NAMED = (
    (re.compile(r"\b(?:today|tonight|this (?:morning|afternoon|evening)|end of (?:the )?day)\b"), 24.0),
    (re.compile(r"\btomorrow\b"), 36.0),
    (re.compile(r"\b(?:this|end of the) week\b"), 7 * 24.0),
    (re.compile(r"\bnext week\b"), 14 * 24.0),
    (re.compile(r"\b(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)\b"), 7 * 24.0),
)
# A year: nobody waits longer, and a misheard number must not leave the calendar.
_FARTHEST = 366 * 24.0
_UNIT_HOURS = {"minute": 1 / 60, "hour": 1.0, "day": 24.0, "week": 7 * 24.0}


class KeptPromiseMatcher:
    """See the module."""

    def __init__(self, rule_id: str, spec: KeptPromise, index: Index) -> None:
        self.spec = spec
        self.made = index.add(Phrases(any_of=spec.made, events=spec.events))
        self.answer = Answer(rule_id)

    def events(self, call: Conversation) -> Sequence[Place]:
        """Each promise."""
        return call.hits(self.made)

    def promises(self, call: Conversation) -> tuple[Promise, ...]:
        """What was promised, and how soon: the time named in the same turn, else the rule's own limit."""
        made: list[Promise] = []
        for place in call.hits(self.made):
            evidence = call.evidence(EvidenceKind.TRIGGER, place)
            hours = _named_hours(call.texts[place.turn][place.start :])
            limit = self.spec.within_hours if hours is None else hours
            made.append(Promise(turn=place.turn, start=evidence.start, quote=evidence.quote, within_hours=limit))
        return tuple(made)

    def judge(self, call: Conversation, scope: Scope) -> Finding:
        """By the first promise: it is the one the customer waits for."""
        promises = self.promises(call)
        if not promises:
            return self.answer.not_applicable(Reason.NO_PROMISE)
        trigger = call.evidence(EvidenceKind.TRIGGER, call.hits(self.made)[0])
        started, known_until = call.transcript.call.started_at, call.known_until
        if call.transcript.call.customer_id is None or started is None or known_until is None:
            return self.answer.not_assessable(Reason.CONTACTS_UNKNOWN, trigger)
        due = started + timedelta(hours=promises[0].within_hours)
        later = sorted((c for c in call.contacts if c.started_at > started), key=lambda c: (c.started_at, c.call_id))
        kept = next((c for c in later if c.started_at <= due and c.direction != "inbound"), None)
        if kept is not None:
            after = Facts(seconds=(kept.started_at - started).total_seconds(), other_call=kept.call_id)
            return self.answer.met(Reason.CONTACT_CAME, trigger, facts=after)
        limit = promises[0].within_hours * 3600
        if known_until < due:
            promised = Facts(limit=limit, limit_unit=Unit.SECONDS)
            return self.answer.not_assessable(Reason.CONTACT_NOT_DUE, trigger, facts=promised)
        broken = Facts(limit=limit, limit_unit=Unit.SECONDS, other_call=later[0].call_id if later else "")
        return self.answer.missed(Reason.NO_CONTACT, Miss.BROKEN_PROMISE, trigger, facts=broken)


def _named_hours(text: str) -> float | None:
    match = _SPAN.search(text)
    if match:
        number = {"twenty four": 24.0, "forty eight": 48.0, "seventy two": 72.0}.get(match[1])
        if number is None:
            number = float(_NUMBERS.get(match[1], match[1]))
        return min(number * _UNIT_HOURS[match[2]], _FARTHEST)
    return next((hours for pattern, hours in _NAMED if pattern.search(text)), None)
