"""Audited calls as Arrow tables: the seam between audit and warehouse.

Columns are built call by call into plain lists and turned into Arrow once, because rows that go
through Python one by one are a hundred times slower in DuckDB.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import accumulate, chain, pairwise
from math import fsum
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from callaudit.audit_rules.finding import Audit, Evidence, EvidenceKind, Finding, Pause
from callaudit.transcription.errors import InputError
from callaudit.transcription.transcript import Call, Span, SpeakerRole, Transcript, Utterance, Word
from callaudit.transcription.turns import turn_groups

_TEXT = pa.string()
_INT = pa.int32()
_FLOAT = pa.float64()
_TIME = pa.timestamp("us", tz="UTC")
_EVIDENCE = pa.struct(
    [
        ("kind", _TEXT), ("turn", _INT), ("role", _TEXT), ("start_s", _FLOAT), ("end_s", _FLOAT), ("quote", _TEXT),
        ("char_start", _INT), ("char_end", _INT), ("note", _TEXT), ("act", _TEXT), ("probability", _FLOAT),
        ("nearest_line", _TEXT),
    ]
)  # fmt: skip

SCHEMAS: dict[str, pa.Schema] = {
    "calls": pa.schema(
        [
            ("call_id", _TEXT), ("source", _TEXT), ("started_at", _TIME), ("agent_id", _TEXT), ("agent_name", _TEXT),
            ("team", _TEXT), ("customer_id", _TEXT), ("customer_name", _TEXT), ("queue", _TEXT), ("direction", _TEXT),
            ("interaction_id", _TEXT),
        ]
    ),
    "recordings": pa.schema(
        [
            ("call_id", _TEXT), ("path", _TEXT), ("sha256", _TEXT), ("size", pa.int64()), ("codec", _TEXT),
            ("sample_rate", _INT), ("channels", _INT), ("duration_s", _FLOAT),
        ]
    ),
    "transcripts": pa.schema(
        [
            ("call_id", _TEXT), ("transcript_hash", _TEXT), ("engine", _TEXT), ("model", _TEXT),
            ("weights_hash", _TEXT), ("settings_hash", _TEXT), ("notice", _TEXT), ("roles_from", _TEXT),
            ("role_confidence", _FLOAT), ("role_evidence", _TEXT), ("speech_roles", pa.list_(_TEXT)),
            ("confidence", _FLOAT), ("dropped_words", _INT), ("redactions", _INT), ("warnings", pa.list_(_TEXT)),
            ("language", _TEXT),
        ]
    ),
    "utterances": pa.schema(
        [
            ("call_id", _TEXT), ("position", _INT), ("turn", _INT), ("role", _TEXT), ("channel", _INT),
            ("start_s", _FLOAT), ("end_s", _FLOAT), ("text", _TEXT), ("char_offset", _INT), ("is_signal", pa.bool_()),
            ("confidence", _FLOAT), ("word_starts", pa.list_(_FLOAT)), ("word_ends", pa.list_(_FLOAT)),
            ("word_confidences", pa.list_(_FLOAT)), ("word_texts", pa.list_(_TEXT)),
        ]
    ),
    "speech_spans": pa.schema(
        [("call_id", _TEXT), ("role", _TEXT), ("position", _INT), ("start_s", _FLOAT), ("end_s", _FLOAT)]
    ),
    "music_spans": pa.schema(
        [("call_id", _TEXT), ("role", _TEXT), ("position", _INT), ("start_s", _FLOAT), ("end_s", _FLOAT)]
    ),
    "unheard_spans": pa.schema(
        [("call_id", _TEXT), ("role", _TEXT), ("position", _INT), ("start_s", _FLOAT), ("end_s", _FLOAT)]
    ),
    "call_measures": pa.schema(
        [
            ("call_id", _TEXT), ("rulebook_version", _TEXT), ("transcript_hash", _TEXT),
            ("turns_agent", _INT), ("turns_customer", _INT), ("words_agent", _INT), ("words_customer", _INT),
            ("talk_share_agent", _FLOAT), ("words_per_minute_agent", _FLOAT), ("overlaps_by_agent", _INT),
            ("overlaps_by_customer", _INT), ("overlap_s", _FLOAT), ("silence_s", _FLOAT), ("holds", _INT),
            ("hold_s", _FLOAT), ("median_answer_gap_s", _FLOAT), ("longest_dead_air_s", _FLOAT), ("transfers", _INT),
            ("upset_at_start", pa.bool_()), ("upset_at_end", pa.bool_()), ("calmed", pa.bool_()),
            ("verdicts_hash", _TEXT), ("upset", _TEXT),
        ]
    ),
    "findings": pa.schema(
        [
            ("call_id", _TEXT), ("rulebook_version", _TEXT), ("rule_id", _TEXT), ("verdict", _TEXT),
            ("reason_code", _TEXT), ("miss_kind", _TEXT), ("seconds", _FLOAT), ("how_many", _INT),
            ("limit_number", _FLOAT), ("limit_unit", _TEXT), ("since", _TEXT), ("confidence", _FLOAT),
            ("named", pa.list_(_TEXT)), ("other_call_id", _TEXT),
            ("shown", _INT), ("evidence", pa.list_(_EVIDENCE)), ("certainty", _TEXT), ("witness", _TEXT),
        ]
    ),
    "holds": pa.schema(
        [
            ("call_id", _TEXT), ("rulebook_version", _TEXT), ("position", _INT), ("start_s", _FLOAT),
            ("end_s", _FLOAT), ("kind", _TEXT),
        ]
    ),
    "silences": pa.schema(
        [
            ("call_id", _TEXT), ("rulebook_version", _TEXT), ("position", _INT), ("start_s", _FLOAT),
            ("end_s", _FLOAT), ("kind", _TEXT),
        ]
    ),
    "episodes": pa.schema(
        [
            ("call_id", _TEXT), ("rulebook_version", _TEXT), ("episode", _INT), ("first_turn", _INT),
            ("last_turn", _INT), ("start_s", _FLOAT), ("end_s", _FLOAT), ("opened_by", _TEXT), ("closed_by", _TEXT),
        ]
    ),
    "promises": pa.schema(
        [
            ("call_id", _TEXT), ("rulebook_version", _TEXT), ("promise", _INT), ("turn", _INT), ("start_s", _FLOAT),
            ("quote", _TEXT), ("within_hours", _FLOAT), ("made_at", _TIME), ("due_at", _TIME), ("medium", _TEXT),
        ]
    ),
}  # fmt: skip
"""The columns of each table as it is loaded; `warehouse/migrations` says what they mean."""


class AuditedCall(msgspec.Struct, frozen=True):
    """A call as heard and as judged: what a finished batch holds."""

    transcript: Transcript
    audit: Audit


OF_CALL = ("calls", "recordings")
OF_TRANSCRIPT = ("transcripts", "utterances", "speech_spans", "music_spans", "unheard_spans")
OF_AUDIT = ("call_measures", "findings", "holds", "silences", "episodes", "promises")
"""The tables of a call, of what was heard, of what was judged: each kind is replaced for its own reason."""


def to_arrow(batch: Sequence[AuditedCall]) -> dict[str, pa.Table]:
    """The batch as one Arrow table per name of `SCHEMAS`, rows in order of call id.

    Raises:
        InputError: a call stands twice in the batch, its audit belongs to another call, or its start
            has no offset from UTC.
    """
    parts = list(arrow_parts(in_order(batch)))
    return {name: pa.concat_tables([part[name] for part in parts] or [SCHEMAS[name].empty_table()]) for name in SCHEMAS}


def arrow_parts(
    ordered: Sequence[AuditedCall], *, hashes: Mapping[str, str] | None = None, kept: Collection[str] = ()
) -> Iterator[dict[str, pa.Table]]:
    """The same a few calls at a time, as they are asked for; `ordered` is what `in_order` gives.

    `hashes` holds the hashes of transcripts that are worked out already. The calls in `kept` have their transcript in
    the warehouse as it is here, so the transcript's own tables leave them out.

    Raises InputError where the start of a call has no offset from UTC.
    """
    for first in range(0, len(ordered), _AT_ONCE):
        yield _part(ordered[first : first + _AT_ONCE], hashes or {}, kept)


def by_call(tables: Mapping[str, pa.Table]) -> Iterator[tuple[str, dict[str, pa.Table]]]:
    """The tables of a batch call by call."""
    for call_id in tables["calls"]["call_id"].to_pylist() if tables else ():
        yield call_id, {name: table.filter(pc.equal(table["call_id"], call_id)) for name, table in tables.items()}


# Calls whose words, some 3 MB, stay in a processor's cache while one column after another is read from them.
_AT_ONCE = 50


def _part(ordered: Sequence[AuditedCall], known: Mapping[str, str], kept: Collection[str]) -> dict[str, pa.Table]:
    hashes = [known.get(a.audit.call_id) or transcript_hash(a.transcript) for a in ordered]
    new = [(a.transcript, d) for a, d in zip(ordered, hashes, strict=True) if a.audit.call_id not in kept]
    heard = [transcript for transcript, _ in new]
    words = [w for t in heard for u in t.utterances for w in u.words]
    confidences = [w.confidence for w in words]
    columns: dict[str, list[Any]] = {
        "calls": _transposed(call_row(a.transcript.call) for a in ordered),
        "recordings": _transposed(_recording_rows(ordered)),
        "transcripts": _transposed(map(_transcript_row, heard, [d for _, d in new], _means(heard, confidences))),
        "utterances": _utterance_columns(heard) + _word_columns(heard, words, confidences),
        "speech_spans": _span_columns((t.call.call_id, t.speech) for t in heard),
        "music_spans": _span_columns((t.call.call_id, t.music) for t in heard),
        "unheard_spans": _span_columns((t.call.call_id, t.unheard) for t in heard),
    } | _audit_columns(ordered, hashes)
    return {name: arrow_table(SCHEMAS[name], lists) for name, lists in columns.items()}


def audits_to_arrow(batch: Sequence[AuditedCall], *, stored: Mapping[str, str]) -> dict[str, pa.Table]:
    """The tables of `OF_AUDIT` alone, for transcripts that are stored under the hashes in `stored`.

    Raises InputError as `to_arrow` does.
    """
    ordered = in_order(batch)
    columns = _audit_columns(ordered, [stored[a.audit.call_id] for a in ordered])
    return {name: arrow_table(SCHEMAS[name], lists) for name, lists in columns.items()}


def _audit_columns(ordered: Sequence[AuditedCall], hashes: Sequence[str]) -> dict[str, list[Any]]:
    audits = [a.audit for a in ordered]
    return {
        "call_measures": _transposed(map(_measures_row, ordered, hashes)),
        "findings": _finding_columns([(a.call_id, a.rulebook_version, a.findings) for a in audits]),
        "holds": _transposed(_pause_rows(audits, lambda a: a.holds)),
        "silences": _transposed(_pause_rows(audits, lambda a: a.silences)),
        "episodes": _transposed(_episode_rows(ordered)),
        "promises": _transposed(_promise_rows(ordered)),
    }


def arrow_table(schema: pa.Schema, columns: Sequence[Sequence[Any] | pa.Array]) -> pa.Table:
    """An Arrow table of plain lists, one per column; no columns at all make a table of no rows."""
    if not columns:
        return schema.empty_table()
    arrays = [
        column if isinstance(column, pa.Array) else _array(column, field.type)
        for column, field in zip(columns, schema, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def transcript_hash(transcript: Transcript) -> str:
    """Identity of what was heard: equal hashes mean that earlier verdicts still point at the same words.

    Metadata of the call and the name of its file are left out: they may be mended without a new hearing.
    """
    recording = transcript.recording
    heard = msgspec.structs.replace(
        transcript,
        call=_NO_CALL,
        recording=msgspec.structs.replace(recording, path="") if recording is not None else None,
    )
    return hashlib.sha256(_ENCODER.encode(heard)).hexdigest()[:32]


_NO_CALL = Call(call_id="", source="")
# Speech is a dict: its order must not matter.
_ENCODER = msgspec.msgpack.Encoder(order="deterministic")


def call_row(call: Call) -> tuple[Any, ...]:
    """The columns of `core.calls` but its day and week. Raises InputError where the start has no offset from UTC."""
    if call.started_at is not None and call.started_at.utcoffset() is None:
        raise InputError(
            f"call {call.call_id}: its start has no time zone",
            why=f"{call.started_at} could be any of 24 hours.",
            tries=("set zone for its source in callaudit.toml",),
        )
    return (
        call.call_id, call.source, call.started_at, call.agent_id, call.agent_name, call.team, call.customer_id,
        call.customer_name, call.queue, call.direction, call.interaction_id,
    )  # fmt: skip


def in_order(batch: Sequence[AuditedCall]) -> list[AuditedCall]:
    """The batch in order of call id, which is how it is stored.

    Raises:
        InputError: a call stands twice in it, or its audit belongs to another call.
    """
    ordered = sorted(batch, key=lambda audited: audited.transcript.call.call_id)
    for audited in ordered:
        if audited.audit.call_id != audited.transcript.call.call_id:
            raise InputError(
                f"call {audited.transcript.call.call_id} comes with the audit of call {audited.audit.call_id}",
                tries=("audit the call again",),
            )
    for before, after in pairwise(ordered):
        if before.audit.call_id == after.audit.call_id:
            raise InputError(
                f"call {after.audit.call_id} stands twice in one batch",
                why="Only one of two recordings can be the call.",
                tries=("give each recording its own call_id",),
            )
    return ordered


def _transposed(rows: Iterable[tuple[Any, ...]]) -> list[Sequence[Any]]:
    return list(zip(*rows, strict=True))


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        # A file name may hold bytes that are no text; they are shown as escapes.
        return pa.array([_printable(v) for v in values], kind)


def _printable(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, tuple | list):
        return [_printable(v) for v in value]
    return value


def _recording_rows(ordered: Sequence[AuditedCall]) -> Iterable[tuple[Any, ...]]:
    for audited in ordered:
        r = audited.transcript.recording
        if r is not None:
            yield (
                audited.audit.call_id, r.path, r.sha256, r.size, r.codec, r.sample_rate, r.channels, r.duration,
            )  # fmt: skip


def _transcript_row(t: Transcript, digest: str, confidence: float | None) -> tuple[Any, ...]:
    p = t.provenance
    return (
        t.call.call_id, digest, p.engine, p.model, p.weights_hash, p.settings_hash, p.notice, t.roles_from.value,
        t.role_confidence, t.role_evidence, sorted(role.value for role in t.speech), confidence,
        t.dropped_words, t.redactions, t.warnings, t.language,
    )  # fmt: skip


def _means(heard: Sequence[Transcript], confidences: Sequence[float | None]) -> Iterator[float | None]:
    """Of each transcript the mean over all its words that have one, so that long utterances count for more."""
    first = 0
    for transcript in heard:
        end = first + sum([len(u.words) for u in transcript.utterances])
        known = [c for c in confidences[first:end] if c is not None]
        yield fsum(known) / len(known) if known else None
        first = end


def _utterance_columns(heard: Sequence[Transcript]) -> list[Sequence[Any] | pa.Array]:
    utterances = [u for transcript in heard for u in transcript.utterances]
    turns, offsets, signals = _places(heard)
    return [
        _repeated([t.call.call_id for t in heard], [len(t.utterances) for t in heard]),
        list(chain.from_iterable(range(len(t.utterances)) for t in heard)),
        turns,
        [u.role for u in utterances],
        [u.channel for u in utterances],
        [u.start for u in utterances],
        [u.end for u in utterances],
        [u.text for u in utterances],
        offsets,
        signals,
        [u.confidence for u in utterances],
    ]


def _word_columns(
    heard: Sequence[Transcript], words: Sequence[Word], confidences: Sequence[float | None]
) -> list[Sequence[Any] | pa.Array]:
    """Lists of the words' numbers, and their texts where the utterance's own text does not tell them."""
    utterances = [u for transcript in heard for u in transcript.utterances]
    ends = pa.array(accumulate((len(u.words) for u in utterances), initial=0), pa.int32())
    numbers = ([w.start for w in words], [w.end for w in words], confidences)
    return [
        *(pa.ListArray.from_arrays(ends, pa.array(column, _FLOAT)) for column in numbers),
        [_own_texts(u) for u in utterances],
    ]


def _own_texts(utterance: Utterance) -> list[str] | None:
    texts = [w.text for w in utterance.words]
    return None if not texts or utterance.text.split(" ") == texts else texts


def _places(heard: Sequence[Transcript]) -> tuple[list[int], list[int], list[bool]]:
    """For each utterance its turn, where its text starts in that turn's text, and whether it is a listening signal."""
    turns: list[int] = []
    offsets: list[int] = []
    signals: list[bool] = []
    for transcript in heard:
        utterances = transcript.utterances
        count = len(utterances)
        turn_of, offset_of, signal_of = [0] * count, [0] * count, [False] * count
        for number, (group, is_signal) in enumerate(turn_groups(utterances)):
            offset = 0
            for position in group:
                turn_of[position], offset_of[position], signal_of[position] = number, offset, is_signal
                offset += len(utterances[position].text) + 1
        turns += turn_of
        offsets += offset_of
        signals += signal_of
    return turns, offsets, signals


def _repeated(values: Sequence[str], counts: Sequence[int]) -> pa.Array:
    """Each value as often as its count says."""
    return _array(values, _TEXT).take(pa.array(np.repeat(np.arange(len(values)), counts)))


def _span_columns(
    spans_of: Iterable[tuple[str, Mapping[SpeakerRole, Sequence[Span]]]],
) -> list[Sequence[Any] | pa.Array]:
    heard = [(call_id, role, spans) for call_id, by_role in spans_of for role, spans in sorted(by_role.items())]
    counts = [len(spans) for _, _, spans in heard]
    return [
        _repeated([call_id for call_id, _, _ in heard], counts),
        _repeated([role for _, role, _ in heard], counts),
        list(chain.from_iterable(map(range, counts))),
        [span.start for _, _, spans in heard for span in spans],
        [span.end for _, _, spans in heard for span in spans],
    ]


def _measures_row(audited: AuditedCall, digest: str) -> tuple[Any, ...]:
    m = audited.audit.measures
    return (
        audited.audit.call_id, audited.audit.rulebook_version, digest,
        m.turns_agent, m.turns_customer, m.words_agent, m.words_customer,
        m.talk_share_agent, m.words_per_minute_agent, m.overlaps_by_agent, m.overlaps_by_customer, m.overlap_seconds,
        m.silence_seconds, m.holds, m.hold_seconds, m.median_answer_gap, m.longest_dead_air, m.transfers,
        m.upset_at_start, m.upset_at_end, m.calmed, _verdicts_hash(audited.audit), m.upset,
    )  # fmt: skip


def _verdicts_hash(audit: Audit) -> str:
    """Equal hashes mean equal verdicts of the same rules."""
    verdicts = [(f.rule_id, f.verdict) for f in audit.findings]
    return hashlib.sha256(_ENCODER.encode(verdicts)).hexdigest()[:32]


def findings_to_arrow(judged: Sequence[tuple[str, str, Finding]]) -> pa.Table:
    """The table of single findings, each with its call and the rulebook that judged."""
    return arrow_table(
        SCHEMAS["findings"], _finding_columns([(call, version, (finding,)) for call, version, finding in judged])
    )


def _finding_columns(audits: Sequence[tuple[str, str, Sequence[Finding]]]) -> list[Sequence[Any] | pa.Array]:
    """Of the findings of each call and rulebook."""
    findings = [f for *_, of_call in audits for f in of_call]
    facts = [f.facts for f in findings]
    counts = [len(of_call) for *_, of_call in audits]
    return [
        _repeated([call_id for call_id, *_ in audits], counts),
        _repeated([version for _, version, _ in audits], counts),
        [f.rule_id for f in findings],
        [f.verdict for f in findings],
        [f.reason for f in findings],
        [f.miss for f in findings],
        [fact.seconds for fact in facts],
        [fact.how_many for fact in facts],
        [fact.limit for fact in facts],
        [fact.limit_unit for fact in facts],
        [fact.since for fact in facts],
        [fact.confidence for fact in facts],
        [fact.named for fact in facts],
        [fact.other_call or None for fact in facts],
        [_shown(f.evidence) for f in findings],
        _evidence(findings),
        [None if f.certainty is None else f.certainty.name.lower() for f in findings],
        [f.witness for f in findings],
    ]


def _evidence(findings: Sequence[Finding]) -> pa.Array:
    pieces = [piece for finding in findings for piece in finding.evidence]
    fields: tuple[list[Any], ...] = (
        [e.kind for e in pieces],
        [e.turn for e in pieces],
        [e.role for e in pieces],
        [e.start for e in pieces],
        [e.end for e in pieces],
        [e.quote for e in pieces],
        [e.char_start for e in pieces],
        [e.char_end for e in pieces],
        [e.note for e in pieces],
        # Most evidence is no recognised act: what was not recognised is unknown, not empty.
        [e.act or None for e in pieces],
        [e.probability for e in pieces],
        [e.like or None for e in pieces],
    )
    structs = [_array(column, field.type) for column, field in zip(fields, _EVIDENCE, strict=True)]
    ends = pa.array(accumulate((len(f.evidence) for f in findings), initial=0), pa.int32())
    return pa.ListArray.from_arrays(ends, pa.StructArray.from_arrays(structs, fields=list(_EVIDENCE)))


# What earned or cost the verdict says most, then what came closest, then what called for the rule.
_TELLING = {EvidenceKind.MET: 0, EvidenceKind.AGAINST: 0, EvidenceKind.NEAR_MISS: 1, EvidenceKind.TRIGGER: 2}


def _shown(evidence: Sequence[Evidence]) -> int | None:
    """Which piece a reader sees first, counted from 1 as SQL does; None where there is none."""
    if not evidence:
        return None
    if len(evidence) == 1:
        return 1
    telling = [_TELLING[piece.kind] for piece in evidence]
    return telling.index(min(telling)) + 1


def _episode_rows(ordered: Sequence[AuditedCall]) -> Iterable[tuple[Any, ...]]:
    for audited in ordered:
        a = audited.audit
        for e in a.episodes:
            yield (
                a.call_id, a.rulebook_version, e.number, e.first_turn, e.last_turn, e.start, e.end, e.opened_by,
                e.closed_by,
            )  # fmt: skip


def _pause_rows(audits: Iterable[Audit], pauses: Callable[[Audit], Sequence[Pause]]) -> Iterable[tuple[Any, ...]]:
    for a in audits:
        for number, p in enumerate(pauses(a)):
            yield a.call_id, a.rulebook_version, number, p.start, p.end, p.kind


def _promise_rows(ordered: Sequence[AuditedCall]) -> Iterable[tuple[Any, ...]]:
    for audited in ordered:
        a = audited.audit
        started_at = audited.transcript.call.started_at
        for number, p in enumerate(a.promises, start=1):
            made_at = started_at + timedelta(seconds=p.start or 0.0) if started_at is not None else None
            yield (
                a.call_id, a.rulebook_version, number, p.turn, p.start, p.quote, p.within_hours, made_at, p.due_at,
                p.medium,
            )  # fmt: skip
