"""What a run writes down in the warehouse, of its calls and of itself, and what it says of itself in the end."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from callaudit.flows.auditing.batch_audit import Audited, Tally
from callaudit.flows.auditing.intake import Intake
from callaudit.flows.auditing.transcription_pool import refusal
from callaudit.flows.settings import Settings
from callaudit.flows.staging.batches import Batch
from callaudit.flows.telemetry.error_log import write_down
from callaudit.flows.telemetry.events import Refused, tell
from callaudit.transcription.errors import CallauditError, Trace, trace_of
from callaudit.transcription.inbox import Arrival, Quarantined
from callaudit.transcription.inbox.metadata import printable
from callaudit.transcription.transcript import Seconds
from callaudit.warehouse import load
from callaudit.warehouse.arrow_tables import by_call
from callaudit.warehouse.connect import is_open, open_writer
from callaudit.warehouse.quarantine import quarantine, quarantined_files
from callaudit.warehouse.runs import Run, new_run_id, record_run
from callaudit.warehouse.site_clock import keep_clock

# Whoever only looks holds the warehouse for less than this.
_BRIEF: Seconds = 5.0


class RunSummary(Tally, frozen=True, kw_only=True):
    """What a run did."""

    run_id: str
    found: int
    quarantined: int
    quarantined_before: int
    already: int
    duplicates: int
    unsettled: int
    erased: int
    elapsed_seconds: Seconds
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


class Ledger:
    """One run's hold on the warehouse, from its beginning until `con` is closed.

    Raises LockedError while another run holds it.
    """

    def __init__(self, settings: Settings, *, started_at: datetime, rulebook_version: str) -> None:
        self.settings = settings
        self.started_at = started_at
        self.rulebook_version = rulebook_version
        self.intake = Intake(arrivals=(), quarantined=(), already=0, duplicates=0)
        self.tally = Tally()
        self._refused: set[tuple[str, str]] = set()
        self._traces: set[str] = set()
        self._left = 0
        self._failure = ""
        self.con = open_writer(settings.warehouse, patience=_BRIEF)
        try:
            keep_clock(self.con, settings.site.timezone)
            self.run_id = new_run_id(self.con, started_at)
            self.refused_before = quarantined_files(self.con)
        except BaseException:
            # There is no context yet that would let go of the lock, and `serve` lives on.
            self.con.close()
            raise

    def hold(self) -> None:
        """The warehouse is open to write: publishing closes it, and one that failed is tried again."""
        if not is_open(self.con):
            self.con = open_writer(self.settings.warehouse, patience=_BRIEF)

    def take_in(self, intake: Intake) -> None:
        """What the sources held is what this run is about."""
        self.intake = intake
        self._refuse(intake.quarantined, intake.namesakes)

    def store(self, audited: Audited, batch: Batch) -> int:
        """Load what became of a batch; returns how many calls the warehouse has taken.

        All are loaded at once or none; where one of them cannot be, it is refused and the others are loaded.
        """
        self._refuse(audited.refused, batch.arrivals)
        refused = self._load(audited, batch)
        self._refuse(refused, batch.arrivals)
        stored = audited.tally.audited - len(refused)
        self.tally += msgspec.structs.replace(audited.tally, audited=stored)
        return stored

    def give_up(self, batch: Batch, error: Exception) -> None:
        """The batch is left for the next run, and this one has failed."""
        self._left += len(batch.arrivals)
        self._failure = self._failure or said_of(error)
        self._write_down(_trace_of(error))

    def record(self, state: str, *, message: str = "") -> None:
        """Write the run down as it stands; the same run told again replaces what was known of it."""
        record_run(
            self.con,
            Run(
                run_id=self.run_id,
                kind="nightly",
                state=state,
                started_at=self.started_at,
                ended_at=None if state == "running" else datetime.now(UTC),
                rulebook_version=self.rulebook_version,
                found=len(self.intake.arrivals),
                audited=self.tally.audited,
                quarantined=len(self._refused - self.refused_before),
                failed=self._left,
                already=self.intake.already,
                duplicates=self.intake.duplicates,
                message=message,
            ),
        )

    def record_end(self) -> None:
        """Write the run down as finished, or as failed where a batch was given up."""
        self.record("failed" if self._failure else "finished", message=self._failure)

    def record_failure(self, error: BaseException) -> None:
        """Write down what broke the run."""
        self._write_down(_trace_of(error))
        self.hold()
        self.record("failed", message=said_of(error))

    def summary(self, *, notice: str) -> RunSummary:
        """What the run did until now; `notice` is what there is to say of its recogniser."""
        return RunSummary(
            run_id=self.run_id,
            found=len(self.intake.arrivals),
            quarantined=len(self._refused - self.refused_before),
            quarantined_before=len(self.refused_before),
            already=self.intake.already,
            duplicates=self.intake.duplicates,
            unsettled=self.intake.unsettled,
            erased=self.intake.erased,
            elapsed_seconds=(datetime.now(UTC) - self.started_at).total_seconds(),
            notice=notice,
            **msgspec.structs.asdict(self.tally),
        )

    def _load(self, audited: Audited, batch: Batch) -> list[Quarantined]:
        """Put a batch into the warehouse; returns the calls that the warehouse does not take, with why."""
        try:
            load.load_tables(self.con, audited.tables, run_id=self.run_id, files=audited.files)
        except CallauditError:
            raise
        except Exception:
            refused = []
            arrivals = {a.call.call_id: a for a in batch.arrivals}
            for call_id, tables in by_call(audited.tables):
                try:
                    load.load_tables(self.con, tables, run_id=self.run_id, files=audited.files)
                except Exception as error:
                    refused.append(Quarantined.of(arrivals[call_id], refusal(arrivals[call_id], error)))
            return refused
        return []

    def _refuse(self, refused: Sequence[Quarantined], arrivals: Sequence[Arrival]) -> None:
        """Put files into quarantine; of those that are among the arrivals the call is known."""
        calls = {a.place: a.call for a in arrivals}
        quarantine(self.con, refused, run_id=self.run_id, calls=calls)
        for item in refused:
            key = (item.path, item.sha256 or "")
            again = key in self.refused_before
            self._refused.add(key)
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

    def _write_down(self, trace: Trace | None) -> None:
        """Add a trace to errors.log, once a run."""
        if trace is not None and trace.reference not in self._traces:
            self._traces.add(trace.reference)
            write_down(trace, home=self.settings.home, at=datetime.now(UTC))


def _trace_of(error: BaseException) -> Trace | None:
    """Errors of ours say themselves what is wrong."""
    return None if isinstance(error, CallauditError) else trace_of(error)
