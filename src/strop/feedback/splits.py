"""Which clicks are learned from, which choose, and which are kept for the verdict?"""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from strop.errors import StropError
from strop.records import Clicks, Split

Array = npt.NDArray[Any]
TRAIN, VALIDATION, TEST = 0, 1, 2
LEAST = 3  # clicks that a user needs to stand in all three parts
MOSTLY = 0.5


def split(
    clicks: Clicks,
    *,
    kind: Literal["random", "time", "last"] = "random",
    seed: int = 0,
    shares: tuple[float, float, float] = (0.7, 0.1, 0.2),
) -> Split:
    """Three disjoint parts of the clicks; the same for the same table and seed, whatever the order of its rows.

    random: each user's clicks at random, at least one in validation and in test; users of fewer than three stay in train.
    time: one cut in time for all (times needed); clicks of one second stay together.
    last: each user's last click is the test, the one before it validation (times needed).
    shares: of train, validation and test, each above 0, together 1; `last` does not use them.
    Errors: S301 another kind, shares out of range, no times; S209 a part would be empty.
    """
    if len(shares) != 3 or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-9:
        raise StropError("S301", f"shares {shares} are not three numbers above 0 that make 1", "shares 0.7,0.1,0.2")
    if kind not in ("random", "time", "last"):
        raise StropError("S301", f'no kind of split is called "{kind}"', "random, time or last")
    if kind != "random" and clicks.times is None:
        raise StropError(
            "S301",
            f'a split by "{kind}" needs times, and there are none',
            "name their column: --time NAME; or split at random",
        )
    if kind == "random":
        part, notes = _random(clicks, seed, shares)
    elif kind == "time":
        part, notes = _by_time(clicks, shares)
    else:
        part, notes = _last(clicks)
    sizes = np.bincount(part, minlength=3)
    if not sizes.all():
        raise StropError(
            "S209",
            "train, validation and test would have {:,}, {:,} and {:,} clicks".format(*sizes),
            "more clicks, or other shares",
        )
    counted = "{}: {:,} clicks to learn from, {:,} to choose by, {:,} to test".format(kind, *sizes)
    train, validation, test = (clicks.take(part == which) for which in (TRAIN, VALIDATION, TEST))
    return Split(train, validation, test, kind=kind, seed=seed, notes=(counted, *notes))


def _few(clicks: Clicks, counts: Array) -> tuple[str, ...]:
    few = int(((counts > 0) & (counts < LEAST)).sum())
    return (f"{few:,} of {clicks.n_users:,} users have fewer than {LEAST} clicks and stay in train",) if few else ()


def _ranks(clicks: Clicks, order: Array) -> Array:
    """Each click's place among its user's clicks, from 0, in this order of all clicks (sorted by user)."""
    ranks = np.empty(len(clicks), np.int64)
    ranks[order] = np.arange(len(clicks)) - clicks.indptr[clicks.users[order]]
    return ranks


def _random(clicks: Clicks, seed: int, shares: tuple[float, float, float]) -> tuple[Array, tuple[str, ...]]:
    counts = np.diff(clicks.indptr)
    draws = np.random.default_rng(seed).random(len(clicks))
    ranks = _ranks(clicks, np.lexsort((draws, clicks.users)))
    test = np.maximum(1, np.floor(shares[TEST] * counts + 0.5)).astype(np.int64)
    validation = np.maximum(1, np.floor(shares[VALIDATION] * counts + 0.5)).astype(np.int64)
    test = np.minimum(test, counts - 2)  # one click at least is left for each of the other parts
    validation = np.minimum(validation, counts - 1 - test)
    enough = counts >= LEAST
    test, validation = np.where(enough, test, 0), np.where(enough, validation, 0)
    user = clicks.users
    part = np.where(ranks < test[user], TEST, np.where(ranks < (test + validation)[user], VALIDATION, TRAIN))
    return part, _few(clicks, counts)


def _by_time(clicks: Clicks, shares: tuple[float, float, float]) -> tuple[Array, tuple[str, ...]]:
    assert clicks.times is not None
    ordered = np.sort(clicks.times)
    cuts = [ordered[min(len(ordered) - 1, round(share * len(ordered)))] for share in np.cumsum(shares)[:2]]
    part = (clicks.times >= cuts[0]).astype(np.int64) + (clicks.times >= cuts[1])
    days = [str(np.datetime64(int(cut), "s"))[:10] for cut in cuts]
    notes = [f"cut at {days[0]} and {days[1]} (UTC)"]
    train, test = part == TRAIN, part == TEST
    cold = []
    for name, side, total in (("users", clicks.users, clicks.n_users), ("items", clicks.items, clicks.n_items)):
        seen = np.bincount(side[train], minlength=total) > 0
        tested = np.bincount(side[test], minlength=total) > 0
        share = float((tested & ~seen).sum() / max(1, tested.sum()))
        cold.append(share)
        notes.append(f"{share:.1%} of the {int(tested.sum()):,} test {name} are cold: they have no click in train")
    if cold[0] > MOSTLY:
        notes.append("most test users are cold: nothing personal can be tested; use a random split")
    return part, tuple(notes)


def _last(clicks: Clicks) -> tuple[Array, tuple[str, ...]]:
    assert clicks.times is not None
    counts = np.diff(clicks.indptr)
    order = np.lexsort((clicks.times, clicks.users))  # of equal times, the item with the higher position is the later
    left = counts[clicks.users] - 1 - _ranks(clicks, order)
    enough = counts[clicks.users] >= LEAST
    part = np.where(enough & (left == 0), TEST, np.where(enough & (left == 1), VALIDATION, TRAIN))
    notes = list(_few(clicks, counts))
    train, test = clicks.times[part == TRAIN], clicks.times[part == TEST]
    if len(train) and len(test):
        share = float((test < train.max()).mean())
        notes.append(f"leakage: {share:.1%} of the test clicks are older than the newest click learned from")
    same = order[1:][(clicks.times[order[1:]] == clicks.times[order[:-1]]) & (part[order[1:]] == TEST)]
    if len(same):
        notes.append(
            f"{len(same):,} users' last two clicks have one time: the item that comes later in the table is the test"
        )
    return part, tuple(notes)
