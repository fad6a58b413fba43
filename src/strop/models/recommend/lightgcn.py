"""Which items fit a user, when vectors are smoothed along the graph of clicks?"""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch

from strop.models.recommend.clicked import ClickTable
from strop.models.recommend.matrix_factorisation import MatrixFactorisation, initial_vectors
from strop.models.recommend.settings import check_least
from strop.protocols import Scorer
from strop.records import Clicks


class LightGCN(MatrixFactorisation):
    """Matrix factorisation whose vectors are the mean over layers of D^-1/2 A D^-1/2 powers applied to free vectors.

    Saved and scored by its smoothed vectors. Paper: lightgcn2020. Not for: graphs so sparse that most users have one click.
    """

    KIND = "lightgcn"

    @classmethod
    def from_state(cls, state: dict[str, npt.NDArray[Any]]) -> Self:
        return cls(state["left"], state["right"], state["bias"])


class _Smooth(torch.autograd.Function):
    """The layers' mean; the normalised graph is symmetric, so the backward pass is the forward pass."""

    @staticmethod
    def forward(ctx: Any, left: torch.Tensor, right: torch.Tensor, graph: "Graph") -> tuple[torch.Tensor, torch.Tensor]:
        ctx.graph = graph
        return graph.mean_of_layers(left, right)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        return (*ctx.graph.mean_of_layers(*gradients), None)


class Graph:
    """LightGCN's free vectors and the graph they are smoothed on, with gradients: for `training.PairLearner`."""

    def __init__(self, clicks: Clicks, *, dimensions: int = 64, layers: int = 2, seed: int = 0) -> None:
        check_least("layers", layers, 0)
        check_least("dimensions", dimensions, 1)
        self.layers, self.table = layers, ClickTable(clicks)
        degrees = [np.maximum(d, 1).astype(np.float32) for d in (np.diff(clicks.indptr), clicks.popularity)]
        values = torch.from_numpy(1 / np.sqrt(degrees[0][clicks.users] * degrees[1][clicks.items]))
        self.ways = self.table.both_ways(values)
        vectors = initial_vectors(clicks, dimensions=dimensions, seed=seed)
        self.left, self.right = (torch.from_numpy(v).requires_grad_() for v in vectors)

    def parameters(self) -> dict[str, torch.Tensor]:
        """What is learned, by name."""
        return {"left": self.left, "right": self.right}

    def vectors(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The smoothed vectors, made anew from the free ones at each call."""
        return _Smooth.apply(self.left, self.right, self)  # type: ignore[no-any-return,no-untyped-call]

    def mean_of_layers(
        self, left: torch.Tensor, right: torch.Tensor, ways: tuple[torch.Tensor, torch.Tensor] | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The mean of the vectors after 0, 1, ... layers of smoothing; ways: to users and to items, None for the graph's own."""
        to_users, to_items = ways or self.ways
        left_sum, right_sum = left.clone(), right.clone()
        for _ in range(self.layers):
            left, right = to_users @ right, to_items @ left
            left_sum += left
            right_sum += right
        return left_sum / (self.layers + 1), right_sum / (self.layers + 1)

    def scorer(self) -> Scorer:
        with torch.no_grad():
            left, right = self.vectors()
        return LightGCN(left.numpy().copy(), right.numpy().copy(), np.zeros(len(right), np.float32))
