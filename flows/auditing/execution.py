"""Who audits the batches of a run: its own process, processes beside it, or the workers of a Dask scheduler."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from callaudit.audit_rules.rulebook import Rulebook
from callaudit.flows.auditing.batch_audit import Audited, judge, progress_event, read_and_judge
from callaudit.flows.auditing.executor import Executor, audited_by
from callaudit.flows.auditing.process_workers import AuditSettings, ProcessWorkers
from callaudit.flows.auditing.transcription_pool import Recognition
from callaudit.flows.settings import Settings
from callaudit.flows.staging.batches import Batch
from callaudit.flows.telemetry.events import tell
from callaudit.transcription.errors import SetupError
from callaudit.transcription.inbox import Quarantined
from callaudit.transcription.transcript import Seconds

if TYPE_CHECKING:
    from callaudit.flows.auditing.dask_workers import DaskWorkers

# Fewer exports are judged before a worker has started.
FEW = 300


class OwnProcess:
    """The process of the run: exports are read in it, recordings are heard by the workers of its recogniser."""

    at_once = 1

    def __init__(self, settings: Settings, rulebook: Rulebook) -> None:
        self.settings = settings
        self.rulebook = rulebook
        self.recognition: Recognition | None = None

    def choose_recogniser(self) -> Recognition:
        """The recogniser, chosen the first time that it is asked for. Raises SetupError where there is none."""
        if self.recognition is None:
            self.recognition = Recognition(self.settings)
        return self.recognition

    def submit(self, batch: Batch) -> None:
        """Nothing is done ahead: a batch is audited when it is taken."""

    def take(self, batch: Batch) -> Audited:
        """As `Executor` says; recordings are told as soon as their words are known."""
        scorecard = self.settings.report.scorecard
        if batch.is_imported:
            return read_and_judge(batch, self.settings.transcription, self.rulebook, scorecard=scorecard)
        recognition = self.choose_recogniser()
        self.settings.audio.mkdir(parents=True, exist_ok=True)
        found = {}
        for heard in recognition.transcripts(batch.arrivals):
            found[heard.arrival.place] = heard
            if not isinstance(heard.outcome, Quarantined):
                tell(progress_event(heard.arrival, heard.outcome, reused=heard.reused))
        audited = judge([found[a.place] for a in batch.arrivals], batch, self.rulebook, scorecard=scorecard)
        return msgspec.structs.replace(audited, told=())

    def forget(self, batch: Batch) -> None:
        """The batch is in the warehouse: words of its recordings that were put aside are not needed any more."""
        if self.recognition is not None and not batch.is_imported:
            self.recognition.discard_staged(batch.arrivals)

    def close(self) -> None:
        """Stop the recogniser's workers; finished transcripts stay in the staging folder."""
        if self.recognition is not None:
            self.recognition.close()
        self.recognition = None


class Execution:
    """The executors of one run; `close` it in the end."""

    def __init__(self, settings: Settings, rulebook: Rulebook) -> None:
        self.settings = settings
        self.here = OwnProcess(settings, rulebook)
        self.beside: ProcessWorkers | None = None
        self.elsewhere: DaskWorkers | None = None
        self._ways = AuditSettings(
            transcription=settings.transcription,
            rule_folders=settings.rule_folders,
            hours=settings.business_time,
            recogniser=settings.run.acts,
            version=rulebook.version,
            scorecard=settings.report.scorecard,
        )
        self._ahead: Sequence[Batch] = ()
        self._are_many = False

    @property
    def audio_per_batch(self) -> Seconds:
        """How much sound a batch should hold."""
        if self.settings.run.audio_minutes_per_batch:
            return 60.0 * self.settings.run.audio_minutes_per_batch
        return self.here.recognition.audio_at_once if self.here.recognition is not None else 0.0

    @property
    def notice(self) -> str:
        """What there is to say of the recogniser, "" where none was needed."""
        return self.here.recognition.provenance.notice if self.here.recognition is not None else ""

    def begin(self, batches: Sequence[Batch]) -> None:
        """These are the run's batches, those that come as transcripts first. Raises SetupError as DaskWorkers does."""
        imported = [batch for batch in batches if batch.is_imported]
        self._are_many = sum(len(batch.arrivals) for batch in imported) > FEW
        if batches and self.settings.run.scheduler:
            self.elsewhere = self._dask_workers(batches)
        if imported:
            workers = min(self.settings.run.workers or len(os.sched_getaffinity(0)), len(imported))
            self.beside = ProcessWorkers(self._ways, workers=workers)
        self._ahead = batches if self.elsewhere else imported

    def audited(self, batch: Batch, *, apart: bool) -> Audited:
        """What becomes of a batch; exports are read in worker processes where they are many, or shall be `apart`."""
        alone: Executor = self.here
        if batch.is_imported and self.beside is not None:
            alone = self.beside
        executor: Executor = self.elsewhere or (alone if apart or self._are_many else self.here)
        return audited_by(executor, batch, self._ahead[batch.number :], alone=alone)

    def forget(self, batch: Batch) -> None:
        """The batch is in the warehouse: what was put aside for it is not needed any more."""
        self.here.forget(batch)
        if self.elsewhere is not None:
            self.elsewhere.forget(batch)

    def close(self) -> None:
        """Stop whatever is under way."""
        for executor in (self.elsewhere, self.beside, self.here):
            if executor is not None:
                executor.close()
        self.elsewhere = self.beside = None

    def _dask_workers(self, batches: Sequence[Batch]) -> "DaskWorkers":
        try:
            from callaudit.flows.auditing.dask_workers import DaskWorkers  # noqa: PLC0415  An extra, which takes seconds to import.
        except ImportError as error:
            raise SetupError(
                "Dask is not installed",
                why=str(error),
                tries=("pip install 'call-audit[dask]'", "callaudit run --runner here"),
            ) from error
        recognition = self.here.recognition
        engine = recognition.chosen if recognition is not None else None
        return DaskWorkers(self.settings, self._ways, batches, engine=engine)
