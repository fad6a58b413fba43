"""Who is recommended, and who is liked: how far do recommendations follow popularity rather than taste?"""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
GROUPS = 10

DEFINITIONS = {
    "di": "deviation (n - 1) over mean of hits_i / likes_i^(2 - gamma) over items with held-out likes; 0: interactions in "
    "proportion to likes; lower is fairer, but gamma above 1.3 also rewards random lists",
    "mi": "mutual information (nats) of hits_i / likes_i in 10 equal bins and likes_i in 10 quantile bins; rewards random lists too",
    "reo": "deviation over mean, over 10 popularity groups of equally many items, of the share of held-out likes that "
    "is recommended; lower is fairer; rewards random lists too",
    "rsp": "deviation over mean, over the same groups, of the share of possible places that is recommended; rewards random lists",
    "arp": "mean over users of the mean train popularity of their list",
    "coverage": "share of all items that stand in somebody's list",
    "gini": "inequality of how often items are recommended; 0 equal, 1 one item takes all",
    "head_share": "share of all places taken by the most popular tenth of the items",
    "unbiased_recall": "recall with each hit weighted by 1/p_i, p_i ~ popularity^1 (gamma = 1), normalised per user",
}
DIRECTIONS = {
    "recall": "higher", "ndcg": "higher", "map": "higher", "mrr": "higher", "hit_rate": "higher", "precision": "higher",
    "unbiased_recall": "higher", "coverage": "higher", "di": "lower", "reo": "lower", "rsp": "lower", "mi": "neither",
    "arp": "neither", "gini": "neither", "head_share": "neither",
}  # fmt: skip


def groups(popularity: Array, *, count: int = GROUPS) -> Array:
    """(n_items,) the group of each item, 0 the least popular; equally many items a group, ties by position.

    Paper: zhu2020, as in the released code of ipl2023.
    """
    group = np.empty(len(popularity), np.int64)
    order = np.argsort(popularity, kind="stable")
    group[order] = np.arange(len(order)) * count // max(len(order), 1)
    return group


def deviation(values: Array, *, ddof: int = 0, axis: int = -1) -> Array:
    """Standard deviation over mean along an axis, ignoring NaN; NaN where the mean is 0 or fewer than two values are left.

    Paper: ipl2023 (ddof 1, items), zhu2020 (ddof 0, groups).
    """
    count = np.sum(~np.isnan(values), axis=axis)
    total = np.nansum(values, axis=axis)
    mean = total / np.maximum(count, 1)
    squares = np.nansum((values - np.expand_dims(mean, axis)) ** 2, axis=axis)
    with np.errstate(divide="ignore", invalid="ignore"):
        out = np.sqrt(squares / np.maximum(count - ddof, 1)) / mean
    return np.asarray(np.where((count >= 2) & (mean > 0), out, np.nan))


def interaction_deviation(hits: Array, likes: Array, *, gamma: float) -> Array:
    """DI: deviation over items (last axis) of hits / likes^(2 - gamma), items without likes left out.

    Paper: ipl2023, the criterion. NaN where undefined.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(likes > 0, hits / np.power(likes, 2 - gamma), np.nan)
    return deviation(ratio, ddof=1)


def mutual_information(hits: Array, likes: Array) -> float | None:
    """I(hits / likes; likes) in nats over items with likes: 10 equal bins on [0, 1] x 10 quantile bins.

    Paper: ipl2023; bins fixed by us. None where fewer than two items have likes.
    """
    kept = likes > 0
    if kept.sum() < 2:
        return None
    share = np.minimum((hits[kept] / likes[kept] * 10).astype(int), 9)
    edges = np.unique(np.quantile(likes[kept], np.linspace(0, 1, 11)[1:-1]))
    size = np.searchsorted(edges, likes[kept], side="right")
    joint = np.zeros((10, len(edges) + 1))
    np.add.at(joint, (share, size), 1)
    joint /= joint.sum()
    expected = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    full = joint > 0
    return float((joint[full] * np.log(joint[full] / expected[full])).sum())


def gini(counts: Array) -> float | None:
    """Gini coefficient of non-negative counts (n,); None where all are 0. Paper: gini1912."""
    ordered = np.sort(counts)
    n, total = len(ordered), float(ordered.sum())
    if total == 0:
        return None
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * total))
