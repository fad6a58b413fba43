"""What a model can do, so that training, audits and serving need not know what it is."""

from collections.abc import Iterable
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


class PairModel(Protocol):
    """Tensors with gradients that give users and items a vector each."""

    def parameters(self) -> dict[str, Any]:
        """What is learned, by name; left and right are the free vectors."""
        ...

    def vectors(self) -> tuple[Any, Any]:
        """(n_users, d) and (n_items, d) tensors: a score is their inner product."""
        ...

    def scorer(self) -> Scorer:
        """The model as it is now."""
        ...


class PairSource(Protocol):
    """Where the records of an epoch come from, with their rivals and weights."""

    def blocks(self, epoch: int, size: int, factors: tuple[Any, Any]) -> Iterable[tuple[Any, ...]]:
        """(users, items, rivals, weights) of each block of `size` records; a rival of -1 is none."""
        ...
