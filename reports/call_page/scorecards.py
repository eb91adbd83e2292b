"""The scorecards of a call: its steps, their rules, and what was said for each."""

import msgspec

from callaudit.audit_rules.scorecard import LEAST_JUDGED
from callaudit.reports.call_page.marked_text import uncertain_words
from callaudit.reports.call_page.queries import EvidenceRow, FindingRow, Readings, ScorecardRow
from callaudit.reports.call_page.transcript import is_marked
from callaudit.reports.wording import (
    NOTHING,
    clock,
    counted,
    listed,
    percent,
    sentence,
)
from callaudit.transcription.transcript import Seconds

VERDICTS = {
    "met": "followed",
    "missed": "missed",
    "unsure": "unsure",
    "not_applicable": "not needed",
    "not_assessable": "cannot tell",
}
_ICONS = {
    "met": "\N{CHECK MARK}",
    "missed": "\N{MULTIPLICATION X}",
    "unsure": "\N{ALMOST EQUAL TO}",
    "not_assessable": "?",
    "not_applicable": NOTHING,
}
_SPOKEN_OF = ("met", "missed", "unsure")


_SAID = {"trigger": "Called for by", "near_miss": "Nearest"}


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of evidence as the scorecard shows it.

    `understood` says what the recogniser took the quote for, and how surely; `nearest_line` is the known line it is
    most like, which nobody said in this call.
    """

    label: str
    quote: str
    understood: str
    nearest_line: str
    note: str
    at: str
    seconds: Seconds | None
    href: str


class RuleLine(msgspec.Struct, frozen=True, kw_only=True):
    """One rule's verdict. `number` is the one in the transcript and on the timeline; None where nothing is marked.

    `hangs_on` is a word that decided it and that the recogniser was not sure of, "" if none.
    """

    rule_id: str
    number: int | None
    asks: str
    verdict: str
    css: str
    icon: str
    reason: str
    hangs_on: str
    quotes: tuple[Quote, ...]
    critical: bool
    trial: bool
    override: str
    can_review: bool


class StepLines(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a scorecard with the rules that were asked of this call."""

    title: str
    verdict: str
    css: str
    rules: tuple[RuleLine, ...]


class ScorecardLines(msgspec.Struct, frozen=True, kw_only=True):
    """One scorecard of the call."""

    name: str
    title: str
    chosen: bool
    scored: bool
    score: str
    points: str
    judged: str
    coverage: str
    critical: str
    steps: tuple[StepLines, ...]
    folded: tuple[tuple[str, tuple[RuleLine, ...]], ...]


def evidence_numbers(readings: Readings, scorecard: str) -> dict[str, int]:
    """A number for each finding that is marked in the transcript, in the order of the scorecard the page opens with."""
    marked = {row.rule_id for row in readings.evidence if is_marked(row)}
    judged = {row.rule_id for row in readings.findings if row.verdict in _SPOKEN_OF}
    first = [row.rule_id for row in readings.scorecard_rules if row.scorecard == scorecard]
    others = [row.rule_id for row in readings.findings]
    order = [rule for rule in dict.fromkeys([*first, *others]) if rule in marked & judged]
    return {rule: number for number, rule in enumerate(order, start=1)}


def scorecards_shown(readings: Readings, scorecard: str, numbers: dict[str, int]) -> tuple[ScorecardLines, ...]:
    """All scorecards of the call in the order of the warehouse; `scorecard` names the one that is open at first."""
    cards = sorted(readings.scorecards, key=lambda row: (row.scorecard != scorecard, row.scorecard))
    return tuple(_scorecard(readings, card, number == 0, numbers) for number, card in enumerate(cards))


def _scorecard(readings: Readings, card: ScorecardRow, chosen: bool, numbers: dict[str, int]) -> ScorecardLines:
    findings = {row.rule_id: row for row in readings.findings}
    places = [row for row in readings.scorecard_rules if row.scorecard == card.scorecard]
    steps: list[StepLines] = []
    not_needed: list[RuleLine] = []
    unseen: list[RuleLine] = []
    for step in (row for row in readings.steps if row.scorecard == card.scorecard):
        lines = [
            _rule_line(readings, findings[place.rule_id], place.critical, numbers)
            for place in places
            if place.step == step.step and place.rule_id in findings
        ]
        not_needed += [line for line in lines if line.css == "not_applicable"]
        asked = tuple(line for line in lines if line.css != "not_applicable")
        mixed = {"met", "missed"} <= {line.css for line in asked}
        if step.verdict == "not_assessable":
            unseen += asked
        elif asked:
            steps.append(
                StepLines(
                    title=step.step_title,
                    verdict=VERDICTS[step.verdict] if mixed else "",
                    css=step.verdict,
                    rules=asked,
                )
            )
    misses = card.critical_misses or 0
    return ScorecardLines(
        name=card.scorecard,
        title=card.scorecard_title,
        chosen=chosen,
        scored=card.score is not None,
        score=NOTHING if card.score is None else f"{card.score:.0f}",
        points=_points(card),
        judged=_judged(card),
        coverage=_coverage(card),
        critical=("Failed: " if card.failed else "") + counted(misses, "critical miss", "critical misses")
        if misses
        else "",
        steps=tuple(steps),
        folded=tuple(
            (f"{counted(len(lines), 'rule')} {told}", tuple(lines))
            for lines, told in ((unseen, "could not be judged"), (not_needed, "not needed on this call"))
            if lines
        ),
    )


def _points(card: ScorecardRow) -> str:
    if card.score is None:
        return "Not enough could be judged"
    met, judged = card.rules_met, card.rules_judged
    return f"{met} of {counted(judged, 'rule')} met"


def _judged(card: ScorecardRow) -> str:
    """How much of what the call called for was judged, and how much is unsure, beside the score; "" where all was."""
    if card.judged_share in (None, 1.0):
        return ""
    unsure = card.rules_unsure
    return f"{percent(card.judged_share)} judged" + (f", {counted(unsure, 'rule')} unsure" if unsure else "")


def _coverage(card: ScorecardRow) -> str:
    unsure, unseen = card.rules_unsure, card.rules_not_assessable
    outside = [f"{counted(unsure, 'rule')} {'is' if unsure == 1 else 'are'} unsure"] if unsure else []
    outside += [f"{counted(unseen, 'rule')} could not be judged"] if unseen else []
    told = sentence(f"{listed(outside)}, outside the score") if outside else ""
    if card.score is None and card.judged_share:
        told += (
            f" Only {percent(card.judged_share)} of what the call called for was judged; "
            f"under {percent(LEAST_JUDGED)} there is no score."
        )
    return told.strip()


def _rule_line(readings: Readings, finding: FindingRow, critical: bool, numbers: dict[str, int]) -> RuleLine:
    verdict = finding.verdict
    override = ""
    if finding.is_overridden:
        note = f": {finding.review_note}" if finding.review_note else ""
        was = VERDICTS[finding.rule_verdict]
        did = "decided" if finding.rule_verdict == "unsure" else "reversed"
        override = sentence(f"{finding.reviewed_by} {did} this (the rule said {was}){note}")
    return RuleLine(
        rule_id=finding.rule_id,
        number=numbers.get(finding.rule_id),
        asks=finding.asks or finding.rule_id,
        verdict=VERDICTS[verdict],
        css=verdict,
        icon=_ICONS[verdict],
        reason=sentence(finding.reason or ""),
        hangs_on="" if override else _hangs_on(readings, finding),
        quotes=_quotes(readings, finding),
        critical=critical and (verdict != "missed" or finding.is_proven),
        trial=finding.status == "trial",
        override=override,
        can_review=verdict in _SPOKEN_OF,
    )


_DECIDED_BY = {"met": "met", "missed": "against"}


def _hangs_on(readings: Readings, finding: FindingRow) -> str:
    """The first uncertain word, where each quote that decided the verdict holds one."""
    kind = _DECIDED_BY.get(finding.verdict)
    words = [
        _uncertain_word(readings, row.turn, row.char_start, row.char_end)
        for row in readings.evidence
        if (row.rule_id, row.kind) == (finding.rule_id, kind)
        and row.char_start is not None
        and row.char_end is not None
    ]
    return words[0] if words and all(words) else ""


def _uncertain_word(readings: Readings, at: int | None, first: int, last: int) -> str:
    text = next(turn.text for turn in readings.turns if turn.turn == at)
    said = [row for row in readings.utterances if row.turn == at]
    spans = (s for s in uncertain_words(said) if s[0] < last and s[1] > first)
    return next((text[start:end].strip(".,?!") for start, end in spans), "")


_QUOTES = 3
_LONGEST_QUOTE = 140


def _quotes(readings: Readings, finding: FindingRow) -> tuple[Quote, ...]:
    """The evidence of a finding worth showing beside its reason, without saying anything twice."""
    openings = {row.opened_by for row in readings.episodes}
    own = [row for row in readings.evidence if row.rule_id == finding.rule_id]
    # What made the call tense called for most rules: the transcript says it once, in its place.
    telling = [row for row in own if row.kind != "trigger" or row.quote not in openings]
    found: list[Quote] = []
    for row in telling or own[:1]:
        shown = _quote(row, finding)
        known = any((shown.quote, shown.at) == (other.quote, other.at) for other in found)
        if (shown.quote or shown.note or shown.at) and not known:
            found.append(shown)
    return tuple(found[:_QUOTES])


def _quote(row: EvidenceRow, finding: FindingRow) -> Quote:
    quote, note = row.quote or "", row.note or ""
    is_place = row.kind == "trigger" or is_marked(row)
    return Quote(
        label=_label(row, finding) if quote else "",
        quote=quote if len(quote) <= _LONGEST_QUOTE else quote[:_LONGEST_QUOTE].rsplit(" ", 1)[0] + " …",
        understood=_understood(row, finding) if quote else "",
        nearest_line=(row.nearest_line or "") if quote else "",
        note=note,
        at=clock(row.start_s) if row.start_s is not None and is_place else "",
        seconds=row.start_s if is_place else None,
        href=f"#turn-{row.turn}" if row.turn is not None and is_place else "",
    )


def _label(row: EvidenceRow, finding: FindingRow) -> str:
    """What called for the rule, the nearest, or what phrases heard."""
    by_phrases = row.act and finding.witness in ("phrases", "both")
    return _SAID.get(row.kind, "Heard:" if by_phrases else "")


def _understood(row: EvidenceRow, finding: FindingRow) -> str:
    """`understood as: apologises for (93%)`, where the recogniser had a say."""
    if not row.act or finding.witness not in ("recogniser", "both"):
        return ""
    sure = f" ({percent(row.probability)})" if row.probability is not None else ""
    return f"understood as: {row.act.replace('_', ' ')}{sure}"
