"""Which clicks, accounts and items fit nothing else in a log, as a model of the other half of its users sees them?"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from strop.audits.intervals import bootstrap_mean
from strop.models.recommend import ease
from strop.records import Clicks, Figure

Array = npt.NDArray[Any]
USERS = 512  # a block of scores
LEAST_ACCOUNT, ACCOUNT_Z = 30, 2.33  # fewer clicks say too little of an account; one account in a hundred by chance
BINS = 20  # of doubts
LEAST_ITEM = 200  # fewer clicks say too little of an item
TAIL = 0.9  # doubts above it: hardly anybody's taste
AT_MOST = "clicks that may be random, at most, share"


@dataclass(frozen=True, eq=False)
class Suspicion:
    """How badly clicks, accounts and items fit what a model of the other half of the users expects.

    doubt: (n,) in (0, 1), the share of items that fit the click's user better than the clicked one: uniform for clicks at
    random. item_fit: (n_items,), how much higher an item stands with those who clicked it than with users as active, in
    standard deviations: about 0 where who clicked it has nothing to do with taste; NaN without clicks.
    """

    clicks: Clicks
    doubt: Array
    item_fit: Array

    @cached_property
    def account_doubt(self) -> Array:
        """(n_users,): the mean doubt of each user's clicks; NaN without any."""
        counts = np.diff(self.clicks.indptr)
        with np.errstate(invalid="ignore"):
            mean: Array = np.bincount(self.clicks.users, self.doubt, minlength=self.clicks.n_users) / counts
        return mean

    @cached_property
    def accounts(self) -> Array:
        """Users whose clicks are no better than random ones (mean doubt near 1/2), most active first.

        The mean of n doubts at random is 1/2 with standard deviation 1/sqrt(12 n): flagged where it is above
        1/2 - 2.33 of them, with 30 clicks at least.
        """
        counts = np.diff(self.clicks.indptr)
        bound = 0.5 - ACCOUNT_Z / np.sqrt(12 * np.maximum(counts, 1))
        found = np.flatnonzero((counts >= LEAST_ACCOUNT) & (np.nan_to_num(self.account_doubt) > bound))
        return found[np.argsort(-counts[found], kind="stable")]

    @cached_property
    def items(self) -> Array:
        """Items of at least 200 clicks that stand no higher with those who clicked them than with others, worst first."""
        found = np.flatnonzero((self.clicks.popularity >= LEAST_ITEM) & (np.nan_to_num(self.item_fit, nan=1.0) < 0))
        return found[np.argsort(self.item_fit[found], kind="stable")]

    @cached_property
    def others(self) -> Array:
        """(n,) bool: clicks of accounts and on items that are not flagged."""
        bad = np.isin(self.clicks.users, self.accounts) | np.isin(self.clicks.items, self.items)
        return ~bad

    @cached_property
    def check_first(self) -> Array:
        """Rows of clicks, the most doubtful first; flagged accounts and items are left out: those are judged whole."""
        rows = np.flatnonzero(self.others)
        return rows[np.argsort(-self.doubt[rows], kind="stable")]

    def at_most(self, *, draws: int = 2000, seed: int = 0) -> Figure:
        """The share of clicks that can be random at most: ten times the share of doubts above 0.9, among the others.

        Random clicks put a tenth of themselves there; real ones put some there too, so it is a bound, not an estimate:
        odd taste and clicks at random look alike. Interval: bootstrap over users.
        """
        rows = np.flatnonzero(self.others)
        if len(np.unique(self.clicks.users[rows])) < 2:
            return Figure(AT_MOST, None)
        tail = (self.doubt[rows] > TAIL) / (1 - TAIL)
        found = bootstrap_mean(tail, clusters=self.clicks.users[rows], draws=draws, seed=seed)
        return Figure(AT_MOST, *(min(1.0, x) for x in found), len(rows))

    def _density(self) -> tuple[Array, Array]:
        """Each unflagged click's bin of doubt, and the density of doubts in each bin; clicks at random have density 1."""
        bins = np.minimum((self.doubt[self.others] * BINS).astype(np.int64), BINS - 1)
        return bins, np.bincount(bins, minlength=BINS) / max(len(bins), 1) * BINS

    def meant(self, share: float) -> Array:
        """(n,) in [0, 1]: the chance that each click was meant, if this share of the unflagged ones is random; flagged 0.

        1 - share / density of doubts, by Bayes: a click at random has a uniform doubt. Errors: none; 0 where density < share.
        """
        chance = np.zeros(len(self.doubt))
        bins, density = self._density()
        chance[self.others] = np.maximum(0, 1 - share / np.maximum(density, 1e-12))[bins]
        return chance

    def information(self, share: float) -> float:
        """What the unflagged clicks are worth in clean ones by Fisher information, if this share of them is random.

        Clicks fall with rate (1 - s) p + s q at each pair; of what p's clean clicks tell, the share that is left is the
        chance that a click there is meant: n times the mean, over all clicks, of that chance squared. n (1 - s) where
        random clicks stand apart, n (1 - s)^2 where nothing tells them from others.
        """
        return float(np.square(self.meant(share)).sum())

    @cached_property
    def flat(self) -> float:
        """How flat the doubts end: their density from 0.8 to 1 over that from 0.5 to 0.6; random clicks draw it to 1."""
        doubt = self.doubt[self.others]
        middle = ((doubt > 0.5) & (doubt <= 0.6)).mean() / 0.1
        return float((doubt > 0.8).mean() / 0.2 / middle) if middle else 0.0


def examine(clicks: Clicks, *, seed: int) -> Suspicion:
    """Doubts about every click, from an EASE model of the other half of the users: one that saw a click would defend it.

    Errors: S502 too many items for EASE.
    """
    half = np.random.default_rng([seed, 13]).permutation(clicks.n_users) % 2
    activity = np.diff(clicks.indptr)
    doubt = np.empty(len(clicks), np.float32)
    sums = np.zeros((2, clicks.n_items))
    for side in (0, 1):
        other = ease.fit(clicks.take(half[clicks.users] != side))
        model = ease.Ease(clicks.matrix(), other.weights.numpy())
        members = np.flatnonzero((half == side) & (activity > 0))
        for start in range(0, len(members), USERS):
            users = members[start : start + USERS]
            ranks = mid_ranks(model.score(users)).numpy()
            rows = np.repeat(np.arange(len(users)), activity[users])
            own = np.concatenate([np.arange(clicks.indptr[u], clicks.indptr[u + 1]) for u in users])
            doubt[own] = 1 - ranks[rows, clicks.items[own]]
            weights = activity[users].astype(np.float32)
            sums += np.stack([weights @ ranks, weights @ np.square(ranks)])
    mean, square = sums / len(clicks)
    spread = np.sqrt(np.maximum(square - mean**2, 1e-12))
    higher = (1 - doubt - mean[clicks.items]) / spread[clicks.items]
    with np.errstate(invalid="ignore"):
        fit = np.bincount(clicks.items, higher, minlength=clicks.n_items) / clicks.popularity
    return Suspicion(clicks, doubt, fit)


def mid_ranks(scores: torch.Tensor) -> torch.Tensor:
    """(b, n) in (0, 1): the share of a row that is below each value, half of its equals counted."""
    n = scores.shape[1]
    values, order = scores.sort(dim=1)
    places = torch.arange(n, dtype=torch.int32).expand_as(order)
    starts = torch.ones_like(order, dtype=torch.bool)
    starts[:, 1:] = values[:, 1:] != values[:, :-1]
    if bool(starts.all()):
        middle = places.float() + 0.5
    else:
        first = torch.where(starts, places, 0).cummax(dim=1).values
        ends = torch.ones_like(starts)
        ends[:, :-1] = starts[:, 1:]
        last = torch.where(ends, places, n).flip(1).cummin(dim=1).values.flip(1)
        middle = (first + last + 1).float() / 2
    return torch.empty_like(scores).scatter_(1, order, middle / n)
