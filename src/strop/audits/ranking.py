"""Which items stand at the top for each user, and how many of them does the user like?"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from strop.errors import StropError
from strop.protocols import Scorer
from strop.records import Clicks

Array = npt.NDArray[Any]

DEFINITIONS: dict[str, str] = {
    "recall": "Hits in the top k over the user's liked items, all of them (not min(k, n)); mean over users who like one.",
    "ndcg": "Sum of 1/log2(rank + 1) over hits, over that sum for a perfect list of min(k, n) items; mean over users who like one.",
    "map": "Sum over hits of the precision at the hit's rank, over all the user's liked items; mean over users who like one.",
    "mrr": "1 over the rank of the first hit, 0 for none in the top k; mean over users who like one.",
    "hit_rate": "Share of the users who like an item that have a hit in the top k.",
    "precision": "Hits in the top k over k, short lists too; mean over users who like one.",
    "mask": "All items are ranked, but for those in the parts named as seen (train, and validation when testing); a user with fewer than k items left gets a shorter list; a score of -inf is never shown.",
    "ties": "Equal scores stand in a fixed pseudo-random circle of the items, which each user enters at a place of their own: never in the order of the file, and the same on every machine.",
}  # fmt: skip

CELLS = 1 << 20  # scores a block: 4 MB, which stays in the cache between the product, the mask and the search
CELL_BYTES = 48  # the model's score, ours, and what settles ties


def _hash(values: Array) -> Array:
    """splitmix64's finaliser: a one-to-one map of uint64 whose bits all depend on all bits."""
    values = (values + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Array = values ^ (values >> np.uint64(31))
    return mixed


def tie_order(n_items: int) -> Array:
    """(n_items,) int64: each item's place in the fixed pseudo-random circle that settles ties; 0 comes first.

    User u enters the circle at hash(u) mod n_items, so that tied items are shown equally often over many users.
    Ours: a hash (splitmix64) of the position, so it needs no seed and is the same on every machine.
    """
    places = np.empty(n_items, np.int64)
    places[np.argsort(_hash(np.arange(n_items, dtype=np.uint64)))] = np.arange(n_items)
    return places


def _cells(clicks: Clicks, users: Array) -> Array:
    """Where these users' clicks stand in the flat matrix (len(users), n_items)."""
    first, counts = clicks.indptr[users], clicks.indptr[users + 1] - clicks.indptr[users]
    before = np.cumsum(counts) - counts
    rows = np.repeat(np.arange(len(users)), counts)
    cells: Array = rows * clicks.n_items + clicks.items[np.arange(len(rows)) + np.repeat(first - before, counts)]
    return cells


def _with_ties(scores: torch.Tensor, users: Array, circle: Array, width: int) -> torch.Tensor:
    """The items of the `width` best scores a row, ties by the circle: integer keys, no two alike, in the order wanted."""
    n_items = len(circle)
    bits = (scores + 0.0).view(torch.int32)  # adding 0 turns -0 into 0, to which it is equal
    ascending = bits ^ ((bits >> 31) & 0x7FFFFFFF)  # a float's bits as an integer in the same order
    entry = (_hash(users.astype(np.uint64)) % np.uint64(n_items)).astype(np.int64)
    places = torch.from_numpy(circle)[None, :] - torch.from_numpy(entry)[:, None]
    places += n_items * (places < 0)
    keys = ascending.to(torch.int64) * (1 << n_items.bit_length()) + (n_items - 1 - places)
    return torch.topk(keys, width, dim=1).indices


def _best(scores: torch.Tensor, users: Array, circle: Array, k: int) -> Array:
    """(len(users), min(k, n_items)) int64: best first, -1 where only -inf is left. Errors: S601."""
    values, items = torch.topk(scores, min(k + 1, len(circle)), dim=1)
    bad = torch.isnan(values).any(dim=1)  # NaN sorts before all numbers, so it shows
    if bool(bad.any()):
        user = users[int(bad.nonzero()[0])]
        raise StropError("S601", f"a score of user {user} is not a number", "train again with a lower learning rate")
    tied = ((values[:, 1:] == values[:, :-1]) & (values[:, 1:] > -torch.inf)).any(dim=1).nonzero()[:, 0]
    values, items = values[:, :k], items[:, :k]
    if len(tied):  # the values stay: only which of several equal ones comes first is settled
        items[tied] = _with_ties(scores[tied], users[tied.numpy()], circle, items.shape[1])
    items[values == -torch.inf] = -1
    found: Array = items.numpy()
    return found


def _check_request(users: Array, shape: tuple[int, int], seen: Sequence[Clicks], k: int) -> None:
    """Errors: S211 users outside the table, S214 another table, S301 k."""
    if k < 1:
        raise StropError("S301", f"k is {k}", "allowed: 1 and above")
    for clicks in seen:
        if (clicks.n_users, clicks.n_items) != shape:
            raise StropError("S214", f"{clicks.name}: {clicks.n_users} x {clicks.n_items}, the scores {shape}")
    if len(users) and (users.min() < 0 or users.max() >= shape[0]):
        raise StropError("S211", f"users are outside [0, {shape[0]})", "positions count from 0", column="user")


def _ranked(
    score: Callable[[Array], torch.Tensor],
    users: Array,
    shape: tuple[int, int],
    seen: Sequence[Clicks],
    k: int,
    memory_bytes: int,
) -> Array:
    """The best k of `score`, block by block. Errors: S211, S214, S301, S502, S601."""
    _check_request(users, shape, seen, k)
    n_items = shape[1]
    affordable = memory_bytes // (CELL_BYTES * n_items)
    if affordable < 1:
        raise StropError("S502", f"ranking {n_items} items needs {CELL_BYTES * n_items:,} bytes", "raise memory_bytes")
    rows = min(affordable, max(CELLS // n_items, 64))
    circle, block = tie_order(n_items), torch.empty(min(rows, len(users)), n_items)
    top = np.full((len(users), k), -1, np.int32)
    with torch.no_grad():
        for start in range(0, len(users), rows):
            chosen = users[start : start + rows]
            scores = score(chosen)
            if tuple(scores.shape) != (len(chosen), n_items):
                raise StropError("S214", f"scores have shape {tuple(scores.shape)}, not {(len(chosen), n_items)}")
            own = block[: len(chosen)].copy_(scores)  # the model's tensor may be its own state: never written to
            for clicks in seen:
                own.view(-1).numpy()[_cells(clicks, chosen)] = -np.inf
            top[start : start + rows, : min(k, n_items)] = _best(own, chosen, circle, k)
    return top


def top_k(
    scorer: Scorer,
    seen: Sequence[Clicks],
    *,
    k: int = 20,
    users: Array | None = None,
    memory_bytes: int = 256 << 20,
) -> Array:
    """(n_users or len(users), k) int32: each user's k best items, best first, by full ranking; -1 where fewer are left.

    seen: the clicks whose items are not ranked for their user; users: positions, None for all. Scores are compared as
    float32; -inf is never shown; ties stand in the fixed circle of `tie_order`, never in the order of the items.
    memory_bytes bounds a block of users x items. Errors: S211, S214, S301 k below 1, S502 not room for one user, S601 NaN.
    Ours: torch.topk of k + 1, and exact integer keys for the rows where a tie shows.
    """
    chosen = np.arange(scorer.n_users) if users is None else np.asarray(users, np.int64)
    return _ranked(scorer.score, chosen, (scorer.n_users, scorer.n_items), seen, k, memory_bytes)


def top_k_of_scores(scores: Array, seen: Sequence[Clicks], *, k: int = 20, memory_bytes: int = 256 << 20) -> Array:
    """`top_k` of any tool's scores: (n_users, n_items) numbers, higher is better, in the order of the table's names.

    Errors: as `top_k`, but S203 for NaN. Ours.
    """
    if scores.ndim != 2:
        raise StropError("S214", f"scores have shape {scores.shape}, expected (n_users, n_items)")

    def rows_of(users: Array) -> torch.Tensor:
        rows = np.asarray(scores[users], np.float32)
        bad = np.argwhere(np.isnan(rows))
        if len(bad):
            raise StropError("S203", f"the score of user {users[bad[0, 0]]} and item {bad[0, 1]} is not a number")
        return torch.from_numpy(rows)

    return _ranked(rows_of, np.arange(len(scores)), (scores.shape[0], scores.shape[1]), seen, k, memory_bytes)


def checked_lists(top: Array, *, n_users: int, n_items: int, k: int) -> Array:
    """The first k columns of lists of items, one a user of the table. Errors: S211, S212 an item twice, S214, S301. Ours."""
    if k < 1:
        raise StropError("S301", f"k is {k}", "allowed: 1 and above")
    if top.ndim != 2 or len(top) != n_users or top.shape[1] < k:
        raise StropError("S214", f"the lists have shape {top.shape}, expected ({n_users}, {k}) or wider")
    lists = top[:, :k]
    if not np.issubdtype(lists.dtype, np.integer) or (lists.size and (lists.min() < -1 or lists.max() >= n_items)):
        raise StropError("S211", f"an item of the lists is not in [-1, {n_items})", "items are positions, -1 is none")
    ascending = np.sort(lists, axis=1)
    twice = ((ascending[:, 1:] == ascending[:, :-1]) & (ascending[:, 1:] >= 0)).any(axis=1)
    if twice.any():
        raise StropError("S212", f"an item stands twice in the list of user {int(np.flatnonzero(twice)[0])}")
    return lists


def hits(lists: Array, truth: Clicks) -> Array:
    """(n_users, k) bool: whether the user likes the item shown there. Ours."""
    wanted = np.arange(truth.n_users)[:, None] * truth.n_items + lists
    keys = np.append(truth.users.astype(np.int64) * truth.n_items + truth.items, -1)
    found: Array = (keys[np.searchsorted(keys[:-1], wanted)] == wanted) & (lists >= 0)
    return found


def accuracy(hit: Array, likes: Array) -> tuple[Array, dict[str, Array]]:
    """`per_user` from the hits, (n_users, k) bool, and the number of liked items of each user, (n_users,).

    Paper: jarvelin2002
    """
    users = np.flatnonzero(likes > 0)
    hit, likes, k = hit[users], likes[users], hit.shape[1]
    ranks = np.arange(1, k + 1)
    gains = 1 / np.log2(ranks + 1)
    some = hit.any(axis=1)
    return users, {
        "recall": hit.sum(axis=1) / likes,
        "ndcg": hit @ gains / np.cumsum(gains)[np.minimum(likes, k) - 1],
        "map": (hit * np.cumsum(hit, axis=1)) @ (1 / ranks) / likes,
        "mrr": some / (np.argmax(hit, axis=1) + 1),
        "hit_rate": some.astype(np.float64),
        "precision": hit.mean(axis=1),
    }


def per_user(top: Array, truth: Clicks, *, k: int) -> tuple[Array, dict[str, Array]]:
    """(users, figures): the users who like at least one item, and each one's accuracy, (len(users),) float64, in [0, 1].

    top: (n_users, at least k) items, best first, -1 for none. Figures: recall, ndcg, map, mrr, hit_rate, precision; their
    denominators are in DEFINITIONS. Errors: S211, S212, S214, S301.
    Paper: jarvelin2002
    """
    lists = checked_lists(top, n_users=truth.n_users, n_items=truth.n_items, k=k)
    return accuracy(hits(lists, truth), np.diff(truth.indptr))
