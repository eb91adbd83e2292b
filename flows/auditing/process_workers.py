"""Worker processes that read and judge batches of exports, each with the rulebook loaded once.

The process of the run has the warehouse and only loads what the workers give back. Batches wait for it in their order,
and only a few are under way, so that memory depends on neither the night's size nor who is slow.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import msgspec

from callaudit.audit_rules.business_time import BusinessTime
from callaudit.audit_rules.rulebook import Rulebook, load_rulebook
from callaudit.flows.auditing.batch_audit import Audited, joined, read_and_judge
from callaudit.flows.auditing.interrupt import stay_with_the_run, stop
from callaudit.flows.staging.batches import Batch
from callaudit.transcription.errors import SetupError, Unreadable
from callaudit.transcription.inbox import Arrival, Quarantined
from callaudit.transcription.transcribe import TranscriptionSettings

# Fewer calls are judged before a worker has started.
FEW = 300
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
    """A pool of processes for the batches of one run; `close` it in the end."""

    def __init__(self, ways: AuditSettings, batches: Sequence[Batch], *, workers: int) -> None:
        self.ways = ways
        self.workers = workers
        self.calls = sum(len(batch.arrivals) for batch in batches)
        self._batches = batches
        self._pool: ProcessPoolExecutor | None = None
        self._under_way: dict[int, Future[Audited]] = {}

    def audited(self, batch: Batch) -> Audited:
        """What becomes of a batch; the ones after it are under way meanwhile.

        A worker that is killed takes the pool with it: the batch is then done again alone, and if that kills a worker
        too, call by call, so that the one that does it is found and refused.
        """
        first = self._batches.index(batch)
        try:
            for coming in self._batches[first : first + _AHEAD * self.workers]:
                if coming.number not in self._under_way:
                    self._under_way[coming.number] = self._submit(coming)
            return self._under_way.pop(batch.number).result()
        except BrokenProcessPool:
            self.close()
            return self._carefully(batch)

    def close(self) -> None:
        """Stop the workers at once; what they were at is done again by the next ones."""
        stop(self._pool)
        self._pool = None
        self._under_way.clear()

    def _carefully(self, batch: Batch) -> Audited:
        """One batch with the pool to itself, so that whoever breaks it is in it."""
        try:
            return self._submit(batch).result()
        except BrokenProcessPool:
            self.close()
        # By call id, as the rows of a whole batch stand.
        one_by_one = sorted(batch.arrivals, key=lambda arrival: arrival.call.call_id)
        return joined([self._alone(msgspec.structs.replace(batch, arrivals=(arrival,))) for arrival in one_by_one])

    def _alone(self, one: Batch) -> Audited:
        try:
            return self._submit(one).result()
        except BrokenProcessPool:
            self.close()
            (arrival,) = one.arrivals
            return Audited(tables={}, refused=(Quarantined.of(arrival, _died(arrival)),))

    def _submit(self, batch: Batch) -> Future[Audited]:
        if self._pool is None:
            # Forked children would inherit the warehouse's lock.
            self._pool = ProcessPoolExecutor(
                self.workers, mp_context=get_context("spawn"), initializer=stay_with_the_run
            )
        return self._pool.submit(audit_batch, batch, self.ways)


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


def _died(arrival: Arrival) -> Unreadable:
    return Unreadable(
        "failed_reading",
        f"{arrival.name}: reading this export ended its process, three times",
        why=f"{arrival.place}: the worker process ended without a word",
        tries=("look for “out of memory” in the system's log", "callaudit transcribe FILE  (to see it happen)"),
    )
