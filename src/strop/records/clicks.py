"""Who clicked or rated what, and how it was split: checked when built."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from strop.errors import StropError

IntArray = npt.NDArray[Any]
Array = npt.NDArray[Any]


def _check_table(users: Array, items: Array, n_users: int, n_items: int, times: Array | None, name: str) -> None:
    for column, values, bound in (("user", users, n_users), ("item", items, n_items)):
        if values.ndim != 1 or len(values) != len(users):
            raise StropError("S214", f"{column} has shape {values.shape}, expected ({len(users)},)", file=name)
        if len(values) and (int(values.min()) < 0 or int(values.max()) >= bound):
            row = int(np.flatnonzero((values < 0) | (values >= bound))[0])
            raise StropError(
                "S211", f"{values[row]} is outside [0, {bound})", "positions count from 0", name, row + 1, column
            )
    if times is not None and len(times) != len(users):
        raise StropError("S214", f"{len(times)} times for {len(users)} rows", file=name)


def _order(users: Array, items: Array, n_items: int, name: str) -> IntArray | None:
    """The order that sorts by user, then item; None where they are sorted already; S212 for a pair that stands twice."""
    key = users.astype(np.int64) * n_items + items
    order = None
    if len(key) > 1 and (key[1:] <= key[:-1]).any():
        order = np.argsort(key, kind="stable")
        key = key[order]
        twice = np.flatnonzero(key[1:] == key[:-1])
        if len(twice):
            row = int(order[twice[0] + 1])
            raise StropError(
                "S212", f"user {users[row]} and item {items[row]} stand twice", "merge duplicates first", name, row + 1
            )
    return order


@dataclass(frozen=True, eq=False)
class Clicks:
    """Who clicked what, each pair once, sorted by user and then by item.

    users, items: positions from 0, (n,), held as int32; times: seconds since 1970 as uint32, or None: 12 bytes a click.
    user_ids, item_ids: the names of the positions, integers or strings; their lengths are the table's shape.
    Errors: S211 position out of range, S212 a pair twice, S214 lengths differ.
    """

    users: IntArray
    items: IntArray
    user_ids: Array
    item_ids: Array
    times: IntArray | None = None
    name: str = "clicks"

    def __post_init__(self) -> None:
        _check_table(self.users, self.items, self.n_users, self.n_items, self.times, self.name)
        order = _order(self.users, self.items, self.n_items, self.name)
        columns: tuple[tuple[str, Any], ...] = (("users", np.int32), ("items", np.int32), ("times", np.uint32))
        for column, kind in columns:
            values = getattr(self, column)
            if values is not None:
                values = np.ascontiguousarray(values if order is None else values[order], dtype=kind)
                object.__setattr__(self, column, values)

    def __len__(self) -> int:
        return len(self.users)

    @property
    def n_users(self) -> int:
        return len(self.user_ids)

    @property
    def n_items(self) -> int:
        return len(self.item_ids)

    @cached_property
    def indptr(self) -> IntArray:
        """(n_users + 1,) int64: user u's items are items[indptr[u]:indptr[u + 1]], ascending."""
        return np.concatenate([[0], np.cumsum(np.bincount(self.users, minlength=self.n_users))]).astype(np.int64)

    @cached_property
    def popularity(self) -> IntArray:
        """(n_items,) int64: how many users clicked each item."""
        return np.bincount(self.items, minlength=self.n_items).astype(np.int64)

    def items_of(self, user: int) -> IntArray:
        """The items of one user, ascending."""
        return self.items[self.indptr[user] : self.indptr[user + 1]]

    def matrix(self) -> Any:
        """A scipy CSR matrix (n_users, n_items) of float32 ones."""
        from scipy.sparse import csr_matrix

        return csr_matrix((np.ones(len(self), np.float32), self.items, self.indptr), shape=(self.n_users, self.n_items))

    def take(self, rows: Array) -> "Clicks":
        """The clicks at these rows (positions or a mask), in the same table of users and items."""
        times = None if self.times is None else self.times[rows]
        return replace(self, users=self.users[rows], items=self.items[rows], times=times)

    @cached_property
    def checksum(self) -> str:
        """sha256 of the sorted table of names and times: the same for every file format and row order."""
        return table_checksum(self.user_ids[self.users], self.item_ids[self.items], self.times)


@dataclass(frozen=True, eq=False)
class Ratings:
    """How much each user liked what: Clicks with a finite value a row. Errors: as Clicks, and S203."""

    users: IntArray
    items: IntArray
    values: Array
    user_ids: Array
    item_ids: Array
    times: IntArray | None = None
    name: str = "ratings"

    def __post_init__(self) -> None:
        n_users, n_items = len(self.user_ids), len(self.item_ids)
        _check_table(self.users, self.items, n_users, n_items, self.times, self.name)
        if len(self.values) != len(self.users):
            raise StropError("S214", f"{len(self.values)} ratings for {len(self.users)} rows", file=self.name)
        bad = np.flatnonzero(~np.isfinite(self.values))
        if len(bad):
            raise StropError(
                "S203", f"{self.values[bad[0]]} is not a finite number", "", self.name, int(bad[0]) + 1, "rating"
            )
        order = _order(self.users, self.items, n_items, self.name)
        kinds: tuple[tuple[str, Any], ...] = (
            ("users", np.int32),
            ("items", np.int32),
            ("values", np.float32),
            ("times", np.uint32),
        )
        for column, kind in kinds:
            values = getattr(self, column)
            if values is not None:
                object.__setattr__(
                    self, column, np.ascontiguousarray(values if order is None else values[order], dtype=kind)
                )

    def __len__(self) -> int:
        return len(self.users)

    def clicks(self, threshold: float | None = None) -> Clicks:
        """The pairs rated at least `threshold` (all of them for None), as clicks."""
        keep = np.ones(len(self), bool) if threshold is None else self.values >= threshold
        times = None if self.times is None else self.times[keep]
        return Clicks(self.users[keep], self.items[keep], self.user_ids, self.item_ids, times, self.name)


def table_checksum(users: Array, items: Array, times: Array | None = None) -> str:
    """sha256 of a table of names, as text, sorted: the same for every file format and row order."""
    columns = [np.asarray(c).astype(str) for c in (users, items)]
    if times is not None:
        columns.append(np.asarray(times).astype(str))
    order = np.lexsort(columns[::-1])
    digest = hashlib.sha256()
    for start in range(0, len(order), 100_000):
        rows = order[start : start + 100_000]
        lines = zip(*(c[rows] for c in columns), strict=True)
        digest.update("".join("\t".join(line) + "\n" for line in lines).encode())
    return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Split:
    """Three parts of one table of users and items, disjoint; `test` is None while something is being chosen.

    kind: random, time or last; notes: what a reader must know (share of cold users, leakage).
    """

    train: Clicks
    validation: Clicks
    test: Clicks | None
    kind: str = "random"
    seed: int = 0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        parts = [p for p in (self.train, self.validation, self.test) if p is not None]
        shapes = {(p.n_users, p.n_items) for p in parts}
        if len(shapes) > 1:
            raise StropError("S214", f"the parts have different tables: {sorted(shapes)}")
        keys = np.concatenate([p.users.astype(np.int64) * p.n_items + p.items for p in parts])
        if len(np.unique(keys)) < len(keys):
            raise StropError("S212", "a click stands in two parts of the split", "split again")

    def without_test(self) -> "Split":
        """The same split with its test part out of reach: what a trial may see."""
        return replace(self, test=None)
