"""Numbers with honest intervals: shares, F1, and how far two or more judges agree beyond chance.

Intervals of shares and of F1 take utterances as independent. Those of means and of agreement do not, because what is
judged twice in one call is one piece of news, not two: kappa's is widened by how alike the judgements of a call are,
the others resample whole conversations or calls; the seed is fixed, so that the same judgements give the same interval.
"""

import math
from collections.abc import Callable, Iterator

import msgspec
import numpy as np
import numpy.typing as npt

from callaudit.transcription.errors import SetupError

Z95 = 1.959964
RESAMPLES = 1000
_SEED = 20260301

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Estimate(msgspec.Struct, frozen=True):
    """A value with its 95 % interval; the interval is None where there is too little to resample."""

    value: float
    interval: tuple[float, float] | None = None


def wilson(successes: float, trials: float, z: float = Z95) -> tuple[float, float]:
    """The score interval of a share (Wilson 1927; Newcombe 1998, Statistics in Medicine 17:857, method 3).

    Counts may be fractions: an effective sample size is one. Nothing observed leaves everything possible: (0, 1).
    """
    if trials <= 0:
        return 0.0, 1.0
    share = min(1.0, max(0.0, successes / trials))
    middle = share + z * z / (2 * trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    # At 0 and n of n the end is exact in theory; floating point would miss it by a hair.
    low = 0.0 if share == 0 else max(0.0, (middle - half) / scale)
    high = 1.0 if share == 1 else min(1.0, (middle + half) / scale)
    return min(low, share), max(high, share)


def f1_interval(true_positive: int, false_positive: int, false_negative: int) -> tuple[float, float]:
    """The 95 % interval of F1; unlike the bootstrap's and the delta method's, it has a width where nothing is wrong.

    F1 = 2 F* / (1 + F*), where F* = TP / (TP + FP + FN) is a proportion (Hand, Christen and Kirielle 2021), so
    Wilson's interval of F* carries over: the indirect method of Lam, Gopal and Qian (2023, arXiv:2309.14621).
    """
    low, high = wilson(true_positive, true_positive + false_positive + false_negative)
    return 2 * low / (1 + low), 2 * high / (1 + high)


def resampled_sums(counts: Floats) -> Floats:
    """The sum of counts [group, ...] over the groups of each of `RESAMPLES` samples with replacement (Efron 1979)."""
    groups = len(counts)
    flat = counts.reshape(groups, -1)
    sums = [np.bincount(drawn, minlength=groups) @ flat for drawn in _draws(groups)]
    return np.stack(sums).reshape(RESAMPLES, *counts.shape[1:])


def _draws(groups: int) -> Iterator[Counts]:
    random = np.random.default_rng(_SEED)
    for _ in range(RESAMPLES):
        yield random.integers(0, groups, size=groups)


def percentiles(values: Floats) -> tuple[float, float] | None:
    """The middle 95 % of what the resamples gave, without those that could not say."""
    known = values[~np.isnan(values)]
    if not known.size:
        return None
    low, high = np.quantile(known, (0.025, 0.975))
    return float(low), float(high)


def cohens_kappa(tables: Counts) -> Estimate | None:
    """Agreement of two judges beyond chance (Cohen 1960), over calls with a table [first, second] of verdicts each.

    The interval takes chance as known, as Cohen's own does, around Wilson's interval of the share agreed in place of
    his normal one, at the effective sample size of judgements that are alike within calls (Cochran 1977, 6.8). The
    bootstrap and the errors of Fleiss, Cohen and Everitt (1969) hold far less often than they say where judgements are
    few and mostly agree (docs/statistics.md).
    None where both gave one and the same verdict throughout: chance explains it all.
    """
    judged = tables.sum(axis=(1, 2)).astype(np.float64)
    agreed = np.trace(tables, axis1=1, axis2=2).astype(np.float64)
    total = judged.sum()
    shares = tables.sum(axis=0) / total
    chance = float(shares.sum(axis=0) @ shares.sum(axis=1))
    if chance > 1 - 1e-12:
        return None
    share = float(agreed.sum() / total)
    kappa = (share - chance) / (1 - chance)
    if len(tables) < 2:
        return Estimate(kappa)
    known = total / _likeness(agreed, judged)
    low, high = ((end - chance) / (1 - chance) for end in wilson(share * known, known))
    # With chance taken as known, the formula passes the least that kappa can be.
    return Estimate(kappa, (max(-1.0, low), high))


def _likeness(hits: Floats, counts: Floats) -> float:
    """How many times the variance of a share is that of independent trials; at least 1."""
    total, groups = counts.sum(), len(counts)
    share = hits.sum() / total
    if share in (0.0, 1.0):
        return 1.0
    alone = share * (1 - share) / (total - 1)
    between = ((hits - share * counts) ** 2).sum() / total**2 * groups / (groups - 1)
    return max(1.0, float(between / alone))


def krippendorffs_alpha(counts: Counts) -> Estimate | None:
    """Agreement of any number of judges beyond chance, nominal (Krippendorff 2019), over calls with counts [verdict].

    Calls with fewer than two judgements say nothing and are left out. The interval resamples calls (Zapf and others
    2016, doi:10.1186/s12874-016-0200-9). None where nothing was judged twice, or one verdict was all there was.

    Raises:
        SetupError: the package krippendorff is not installed.
    """
    judged_twice = counts[counts.sum(axis=1) > 1]
    value = _alpha(judged_twice)
    if math.isnan(value):
        return None
    calls = len(judged_twice)
    if calls < 2:
        return Estimate(value)
    return Estimate(value, percentiles(np.array([_alpha(judged_twice[drawn]) for drawn in _draws(calls)])))


def _alpha(counts: Counts) -> float:
    alpha = _krippendorff()
    if np.count_nonzero(counts.sum(axis=0)) < 2:
        return math.nan
    return float(alpha(value_counts=counts, level_of_measurement="nominal"))


def _krippendorff() -> Callable[..., float]:
    try:
        import krippendorff  # noqa: PLC0415 - Only who compares reviewers needs it.
    except ImportError as error:
        raise SetupError(
            "Krippendorff's alpha needs the package krippendorff, which is not installed",
            why="It comes with the extra “agreement”.",
            tries=("pip install 'call-audit[agreement]'",),
        ) from error
    return krippendorff.alpha
