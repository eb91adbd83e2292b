"""How sure a figure is: ranges, changes and shrunk rates, each from a named method.

Only the normal quantile comes from a library (the standard one): scipy and statsmodels would cost every report
seconds of import for the few lines below.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist

import msgspec

from audit_rules import estimates

LEVEL = 0.95


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
    less than its count says.
    """

    hits: float
    n: float
    effective_n: float

    @classmethod
    def of(cls, hits: float, n: float, *, design_effect: float = 1.0) -> "Rate":
        """A rate whose observations are worth `n / design_effect` independent ones."""
        return cls(hits=hits, n=n, effective_n=n / max(1.0, design_effect))

    @property
    def share(self) -> float | None:
        """`hits / n`, or None of nothing."""
        return self.hits / self.n if self.n else None

    def interval(self, level: float = LEVEL) -> Interval:
        """The Wilson range at `level`, on the effective count."""
        return wilson((self.share or 0.0) * self.effective_n, self.effective_n, level)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A share minus an earlier one.

    `interval` is the ordinary 95 % range; `clear` is asked at the stricter level that many comparisons need.
    """

    difference: float
    interval: Interval
    clear: bool


class Prior(msgspec.Struct, frozen=True, kw_only=True):
    """What a team says about an agent before the agent's own calls: a Beta of this mean, worth `strength` calls."""

    mean: float
    strength: float


class Shrunk(msgspec.Struct, frozen=True, kw_only=True):
    """An agent's rate pulled towards the team, and the range of the pulled rate."""

    share: float
    interval: Interval


def wilson(hits: float, n: float, level: float = LEVEL) -> Interval:
    """The score interval of a share at a level of confidence; see `audit_rules.estimates.wilson` for its sources."""
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


# With fewer members a team's spread is unknowable; the strength is then about what a typical team shows in four weeks.
_MEMBERS_FOR_A_SPREAD = 4
_USUAL_STRENGTH = 20.0
_STRENGTHS = (2.0, 400.0)


def team_prior(members: Sequence[tuple[float, float]]) -> Prior | None:
    """The Beta of a team's members, (hits, n) each, by moments (Kleinman 1973, JASA 68:46); None of nothing.

    The strength is bounded: chance can make members look identical, and nobody is sure of that.
    """
    counted = [(hits, n) for hits, n in members if n > 0]
    total = sum(n for _, n in counted)
    if not total:
        return None
    # A Beta has no mean of exactly 0 or 1: all of twenty says at most "about 98%".
    edge = 0.5 / (total + 1)
    mean = min(1 - edge, max(edge, sum(hits for hits, _ in counted) / total))
    if len(counted) < _MEMBERS_FOR_A_SPREAD:
        return Prior(mean=mean, strength=_USUAL_STRENGTH)
    weighted = sum(n * (hits / n - mean) ** 2 for hits, n in counted)
    within = mean * (1 - mean)
    # E[weighted] = within * ((members - 1) + correlation * spread_of_counts), and correlation = 1 / (strength + 1).
    spread_of_counts = sum((n - 1) * (1 - n / total) for _, n in counted)
    correlation = (weighted / within - (len(counted) - 1)) / spread_of_counts if spread_of_counts > 0 else 0.0
    low, high = _STRENGTHS
    strength = high if correlation <= 0 else min(high, max(low, 1 / correlation - 1))
    return Prior(mean=mean, strength=strength)


def shrink(hits: float, n: float, prior: Prior, level: float = LEVEL) -> Shrunk:
    """The posterior mean and central range of a rate under `prior` (empirical Bayes: Casella 1985, Am. Stat. 39:83)."""
    a = prior.mean * prior.strength + hits
    b = (1 - prior.mean) * prior.strength + n - hits
    tail = (1 - level) / 2
    return Shrunk(share=a / (a + b), interval=Interval(beta_quantile(tail, a, b), beta_quantile(1 - tail, a, b)))


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
