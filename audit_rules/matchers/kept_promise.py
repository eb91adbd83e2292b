"""A promised contact took place in time, across the calls of one customer.

    kept_promise: {made: [i will call you back _6 (today|tomorrow)], within_hours: 48}

Where the site has business hours, a time that runs out while it is closed runs on until it closes next. Judged only
once the time has passed, by the clock of the run, and calls from after it are known. Calls cannot show whether it was
kept in writing, nor who called whom where the direction is unknown, nor whether a further recording of the same
conversation is the call that was promised: then it is not assessable.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from callaudit.audit_rules.acts.said import Place
from callaudit.audit_rules.business_time import BusinessTime
from callaudit.audit_rules.conversation import Contact, Conversation
from callaudit.audit_rules.finding import Evidence, EvidenceKind, Facts, Finding, Medium, Miss, Promise, Reason, Unit
from callaudit.audit_rules.matchers import Answer, Scope
from callaudit.audit_rules.phrases.index import Index
from callaudit.audit_rules.rule import KeptPromise, Phrases
from callaudit.transcription.transcript import Call

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
_CALLED = re.compile(r"\b(?:re)?(?:call|calls|calling|callback|ring|rings|ringing|phone|phones|phoning|bell|buzz)\b")
_WRITTEN = re.compile(r"\b(?:e ?mail|text|sms|message|messag|dm|write|writ|letter|post|note|line|chat)(?:s|ing|ed)?\b")
# How the contact is to come may be said so many letters after the promise: "be in touch with you by email".
_SAID_AFTER = 40
_UNIT_HOURS = {"minute": 1 / 60, "hour": 1.0, "day": 24.0, "week": 7 * 24.0}


class KeptPromiseMatcher:
    """Judges whether a promised contact took place in time, by the later calls of the same customer."""

    def __init__(self, rule_id: str, spec: KeptPromise, index: Index) -> None:
        self.spec = spec
        self.made = index.add(Phrases(any_of=spec.made, events=spec.events))
        self.answer = Answer(rule_id)
        self.hours: BusinessTime | None = None

    def events(self, call: Conversation) -> Sequence[Place]:
        """Each promise."""
        return call.hits(self.made)

    def promises(self, call: Conversation) -> tuple[Promise, ...]:
        """What was promised, and how soon: the time named in the same turn, else the rule's own limit."""
        made: list[Promise] = []
        for place in call.hits(self.made):
            evidence = call.evidence(EvidenceKind.TRIGGER, place)
            text = call.texts[place.turn]
            hours = _named_hours(text[place.start :])
            limit = self.spec.within_hours if hours is None else hours
            made.append(
                Promise(
                    turn=place.turn,
                    start=evidence.start,
                    quote=evidence.quote,
                    within_hours=limit,
                    medium=_medium(text[place.start : place.end], text[place.end : place.end + _SAID_AFTER]),
                    due_at=self._due(call.transcript.call.started_at, limit),
                )
            )
        return tuple(made)

    def _due(self, started: datetime | None, hours: float) -> datetime | None:
        if started is None:
            return None
        plain = started + timedelta(hours=hours)
        return plain if self.hours is None else self.hours.due(plain)

    def judge(self, call: Conversation, scope: Scope) -> Finding:
        """By the first promise: it is the one the customer waits for."""
        promises = self.promises(call)
        if not promises:
            return self.answer.not_applicable(Reason.NO_PROMISE)
        trigger = call.evidence(EvidenceKind.TRIGGER, call.hits(self.made)[0])
        return settled(
            promises[0],
            trigger,
            call.transcript.call,
            contacts=call.contacts,
            known_until=call.known_until,
            answer=self.answer,
        )


def settled(
    promise: Promise,
    trigger: Evidence,
    of: Call,
    *,
    contacts: Sequence[Contact],
    known_until: datetime | None,
    answer: Answer,
) -> Finding:
    """What became of a promise made in the call `of`, by the customer's other calls as known until `known_until`."""
    due = promise.due_at
    if of.customer_id is None or of.started_at is None or due is None or known_until is None:
        return answer.not_assessable(Reason.CONTACTS_UNKNOWN, trigger)
    if promise.medium is Medium.WRITING:
        return answer.not_assessable(Reason.PROMISED_IN_WRITING, trigger)
    started = of.started_at
    later = sorted((c for c in contacts if c.started_at > started), key=lambda c: (c.started_at, c.call_id))
    maybe = [c for c in later if c.started_at <= due and c.direction != "inbound"]
    kept = next((c for c in maybe if c.direction == "outbound" and not _same_conversation(c, of)), None)
    if kept is not None:
        after = Facts(seconds=(kept.started_at - started).total_seconds(), other_call=kept.call_id)
        return answer.met(Reason.CONTACT_CAME, trigger, facts=after)
    promised = Facts(limit=promise.within_hours * 3600, limit_unit=Unit.SECONDS)
    if known_until < due:
        return answer.not_assessable(Reason.CONTACT_NOT_DUE, trigger, facts=promised)
    if maybe or promise.medium is not Medium.CALL:
        facts = Facts(other_call=maybe[0].call_id) if maybe else promised
        return answer.not_assessable(_unclear(maybe, of), trigger, facts=facts)
    broken = msgspec.structs.replace(promised, other_call=later[0].call_id if later else "")
    return answer.missed(Reason.NO_CONTACT, Miss.BROKEN_PROMISE, trigger, facts=broken)


def _unclear(maybe: Sequence[Contact], of: Call) -> Reason:
    if not maybe:
        return Reason.CONTACT_MAYBE_IN_WRITING
    same = _same_conversation(maybe[0], of)
    return Reason.CONTACT_IN_SAME_CONVERSATION if same else Reason.CONTACT_WITHOUT_DIRECTION


def _same_conversation(contact: Contact, of: Call) -> bool:
    return of.interaction_id is not None and contact.interaction_id == of.interaction_id


def _medium(promised: str, after: str) -> Medium:
    """How the contact is to come, by the words of the promise or, where they leave it open, those after it."""
    for words in (promised, f"{promised}{after}"):
        called, written = bool(_CALLED.search(words)), bool(_WRITTEN.search(words))
        if called != written:
            return Medium.CALL if called else Medium.WRITING
        if called:
            break
    return Medium.ANY


def _named_hours(text: str) -> float | None:
    match = _SPAN.search(text)
    if match:
        number = {"twenty four": 24.0, "forty eight": 48.0, "seventy two": 72.0}.get(match[1])
        if number is None:
            number = float(_NUMBERS.get(match[1], match[1]))
        return min(number * _UNIT_HOURS[match[2]], _FARTHEST)
    return next((hours for pattern, hours in _NAMED if pattern.search(text)), None)
