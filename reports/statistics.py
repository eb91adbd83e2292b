"""How sure a figure is: ranges, changes and shrunk rates, each from a named method.

Only the normal quantile comes from a library (the standard one): scipy and statsmodels would cost every report
seconds of import for the few lines below.
"""

import math
from collections.abc import Sequence
from functools import cache
from statistics import NormalDist

import msgspec

from callaudit.audit_rules.evaluation import estimates

LEVEL = 0.95

# How alike verdicts of one agent are as a rule (their intraclass correlation), and how many agents say as much of it
# as that does. `docs/statistics.md` shows the ranges of two to six agents that come of it.
_USUAL_LIKENESS = 0.06
_USUAL_IS_WORTH = 4


class Interval(msgspec.Struct, frozen=True, order=True):
    """Where the true value probably lies; both ends are shares (0 to 1) or differences of shares (-1 to 1)."""

    low: float
    high: float

    def overlaps(self, other: "Interval") -> bool:
        """Whether some value lies in both: then the two figures must not be ranked."""
        return self.low <= other.high and other.low <= self.high

    def excludes(self, value: float) -> bool:
        """Whether `value` lies outside."""
        return value < self.low or value > self.high


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """`hits` of `n`, and how many independent observations that is worth.

    `effective_n` is `n` divided by the design effect: verdicts of one agent are alike, so a pooled share knows
    less than its count says. `clusters` is how many agents (or calls) the design effect was told from, 0 where none
    was: few of them tell it badly, which widens the range again.
    """

    hits: float
    n: float
    effective_n: float
    clusters: int = 0

    @classmethod
    def of(cls, hits: float, n: float, *, design_effect: float = 1.0, clusters: int = 0) -> "Rate":
        """A rate whose observations are worth `n / design_effect` independent ones."""
        return cls(hits=hits, n=n, effective_n=n / max(1.0, design_effect), clusters=clusters)

    @classmethod
    def clustered(cls, counts: Sequence[tuple[float, float]]) -> "Rate":
        """The pooled rate of agents or calls, (hits, n) each."""
        counted = [(hits, n) for hits, n in counts if n > 0]
        total, clusters = sum(n for _, n in counted), len(counted)
        effect = design_effect(counted)
        usual = 1 + (sum(n * n for _, n in counted) / total - 1) * _USUAL_LIKENESS if counted else 1.0
        if effect < usual:
            # Few clusters look alike by luck: theirs is believed as far as they are many.
            effect += (usual - effect) * _USUAL_IS_WORTH / (_USUAL_IS_WORTH + clusters - 1)
            clusters += _USUAL_IS_WORTH
        return cls.of(sum(hits for hits, _ in counted), total, design_effect=effect, clusters=clusters)

    @property
    def share(self) -> float | None:
        """`hits / n`, or None of nothing."""
        return self.hits / self.n if self.n else None

    def interval(self, level: float = LEVEL) -> Interval:
        """The Wilson range at `level`, on the effective count at that level."""
        n = self.effective_n_at(level)
        return wilson((self.share or 0.0) * n, n, level)

    def effective_n_at(self, level: float = LEVEL) -> float:
        """The effective count, less what few clusters leave unknown of the design effect.

        Its part beyond 1 is widened by Student's quantile with clusters - 1 degrees of freedom over the normal one, as
        Korn and Graubard (1998, Survey Methodology 24:193) widen the whole; the part that counting alone explains is
        known however few the clusters are, and widening it too gave ranges that held in 99 %.
        """
        if self.clusters < 2 or not self.n:
            return self.effective_n
        widening = (student_quantile((1 + level) / 2, self.clusters - 1) / _z(level)) ** 2
        return self.n / (1 + (self.n / self.effective_n - 1) * widening)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A share minus an earlier one.

    `interval` is the ordinary 95 % range; `clear` is asked at the stricter level that many comparisons need.
    """

    difference: float
    interval: Interval
    clear: bool


class Prior(msgspec.Struct, frozen=True, kw_only=True):
    """What a team says about an agent before the agent's own calls: Betas of one mean and of several strengths.

    `strengths` are (calls that the team is worth, probability); `mean_variance` is how badly the mean is known.
    """

    mean: float
    strengths: tuple[tuple[float, float], ...]
    mean_variance: float = 0.0

    @property
    def strength(self) -> float:
        """The expected strength."""
        return sum(strength * probability for strength, probability in self.strengths)


class Shrunk(msgspec.Struct, frozen=True, kw_only=True):
    """An agent's rate pulled towards the team, and the range of the pulled rate."""

    share: float
    interval: Interval


def wilson(hits: float, n: float, level: float = LEVEL) -> Interval:
    """The score interval of a share at a level of confidence; sources: `audit_rules.evaluation.estimates.wilson`."""
    return Interval(*estimates.wilson(hits, n, _z(level)))


def newcombe(after: Rate, before: Rate, level: float = LEVEL) -> Interval:
    """The range of `after - before` (Newcombe 1998, Statistics in Medicine 17:873, method 10: hybrid score)."""
    a, b = after.share or 0.0, before.share or 0.0
    range_a, range_b = after.interval(level), before.interval(level)
    difference = a - b
    return Interval(
        max(-1.0, difference - math.hypot(a - range_a.low, range_b.high - b)),
        min(1.0, difference + math.hypot(range_a.high - a, b - range_b.low)),
    )


def common_difference(
    strata: Sequence[tuple[tuple[float, float], tuple[float, float]]], level: float = LEVEL
) -> tuple[float, Interval] | None:
    """How much oftener the first of two groups hits than the second, compared only inside each stratum.

    Each stratum is ((hits, n) of the first, (hits, n) of the second). The weights are Mantel and Haenszel's, the
    variance Sato's (1989, Biometrics 45:1323), which holds for many small strata and for few large ones. None where no
    stratum has both groups.
    """
    weight = apart = by_size = by_spread = 0.0
    for (hits, n), (other_hits, other_n) in strata:
        both = n + other_n
        if not n or not other_n:
            continue
        weight += n * other_n / both
        apart += (hits * other_n - other_hits * n) / both
        by_size += (n**2 * other_hits - other_n**2 * hits + n * other_n * (other_n - n) / 2) / both**2
        by_spread += (hits * (other_n - other_hits) + other_hits * (n - hits)) / (2 * both)
    if not weight:
        return None
    difference = apart / weight
    half = _z(level) * math.sqrt(max(0.0, difference * by_size + by_spread)) / weight
    return difference, Interval(max(-1.0, difference - half), min(1.0, difference + half))


class Corrected(msgspec.Struct, frozen=True, kw_only=True):
    """A rate put right for the errors of what measured it."""

    share: float
    interval: Interval


def rogan_gladen(
    rate: Rate, sensitivity: tuple[int, int], specificity: tuple[int, int], level: float = LEVEL
) -> Corrected | None:
    """The true rate behind a measured one (Rogan and Gladen 1978, Am. J. Epidemiol. 107:71), clipped to 0 and 1.

    `sensitivity` is (found, true hits), `specificity` (left alone, true misses), as people judged a random sample.
    The interval is of Lang and Reiczigel (2014, Prev. Vet. Med. 113:13), which knows that both are estimates.
    None where nothing was measured, or where the measure tells hits from misses no better than chance.
    """
    if rate.share is None or not sensitivity[1] or not specificity[1]:
        return None
    beyond_chance = sensitivity[0] / sensitivity[1] + specificity[0] / specificity[1] - 1
    z, n = _z(level), rate.effective_n_at(level)
    wide_n, se_n, sp_n = n + z * z, sensitivity[1] + 2, specificity[1] + 2
    share = (n * rate.share + z * z / 2) / wide_n
    se, sp = (sensitivity[0] + 1) / se_n, (specificity[0] + 1) / sp_n
    apart = se + sp - 1
    if beyond_chance <= 0 or apart <= 0:
        return None
    middle = (share + sp - 1) / apart
    of_se, of_sp = se * (1 - se) / se_n, sp * (1 - sp) / sp_n
    shift = 2 * z * z * (middle * of_se - (1 - middle) * of_sp)
    half = z / apart * math.sqrt(share * (1 - share) / wide_n + middle**2 * of_se + (1 - middle) ** 2 * of_sp)
    corrected = _clipped((rate.share + specificity[0] / specificity[1] - 1) / beyond_chance)
    low, high = _clipped(middle + shift - half), _clipped(middle + shift + half)
    return Corrected(share=corrected, interval=Interval(min(low, corrected), max(high, corrected)))


def _clipped(share: float) -> float:
    return min(1.0, max(0.0, share))


def sidak(level: float, comparisons: int) -> float:
    """The level each of `comparisons` needs so that all together hold at `level` (Sidak 1967)."""
    return float(level ** (1 / max(1, comparisons)))


def change(after: Rate, before: Rate, *, comparisons: int = 1) -> Change | None:
    """The step from `before` to `after`, or None where one side has nothing to compare."""
    if after.share is None or before.share is None:
        return None
    return Change(
        difference=after.share - before.share,
        interval=newcombe(after, before),
        clear=newcombe(after, before, sidak(LEVEL, comparisons)).excludes(0.0),
    )


def design_effect(clusters: Sequence[tuple[float, float]]) -> float:
    """How much wider a pooled share's variance is than its count says; `clusters` are (hits, n) per agent or call.

    The linearised variance of a ratio over the binomial one (Cochran 1977, Sampling Techniques, 6.8). Never under
    1, because a narrower range than the binomial one would come from chance; 1 where fewer than two clusters count.
    """
    counted = [(hits, n) for hits, n in clusters if n > 0]
    total = sum(n for _, n in counted)
    if len(counted) < 2:
        return 1.0
    share = sum(hits for hits, _ in counted) / total
    if share in (0.0, 1.0):
        return 1.0
    m = len(counted)
    between = sum((hits - share * n) ** 2 for hits, n in counted) * m / (m - 1) / total**2
    return max(1.0, between / (share * (1 - share) / total))


_PULLS = tuple((n + 0.5) / 10 for n in range(10))


def team_prior(members: Sequence[tuple[float, float]]) -> Prior | None:
    """What a team's members, (hits, n) each, say of one of them; None of nothing.

    How alike they are is never known well, so no single strength is taken: each is weighed by how well a
    beta-binomial of it explains the members, after a prior on how far a typical member is pulled to the team, as the
    uniform shrinkage prior (Daniels 1999, Can. J. Stat. 27:567) but falling to none for a pull all the way: a uniform
    one gave ranges of 91 %. The variance of the mean is widened by Student's quantile where members are few.
    """
    counted = [(hits, n) for hits, n in members if n > 0]
    total = sum(n for _, n in counted)
    if not total:
        return None
    # A Beta has no mean of exactly 0 or 1: all of twenty says at most "about 98%".
    edge = 0.5 / (total + 1)
    mean = min(1 - edge, max(edge, sum(hits for hits, _ in counted) / total))
    strengths = [total / len(counted) * pull / (1 - pull) for pull in _PULLS]
    fits = [sum(_beta_binomial(hits, n, mean, strength) for hits, n in counted) for strength in strengths]
    weights = [(1 - pull) * math.exp(fit - max(fits)) for fit, pull in zip(fits, _PULLS, strict=True)]
    return Prior(
        mean=mean,
        strengths=tuple((s, w / sum(weights)) for s, w in zip(strengths, weights, strict=True)),
        # No share varies more than one that is 0 or 1; what two members say of a mean would be wider still.
        mean_variance=mean * (1 - mean) / max(1.0, Rate.clustered(counted).effective_n_at()),
    )


def _beta_binomial(hits: float, n: float, mean: float, strength: float) -> float:
    """The log likelihood of `hits` of `n`, up to a constant."""
    a, b = mean * strength, (1 - mean) * strength
    return _log_beta(a + hits, b + n - hits) - _log_beta(a, b)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def shrink(hits: float, n: float, prior: Prior, level: float = LEVEL) -> Shrunk:
    """A rate under `prior`: its posterior mean, and the central range of the Beta with the posterior's moments.

    The variance holds what is unknown of the prior as well (Kass and Steffey 1989, JASA 84:717); without it the
    ranges of small teams hold far less often than they say.
    """
    share = square = 0.0
    for strength, probability in prior.strengths:
        a, b = prior.mean * strength + hits, (1 - prior.mean) * strength + n - hits
        middle = a / (a + b)
        pulled = strength / (strength + n)
        spread = middle * (1 - middle) / (a + b + 1) + pulled**2 * prior.mean_variance
        share += probability * middle
        square += probability * (spread + middle**2)
    size = share * (1 - share) / (square - share**2) - 1
    if size <= 1:
        # Less is known than one call would say: no Beta with a middle is that wide.
        return Shrunk(share=share, interval=Interval(0.0, 1.0))
    a, b = share * size, (1 - share) * size
    tail = (1 - level) / 2
    return Shrunk(share=share, interval=Interval(beta_quantile(tail, a, b), beta_quantile(1 - tail, a, b)))


def beta_quantile(probability: float, a: float, b: float) -> float:
    """The value below which a Beta(a, b) lies with `probability`: Newton's steps, halved where they leave it."""
    low, high, x = 0.0, 1.0, a / (a + b)
    log_norm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    for _ in range(100):
        over = beta_cdf(x, a, b) - probability
        if over > 0:
            high = x
        else:
            low = x
        if abs(over) < 1e-12 or high - low < 1e-15:
            break
        density = math.exp(log_norm + (a - 1) * math.log(x) + (b - 1) * math.log1p(-x))
        step = x - over / density if density > 0 else low
        x = step if low < step < high else (low + high) / 2
    return x


@cache
def student_quantile(probability: float, degrees: int) -> float:
    """The value below which Student's t with `degrees` of freedom lies with `probability`, over a half (DLMF 8.17)."""
    x = beta_quantile(2 * (1 - probability), degrees / 2, 0.5)
    return math.sqrt(degrees * (1 - x) / x)


def beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b) (continued fraction: DLMF 8.17.22, Lentz's method)."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_cdf(1 - x, b, a)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x) - math.log(a)
    )
    c, d, fraction = 1.0, 0.0, 1.0
    for i in range(400):
        m = i // 2
        if i == 0:
            term = 1.0
        elif i % 2 == 0:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        else:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / _away_from_zero(1 + term * d)
        c = _away_from_zero(1 + term / c)
        fraction *= c * d
        if abs(1 - c * d) < 1e-13:
            break
    return front * (fraction - 1)


def _away_from_zero(value: float) -> float:
    return value if abs(value) > 1e-30 else 1e-30


def _z(level: float) -> float:
    return NormalDist().inv_cdf((1 + level) / 2)
