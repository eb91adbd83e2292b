"""The round trip of reviews: findings drawn, judged on a form, taken back, compared, disputed."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from callaudit.audit_rules.evaluation.reviewed_calls import agreement_of_two
from callaudit.audit_rules.finding import Verdict
from callaudit.audit_rules.rule_files.yaml_document import suggest
from callaudit.flows.report_files import choose_week
from callaudit.flows.settings import Settings
from callaudit.reports.page import call_file_name
from callaudit.reports.reviews.accuracy import Reviewed, RuleAccuracy, accuracy_of
from callaudit.reports.reviews.form import SAID, Form, Row, Said, Turn, read_form, time_cell, write_form
from callaudit.reports.reviews.over_time import (
    NOTHING_YET,
    OverTime,
    ReviewerVerdict,
    advice,
    estimate_cell,
    over_time,
    pair_rows,
    recent,
    reviewer_rows,
    share_cell,
)
from callaudit.reports.statistics import Rate
from callaudit.transcription.errors import InputError
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.publish import publish
from callaudit.warehouse.published import Published, open_published
from callaudit.warehouse.reviews import (
    DisputeEvent,
    DisputeState,
    Drawn,
    Review,
    add_new_reviews,
    check_dispute,
    draw_random,
    draw_targeted,
    judged,
    record_sample,
    review_id,
    sampled,
    say_in_dispute,
    spoken,
    verdict_that_counts,
)

_SAYS = {verdict: word for word, verdict in SAID.items()}
_PROBLEMS_SHOWN = 50
_MONTHS_ON_A_FORM = 6
_WITHIN = "($week = '' or iso_week = $week) and ($since = '' or iso_week >= $since)"


class Sampled(msgspec.Struct, frozen=True, kw_only=True):
    """What a form asks."""

    path: Path
    week: str
    random: int
    targeted: int


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What came back: reviews that were new, known before, and rows left empty."""

    reviewer: str
    new: int
    known: int
    empty: int


@contextmanager
def written(settings: Settings) -> Iterator[Any]:
    """The writer's connection; what was written is published at the end."""
    con = open_writer(settings.warehouse)
    try:
        yield con
    except BaseException:
        con.close()
        raise
    publish(con, settings.published, mode=settings.access.published_mode)


def sample(
    settings: Settings,
    *,
    week: str,
    random: int,
    targeted: int,
    out: Path | None = None,
    rules: Collection[str] = (),
    blind: bool = True,
) -> Sampled:
    """Draw findings of an ISO week for review and write the form.

    Raises:
        InputError: the week has no calls, a rule is not known, or there is nothing to draw.
        SetupError: the form cannot be written.
        LockedError: a run holds the warehouse.
    """
    with open_published(settings.published) as published:
        chosen = choose_week(published, week, today=datetime.now(ZoneInfo(settings.site.timezone)).date())
        known = [row["rule_id"] for row in published.rows("select rule_id from rules order by rule_id")]
        so_far = recent(_over_time(published), _MONTHS_ON_A_FORM)
    for rule in rules:
        if rule not in known:
            raise InputError(f"no rule is called “{rule}”{suggest(rule, known)}", tries=("callaudit rules list",))
    path = out or Path(f"review-{chosen}.xlsx")
    with written(settings) as con:
        drawn = draw_random(con, week=chosen, size=random, rules=rules)
        doubtful = draw_targeted(
            con,
            week=chosen,
            size=targeted,
            scorecard=settings.report.scorecard,
            but={(d.call_id, d.rule_id) for d in drawn},
        )
        if not drawn and not doubtful:
            raise InputError(
                f"there is nothing to draw in {chosen}", why="No live rule judged a call of it met, missed or unsure."
            )
        rows = tuple(_row(d, settings, path, is_blind=blind and d.sample_kind == "random") for d in (*drawn, *doubtful))
        blind_calls = sorted({row.call_id for row in rows if row.is_blind})
        write_form(path, Form(rows=rows, words=_words(spoken(con, blind_calls))), so_far=so_far)
        record_sample(con, (*drawn, *doubtful), at=datetime.now(UTC))
    return Sampled(path=path, week=chosen, random=len(drawn), targeted=len(doubtful))


def _over_time(published: Published, *, week: str = "", since: str = "") -> OverTime:
    # A copy that an earlier callaudit published does not have the view.
    if not published.rows("select 1 from duckdb_views() where view_name = 'reviewer_verdicts'"):
        return NOTHING_YET
    return over_time(
        published.rows_as(
            ReviewerVerdict,
            f"select * from reviewer_verdicts where {_WITHIN} order by reviewer, call_id, rule_id",  # noqa: S608 - Ours.
            {"week": week, "since": since},
        )
    )


def _row(drawn: Drawn, settings: Settings, form: Path, *, is_blind: bool) -> Row:
    # A call's page shows the rule's verdict, so a blind row leads to the recording alone.
    copy = settings.audio / f"{drawn.sha256[:40]}.webm"
    page = settings.reports / "calls" / call_file_name(drawn.call_id)
    recording = copy if drawn.sha256 and copy.exists() else None
    # A quiet call has no page unless the settings ask for one.
    target = recording if is_blind or (recording and not page.exists()) else page
    row = Row(
        sample_id=drawn.sample_id,
        call_id=drawn.call_id,
        rule_id=drawn.rule_id,
        rulebook=drawn.rulebook_version,
        asks=drawn.asks,
        is_blind=is_blind,
        listen=_relative(target, form) if target else "",
    )
    if is_blind:
        return msgspec.structs.replace(row, tense_from=time_cell(drawn.tense_from))
    return msgspec.structs.replace(
        row,
        drawn_for=drawn.drawn_for,
        rule_says=_SAYS[drawn.rule_verdict],
        reason=drawn.reason,
        quote=drawn.quote,
        at=time_cell(drawn.at_s),
    )


def _words(turns: Sequence[tuple[str, float | None, str, str]]) -> tuple[Turn, ...]:
    return tuple(Turn(call=call, at=time_cell(start), who=role, words=text) for call, start, role, text in turns)


def _relative(target: Path, form: Path) -> str:
    import os.path  # noqa: PLC0415 - pathlib walks up only from Python 3.12 on.

    return Path(os.path.relpath(target.absolute(), form.absolute().parent)).as_posix()


def import_reviews(settings: Settings, path: Path, *, reviewer: str = "") -> Imported:
    """Take a form back, or the marks of a call's page: all of it or nothing; what is known already adds nothing.

    A form's judgements are dated by this import, a page's by the page.

    Raises:
        InputError: the file is no form, nobody is named as the reviewer, or rows cannot be taken; lists them all.
        LockedError: a run holds the warehouse.
    """
    filled = read_form(path)
    who = (reviewer or filled.reviewer).strip()
    if not who:
        raise InputError(f"{path.name} does not say who judged", tries=("--reviewer NAME", "or the form's own cell"))
    now = datetime.now(UTC)
    with written(settings) as con:
        problems = [
            *filled.problems,
            *_unknown(filled.said, judged(con, {s.call_id for s in filled.said}), sampled(con)),
        ]
        if problems:
            more = f"\n  and {len(problems) - _PROBLEMS_SHOWN} more" if len(problems) > _PROBLEMS_SHOWN else ""
            raise InputError(
                f"nothing of {path.name} was taken: {len(problems)} of its rows cannot be",
                why="\n  ".join(problems[:_PROBLEMS_SHOWN]) + more,
                tries=("put these rows right, or empty them, and import the file again",),
            )
        new = add_new_reviews(con, [_review(said, who, now) for said in filled.said])
    return Imported(reviewer=who, new=new, known=len(filled.said) - new, empty=filled.empty)


def _review(said: Said, reviewer: str, now: datetime) -> Review:
    review = Review(
        review_id="",
        call_id=said.call_id,
        rule_id=said.rule_id,
        rulebook_version=said.rulebook,
        verdict=said.verdict,
        reviewer=reviewer,
        reviewed_at=said.said_at or now,
        note=said.note,
        sample_id=said.sample_id or None,
        is_blind=said.is_blind,
    )
    return msgspec.structs.replace(review, review_id=review_id(review))


def _unknown(
    said: Sequence[Said], findings: Collection[tuple[str, str, str]], samples: Collection[tuple[str, str, str]]
) -> Iterator[str]:
    """What is wrong with each row, as far as the warehouse knows."""
    calls = {call for call, _, _ in findings}
    rules = {(call, rule) for call, rule, _ in findings}
    for one in said:
        if one.call_id not in calls:
            yield f"{one.place}: no call is called “{one.call_id}”"
        elif (one.call_id, one.rule_id) not in rules:
            names = sorted(rule for call, rule in rules if call == one.call_id)
            yield f"{one.place}: no rule “{one.rule_id}” judged {one.call_id}{suggest(one.rule_id, names)}"
        elif (one.call_id, one.rule_id, one.rulebook) not in findings and not one.sample_id:
            yield f"{one.place}: {one.call_id} was not judged by rulebook {one.rulebook}, or was heard anew since"
        elif one.sample_id and (one.sample_id, one.call_id, one.rule_id) not in samples:
            yield f"{one.place}: {one.rule_id} on {one.call_id} was not drawn in {one.sample_id}"


def dispute(settings: Settings, call_id: str, rule_id: str, *, by: str, note: str) -> None:
    """Open a dispute about a finding; its verdict stays until somebody resolves the dispute or reviews the finding."""
    with written(settings) as con:
        event = DisputeEvent(call_id=call_id, rule_id=rule_id, state="open", by=by, at=datetime.now(UTC), note=note)
        check_dispute(con, event)
        say_in_dispute(con, event)


def resolve(settings: Settings, call_id: str, rule_id: str, *, by: str, verdict: Verdict | None, note: str) -> str:
    """Close a dispute: upheld without a `verdict` or with the one that counts now, else overturned by a review.

    Returns the state. Raises InputError where no dispute is open.
    """
    now = datetime.now(UTC)
    with written(settings) as con:
        counts = verdict_that_counts(con, call_id, rule_id)
        overturned = verdict is not None and counts is not None and counts[0] is not verdict
        state: DisputeState = "overturned" if overturned else "upheld"
        event = DisputeEvent(call_id=call_id, rule_id=rule_id, state=state, by=by, at=now, note=note)
        check_dispute(con, event)
        if overturned and verdict is not None and counts is not None:
            said = Said(place="", call_id=call_id, rule_id=rule_id, rulebook=counts[1], verdict=verdict, note=note)
            add_new_reviews(con, [_review(said, by, now)])
        say_in_dispute(con, event)
    return state


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Tables to show, by heading; each row maps a column's head to its cell. `advice` is what to do first."""

    tables: dict[str, list[dict[str, object]]]
    reviews: int
    advice: tuple[str, ...] = ()


class _Reviewed(Reviewed, frozen=True, kw_only=True):
    """The same of one reviewer; `is_newest` says that nobody judged the finding later."""

    call_id: str
    reviewer: str
    is_newest: bool


def report(settings: Settings, *, week: str = "", since: str = "") -> Report:
    """How far people agree with each other and with the rules, what they said of each verdict, and what is disputed.

    Precision, recall and kappa come from the random samples alone. `week` and `since` are of the calls.
    """
    span = {"week": week, "since": since}
    with open_published(settings.published) as published:
        drawn = published.rows_as(
            _Reviewed,
            f"select * from random_reviews where {_WITHIN} order by rule_id, call_id, reviewer",  # noqa: S608 - Ours.
            span,
        )
        total = published.value(
            int,
            f"select count(*) from reviews join core.calls using (call_id) where {_WITHIN}",  # noqa: S608 - Ours.
            span,
        )
        disputes = published.rows(
            f"""
            select d.* from disputes d join core.calls using (call_id) where {_WITHIN}
            order by dispute_state <> 'open', opened_at, call_id, rule_id
            """,  # noqa: S608 - Ours.
            span,
        )
        months = _over_time(published, week=week, since=since)
    rules = accuracy_of(one for one in drawn if one.is_newest)
    return Report(
        tables={
            "Rules against people (random samples; of misses)": [_accuracy_row(a) for a in rules.values()],
            "What people said of each verdict": [row for a in rules.values() for row in _calibration_rows(a)],
            "Reviewers with each other (random samples)": list(_pairs(drawn)),
            "Reviewers with each other, by month": pair_rows(months),
            "How often reviewers reverse the rule, by month": reviewer_rows(months),
            "Disputes": [
                {
                    "call": d["call_id"], "rule": d["rule_id"], "state": d["dispute_state"], "by": d["disputed_by"],
                    "note": d["note"], "rule says": d["rule_verdict"], "counts": d["verdict"],
                    "last": f"{d['last_said_by']}: {d['last_note']}" if d["dispute_state"] != "open" else "",
                }
                for d in disputes
            ],
        },
        reviews=total,
        advice=advice(months),
    )  # fmt: skip


def _accuracy_row(found: RuleAccuracy) -> dict[str, object]:
    return {
        "rule": found.rule_id,
        "judged": found.judged,
        "precision": share_cell(found.precision),
        "recall": share_cell(found.recall),
        "agreed": share_cell(found.agreed),
        "kappa": estimate_cell(found.kappa),
        "rule unsure": sum(found.of_unsure.values()),
        "cannot tell": found.untold,
    }


def _calibration_rows(found: RuleAccuracy) -> Iterator[dict[str, object]]:
    said = {rule: {p: n for (r, p), n in found.pairs.items() if r is rule} for rule in (Verdict.MET, Verdict.MISSED)}
    for rule, of in (said | {Verdict.UNSURE: found.of_unsure}).items():
        if of:
            yield {
                "rule": found.rule_id,
                "rule says": _SAYS[rule],
                "people: met": of.get(Verdict.MET, 0),
                "missed": of.get(Verdict.MISSED, 0),
                "not applicable": of.get(Verdict.NOT_APPLICABLE, 0),
            }


def _pairs(drawn: Sequence[_Reviewed]) -> Iterator[dict[str, object]]:
    """Every two reviewers who judged the same findings."""
    by_reviewer: dict[str, dict[tuple[str, str], Verdict]] = {}
    for row in drawn:
        by_reviewer.setdefault(row.reviewer, {})[row.call_id, row.rule_id] = row.verdict
    for one, other in combinations(sorted(by_reviewer), 2):
        agreement = agreement_of_two(by_reviewer[one], by_reviewer[other])
        if agreement is not None:
            yield {
                "reviewers": f"{one} and {other}",
                "both judged": agreement.both,
                "agreed": share_cell(Rate.of(agreement.agreed, agreement.both)),
                "kappa": estimate_cell(agreement.kappa),
            }
