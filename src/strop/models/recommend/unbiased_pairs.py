"""Which pairs of a click and any other item speak for the likes behind the clicks, and with what weight?"""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from strop.errors import StropError
from strop.records import Clicks

Array = npt.NDArray[Any]


class UnbiasedPairs:
    """Each click once an epoch with a rival drawn from all other items, weighted (1 / t_i) (1 - y_j / t_j).

    y_j: whether the rival was clicked too; such a pair has a weight below 0, or is left out for negative_part "left out"
    (which no longer is unbiased, and varies less). propensity: t, (n_items,), clipped already, above 0 for clicked items.
    Errors: S209 no click or one item, S211 a propensity, or weights of a batch that do not sum to above 0, S214.
    """

    def __init__(
        self,
        clicks: Clicks,
        propensity: Array,
        *,
        negative_part: Literal["kept", "left out"] = "left out",
        seed: int = 0,
    ) -> None:
        if not len(clicks) or clicks.n_items < 2:
            raise StropError("S209", "there is no click, or no other item, to learn from")
        if propensity.shape != (clicks.n_items,):
            raise StropError("S214", f"{propensity.shape} propensities for {clicks.n_items} items")
        own = propensity[clicks.items]
        if not ((own > 0) & (own <= 1)).all():
            raise StropError("S211", "a clicked item's propensity is outside (0, 1]", "clip above 0")
        self.clicks, self.kept, self.seed = clicks, negative_part == "kept", seed
        self.inverse = np.zeros(clicks.n_items)
        self.inverse[clicks.items] = 1 / own
        self.keys = np.append(clicks.users.astype(np.int64) * clicks.n_items + clicks.items, -1)

    def blocks(self, epoch: int, size: int, factors: tuple[Array, Array]) -> Iterator[tuple[Array, ...]]:
        """(users, items, rivals, weights) of each block of `size` clicks."""
        generator = np.random.default_rng([self.seed, 6, epoch])
        order = generator.permutation(len(self.clicks))
        rivals = generator.integers(0, self.clicks.n_items - 1, len(order))
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            users, items = self.clicks.users[rows], self.clicks.items[rows]
            others = rivals[start : start + size]
            others = others + (others >= items)  # any item but the click's own
            weights = self.weights(users, items, others)
            if self.kept and weights.any() and weights.sum() <= 0:
                message = "the weights of a batch sum to 0 or less"
                raise StropError("S211", message, "a higher clip, a larger batch, or negative_part left out")
            yield users, items, others.astype(np.int32), weights.astype(np.float32)

    def weights(self, users: Array, items: Array, rivals: Array) -> Array:
        """(n,) weights of these pairs, the items being clicked."""
        keys = users.astype(np.int64) * self.clicks.n_items + rivals
        clicked = self.keys[np.searchsorted(self.keys[:-1], keys)] == keys
        rest = 1 - clicked * self.inverse[rivals]
        found: Array = self.inverse[items] * (rest if self.kept else np.maximum(rest, 0))
        return found
