"""Promises whose outcome is another by now: a later call kept them, or their time ran out."""

from collections.abc import Sequence

import duckdb
import msgspec

from callaudit.audit_rules.finding import Evidence, Finding, Promise
from callaudit.transcription.transcript import Call
from callaudit.warehouse import load
from callaudit.warehouse.session import named_rows
from callaudit.warehouse.transcripts import call_of


class Unsettled(msgspec.Struct, frozen=True, kw_only=True):
    """A promise as it was heard, in which call, and the finding on it that stands in the warehouse."""

    call: Call
    rulebook_version: str
    rule_id: str
    verdict: str
    promise: Promise
    trigger: Evidence


def unsettled_promises(con: duckdb.DuckDBPyConnection) -> list[Unsettled]:
    """Where the verdict that counts, by whichever rulebook, is not what the view `promises` says; in order of calls.

    A call after which a call of the same customer was erased keeps its verdict.
    """
    asked = con.execute(
        """
        select c.*, f.rulebook_version, f.rule_id, f.verdict, p.turn, p.start_s as start, p.quote, p.within_hours,
            p.medium, p.due_at,
            list_transform(
                list_filter(f.evidence, lambda e: e.kind = 'trigger' and e.turn = p.turn and e.quote = p.quote),
                lambda e: {
                    'kind': e.kind, 'turn': e.turn, 'role': nullif(e.role, ''), 'start': e.start_s, 'end': e.end_s,
                    'quote': e.quote, 'char_start': e.char_start, 'char_end': e.char_end
                }
            )[1] as heard
        from promises p
        join core.current_audits a on a.call_id = p.call_id
        join core.rules r
            on r.rulebook_version = a.rulebook_version and r.matcher = 'kept_promise'
        join core.findings f
            on f.call_id = a.call_id and f.rulebook_version = a.rulebook_version and f.rule_id = r.rule_id
        join core.calls c on c.call_id = p.call_id
        where heard is not null and f.verdict in ('met', 'missed', 'not_assessable')
          and f.verdict <> case p.outcome when 'kept' then 'met' when 'broken' then 'missed' else 'not_assessable' end
          and p.call_id not in (from core.contact_gaps)
        qualify row_number() over (partition by f.call_id, f.rule_id order by p.promise) = 1
        order by c.call_id, f.rule_id
        """
    )
    return [
        Unsettled(
            call=call_of(row),
            rulebook_version=row["rulebook_version"],
            rule_id=row["rule_id"],
            verdict=row["verdict"],
            promise=msgspec.convert(row, Promise),
            trigger=msgspec.convert(row["heard"], Evidence),
        )
        for row in named_rows(asked)
    ]


def store_settled(con: duckdb.DuckDBPyConnection, settled: Sequence[tuple[Unsettled, Finding]]) -> None:
    """Put each finding in place of the one that stood there. Raises SetupError where the disk does not take it."""
    load.replace_findings(
        con, [(unsettled.call.call_id, unsettled.rulebook_version, finding) for unsettled, finding in settled]
    )
