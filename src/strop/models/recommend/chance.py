"""What does pure chance reach? A random order for each user, the same whenever it is asked."""

from typing import Any, ClassVar, Self, final

import numpy as np
import numpy.typing as npt
import torch

from strop.errors import StropError
from strop.records import Clicks

Array = npt.NDArray[Any]


def _mix(values: Array) -> Array:
    """A hash of uint64 numbers, each bit depending on all others (the finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


@final
class Chance:
    """A random order of all items for each user, the same whenever it is asked.

    Formula: s(u, i) = hash(seed, u, i), uniform in [0, 1).
    The floor of every figure, and what coverage is worth without accuracy. Not for: cryptography, nor where no two scores
    may be equal (24 bits).
    """

    KIND: ClassVar[str] = "chance"

    def __init__(self, n_users: int, n_items: int, seed: int) -> None:
        self.n_users, self.n_items, self.seed = n_users, n_items, seed

    def _uniform(self, rows: Array) -> torch.Tensor:
        """(len(rows), n_items) float32 in [0, 1) from row numbers, 24 bits each."""
        start = _mix(_mix(np.array([self.seed], np.uint64) + np.uint64(0x9E3779B97F4A7C15)) ^ rows.astype(np.uint64))
        bits = _mix(start[:, None] + np.arange(1, self.n_items + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))
        return torch.from_numpy((bits >> np.uint64(40)).astype(np.float32) / np.float32(1 << 24))

    def score(self, users: Array) -> torch.Tensor:
        """(len(users), n_items) float32 in [0, 1)."""
        return self._uniform(np.asarray(users))

    def score_list(self, items: Array) -> torch.Tensor:
        """(n_items,) float32 in [0, 1): an order of its own for each set of items."""
        chosen = _mix(np.unique(items).astype(np.uint64) + np.uint64(1))
        return self._uniform(np.array([self.n_users], np.uint64) + chosen.sum(dtype=np.uint64))[0]

    def similar(self, item: int) -> torch.Tensor:
        """(n_items,) float32 in [0, 1): the order of a list of this one item."""
        return self.score_list(np.array([item]))

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """The shape and the seed."""
        return {"shape": np.array([self.n_users, self.n_items]), "seed": np.array([self.seed], np.uint64)}

    @classmethod
    def from_state(cls, state: dict[str, npt.NDArray[Any]]) -> Self:
        """The model that gave this state."""
        return cls(*(int(n) for n in state["shape"]), int(state["seed"][0]))


def fit(clicks: Clicks, *, seed: int = 0) -> Chance:
    """Keeps the shape of the table; seed in [0, 2**64). Errors: S301."""
    if not 0 <= seed < 1 << 64:
        raise StropError("S301", f"seed is {seed}", "a seed is a whole number from 0 to 2**64 - 1")
    return Chance(clicks.n_users, clicks.n_items, seed)
