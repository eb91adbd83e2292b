"""Where a batch is audited, as the run sees it, and what is done when that kills whoever was at it."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

import msgspec

from callaudit.flows.auditing.batch_audit import Audited, joined
from callaudit.flows.staging.batches import Batch
from callaudit.transcription.errors import Unreadable
from callaudit.transcription.inbox import Arrival, Quarantined


class WorkerDied(Exception):
    """Whoever was at a batch ended without a word."""


class Executor(Protocol):
    """A place where batches are audited; what it may still be at when the run ends is stopped by `close`."""

    @property
    def at_once(self) -> int:
        """How many batches are under way there."""

    def submit(self, batch: Batch) -> None:
        """Begin with a batch, unless it is under way. Raises WorkerDied."""

    def take(self, batch: Batch) -> Audited:
        """What became of a batch that was submitted, as soon as it is known. Raises WorkerDied."""

    def close(self) -> None:
        """Stop at once whatever is under way."""


def audited_by(executor: Executor, batch: Batch, following: Sequence[Batch], *, alone: Executor) -> Audited:
    """What becomes of a batch; some of the `following` ones are under way meanwhile.

    A batch that kills its worker is done again `alone`, and if that kills a worker too, call by call, so that the one
    that does it is found and refused.
    """
    with suppress(WorkerDied):
        for coming in [batch, *following][: executor.at_once]:
            executor.submit(coming)
        return executor.take(batch)
    with suppress(WorkerDied):
        return _taken(alone, batch)
    # By call id, as the rows of a whole batch stand.
    one_by_one = sorted(batch.arrivals, key=lambda arrival: arrival.call.call_id)
    return joined([_taken_or_refused(alone, batch, arrival) for arrival in one_by_one])


def _taken(executor: Executor, batch: Batch) -> Audited:
    executor.submit(batch)
    return executor.take(batch)


def _taken_or_refused(executor: Executor, batch: Batch, arrival: Arrival) -> Audited:
    try:
        return _taken(executor, msgspec.structs.replace(batch, arrivals=(arrival,)))
    except WorkerDied:
        return Audited(tables={}, refused=(Quarantined.of(arrival, _died(arrival)),))


def _died(arrival: Arrival) -> Unreadable:
    return Unreadable(
        "failed_reading",
        f"{arrival.name}: reading this export ended its process, three times",
        why=f"{arrival.place}: the worker process ended without a word",
        tries=("look for “out of memory” in the system's log", "callaudit transcribe FILE  (to see it happen)"),
    )
