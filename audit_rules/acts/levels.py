"""From the witnesses' raw odds to probabilities that mean what they say, and to the levels that rules use.

For each act a logistic regression of two inputs, the recogniser's log odds and whether a phrase was heard, is fitted on
calls whose authors the recogniser did not learn from (Platt 1999, with a second input). Then the levels are chosen: how
probable an act must be to accuse, to be counted, and to forbid that "it was never said".
"""

from collections.abc import Mapping

import msgspec
import numpy as np
import numpy.typing as npt

from callaudit.audit_rules.acts.inventory import Levels

Floats = npt.NDArray[np.float64]
# Weights start from these (the recogniser believed as it is, a phrase worth this much) and rare acts stay near them.
_START = np.array([1.0, 1.5, 0.0])
_PULL = np.array([8.0, 2.0, 2.0])
_STEPS = 50


class Observed(msgspec.Struct, frozen=True):
    """One act over all turns of its speaker: log odds, whether a phrase was heard and people's label (both 0 or 1)."""

    odds: Floats
    phrase: Floats
    label: Floats


def fit_levels(observed: Mapping[str, Observed], standard: Levels) -> dict[str, Levels]:
    """For each act its calibration, with the levels of `standard`."""
    return {act: calibrated(one, standard) for act, one in observed.items()}


def calibrated(observed: Observed, standard: Levels) -> Levels:
    """Penalised maximum likelihood by Newton's method; few labels move little from where they start."""
    inputs = np.stack([observed.odds, observed.phrase, np.ones_like(observed.odds)], axis=1)
    weights = _START.copy()
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(inputs @ weights, -30, 30)))
        gradient = inputs.T @ (observed.label - p) - _PULL * (weights - _START)
        curvature = (inputs * (p * (1 - p))[:, None]).T @ inputs + np.diag(_PULL)
        step = np.linalg.solve(curvature, gradient)
        weights += step
        if np.abs(step).max() < 1e-9:
            break
    slope, phrase, offset = (round(float(w), 3) for w in weights)
    return msgspec.structs.replace(standard, slope=max(slope, 0.2), phrase=max(phrase, 0.0), offset=offset)


def shift(odds: Floats, label: Floats) -> float:
    """How much the log odds of an act must move to be as often right as people say; few labels move little.

    `odds` are those of what was heard, `label` whether a person heard it too (0 or 1). Penalised maximum likelihood.
    """
    moved = 0.0
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(odds + moved, -30, 30)))
        step = float((label - p).sum() - _PULL[2] * moved) / float((p * (1 - p)).sum() + _PULL[2])
        moved += step
        if abs(step) < 1e-9:
            break
    return round(moved, 3)
