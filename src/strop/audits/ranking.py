"""Which items does a model put first, and how many of them did the user want?"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from strop.errors import StropError
from strop.protocols import Scorer
from strop.records import Clicks

Array = npt.NDArray[Any]

DEFINITIONS = {
    "recall": "share of the user's held-out items among the first K; divided by all of them, not by min(K, their number)",
    "ndcg": "sum of 1/log2(rank + 1) over hits, divided by that of the best possible list of min(K, held-out items)",
    "map": "sum over hits of the precision at their rank, divided by the number of held-out items",
    "mrr": "1 / rank of the first hit within the first K, else 0",
    "hit_rate": "1 where at least one of the first K is a hit",
    "precision": "hits / K, also where fewer than K items are left to recommend",
    "ranking": "all items are ranked; items of the user's earlier parts are taken out; equal scores come in a fixed "
    "pseudo-random order of the items; users without held-out items are left out",
}


def _tie_order(n_items: int) -> torch.Tensor:
    """(n_items,) int64: a fixed pseudo-random rank of each position, the same on every machine."""
    state = np.arange(1, n_items + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state ^= state >> np.uint64(27)
    ranks = np.empty(n_items, np.int64)
    ranks[np.argsort(state, kind="stable")] = np.arange(n_items)
    return torch.from_numpy(ranks)


def _exact(scores: torch.Tensor, k: int, ties: torch.Tensor) -> torch.Tensor:
    """The first k by score, then by the order of ties: both in one integer key."""
    bits = (scores + 0.0).view(torch.int32)
    key = (bits ^ ((bits >> 31) & 0x7FFFFFFF)).to(torch.int64) << 32
    return (key + (len(ties) - ties)).topk(k, dim=1).indices


def _first(scores: torch.Tensor, k: int, ties: torch.Tensor) -> torch.Tensor:
    """(rows, k) positions of the best scores; rows with equal scores among or just behind them go the exact way."""
    width = min(k + 1, scores.shape[1])
    values, places = scores.topk(width, dim=1)
    if bool(torch.isnan(values[:, 0]).any()):
        raise StropError("S601", "a score is not a number", "the model has diverged: lower its learning rate")
    equal = ((values[:, 1:] == values[:, :-1]) & (values[:, 1:] > -torch.inf)).any(1)
    places = places[:, :k]
    rows = torch.nonzero(equal)[:, 0]
    if len(rows):
        places[rows] = _exact(scores[rows], min(k, width), ties)
    best = values[:, :k] == -torch.inf
    return places.masked_fill_(best, -1) if bool(best.any()) else places


def top_k(
    scorer: Scorer, seen: Sequence[Clicks], *, k: int = 20, users: Array | None = None, memory_bytes: int = 2 << 20
) -> Array:
    """(len(users), k) int32: each user's best items without those in `seen`; -1 where fewer are left.

    Users are positions (all of them for None); a block of users x items takes at most memory_bytes (a block that fits
    the second cache is fastest). Equal scores come in a fixed pseudo-random order of the items, not in that of their
    names. Errors: S301 k, S601 a score that is not a number.
    """
    if k < 1:
        raise StropError("S301", f"k is {k}", "k is at least 1")
    users = np.arange(scorer.n_users) if users is None else np.asarray(users)
    ties = _tie_order(scorer.n_items)
    out = np.full((len(users), k), -1, np.int32)
    rows = max(1, memory_bytes // (4 * scorer.n_items))
    for start in range(0, len(users), rows):
        block = users[start : start + rows]
        scores = scorer.score(block)
        for part in seen:
            counts = part.indptr[block + 1] - part.indptr[block]
            total = int(counts.sum())
            where = np.repeat(part.indptr[block] - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts) + np.arange(
                total
            )
            flat = np.repeat(np.arange(len(block)) * scorer.n_items, counts) + part.items[where]
            scores.view(-1)[torch.from_numpy(flat)] = -torch.inf
        best = _first(scores, min(k, scorer.n_items), ties)
        out[start : start + len(block), : best.shape[1]] = best.cpu().numpy()
    return out


def hits_of(top: Array, truth: Clicks, users: Array) -> Array:
    """(len(users), k) bool: whether each recommended item is a held-out one of that user."""
    hits = np.zeros((len(users), top.shape[1]), bool)
    rows = max(1, (4 << 20) // (truth.n_items + 1))
    for start in range(0, len(users), rows):
        block = users[start : start + rows]
        wanted = np.zeros((len(block), truth.n_items + 1), bool)  # the last column answers for -1
        counts = truth.indptr[block + 1] - truth.indptr[block]
        where = np.repeat(truth.indptr[block] - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
        wanted[np.repeat(np.arange(len(block)), counts), truth.items[where + np.arange(int(counts.sum()))]] = True
        hits[start : start + len(block)] = np.take_along_axis(wanted, top[block].astype(np.int64), axis=1)
    return hits


def per_user(top: Array, truth: Clicks, *, k: int) -> tuple[Array, Array, dict[str, Array]]:
    """(users, hits, figures): users with held-out items, (users, k) bool hits, and each metric's value a user, (users,).

    top: (n_users, >= k) item positions, -1 for none; DEFINITIONS say what is computed.
    """
    users = np.flatnonzero(np.diff(truth.indptr) > 0)
    held = np.diff(truth.indptr)[users].astype(np.float64)
    hits = hits_of(top[:, :k], truth, users)
    ranks = np.arange(1, k + 1)
    discount = 1 / np.log2(ranks + 1)
    best = np.concatenate([[0.0], np.cumsum(discount)])[np.minimum(held, k).astype(int)]
    found = np.cumsum(hits, axis=1)
    first = np.argmax(hits, axis=1)
    any_hit = found[:, -1] > 0
    figures = {
        "recall": found[:, -1] / held,
        "ndcg": hits @ discount / best,
        "map": (hits * found) @ (1 / ranks) / held,
        "mrr": np.where(any_hit, 1 / (first + 1), 0.0),
        "hit_rate": any_hit.astype(np.float64),
        "precision": found[:, -1] / k,
    }
    return users, hits, figures
