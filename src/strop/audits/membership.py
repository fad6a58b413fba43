"""Can it still be told from a model what it was made to forget? Forgotten clicks beside never-seen ones, and beside a retrained model."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from strop.audits import intervals
from strop.audits.ranking import CELLS, per_user, top_k
from strop.errors import StropError
from strop.protocols import Scorer
from strop.records import Clicks, Figure

Array = npt.NDArray[Any]


def pair_shares(scorer: Scorer, pairs: Clicks, seen: Sequence[Clicks]) -> Array:
    """(len(pairs),) in [0, 1]: the share of the user's unseen items that score below the pair's item, ties by half.

    seen: all clicks that are no rivals; the pairs themselves never are. NaN where no item is left to compare with.
    Not for: the lists a user sees, which only the highest scores make. Errors: S214 another table. Ours: P(s > s_unseen)
    over all unseen items instead of a sample.
    """
    for clicks in (pairs, *seen):
        if (clicks.n_users, clicks.n_items) != (scorer.n_users, scorer.n_items):
            raise StropError("S214", f"{clicks.name}: {clicks.n_users} x {clicks.n_items}, not the model's table")
    found = np.full(len(pairs), np.nan)
    users = np.unique(pairs.users)
    for block in np.array_split(users, max(1, len(users) * scorer.n_items // CELLS)):
        scores = np.asarray(scorer.score(block))
        for user, row in zip(block, scores, strict=True):
            rows = slice(pairs.indptr[user], pairs.indptr[user + 1])
            rival = np.ones(scorer.n_items, bool)
            for clicks in (pairs, *seen):
                rival[clicks.items_of(user)] = False
            if rival.any():
                rivals, own = np.sort(row[rival]), row[pairs.items[rows]]
                below = np.searchsorted(rivals, own) + np.searchsorted(rivals, own, side="right")
                found[rows] = below / 2 / len(rivals)
    return found


def _means(
    groups: Sequence[tuple[Array, Array]], signs: Sequence[float], n_users: int, draws: int
) -> tuple[float, float | None, float | None]:
    """Sum of sign x mean over groups of (users, values), with the interval of resampled users."""
    users = np.unique(np.concatenate([g[0] for g in groups]))
    place = np.zeros(n_users, np.int64)
    place[users] = np.arange(len(users))
    sums = [np.bincount(place[u], weights=v, minlength=len(users)) for u, v in groups]
    sizes = [np.bincount(place[u], minlength=len(users)) for u, _ in groups]
    value = float(sum(s * v.mean() for s, (_, v) in zip(signs, groups, strict=True)))
    if len(users) < 2:
        return value, None, None
    drawn = []
    with np.errstate(invalid="ignore", divide="ignore"):
        for counts in intervals.resampled_counts(len(users), draws=draws, seed=0):
            parts = [sign * (s @ counts) / (n @ counts) for sign, s, n in zip(signs, sums, sizes, strict=True)]
            drawn.append(np.sum(parts, axis=0))
    bounds = intervals.middle(np.concatenate(drawn))
    return (value, None, None) if bounds is None else (value, *bounds)


def _defined(pairs: Clicks, shares: Array) -> tuple[Array, Array]:
    known = np.isfinite(shares)
    return pairs.users[known], shares[known]


def pair_auc(scorer: Scorer, pairs: Clicks, seen: Sequence[Clicks], *, draws: int = 2000) -> Figure:
    """P(s_pair > s_unseen): the chance that a pair outranks an item that its user never clicked; 0.5 is no knowledge.

    The mean of `pair_shares`; interval over resampled users. None where nothing can be compared.
    Not for: proof of forgetting by itself, for a taste that was learned from other clicks also lifts it.
    Paper: mmrecun2024
    """
    users, shares = _defined(pairs, pair_shares(scorer, pairs, seen))
    if not len(shares):
        return Figure("auc of forgotten clicks", None)
    return Figure("auc of forgotten clicks", *_means([(users, shares)], [1.0], pairs.n_users, draws), len(shares))


def gap_to_held_out(
    scorer: Scorer, forgotten: Clicks, held_out: Clicks, seen: Sequence[Clicks], *, draws: int = 2000
) -> Figure:
    """AUC of the forgotten clicks minus that of clicks that were never trained on: 0 where they cannot be told apart.

    held_out: of the same users or items where that can be, for instance their validation clicks. Above 0 the model still
    favours what it should have forgotten; below 0 it marks it. Interval over resampled users; None without either set.
    Not for: forgotten clicks of another kind than the held-out ones (rarer items, other users).
    Ours: the figure a retrained model would have is read from clicks that it would not have seen either.
    """
    name, all_seen = "auc gap to held-out clicks", (*seen, forgotten, held_out)
    groups = [_defined(part, pair_shares(scorer, part, all_seen)) for part in (forgotten, held_out)]
    if not all(len(values) for _, values in groups):
        return Figure(name, None)
    return Figure(name, *_means(groups, [1.0, -1.0], forgotten.n_users, draws), len(groups[0][1]))


def gap_to_retrained(
    scorer: Scorer, retrained: Scorer, forgotten: Clicks, seen: Sequence[Clicks], *, draws: int = 2000
) -> Figure:
    """AUC of the forgotten clicks minus the same of a model that was trained without them, over the same pairs.

    0: this model holds them as that one does. Interval over resampled users.
    Not for: one seed's verdict where two retrained models differ as much. Paper: mmrecun2024
    """
    name = "auc gap to the retrained model"
    ours, theirs = (pair_shares(one, forgotten, seen) for one in (scorer, retrained))
    users, steps = _defined(forgotten, ours - theirs)
    if not len(steps):
        return Figure(name, None)
    return Figure(name, *_means([(users, steps)], [1.0], forgotten.n_users, draws), len(steps))


def forgotten_recall(
    scorer: Scorer, forgotten: Clicks, retained: Sequence[Clicks], *, k: int = 20, draws: int = 2000
) -> Figure:
    """Share of a user's forgotten clicks that stand in their first k, only the retained clicks being masked.

    Right is what a retrained model has, not 0: too low marks the clicks as well. Mean and interval over users who had a
    click forgotten. Paper: mmrecun2024
    """
    users, figures = per_user(top_k(scorer, retained, k=k), forgotten, k=k)
    name, values = f"recall@{k} of forgotten clicks", figures["recall"]
    if not len(users):
        return Figure(name, None)
    return Figure(name, *_means([(users, values)], [1.0], forgotten.n_users, draws), len(users))


def list_overlap(ours: Array, theirs: Array, *, draws: int = 2000) -> Figure:
    """Mean over users of |A and B| / |A or B| of two lists (Jaccard): 1 where both show the same items.

    ours, theirs: (n_users, k) items, -1 for none; users with two empty lists are left out. Two models trained on the same
    clicks with other seeds do not reach 1. Errors: S214 other shapes. Paper: jaccard1912
    """
    if ours.shape != theirs.shape:
        raise StropError("S214", f"lists of shapes {ours.shape} and {theirs.shape}", "the same users and k for both")
    name = f"overlap of lists@{ours.shape[1]}"
    both = (ours[:, :, None] == theirs[:, None, :]) & (ours >= 0)[:, :, None]
    common, size = both.sum(axis=(1, 2)), (ours >= 0).sum(axis=1) + (theirs >= 0).sum(axis=1)
    users = np.flatnonzero(size > 0)
    if not len(users):
        return Figure(name, None)
    values = common[users] / (size[users] - common[users])
    return Figure(name, *_means([(users, values)], [1.0], len(ours), draws), len(users))
