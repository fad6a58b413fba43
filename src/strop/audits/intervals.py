"""How far could a figure be off by chance, and which differences survive that question?"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from strop.errors import StropError

Array = npt.NDArray[Any]

LEVEL = 0.95  # of every interval
BLOCK_BYTES = 32 << 20
UNDEFINED_SHARE = 0.025  # of the draws: beyond it the interval reaches where the figure is not defined


def resampled_counts(n: int, *, draws: int, seed: int) -> Iterator[Array]:
    """Blocks (n, draws in the block) of int16 (int32 for n above 32767): how often each of n stands in each resample.

    Each column sums to n; draws: in total. The counts depend on n, draws and seed only, not on the blocks.
    Paper: efron1993
    """
    generator = np.random.default_rng([seed, 0xB007])  # not the stream that made a split or a model with the same seed
    size = max(1, min(64, BLOCK_BYTES // (24 * n)))
    for start in range(0, draws, size):
        block = min(size, draws - start)
        chosen = generator.integers(n, size=(block, n), dtype=np.int32) + n * np.arange(block)[:, None]
        counts = np.bincount(chosen.ravel(), minlength=block * n).reshape(block, n)
        yield np.ascontiguousarray(counts.T, dtype=np.int16 if n < 1 << 15 else np.int32)


def moved(value: float, drawn: Array) -> Array:
    """The draws of a figure that resampling itself shifts, moved so that their mean lies at the value.

    A resample repeats users, which adds noise to every item's count: di, mi, reo and gini rise and coverage falls in every
    draw. A mean over users has no such shift and is not to be moved. drawn: (draws,), NaN where undefined.
    Paper: efron1993
    """
    defined = drawn[np.isfinite(drawn)]
    return drawn + (value - defined.mean()) if len(defined) else drawn


def middle(drawn: Array) -> tuple[float, float] | None:
    """(low, high): the middle 95 % of the draws, which covers the figure of as many other users, for the same training part.

    None where more than 2.5 % of the draws are undefined (NaN). drawn: (draws,).
    Paper: efron1993
    """
    defined = drawn[np.isfinite(drawn)]
    if len(defined) < max(2, (1 - UNDEFINED_SHARE) * len(drawn)):
        return None
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def two_sided_p(drawn: Array) -> float | None:
    """Twice the smaller share of the draws of a difference on either side of 0; never below 2 / (draws + 1).

    The p value of "the difference is 0"; it is below 0.05 where `middle` leaves 0 out. None where there is no interval.
    Paper: efron1993
    """
    if middle(drawn) is None:
        return None
    defined = drawn[np.isfinite(drawn)]
    beyond = min(int((defined <= 0).sum()), int((defined >= 0).sum()))
    return min(1.0, 2 * (1 + beyond) / (1 + len(defined)))


def bootstrap_mean(
    values: Array, *, draws: int = 2000, seed: int = 0, clusters: Array | None = None
) -> tuple[float, float, float]:
    """(mean, low, high) over records, by resampling records, or whole clusters of them (users, questions).

    values, clusters: as `resampled_means`. The mean is over records, so a large cluster counts more. Errors: the same.
    Paper: efron1993
    """
    return with_middle(values, resampled_means(values, draws=draws, seed=seed, clusters=clusters))


def with_middle(values: Array, drawn: Array) -> tuple[float, float, float]:
    """(mean, low, high) of values (n,) whose `resampled_means` are there already.

    Paper: efron1993
    """
    mean = float(np.mean(values, dtype=np.float64))
    low, high = middle(drawn) or (mean, mean)
    return mean, low, high


def resampled_means(values: Array, *, draws: int = 2000, seed: int = 0, clusters: Array | None = None) -> Array:
    """(draws,): the mean over records of each resample of records, or of whole clusters of them.

    values: (n,), finite; clusters: (n,) labels, None for every record its own. Two figures of the same clusters and seed are
    drawn together. Errors: S202 fewer than two records or clusters, S203 not finite, S214.
    Paper: efron1993
    """
    values = np.asarray(values, np.float64)
    if not np.isfinite(values).all():
        raise StropError("S203", "a value is not a finite number", "leave undefined values out before")
    if clusters is not None and len(clusters) != len(values):
        raise StropError("S214", f"{len(clusters)} clusters for {len(values)} values")
    groups = np.arange(len(values)) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    sums, sizes = np.bincount(groups, weights=values), np.bincount(groups)
    if len(sizes) < 2:
        raise StropError("S202", f"{len(sizes)} records or clusters", "an interval needs two at least")
    return np.concatenate([sums @ w / (sizes @ w) for w in resampled_counts(len(sizes), draws=draws, seed=seed)])


def paired_t(differences: Sequence[float] | Array) -> tuple[float, float | None, float | None, float | None]:
    """(mean, low, high, p) of differences paired by seed: mean +- t(n - 1, 0.975) s / sqrt(n), s with n - 1.

    p is two-sided, for a mean of 0. One difference has neither interval nor p (None); equal ones have an interval of
    width 0. Errors: S202 no difference, S203 one is not finite. Not for fewer than 3 seeds: the interval says nothing.
    Paper: student1908
    """
    from scipy.special import stdtr, stdtrit

    values = np.asarray(differences, np.float64)
    if not len(values):
        raise StropError("S202", "no difference")
    if not np.isfinite(values).all():
        raise StropError("S203", "a difference is not a finite number")
    mean, n = float(values.mean()), len(values)
    if n < 2:
        return mean, None, None, None
    error = float(values.std(ddof=1)) / float(np.sqrt(n))
    half = float(stdtrit(n - 1, (1 + LEVEL) / 2)) * error
    p = float(2 * stdtr(n - 1, -abs(mean) / error)) if error > 0 else float(mean == 0)
    return mean, mean - half, mean + half, p


def holm(p_values: Sequence[float | None] | Array) -> Array:
    """Adjusted p, float64, same order: the i-th smallest of m becomes max over j <= i of min(1, (m - j + 1) p_j).

    Calling differences where this is below 0.05 makes one false call in 20 families at most. None and NaN stay NaN and
    are not counted. Errors: S211 a p outside [0, 1].
    Paper: holm1979
    """
    p = np.asarray(p_values, np.float64)
    known = np.flatnonzero(~np.isnan(p))
    if ((p[known] < 0) | (p[known] > 1)).any():
        raise StropError("S211", "a p value is outside [0, 1]")
    order = known[np.argsort(p[known], kind="stable")]
    adjusted = p.copy()
    adjusted[order] = np.maximum.accumulate(np.minimum(1, np.arange(len(order), 0, -1) * p[order]))
    return adjusted


def wider(first: tuple[float, float], second: tuple[float, float]) -> tuple[float, float]:
    """Of two intervals of the same figure (over seeds, over users) the wider one: the larger source of chance counts.

    Ours: a rule of evidence.
    """
    return second if second[1] - second[0] > first[1] - first[0] else first


def non_inferior(low: float | None, margin: float) -> bool | None:
    """Whether "no worse" is shown: the lower bound of (ours - theirs), higher being better, lies above -margin.

    margin: above 0, in the figure's unit, fixed before. None where there is no bound. Errors: S301. Not for "no
    difference was found": a wide interval shows nothing. Ours: the interval's bound, not the point, passes the margin.
    """
    if not margin > 0:
        raise StropError("S301", f"the margin is {margin}", "allowed: above 0, fixed before the run")
    return None if low is None else low > -margin


def minimum_detectable(low: float | None, high: float | None, *, power: float = 0.8) -> float | None:
    """The true difference that would be found with this power: (high - low) / 2 * (1 + z(power) / z(0.975)).

    From a normal interval: its half-width is z(0.975) standard errors, and finding a difference with this power takes
    z(0.975) + z(power) of them: at power 0.8, 1.43 half-widths. None without an interval. Errors: S301 power outside
    [0.5, 1). Ours: the usual formula of sample sizes, read backwards.
    """
    from scipy.special import ndtri

    if not 0.5 <= power < 1:
        raise StropError("S301", f"power is {power}", "allowed: from 0.5 to below 1")
    if low is None or high is None:
        return None
    return (high - low) / 2 * (1 + float(ndtri(power)) / float(ndtri((1 + LEVEL) / 2)))
