"""From the words of a batch to rows that are ready to load: nothing here knows of other batches or of a database.

The same code runs in the process of the run, in a worker process and on another machine. What it gives back is
compact: Arrow tables and counts, no transcript.
"""

import time
from collections.abc import Mapping, Sequence

import msgspec
import pyarrow as pa

from callaudit.audit_rules.audit import audit_each
from callaudit.audit_rules.conversation import Contact
from callaudit.audit_rules.finding import Audit, Verdict
from callaudit.audit_rules.rulebook import Rulebook
from callaudit.flows.auditing.transcription_pool import TranscriptionResult, read_arrival, refusal, refused
from callaudit.flows.staging.batches import Batch
from callaudit.flows.telemetry.events import Transcribed
from callaudit.transcription import possible
from callaudit.transcription.inbox import Arrival, Quarantined
from callaudit.transcription.transcribe import TranscriptionSettings
from callaudit.transcription.transcript import Seconds, Transcript
from callaudit.warehouse.arrow_tables import AuditedCall, to_arrow


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What a run counts of its audited calls.

    `rules_met` and `rules_judged` count the house scorecard's rules on tense calls, `audio_seconds` is what was heard.
    """

    audited: int = 0
    audio_seconds: Seconds = 0.0
    tense_calls: int = 0
    rules_met: int = 0
    rules_judged: int = 0
    critical_misses: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        """Both together."""
        return Tally(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})


class Audited(msgspec.Struct, frozen=True, kw_only=True):
    """A batch read and judged, as the writer takes it in.

    `tables` are those of `warehouse.arrow_tables.to_arrow`, `files` further files that its calls came in, `processor`
    the seconds of processor time by step.
    """

    tables: dict[str, pa.Table]
    told: tuple[Transcribed, ...] = ()
    refused: tuple[Quarantined, ...] = ()
    files: tuple[str, ...] = ()
    tally: Tally = Tally()
    processor: dict[str, Seconds] = {}


def joined(parts: Sequence[Audited]) -> Audited:
    """Several parts of one batch as one."""
    names = dict.fromkeys(name for part in parts for name in part.tables)
    steps = dict.fromkeys(step for part in parts for step in part.processor)
    return Audited(
        tables={name: pa.concat_tables([part.tables[name] for part in parts if part.tables]) for name in names},
        told=tuple(told for part in parts for told in part.told),
        refused=tuple(refused for part in parts for refused in part.refused),
        files=tuple(file for part in parts for file in part.files),
        tally=sum((part.tally for part in parts), Tally()),
        processor={step: sum(part.processor.get(step, 0.0) for part in parts) for step in steps},
    )


def read(arrival: Arrival, settings: TranscriptionSettings) -> TranscriptionResult:
    """What becomes of an export."""
    try:
        return TranscriptionResult(arrival=arrival, outcome=read_arrival(arrival, settings=settings))
    except Exception as error:
        return refused(arrival, error)


def judge(heard: Sequence[TranscriptionResult], batch: Batch, rulebook: Rulebook, *, scorecard: str) -> Audited:
    """Every rule's finding on each call of a batch that has words; `scorecard` says which misses are critical.

    The rows depend on the calls, the rulebook and the batch's contacts alone. A call that cannot have been so, or that
    judging breaks down on, is refused; the others are judged.
    """
    heard = [_admitted(one) for one in heard]
    try:
        return _judged(heard, batch, rulebook, scorecard)
    except Exception as error:
        refusal(batch.arrivals[0], error)  # What concerns every call need not be judged again for each.
    # By call id, as the rows of a whole batch stand.
    one_by_one = sorted(heard, key=lambda one: one.arrival.call.call_id)
    return joined([_judged_alone(one, batch, rulebook, scorecard) for one in one_by_one])


def _admitted(heard: TranscriptionResult) -> TranscriptionResult:
    """The call as its metadata say now, past the gate for what a call can be."""
    if isinstance(heard.outcome, Quarantined):
        return heard
    # A transcript that was finished earlier may carry metadata that were mended since.
    transcript = msgspec.structs.replace(heard.outcome, call=heard.arrival.call)
    try:
        possible.check(transcript)
    except Exception as error:
        return refused(heard.arrival, error)
    return msgspec.structs.replace(heard, outcome=transcript)


def _judged_alone(one: TranscriptionResult, batch: Batch, rulebook: Rulebook, scorecard: str) -> Audited:
    try:
        return _judged([one], batch, rulebook, scorecard)
    except Exception as error:
        return Audited(tables={}, refused=(Quarantined.of(one.arrival, refusal(one.arrival, error)),))


def _judged(heard: Sequence[TranscriptionResult], batch: Batch, rulebook: Rulebook, scorecard: str) -> Audited:
    began = time.process_time()
    transcripts = [h.outcome for h in heard if isinstance(h.outcome, Transcript)]
    audits = list(
        audit_each(
            transcripts, rulebook, contacts_of=lambda t: contacts_in(batch.contacts, t), known_until=batch.known_until
        )
    )
    judged = time.process_time()
    tables = to_arrow([AuditedCall(t, a) for t, a in zip(transcripts, audits, strict=True)])
    return Audited(
        tables=tables,
        told=tuple(progress_event(h.arrival, h.outcome) for h in heard if isinstance(h.outcome, Transcript)),
        refused=tuple(h.outcome for h in heard if isinstance(h.outcome, Quarantined)),
        files=tuple(str(file) for h in heard for _, file in h.arrival.by_speaker),
        tally=_tally(transcripts, audits, rulebook, scorecard),
        processor={"judge": judged - began, "make rows": time.process_time() - judged},
    )


def read_and_judge(batch: Batch, settings: TranscriptionSettings, rulebook: Rulebook, *, scorecard: str) -> Audited:
    """A batch of exports from their files to rows."""
    began = time.process_time()
    heard = [read(arrival, settings) for arrival in batch.arrivals]
    spent = time.process_time() - began
    audited = judge(heard, batch, rulebook, scorecard=scorecard)
    return msgspec.structs.replace(audited, processor={"read and mask": spent, **audited.processor})


def contacts_in(contacts: Mapping[str, Sequence[Contact]], transcript: Transcript) -> list[Contact]:
    """The other calls of a call's customer."""
    call = transcript.call
    return [c for c in contacts.get(call.customer_id or "", ()) if c.call_id != call.call_id]


def progress_event(arrival: Arrival, transcript: Transcript, *, reused: bool = False) -> Transcribed:
    """The event that says that a call's words are known."""
    return Transcribed(
        call_id=arrival.call.call_id,
        file=arrival.name,
        audio_seconds=heard_seconds(transcript),
        reused=reused,
        imported=bool(arrival.export),
    )


def heard_seconds(transcript: Transcript) -> Seconds:
    """The length of the sound that a recogniser went through."""
    recording = transcript.recording
    return 0.0 if recording is None or recording.is_export else recording.duration or 0.0


def _tally(transcripts: Sequence[Transcript], audits: Sequence[Audit], rulebook: Rulebook, scorecard: str) -> Tally:
    live = {rule.id for rule in rulebook.rules if rule.status == "live"}
    critical = live.intersection(rulebook.scorecards[scorecard].critical)
    tense = [a for a in audits if a.measures.tense]
    judged = [f.verdict for a in tense for f in a.findings if f.verdict in (Verdict.MET, Verdict.MISSED)]
    return Tally(
        audited=len(audits),
        audio_seconds=sum(map(heard_seconds, transcripts)),
        tense_calls=len(tense),
        rules_met=sum(v is Verdict.MET for v in judged),
        rules_judged=len(judged),
        critical_misses=sum(
            f.verdict is Verdict.MISSED and f.is_proven and f.rule_id in critical for a in audits for f in a.findings
        ),
    )
