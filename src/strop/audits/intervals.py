"""How sure can one be of a figure, or of a difference?"""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def resamples(n: int, *, draws: int, seed: int) -> Array:
    """(draws, n) float32: how often each of n units is drawn in each bootstrap sample of size n. Ours: a bootstrap."""
    generator = np.random.default_rng([seed, 7])
    counts = np.empty((draws, n), np.float32)
    rows = max(1, (1 << 20) // max(n, 1))
    for start in range(0, draws, rows):
        m = min(rows, draws - start)
        drawn = generator.integers(0, n, (m, n), np.uint32) + np.arange(m, dtype=np.uint32)[:, None] * np.uint32(n)
        counts[start : start + m] = np.bincount(drawn.ravel(), minlength=m * n).reshape(m, n)
    return counts


def percentile(samples: Array, value: float, *, level: float = 0.95, recentre: bool = False) -> tuple[float, float]:
    """The middle `level` of bootstrap samples; recentred on the value where resampling itself shifts the figure.

    Ours: a percentile interval. A spread over items is larger in a resample, where some users count twice: its interval
    keeps the samples' width and is moved so that their median is the value.
    """
    tail = (1 - level) / 2
    low, middle, high = np.quantile(samples, [tail, 0.5, 1 - tail])
    shift = value - middle if recentre else 0.0
    return float(low + shift), float(high + shift)


def two_sided(samples: Array, *, at: float = 0.0) -> float:
    """Bootstrap p: twice the smaller share of samples on one side of `at`, with the usual + 1. Ours: a bootstrap test."""
    n = len(samples)
    below, above = np.count_nonzero(samples <= at), np.count_nonzero(samples >= at)
    return min(1.0, 2 * (min(below, above) + 1) / (n + 1))


def paired_t(differences: Array, *, level: float = 0.95) -> tuple[float, float, float, float]:
    """(mean, low, high, two-sided p) of paired differences over n >= 2 seeds, by Student's t. Ours: a t interval."""
    from scipy.special import stdtr, stdtrit

    n = len(differences)
    mean, error = float(np.mean(differences)), float(np.std(differences, ddof=1) / np.sqrt(n))
    half = float(stdtrit(n - 1, 0.5 + level / 2)) * error
    p = float(2 * stdtr(n - 1, -abs(mean) / error)) if error > 0 else float(mean == 0)
    return mean, mean - half, mean + half, p


def wider(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    """Of two intervals the one that is wider: two sources of chance, the larger counts. Ours: a rule of evidence."""
    return one if one[1] - one[0] >= other[1] - other[0] else other


def holm(p_values: Array) -> Array:
    """Adjusted p-values, in the order given. Paper: holm1979."""
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    out = np.empty(len(p))
    out[order] = np.minimum(adjusted, 1)
    return out


def non_inferior(low: float, *, margin: float) -> bool:
    """No worse: the interval's lower bound, not the point, stays above -margin (margin >= 0). Ours: non-inferiority."""
    return low > -margin


def detectable(low: float, high: float) -> float:
    """The smallest true difference that an interval this wide shows 8 times in 10: half width x (1.96 + 0.84) / 1.96.

    Ours: a normal approximation.
    """
    return (high - low) / 2 * (1.96 + 0.84) / 1.96
