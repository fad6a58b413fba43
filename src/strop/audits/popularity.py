"""Are items shown, and met with interest, in proportion to what people like, or do the popular ones take it all?

Arrays of items have the item as first axis; further axes (the draws of a bootstrap) are kept. Undefined is NaN here, None
in every report. Popularity is counted in the training part only.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from strop.audits.ranking import checked_lists, hits, tie_order
from strop.errors import StropError
from strop.records import Clicks

Array = npt.NDArray[Any]

GROUPS = 10  # of items, by popularity
BINS = 10  # of MI, along each side
HEAD = 0.1  # share of the catalogue that counts as its head

DEFINITIONS: dict[str, str] = {
    "di": "std / mean over items of r = C / q^(2 - gamma), C an item's hits in the top k, q the users who like it (test part), items with q > 0 and a train click, std over n; 0 when hits are in proportion to likes.",
    "mi": "Mutual information in nats between C/q, 10 equal bins on [0, 1], and q, 10 quantile bins of this test part; items as in di. A random list scores low too.",
    "reo": "std / mean over 10 equal-size popularity groups of (hits in the group / likes in the group), std over n; groups without a like are left out. A random list scores low too.",
    "rsp": "std / mean over the same groups of (slots given to the group / pairs of user and item of the group that are not in train), std over n. A random list scores low too.",
    "arp": "Mean over users of the mean train popularity (clicks) of the items in their list; users with an empty list are left out.",
    "coverage": "Share of the catalogue that stands in at least one list.",
    "gini": "Gini index of the number of lists each item of the catalogue stands in: 0 all alike, near 1 a few items take all.",
    "head_share": "Share of all slots that go to the 10 % of the catalogue with most train clicks (at least one item).",
    "groups": "Items in order of train clicks, ties by the fixed circle, cut into 10 groups of equal size (fewer than 10 items: one each); items without a train click are in none, and are counted as cold.",
}  # fmt: skip


def popularity_groups(popularity: Array) -> Array:
    """(n_items,) int64: each item's group, 0 the rarest, equal sizes (to one item); -1 for an item without a click.

    At most 10 groups; ties in popularity are settled by `tie_order`, not by the order of the items.
    Paper: zhu2020
    """
    ascending = np.lexsort((tie_order(len(popularity)), popularity))
    warm = ascending[popularity[ascending] > 0]
    groups = np.full(len(popularity), -1)
    for number, members in enumerate(np.array_split(warm, min(GROUPS, len(warm)) or 1)):
        groups[members] = number
    return groups


def head_items(popularity: Array) -> Array:
    """(n_items,) bool: the tenth of the catalogue (at least one item) with most clicks, ties by `tie_order`. Ours."""
    most = np.lexsort((tie_order(len(popularity)), -popularity))[: max(1, int(HEAD * len(popularity)))]
    return np.isin(np.arange(len(popularity)), most)


def relative_spread(rates: Array) -> Array:
    """std / mean along the first axis, std over n; NaN entries are left out; NaN for fewer than 2 entries or mean 0.

    REO with rates = hits in a group / likes in it; RSP with slots / pairs that could be shown; DI with r of each item.
    Paper: zhu2020
    """
    known = ~np.isnan(rates)
    n = known.sum(axis=0)
    filled = np.where(known, rates, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = filled.sum(axis=0) / n
        gaps = np.where(known, filled - mean, 0.0)
        spread = np.sqrt(np.square(gaps).sum(axis=0) / n) / mean
        found: Array = np.where((n > 1) & (mean > 0), spread, np.nan)
    return found


def interaction_deviation(item_hits: Array, likes: Array, *, gamma: float) -> Array:
    """DI: std / mean over liked items of r = C / q^(2 - gamma), 0 when every item's hits are in proportion to q^(2 - gamma).

    item_hits: C, an item's hits over all lists; likes: q, the users who like it; both (n_items, ...) integers.
    gamma: in [1, 2]; 1 takes the likes of the test part as they are, 2 says that all items are liked alike. Errors: S301.
    Not by itself: at gamma near 2 random lists score low; quote it with Recall.
    Paper: ipl2023
    """
    if not 1 <= gamma <= 2:
        raise StropError("S301", f"gamma is {gamma}", "allowed: from 1 (likes as observed) to 2 (all liked alike)")
    counts = np.arange(1, int(likes.max(initial=0)) + 1, dtype=np.float64)
    per_like = np.concatenate([[np.nan], counts ** (gamma - 2)])
    return relative_spread(item_hits * per_like[likes])


def like_bins(likes: Array) -> Array:
    """The 9 inner edges of 10 quantile bins of the likes of liked items: an item is in the bin of the edges not above it.

    Paper: ipl2023
    """
    liked = likes[likes > 0]
    edges: Array = np.quantile(liked, np.arange(1, BINS) / BINS) if len(liked) else np.ones(BINS - 1)
    return edges


def mutual_information(item_hits: Array, likes: Array, *, edges: Array) -> Array:
    """MI in nats of (C/q in 10 equal bins on [0, 1]) and (q in the bins of `edges`) over items with q > 0; NaN for none.

    item_hits: C, likes: q, (n_items, ...) integers; edges: of `like_bins`. Not by itself: a random list scores low too.
    Departs from the paper's code, which feeds raw floats to a discrete estimate.
    Paper: ipl2023
    """
    from scipy.special import xlogy

    ends, size = likes.shape[1:], int(np.prod(likes.shape[1:]))
    bin_of = np.searchsorted(edges, np.arange(int(likes.max(initial=0)) + 1), side="right") * BINS
    rate_bin = np.minimum(BINS * item_hits.astype(np.int64) // np.maximum(likes, 1), BINS - 1)
    code = np.where(likes > 0, bin_of[likes] + rate_bin, BINS * BINS).reshape(-1, size)
    cells = np.bincount((code + (BINS * BINS + 1) * np.arange(size)).ravel(), minlength=(BINS * BINS + 1) * size)
    table = cells.reshape(size, BINS * BINS + 1)[:, :-1].reshape(size, BINS, BINS)
    with np.errstate(invalid="ignore"):
        joint = table / table.sum(axis=(1, 2), keepdims=True)
    entropies = [xlogy(p, p).reshape(size, -1).sum(axis=1) for p in (joint, joint.sum(axis=1), joint.sum(axis=2))]
    found: Array = (entropies[0] - entropies[1] - entropies[2]).reshape(ends)
    return found


def gini_index(slots: Array, *, n_items: int) -> Array:
    """sum_i (2 i - n - 1) x_(i) / (n sum x), x ascending: 0 when all items stand in as many lists, 1 - 1/n when one has all.

    slots: (at most n_items, ...) counts; items left out count as never shown. NaN where nothing was shown.
    Paper: gini1912
    """
    ascending = np.sort(np.moveaxis(slots, 0, -1), axis=-1)
    places = 2 * np.arange(n_items - len(slots) + 1, n_items + 1) - n_items - 1
    with np.errstate(invalid="ignore"):
        found: Array = np.asarray(ascending @ places.astype(np.float64) / (n_items * ascending.sum(axis=-1)))
    return found


def unbiased_recall(
    top: Array, *, train: Clicks, truth: Clicks, k: int = 20, power: float = 0.5
) -> tuple[Array, Array]:
    """(users, recall): hits over likes, each weighted 1/p, p = popularity^power, self-normalised per user; in [0, 1].

    Undoes that popular items are over-represented among the observed likes. power: 0 plain recall; yang2018 has
    (gamma + 1) / 2 with gamma its exponent of popularity. Liked items without a train click are left out, and so are users
    who like no other. Errors: as `per_user`, S301 power outside [0, 2]. Not where the test part was shown uniformly: there
    plain recall is right.
    Paper: yang2018
    """
    if not 0 <= power <= 2:
        raise StropError("S301", f"power is {power}", "allowed: from 0 (plain recall) to 2")
    lists = checked_lists(top, n_users=truth.n_users, n_items=truth.n_items, k=k)
    weights = np.where(train.popularity > 0, np.maximum(train.popularity, 1.0) ** -power, 0.0)
    liked = np.bincount(truth.users, weights=weights[truth.items], minlength=truth.n_users)
    users = np.flatnonzero(liked > 0)
    gained = (hits(lists, truth) * weights[lists]).sum(axis=1)
    return users, gained[users] / liked[users]
