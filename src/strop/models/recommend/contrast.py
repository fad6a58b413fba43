"""Which items fit a user, when two distorted views of the graph of clicks must also tell the same users and items apart?"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch

from strop.errors import StropError
from strop.models.recommend.lightgcn import Graph
from strop.models.recommend.settings import check_least
from strop.protocols import PairSource
from strop.records import Clicks

Tensor = torch.Tensor
Objective = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]


class _Views(torch.autograd.Function):
    """(left, right) of the graph as it is and of its two views, with one backward pass for all three."""

    @staticmethod
    def forward(ctx: Any, left: Tensor, right: Tensor, graph: "Contrasted") -> tuple[Tensor, ...]:
        ctx.graph = graph
        return graph.all_views(left, right)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        return (*ctx.graph.gradient(gradients), None)


class Contrasted(Graph, ABC):
    """A graph that is also looked at in two views, distorted anew; before the first `begin` it has none."""

    def __init__(self, clicks: Clicks, *, dimensions: int = 64, layers: int = 2, seed: int = 0) -> None:
        super().__init__(clicks, dimensions=dimensions, layers=layers, seed=seed)
        self.seed, self.distorted = seed, False
        self.views: tuple[tuple[Tensor, Tensor], ...] = ()

    @abstractmethod
    def begin(self, epoch: int) -> None:
        """Draws what an epoch's views need, from (seed, epoch) alone."""

    @abstractmethod
    def all_views(self, left: Tensor, right: Tensor) -> tuple[Tensor, ...]:
        """(left, right) smoothed, of the graph as it is, of the first and of the second view."""

    @abstractmethod
    def gradient(self, gradients: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Of the free vectors, from the gradients of `all_views`."""

    def vectors(self) -> tuple[Tensor, Tensor]:
        """The smoothed vectors; while learning, the two views are made beside them and kept in `views`: users, items."""
        if not (self.distorted and torch.is_grad_enabled()):
            return super().vectors()
        left, right, *rest = _Views.apply(self.left, self.right, self)  # type: ignore[no-untyped-call]
        self.views = ((rest[0], rest[2]), (rest[1], rest[3]))
        return left, right


class DroppedEdges(Contrasted):
    """LightGCN with two views an epoch in each of which every click is left out with chance rho.

    What is left is normalised by its own degrees; the values stand on the pattern of all clicks, 0 where dropped.
    Not for: users with so few clicks that a view leaves them none. Paper: sgl2021, eq. 7 (edge dropout)
    """

    def __init__(
        self, clicks: Clicks, *, rho: float = 0.1, dimensions: int = 64, layers: int = 2, seed: int = 0
    ) -> None:
        super().__init__(clicks, dimensions=dimensions, layers=layers, seed=seed)
        if not 0 <= rho < 1:
            raise StropError("S301", f"rho is {rho}", "allowed: [0, 1), the share of clicks that a view leaves out")
        self.rho = rho
        self.dropped: tuple[tuple[Tensor, Tensor], ...] = ()

    def begin(self, epoch: int) -> None:
        generator = np.random.default_rng([self.seed, 3, epoch])
        users, items = self.table.users, self.table.items
        dropped = []
        for _ in range(2):
            kept = torch.from_numpy((generator.random(len(users)) >= self.rho).astype(np.float32))
            degrees = [torch.bincount(p, kept, n).clamp(min=1) for p, n in zip((users, items), self.table.shape)]
            values = kept / torch.sqrt(degrees[0][users] * degrees[1][items])
            dropped.append(self.table.both_ways(values.float()))
        self.dropped, self.distorted = tuple(dropped), True

    def all_views(self, left: Tensor, right: Tensor) -> tuple[Tensor, ...]:
        found = [self.mean_of_layers(left, right, ways) for ways in (self.ways, *self.dropped)]
        return tuple(side for pair in found for side in pair)

    def gradient(self, gradients: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        pairs = zip((self.ways, *self.dropped), gradients[::2], gradients[1::2], strict=True)
        found = [self.mean_of_layers(left, right, ways) for ways, left, right in pairs]  # each graph is symmetric
        return sum(f[0] for f in found), sum(f[1] for f in found)  # type: ignore[return-value]


class NoisyLayers(Contrasted):
    """LightGCN without the free vectors in its mean; in two views each layer adds noise of length epsilon to a vector.

    The noise is a random direction in the vector's own orthant: copysign(epsilon * r / |r|, vector), r uniform (of 256 values).
    Not for: nodes without clicks, whose vectors are 0. Paper: simgcl2022, eq. 5 and 6; layers from 1 on, as in its code

    Smoothing is linear and noise has no gradient: the views share the layers of the clean pass, only their deviations
    are smoothed apart, and one backward pass serves the sum of all three gradients.
    """

    def __init__(
        self, clicks: Clicks, *, epsilon: float = 0.1, dimensions: int = 64, layers: int = 2, seed: int = 0
    ) -> None:
        super().__init__(clicks, dimensions=dimensions, layers=layers, seed=seed)
        check_least("layers", layers, 1)
        check_least("epsilon", epsilon, 0)
        self.epsilon = epsilon
        self._bits = np.random.SFC64(0)
        self._buffers = [[torch.empty(n, dimensions) for n in self.table.shape * 2] for _ in range(2)]

    def begin(self, epoch: int) -> None:
        self._bits = np.random.SFC64([self.seed, 4, epoch])
        self.distorted = True

    def mean_of_layers(
        self, left: Tensor, right: Tensor, ways: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """The mean of the vectors after 1, 2, ... layers of smoothing."""
        to_users, to_items = ways or self.ways
        sums: tuple[Tensor, ...] = ()
        for _ in range(self.layers):
            left, right = to_users @ right, to_items @ left
            sums = _added(sums, (left, right))
        return sums[0].div_(self.layers), sums[1].div_(self.layers)

    def all_views(self, left: Tensor, right: Tensor) -> tuple[Tensor, ...]:
        clean: tuple[Tensor, ...] = ()
        strayed: tuple[Tensor, ...] = ()
        away: tuple[Tensor, ...] = ()  # left and right of the first view, left and right of the second
        for _ in range(self.layers):
            left, right = self.ways[0] @ right, self.ways[1] @ left
            if away:
                away = tuple(self.ways[n % 2] @ away[n ^ 1] for n in range(4))
            away = tuple(self.noise(n, (left, right)[n % 2], away[n] if away else None) for n in range(4))
            clean, strayed = _added(clean, (left, right)), _added(strayed, away)
        clean = tuple(c.div_(self.layers) for c in clean)
        return *clean, *(c.add(s, alpha=1 / self.layers) for c, s in zip(clean * 2, strayed, strict=True))

    def noise(self, number: int, vectors: Tensor, away: Tensor | None) -> Tensor:
        """(n, d): how far the vectors (n, d) have strayed with this layer's noise; away: before it; number: of the buffer."""
        drawn = self._buffers[away is not None][number]
        raw = self._bits.random_raw(-(-drawn.numel() // 8)).view(np.uint8)  # five times as fast as random floats
        np.copyto(drawn.view(-1).numpy(), raw[: drawn.numel()])
        drawn *= self.epsilon / torch.linalg.vector_norm(drawn, dim=1, keepdim=True).clamp(min=1e-12)
        if away is None:
            return torch.copysign(drawn, vectors, out=drawn)
        return away.add_(torch.copysign(drawn, vectors + away, out=drawn))

    def gradient(self, gradients: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        left, right = gradients[::2], gradients[1::2]
        return self.mean_of_layers(left[0] + left[1] + left[2], right[0] + right[1] + right[2])


def _added(sums: tuple[Tensor, ...], tables: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The sums with another layer's tables; the first layer's take them up, once the next has been made from them."""
    return tuple(s.add_(t) for s, t in zip(sums, tables, strict=True)) if sums else tables


class Contrast:
    """Pairs' losses and the contrast of a graph's views, for `training.PairLearner`: its source and its objective.

    pairs: the objective of the pairs; alike(one, other): a loss a row, one row a user or item (`info_nce`). The mean of
    alike over the batch's distinct users, and that over its clicked items, times strength, is added to every pair's loss,
    and so to their mean. strength 0: the pairs alone; no view is made. Errors: S301.
    """

    def __init__(
        self,
        graph: Contrasted,
        source: PairSource,
        *,
        pairs: Objective,
        alike: Callable[[Tensor, Tensor], Tensor],
        strength: float,
    ) -> None:
        check_least("strength", strength, 0)
        self.graph, self.source, self.pairs, self.alike, self.strength = graph, source, pairs, alike, strength

    def blocks(self, epoch: int, size: int, factors: tuple[Any, Any]) -> Iterable[tuple[Any, ...]]:
        """The source's own, after the graph has drawn what this epoch's views need."""
        if self.strength:
            self.graph.begin(epoch)
        return self.source.blocks(epoch, size, factors)

    def objective(self, left: Tensor, right: Tensor, users: Tensor, items: Tensor, rivals: Tensor) -> Tensor:
        """(n,): the pairs' losses, the contrast added to each."""
        losses = self.pairs(left, right, users, items, rivals)
        if not self.strength:
            return losses
        contrast = sum(
            self.alike(*(view[distinct(rows, len(view))] for view in views)).mean()
            for rows, views in zip((users, items), self.graph.views, strict=True)
        )
        return losses + self.strength * contrast


def distinct(rows: Tensor, size: int) -> Tensor:
    """The rows that occur, each once, ascending: a mask of the table instead of a sort."""
    there = torch.zeros(size, dtype=torch.bool)
    there[rows.long()] = True
    return there.nonzero()[:, 0]
