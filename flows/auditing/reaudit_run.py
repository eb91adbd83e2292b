"""A changed rulebook over the stored transcripts: new findings beside the old ones, and no audio."""

from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, date, datetime
from itertools import islice

import msgspec

from callaudit.audit_rules.audit import audit_each
from callaudit.audit_rules.finding import NO_FACTS, Audit, Reason, Verdict
from callaudit.audit_rules.rulebook import Rulebook, load_rulebook
from callaudit.flows.auditing.batch_audit import contacts_in
from callaudit.flows.auditing.ledger import said_of
from callaudit.flows.erasure.removal import complete
from callaudit.flows.settings import Settings
from callaudit.flows.telemetry.events import Busy, Stored, tell
from callaudit.transcription.errors import InputError
from callaudit.warehouse import load
from callaudit.warehouse.arrow_tables import AuditedCall
from callaudit.warehouse.connect import Writer, is_open, open_writer
from callaudit.warehouse.publish import publish
from callaudit.warehouse.rulebooks import store_rulebook
from callaudit.warehouse.runs import Run, mark_dead_runs, new_run_id, record_run
from callaudit.warehouse.site_clock import keep_clock
from callaudit.warehouse.stored_calls import ToJudge, calls_in, contact_gaps, not_judged_by, verdicts_changed

# Stored at once: some seconds of work, and some 100 MB of memory for long calls.
_BATCH = 500


class Reaudited(msgspec.Struct, frozen=True, kw_only=True):
    """What a re-audit did: calls judged by each former rulebook, and the weeks whose reports should be made again."""

    rulebook: str
    calls: int
    former: dict[str, int]
    weeks: tuple[str, ...]
    verdicts_changed: int
    dry_run: bool


def audit_again(
    settings: Settings,
    *,
    since: date | None = None,
    week: str | None = None,
    dry_run: bool = False,
    at: datetime | None = None,
) -> Reaudited:
    """Judge stored calls by the settings' rulebook and store its findings beside those of other rulebooks.

    Calls that it has judged already are left alone, so a re-audit that was cut off goes on where it stopped and a
    second one does nothing. Of each call the views show the newest loaded rulebook that judged it. `since` is the first
    day, `week` an ISO week; with neither, all.

    Raises LockedError while a run holds the warehouse, InputError where there is none, RulebookError for rules with
    mistakes.
    """
    started_at = at or datetime.now(UTC)
    # Rules first, as in a run.
    rulebook = load_rulebook(*settings.rule_folders, recogniser=settings.run.acts, hours=settings.business_time)
    if not settings.warehouse.is_file():
        raise InputError(f"there is no warehouse {settings.warehouse}", tries=("callaudit run",))
    if not dry_run:
        complete(settings)
    con = open_writer(settings.warehouse)
    try:
        if not dry_run:
            keep_clock(con, settings.site.timezone)
        waiting = not_judged_by(con, rulebook.version, since=since, week=week)
        if dry_run:
            return _summary(rulebook, waiting, changed=0, dry_run=True)
        run = Run(
            run_id=new_run_id(con, started_at),
            kind="reaudit",
            state="running",
            started_at=started_at,
            rulebook_version=rulebook.version,
            found=len(waiting),
        )
        try:
            changed = _judge(con, rulebook, waiting, run)
            record_run(con, _ended(run, "finished", audited=len(waiting)))
            tell(Busy(what="publishing"))
            publish(con, settings.published, mode=settings.access.published_mode)
        except BaseException as error:
            with suppress(Exception):
                # Publishing closes the warehouse, also where it fails.
                con = con if is_open(con) else open_writer(settings.warehouse)
                record_run(con, _ended(run, "failed", message=said_of(error)))
            raise
        return _summary(rulebook, waiting, changed=changed, dry_run=False)
    finally:
        con.close()


def _judge(con: Writer, rulebook: Rulebook, waiting: list[ToJudge], run: Run) -> int:
    """Judge and store batch by batch; returns how many verdicts are others than those that counted before."""
    store_rulebook(con, rulebook, loaded_at=run.started_at)
    mark_dead_runs(con)
    record_run(con, run)
    calls = calls_in(con, [call.call_id for call in waiting])
    gaps = contact_gaps(con)
    cross_call = {rule.id for rule in rulebook.rules if rule.kept_promise is not None}
    while batch := [*islice(calls.transcripts, _BATCH)]:
        audits = audit_each(
            batch,
            rulebook,
            contacts_of=lambda t: contacts_in(calls.contacts, t),
            known_until=calls.known_until,
        )
        audited = [
            AuditedCall(t, _with_gaps(a, cross_call) if a.call_id in gaps else a)
            for t, a in zip(batch, audits, strict=True)
        ]
        load.add_audits(con, audited, run_id=run.run_id)
        tell(Stored(calls=len(audited)))
    return verdicts_changed(con, rulebook.version, run_id=run.run_id)


def _with_gaps(audit: Audit, cross_call: Collection[str]) -> Audit:
    """A contact that was erased may have kept the promise: nobody is accused of breaking it."""
    findings = tuple(
        msgspec.structs.replace(
            f,
            verdict=Verdict.NOT_ASSESSABLE,
            reason=Reason.CONTACT_ERASED,
            facts=NO_FACTS,
            miss=None,
        )
        if f.rule_id in cross_call and f.verdict is Verdict.MISSED
        else f
        for f in audit.findings
    )
    return msgspec.structs.replace(audit, findings=findings)


def _ended(run: Run, state: str, *, audited: int = 0, message: str = "") -> Run:
    return msgspec.structs.replace(run, state=state, ended_at=datetime.now(UTC), audited=audited, message=message)


def _summary(rulebook: Rulebook, waiting: list[ToJudge], *, changed: int, dry_run: bool) -> Reaudited:
    former: dict[str, int] = {}
    for call in waiting:
        former[call.judged_by] = former.get(call.judged_by, 0) + 1
    return Reaudited(
        rulebook=rulebook.version,
        calls=len(waiting),
        former=dict(sorted(former.items())),
        weeks=tuple(sorted({call.iso_week for call in waiting if call.iso_week})),
        verdicts_changed=changed,
        dry_run=dry_run,
    )
