"""How far reviewers agree with each other, and how often each reverses the rule, by the month in which they judged."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import combinations

import msgspec

from callaudit.audit_rules.evaluation.estimates import Estimate
from callaudit.audit_rules.evaluation.reviewed_calls import agreement_of_two
from callaudit.audit_rules.finding import Verdict
from callaudit.reports.reviews.accuracy import MINIMUM
from callaudit.reports.statistics import Rate
from callaudit.reports.wording import between, month, percent

LOW = 0.6
"""Agreement is low where the whole range of kappa lies below. From here on it is substantial (Landis and Koch 1977)."""

TOO_FEW = "too few to tell"


class PairMonth(msgspec.Struct, frozen=True, kw_only=True):
    """Two reviewers in the month, as in `2026-03`, in which the later of them judged.

    `apart` counts by rule the findings of which they say different things; `of_rule` those that both judged.
    """

    month: str
    reviewers: tuple[str, str]
    agreed: Rate
    kappa: Estimate | None
    of_rule: dict[str, int]
    apart: dict[str, int]

    @property
    def is_told(self) -> bool:
        """Whether both judged enough of the same findings."""
        return self.agreed.n >= MINIMUM

    @property
    def is_low(self) -> bool:
        """Whether they clearly agree too little: the whole range of kappa lies below `LOW`."""
        return self.is_told and bool(self.kappa and self.kappa.interval and self.kappa.interval[1] < LOW)


class ReviewerMonth(msgspec.Struct, frozen=True, kw_only=True):
    """One reviewer in a month: `reversed_` counts findings that the rule judged and the person could tell."""

    month: str
    reviewer: str
    reversed_: Rate


class OverTime(msgspec.Struct, frozen=True, kw_only=True):
    """Newest month first."""

    pairs: tuple[PairMonth, ...]
    reviewers: tuple[ReviewerMonth, ...]


class ReviewerVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What one reviewer says of a finding; `is_reversed` is None where the rule or the reviewer could not tell."""

    reviewer: str
    sample_id: str | None
    call_id: str
    rule_id: str
    verdict: Verdict
    is_reversed: bool | None
    reviewed_month: str


NOTHING_YET = OverTime(pairs=(), reviewers=())


_Finding = tuple[str | None, str, str]
"""Sample, call and rule."""


def over_time(verdicts: Iterable[ReviewerVerdict]) -> OverTime:
    """Pairs and reviewers by month."""
    judged: dict[str, dict[_Finding, ReviewerVerdict]] = {}
    told: dict[tuple[str, str], list[bool]] = {}
    for one in verdicts:
        judged.setdefault(one.reviewer, {})[one.sample_id, one.call_id, one.rule_id] = one
        told.setdefault((one.reviewed_month, one.reviewer), []).extend(
            [] if one.is_reversed is None else [one.is_reversed]
        )
    pairs = [
        pair
        for one, other in combinations(sorted(judged), 2)
        for pair in _pair_months((one, other), judged[one], judged[other])
    ]
    reviewers = [
        ReviewerMonth(month=when, reviewer=who, reversed_=Rate.of(sum(said), len(said)))
        for (when, who), said in sorted(told.items())
    ]
    return OverTime(
        pairs=tuple(sorted(pairs, key=lambda p: p.month, reverse=True)),
        reviewers=tuple(sorted(reviewers, key=lambda r: r.month, reverse=True)),
    )


def _pair_months(
    names: tuple[str, str],
    one: Mapping[_Finding, ReviewerVerdict],
    other: Mapping[_Finding, ReviewerVerdict],
) -> Iterator[PairMonth]:
    by_month: dict[str, list[_Finding]] = {}
    for key in sorted(one.keys() & other.keys()):
        # Until the later of two has judged there is nothing to compare.
        by_month.setdefault(max(one[key].reviewed_month, other[key].reviewed_month), []).append(key)
    for when, keys in by_month.items():
        says = [{(call, rule): of[sample, call, rule].verdict for sample, call, rule in keys} for of in (one, other)]
        agreement = agreement_of_two(*says)
        if agreement is not None:
            yield PairMonth(
                month=when,
                reviewers=names,
                agreed=Rate.of(agreement.agreed, agreement.both),
                kappa=agreement.kappa,
                of_rule=dict(Counter(rule for _, rule in says[0])),
                apart=dict(Counter(rule for call, rule in says[0] if says[0][call, rule] is not says[1][call, rule])),
            )


def advice(found: OverTime) -> tuple[str, ...]:
    """A sentence for every two reviewers whose agreement is low in the newest month that says enough of it."""
    newest: dict[tuple[str, str], PairMonth] = {}
    for pair in found.pairs:
        if pair.is_told:
            newest.setdefault(pair.reviewers, pair)
    return tuple(_advice(pair) for pair in newest.values() if pair.is_low)


def _advice(pair: PairMonth) -> str:
    one, other = pair.reviewers
    when = month(date.fromisoformat(f"{pair.month}-01"))
    rule = min(pair.apart, key=lambda r: (-pair.apart[r], r))
    return (
        f"{one} and {other} agree on {percent(pair.agreed.share)} of {pair.agreed.n:.0f} findings that both judged in "
        f"{when}, kappa {estimate_cell(pair.kappa)}; they differ most often on {rule} "
        f"({pair.apart[rule]} of {pair.of_rule[rule]}). Agree on what the rule means before judging more."
    )


def pair_rows(found: OverTime) -> list[dict[str, object]]:
    """A row for every month and two reviewers, to show."""
    return [
        {
            "month": pair.month,
            "reviewers": " and ".join(pair.reviewers),
            "both judged": int(pair.agreed.n),
            "agreed": share_cell(pair.agreed) if pair.is_told else TOO_FEW,
            "kappa": estimate_cell(pair.kappa) if pair.is_told else TOO_FEW,
            "agreement": "low" if pair.is_low else "",
        }
        for pair in found.pairs
    ]


def reviewer_rows(found: OverTime) -> list[dict[str, object]]:
    """A row for every month and reviewer, to show."""
    return [
        {
            "month": one.month,
            "reviewer": one.reviewer,
            "judged": int(one.reversed_.n),
            "reversed the rule": share_cell(one.reversed_) if one.reversed_.n >= MINIMUM else TOO_FEW,
        }
        for one in found.reviewers
    ]


def recent(found: OverTime, months: int) -> OverTime:
    """The newest `months` months in which anybody judged."""
    kept = sorted({r.month for r in found.reviewers}, reverse=True)[:months]
    return OverTime(
        pairs=tuple(p for p in found.pairs if p.month in kept),
        reviewers=tuple(r for r in found.reviewers if r.month in kept),
    )


def share_cell(rate: Rate) -> str:
    """`92% of 12 (likely 65% to 99%)`, or a dash of nothing."""
    if not rate.n:
        return "-"
    return f"{percent(rate.share)} of {rate.n:.0f} (likely {between(rate.interval())})"


def estimate_cell(estimate: Estimate | None) -> str:
    """`0.81 (0.55 to 0.93)`, or a dash where there is none."""
    if estimate is None:
        return "-"
    if estimate.interval is None:
        return f"{estimate.value:.2f}"
    return f"{estimate.value:.2f} ({estimate.interval[0]:.2f} to {estimate.interval[1]:.2f})"
