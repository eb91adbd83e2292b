"""Findings drawn for people to judge, their judgements, and what is contested.

A random sample says how often a rule is right; a targeted one finds mistakes and says nothing of their rate. They are
kept apart by the id of the sample that each review carries.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Literal

import duckdb
import msgspec

from callaudit.audit_rules.finding import Verdict
from callaudit.transcription.errors import InputError
from callaudit.warehouse.session import disk_full_as_setup_error, rows_of, transaction

SampleKind = Literal["random", "targeted"]
DisputeState = Literal["open", "upheld", "overturned"]


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """A finding that people are asked to judge, with what they need to find it.

    `tense_from` is where the call turned tense, the same for every rule of a call, so that it gives no verdict away.
    """

    sample_id: str
    sample_kind: SampleKind
    call_id: str
    rule_id: str
    rulebook_version: str
    rule_verdict: Verdict
    drawn_for: str
    asks: str
    reason: str
    quote: str
    at_s: float | None
    tense_from: float | None
    sha256: str


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """A person's verdict on a finding. The newest one of a call and rule counts, whichever rulebook judged."""

    review_id: str
    call_id: str
    rule_id: str
    verdict: Verdict
    reviewer: str
    reviewed_at: datetime
    rulebook_version: str | None = None
    note: str = ""
    sample_id: str | None = None
    is_blind: bool | None = None


_FINDINGS = """
    select f.call_id, f.rule_id, f.rulebook_version, f.rule_verdict, r.asks, coalesce(f.reason, '') as reason,
        coalesce(f.evidence[f.shown].quote, '') as quote, f.evidence[f.shown].start_s as at_s,
        (select min(e.start_s) from core.episodes e
         where e.call_id = f.call_id and e.rulebook_version = f.rulebook_version) as tense_from,
        coalesce(c.sha256, '') as sha256, c.confidence, c.role_confidence, c.upset, r.applies, f.evidence, f.verdict,
        f.reviewed_by,
        sha256(concat_ws(chr(31), $seed, f.call_id, f.rule_id)) as lot
    from core.current_findings f
    join calls c on c.call_id = f.call_id
    join core.rules r on r.rulebook_version = f.rulebook_version and r.rule_id = f.rule_id and r.status = 'live'
    where c.iso_week = $week
"""
_JUDGED = f"{_FINDINGS} and f.rule_verdict in ('met', 'missed', 'unsure')"
_KINDS_BESIDE_UNSURE = 5


def draw_random(
    con: duckdb.DuckDBPyConnection, *, week: str, size: int, rules: Collection[str] = (), seed: str = ""
) -> tuple[Drawn, ...]:
    """A simple random sample of the findings that live rules judged met, missed or unsure in an ISO week.

    Each finding's lot is a hash of the seed (the week), call and rule, and the lowest lots are drawn (permanent random
    numbers: Ohlsson 1995), so that the same week gives the same sample, a larger one holds the smaller one, and
    among the findings of each rule the draw is random however often, and for whichever `rules`, it is asked for.
    Findings that somebody judged already are not left out: that would bias the sample.
    """
    answer = con.execute(
        f"""
        select *, 'random' as drawn_for, 'random' as sample_kind, $week || '-random' as sample_id from ({_JUDGED})
        where len($rules) = 0 or list_contains($rules, rule_id)
        order by lot, call_id, rule_id limit $size
        """,  # noqa: S608 - Ours.
        {"week": week, "seed": seed or week, "size": size, "rules": sorted(rules)},
    )
    return tuple(rows_of(answer, Drawn))


def draw_targeted(
    con: duckdb.DuckDBPyConnection, *, week: str, size: int, scorecard: str, but: Collection[tuple[str, str]] = ()
) -> tuple[Drawn, ...]:
    """The findings of a week that are most worth a second look, each kind in turn; none that was judged or is in `but`.

    What is unsure leads every turn, with as many findings as all other kinds together: of each call first the critical
    or weightiest one. The others are critical misses; misses with a near miss; steps that one more miss or one less
    would tip; findings in calls of which the words or the roles are least sure; and quiet calls, each by the weightiest
    rule that waits for an upset customer, so that upset which nobody noticed is found. No rate may be told from them.
    """
    answer = con.execute(
        f"""
        with every as ({_FINDINGS}),
        found as (from every where rule_verdict in ('met', 'missed', 'unsure')),
        weighed as (
            select rule_id, bool_or(critical) as critical, sum(weight) as weight
            from scorecard_rules where scorecard = $scorecard group by rule_id
        ),
        doubtful as (
            select call_id, rule_id, 0 as kind, 'unsure' as drawn_for,
                row_number() over (
                    partition by call_id order by critical desc nulls last, weight desc nulls last, lot
                )::double as doubt
            from found left join weighed using (rule_id) where rule_verdict = 'unsure'
            union all
            select call_id, rule_id, 1, 'critical miss', 0.0 from found
            where rule_verdict = 'missed' and rule_id in (
                select w.rule_id from scorecard_rules w where w.scorecard = $scorecard and w.critical
            )
            union all
            select call_id, rule_id, 2, 'near miss', 0.0 from found
            where rule_verdict = 'missed' and len(list_filter(evidence, lambda e: e.kind = 'near_miss')) > 0
            union all
            select call_id, rule_id, 3, 'tips its step', abs(s.share - 0.5) from found
            join call_steps s using (call_id) join scorecard_rules w using (scorecard, step, rule_id)
            where s.scorecard = $scorecard and s.verdict in ('met', 'missed') and s.rules_met + s.rules_missed > 1
                and (s.share >= 0.5) <> (s.share + if(found.verdict = 'met', -w.weight, w.weight) / s.weight_judged
                    >= 0.5)
            union all
            select call_id, rule_id, 4, 'unclear words', coalesce(role_confidence, 1) * coalesce(confidence, 1) as sure
            from found where rule_verdict = 'missed' and sure < 0.8
            union all
            (select call_id, rule_id, 5, 'quiet call', 0.0
            from every join weighed using (rule_id)
            where rule_verdict = 'not_applicable' and applies = 'upset' and upset = 'none'
            qualify row_number() over (partition by call_id order by weight desc, rule_id) = 1)
        ),
        first_reason as (
            select * from doubtful
            qualify row_number() over (partition by call_id, rule_id order by kind) = 1
        )
        select every.*, drawn_for, 'targeted' as sample_kind, $week || '-targeted' as sample_id
        from first_reason join every using (call_id, rule_id)
        where reviewed_by is null and not list_contains($but, call_id || chr(31) || rule_id)
        order by (row_number() over (partition by kind order by doubt, lot) - 1)
            // if(kind = 0, {_KINDS_BESIDE_UNSURE}, 1), kind, lot
        limit $size
        """,  # noqa: S608 - Ours.
        {
            "week": week,
            "seed": week,
            "size": size,
            "scorecard": scorecard,
            "but": ["\x1f".join(key) for key in sorted(but)],
        },
    )
    return tuple(rows_of(answer, Drawn))


def record_sample(con: duckdb.DuckDBPyConnection, drawn: Sequence[Drawn], *, at: datetime) -> int:
    """Keep what was drawn; what was drawn before keeps its time and the verdict of then. Returns how many were new."""
    known = {
        (s, c, r) for s, c, r in con.execute("select sample_id, call_id, rule_id from core.review_samples").fetchall()
    }
    new = [d for d in drawn if (d.sample_id, d.call_id, d.rule_id) not in known]
    for d in new:
        con.execute(
            """
            insert into core.review_samples by name
            select $sample_id as sample_id, $sample_kind as sample_kind, $call_id as call_id, $rule_id as rule_id,
                $rulebook_version as rulebook_version, $rule_verdict as rule_verdict, $drawn_for as drawn_for,
                $at as drawn_at
            """,
            {
                "sample_id": d.sample_id, "sample_kind": d.sample_kind, "call_id": d.call_id, "rule_id": d.rule_id,
                "rulebook_version": d.rulebook_version, "rule_verdict": d.rule_verdict.value,
                "drawn_for": d.drawn_for, "at": at,
            },
        )  # fmt: skip
    return len(new)


def sampled(con: duckdb.DuckDBPyConnection) -> set[tuple[str, str, str]]:
    """Every (sample, call, rule) that was drawn."""
    rows = con.execute("select sample_id, call_id, rule_id from core.review_samples").fetchall()
    return {(s, c, r) for s, c, r in rows}


def judged(con: duckdb.DuckDBPyConnection, call_ids: Collection[str]) -> set[tuple[str, str, str]]:
    """Every (call, rule, rulebook version) of the audits of these calls."""
    rows = con.execute(
        "select call_id, rule_id, rulebook_version from core.findings where list_contains($calls, call_id)",
        {"calls": sorted(call_ids)},
    ).fetchall()
    return {(c, r, v) for c, r, v in rows}


def add_new_reviews(con: duckdb.DuckDBPyConnection, reviews: Iterable[Review]) -> int:
    """Add reviews in which a person says something new of a finding. Returns how many did.

    A review is known when the person said the same of the same call, rule and sample last, so a file that comes in
    twice adds nothing, and a person who comes to another view, or back to the first, is heard again.
    """
    said: dict[tuple[Any, ...], tuple[str, str]] = {}
    for *key, verdict, note in con.execute(
        """
        select reviewer, call_id, rule_id, coalesce(sample_id, ''), verdict, note from core.reviews
        qualify row_number() over (
            partition by reviewer, call_id, rule_id, sample_id order by reviewed_at desc, review_id desc
        ) = 1
        """
    ).fetchall():
        said[tuple(key)] = verdict, note
    return add_reviews(
        con,
        [
            r
            for r in reviews
            if said.get((r.reviewer, r.call_id, r.rule_id, r.sample_id or "")) != (r.verdict.value, r.note)
        ],
    )


def review_id(review: Review) -> str:
    """An id by which the same judgement, made at the same time by the same person, is known again."""
    told = (review.call_id, review.rule_id, review.reviewer, review.reviewed_at.isoformat(), review.sample_id or "",
            review.verdict.value, review.note)  # fmt: skip
    return hashlib.sha256("\x1f".join(told).encode()).hexdigest()[:32]


def verdict_that_counts(con: duckdb.DuckDBPyConnection, call_id: str, rule_id: str) -> tuple[Verdict, str] | None:
    """A finding's verdict, a person's before the rule's, and its rulebook; None where there is no such finding."""
    row = con.execute(
        "select verdict, rulebook_version from core.current_findings where call_id = ? and rule_id = ?",
        [call_id, rule_id],
    ).fetchone()
    return None if row is None else (Verdict(row[0]), str(row[1]))


def spoken(con: duckdb.DuckDBPyConnection, call_ids: Collection[str]) -> list[tuple[str, float | None, str, str]]:
    """Call, start in seconds, role and words of every turn of these calls."""
    return con.execute(
        "select call_id, start_s, speaker, text from turns where list_contains($calls, call_id) order by call_id, turn",
        {"calls": sorted(call_ids)},
    ).fetchall()


class DisputeEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something said in a dispute about a finding: "open" begins it, "upheld" and "overturned" close it."""

    call_id: str
    rule_id: str
    state: DisputeState
    by: str
    at: datetime
    note: str


def check_dispute(con: duckdb.DuckDBPyConnection, event: DisputeEvent) -> None:
    """Raises InputError where there is no such finding, a dispute is open already, or there is none to close."""
    key = [event.call_id, event.rule_id]
    if not con.execute("select 1 from core.current_findings where call_id = ? and rule_id = ?", key).fetchall():
        raise InputError(
            f"{event.call_id} has no verdict by {event.rule_id}", tries=("callaudit calls list", "callaudit rules list")
        )
    before = con.execute("select dispute_state from disputes where call_id = ? and rule_id = ?", key).fetchall()
    is_open = before == [("open",)]
    if event.state == "open" and is_open:
        raise InputError(
            f"{event.rule_id} on {event.call_id} is disputed already", tries=("callaudit review resolve CALL RULE",)
        )
    if event.state != "open" and not is_open:
        raise InputError(
            f"no dispute about {event.rule_id} on {event.call_id} is open",
            tries=("callaudit review dispute CALL RULE",),
        )


def say_in_dispute(con: duckdb.DuckDBPyConnection, event: DisputeEvent) -> None:
    """Keep what was said; what was said before stays."""
    told = "\x1f".join((event.call_id, event.rule_id, event.state, event.by, event.at.isoformat(), event.note))
    con.execute(
        """
        insert into core.dispute_events by name
        select $event_id as event_id, $call_id as call_id, $rule_id as rule_id, $state as dispute_state,
            $by as said_by, $at as said_at, $note as note
        """,
        {"event_id": hashlib.sha256(told.encode()).hexdigest()[:32], **msgspec.structs.asdict(event)},
    )


@disk_full_as_setup_error()
def add_reviews(con: duckdb.DuckDBPyConnection, reviews: Iterable[Review]) -> int:
    """Add what people judged; a review that is known by its id is left as it is. Returns how many were new."""
    rows = {r.review_id: r for r in reviews}
    with transaction(con):
        known = {i for (i,) in con.execute("select review_id from core.reviews").fetchall()}
        new = [rows[i] for i in sorted(rows.keys() - known)]
        for r in new:
            con.execute(
                """
                insert into core.reviews by name
                select $review_id as review_id, $call_id as call_id, $rule_id as rule_id,
                       $rulebook_version as rulebook_version, $verdict as verdict, $reviewer as reviewer,
                       $reviewed_at as reviewed_at, $note as note, $sample_id as sample_id, $is_blind as is_blind
                """,
                {**msgspec.structs.asdict(r), "verdict": r.verdict.value},
            )
    return len(new)
