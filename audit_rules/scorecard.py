"""Findings in, scores out. A score never stands without its coverage."""

from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from audit_rules.finding import Audit, Finding, Verdict
from audit_rules.rule import Rule, Scorecard, Step

LEAST_JUDGED = 0.5
"""A call gets no score where less than this share of the weight it called for was met or missed."""


class WithRules(Protocol):
    """What of a rulebook a score needs: whether each rule is live."""

    @property
    def rules(self) -> tuple[Rule, ...]: ...  # noqa: D102


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """`value` is 0 to 100, or None where too little could be judged.

    `applicable` counts the rules that the call called for, `judged` those of them that got met or missed, `unsure`
    those that a person should listen to. `judged_share` is judged divided by called for, by weight, 0 to 1; None where
    nothing was called for.
    """

    value: float | None
    met: int
    judged: int
    unsure: int
    applicable: int
    judged_share: float | None

    @property
    def coverage(self) -> float | None:
        """Judged divided by applicable."""
        return self.judged / self.applicable if self.applicable else None

    @property
    def unsure_share(self) -> float | None:
        """Unsure divided by applicable."""
        return self.unsure / self.applicable if self.applicable else None


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


def score(audit: Audit, rulebook: WithRules, scorecard: Scorecard) -> CallScore:
    """Weighted share of met among met and missed, over the live rules of each step and of the whole card.

    The whole card has no value where less than `LEAST_JUDGED` of what was called for was judged.
    """
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
            ((findings[r], weight) for step in scorecard.steps for r, weight in step.rules.items() if r in findings),
            least=LEAST_JUDGED,
        ),
        steps=steps,
        critical_misses=_critical(findings, scorecard),
    )


def _critical(findings: Mapping[str, Finding], scorecard: Scorecard) -> tuple[Finding, ...]:
    return tuple(findings[r] for r in scorecard.critical if r in findings and findings[r].verdict is Verdict.MISSED)


def _score(weighted: Iterable[tuple[Finding, float]], *, least: float = 0.0) -> Score:
    pairs = [(f, w) for f, w in weighted if f.verdict is not Verdict.NOT_APPLICABLE]
    judged = [(f, w) for f, w in pairs if f.verdict in (Verdict.MET, Verdict.MISSED)]
    total = sum(w for _, w in judged)
    # Rounded, so that the order in which weights are added up decides nothing at the limit.
    share = round(total / sum(w for _, w in pairs), 9) if pairs else None
    met = [(f, w) for f, w in judged if f.verdict is Verdict.MET]
    return Score(
        value=100 * sum(w for _, w in met) / total if total and share is not None and share >= least else None,
        met=len(met),
        judged=len(judged),
        unsure=sum(f.verdict is Verdict.UNSURE for f, _ in pairs),
        applicable=len(pairs),
        judged_share=share,
    )
