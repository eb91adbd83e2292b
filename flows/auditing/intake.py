"""What a run takes in: the calls of all its sources that are not audited yet, and what is known of their customers."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from shutil import rmtree
from zoneinfo import ZoneInfo

import msgspec

from callaudit.audit_rules.conversation import Contact
from callaudit.flows.settings import Settings, sources_of
from callaudit.flows.staging.shared_store import recover_shared
from callaudit.flows.telemetry.events import Busy, tell
from callaudit.transcription.errors import Unreadable
from callaudit.transcription.inbox import Arrival, Fingerprints, Inbox, Quarantined, scan
from callaudit.transcription.inbox.roster import Roster, with_roster
from callaudit.warehouse.connect import Writer
from callaudit.warehouse.contacts import contacts, known_calls, newest_start
from callaudit.warehouse.erase import erased_recordings
from callaudit.warehouse.quarantine import audited_recordings, known_recordings


class Intake(Inbox, frozen=True, kw_only=True):
    """What all sources held; `namesakes` were refused because another recording has their call id."""

    namesakes: tuple[Arrival, ...] = ()


def look_through(
    settings: Settings, con: Writer, roster: Roster, folders: Sequence[Path] = (), *, retry_failed: bool = False
) -> Intake:
    """The calls in the sources, or only in these folders, each with its team; the first of each call id is taken.

    `retry_failed` also takes what was refused for its audio. Raises SetupError where a source cannot be used.
    """
    sources = sources_of(settings, *folders)
    known = known_recordings(con, retry_failed=retry_failed)
    audited = audited_recordings(con)
    erased = erased_recordings(con)
    zone = ZoneInfo(settings.site.timezone)
    fingerprints = Fingerprints(settings.fingerprints)
    recover_shared(settings)
    # What a run that was killed had fetched and not heard.
    rmtree(settings.fetched, ignore_errors=True)
    taken: dict[str, str | None] = {}
    inboxes: list[Inbox] = []
    arrivals: list[Arrival] = []
    refused: list[Quarantined] = []
    namesakes: list[Arrival] = []
    for source in sources:
        tell(Busy(what=f"looking through {source.folder}"))
        inbox = scan(
            source, known=known, audited=audited, erased=erased, fingerprints=fingerprints, fetched=settings.fetched
        )
        inboxes.append(inbox)
        refused += inbox.quarantined
        taken |= known_calls(con, [a.call.call_id for a in inbox.arrivals])
        for found in inbox.arrivals:
            call = with_roster(found.call, roster, settings.site.queues, zone=zone)
            arrival = msgspec.structs.replace(found, call=call)
            if call.call_id in taken:
                refused.append(Quarantined.of(arrival, _taken(arrival)))
                namesakes.append(arrival)
            else:
                taken[call.call_id] = arrival.sha256
                arrivals.append(arrival)
    fingerprints.save()
    return Intake(
        arrivals=tuple(arrivals),
        quarantined=tuple(refused),
        already=sum(i.already for i in inboxes),
        duplicates=sum(i.duplicates for i in inboxes),
        unsettled=sum(i.unsettled for i in inboxes),
        erased=sum(i.erased for i in inboxes),
        namesakes=tuple(namesakes),
    )


class KnownContacts(msgspec.Struct, frozen=True, kw_only=True):
    """The stored, refused and found calls of customers by their ids, and `until` when calls are known."""

    by_customer: dict[str, list[Contact]] = {}
    until: datetime | None = None

    def of(self, arrivals: Sequence[Arrival]) -> dict[str, tuple[Contact, ...]]:
        """The calls of these calls' customers, by customer id."""
        customers = {a.call.customer_id for a in arrivals if a.call.customer_id}
        return {c: tuple(self.by_customer[c]) for c in sorted(customers) if c in self.by_customer}


def known_contacts(con: Writer, arrivals: Sequence[Arrival], *, now: datetime) -> KnownContacts:
    """What is known of the customers of these calls, which are not stored yet."""
    by_customer = contacts(con, {a.call.customer_id for a in arrivals if a.call.customer_id})
    newest = newest_start(con)
    for call in (a.call for a in arrivals):
        if call.started_at is None:
            continue
        newest = max(newest, call.started_at) if newest else call.started_at
        if call.customer_id is not None:
            contact = Contact(
                call_id=call.call_id,
                started_at=call.started_at,
                direction=call.direction,
                interaction_id=call.interaction_id,
            )
            # One that was refused before is known already, without its direction.
            others = [c for c in by_customer.get(call.customer_id, ()) if c.call_id != call.call_id]
            by_customer[call.customer_id] = [*others, contact]
    # What began after the newest call may not have come in yet, and a wrongly dated call is ahead of the clock.
    return KnownContacts(by_customer=by_customer, until=min(newest, now) if newest else None)


def _taken(arrival: Arrival) -> Unreadable:
    return Unreadable(
        "duplicate_call_id",
        f"{arrival.name}: the call id {arrival.call.call_id} is taken by another recording",
        why=f"{arrival.place}: its bytes differ from the recording audited under that id",
        tries=("give one of them its own call_id",),
    )
