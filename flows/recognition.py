"""Recordings transcribed by worker processes, each finished transcript put aside at once.

A transcript is the costliest thing a run makes, so it is written to the staging folder the moment it is
finished, under a name that says what it was made of. A run that is killed finds it there the next time.
"""

import os
import signal
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import msgspec

from flows.settings import EngineSettings, Settings
from transcription.engines import Engine, EngineName, choose
from transcription.errors import Unreadable
from transcription.exports import read_export
from transcription.inbox import Arrival, Quarantined, at_hand
from transcription.transcribe import TranscriptionSettings, glossary_of, provenance_of, transcribe
from transcription.transcript import Provenance, Transcript


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one arrival: a transcript, or the reason why there is none.

    `reused` says that the transcript was finished by an earlier run.
    """

    arrival: Arrival
    outcome: Transcript | Quarantined
    reused: bool = False


def choose_engine(settings: EngineSettings, *, fetch: bool) -> Engine:
    """The engine that the settings name; `fetch` allows "auto" its one bounded wait for weights."""
    return choose(
        settings.name,
        model=settings.model,
        weights_folder=settings.weights_folder,
        language=settings.language,
        download_timeout=settings.download_timeout if fetch else 0.0,
    )


def read_arrival(arrival: Arrival, *, settings: TranscriptionSettings) -> Transcript:
    """The transcript in an arrival that is an export: no recogniser is needed.

    Raises `Unreadable` as `transcription.exports.read_export` does.
    """
    with at_hand(arrival) as path:
        transcript = read_export(
            path,
            call=arrival.call,
            speakers=arrival.source.speakers,
            by_speaker=arrival.by_speaker,
            pause=settings.pause,
            redact=settings.redact,
        )
    if transcript.recording is None:
        return transcript
    recording = msgspec.structs.replace(transcript.recording, path=arrival.place)
    return msgspec.structs.replace(transcript, recording=recording)


class Recognition:
    """A pool of worker processes, each with its own engine; `close` it in the end."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        # The parent chooses, so that all workers use the same engine and weights are fetched once.
        self.engine = choose_engine(settings.engine, fetch=True)
        self.provenance: Provenance = provenance_of(self.engine, settings.transcription)
        self._chosen = msgspec.structs.replace(
            settings.engine, name=msgspec.convert(self.provenance.engine, EngineName)
        )
        self._pool: ProcessPoolExecutor | None = None

    @property
    def workers(self) -> int:
        """How many calls are transcribed at the same time.

        Whisper's own threads already fill a CPU, so by default it gets one worker.
        """
        if self.settings.run.workers:
            return self.settings.run.workers
        return 1 if self.provenance.engine == "whisper" else len(os.sched_getaffinity(0))

    def close(self) -> None:
        """Stop the workers; finished transcripts stay in the staging folder."""
        pool, self._pool = self._pool, None
        if pool is not None:
            for process in list(pool._processes.values()):
                process.terminate()
            pool.shutdown(wait=True, cancel_futures=True)

    def transcripts(self, arrivals: Sequence[Arrival]) -> Iterator[Heard]:
        """Each arrival's outcome as it is ready, in no particular order.

        A call whose worker dies is tried once more on its own; if that dies too, it is refused.
        """
        waiting = []
        for arrival in arrivals:
            staged = read_staged(self._staged(arrival))
            if staged is None:
                waiting.append(arrival)
            else:
                yield Heard(arrival=arrival, outcome=staged, reused=True)
        suspects = yield from self._round(waiting)
        for arrival in suspects:
            died = yield from self._round([arrival])
            if died:
                yield Heard(arrival=arrival, outcome=Quarantined.of(arrival, _crashed(arrival)))

    def discard_staged(self, arrivals: Sequence[Arrival]) -> None:
        """Forget staged transcripts that are now in the warehouse."""
        for arrival in arrivals:
            self._staged(arrival).unlink(missing_ok=True)

    def _round(self, arrivals: Sequence[Arrival]) -> Generator[Heard, None, list[Arrival]]:
        """Yield what is heard; return the arrivals whose worker died."""
        if not arrivals:
            return []
        pool = self._pool or self._start()
        copies = self.settings.audio
        futures = {
            pool.submit(_transcribe, a, self.settings.transcription, self._staged(a), copies): a for a in arrivals
        }
        unfinished = dict.fromkeys(range(len(arrivals)))
        position = {id(a): n for n, a in enumerate(arrivals)}
        try:
            for future in as_completed(futures):
                heard = future.result()
                unfinished.pop(position[id(futures[future])])
                yield heard
        except BrokenProcessPool:
            self.close()
        return [arrivals[n] for n in unfinished]

    def _staged(self, arrival: Arrival) -> Path:
        p = provenance_of(self.engine, self.settings.transcription, glossary_of(arrival))
        return self.settings.staging / f"{arrival.sha256[:40]}-{p.engine}-{p.settings_hash}.json"

    def _start(self) -> ProcessPoolExecutor:
        self.settings.staging.mkdir(parents=True, exist_ok=True)
        # Forked children would inherit the warehouse's lock and a threaded recogniser's state.
        self._pool = ProcessPoolExecutor(
            self.workers, mp_context=get_context("spawn"), initializer=_start_worker, initargs=(self._chosen,)
        )
        return self._pool


_ENGINE: Engine | None = None


def _start_worker(settings: EngineSettings) -> None:
    global _ENGINE  # noqa: PLW0603  One engine a process, loaded once.
    # Ctrl-C is for the parent, which then stops its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _ENGINE = choose_engine(settings, fetch=False)


def _transcribe(arrival: Arrival, settings: TranscriptionSettings, staged: Path, copies: Path) -> Heard:
    if _ENGINE is None:
        raise RuntimeError("a worker process begins with _start_worker")
    try:
        transcript = transcribe(arrival, _ENGINE, settings=settings, audio_copy=copies / f"{arrival.sha256[:40]}.webm")
    except Unreadable as error:
        return Heard(arrival=arrival, outcome=Quarantined.of(arrival, error))
    partial = staged.with_suffix(f".{os.getpid()}.part")
    partial.write_bytes(msgspec.json.encode(transcript))
    partial.replace(staged)
    return Heard(arrival=arrival, outcome=transcript)


def read_staged(path: Path) -> Transcript | None:
    """A staged transcript, or None where there is none or it is of an older shape."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Transcript)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _crashed(arrival: Arrival) -> Unreadable:
    return Unreadable(
        "failed_recogniser",
        f"{arrival.name}: the recogniser died on this call, twice",
        why=f"{arrival.place}: the worker process ended without a word",
        tries=("look for “out of memory” in the system's log", "callaudit audit FILE  (to see it happen)"),
    )
