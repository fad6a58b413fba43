"""Does a model tell the liked of the judged pairs from the others: all pairs pooled, and at the top of each user's own?"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from strop.audits import ranking
from strop.audits.intervals import middle, resampled_counts
from strop.audits.tested import tested
from strop.errors import StropError, suggestion
from strop.protocols import Scorer
from strop.records import Clicks, Figure, Ratings

Array = npt.NDArray[Any]
DEFINITIONS: dict[str, str] = {
    "rated auc": "Share of all pairs of a liked and a disliked judged record, of one user or of two, that are scored in the right order; a tie counts for a half.",
    "rated user auc": "The same share within each user's own judged items; mean over users with both a like and a dislike.",
    "rated ndcg": "NDCG@k of each user's judged items alone, over that of a perfect order; mean over users who like one.",
    "rated recall": "Likes in the first k judged items over all the user's likes among the judged; mean over users who like one.",
}  # fmt: skip


def pooled_auc(scores: Array, liked: Array) -> float | None:
    """P(score of a like > score of a dislike) + P(equal) / 2, over all pairs of the two; None where one side is empty.

    scores: (n,); liked: (n,) bool. Errors: S203 NaN, S214.
    Paper: fawcett2006
    """
    scores, liked = np.asarray(scores), np.asarray(liked, bool)
    if scores.shape != liked.shape:
        raise StropError("S214", f"{scores.shape} scores, {liked.shape} labels")
    if np.isnan(scores).any():
        raise StropError("S203", "a score is not a number")
    value = float(_pooled(np.argsort(scores, kind="stable"), scores, liked, np.ones((len(scores), 1)))[0])
    return None if np.isnan(value) else value


def _pooled(order: Array, scores: Array, liked: Array, weights: Array) -> Array:
    """(draws,) from weights (n, draws); order: ascending scores. NaN where a side has no weight."""
    ranked = scores[order]
    starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1])) if len(ranked) else np.zeros(0, int)
    w = weights[order].astype(np.float64)
    if not len(w):
        return np.full(weights.shape[1], np.nan)
    likes = np.add.reduceat(w * liked[order][:, None], starts, axis=0)  # a row for each group of equal scores
    others = np.add.reduceat(w * ~liked[order][:, None], starts, axis=0)
    below = np.cumsum(others, axis=0) - others / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = (likes * below).sum(0) / (likes.sum(0) * others.sum(0))
    return found


@dataclass(frozen=True, eq=False)
class Rated:
    """A model's scores of the judged pairs, with each user's figures. Ours: a record.

    users, scores, liked: (n,) a row a judged pair; per_user: figure -> (n_users,), NaN where it is undefined.
    """

    n_users: int
    users: Array
    scores: Array
    liked: Array
    per_user: dict[str, Array]
    _drawn: dict[tuple[int, int], dict[str, Array]] = field(default_factory=dict)

    def names(self) -> tuple[str, ...]:
        """All figures."""
        return ("auc", *self.per_user)

    def value(self, name: str) -> float | None:
        """The figure of that name, None where it is undefined. Errors: S102."""
        if name not in self.names():
            raise StropError("S102", f'no figure "{name}"{suggestion(name, list(self.names()))}')
        if name == "auc":
            return pooled_auc(self.scores, self.liked)
        defined = self.per_user[name][~np.isnan(self.per_user[name])]
        return float(defined.mean()) if len(defined) else None

    def resampled(self, *, draws: int, seed: int = 0) -> dict[str, Array]:
        """Every figure in every resample of the judged users, (draws,); pairs go with their user."""
        if (draws, seed) not in self._drawn:
            judged, rows = np.unique(self.users, return_inverse=True)
            order = np.argsort(self.scores, kind="stable")
            found: dict[str, list[Array]] = {name: [] for name in self.names()}
            for counts in resampled_counts(len(judged), draws=draws, seed=seed):
                found["auc"].append(_pooled(order, self.scores, self.liked, counts[rows]))
                for name, values in self.per_user.items():
                    own = values[judged]
                    known = ~np.isnan(own)
                    with np.errstate(invalid="ignore", divide="ignore"):
                        found[name].append(own[known] @ counts[known] / counts[known].sum(0))
            self._drawn[draws, seed] = {name: np.concatenate(parts) for name, parts in found.items()}
        return self._drawn[draws, seed]

    def figures(self, *, draws: int = 2000, seed: int = 0) -> tuple[Figure, ...]:
        """Every figure with the interval of resampled users; n: pairs for auc, users for the others."""
        drawn = self.resampled(draws=draws, seed=seed)
        sizes = {name: int((~np.isnan(values)).sum()) for name, values in self.per_user.items()} | {
            "auc": len(self.users)
        }
        return tuple(Figure(name, self.value(name), *_bounds(drawn[name]), sizes[name]) for name in self.names())

    def minus(self, other: "Rated", *, names: Sequence[str], draws: int = 2000, seed: int = 0) -> tuple[Figure, ...]:
        """Differences over the same judged pairs, in the same resamples of their users. Errors: S102, S214 other pairs."""
        if not (np.array_equal(self.users, other.users) and np.array_equal(self.liked, other.liked)):
            raise StropError("S214", "the two were measured on different pairs", "use the same judged ratings for both")
        ours, theirs = (one.resampled(draws=draws, seed=seed) for one in (self, other))
        found = []
        for name in names:
            a, b = self.value(name), other.value(name)
            gap = None if a is None or b is None else a - b
            low, high = (None, None) if gap is None else _bounds(ours[name] - theirs[name])
            found.append(Figure(name, gap, low, high, len(self.users)))
        return tuple(found)


def rated(scorer: Scorer, judged: Ratings, *, liked: float, ks: Sequence[int] = (5, 10)) -> Rated:
    """Scores the judged pairs, and holds the scores against the likes: those with a value of at least `liked`.

    judged: pairs drawn without regard to what is liked, but for those that were learned from (`without`). Figures: auc,
    user auc, ndcg@k, recall@k; ties stand in the fixed circle of `ranking.tie_order`, and count a half in AUC. Values are
    not comparable with full ranking. Errors: S209 nobody likes anything that was judged, S214 another table, S301 a k
    below 1, S601 NaN.
    Paper: fawcett2006; jarvelin2002
    """
    own = tested(scorer, judged, liked=liked, ks=(min(ks),))
    n_users, n_items = scorer.n_users, scorer.n_items
    users, items = judged.users.astype(np.int64), judged.items.astype(np.int64)
    scores = pair_scores(scorer, users, items)
    order = np.lexsort((ranking.tie_order(n_items)[items], -scores, users))
    counts = np.bincount(users, minlength=n_users)
    lists = np.full((n_users, max(int(counts.max()), *ks)), -1, np.int64)
    lists[users[order], np.arange(len(users)) - (np.cumsum(counts) - counts)[users[order]]] = items[order]
    found = {"user auc": _spread(n_users, own.users, own.per_user["auc"])}
    for k in ks:
        who, figures = ranking.per_user(lists, judged.clicks(liked), k=k)
        found |= {f"{name}@{k}": _spread(n_users, who, figures[name]) for name in ("ndcg", "recall")}
    return Rated(n_users, users, scores, judged.values >= liked, found)


def _spread(n_users: int, users: Array, values: Array) -> Array:
    found = np.full(n_users, np.nan)
    found[users] = values
    return found


def without(ratings: Ratings, seen: Ratings | Clicks) -> Ratings:
    """The ratings but for the pairs that also stand in `seen`. Errors: S214 another table. Ours."""
    if (len(ratings.user_ids), len(ratings.item_ids)) != (len(seen.user_ids), len(seen.item_ids)):
        raise StropError("S214", f"{ratings.name} and {seen.name} have different tables of users and items")
    width = len(ratings.item_ids)
    kept = ~np.isin(
        ratings.users.astype(np.int64) * width + ratings.items, seen.users.astype(np.int64) * width + seen.items
    )
    return take(ratings, kept)


def take(ratings: Ratings, rows: Array) -> Ratings:
    """The ratings at these rows (positions or a mask), in the same table. Ours."""
    times = None if ratings.times is None else ratings.times[rows]
    columns = {name: getattr(ratings, name)[rows] for name in ("users", "items", "values")}
    return replace(ratings, **columns, times=times)


def pair_scores(scorer: Scorer, users: Array, items: Array) -> Array:
    """(n,) float32: the score of each pair, computed in blocks of users. Ours."""
    found, unique = np.empty(len(users), np.float32), np.unique(users)
    rows = max(1, ranking.CELLS // scorer.n_items)
    where = np.searchsorted(unique, users)
    with torch.no_grad():
        for start in range(0, len(unique), rows):
            scores = scorer.score(unique[start : start + rows]).numpy()
            inside = np.flatnonzero((where >= start) & (where < start + rows))
            found[inside] = scores[where[inside] - start, items[inside]]
    return found


def _bounds(drawn: Array) -> tuple[float | None, float | None]:
    return middle(drawn) or (None, None)
