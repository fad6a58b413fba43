"""What a model can do, so that training, audits and serving need not know what it is."""

from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt


@runtime_checkable
class Scorer(Protocol):
    """Scores items for users; higher is better. Users and items are positions from 0."""

    n_users: int
    n_items: int

    def score(self, users: npt.NDArray[Any]) -> Any:
        """(len(users), n_items) float32 tensor: known users' scores of all items."""
        ...

    def score_list(self, items: npt.NDArray[Any]) -> Any:
        """(n_items,) float32 tensor: scores for a new user who clicked these items."""
        ...

    def similar(self, item: int) -> Any:
        """(n_items,) float32 tensor: how near each item is to this one."""
        ...

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """Everything needed to build the model again with `type(model).from_state`."""
        ...


class Learner(Protocol):
    """Something that `training.fit` improves, one epoch at a time, and can be stopped and gone on with bit for bit."""

    def epoch(self, number: int) -> float:
        """One pass over the data; everything random comes from (seed, number). Returns the mean loss."""
        ...

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """All that changes while learning: parameters, optimiser, statistics."""
        ...

    def load(self, state: dict[str, npt.NDArray[np.generic]]) -> None:
        """Puts a state back."""
        ...

    def scorer(self) -> Scorer:
        """The model as it is now."""
        ...
