"""Which likes were never shown? Clicks hidden by exposure in train, where we know how likely each was to be seen."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from strop.channels import item_propensity
from strop.errors import StropError
from strop.models.recommend.all_pairs import AllPairsLearner
from strop.models.recommend.settings import check_budget, check_least
from strop.records import Clicks, Ratings, Split

Array = npt.NDArray[Any]
BYTES = 1 << 30
CELL_BYTES = 24  # of a pair: relevance, exposure, two draws and what stands between
SWEEPS, L2 = 10, 0.1  # of the rating model: alternating least squares, a ridge for each rating


@dataclass(frozen=True, eq=False)
class Exposed:
    """A split whose train part was seen through known exposure. Validation and test are as they were. Ours: a record.

    propensity: (n_train,), of each click of data.train, the chance with which it was kept, in (0, 1]; hidden: train
    clicks that were not shown; rescued: how many of data.train would have been hidden, but for their user's having none
    left (what is told of these is the chance before the rescue).
    """

    data: Split
    propensity: Array
    hidden: Clicks
    rescued: int


@dataclass(frozen=True, eq=False)
class SemiSynthetic:
    """Clicks of a world whose likes and exposure are known, made after real ratings. Ours: a record.

    relevance, exposure: gamma and theta, (n_users, n_items) float32, in (0, 1); a click of train or validation is a draw
    of both. tested: uniformly drawn pairs that were not clicked with the draw of their relevance, 1 or 0; data.test holds
    those that are 1.
    """

    data: Split
    relevance: Array
    exposure: Array
    tested: Ratings


def by_popularity(data: Split, *, power: float, seed: int) -> Exposed:
    """Keeps each train click with the chance (popularity / largest)**power of its item; 0 keeps all.

    Every user keeps one click, the one nearest to being kept: counted in `rescued` and said in the notes.
    Errors: S209 no click, S301 power. Ours: relmf2020's model of exposure, planted.
    """
    propensity = item_propensity(data.train, power=power)[data.train.items]
    return _shown(data, propensity, f"(popularity / largest)^{power:g}", seed, 31)


def by_position(data: Split, *, eta: float, seed: int) -> Exposed:
    """Keeps each train click with the chance (1 / rank)**eta, its rank among its user's clicks by popularity, from 1.

    The list is that of a recommender by popularity that shows each user what they would click; equals stand at random.
    Every user's first click is kept with chance 1. Errors: S209 no click, S301 eta below 0.
    Ours: the position model of joachims2017, planted.
    """
    check_least("eta", eta, 0)
    train = data.train
    if not len(train):
        raise StropError("S209", "there is no click to hide")
    settle = np.random.default_rng([seed, 32]).random(len(train))
    order = np.lexsort((settle, -train.popularity[train.items], train.users))
    rank = np.empty(len(train))
    rank[order] = np.arange(len(train)) - train.indptr[train.users] + 1
    return _shown(data, rank**-eta, f"(1 / rank)^{eta:g}", seed, 33)


def _shown(data: Split, propensity: Array, how: str, seed: int, stream: int) -> Exposed:
    """Draws what is shown, with one click a user at least."""
    train = data.train
    odds = np.random.default_rng([seed, stream]).random(len(train)) / propensity
    kept = odds < 1
    order = np.lexsort((odds, train.users))
    nearest = order[train.indptr[:-1][np.diff(train.indptr) > 0]]
    rescued = int((~kept[nearest]).sum())
    kept[nearest] = True
    left = train.take(kept)
    note = f"{len(train) - len(left):,} of {len(train):,} train clicks were hidden: seen with chance {how}"
    if rescued:
        note += f"; {rescued:,} users keep one that would have been hidden too"
    seen = replace(data, train=left, notes=(*data.notes, note))
    return Exposed(seen, propensity[kept], train.take(~kept), rescued)


def semi_synthetic(
    ratings: Ratings,
    *,
    epsilon: float = 5.0,
    power: float = 1.0,
    seed: int,
    tests: int = 20,
    dimensions: int = 8,
    memory_bytes: int = BYTES,
) -> SemiSynthetic:
    """A world after these ratings: gamma = s(clip(predicted rating, 1, 5) - epsilon), theta = s(logit of who rates what)**power.

    Both models are factorisations, of the ratings and of which pairs are rated (log loss over all pairs). A pair is
    clicked with chance gamma theta; a tenth of the clicks is validation; tests: pairs a user that are tested, at most.
    Users without a click stay in the table: counted in the notes.
    Errors: S209 fewer than ten clicks came of it, S301, S502 no room for users x items.
    Paper: relmf2020 (its semi-synthetic data; the rating model with biases and this validation: ours)
    """
    for name, value, low in (("power", power, 0), ("tests", tests, 1), ("dimensions", dimensions, 1)):
        check_least(name, value, low)
    if not np.isfinite(epsilon):
        raise StropError("S301", f"epsilon is {epsilon}", "a finite number; 5 makes a rating of 5 a like at even odds")
    shape = (len(ratings.user_ids), len(ratings.item_ids))
    need = CELL_BYTES * shape[0] * shape[1]
    check_budget("a semi-synthetic world", need=need, budget=memory_bytes, n_items=shape[1])
    generator = np.random.default_rng([seed, 34])
    predicted = np.clip(_predicted(ratings, dimensions, generator), 1, 5)
    relevance = _chance(predicted - epsilon)
    exposure = _chance(_rated(ratings.clicks(), dimensions, seed)) ** np.float32(power)
    liked = generator.random(shape, np.float32) < relevance
    clicked = liked & (generator.random(shape, np.float32) < exposure)
    users, items = np.nonzero(clicked)
    if len(users) < 10:
        raise StropError("S209", f"{len(users)} clicks came of it", "a smaller epsilon or power")
    ids = (ratings.user_ids, ratings.item_ids)
    clicks = Clicks(users, items, *ids, name=f"{ratings.name}, semi-synthetic")
    chosen = np.zeros(len(clicks), bool)
    chosen[generator.permutation(len(clicks))[: len(clicks) // 10]] = True
    order = np.argsort(np.where(clicked, np.inf, generator.random(shape)), axis=1)[:, :tests]
    rows = np.repeat(np.arange(shape[0]), order.shape[1])
    columns = order.ravel()
    fresh = ~clicked[rows, columns]
    rows, columns = rows[fresh], columns[fresh]
    tested = Ratings(rows, columns, liked[rows, columns], *ids, name=f"{clicks.name}, uniform")
    none = int((~clicked.any(axis=1)).sum())
    note = f"{len(clicks):,} clicks of {int(liked.sum()):,} likes; {none:,} of {shape[0]:,} users have none"
    data = Split(clicks.take(~chosen), clicks.take(chosen), tested.clicks(1.0), "random", seed, (note,))
    return SemiSynthetic(data, relevance, exposure, tested)


def _chance(logits: Array) -> Array:
    return torch.sigmoid(torch.from_numpy(logits.astype(np.float32))).numpy()


def _rated(shown: Clicks, dimensions: int, seed: int) -> Array:
    """(n_users, n_items) logits of being rated."""
    learner = AllPairsLearner(shown, loss="logistic", dimensions=dimensions, rate=0.05, bias_rate=0.05, seed=seed)
    for number in range(200):
        learner.epoch(number)
    found: Array = learner.scorer().score(np.arange(shown.n_users)).numpy()
    return found


def _predicted(ratings: Ratings, dimensions: int, generator: np.random.Generator) -> Array:
    """(n_users, n_items) predicted ratings: mean + vectors that hold a bias of either side, by alternating least squares."""
    sizes, mean = (len(ratings.user_ids), len(ratings.item_ids)), float(ratings.values.mean())
    sides = (ratings.users.astype(np.int64), ratings.items.astype(np.int64))
    tables = [generator.normal(scale=0.1, size=(size, dimensions + 2)) for size in sizes]
    tables[0][:, 0], tables[1][:, 1] = 1, 1  # the other side's bias is the weight of this 1
    residual = ratings.values.astype(float) - mean
    for _ in range(SWEEPS):
        for own in (0, 1):
            fixed = own  # the column that stays 1
            free = [c for c in range(dimensions + 2) if c != fixed]
            order = np.argsort(sides[own], kind="stable")
            bounds = np.searchsorted(sides[own][order], np.arange(sizes[own] + 1))
            for row, (start, end) in enumerate(pairwise(bounds)):
                picked = order[start:end]
                other = tables[1 - own][sides[1 - own][picked]]
                x, y = other[:, free], residual[picked] - other[:, fixed]
                ridge = L2 * max(1, len(picked)) * np.eye(len(free))
                tables[own][row, free] = np.linalg.solve(x.T @ x + ridge, x.T @ y)
    return np.asarray(mean + tables[0] @ tables[1].T)
