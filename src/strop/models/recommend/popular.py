"""What does everybody click? The same list for all: the least that a recommender must beat."""

from typing import Any, ClassVar, Self, final

import numpy as np
import numpy.typing as npt
import torch

from strop.records import Clicks

Array = npt.NDArray[Any]


@final
class Popular:
    """The most clicked items, the same for everybody.

    Formula: s(u, i) = number of users who clicked i.
    The baseline beside every other model. Not for: people, it hides all but the head of
    the catalogue.
    """

    KIND: ClassVar[str] = "popular"

    def __init__(self, popularity: Array, n_users: int) -> None:
        self.popularity = torch.from_numpy(np.asarray(popularity, np.float32))
        self.n_users, self.n_items = n_users, len(popularity)

    def score(self, users: Array) -> torch.Tensor:
        """(len(users), n_items) float32: the popularity of each item."""
        return self.popularity.repeat(len(users), 1)

    def score_list(self, items: Array) -> torch.Tensor:
        """(n_items,) float32: the popularity of each item, whatever was clicked."""
        return self.popularity.clone()

    def similar(self, item: int) -> torch.Tensor:
        """(n_items,) float32: the popularity of each item, for it knows nothing else."""
        return self.popularity.clone()

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """The popularity, and the number of users."""
        return {"popularity": self.popularity.numpy(), "n_users": np.array([self.n_users])}

    @classmethod
    def from_state(cls, state: dict[str, npt.NDArray[Any]]) -> Self:
        """The model that gave this state."""
        return cls(state["popularity"], int(state["n_users"][0]))


def fit(clicks: Clicks) -> Popular:
    """Counts the clicks of each item."""
    return Popular(clicks.popularity, clicks.n_users)
