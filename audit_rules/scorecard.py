"""Findings in, scores out. A score never stands without its coverage."""

from collections.abc import Iterable, Mapping

import msgspec

from audit_rules.finding import Audit, Finding, Verdict
from audit_rules.rule import Scorecard, Step
from audit_rules.rulebook import Rulebook


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """`value` is 0 to 100, or None where nothing could be judged.

    `applicable` counts the rules that the call called for; `judged` those of them that got met or missed.
    """

    value: float | None
    met: int
    judged: int
    applicable: int

    @property
    def coverage(self) -> float | None:
        """Judged divided by applicable."""
        return self.judged / self.applicable if self.applicable else None


class StepScore(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a scorecard on one call."""

    step: Step
    score: Score
    findings: tuple[Finding, ...]


class CallScore(msgspec.Struct, frozen=True, kw_only=True):
    """One scorecard on one call."""

    scorecard: Scorecard
    score: Score
    steps: tuple[StepScore, ...]
    critical_misses: tuple[Finding, ...]


def score(audit: Audit, rulebook: Rulebook, scorecard: Scorecard) -> CallScore:
    """Weighted share of met among met and missed, over the live rules of each step and of the whole card."""
    live = {r.id for r in rulebook.rules if r.status == "live"}
    findings = {f.rule_id: f for f in audit.findings if f.rule_id in live}
    steps = tuple(
        StepScore(
            step=step,
            score=_score((findings[r], weight) for r, weight in step.rules.items() if r in findings),
            findings=tuple(findings[r] for r in step.rules if r in findings),
        )
        for step in scorecard.steps
    )
    return CallScore(
        scorecard=scorecard,
        score=_score(
            (findings[r], weight) for step in scorecard.steps for r, weight in step.rules.items() if r in findings
        ),
        steps=steps,
        critical_misses=_critical(findings, scorecard),
    )


def _critical(findings: Mapping[str, Finding], scorecard: Scorecard) -> tuple[Finding, ...]:
    return tuple(findings[r] for r in scorecard.critical if r in findings and findings[r].verdict is Verdict.MISSED)


def _score(weighted: Iterable[tuple[Finding, float]]) -> Score:
    pairs = list(weighted)
    judged = [(f, w) for f, w in pairs if f.verdict in (Verdict.MET, Verdict.MISSED)]
    total = sum(w for _, w in judged)
    met = [(f, w) for f, w in judged if f.verdict is Verdict.MET]
    return Score(
        value=100 * sum(w for _, w in met) / total if total else None,
        met=len(met),
        judged=len(judged),
        applicable=sum(f.verdict is not Verdict.NOT_APPLICABLE for f, _ in pairs),
    )
