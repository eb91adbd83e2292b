"""One run of the pipeline, step by step, without Prefect: find, transcribe, judge, store, publish."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree
from types import TracebackType
from typing import TYPE_CHECKING, Self
from zoneinfo import ZoneInfo

import msgspec

from callaudit.audit_rules.conversation import Contact
from callaudit.audit_rules.matchers import Answer
from callaudit.audit_rules.matchers.kept_promise import settled
from callaudit.audit_rules.rulebook import load_rulebook
from callaudit.flows.access import keep_private
from callaudit.flows.auditing.batch_audit import Audited, Tally, judge, progress_event, read_and_judge
from callaudit.flows.auditing.process_workers import FEW, AuditSettings, ProcessWorkers
from callaudit.flows.auditing.transcription_pool import Recognition, refusal
from callaudit.flows.erasure.removal import complete
from callaudit.flows.settings import Settings, sources_of
from callaudit.flows.staging.batches import Batch, split_into_batches
from callaudit.flows.staging.shared_store import recover_shared
from callaudit.flows.telemetry.error_log import write_down
from callaudit.flows.telemetry.events import Busy, Opened, Refused, Spent, Started, Stored, step, tell
from callaudit.transcription.audio import declared_duration
from callaudit.transcription.errors import CallauditError, SetupError, Trace, Unreadable, trace_of
from callaudit.transcription.inbox import Arrival, Fingerprints, Quarantined, scan
from callaudit.transcription.inbox.metadata import printable
from callaudit.transcription.inbox.roster import Roster, read_roster, with_roster
from callaudit.transcription.transcript import Seconds
from callaudit.warehouse import load
from callaudit.warehouse.arrow_tables import by_call
from callaudit.warehouse.connect import is_open, open_writer
from callaudit.warehouse.contacts import contacts, known_calls, known_until, newest_start
from callaudit.warehouse.erase import erased_recordings
from callaudit.warehouse.promises import store_settled, unsettled_promises
from callaudit.warehouse.publish import publish
from callaudit.warehouse.quarantine import audited_recordings, known_recordings, quarantine, quarantined_files
from callaudit.warehouse.rulebooks import store_roster, store_rulebook
from callaudit.warehouse.runs import Run, mark_dead_runs, new_run_id, record_run
from callaudit.warehouse.site_clock import keep_clock

if TYPE_CHECKING:
    from callaudit.flows.auditing.dask_workers import DaskWorkers

# Whoever only looks holds the warehouse for less than this.
_BRIEF: Seconds = 5.0


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What a run did. `rules_met` and `rules_judged` count the house scorecard's rules on its tense calls."""

    run_id: str
    found: int
    audited: int
    quarantined: int
    quarantined_before: int
    already: int
    duplicates: int
    unsettled: int
    erased: int
    audio_seconds: float
    elapsed_seconds: float
    tense_calls: int
    rules_met: int
    rules_judged: int
    critical_misses: int
    notice: str

    @property
    def times_real_time(self) -> float:
        """Seconds of audio per second of work."""
        return self.audio_seconds / self.elapsed_seconds if self.elapsed_seconds else 0.0


def said_of(error: BaseException) -> str:
    """An error in one line for `callaudit runs`; of one that is not ours only its kind and its reference are told."""
    if isinstance(error, CallauditError):
        return f"{error.what} ({error.why})".replace("\n", " ") if error.why else error.what
    return f"{type(error).__name__}; {trace_of(error).reference} in errors.log"


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
        self.con = open_writer(settings.warehouse, patience=_BRIEF)
        try:
            keep_clock(self.con, settings.site.timezone)
            self.run_id = new_run_id(self.con, self.started_at)
            self.refused_before = quarantined_files(self.con)
        except BaseException:
            # There is no context yet that would let go of the lock, and `serve` lives on.
            self.con.close()
            raise
        tell(Opened(run_id=self.run_id))
        self.recognition: Recognition | None = None
        self.workers: ProcessWorkers | None = None
        self.elsewhere: DaskWorkers | None = None
        self._tally = Tally()
        self._refused: set[tuple[str, str]] = set()
        self._found = self._already = self._duplicates = self._unsettled = self._erased = 0
        self._lengths: dict[str, Seconds | None] = {}
        self._calls_found: dict[str, list[Contact]] = {}
        self._known_until: datetime | None = None
        self._careful = False
        self._traces: set[str] = set()
        self._left = 0
        self._failure = ""
        self._is_left = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for held in (self.elsewhere, self.workers, self.recognition):
            if held is not None:
                held.close()
        self.elsewhere = self.workers = self.recognition = None
        if error is not None and not self._is_left:
            # What broke the run may have broken the warehouse too; the error itself is what must be seen.
            with suppress(Exception):
                self._write_down_what_broke(error)
                self._hold()
                self._record("failed", message=said_of(error))
        self._is_left = True
        self.con.close()

    def _hold(self) -> None:
        """The warehouse is open to write: publishing closes it, and one that failed is tried again."""
        if not is_open(self.con):
            self.con = open_writer(self.settings.warehouse, patience=_BRIEF)

    @step("find")
    def find(self, *folders: Path, retry_failed: bool = False) -> list[Arrival]:
        """The recordings that are not audited yet; what cannot be is put in quarantine."""
        sources = sources_of(self.settings, *folders)
        known = known_recordings(self.con, retry_failed=retry_failed)
        audited = audited_recordings(self.con)
        erased = erased_recordings(self.con)
        zone = ZoneInfo(self.settings.site.timezone)
        taken: dict[str, str | None] = {}
        arrivals: list[Arrival] = []
        refused: list[Quarantined] = []
        told: dict[str, Arrival] = {}
        # Counted anew each time: a search that storage broke off is made again.
        self._already = self._duplicates = self._unsettled = self._erased = 0
        fingerprints = Fingerprints(self.settings.fingerprints)
        recover_shared(self.settings)
        # What a run that was killed had fetched and not heard.
        rmtree(self.settings.fetched, ignore_errors=True)
        for source in sources:
            tell(Busy(what=f"looking through {source.folder}"))
            inbox = scan(
                source,
                known=known,
                audited=audited,
                erased=erased,
                fingerprints=fingerprints,
                fetched=self.settings.fetched,
            )
            refused += inbox.quarantined
            self._already += inbox.already
            self._duplicates += inbox.duplicates
            self._unsettled += inbox.unsettled
            self._erased += inbox.erased
            taken |= known_calls(self.con, [a.call.call_id for a in inbox.arrivals])
            for found in inbox.arrivals:
                call = with_roster(found.call, self.roster, self.settings.site.queues, zone=zone)
                arrival = msgspec.structs.replace(found, call=call)
                if arrival.call.call_id in taken:
                    refused.append(Quarantined.of(arrival, _taken(arrival)))
                    told[arrival.place] = arrival
                else:
                    taken[arrival.call.call_id] = arrival.sha256
                    arrivals.append(arrival)
        fingerprints.save()
        self._found = len(arrivals)
        self._refuse(refused, told)
        self._remember_contacts(arrivals)
        store_rulebook(self.con, self.rulebook, loaded_at=self.started_at)
        store_roster(self.con, self.roster)
        self._careful = mark_dead_runs(self.con) > 0
        self._record("running")
        recordings = [a for a in arrivals if not a.export]
        if recordings:
            self.recognition = Recognition(self.settings)
        self._lengths = {a.place: declared_duration(a.path) for a in recordings}
        provenance = self.recognition.provenance if self.recognition else None
        tell(
            Started(
                run_id=self.run_id,
                calls=len(arrivals),
                audio_seconds=sum(length or 0.0 for length in self._lengths.values()),
                exports=len(arrivals) - len(recordings),
                engine=f"{provenance.engine} {provenance.model}" if provenance else "",
                notice=provenance.notice if provenance else "",
                rules=len(self.rulebook.compiled),
                already=self._already,
            )
        )
        return arrivals

    def batches(self, arrivals: Sequence[Arrival]) -> list[Batch]:
        """The arrivals in portions that are audited and stored at once, those that come as transcripts first."""
        portions = split_into_batches(
            arrivals,
            calls=self.settings.run.calls_per_batch,
            audio=self._audio_per_batch,
            length=lambda arrival: self._lengths.get(arrival.place),
        )
        batches = [self._batch(number, portion) for number, portion in enumerate(portions, 1)]
        imported = [batch for batch in batches if batch.is_imported]
        if batches and self.settings.run.scheduler:
            self.elsewhere = self._elsewhere(batches)
        if imported:
            workers = min(self.settings.run.workers or len(os.sched_getaffinity(0)), len(imported))
            self.workers = ProcessWorkers(self.ways, imported, workers=workers)
        return batches

    def _elsewhere(self, batches: Sequence[Batch]) -> "DaskWorkers":
        try:
            from callaudit.flows.auditing.dask_workers import DaskWorkers  # noqa: PLC0415  An extra, which takes seconds to import.
        except ImportError as error:
            raise SetupError(
                "Dask is not installed",
                why=str(error),
                tries=("pip install 'call-audit[dask]'", "callaudit run --runner here"),
            ) from error
        if not self.settings.shared:
            raise SetupError(
                "several machines need a shared place",
                why="Workers put there what they finish; [run] shared is not set.",
                tries=('[run]  shared = "/mnt/shared/callaudit"', "callaudit run --runner here"),
            )
        elsewhere = DaskWorkers(
            self.ways,
            batches,
            scheduler=self.settings.run.scheduler,
            shared=self.settings.shared,
            engine=self.recognition.chosen if self.recognition is not None else None,
        )
        elsewhere.upload(self.settings.staging)
        return elsewhere

    @property
    def ways(self) -> AuditSettings:
        """What worker processes must know of this run."""
        return AuditSettings(
            transcription=self.settings.transcription,
            rule_folders=self.settings.rule_folders,
            hours=self.settings.business_time,
            recogniser=self.settings.run.acts,
            version=self.rulebook.version,
            scorecard=self.settings.report.scorecard,
        )

    @property
    def _audio_per_batch(self) -> Seconds:
        if self.settings.run.audio_minutes_per_batch:
            return 60.0 * self.settings.run.audio_minutes_per_batch
        return self.recognition.audio_at_once if self.recognition is not None else 0.0

    def _batch(self, number: int, arrivals: tuple[Arrival, ...]) -> Batch:
        customers = {a.call.customer_id for a in arrivals if a.call.customer_id}
        return Batch(
            number=number,
            arrivals=arrivals,
            contacts={c: tuple(self._calls_found[c]) for c in sorted(customers) if c in self._calls_found},
            known_until=self._known_until,
        )

    @step("audit")
    def audit(self, batch: Batch, *, apart: bool = False) -> Audited:
        """The batch read or heard, and judged; what cannot be is told with its reason. Nothing is stored yet.

        A few exports are read right here; many, and those of a batch `apart`, in worker processes. Calling it again for
        the same batch is safe: what was heard before is not heard again.
        """
        if self.elsewhere is not None:
            there = self.elsewhere.audited(batch, audio=self.settings.audio)
            if there is not None:
                self.tell_of(there)
                return there
            # It killed every worker it was given to. In processes of its own the call that does it is found.
            apart = True
        if batch.is_imported:
            # A call that ended the run before, or was refused before, is read by a worker, which it may end.
            apart |= self._careful or any((a.place, a.sha256) in self.refused_before for a in batch.arrivals)
            audited = (
                self.workers.audited(batch)
                if self.workers is not None and (apart or self.workers.calls > FEW)
                else read_and_judge(
                    batch, self.settings.transcription, self.rulebook, scorecard=self.settings.report.scorecard
                )
            )
            self.tell_of(audited)
            return audited
        if self.recognition is None:
            self.recognition = Recognition(self.settings)
        self.settings.audio.mkdir(parents=True, exist_ok=True)
        found = {}
        for heard in self.recognition.transcripts(batch.arrivals):
            found[heard.arrival.place] = heard
            if not isinstance(heard.outcome, Quarantined):
                tell(progress_event(heard.arrival, heard.outcome, reused=heard.reused))
        return judge(
            [found[a.place] for a in batch.arrivals], batch, self.rulebook, scorecard=self.settings.report.scorecard
        )

    def tell_of(self, audited: Audited) -> None:
        """Tell which calls' words are known."""
        for event in audited.told:
            tell(event)

    @step("store")
    def store(self, audited: Audited, batch: Batch) -> None:
        """Load what became of a batch, and forget what was put aside for it.

        All its calls are loaded at once or none; where one of them cannot be, it is refused and the others are loaded.
        """
        arrivals = {a.place: a for a in batch.arrivals}
        self._refuse(audited.refused, arrivals)
        refused = self._load(audited, {a.call.call_id: a for a in batch.arrivals})
        self._refuse(refused, arrivals)
        stored = msgspec.structs.replace(audited.tally, calls=audited.tally.calls - len(refused))
        self._tally += stored
        if self.recognition is not None and not batch.is_imported:
            self.recognition.discard_staged(batch.arrivals)
        if self.elsewhere is not None:
            self.elsewhere.forget(batch)
        for name, seconds in audited.processor.items():
            tell(Spent(step=name, processor=seconds))
        tell(Stored(calls=stored.calls))

    def give_up(self, batch: Batch, error: Exception) -> None:
        """The batch could be neither stored nor refused: its calls are left for the next run, this one has failed."""
        self._left += len(batch.arrivals)
        self._failure = self._failure or said_of(error)
        self._write_down_what_broke(error)

    def _load(self, audited: Audited, arrivals: Mapping[str, Arrival]) -> list[Quarantined]:
        """Put a batch into the warehouse; returns the calls that the warehouse does not take, with why."""
        try:
            load.load_tables(self.con, audited.tables, run_id=self.run_id, files=audited.files)
        except CallauditError:
            raise
        except Exception:
            refused = []
            for call_id, tables in by_call(audited.tables):
                try:
                    load.load_tables(self.con, tables, run_id=self.run_id, files=audited.files)
                except Exception as error:
                    arrival = arrivals[call_id]
                    refused.append(Quarantined.of(arrival, refusal(arrival, error)))
            return refused
        return []

    @step("settle promises")
    def settle_promises(self) -> int:
        """Judge again the promises of all stored calls, by whichever rulebook, that what is known now settles.

        Returns how many verdicts are others than before.
        """
        self._hold()
        waiting = unsettled_promises(self.con)
        later = contacts(self.con, {u.call.customer_id for u in waiting if u.call.customer_id}) | self._calls_found
        until = known_until(self.con)
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
        store_settled(self.con, changed)
        return len(changed)

    @step("publish")
    def finish(self) -> RunSummary:
        """Write the run down, as failed where a batch was given up, and publish a fresh read-only copy for the readers.

        It may be called again where publishing failed.
        """
        tell(Busy(what="publishing"))
        self._hold()
        summary = self._summary()
        self._record("failed" if self._failure else "finished", message=self._failure)
        rmtree(self.settings.fetched, ignore_errors=True)
        publish(self.con, self.settings.published, mode=self.settings.access.published_mode)
        return summary

    def _record(self, state: str, *, message: str = "") -> None:
        """Write the run down as it stands; the same run told again replaces what was known of it."""
        record_run(
            self.con,
            Run(
                run_id=self.run_id,
                kind="nightly",
                state=state,
                started_at=self.started_at,
                ended_at=None if state == "running" else datetime.now(UTC),
                rulebook_version=self.rulebook.version,
                found=self._found,
                audited=self._tally.calls,
                quarantined=len(self._refused - self.refused_before),
                failed=self._left,
                already=self._already,
                duplicates=self._duplicates,
                message=message,
            ),
        )

    def _remember_contacts(self, arrivals: Sequence[Arrival]) -> None:
        self._calls_found = contacts(self.con, {a.call.customer_id for a in arrivals if a.call.customer_id})
        newest = newest_start(self.con)
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
                others = [c for c in self._calls_found.get(call.customer_id, ()) if c.call_id != call.call_id]
                self._calls_found[call.customer_id] = [*others, contact]
        # What began after the newest call may not have come in yet, and a wrongly dated call is ahead of the clock.
        self._known_until = min(newest, self.started_at) if newest else None

    def _refuse(self, refused: Sequence[Quarantined], arrivals: dict[str, Arrival]) -> None:
        calls = {path: a.call for path, a in arrivals.items()}
        quarantine(self.con, refused, run_id=self.run_id, calls=calls)
        for item in refused:
            key = (item.path, item.sha256 or "")
            again = key in self.refused_before
            self._refused.add(key)
            if item.trace is not None:
                self._write_down(item.trace)
            tell(
                Refused(
                    file=printable(Path(item.path).name),
                    code=item.code,
                    reason=item.reason,
                    next_step=item.next_step,
                    again=again,
                    recording=(item.sha256 or "")[:12],
                    call_id=calls[item.path].call_id if item.path in calls else "",
                )
            )

    def _write_down_what_broke(self, error: BaseException) -> None:
        """Errors of ours say themselves what is wrong."""
        if not isinstance(error, CallauditError):
            self._write_down(trace_of(error))

    def _write_down(self, trace: Trace) -> None:
        """Add a trace to errors.log, once a run."""
        if trace.reference not in self._traces:
            self._traces.add(trace.reference)
            write_down(trace, home=self.settings.home, at=datetime.now(UTC))

    def _summary(self) -> RunSummary:
        return RunSummary(
            run_id=self.run_id,
            found=self._found,
            audited=self._tally.calls,
            quarantined=len(self._refused - self.refused_before),
            quarantined_before=len(self.refused_before),
            already=self._already,
            duplicates=self._duplicates,
            unsettled=self._unsettled,
            erased=self._erased,
            audio_seconds=self._tally.audio_seconds,
            elapsed_seconds=(datetime.now(UTC) - self.started_at).total_seconds(),
            tense_calls=self._tally.tense_calls,
            rules_met=self._tally.rules_met,
            rules_judged=self._tally.rules_judged,
            critical_misses=self._tally.critical_misses,
            notice=self.recognition.provenance.notice if self.recognition else "",
        )


def _taken(arrival: Arrival) -> Unreadable:
    return Unreadable(
        "duplicate_call_id",
        f"{arrival.name}: the call id {arrival.call.call_id} is taken by another recording",
        why=f"{arrival.place}: its bytes differ from the recording audited under that id",
        tries=("give one of them its own call_id",),
    )
