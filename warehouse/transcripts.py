"""Stored transcripts, read back as they were heard."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta, timezone
from itertools import accumulate
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from callaudit.transcription.transcript import (
    Call,
    Provenance,
    Recording,
    RolesFrom,
    Span,
    SpeakerRole,
    Transcript,
    Utterance,
    Word,
)
from callaudit.warehouse.arrow_tables import (
    arrow_table,
)
from callaudit.warehouse.contacts import possible
from callaudit.warehouse.load import CALL_ID
from callaudit.warehouse.session import fetch_arrow, registered


def transcripts(
    con: duckdb.DuckDBPyConnection,
    *,
    call_ids: Collection[str] | None = None,
    without_rulebook: str | None = None,
    at_once: int = 1000,
) -> Iterator[Transcript]:
    """The stored transcripts as they were loaded, in order of call id; those that lost their words are not.

    A call's start is on the clock of the site.

    `call_ids` asks for these only; `without_rulebook` leaves out calls that this rulebook version has
    judged. Loading between two transcripts is allowed: the calls to give are chosen at the first one.
    """
    wanted = [
        call_id
        for (call_id,) in con.execute(
            f"""
            select call_id from core.transcripts
            where words_removed_on is null and {possible(con)} and ($version is null or call_id not in
                (select call_id from core.call_measures where rulebook_version = $version))
            order by call_id
            """,  # noqa: S608  Words of ours.
            {"version": without_rulebook},
        ).fetchall()
    ]
    if call_ids is not None:
        asked = set(call_ids)
        wanted = [call_id for call_id in wanted if call_id in asked]
    for first in range(0, len(wanted), at_once):
        yield from _read_transcripts(con, wanted[first : first + at_once])


def _spans(con: duckdb.DuckDBPyConnection, table: str) -> dict[str, dict[SpeakerRole, tuple[Span, ...]]]:
    """The spans of the wanted calls, by call and role."""
    rows = con.execute(
        f"""
        select call_id, role, list(start_s order by position), list(end_s order by position) from core.{table}
        semi join batch_wanted using (call_id) group by all order by all
        """  # noqa: S608  A name of ours.
    ).fetchall()
    spans: dict[str, dict[SpeakerRole, tuple[Span, ...]]] = {}
    for call_id, role, starts, ends in rows:
        spans.setdefault(call_id, {})[SpeakerRole(role)] = tuple(map(Span, starts, ends))
    return spans


def _read_transcripts(con: duckdb.DuckDBPyConnection, call_ids: Sequence[str]) -> Iterator[Transcript]:
    with registered(con, {"wanted": arrow_table(CALL_ID, [call_ids])}):
        heads = fetch_arrow(
            con,
            """
            select *, duration_s as duration
            from core.transcripts join core.calls using (call_id) left join core.recordings using (call_id)
            semi join batch_wanted using (call_id) order by call_id
            """,
        ).to_pylist()
        utterances = fetch_arrow(
            con, "from core.utterances semi join batch_wanted using (call_id) order by call_id, position"
        )
        speech, music, unheard = (_spans(con, f"{what}_spans") for what in ("speech", "music", "unheard"))
    heard: dict[str, list[Utterance]] = {}
    for call_id, utterance in zip(utterances["call_id"].to_pylist(), _utterances(utterances), strict=True):
        heard.setdefault(call_id, []).append(utterance)
    for row in heads:
        call_id = row["call_id"]
        yield Transcript(
            call=call_of(row),
            utterances=tuple(heard.get(call_id, ())),
            provenance=msgspec.convert(row, Provenance),
            recording=msgspec.convert(row, Recording) if row["sha256"] is not None else None,
            language=row["language"],
            roles_from=RolesFrom(row["roles_from"]),
            role_confidence=row["role_confidence"],
            role_evidence=row["role_evidence"],
            speech=dict.fromkeys(map(SpeakerRole, row["speech_roles"]), ()) | speech.get(call_id, {}),
            music=music.get(call_id, {}),
            unheard=unheard.get(call_id, {}),
            dropped_words=row["dropped_words"],
            redactions=row["redactions"],
            warnings=tuple(row["warnings"]),
        )


def call_of(row: Mapping[str, Any]) -> Call:
    """The call of a row of `core.calls`."""
    started_at = None
    if row["started_at"] is not None:
        offset = timedelta(seconds=row["utc_offset_s"])
        # Arithmetic on the naive time: a year-one start would leave the calendar on its way through UTC.
        started_at = (row["started_at"].replace(tzinfo=None) + offset).replace(tzinfo=timezone(offset))
    return msgspec.convert({**row, "started_at": started_at}, Call)


def _utterances(table: pa.Table) -> Iterator[Utterance]:
    """Column by column: a dict for every word would take ten times as long."""
    starts, ends, confidences = (table[f"word_{name}"].combine_chunks() for name in ("starts", "ends", "confidences"))
    words = list(zip(*(column.flatten().to_pylist() for column in (starts, ends, confidences)), strict=True))
    borders = accumulate(starts.value_lengths().to_pylist())
    columns = (
        table[name].to_pylist() for name in ("role", "text", "start_s", "end_s", "channel", "confidence", "word_texts")
    )
    first = 0
    for end, role, text, start_s, end_s, channel, confidence, texts in zip(borders, *columns, strict=True):
        own = texts if texts is not None else text.split(" ") if end > first else ()
        yield Utterance(
            role=_ROLES[role],
            text=text,
            start=start_s,
            end=end_s,
            channel=channel,
            words=tuple(Word(t, *numbers) for t, numbers in zip(own, words[first:end], strict=True)),
            confidence=confidence,
        )
        first = end


_ROLES = {role.value: role for role in SpeakerRole}
