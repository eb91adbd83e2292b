"""Worker processes that read and judge batches of exports, each with the rulebook loaded once.

The process of the run has the warehouse and only loads what the workers give back. Batches wait for it in their order,
and only a few are under way, so that memory depends on neither the night's size nor who is slow.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import msgspec

from callaudit.audit_rules.business_time import BusinessTime
from callaudit.audit_rules.rulebook import Rulebook, load_rulebook
from callaudit.flows.auditing.batch_audit import Audited, read_and_judge
from callaudit.flows.auditing.executor import WorkerDied
from callaudit.flows.auditing.interrupt import stay_with_the_run, stop
from callaudit.flows.staging.batches import Batch
from callaudit.transcription.errors import SetupError
from callaudit.transcription.transcribe import TranscriptionSettings

# Batches under way for each worker: one that it is at and one that it goes on with.
_AHEAD = 2


class AuditSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How calls become rows: the settings that reading and judging go by. `version` is the rulebook's."""

    transcription: TranscriptionSettings
    rule_folders: tuple[Path, ...]
    recogniser: bool
    version: str
    scorecard: str
    hours: BusinessTime | None = None


class ProcessWorkers:
    """A pool of processes, which are started when the first batch comes; `close` it in the end.

    A worker that is killed takes the pool and all that is under way with it; the next batch gets another pool.
    """

    def __init__(self, ways: AuditSettings, *, workers: int) -> None:
        self.ways = ways
        self.workers = workers
        self.at_once = _AHEAD * workers
        self._pool: ProcessPoolExecutor | None = None
        self._under_way: dict[int, Future[Audited]] = {}

    def submit(self, batch: Batch) -> None:
        """As `Executor` says."""
        if self._pool is None:
            # Forked children would inherit the warehouse's lock.
            self._pool = ProcessPoolExecutor(
                self.workers, mp_context=get_context("spawn"), initializer=stay_with_the_run
            )
        if batch.number not in self._under_way:
            with self._pool_may_break():
                self._under_way[batch.number] = self._pool.submit(audit_batch, batch, self.ways)

    def take(self, batch: Batch) -> Audited:
        """As `Executor` says."""
        with self._pool_may_break():
            return self._under_way.pop(batch.number).result()

    def close(self) -> None:
        """Stop the workers at once; what they were at is done again by the next ones."""
        stop(self._pool)
        self._pool = None
        self._under_way.clear()

    @contextmanager
    def _pool_may_break(self) -> Iterator[None]:
        try:
            yield
        except BrokenProcessPool as error:
            self.close()
            raise WorkerDied from error


def audit_batch(batch: Batch, ways: AuditSettings) -> Audited:
    """A batch of exports read and judged in this process, wherever that is."""
    return read_and_judge(batch, ways.transcription, loaded(ways), scorecard=ways.scorecard)


@lru_cache(maxsize=1)
def loaded(ways: AuditSettings) -> Rulebook:
    """The rulebook of a run, once a process. Raises SetupError where the rules are not those the run began with."""
    rulebook = load_rulebook(*ways.rule_folders, recogniser=ways.recogniser, hours=ways.hours)
    if rulebook.version != ways.version:
        raise SetupError(
            "the rules were changed while a run was going on",
            why=f"It began with rulebook {ways.version}; the rules now make {rulebook.version}.",
            tries=("callaudit run  (it goes on where it stopped, with the rules as they are)",),
        )
    return rulebook
