"""Which clicks are not meant, and which likes were not clicked? Wrong labels planted in train, where we know them."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from strop.errors import StropError
from strop.records import Clicks, Split

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Poisoned:
    """A split whose train part was tampered with, and where. Validation and test are as they were. Ours: a record.

    planted: (n_train,) bool, which clicks of data.train are ours; hidden: train clicks that were taken out.
    """

    data: Split
    planted: Array
    hidden: Clicks


def random_positives(data: Split, *, share: float, seed: int) -> Poisoned:
    """Adds random clicks to train, `share` of as many as it has: pairs that stand in no part of the split.

    Users are drawn as active as they are in train (by drawing a click, whose time the new one takes), as far as they
    have items left; items uniformly. share: in [0, 1]; 0 gives the split itself.
    Errors: S301 share, S209 fewer pairs are left than are wanted. Ours: the usual noise of robustness tests.
    """
    _check_share(share, 1.0)
    train = data.train
    wanted = round(share * len(train))
    if not wanted:
        return _untouched(data)
    taken = np.concatenate([_keys(part) for part in (train, data.validation, data.test) if part is not None])
    active = np.diff(train.indptr) > 0
    left = int(active.sum()) * train.n_items - int(active[taken // train.n_items].sum())
    if left < wanted:
        raise StropError("S209", f"{wanted:,} random clicks are wanted, {left:,} pairs are left", "a smaller share")
    generator = np.random.default_rng([seed, 21])
    rows = np.empty(0, np.int64)
    keys = np.empty(0, np.int64)
    while len(keys) < wanted:
        source = generator.integers(0, len(train), wanted)
        drawn = train.users[source].astype(np.int64) * train.n_items + generator.integers(0, train.n_items, wanted)
        fresh = ~np.isin(drawn, taken)
        rows, keys = np.concatenate([rows, source[fresh]]), np.concatenate([keys, drawn[fresh]])
        first = np.sort(np.unique(keys, return_index=True)[1])  # in the order in which they were drawn
        rows, keys = rows[first][:wanted], keys[first][:wanted]
    every = np.concatenate([_keys(train), keys])
    order = np.argsort(every)
    times = None if train.times is None else np.concatenate([train.times, train.times[rows]])[order]
    users, items = np.divmod(every[order], train.n_items)
    dirty = replace(train, users=users, items=items, times=times)
    note = f"{wanted:,} random clicks ({share:.0%}) were added to train"
    return Poisoned(_with(data, dirty, note), order >= len(train), train.take(np.empty(0, np.int64)))


def dropped_positives(data: Split, *, share: float, seed: int) -> Poisoned:
    """Takes `share` of train's clicks out, uniformly but for one click of each user, which stays.

    share: in [0, 1); 0 gives the split itself. Errors: S301 share, S209 fewer clicks can go than are wanted.
    Ours: likes that were never seen.
    """
    _check_share(share, 1.0, below=True)
    train = data.train
    wanted = round(share * len(train))
    if not wanted:
        return _untouched(data)
    order = np.random.default_rng([seed, 22]).permutation(len(train))
    _, kept = np.unique(train.users[order], return_index=True)  # each user's first click in this order
    free = np.delete(order, kept)
    if len(free) < wanted:
        message = f"{wanted:,} clicks are to go, {len(free):,} can: each user keeps one"
        raise StropError("S209", message, "a smaller share")
    gone = np.zeros(len(train), bool)
    gone[free[:wanted]] = True
    note = f"{wanted:,} clicks ({share:.0%}) were taken out of train"
    left = train.take(~gone)
    return Poisoned(_with(data, left, note), np.zeros(len(left), bool), train.take(gone))


def _check_share(share: float, most: float, *, below: bool = False) -> None:
    if not 0 <= share <= most or (below and share == most):
        raise StropError("S301", f"share is {share}", f"allowed: [0, {most:g}{')' if below else ']'}")


def _keys(clicks: Clicks) -> Array:
    return clicks.users.astype(np.int64) * clicks.n_items + clicks.items


def _untouched(data: Split) -> Poisoned:
    return Poisoned(data, np.zeros(len(data.train), bool), data.train.take(np.empty(0, np.int64)))


def _with(data: Split, train: Clicks, note: str) -> Split:
    return replace(data, train=train, notes=(*data.notes, note))
