"""How right a rule is, as people judged a random sample of its findings, and what that does to its rate."""

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec
import numpy as np

from callaudit.audit_rules.evaluation.estimates import Counts, Estimate, cohens_kappa
from callaudit.audit_rules.finding import Verdict
from callaudit.reports.statistics import Corrected, Rate, rogan_gladen
from callaudit.reports.wording import between, percent

MINIMUM = 20
"""Findings that people must have judged before anything is said of a rule."""

MINIMUM_OF_EACH = 10
"""Findings truly met, and truly missed, that a corrected rate needs: below it ranges hold less often than they say."""

_VERDICTS = {verdict: n for n, verdict in enumerate(Verdict)}


class Reviewed(msgspec.Struct, frozen=True, kw_only=True):
    """A finding of a random sample: what the rule said when it was drawn, and what a person says."""

    rule_id: str
    rule_verdict: Verdict
    verdict: Verdict


class RuleAccuracy(msgspec.Struct, frozen=True, kw_only=True):
    """One rule against people, on findings drawn at random among those it judged met, missed or unsure.

    A miss is what somebody is told of, so precision and recall are of misses: of the misses the rule calls, how many
    people call so too; of the misses people find, how many the rule calls. A finding that people call not applicable
    is a wrong one; where people cannot tell or are unsure, nothing is counted but `untold`. What the rule itself calls
    unsure accuses nobody and is no mistake: `of_unsure` counts what people say of it, beside all the rest.
    """

    rule_id: str
    pairs: dict[tuple[Verdict, Verdict], int]
    of_unsure: dict[Verdict, int]
    untold: int
    kappa: Estimate | None

    @property
    def judged(self) -> int:
        """Findings of which people could tell."""
        return sum(self.pairs.values())

    @property
    def agreed(self) -> Rate:
        """Findings on which people say what the rule says."""
        return Rate.of(sum(n for (rule, person), n in self.pairs.items() if rule is person), self.judged)

    @property
    def precision(self) -> Rate:
        """Misses that people call misses too, of those the rule calls."""
        called = sum(n for (rule, _), n in self.pairs.items() if rule is Verdict.MISSED)
        return Rate.of(self._both(Verdict.MISSED, Verdict.MISSED), called)

    @property
    def recall(self) -> Rate:
        """Misses that the rule calls, of those that people find among what it judged."""
        found = sum(n for (_, person), n in self.pairs.items() if person is Verdict.MISSED)
        return Rate.of(self._both(Verdict.MISSED, Verdict.MISSED), found)

    def corrected(self, met: Rate) -> Corrected | None:
        """The rule's rate of met findings put right for its errors; None where too few were judged to say."""
        return corrected(
            met,
            (self._both(Verdict.MET, Verdict.MET), self._both(Verdict.MISSED, Verdict.MET)),
            (self._both(Verdict.MISSED, Verdict.MISSED), self._both(Verdict.MET, Verdict.MISSED)),
        )

    def _both(self, rule: Verdict, person: Verdict) -> int:
        return self.pairs.get((rule, person), 0)


def corrected(met: Rate, truly_met: tuple[int, int], truly_missed: tuple[int, int]) -> Corrected | None:
    """The rate behind `met`; of each truth (judged rightly, judged wrongly). None under `MINIMUM_OF_EACH`."""
    if min(sum(truly_met), sum(truly_missed)) < MINIMUM_OF_EACH:
        return None
    return rogan_gladen(met, (truly_met[0], sum(truly_met)), (truly_missed[0], sum(truly_missed)))


def told_accuracy(found: RuleAccuracy | None, own: Rate) -> str:
    """What to say beside a rule's rate; `own` is that rate by the rule's own verdicts. "" under `MINIMUM`."""
    if found is None or found.judged < MINIMUM:
        return ""
    told = [f"People judged {found.judged} at random:"]
    shares = []
    if found.precision.n:
        shares.append(f"{_likely(found.precision)} of the misses it calls are misses")
    if found.recall.n:
        shares.append(f"it calls {_likely(found.recall)} of the misses there are")
    told.append(", ".join(shares) + ("" if found.kappa is None else ",") if shares else "no miss among them,")
    if found.kappa is not None:
        interval = found.kappa.interval
        span = f" (likely {interval[0]:.2f} to {interval[1]:.2f})" if interval else ""
        told.append(f"kappa {found.kappa.value:.2f}{span}")
    said = " ".join(told).rstrip(",") + "."
    if found.of_unsure:
        said += f" {_of_unsure(found.of_unsure)}"
    right = found.corrected(own)
    if right is None:
        return said
    return f"{said} Rate corrected for these errors: {percent(right.share)} (likely {between(right.interval)})."


def _of_unsure(counts: Mapping[Verdict, int]) -> str:
    met, missed = counts.get(Verdict.MET, 0), counts.get(Verdict.MISSED, 0)
    return f"Of {sum(counts.values())} unsure ones people call {met} met and {missed} missed."


def _likely(rate: Rate) -> str:
    return f"{percent(rate.share)} (likely {between(rate.interval())})"


def accuracy_of(reviewed: Iterable[Reviewed]) -> dict[str, RuleAccuracy]:
    """Rules by id, from what people judged, each finding once."""
    by_rule: dict[str, list[tuple[Verdict, Verdict]]] = {}
    for one in reviewed:
        by_rule.setdefault(one.rule_id, []).append((one.rule_verdict, one.verdict))
    return {rule_id: _accuracy(rule_id, pairs) for rule_id, pairs in sorted(by_rule.items())}


def _accuracy(rule_id: str, pairs: list[tuple[Verdict, Verdict]]) -> RuleAccuracy:
    left_open = (Verdict.NOT_ASSESSABLE, Verdict.UNSURE)
    clear = [pair for pair in pairs if pair[1] not in left_open]
    told = [pair for pair in clear if pair[0] is not Verdict.UNSURE]
    of_unsure = Counter(person for rule, person in clear if rule is Verdict.UNSURE)
    tables: Counts = np.zeros((len(told), len(_VERDICTS), len(_VERDICTS)), dtype=np.int64)
    counts: dict[tuple[Verdict, Verdict], int] = {}
    for n, (rule, person) in enumerate(told):
        tables[n, _VERDICTS[rule], _VERDICTS[person]] = 1
        counts[rule, person] = counts.get((rule, person), 0) + 1
    return RuleAccuracy(
        rule_id=rule_id,
        pairs=dict(sorted(counts.items())),
        of_unsure=dict(sorted(of_unsure.items())),
        untold=len(pairs) - len(clear),
        kappa=cohens_kappa(tables) if told else None,
    )
