"""What do the clicked pairs score, and how do vectors flow along clicks? Sparse products whose gradients are sparse products."""

import warnings
from typing import Any

import numpy as np
import torch

from strop.records import Clicks

with warnings.catch_warnings():  # torch says once a process that sparse CSR is in beta: said here, to nobody
    warnings.simplefilter("ignore")
    torch.sparse_csr_tensor([0, 1], [0], [1.0], size=(1, 1))


class ClickTable:
    """The clicks as a sparse matrix in both directions, for products with user vectors and item vectors.

    Values travel in the order of Clicks (by user, then item); `to_items` takes them into the order by item, then user.
    """

    def __init__(self, clicks: Clicks) -> None:
        self.shape = (clicks.n_users, clicks.n_items)
        order = np.argsort(clicks.items, kind="stable")
        counts = np.bincount(clicks.items, minlength=clicks.n_items)
        self.users = torch.from_numpy(clicks.users.astype(np.int64))
        self.items = torch.from_numpy(clicks.items.astype(np.int64))
        self.to_items = torch.from_numpy(order)
        self._by_user = (torch.from_numpy(clicks.indptr.astype(np.int32)), torch.from_numpy(clicks.items))
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        self._by_item = (torch.from_numpy(offsets), torch.from_numpy(clicks.users[order]))
        self._ones = torch.ones(len(clicks))

    def user_sums(self, values: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        """(n_users, d): for each user the sum of value * item vector over the clicks; values (n,)."""
        return torch.sparse_csr_tensor(*self._by_user, values, size=self.shape, check_invariants=False) @ right

    def item_sums(self, values: torch.Tensor, left: torch.Tensor) -> torch.Tensor:
        """(n_items, d): for each item the sum of value * user vector over the clicks; values (n,), in the order of Clicks."""
        return (
            torch.sparse_csr_tensor(
                *self._by_item, values[self.to_items], size=self.shape[::-1], check_invariants=False
            )
            @ left
        )

    def both_ways(self, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The clicks with these values as sparse matrices (n_users, n_items) and (n_items, n_users), to be used many times."""
        by_item = values[self.to_items]
        return (
            torch.sparse_csr_tensor(*self._by_user, values, size=self.shape, check_invariants=False),
            torch.sparse_csr_tensor(*self._by_item, by_item, size=self.shape[::-1], check_invariants=False),
        )

    def scores(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        """(n,) inner products of the clicked pairs, with gradients to both sides."""
        return _Scores.apply(left, right, self)  # type: ignore[no-any-return,no-untyped-call]


class _Scores(torch.autograd.Function):
    """Inner products at the clicked places only; the backward pass is two sparse products instead of two scatters."""

    @staticmethod
    def forward(ctx: Any, left: torch.Tensor, right: torch.Tensor, table: ClickTable) -> torch.Tensor:
        ctx.save_for_backward(left, right)
        ctx.table = table
        if left.dtype != torch.float32:  # the sampled product is for float32; float64 is for checking gradients
            return (left[table.users] * right[table.items]).sum(1)
        places = torch.sparse_csr_tensor(*table._by_user, table._ones, size=table.shape, check_invariants=False)
        return torch.sparse.sampled_addmm(places, left, right.T, beta=0.0).values()

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        left, right = ctx.saved_tensors
        values = gradients[0].contiguous()
        return ctx.table.user_sums(values, right), ctx.table.item_sums(values, left), None
