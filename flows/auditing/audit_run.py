"""One run of the pipeline, step by step, without Prefect: find, transcribe, judge, store, publish."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree
from types import TracebackType
from typing import Self

from callaudit.audit_rules.matchers import Answer
from callaudit.audit_rules.matchers.kept_promise import settled
from callaudit.audit_rules.rulebook import load_rulebook
from callaudit.flows.access import keep_private
from callaudit.flows.auditing.batch_audit import Audited
from callaudit.flows.auditing.execution import Execution
from callaudit.flows.auditing.intake import KnownContacts, known_contacts, look_through
from callaudit.flows.auditing.ledger import Ledger, RunSummary
from callaudit.flows.erasure.removal import complete
from callaudit.flows.settings import Settings
from callaudit.flows.staging.batches import Batch, split_into_batches
from callaudit.flows.telemetry.events import Busy, Opened, Spent, Started, Stored, step, tell
from callaudit.transcription.audio import declared_duration
from callaudit.transcription.inbox import Arrival
from callaudit.transcription.inbox.roster import Roster, read_roster
from callaudit.transcription.transcript import Seconds
from callaudit.warehouse.contacts import contacts, known_until
from callaudit.warehouse.promises import store_settled, unsettled_promises
from callaudit.warehouse.publish import publish
from callaudit.warehouse.rulebooks import store_roster, store_rulebook
from callaudit.warehouse.runs import mark_dead_runs


class AuditRun:
    """Holds the warehouse's writing lock from start to end; use it as a context, which may be left more than once.

    A run that is killed anywhere leaves every call either stored whole or not at all, and its finished
    transcripts in the staging folder; the next run goes on from there.
    """

    def __init__(self, settings: Settings, *, started_at: datetime | None = None) -> None:
        keep_private()
        self.settings = settings
        self.started_at = started_at or datetime.now(UTC)
        # Rules first: a mistake in them is found before anything else takes time.
        self.rulebook = load_rulebook(
            *settings.rule_folders, recogniser=settings.run.acts, hours=settings.business_time
        )
        self.rulebook.scorecard(settings.report.scorecard)
        self.roster = read_roster(settings.roster) if settings.roster else Roster()
        complete(settings)
        self.execution = Execution(settings, self.rulebook)
        self.ledger = Ledger(settings, started_at=self.started_at, rulebook_version=self.rulebook.version)
        tell(Opened(run_id=self.ledger.run_id))
        self._known = KnownContacts()
        self._lengths: dict[str, Seconds | None] = {}
        self._careful = False
        self._is_left = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.execution.close()
        if error is not None and not self._is_left:
            # What broke the run may have broken the warehouse too; the error itself is what must be seen.
            with suppress(Exception):
                self.ledger.record_failure(error)
        self._is_left = True
        self.ledger.con.close()

    @step("find")
    def find(self, *folders: Path, retry_failed: bool = False) -> list[Arrival]:
        """The recordings that are not audited yet; what cannot be is put in quarantine."""
        con = self.ledger.con
        intake = look_through(self.settings, con, self.roster, folders, retry_failed=retry_failed)
        self.ledger.take_in(intake)
        self._known = known_contacts(con, intake.arrivals, now=self.started_at)
        store_rulebook(con, self.rulebook, loaded_at=self.started_at)
        store_roster(con, self.roster)
        self._careful = mark_dead_runs(con) > 0
        self.ledger.record("running")
        recordings = [a for a in intake.arrivals if not a.export]
        provenance = self.execution.here.choose_recogniser().provenance if recordings else None
        self._lengths = {a.place: declared_duration(a.path) for a in recordings}
        tell(
            Started(
                run_id=self.ledger.run_id,
                calls=len(intake.arrivals),
                audio_seconds=sum(length or 0.0 for length in self._lengths.values()),
                exports=len(intake.arrivals) - len(recordings),
                engine=f"{provenance.engine} {provenance.model}" if provenance else "",
                notice=provenance.notice if provenance else "",
                rules=len(self.rulebook.compiled),
                already=intake.already,
            )
        )
        return list(intake.arrivals)

    def batches(self, arrivals: Sequence[Arrival]) -> list[Batch]:
        """The arrivals in portions that are audited and stored at once, those that come as transcripts first."""
        portions = split_into_batches(
            arrivals,
            calls=self.settings.run.calls_per_batch,
            audio=self.execution.audio_per_batch,
            length=lambda arrival: self._lengths.get(arrival.place),
        )
        batches = [
            Batch(number=number, arrivals=portion, contacts=self._known.of(portion), known_until=self._known.until)
            for number, portion in enumerate(portions, 1)
        ]
        self.execution.begin(batches)
        return batches

    @step("audit")
    def audit(self, batch: Batch, *, apart: bool = False) -> Audited:
        """The batch read or heard, and judged; what cannot be is told with its reason. Nothing is stored yet.

        A few exports are read right here; many, and those of a batch `apart`, in worker processes. Calling it again for
        the same batch is safe: what was heard before is not heard again.
        """
        # A call that ended the run before, or was refused before, is read by a worker, which it may end.
        suspect = self._careful or any((a.place, a.sha256) in self.ledger.refused_before for a in batch.arrivals)
        audited = self.execution.audited(batch, apart=apart or suspect)
        for event in audited.told:
            tell(event)
        return audited

    @step("store")
    def store(self, audited: Audited, batch: Batch) -> None:
        """Load what became of a batch, and forget what was put aside for it.

        All its calls are loaded at once or none; where one of them cannot be, it is refused and the others are loaded.
        """
        stored = self.ledger.store(audited, batch)
        self.execution.forget(batch)
        for name, seconds in audited.processor.items():
            tell(Spent(step=name, processor=seconds))
        tell(Stored(calls=stored))

    def give_up(self, batch: Batch, error: Exception) -> None:
        """The batch could be neither stored nor refused: its calls are left for the next run, this one has failed."""
        self.ledger.give_up(batch, error)

    @step("settle promises")
    def settle_promises(self) -> int:
        """Judge again the promises of all stored calls, by whichever rulebook, that what is known now settles.

        Returns how many verdicts are others than before.
        """
        self.ledger.hold()
        con = self.ledger.con
        waiting = unsettled_promises(con)
        later = contacts(con, {u.call.customer_id for u in waiting if u.call.customer_id}) | self._known.by_customer
        until = known_until(con)
        judged = [
            (
                u,
                settled(
                    u.promise,
                    u.trigger,
                    u.call,
                    contacts=later.get(u.call.customer_id or "", ()),
                    known_until=until,
                    answer=Answer(u.rule_id),
                ),
            )
            for u in waiting
        ]
        changed = [(u, finding) for u, finding in judged if finding.verdict != u.verdict]
        store_settled(con, changed)
        return len(changed)

    @step("publish")
    def finish(self) -> RunSummary:
        """Write the run down, as failed where a batch was given up, and publish a fresh read-only copy for the readers.

        It may be called again where publishing failed.
        """
        tell(Busy(what="publishing"))
        self.ledger.hold()
        summary = self.ledger.summary(notice=self.execution.notice)
        self.ledger.record_end()
        rmtree(self.settings.fetched, ignore_errors=True)
        publish(self.ledger.con, self.settings.published, mode=self.settings.access.published_mode)
        return summary
