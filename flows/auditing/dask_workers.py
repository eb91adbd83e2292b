"""The same night on several machines: Dask workers read, hear and judge batches, this process loads what they finish.

Workers need callaudit of the same version and the same rules, the recordings under the same paths or in an object
store, and the shared place of `flows.staging.shared_store`. A worker that dies takes nothing with it: Dask gives its
batches to another one, which finds the words that were finished, and only what the last attempt wrote is loaded, once.
Prefect's tasks wait in the process of the flow, so workers need no way to Prefect's server. The only importer of Dask.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

import distributed
from prefect_dask.task_runners import DaskTaskRunner

from callaudit.flows.access import keep_private
from callaudit.flows.auditing.batch_audit import Audited, judge
from callaudit.flows.auditing.executor import WorkerDied
from callaudit.flows.auditing.process_workers import AuditSettings, audit_batch, loaded
from callaudit.flows.auditing.transcription_pool import (
    Places,
    TranscriptionResult,
    choose_engine,
    heard_of,
    staged_name,
)
from callaudit.flows.settings import EngineSettings, Settings
from callaudit.flows.staging.batches import Batch
from callaudit.flows.staging.shared_store import SharedStore
from callaudit.transcription.engines import Engine
from callaudit.transcription.errors import SetupError
from callaudit.transcription.transcript import Seconds, Transcript

# How long to wait for the first worker.
_FIRST_WORKER: Seconds = 60.0
# Batches under way for each thread of a worker: one that it is at and one that it goes on with.
_AHEAD = 2


class DaskWorkers:
    """The workers of a Dask scheduler, for the batches of one run; `close` it in the end.

    What was finished here of the words of those `batches` is put where the workers find it, and copies of the sound
    that they make come home to the settings' folder. `engine` is what hears recordings, None where there are none.

    Raises SetupError where no scheduler, no worker or no shared place is there.
    """

    def __init__(
        self, settings: Settings, ways: AuditSettings, batches: Sequence[Batch], *, engine: EngineSettings | None
    ) -> None:
        if not settings.shared:
            raise SetupError(
                "several machines need a shared place",
                why="Workers put there what they finish; [run] shared is not set.",
                tries=('[run]  shared = "/mnt/shared/callaudit"', "callaudit run --runner here"),
            )
        self.ways = ways
        self.engine = engine
        self._audio = settings.audio
        self._shared = SharedStore(settings.shared)
        self._client = _client(settings.run.scheduler)
        self.at_once = _AHEAD * max(1, sum(self._client.nthreads().values()))
        self._under_way: dict[int, Any] = {}
        self._tokens: dict[int, str] = {}
        if recordings := set[str]().union(*map(_recordings, batches)):
            self._shared.upload(settings.staging, recordings)

    def submit(self, batch: Batch) -> None:
        """As `Executor` says."""
        if batch.number not in self._under_way:
            self._under_way[batch.number] = self._client.submit(
                audit_there, batch, self.ways, self.engine, self._shared.where, pure=False
            )

    def take(self, batch: Batch) -> Audited:
        """As `Executor` says: a worker died where each that Dask gave the batch to did."""
        try:
            token: str = self._under_way.pop(batch.number).result()
        except distributed.KilledWorker as error:
            raise WorkerDied from error
        audited = self._shared.audited(token)
        self._shared.fetch_audio(_recordings(batch), self._audio)
        self._tokens[batch.number] = token
        return audited

    def forget(self, batch: Batch) -> None:
        """The batch is in the warehouse: what was put aside for it is not needed any more."""
        token = self._tokens.pop(batch.number, None)
        if token is not None:
            self._shared.drop_audited(token)
            self._shared.drop_transcripts(_recordings(batch))

    def close(self) -> None:
        """Let go of the scheduler; what is still under way there is given up."""
        self._client.close()
        self._shared.clear_audited()


def _recordings(batch: Batch) -> set[str]:
    return {arrival.sha256[:40] for arrival in batch.arrivals if not arrival.export}


def _client(scheduler: str) -> Any:  # noqa: ANN401  Dask is untyped.
    """A connection to a scheduler that has workers."""
    client: Any = None
    try:
        client = DaskTaskRunner(address=scheduler, client_kwargs={"timeout": 10}).client
        client.wait_for_workers(1, timeout=_FIRST_WORKER)
    except (OSError, ValueError) as error:
        if client is not None:
            client.close()
            raise SetupError(
                f"no worker came to the Dask scheduler at {scheduler} in {_FIRST_WORKER:.0f} s",
                tries=(f"dask worker {scheduler} --nthreads 1  (on each machine, for each of its cores)",),
            ) from error
        raise SetupError(
            f"there is no Dask scheduler at {scheduler}",
            why=str(error).partition("\n")[0],
            tries=("dask scheduler", "set [run] scheduler, or callaudit run --scheduler tcp://HOST:8786"),
        ) from error
    return client


def audit_there(batch: Batch, ways: AuditSettings, engine: EngineSettings | None, where: str) -> str:
    """On a worker: read or hear a batch and judge it; returns the token of what was put into the shared place."""
    keep_private()
    shared = SharedStore(where)
    if batch.is_imported or engine is None:
        return shared.put_audited(audit_batch(batch, ways))
    heard = _heard(batch, ways, engine, shared)
    return shared.put_audited(judge(heard, batch, loaded(ways), scorecard=ways.scorecard))


# An engine is one at a time, however many threads a worker has.
_HEARING = Lock()


def _heard(
    batch: Batch, ways: AuditSettings, engine_settings: EngineSettings, shared: SharedStore
) -> list[TranscriptionResult]:
    """What becomes of recordings, each transcript shared the moment it is finished."""
    with _HEARING, TemporaryDirectory(prefix="callaudit-") as folder:
        engine = _engine(engine_settings)
        here = Path(folder)
        names = {arrival.place: staged_name(arrival, engine, ways.transcription) for arrival in batch.arrivals}
        found: dict[str, TranscriptionResult] = {}
        for arrival in batch.arrivals:
            known = shared.transcript(names[arrival.place])
            if known is not None:
                found[arrival.place] = TranscriptionResult(arrival=arrival, outcome=known, reused=True)
        new = [arrival for arrival in batch.arrivals if arrival.place not in found]
        staged = [here / names[a.place] for a in new]
        for heard in heard_of(new, engine, ways.transcription, staged, Places(copies=here, spill=here)):
            found[heard.arrival.place] = heard
            for copy in here.glob("*.webm"):
                shared.put_file(copy)
                copy.unlink()
            if isinstance(heard.outcome, Transcript):
                shared.put_transcript(names[heard.arrival.place], heard.outcome)
        return [found[arrival.place] for arrival in batch.arrivals]


@lru_cache(maxsize=1)
def _engine(settings: EngineSettings) -> Engine:
    return choose_engine(settings, fetch=False)
