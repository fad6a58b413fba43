"""What are the figures of a set of lists made of, for all users once and for every resample of them?"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from strop.audits.popularity import head_items, popularity_groups
from strop.records import Clicks

Array = npt.NDArray[Any]
Pairs = tuple[Array, Array]  # users and items, one of each a pair


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over users, a column for each way of counting them: all once, or as a resample has them.

    users: (columns,) by name: the accuracy figures, likers (how many like an item), arp, listed (how many have a list),
    shown (slots), head (slots of the head); groups: (groups, columns) by name: hits, likes, slots, clicks in each
    popularity group; item_hits, item_likes: of the items that are liked and have a train click; item_slots: of the items
    that are shown at all; (items, columns) integers.
    """

    users: dict[str, Array]
    groups: dict[str, Array]
    item_hits: Array
    item_likes: Array
    item_slots: Array


@dataclass(frozen=True, eq=False)
class Tally:
    """Lists, (n_users, k) items with -1 for none, their hits (bool), and the accuracy of the `users` who like an item."""

    lists: Array
    hit: Array
    users: Array
    per_user: dict[str, Array]
    train: Clicks
    truth: Clicks

    @cached_property
    def groups(self) -> Array:
        """(n_items,) the popularity group of each item, -1 for those without a train click."""
        return popularity_groups(self.train.popularity)

    @cached_property
    def group_sizes(self) -> Array:
        """(groups,) how many items each popularity group has."""
        return np.bincount(self.groups + 1, minlength=1)[1:]

    @cached_property
    def slots(self) -> Pairs:
        """Every filled slot."""
        users, places = np.nonzero(self.lists >= 0)
        return users, self.lists[users, places]

    @cached_property
    def hits(self) -> Pairs:
        """Every hit."""
        users, places = np.nonzero(self.hit)
        return users, self.lists[users, places]

    @cached_property
    def counted(self) -> Array:
        """The items that count for DI and MI: liked by somebody, and with a train click."""
        return np.flatnonzero((self.truth.popularity > 0) & (self.train.popularity > 0))

    @cached_property
    def shown(self) -> Array:
        """The items that stand in a list."""
        return np.flatnonzero(np.bincount(self.slots[1], minlength=self.train.n_items))

    @cached_property
    def _columns(self) -> dict[str, Array]:
        """(n_users,) by name, and (n_users, groups) by name with "group " before it: what is summed over users."""
        n, popularity = self.train.n_users, self.train.popularity
        users, items = self.slots
        length = np.bincount(users, minlength=n)
        clicks = np.bincount(users, weights=popularity[items], minlength=n)
        accuracy = np.zeros((len(self.per_user), n))
        accuracy[:, self.users] = list(self.per_user.values())
        likes = (self.truth.users, self.truth.items)
        return {
            **dict(zip(self.per_user, accuracy)),
            "likers": np.bincount(self.users, minlength=n),
            "arp": clicks / np.maximum(length, 1),
            "listed": length > 0,
            "shown": length,
            "head": np.bincount(users, weights=head_items(popularity)[items], minlength=n),
            "group hits": self._by_group(self.hits),
            "group likes": self._by_group(likes),
            "group slots": self._by_group(self.slots),
            "group clicks": self._by_group((self.train.users, self.train.items)),
        }

    def _by_group(self, pairs: Pairs) -> Array:
        """(n_users, groups) counts of the pairs; items in no group are left out."""
        users, items = pairs
        width = len(self.group_sizes) + 1
        cells = users * np.int64(width) + (self.groups[items] + 1)
        return np.bincount(cells, minlength=self.train.n_users * width).reshape(-1, width)[:, 1:]

    @cached_property
    def _stacked(self) -> Array:
        """All columns as rows, float64."""
        return np.concatenate([c.reshape(len(c), -1) for c in self._columns.values()], axis=1).astype(np.float64).T

    def _named(self, sums: Array) -> tuple[dict[str, Array], dict[str, Array]]:
        """The sums of `_stacked`, by name: of users, of groups."""
        users, groups, at = {}, {}, 0
        for name, column in self._columns.items():
            if column.ndim == 1:
                users[name], at = sums[at], at + 1
            else:
                groups[name.removeprefix("group ")], at = sums[at : at + column.shape[1]], at + column.shape[1]
        return users, groups

    @cached_property
    def observed(self) -> Sums:
        """Every user once: one column."""
        n, counted = self.train.n_items, self.counted
        hits, slots = (np.bincount(pairs[1], minlength=n)[:, None] for pairs in (self.hits, self.slots))
        users, groups = self._named(self._stacked.sum(axis=1)[:, None])
        return Sums(users, groups, hits[counted], self.truth.popularity[counted, None], slots[self.shown])

    def resampler(self) -> Callable[[Array], Sums]:
        """Makes the sums of a block of resamples, (n_users, columns) counts, by one sparse product for all of them."""
        from scipy.sparse import csr_matrix

        shape = (self.train.n_items, self.train.n_users)
        kind: Any = np.int16 if shape[1] < 1 << 15 else np.int32  # no sum exceeds the number of users

        def by_item(pairs: Pairs, items: Array) -> Any:
            return csr_matrix((np.ones(len(pairs[0]), kind), (pairs[1], pairs[0])), shape=shape)[items]

        hits, slots = by_item(self.hits, self.counted), by_item(self.slots, self.shown)
        likes = by_item((self.truth.users, self.truth.items), self.counted)

        def sums(counts: Array) -> Sums:
            users, groups = self._named(self._stacked @ counts.astype(np.float64))
            return Sums(users, groups, hits @ counts, likes @ counts, slots @ counts)

        return sums
