"""What do these lists give the users, what do they do to the items, and how sure is that?"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from strop.audits import popularity, ranking
from strop.audits.intervals import middle, moved, resampled_counts, two_sided_p
from strop.audits.tally import Sums, Tally
from strop.errors import StropError, suggestion
from strop.records import Clicks, Figure, Ratings

Array = npt.NDArray[Any]
Row = tuple[Any, ...]

GAMMAS = (1.0, 1.3, 1.826)
LEAST_DRAWS = 100
ITEM_FIGURES = ("di", "mi", "reo", "rsp", "coverage", "gini")  # shifted by resampling, for they count items
RATIOS = ("di", "reo", "rsp")  # over a mean that may be 0: undefined then, not only without an interval

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


def _measure(name: str) -> str:
    """The part of a figure's name before the "@"."""
    return name.split("@", maxsplit=1)[0]


def definitions() -> dict[str, str]:
    """Every figure's definition, by the name before its "@", and what mask, ties, groups and intervals mean. Ours."""
    interval = "Middle 95 % of bootstrap draws over users; items are counted anew in each draw, and figures of items (di, mi, reo, rsp, coverage, gini) are moved so that the draws' mean lies at the figure, for repeating users shifts them."
    return ranking.DEFINITIONS | popularity.DEFINITIONS | {"interval": interval}


def direction(name: str) -> str:
    """higher, lower or neither is better, for a figure's full name such as "di@20 gamma=1.0". Errors: S102. Ours."""
    measure = _measure(name)
    if measure not in DIRECTIONS:
        raise StropError("S102", f'no figure "{name}"{suggestion(measure, list(DIRECTIONS))}')
    return DIRECTIONS[measure]


@dataclass(frozen=True, eq=False)
class Measured:
    """Lists that were held against the likes of a test part.

    users: who likes at least one item; per_user: the accuracy of each, (len(users),) by name; tally: what all figures are
    made of.
    """

    k: int
    gammas: tuple[float, ...]
    users: Array
    per_user: dict[str, Array]
    tally: Tally
    _drawn: dict[tuple[int, int], dict[str, Array]] = field(default_factory=dict, init=False, repr=False)

    @property
    def cold_items(self) -> int:
        """How many items have no train click: left out of di, mi, reo and rsp."""
        return int((self.tally.groups < 0).sum())

    def _values(self, of: Sums) -> dict[str, Array]:
        """Every figure by its full name, (columns,), NaN where undefined."""
        k, tally, users, groups = self.k, self.tally, of.users, of.groups
        n_users, n_items = tally.train.n_users, tally.train.n_items
        edges = popularity.like_bins(tally.truth.popularity[tally.counted])
        with np.errstate(invalid="ignore", divide="ignore"):
            found = {f"{name}@{k}": users[name] / users["likers"] for name in self.per_user}
            for gamma in self.gammas:
                deviation = popularity.interaction_deviation(of.item_hits, of.item_likes, gamma=gamma)
                found[f"di@{k} gamma={gamma}"] = deviation
            found[f"mi@{k}"] = popularity.mutual_information(of.item_hits, of.item_likes, edges=edges)
            found[f"reo@{k}"] = popularity.relative_spread(groups["hits"] / groups["likes"])
            pairs = n_users * tally.group_sizes[:, None] - groups["clicks"]
            found[f"rsp@{k}"] = popularity.relative_spread(groups["slots"] / pairs)
            found[f"arp@{k}"] = users["arp"] / users["listed"]
            found[f"coverage@{k}"] = np.where(users["listed"] > 0, (of.item_slots > 0).sum(axis=0) / n_items, np.nan)
            found[f"gini@{k}"] = popularity.gini_index(of.item_slots, n_items=n_items)
            found[f"head_share@{k}"] = users["head"] / users["shown"]
        return found

    @cached_property
    def values(self) -> dict[str, float]:
        """Every figure by its full name, without an interval; NaN where undefined."""
        return {name: float(value[0]) for name, value in self._values(self.tally.observed).items()}

    def value(self, name: str) -> float | None:
        """The figure of that full name, None where undefined. Errors: S102."""
        if name not in self.values:
            raise StropError("S102", f'no figure "{name}"{suggestion(name, list(self.values))}')
        return None if np.isnan(self.values[name]) else self.values[name]

    def resampled(self, draws: int, seed: int) -> dict[str, Array]:
        """Every figure in every resample of the users, (draws,), NaN where undefined; kept for the next comparison.

        The users of a resample follow from their number, draws and seed alone. Errors: S301 fewer than 100 draws.
        """
        if draws < LEAST_DRAWS:
            raise StropError("S301", f"{draws} draws", f"allowed: 0 for no intervals, or {LEAST_DRAWS} and more")
        if (draws, seed) not in self._drawn:
            sums = self.tally.resampler()
            counts = resampled_counts(self.tally.train.n_users, draws=draws, seed=seed)
            blocks = [self._values(sums(block)) for block in counts]
            self._drawn[draws, seed] = {name: np.concatenate([b[name] for b in blocks]) for name in blocks[0]}
        return self._drawn[draws, seed]

    def counted_users(self, name: str) -> int:
        """How many users a figure is counted over: those who like an item, or for what is shown those who have a list."""
        shown = _measure(name) in ("rsp", "arp", "coverage", "gini", "head_share")
        return int(self.tally.observed.users["listed"][0]) if shown else len(self.users)

    def figures(self, *, draws: int = 2000, seed: int = 0) -> tuple[Figure, ...]:
        """Every figure, with the interval that `draws` resamples of the users give; none for draws = 0.

        di, reo and rsp are None where they are undefined in more than 2.5 % of the draws (their mean may be 0), other
        figures lose their interval. Errors: S301.
        """
        drawn = self.resampled(draws, seed) if draws else {}
        return tuple(
            _figure(name, value, drawn.get(name), self.counted_users(name)) for name, value in self.values.items()
        )

    def points(self) -> tuple[Row, ...]:
        """Who is recommended, who likes it: a row for each popularity group of items, the rarest first.

        (mean train clicks, share of train clicks, share of slots, share of likes, share of hits). Shares add up to 1 over
        the groups; None where there is nothing to share.
        """
        sums = self.tally.observed.groups
        totals = [sums[name][:, 0] for name in ("clicks", "slots", "likes", "hits")]
        shares = [total / total.sum() if total.any() else np.full(len(total), np.nan) for total in totals]
        rows = np.column_stack([totals[0] / self.tally.group_sizes, *shares])
        return tuple(tuple(None if np.isnan(x) else float(x) for x in row) for row in rows)


def _draws_of(name: str, value: float, drawn: Array) -> Array:
    """The draws that an interval is read from."""
    return moved(value, drawn) if _measure(name) in ITEM_FIGURES else drawn


def _figure(name: str, value: float, drawn: Array | None, n: int) -> Figure:
    bounds = None if drawn is None else middle(_draws_of(name, value, drawn))
    undefined = np.isnan(value) or (drawn is not None and bounds is None and _measure(name) in RATIOS)
    low, high = (None, None) if bounds is None or undefined else bounds
    return Figure(name, None if undefined else value, low, high, n)


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
    tally = Tally(lists, hit, users, per_user, train, truth)
    return Measured(k, tuple(map(float, gammas)), users, per_user, tally)


def paired_with_p(
    a: Measured, b: Measured, *, names: Sequence[str] | None = None, draws: int = 2000, seed: int = 0
) -> tuple[tuple[Figure, float | None], ...]:
    """`paired`, each difference with its two-sided bootstrap p, not yet adjusted for their number (`intervals.holm`).

    Errors: as `paired`.
    Paper: efron1993
    """
    ours, theirs = a.tally.truth, b.tally.truth
    same = (ours.n_users, ours.n_items) == (theirs.n_users, theirs.n_items)
    if not (same and np.array_equal(ours.users, theirs.users) and np.array_equal(ours.items, theirs.items)):
        raise StropError("S214", "the two were measured on different users or likes", "use the same split for both")
    wanted = names or [f"{name}@{a.k}" for name in ("recall", "ndcg", "reo")] + [f"di@{a.k} gamma={a.gammas[0]}"]
    known = [name for name in a.values if name in b.values]
    for name in set(wanted) - set(known):
        raise StropError("S102", f'no figure "{name}" in both{suggestion(name, known)}', "known: " + ", ".join(known))
    of_a, of_b = a.resampled(draws, seed), b.resampled(draws, seed)
    found = []
    for name in wanted:
        value, drawn = a.values[name] - b.values[name], of_a[name] - of_b[name]
        p = None if np.isnan(value) else two_sided_p(_draws_of(name, value, drawn))
        found.append((_figure(name, value, drawn, a.counted_users(name)), p))
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
