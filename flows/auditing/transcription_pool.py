"""Recordings transcribed by worker processes, each finished transcript put aside at once.

A transcript is the costliest thing a run makes, so it is written to the staging folder the moment it is
finished, under a name that says what it was made of. A run that is killed finds it there the next time.

A recogniser that hears many windows at once gets several calls together: a worker takes a portion of the calls, decodes
the next of them in a thread while the recogniser is busy, and never holds more than two batches of sound.
"""

import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import msgspec

from callaudit.flows.auditing.interrupt import stay_with_the_run, stop
from callaudit.flows.settings import EngineSettings, Settings
from callaudit.flows.staging.batches import USUAL_CALL
from callaudit.transcription.audio import declared_duration
from callaudit.transcription.engines import Engine, EngineName, choose
from callaudit.transcription.errors import CallauditError, Unreadable, broke_down, disk_full, is_disk_full
from callaudit.transcription.exports import read_export
from callaudit.transcription.inbox import Arrival, Quarantined, local_copy
from callaudit.transcription.speech import total
from callaudit.transcription.transcribe import (
    Prepared,
    TranscriptionSettings,
    finish,
    glossary_of,
    prepare,
    provenance_of,
    recognise,
)
from callaudit.transcription.transcript import Provenance, Seconds, Transcript

# What one row hears at once, more or less: several windows one after the other, so that few rows stand idle at the end.
_SPEECH_PER_ROW: Seconds = 120.0
# Of a run's first portion one window each: who waits sees soon that it works, and how long the rest will take.
_SPEECH_AT_FIRST: Seconds = 28.0
_AUDIO_PER_ROW: Seconds = 120.0
# A batch of the run: four portions; or half an hour for each worker that hears one window at a time.
_PORTIONS_AT_ONCE = 4
_AUDIO_PER_WORKER: Seconds = 1800.0
_LOOK_AGAIN: Seconds = 0.5


class TranscriptionResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one arrival: a transcript, or the reason why there is none.

    `reused` says that the transcript was finished by an earlier run.
    """

    arrival: Arrival
    outcome: Transcript | Quarantined
    reused: bool = False


def refused(arrival: Arrival, error: Exception) -> TranscriptionResult:
    """There is no transcript, for what went wrong on this one call. Raises as `refusal` does."""
    return TranscriptionResult(arrival=arrival, outcome=Quarantined.of(arrival, refusal(arrival, error)))


def choose_engine(settings: EngineSettings, *, fetch: bool, workers: int = 1) -> Engine:
    """The engine that the settings name; `fetch` allows "auto" its one bounded wait for weights.

    The cores are shared among `workers`, unless the settings give each its threads.
    """
    return choose(
        settings.name,
        model=settings.model,
        weights_folder=settings.weights_folder,
        language=settings.language,
        download_timeout=settings.download_timeout if fetch else 0.0,
        batch=settings.batch,
        threads=settings.threads or max(1, len(os.sched_getaffinity(0)) // workers),
        quantise=settings.quantise,
    )


def read_arrival(arrival: Arrival, *, settings: TranscriptionSettings) -> Transcript:
    """The transcript in an arrival that is an export: no recogniser is needed.

    Raises `Unreadable` as `transcription.exports.read_export` does.
    """
    with local_copy(arrival) as path:
        transcript = read_export(
            path,
            call=arrival.call,
            speakers=arrival.source.speakers,
            announced=arrival.source.announcements,
            by_speaker=arrival.by_speaker,
            pause=settings.pause,
            redact=settings.redact,
        )
    if transcript.recording is None:
        return transcript
    recording = msgspec.structs.replace(transcript.recording, path=arrival.place)
    return msgspec.structs.replace(transcript, recording=recording)


class Places(msgspec.Struct, frozen=True):
    """Folders that hearing writes to: playable `copies` of the sound, and what of long sound is kept out of memory."""

    copies: Path
    spill: Path


class Recognition:
    """A pool of worker processes, each with its own engine; `close` it in the end."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        # The parent chooses, so that all workers use the same engine and weights are fetched once.
        self.engine = choose_engine(settings.engine, fetch=True)
        self.provenance: Provenance = provenance_of(self.engine, settings.transcription)
        self.chosen = msgspec.structs.replace(
            settings.engine,
            name=msgspec.convert(self.provenance.engine, EngineName),
            model=self.engine.model,
        )
        self._pool: ProcessPoolExecutor | None = None
        self._has_begun = False

    @property
    def workers(self) -> int:
        """How many calls are transcribed at the same time.

        An engine that hears many windows at once fills a CPU or a GPU on its own, so by default it gets one worker.
        """
        if self.settings.run.workers:
            return self.settings.run.workers
        return 1 if self.engine.batch > 1 else len(os.sched_getaffinity(0))

    @property
    def audio_at_once(self) -> Seconds:
        """The sound that keeps all workers busy for some minutes: what is heard, judged and stored together."""
        if self.engine.batch > 1:
            return self.workers * _PORTIONS_AT_ONCE * self.engine.batch * _AUDIO_PER_ROW
        return self.workers * _AUDIO_PER_WORKER

    def close(self) -> None:
        """Stop the workers; finished transcripts stay in the staging folder."""
        pool, self._pool = self._pool, None
        stop(pool)

    def transcripts(self, arrivals: Sequence[Arrival]) -> Iterator[TranscriptionResult]:
        """Each arrival's outcome as it is ready, in no particular order.

        A call whose worker dies is tried once more on its own; if that dies too, it is refused.
        """
        waiting = {arrival.place: arrival for arrival in arrivals}
        yield from self._finished(waiting, reused=True)
        suspects = yield from self._round(list(waiting.values()))
        for arrival in suspects:
            died = yield from self._round([arrival])
            if died:
                yield refused(arrival, _crashed(arrival))

    def discard_staged(self, arrivals: Sequence[Arrival]) -> None:
        """Forget staged transcripts that are now in the warehouse."""
        for arrival in arrivals:
            self._staged(arrival).unlink(missing_ok=True)

    def _finished(self, waiting: dict[str, Arrival], *, reused: bool = False) -> Iterator[TranscriptionResult]:
        """Those that wait and whose words are put aside: they wait no longer."""
        for arrival in list(waiting.values()):
            staged = read_staged(self._staged(arrival))
            if staged is not None:
                del waiting[arrival.place]
                yield TranscriptionResult(arrival=arrival, outcome=staged, reused=reused)

    def _round(self, arrivals: Sequence[Arrival]) -> Generator[TranscriptionResult, None, list[Arrival]]:
        """Yield what is heard; return the arrivals whose worker died."""
        if not arrivals:
            return []
        pool = self._pool or self._start()
        waiting = set()
        for portion in self._portions(arrivals):
            places = [*map(self._staged, portion)]
            at_once = _SPEECH_PER_ROW if self._has_begun else _SPEECH_AT_FIRST
            waiting.add(pool.submit(_transcribe, portion, self.settings.transcription, places, self._places, at_once))
            self._has_begun = True
        unfinished = {arrival.place: arrival for arrival in arrivals}
        try:
            while waiting:
                done, waiting = wait(waiting, timeout=_LOOK_AGAIN, return_when=FIRST_COMPLETED)
                for future in done:
                    for heard in future.result():
                        if unfinished.pop(heard.arrival.place, None) is not None:
                            yield heard
                # Words are put aside the moment they are there, however long the rest of their portion takes.
                if not done:
                    yield from self._finished(unfinished)
        except BrokenProcessPool:
            self.close()
            # What the dead worker had finished, and what the others had that died with it.
            yield from self._finished(unfinished)
        return list(unfinished.values())

    def _portions(self, arrivals: Sequence[Arrival]) -> Iterator[tuple[Arrival, ...]]:
        """The arrivals in the portions that a worker takes: one call each, or enough to fill several batches."""
        if self.engine.batch == 1:
            yield from ((arrival,) for arrival in arrivals)
            return
        portion: list[Arrival] = []
        seconds: Seconds = 0.0
        for arrival in arrivals:
            portion.append(arrival)
            seconds += declared_duration(arrival.path) or USUAL_CALL
            if seconds >= self.engine.batch * _AUDIO_PER_ROW:
                yield tuple(portion)
                portion, seconds = [], 0.0
        if portion:
            yield tuple(portion)

    @property
    def _places(self) -> Places:
        return Places(copies=self.settings.audio, spill=self.settings.decoded)

    def _staged(self, arrival: Arrival) -> Path:
        return self.settings.staging / staged_name(arrival, self.engine, self.settings.transcription)

    def _start(self) -> ProcessPoolExecutor:
        self.settings.staging.mkdir(parents=True, exist_ok=True)
        # Forked children would inherit the warehouse's lock and a threaded recogniser's state.
        self._pool = ProcessPoolExecutor(
            self.workers,
            mp_context=get_context("spawn"),
            initializer=_start_worker,
            initargs=(self.chosen, self.workers),
        )
        return self._pool


def staged_name(arrival: Arrival, engine: Engine, settings: TranscriptionSettings) -> str:
    """The name of a finished transcript, which says what it was made of and by what."""
    p = provenance_of(engine, settings, glossary_of(arrival), arrival.source.announcements)
    return f"{arrival.sha256[:40]}-{p.engine}-{p.settings_hash}.json"


_ENGINE: Engine | None = None


def _start_worker(settings: EngineSettings, workers: int) -> None:
    global _ENGINE  # noqa: PLW0603  One engine a process, loaded once.
    stay_with_the_run()
    _ENGINE = choose_engine(settings, fetch=False, workers=workers)


def _transcribe(
    arrivals: Sequence[Arrival],
    settings: TranscriptionSettings,
    staged: Sequence[Path],
    places: Places,
    speech_per_row: Seconds,
) -> list[TranscriptionResult]:
    """What becomes of a portion of calls; each transcript is put aside as soon as its words are there."""
    if _ENGINE is None:
        raise RuntimeError("a worker process begins with _start_worker")
    return list(heard_of(arrivals, _ENGINE, settings, staged, places, speech_per_row=speech_per_row))


def heard_of(
    arrivals: Sequence[Arrival],
    engine: Engine,
    settings: TranscriptionSettings,
    staged: Sequence[Path],
    places: Places,
    *,
    speech_per_row: Seconds = _SPEECH_PER_ROW,
) -> Iterator[TranscriptionResult]:
    """What becomes of each call; its transcript is in its place of `staged`, and its copy there, when it is given.

    Calls are heard together until each row of the engine has some `speech_per_row` seconds of speech.

    Raises SetupError where the disk is full: that concerns every call. Whatever else goes wrong refuses its call.
    """
    staged_at = {arrival.place: place for arrival, place in zip(arrivals, staged, strict=True)}
    ready = (_prepared(arrival, settings, places.spill) for arrival in arrivals)
    for batch in _made_ahead(_batches(ready, enough=engine.batch * speech_per_row)):
        yield from (heard for heard in batch if isinstance(heard, TranscriptionResult))
        calls = [call for call in batch if isinstance(call, Prepared)]
        for call, transcript in _heard(calls, engine, settings, places.copies):
            yield _put_aside(call.arrival, transcript, staged_at[call.arrival.place])


def _put_aside(arrival: Arrival, outcome: Transcript | Unreadable, place: Path) -> TranscriptionResult:
    """The outcome, its transcript written to `place` whole."""
    if isinstance(outcome, Unreadable):
        return refused(arrival, outcome)
    partial = place.with_suffix(f".{os.getpid()}.part")
    try:
        partial.write_bytes(msgspec.json.encode(outcome))
        partial.replace(place)
    except Exception as error:
        partial.unlink(missing_ok=True)
        return refused(arrival, error)
    return TranscriptionResult(arrival=arrival, outcome=outcome)


def _heard(
    calls: Sequence[Prepared], engine: Engine, settings: TranscriptionSettings, copies: Path
) -> Iterator[tuple[Prepared, Transcript | Unreadable]]:
    """Each call's transcript; where the recogniser breaks down they are heard one by one, to find the call it is."""
    try:
        written = recognise(calls, engine, settings=settings)
    except Exception as error:
        if len(calls) == 1:
            yield calls[0], refusal(calls[0].arrival, error)
        elif not calls:
            raise
        else:
            refusal(calls[0].arrival, error)  # What concerns every call need not be heard again for each.
            for call in calls:
                yield from _heard([call], engine, settings, copies)
        return
    for call, words in zip(calls, written, strict=True):
        copy = copies / f"{call.arrival.sha256[:40]}.webm"
        try:
            transcript = finish(call, words, engine, settings=settings, audio_copy=copy)
        except Exception as error:
            yield call, refusal(call.arrival, error)
        else:
            yield call, transcript


def _prepared(arrival: Arrival, settings: TranscriptionSettings, spill: Path) -> Prepared | TranscriptionResult:
    """The call ready to be heard, or the reason why it cannot be."""
    try:
        return prepare(arrival, settings=settings, spill=spill)
    except Exception as error:
        return refused(arrival, error)


def refusal(arrival: Arrival, error: Exception) -> Unreadable:
    """Why this one call is refused. What concerns every call is raised: a mistake in the set-up, a full disk."""
    if isinstance(error, Unreadable):
        return error
    if isinstance(error, CallauditError):
        raise error
    if isinstance(error, OSError) and is_disk_full(error):
        raise disk_full(arrival.name, arrival.place, error) from error
    return broke_down(arrival.name, arrival.place, error)


def _batches(
    calls: Iterable[Prepared | TranscriptionResult], *, enough: Seconds
) -> Iterator[list[Prepared | TranscriptionResult]]:
    """The calls in groups that hold `enough` seconds of speech to fill a batch."""
    batch: list[Prepared | TranscriptionResult] = []
    speech: Seconds = 0.0
    for call in calls:
        batch.append(call)
        if isinstance(call, Prepared):
            speech += sum(total(channel.spans) for channel in call.channels)
        if speech >= enough:
            yield batch
            batch, speech = [], 0.0
    if batch:
        yield batch


_Made = TypeVar("_Made")


def _made_ahead(items: Iterator[_Made]) -> Iterator[_Made]:
    """The items, each made in a thread while the one before it is in use."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item


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
