"""How much does a click on one item speak for another? Models that are one table of weights between items."""

from abc import ABC
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_matrix, vstack
from torch.nn.functional import embedding_bag

from strop.records import Clicks

Array = npt.NDArray[Any]
# Small enough to stay in cache: four times as fast as one large block.
BLOCK_BYTES = 8_000_000


def co_clicks(clicks: Clicks, *, user_weight: Array | None = None) -> Iterator[tuple[slice, Array]]:
    """Yields (columns, (n_items, width) float32 block) of the table of how many users clicked both items.

    user_weight: (n_users,), how much each user counts; 1 for None. A block and what makes it take BLOCK_BYTES.
    """
    by_item = clicks.matrix().tocsc()
    users, offsets = torch.from_numpy(by_item.indices), torch.from_numpy(by_item.indptr)
    width = max(1, BLOCK_BYTES // (4 * (clicks.n_users + clicks.n_items)))
    for first in range(0, clicks.n_items, width):
        columns = slice(first, min(first + width, clicks.n_items))
        table = by_item[:, columns].toarray(order="C")
        if user_weight is not None:
            table *= user_weight.astype(np.float32)[:, None]
        # Each item sums the rows of its users: faster than a sparse product, and its result is dense anyhow.
        block = embedding_bag(users, torch.from_numpy(table), offsets, mode="sum", include_last_offset=True)
        yield columns, block.numpy()


def gram_matrix(clicks: Clicks) -> Array:
    """(n_items, n_items) float32: how many users clicked both items; exact up to 2**24 users."""
    gram = np.empty((clicks.n_items, clicks.n_items), np.float32)
    for columns, block in co_clicks(clicks):
        gram[:, columns] = block
    return gram


def strongest(block: Array, *, neighbours: int) -> csr_matrix:
    """Each column's largest positive values, at most `neighbours`, as the rows of a CSR matrix (width, n_items)."""
    width = min(neighbours, len(block))
    values, places = torch.from_numpy(np.ascontiguousarray(block.T)).topk(width, dim=1)
    offsets = np.arange(0, values.numel() + 1, width)
    table = csr_matrix((values.numpy().ravel(), places.numpy().ravel(), offsets), shape=block.T.shape)
    table.data[table.data < 0] = 0
    table.eliminate_zeros()
    return table


def nearest(
    clicks: Clicks, strength: Callable[[Array, slice], Array], *, neighbours: int, user_weight: Array | None = None
) -> csr_matrix:
    """CSR (n_items, n_items): what the `neighbours` strongest other items give to each column's item.

    strength(block, columns) turns co-clicks (n_items, width) into strengths of the same shape.
    """
    parts = []
    for columns, block in co_clicks(clicks, user_weight=user_weight):
        values = strength(block, columns)
        values[np.arange(columns.start, columns.stop), np.arange(columns.stop - columns.start)] = 0
        parts.append(strongest(values, neighbours=neighbours))
    table = vstack(parts).T.tocsr()
    table.sort_indices()
    return table


def click_table(offsets: Array, items: Array, n_items: int) -> csr_matrix:
    """Who clicked what, as a CSR matrix of float32 ones."""
    return csr_matrix((np.ones(len(items), np.float32), items, offsets), shape=(len(offsets) - 1, n_items))


class ItemWeights(ABC):
    """A user's score of an item is the sum of the weights to it from the items they clicked: X_u W, with W sparse.

    clicks: CSR (n_users, n_items); weights: CSR (n_items, n_items), from the row's item to the column's.
    """

    KIND: ClassVar[str]

    def __init__(self, clicks: csr_matrix, weights: csr_matrix) -> None:
        self.clicks, self.weights = clicks, weights
        self.n_users, self.n_items = clicks.shape

    def score(self, users: Array) -> torch.Tensor:
        """(len(users), n_items) float32: X_u W; 0 for a user without clicks."""
        return torch.from_numpy((self.clicks[users] @ self.weights).toarray())

    def score_list(self, items: Array) -> torch.Tensor:
        """(n_items,) float32: as for a user who clicked these items, each counted once."""
        row = click_table(np.array([0, len(np.unique(items))]), np.unique(items), self.n_items)
        return torch.from_numpy((row @ self.weights).toarray()[0])

    def similar(self, item: int) -> torch.Tensor:
        """(n_items,) float32: the weights from this item; 0 to itself."""
        return self.score_list(np.array([item]))

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """The clicks and the weights, as CSR arrays."""
        return {
            "click_offsets": self.clicks.indptr,
            "click_items": self.clicks.indices,
            "weight_offsets": self.weights.indptr,
            "weight_items": self.weights.indices,
            "weights": self.weights.data,
        }

    @classmethod
    def from_state(cls, state: dict[str, npt.NDArray[Any]]) -> Self:
        """The model that gave this state."""
        n_items = len(state["weight_offsets"]) - 1
        weights = csr_matrix((state["weights"], state["weight_items"], state["weight_offsets"]), (n_items, n_items))
        return cls(click_table(state["click_offsets"], state["click_items"], n_items), weights)
