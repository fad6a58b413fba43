"""How much did dirty data take from a recommender, in its accuracy and in the lists that it shows?

Clean is the model trained on clean data, dirty the same trained on dirty data, both held against one clean test part.
RD alone rewards weak models, which have little to lose: always print both accuracies beside it.
"""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from strop.audits.intervals import bootstrap_mean
from strop.audits.ranking import checked_lists
from strop.errors import StropError
from strop.records import Figure

Array = npt.NDArray[Any]


def _check(**accuracies: float) -> None:
    for name, value in accuracies.items():
        if not (np.isfinite(value) and value >= 0):
            raise StropError("S203", f"the {name} figure is {value}", "a finite number of at least 0 is needed")


def robustness_drop(clean: float, dirty: float) -> float | None:
    """RD = (M0 - M1) / M0: the share of its accuracy that a model lost; lower is better, below 0 it gained.

    clean: M0, dirty: M1, in [0, inf), higher being better. None where M0 is 0. Errors: S203 not finite or below 0.
    Paper: robust_recommenders2025 (its formula from memory)
    """
    _check(clean=clean, dirty=dirty)
    return None if clean == 0 else (clean - dirty) / clean


def offset_on_metric(clean: float, dirty: float) -> float:
    """|M1 - M0|: how far the accuracy moved, up or down; lower is better. Errors: S203 not finite or below 0.

    Paper: robust_recommenders2025 (its formula from memory)
    """
    _check(clean=clean, dirty=dirty)
    return abs(dirty - clean)


def robustness_improvement(clean: float, attacked: float, defended: float) -> float | None:
    """RI = 1 - (HR_defended - HR_clean) / (HR_attacked - HR_clean): the share of an attack's success that is undone.

    The three are hit rates of the attack's target, or any other figure that the attack raises. 1: undone, 0: no help,
    above 1: pushed below the clean level. None where the attack did not raise it. Errors: S203 not finite or below 0.
    Paper: robust_recommenders2025 (its formula from memory)
    """
    _check(clean=clean, attacked=attacked, defended=defended)
    return None if attacked <= clean else 1 - (defended - clean) / (attacked - clean)


def noise_resistance(clean: float, dirty: Mapping[float, float]) -> tuple[tuple[float | None, ...], float | None]:
    """RD at each share of injected noise, and the area under that curve from share 0, where RD is 0; lower is better.

    clean: the accuracy without noise; dirty: share -> accuracy, usually at 0.05, 0.1, 0.2 and 0.3. RDs stand in the
    order of the shares; the area is that of straight lines between them, in units of share: a loss that grows in
    proportion to the noise, c * share, has c * share**2 / 2. All None where clean is 0.
    Errors: S202 no share, S203 not finite or below 0, S301 a share outside (0, 1].
    Paper: robust_recommenders2025 (its formula from memory)
    """
    if not dirty:
        raise StropError("S202", "no share of noise", "give the accuracy at one share at least")
    for share in dirty:
        if not 0 < share <= 1:
            raise StropError("S301", f"a share of noise is {share}", "allowed: (0, 1]; the clean figure is that of 0")
    shares = sorted(dirty)
    drops = tuple(robustness_drop(clean, dirty[share]) for share in shares)
    known = [0.0, *(drop for drop in drops if drop is not None)]
    return drops, float(np.trapezoid(known, [0.0, *shares])) if clean > 0 else None


def _same_users(before: Array, after: Array, k: int) -> tuple[Array, Array]:
    """The first k of both, for the users who have a list in one at least. Errors: S211, S212, S214, S301."""
    if before.shape != after.shape:
        message = f"lists of shapes {before.shape} and {after.shape}"
        raise StropError("S214", message, "the same users, and lists of one length, padded with -1")
    for top in (before, after):
        if not np.issubdtype(top.dtype, np.integer):
            raise StropError("S211", f"the lists hold {top.dtype}, not items", "items are positions, -1 is none")
    n_items = 1 + max(int(top.max(initial=0)) for top in (before, after))  # the catalogue as far as the lists show it
    first, second = (checked_lists(top, n_users=len(before), n_items=n_items, k=k) for top in (before, after))
    some = (first >= 0).any(axis=1) | (second >= 0).any(axis=1)
    return first[some], second[some]


def _figure(name: str, values: Array, draws: int) -> Figure:
    if not len(values):
        return Figure(name, None)
    if len(values) == 1:
        return Figure(name, float(values[0]), n=1)
    return Figure(name, *bootstrap_mean(values, draws=draws), len(values))


def _overlap(first: Array, second: Array) -> Array:
    """(users, k): at depth d, how many items the first d of both have in common."""
    found = np.zeros(first.shape, np.int64)
    for place in range(first.shape[1]):
        same = (second == first[:, place, None]) & (first[:, place, None] >= 0)
        depth = np.maximum(same.argmax(axis=1), place)  # from here on both hold it
        met = same.any(axis=1)
        found[np.flatnonzero(met), depth[met]] += 1
    return np.cumsum(found, axis=1)


def _lengths(lists: Array) -> Array:
    """(users,): how many places are used, up to the last item."""
    used = (lists >= 0)[:, ::-1]
    lengths: Array = np.where(used.any(axis=1), lists.shape[1] - used.argmax(axis=1), 0)
    return lengths


def _jaccard(first: Array, second: Array) -> Array:
    common = _overlap(first, second)[:, -1]
    shares: Array = common / ((first >= 0).sum(axis=1) + (second >= 0).sum(axis=1) - common)
    return shares


def _rbo(first: Array, second: Array, p: float) -> Array:
    depths = np.arange(1, first.shape[1] + 1)
    deepest = np.maximum(_lengths(first), _lengths(second))
    weights = p ** (depths - 1.0) * (depths <= deepest[:, None])
    similar: Array = (weights * _overlap(first, second) / depths).sum(axis=1) / weights.sum(axis=1)
    return similar


def jaccard_at(before: Array, after: Array, *, k: int, draws: int = 2000) -> Figure:
    """Mean over users of |A and B| / |A or B| of the first k items before and after; 1: the same items in any order.

    before, after: (n_users, at least k) items, -1 for none; users with two empty lists are left out. Interval over
    resampled users. Errors: S211, S212, S214 other shapes, S301. Paper: jaccard1912
    """
    return _figure(f"jaccard@{k}", _jaccard(*_same_users(before, after, k)), draws)


def rbo(before: Array, after: Array, *, k: int, p: float = 0.9, draws: int = 2000) -> Figure:
    """Mean over users of sum_d p^(d-1) |A[:d] and B[:d]| / d over sum_d p^(d-1), d up to k: the first places count most.

    p: in (0, 1), the chance of reading on after each place. Rank-biased overlap, cut at k (or at the longer list where
    both are shorter) and divided by its own greatest value, so that the same lists give 1.
    before, after: as `jaccard_at`. Errors: S211, S212, S214, S301. Paper: rbo2010, eq. 4 (cut and renormalised: ours)
    """
    if not 0 < p < 1:
        raise StropError("S301", f"p is {p}", "allowed: (0, 1)")
    return _figure(f"rbo@{k} p={p:g}", _rbo(*_same_users(before, after, k), p), draws)


def top_output_stability(before: Array, after: Array, *, k: int, draws: int = 2000) -> Figure:
    """Share of users whose first item before is still among their first k after; over users who had one.

    before, after: as `jaccard_at`. Errors: S211, S212, S214, S301.
    Paper: robust_recommenders2025 (its formula from memory)
    """
    first, second = _same_users(before, after, k)
    had = first[:, 0] >= 0
    kept = (second[had] == first[had, :1]).any(axis=1)
    return _figure(f"top output stability@{k}", kept.astype(np.float64), draws)


def offset_on_output(
    before: Array, after: Array, *, k: int, similarity: Literal["jaccard", "rbo"] = "jaccard", draws: int = 2000
) -> Figure:
    """1 - mean over users of the similarity of their lists before and after; 0: the same, 1: nothing in common.

    similarity: `jaccard_at`, or `rbo` with its default p. Errors: S211, S212, S214, S301.
    Paper: robust_recommenders2025 (its formula from memory)
    """
    measure = {"jaccard": jaccard_at, "rbo": rbo}.get(similarity)
    if measure is None:
        raise StropError("S301", f"similarity is {similarity!r}", "allowed: jaccard, rbo")
    found = measure(before, after, k=k, draws=draws)
    if found.value is None:
        return Figure(f"offset on output@{k}, {similarity}", None)
    low, high = (None if bound is None else 1 - bound for bound in (found.high, found.low))
    return Figure(f"offset on output@{k}, {similarity}", 1 - found.value, low, high, found.n)
