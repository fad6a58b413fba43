"""What do these lists give the users, what do they do to the items, and how sure is that?"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from strop.audits import popularity, ranking
from strop.audits.intervals import around, resampled_counts, two_sided_p
from strop.errors import StropError, suggestion
from strop.records import Clicks, Figure, Ratings

Array = npt.NDArray[Any]
Row = tuple[float | None, ...]

GAMMAS = (1.0, 1.3, 1.826)
LEAST_DRAWS = 100

DIRECTIONS: dict[str, str] = {
    "recall": "higher",
    "ndcg": "higher",
    "map": "higher",
    "mrr": "higher",
    "hit_rate": "higher",
    "precision": "higher",
    "di": "lower",
    "mi": "lower",
    "reo": "lower",
    "rsp": "lower",
    "arp": "neither",
    "coverage": "neither",
    "gini": "neither",
    "head_share": "neither",
}
"""Which way is better. Who is shown (arp, coverage, gini, head_share) is neither: people may like what is popular."""


def definitions() -> dict[str, str]:
    """Every figure's definition, by the name before its "@", and what mask, ties, groups and intervals mean. Ours."""
    interval = "Middle 95 % of bootstrap draws over users, moved so that their mean lies at the figure; items' counts are counted anew in each draw."
    return ranking.DEFINITIONS | popularity.DEFINITIONS | {"interval": interval}


def direction(name: str) -> str:
    """higher, lower or neither is better, for a figure's full name such as "di@20 gamma=1.0". Errors: S102. Ours."""
    measure = re.split(r"[@ ]", name, maxsplit=1)[0]
    if measure not in DIRECTIONS:
        raise StropError("S102", f'no figure "{name}"{suggestion(measure, list(DIRECTIONS))}')
    return DIRECTIONS[measure]


@dataclass(frozen=True, eq=False)
class _Sums:
    """What the figures are made of, for one weighting of the users a column: one column of ones, or the draws.

    users: rows by name, (draws,); groups: hits, likes, slots, clicks by name, (groups, draws); item_hits, item_likes: of the
    items that count for DI and MI; item_slots: of the items shown at all; (items, draws) integers.
    """

    users: dict[str, Array]
    groups: dict[str, Array]
    item_hits: Array
    item_likes: Array
    item_slots: Array


@dataclass(frozen=True, eq=False)
class Measured:
    """Lists that were held against the likes of a test part.

    users: who likes at least one item; per_user: their accuracy, (len(users),) a figure; lists: (n_users, k) items, -1 for
    none; hit: (n_users, k) bool.
    """

    k: int
    gammas: tuple[float, ...]
    users: Array
    per_user: dict[str, Array]
    lists: Array
    hit: Array
    train: Clicks
    truth: Clicks

    @property
    def cold_items(self) -> int:
        """How many items have no train click: left out of di, mi, reo and rsp."""
        return int((self.train.popularity == 0).sum())

    @cached_property
    def _groups(self) -> Array:
        return popularity.popularity_groups(self.train.popularity)

    @cached_property
    def _slots(self) -> tuple[Array, Array]:
        """(user, item) of every filled slot."""
        users, places = np.nonzero(self.lists >= 0)
        return users, self.lists[users, places]

    @cached_property
    def _hits(self) -> tuple[Array, Array]:
        """(user, item) of every hit."""
        users, places = np.nonzero(self.hit)
        return users, self.lists[users, places]

    @cached_property
    def _counted(self) -> tuple[Array, Array]:
        """The items that count for DI and MI (liked, and with a train click), and those that are shown at all."""
        liked = (self.truth.popularity > 0) & (self.train.popularity > 0)
        return np.flatnonzero(liked), np.flatnonzero(np.bincount(self._slots[1], minlength=self.train.n_items))

    @cached_property
    def _columns(self) -> dict[str, Array]:
        """(n_users,) or (n_users, groups) float64 by name: what is summed over users."""
        n = self.train.n_users
        shown, items = self._slots
        length = np.bincount(shown, minlength=n)
        clicks = np.bincount(shown, weights=self.train.popularity[items], minlength=n)
        head = popularity.head_items(self.train.popularity)[items]
        accuracy = np.zeros((len(self.per_user), n))
        accuracy[:, self.users] = list(self.per_user.values())
        pairs = {"hits": self._hits, "likes": (self.truth.users, self.truth.items), "slots": self._slots}
        return {
            **dict(zip(self.per_user, accuracy)),
            "likers": np.isin(np.arange(n), self.users),
            "listed": length > 0,
            "arp": clicks / np.maximum(length, 1),
            "shown": length,
            "head": np.bincount(shown, weights=head, minlength=n),
            **{f"group {name}": self._by_group(*pair) for name, pair in pairs.items()},
            "group clicks": self._by_group(self.train.users, self.train.items),
        }

    def _by_group(self, users: Array, items: Array) -> Array:
        """(n_users, groups) counts of (user, item) pairs; items in no group are dropped."""
        width = int(self._groups.max(initial=-1)) + 2
        cells = users * np.int64(width) + self._groups[items] + 1
        return np.bincount(cells, minlength=self.train.n_users * width).reshape(-1, width)[:, 1:]

    def _split(self, sums: Array) -> tuple[dict[str, Array], dict[str, Array]]:
        """Sums of the columns, (columns, draws), as dicts of user rows and of group rows."""
        users, groups, at = {}, {}, 0
        for name, column in self._columns.items():
            if column.ndim == 1:
                users[name], at = sums[at], at + 1
            else:
                groups[name.removeprefix("group ")], at = sums[at : at + column.shape[1]], at + column.shape[1]
        return users, groups

    @cached_property
    def _stacked(self) -> Array:
        """(columns, n_users) float64."""
        return np.concatenate([c.reshape(len(c), -1) for c in self._columns.values()], axis=1).astype(np.float64).T

    def _observed(self) -> _Sums:
        """Every user once."""
        liked, shown = self._counted
        n = self.train.n_items
        item_hits, slots = (np.bincount(pair[1], minlength=n)[:, None] for pair in (self._hits, self._slots))
        users, groups = self._split(self._stacked.sum(axis=1)[:, None])
        return _Sums(users, groups, item_hits[liked], self.truth.popularity[liked, None], slots[shown])

    def _resampler(self) -> Callable[[Array], _Sums]:
        """What makes _Sums of a block of resampled users: one sparse product for all of its draws."""
        from scipy.sparse import csr_matrix

        liked, shown = self._counted
        shape = (self.train.n_items, self.train.n_users)

        def items_by_users(pair: tuple[Array, Array], rows: Array, kind: Any) -> Any:
            return csr_matrix((np.ones(len(pair[0]), kind), (pair[1], pair[0])), shape=shape)[rows]

        kind = np.int16 if shape[1] < 1 << 15 else np.int32
        pairs = (self._hits, liked), ((self.truth.users, self.truth.items), liked), (self._slots, shown)
        hits, likes, slots = (items_by_users(pair, rows, kind) for pair, rows in pairs)

        def sums(counts: Array) -> _Sums:
            users, groups = self._split(self._stacked @ counts.astype(np.float64))
            return _Sums(users, groups, hits @ counts, likes @ counts, slots @ counts)

        return sums

    def _values(self, of: _Sums) -> dict[str, Array]:
        """Every figure, (draws,), NaN where undefined."""
        k, n_items, n_users, users, groups = self.k, self.train.n_items, self.train.n_users, of.users, of.groups
        sizes = np.bincount(self._groups + 1, minlength=1)[1:, None]
        edges = popularity.like_bins(self.truth.popularity[self._counted[0]])
        with np.errstate(invalid="ignore", divide="ignore"):
            found = {f"{name}@{k}": users[name] / users["likers"] for name in self.per_user}
            for gamma in self.gammas:
                deviation = popularity.interaction_deviation(of.item_hits, of.item_likes, gamma=gamma)
                found[f"di@{k} gamma={gamma}"] = deviation
            found[f"mi@{k}"] = popularity.mutual_information(of.item_hits, of.item_likes, edges=edges)
            found[f"reo@{k}"] = popularity.relative_spread(groups["hits"] / groups["likes"])
            found[f"rsp@{k}"] = popularity.relative_spread(groups["slots"] / (n_users * sizes - groups["clicks"]))
            found[f"arp@{k}"] = users["arp"] / users["listed"]
            found[f"coverage@{k}"] = (of.item_slots > 0).sum(axis=0) / np.where(users["listed"] > 0, n_items, np.nan)
            found[f"gini@{k}"] = popularity.gini_index(of.item_slots, n_items=n_items)
            found[f"head_share@{k}"] = users["head"] / users["shown"]
        return found

    @cached_property
    def values(self) -> dict[str, float]:
        """Every figure by its full name, without an interval; NaN where undefined."""
        return {name: float(value[0]) for name, value in self._values(self._observed()).items()}

    def n(self, name: str) -> int:
        """How many users a figure is counted over: those who like an item, or for what is shown all who have a list."""
        shown = re.split("@", name)[0] in ("rsp", "arp", "coverage", "gini", "head_share")
        return int((self.lists >= 0).any(axis=1).sum()) if shown else len(self.users)

    def figures(self, *, draws: int = 2000, seed: int = 0) -> tuple[Figure, ...]:
        """Every figure, with the interval that `draws` resamples of the users give; none for draws = 0.

        A ratio that is undefined in more than 2.5 % of the draws (a mean that may be 0) is None. Errors: S301.
        """
        drawn = resampled(self, draws, seed) if draws else {}
        return tuple(_figure(name, value, drawn.get(name), self.n(name)) for name, value in self.values.items())

    def points(self) -> tuple[Row, ...]:
        """Who is recommended, who likes it: a row per popularity group of items, the rarest first.

        (mean train clicks, share of train clicks, share of slots, share of likes, share of hits); shares add up to 1 over
        the groups, None where there is nothing to share.
        """
        groups = self._observed().groups
        sizes = np.bincount(self._groups + 1, minlength=1)[1:]
        totals = [groups[name][:, 0] for name in ("clicks", "slots", "likes", "hits")]
        shares = [t / t.sum() if t.sum() else np.full(len(t), np.nan) for t in totals]
        rows = np.column_stack([totals[0] / sizes, *shares])
        return tuple(tuple(None if np.isnan(x) else float(x) for x in row) for row in rows)


@lru_cache(maxsize=32)
def resampled(measured: Measured, draws: int, seed: int) -> dict[str, Array]:
    """Every figure in every resample of the users, (draws,), NaN where undefined; the same users for the same (n, draws, seed).

    Paper: efron1993
    """
    if draws < LEAST_DRAWS:
        raise StropError("S301", f"{draws} draws", f"allowed: 0 for no intervals, or {LEAST_DRAWS} and more")
    sums = measured._resampler()
    counts = resampled_counts(measured.train.n_users, draws=draws, seed=seed)
    blocks = [measured._values(sums(block)) for block in counts]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _figure(name: str, value: float, drawn: Array | None, n: int) -> Figure:
    if drawn is None:
        return Figure(name, None if np.isnan(value) else value, n=n)
    bounds = around(value, drawn)
    return Figure(name, None, n=n) if bounds is None else Figure(name, value, *bounds, n=n)


def measure(top: Array, *, train: Clicks, truth: Clicks, k: int = 20, gammas: Sequence[float] = GAMMAS) -> Measured:
    """Holds lists, (n_users, at least k) items with -1 for none, against the liked items of `truth`.

    gammas: of DI, each in [1, 2]. Errors: S211, S212 an item twice in a list, S214, S215 ratings, S301.
    Ours: the figures are defined in DEFINITIONS.
    """
    for part in (train, truth):
        if isinstance(part, Ratings):
            raise StropError("S215", "clicks are needed, not ratings", "choose those that count: ratings.clicks(4)")
    if (train.n_users, train.n_items) != (truth.n_users, truth.n_items):
        raise StropError("S214", f"{train.name} and {truth.name} have different tables of users and items")
    lists = ranking.checked_lists(top, n_users=truth.n_users, n_items=truth.n_items, k=k)
    for gamma in gammas:
        if not 1 <= gamma <= 2:
            raise StropError("S301", f"gamma is {gamma}", "allowed: from 1 (likes as observed) to 2 (all liked alike)")
    hit = ranking.hits(lists, truth)
    users, per_user = ranking.accuracy(hit, np.diff(truth.indptr))
    return Measured(k, tuple(map(float, gammas)), users, per_user, lists, hit, train, truth)


def paired_with_p(
    a: Measured, b: Measured, *, names: Sequence[str] | None = None, draws: int = 2000, seed: int = 0
) -> tuple[tuple[Figure, float | None], ...]:
    """`paired`, each difference with its two-sided bootstrap p, not yet adjusted for their number (`intervals.holm`).

    Errors: as `paired`.
    Paper: efron1993
    """
    same = a.train.n_users == b.train.n_users and np.array_equal(a.truth.users, b.truth.users)
    if not same or not np.array_equal(a.truth.items, b.truth.items):
        raise StropError("S214", "the two were measured on different users or likes", "use the same split for both")
    wanted = names or [f"{name}@{a.k}" for name in ("recall", "ndcg", "reo")] + [f"di@{a.k} gamma={a.gammas[0]}"]
    for name in wanted:
        known = [other for other in a.values if other in b.values]
        if name not in known:
            raise StropError(
                "S102", f'no figure "{name}" in both{suggestion(name, known)}', "known: " + ", ".join(known)
            )
    ours, theirs = resampled(a, draws, seed), resampled(b, draws, seed)
    found = []
    for name in wanted:
        value, drawn = a.values[name] - b.values[name], ours[name] - theirs[name]
        found.append((_figure(name, value, drawn, a.n(name)), two_sided_p(value, drawn)))
    return tuple(found)


def paired(
    a: Measured, b: Measured, *, names: Sequence[str] | None = None, draws: int = 2000, seed: int = 0
) -> tuple[Figure, ...]:
    """Differences a - b over the same users, in the same resamples of them: narrower than two intervals held side by side.

    names: full names of figures; None for recall, ndcg, reo and di at the first gamma. Errors: S102 no such figure, S214
    other users or likes, S301.
    Paper: efron1993
    """
    return tuple(figure for figure, _ in paired_with_p(a, b, names=names, draws=draws, seed=seed))
