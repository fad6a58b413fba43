"""Which clicks does a person ask to have forgotten, and what is left without them?"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from strop.errors import StropError, suggestion
from strop.records import Clicks, Split

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Forget:
    """What is to be forgotten, by positions: all clicks of these users and of these items, and single (user, item) pairs."""

    users: tuple[int, ...] = ()
    items: tuple[int, ...] = ()
    pairs: tuple[tuple[int, int], ...] = ()

    def mask(self, clicks: Clicks) -> Array:
        """(len(clicks),) bool: which of these clicks are meant."""
        keys = clicks.users.astype(np.int64) * clicks.n_items + clicks.items
        chosen = self._keys(clicks)
        return np.isin(clicks.users, self.users) | np.isin(clicks.items, self.items) | np.isin(keys, chosen)

    def parted(self, data: Split) -> tuple[Split, Clicks]:
        """The split without what is meant (in any part), and the train clicks that the model has to forget.

        Errors: S216 a user, item or pair that is not in the data, S307 a pair of the test part, or nothing would be left.
        """
        self._check(data)
        mask = self.mask(data.train)
        if len(mask) and mask.all():
            raise StropError("S307", "that is every click there is: no model is left", "delete the run instead")
        parts = {
            name: part.take(~self.mask(part))
            for name, part in (("validation", data.validation), ("test", data.test))
            if part is not None
        }
        return replace(data, train=data.train.take(~mask), **parts), data.train.take(mask)

    def _keys(self, clicks: Clicks) -> Array:
        pairs = np.array(self.pairs, np.int64).reshape(-1, 2)
        return pairs[:, 0] * clicks.n_items + pairs[:, 1]

    def _check(self, data: Split) -> None:
        table = data.train
        pairs = np.array(self.pairs, np.int64).reshape(-1, 2)
        for what, places, bound in (
            ("user", (*self.users, *pairs[:, 0]), table.n_users),
            ("item", (*self.items, *pairs[:, 1]), table.n_items),
        ):
            bad = [place for place in places if not 0 <= place < bound]
            if bad:
                raise StropError("S216", f"no {what} {bad[0]}", f"positions lie in [0, {bound})")
        keys = [p.users.astype(np.int64) * p.n_items + p.items for p in (data.train, data.validation)]
        tested = [] if data.test is None else data.test.users.astype(np.int64) * table.n_items + data.test.items
        for (user, item), key in zip(self.pairs, self._keys(table), strict=True):
            named = f"user {table.user_ids[user]} and item {table.item_ids[item]}"
            if key in tested:
                raise StropError(
                    "S307", f"{named} stand in the test part", "it was never learned: split again without it"
                )
            if not any(key in known for known in keys):
                raise StropError("S216", f"{named}: there is no such click", "name clicks that are in the data")


def named(data: Split, *, users: list[str], items: list[str], pairs: list[tuple[str, str]]) -> Forget:
    """A request by the names in the data. Errors: S216 a name that is not there."""
    sides = {"user": data.train.user_ids.tolist(), "item": data.train.item_ids.tolist()}
    places = {side: {str(name): place for place, name in enumerate(names)} for side, names in sides.items()}

    def place(side: str, name: str) -> int:
        if name not in places[side]:
            near = suggestion(name, list(places[side])[:20_000])
            raise StropError(
                "S216", f'no {side} "{name}" in this run{near}', f"as the file that was read names its {side}s"
            )
        return places[side][name]

    return Forget(
        tuple(place("user", name) for name in dict.fromkeys(users)),
        tuple(place("item", name) for name in dict.fromkeys(items)),
        tuple((place("user", user), place("item", item)) for user, item in dict.fromkeys(pairs)),
    )
