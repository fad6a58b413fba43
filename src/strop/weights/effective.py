"""What do weights cost: how many records' worth is left, and how much was clipped?

One vector w >= 0 serves propensities, off-policy ratios, curricula and domain weights; this is its one report.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from strop.errors import StropError

Array = npt.NDArray[Any]


def _checked(weights: Array) -> Array:
    """The weights as float64. Errors: S202 where there are none, S211 for one below 0 or not finite, or all 0."""
    values = np.asarray(weights, np.float64)
    if not len(values):
        raise StropError("S202", "no weight")
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if len(bad):
        raise StropError(
            "S211", f"a weight is {values[bad[0]]}", "weights are finite and not below 0", row=int(bad[0]) + 1
        )
    if not values.any():
        raise StropError("S211", "all weights are 0", "some record must count")
    return values


def self_normalised(weights: Array) -> Array:
    """w / mean(w): the same weights with mean 1, so that the size of the loss does not depend on their scale.

    weights: (n,) in [0, inf). Returns (n,). Errors: S202, S211.
    Not for: an estimate that must be unbiased in a small sample (the ratio is consistent only).
    Paper: schnabel2016
    """
    values = _checked(weights)
    normalised: Array = values / values.mean()
    return normalised


def effective_sample_size(weights: Array) -> float:
    """(sum w)**2 / sum w**2: how many equally weighted records would be as informative; from 1 to n.

    weights: (n,) in [0, inf). Errors: S202, S211.
    Not for: weights that go with the noise of their records: it counts their spread only.
    Paper: kish1965
    """
    values = _checked(weights) / np.max(weights)
    return float(values.sum() ** 2 / np.square(values).sum())


def report(weights: Array, *, clip: float | None = None) -> dict[str, float | int | None]:
    """n, max, clip_share (the share of weights at the clip; None where nothing was clipped by) and effective_sample_size.

    weights: (n,) in [0, inf), before self-normalising if the clip is to be found. Errors: S202, S211.
    Not for: a verdict by itself: a small effective sample size says that intervals are wide, not that a model is worse.
    Ours: the two usual figures side by side with how much was clipped.
    """
    values = _checked(weights)
    return {
        "n": len(values),
        "max": float(values.max()),
        "clip_share": None if clip is None else float(np.mean(values >= clip)),
        "effective_sample_size": effective_sample_size(values),
    }
