"""How well are a user's tested items ordered: those that were drawn for them and judged, not all there are?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from strop.audits.intervals import bootstrap_mean
from strop.audits.ranking import CELLS, tie_order
from strop.errors import StropError
from strop.protocols import Scorer
from strop.records import Clicks, Figure, Ratings

Array = npt.NDArray[Any]
KS = (1, 3, 5)
DEFINITIONS: dict[str, str] = {
    "tested dcg": "y_1 + sum over ranks 2 to k of y_i / log2(i) on the user's tested items: the first two ranks both weigh 1, and nothing is divided by.",
    "tested recall": "Likes in the first k tested items over all the user's likes among the tested.",
    "tested map": "Sum over likes in the first k tested items of the precision at their rank; nothing is divided by.",
    "tested auc": "Share of the user's pairs of a liked and a disliked tested item in the right order, a tie for a half; users with both only.",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Tested:
    """Each user's figures on the items tested with them. Ours: a record.

    users: who likes at least one tested item; per_user: dcg@k, recall@k, map@k and auc, (len(users),), NaN where it is
    undefined; left_out: how many tested users like none.
    """

    users: Array
    per_user: dict[str, Array]
    left_out: int

    def value(self, name: str) -> float | None:
        """The mean over the users for whom it is defined."""
        values = self.per_user[name]
        defined = values[~np.isnan(values)]
        return float(defined.mean()) if len(defined) else None

    def figures(self, *, draws: int = 2000, seed: int = 0) -> tuple[Figure, ...]:
        """Every figure with the interval of resampled users."""
        return tuple(_figure(name, values, draws, seed) for name, values in self.per_user.items())


def tested(
    scorer: Scorer, judged: Ratings, *, liked: float, ks: Sequence[int] = KS, seen: Ratings | Clicks | None = None
) -> Tested:
    """Orders each user's judged items by score and counts the likes, those with a value of at least `liked`, at the top.

    judged: the tested pairs, drawn without regard to what is liked, with what the users said; seen: pairs that are not
    tested, for they were learned from. Ties stand in the fixed circle of `tie_order`. Values are not comparable with full ranking.
    Errors: S209 nobody likes anything that was tested, S214 another table, S301 a k below 1, S601 NaN.
    Paper: relmf2020 (its released metrics); fawcett2006 (AUC)
    """
    if min(ks) < 1:
        raise StropError("S301", f"k is {min(ks)}", "allowed: 1 and above")
    shape = (len(judged.user_ids), len(judged.item_ids))
    if shape != (scorer.n_users, scorer.n_items):
        raise StropError(
            "S214", f"{judged.name} has {shape} users and items, the model {scorer.n_users, scorer.n_items}"
        )
    users, items, y = judged.users.astype(np.int64), judged.items.astype(np.int64), judged.values >= liked
    if seen is not None:
        kept = ~np.isin(users * shape[1] + items, seen.users.astype(np.int64) * shape[1] + seen.items)
        users, items, y = users[kept], items[kept], y[kept]
    likes = np.bincount(users[y], minlength=shape[0])
    if not likes.any():
        raise StropError("S209", f"nobody likes anything that was tested in {judged.name}", "a lower threshold")
    scores = _scores(scorer, users, items)
    order = np.lexsort((tie_order(shape[1])[items], -scores, users))
    tests = np.bincount(users, minlength=shape[0])
    users, y, scores = users[order], y[order], scores[order]
    place = np.arange(len(users)) - (np.cumsum(tests) - tests)[users]
    chosen = np.flatnonzero(likes)
    found = _at_the_top(users, y, place, likes, ks) | {"auc": _auc(users, y, place, scores, tests, likes)}
    return Tested(
        chosen, {name: values[chosen] for name, values in found.items()}, int((tests > 0).sum() - len(chosen))
    )


def _scores(scorer: Scorer, users: Array, items: Array) -> Array:
    """The scores of the pairs, float32, a block of users at a time. Errors: S601."""
    found, unique = np.empty(len(users), np.float32), np.unique(users)
    rows = max(1, CELLS // scorer.n_items)
    with torch.no_grad():
        for start in range(0, len(unique), rows):
            block = unique[start : start + rows]
            begin, end = np.searchsorted(users, [block[0], block[-1] + 1])
            scores = scorer.score(block).numpy()
            found[begin:end] = scores[np.searchsorted(block, users[begin:end]), items[begin:end]]
    if np.isnan(found).any():
        raise StropError("S601", "a score is not a number", "train again with a lower learning rate")
    return found


def _at_the_top(users: Array, y: Array, place: Array, likes: Array, ks: Sequence[int]) -> dict[str, Array]:
    """(n_users,) figures of the first k of each user; pairs sorted by user, then best first, at `place` from 0."""
    n, rank = len(likes), place + 1
    so_far = np.cumsum(y)
    before = (np.cumsum(likes) - likes)[users]  # likes of earlier users
    precision = (so_far - before) / rank
    found: dict[str, Array] = {}
    for k in ks:
        hit = y & (place < k)
        found[f"dcg@{k}"] = np.bincount(users, hit / np.log2(np.maximum(rank, 2)), n)
        found[f"recall@{k}"] = np.bincount(users, hit, n) / np.maximum(likes, 1)
        found[f"map@{k}"] = np.bincount(users, hit * precision, n)
    return found


def _auc(users: Array, y: Array, place: Array, scores: Array, tests: Array, likes: Array) -> Array:
    """(n_users,): NaN for users who like all or none that was tested with them."""
    fresh = np.ones(len(users), bool)
    fresh[1:] = (users[1:] != users[:-1]) | (scores[1:] != scores[:-1])
    group = np.cumsum(fresh) - 1
    middle = (np.bincount(group, place) / np.bincount(group))[group]  # tied items share their mean place
    others = tests - likes
    rank = tests[users] - middle  # 1 for the worst
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = (np.bincount(users, y * rank, len(tests)) - likes * (likes + 1) / 2) / (likes * others)
    return np.where(likes * others > 0, found, np.nan)


def _figure(name: str, values: Array, draws: int, seed: int) -> Figure:
    defined = values[~np.isnan(values)]
    if len(defined) < 2:
        return Figure(name, float(defined[0]) if len(defined) else None, n=len(defined))
    return Figure(name, *bootstrap_mean(defined, draws=draws, seed=seed), len(defined))
