"""Verdicts in, scores out. A score never stands without its coverage."""

from collections.abc import Collection, Iterable, Mapping
from math import fsum
from typing import Protocol

import msgspec

from callaudit.audit_rules.finding import Finding, Verdict
from callaudit.audit_rules.rule import Rule, Scorecard

LEAST_JUDGED = 0.5
"""A call gets no score where less than this share of the weight it called for was met or missed."""


class WithRules(Protocol):
    """What of a rulebook a score needs: whether each rule is live."""

    @property
    def rules(self) -> tuple[Rule, ...]: ...  # noqa: D102  As the class says.


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


class CallScore(msgspec.Struct, frozen=True, kw_only=True):
    """One scorecard on one call: its score, those of its steps in their order, and the critical rules missed.

    `failed` where a critical miss fails a call, and then the score is 0.
    """

    scorecard: Scorecard
    score: Score
    steps: tuple[Score, ...]
    critical_misses: tuple[str, ...]
    failed: bool = False


class ScoreChange(msgspec.Struct, frozen=True, kw_only=True):
    """A call whose score is another one now; None where it has none. `failed`: now 0 for a critical miss."""

    call_id: str
    agent: str
    before: float | None
    after: float | None
    failed: bool


class ScoresCompared(msgspec.Struct, frozen=True, kw_only=True):
    """Two ways of scoring the same calls: the mean of each over the calls it scores, and the largest changes first."""

    old: str
    new: str
    calls: int
    mean_before: float | None
    mean_after: float | None
    changes: tuple[ScoreChange, ...]


def compared(old: str, new: str, scores: Iterable[tuple[str, str, CallScore, CallScore]]) -> ScoresCompared:
    """What becomes of the scores, each given as call id, agent, score before, score now."""
    before: list[float] = []
    after: list[float] = []
    changes: list[ScoreChange] = []
    calls = 0
    for call_id, agent, was, now in scores:
        calls += 1
        before += [] if was.score.value is None else [was.score.value]
        after += [] if now.score.value is None else [now.score.value]
        if was.score.value != now.score.value or was.failed is not now.failed:
            changes.append(
                ScoreChange(
                    call_id=call_id, agent=agent, before=was.score.value, after=now.score.value, failed=now.failed
                )
            )
    changes.sort(key=lambda c: (-abs((c.after or 0.0) - (c.before or 0.0)), c.call_id))
    return ScoresCompared(
        old=old, new=new, calls=calls, mean_before=_mean(before), mean_after=_mean(after), changes=tuple(changes)
    )


def _mean(values: list[float]) -> float | None:
    return fsum(values) / len(values) if values else None


def verdicts_of(found: Iterable[Finding]) -> dict[str, Verdict]:
    """The verdicts by rule id."""
    return {finding.rule_id: finding.verdict for finding in found}


def unproven(found: Iterable[Finding]) -> frozenset[str]:
    """The rules whose miss is not proven enough to be critical."""
    return frozenset(finding.rule_id for finding in found if not finding.is_proven)


def score(
    verdicts: Mapping[str, Verdict], rulebook: WithRules, scorecard: Scorecard, *, unproven: Collection[str] = ()
) -> CallScore:
    """Weighted share of met among met and missed, over the live rules of each step and of the whole card.

    The whole card has no value where less than `LEAST_JUDGED` of what was called for was judged. A call that fails for
    a critical miss has 0 whatever was judged: what was missed is known. A miss of an `unproven` rule is not critical,
    and none of a rule that stands in no step.
    """
    live = {r.id for r in rulebook.rules if r.status == "live"}
    steps = [
        [(verdicts[r], weight) for r, weight in step.rules.items() if r in live and r in verdicts]
        for step in scorecard.steps
    ]
    whole = _score([pair for step in steps for pair in step], least=LEAST_JUDGED)
    counted = live.intersection(scorecard.rules).difference(unproven)
    critical = tuple(r for r in scorecard.critical if r in counted and verdicts.get(r) is Verdict.MISSED)
    failed = scorecard.critical_fails_call and bool(critical)
    return CallScore(
        scorecard=scorecard,
        score=msgspec.structs.replace(whole, value=0.0) if failed else whole,
        steps=tuple(map(_score, steps)),
        critical_misses=critical,
        failed=failed,
    )


def _score(weighted: Iterable[tuple[Verdict, float]], *, least: float = 0.0) -> Score:
    pairs = [(v, w) for v, w in weighted if v is not Verdict.NOT_APPLICABLE]
    judged = [(v, w) for v, w in pairs if v in (Verdict.MET, Verdict.MISSED)]
    total = sum(w for _, w in judged)
    # Rounded, so that the order in which weights are added up decides nothing at the limit.
    share = round(total / sum(w for _, w in pairs), 9) if pairs else None
    met = [w for v, w in judged if v is Verdict.MET]
    return Score(
        value=100 * sum(met) / total if total and share is not None and share >= least else None,
        met=len(met),
        judged=len(judged),
        unsure=sum(v is Verdict.UNSURE for v, _ in pairs),
        applicable=len(pairs),
        judged_share=share,
    )
