"""Which items fit a user, as the inner product of one vector each? Learned from pairs, a record at a time."""

from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import torch

from strop.errors import StropError
from strop.models.recommend import kernel
from strop.models.recommend.settings import check_above, check_least
from strop.protocols import Scorer
from strop.records import Clicks

Array = npt.NDArray[Any]
BITMAP_BYTES = 256 << 20
NEWTON_STEPS, FOLD_IN_L2 = (
    12,
    0.02,
)  # the loss is smooth and convex: a dozen steps are at its minimum; l2 as in training
START = 1e-8  # what a row's sum of squared gradients starts from: the first step is then one `rate` long


class MatrixFactorisation:
    """Scores by left[user] . right[item] + bias[item]; the vectors come from pairs of a clicked and another item.

    left (n_users, d), right (n_items, d), bias (n_items,), float32. A new user's vector minimises BPR's
    loss over all pairs of their list and the rest, the item vectors held. Paper: bpr2009.
    Not for: users without clicks, whose scores are the biases alone.
    """

    KIND = "matrix_factorisation"

    def __init__(self, left: Array, right: Array, bias: Array) -> None:
        self.left, self.right, self.bias = (
            torch.from_numpy(np.ascontiguousarray(a, np.float32)) for a in (left, right, bias)
        )
        self.n_users, self.n_items = len(self.left), len(self.right)

    def score(self, users: Array) -> torch.Tensor:
        """(len(users), n_items)."""
        return torch.addmm(self.bias, self.left[torch.from_numpy(np.asarray(users, np.int64))], self.right.T)

    def score_list(self, items: Array) -> torch.Tensor:
        """(n_items,) for a new user who clicked these items."""
        return self.right @ self._vector_of(torch.from_numpy(np.unique(np.asarray(items, np.int64)))) + self.bias

    def _vector_of(self, items: torch.Tensor) -> torch.Tensor:
        """The vector that minimises BPR's mean loss over all pairs of a clicked and another item, by Newton's method.

        With w_ij the weight of a pair in gradient or Hessian, sums over pairs split into sums over rows and columns.
        """
        vector = torch.zeros(self.right.shape[1])
        if not len(items):
            return vector
        others = torch.ones(len(self.right))
        others[items] = 0
        chosen, pairs = self.right[items], max(1.0, len(items) * float(others.sum()))
        for _ in range(NEWTON_STEPS):
            scores = self.right @ vector + self.bias
            wrong = torch.sigmoid(scores - scores[items][:, None]) * others
            gradient = self.right.T @ wrong.sum(0) - chosen.T @ wrong.sum(1)
            bend = wrong * (1 - wrong)
            cross = chosen.T @ (bend @ self.right)
            hessian = (self.right.T * bend.sum(0)) @ self.right + (chosen.T * bend.sum(1)) @ chosen - cross - cross.T
            ridge = FOLD_IN_L2 * torch.eye(len(vector))
            vector = vector - torch.linalg.solve(hessian / pairs + ridge, gradient / pairs + FOLD_IN_L2 * vector)
        return vector

    def similar(self, item: int) -> torch.Tensor:
        """(n_items,) cosine of the item vectors."""
        unit = torch.nn.functional.normalize(self.right, dim=1)
        return unit @ unit[item]

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        return {"left": self.left.numpy(), "right": self.right.numpy(), "bias": self.bias.numpy()}

    @classmethod
    def from_state(cls, state: dict[str, npt.NDArray[Any]]) -> Self:
        return cls(state["left"], state["right"], state["bias"])


def initial_vectors(clicks: Clicks, *, dimensions: int, seed: int) -> tuple[Array, Array]:
    """Normal vectors of standard deviation 0.1 for users and items, float32."""
    generator = np.random.default_rng([seed, 1])
    shapes = ((clicks.n_users, dimensions), (clicks.n_items, dimensions))
    left, right = (generator.standard_normal(shape, np.float32) * np.float32(0.1) for shape in shapes)
    return left, right


class Draws:
    """The records of an epoch in their order, each with a rival that its user never clicked.

    negatives: uniform, or as popular items are; hardest: the best scored of so many rivals. weights: (n,) >= 0 in the
    order of the clicks, or None for ones. Beyond `bitmap_bytes` what was clicked is looked up by search instead of in a
    bit map of users x items. Errors: S209 no clicks, S211 weight below 0, S214 lengths, S301 settings.
    """

    def __init__(
        self,
        clicks: Clicks,
        *,
        weights: Array | None = None,
        negatives: Literal["uniform", "popularity"] = "uniform",
        hardest: int = 1,
        seed: int = 0,
        bitmap_bytes: int = BITMAP_BYTES,
    ) -> None:
        if not len(clicks):
            raise StropError("S209", "there is no click to learn from")
        check_least("hardest", hardest, 1)
        if weights is not None and len(weights) != len(clicks):
            raise StropError("S214", f"{len(weights)} weights for {len(clicks)} clicks")
        if weights is not None and not (np.isfinite(weights).all() and weights.min() >= 0 and weights.max() > 0):
            raise StropError("S211", "a weight is below 0 or not finite, or all are 0", "weights lie in [0, inf)")
        order = np.random.default_rng([seed, 2]).permutation(len(clicks))
        weight = np.ones(1, np.float32) if weights is None else (weights / weights.mean()).astype(np.float32)[order]
        self.records = (clicks.users[order], clicks.items[order], weight)
        width = (clicks.n_items + 7) // 8
        bitmap = np.zeros((clicks.n_users if clicks.n_users * width <= bitmap_bytes else 0, width), np.uint8)
        if len(bitmap):
            np.bitwise_or.at(bitmap, (clicks.users, clicks.items >> 3), (1 << (clicks.items & 7)).astype(np.uint8))
        self.known = (bitmap, clicks.indptr, clicks.items, clicks.n_items)
        self.negatives = (int(negatives == "popularity"), hardest)
        self.seed = seed
        self._order = np.empty(len(clicks) // kernel.GROUP, np.int32)

    def __len__(self) -> int:
        return len(self.records[0])

    def blocks(self, epoch: int, size: int, factors: tuple[Array, Array]) -> Any:
        """(users, items, rivals, weights) of each block of `size` records of this epoch; the buffers are used again."""
        base = (self.seed << 20) + epoch
        kernel.permute(self._order, base)
        integers = [np.empty(size, np.int32) for _ in range(3)]
        buffers = (*integers, np.empty(size, np.float32))
        for start in range(0, len(self), size):
            out = tuple(b[: len(self) - start] for b in buffers)
            kernel.draw(self.records, self._order, start, self.known, self.negatives, factors, base, out)
            yield out


class PairwiseLearner:
    """Matrix factorisation from weighted pairs with any loss of strop.losses.pairwise, in compiled passes.

    One record at a time: row-wise Adagrad on left[u], right[i], right[j], L2 on the rows a record touches. loss and
    parameter as there (slope, width, target, q). bias_rate: of each item's own bias, 0 for none.
    Errors: S209 nobody has an item left to compare with, S301 settings.
    """

    def __init__(
        self,
        clicks: Clicks,
        *,
        loss: Literal["logistic", "hinge", "squared", "generalised_cross_entropy"] = "logistic",
        parameter: float = 0.0,
        dimensions: int = 64,
        rate: float = 0.05,
        l2: float = 0.01,
        bias_rate: float = 0.0,
        draws: Draws | None = None,
        seed: int = 0,
    ) -> None:
        check_least("dimensions", dimensions, 1)
        check_above("rate", rate, 0)
        check_least("bias_rate", bias_rate, 0)
        check_least("l2", l2, 0)
        low, high = {"logistic": (-np.inf, np.inf), "generalised_cross_entropy": (0, 1)}.get(loss, (0, np.inf))
        if not low < parameter <= high or np.isinf(parameter):
            raise StropError("S301", f"parameter is {parameter}", f"allowed for the loss {loss}: ({low}, {high}]")
        self.draws = draws or Draws(clicks, seed=seed)
        self.loss, self.parameter = kernel.LOSSES[loss], np.float32(parameter)
        self.rates, self.l2 = (np.float32(rate), np.float32(bias_rate)), np.float32(l2)
        self.left, self.right = initial_vectors(clicks, dimensions=dimensions, seed=seed)
        self.bias = np.zeros(clicks.n_items, np.float32)
        sizes = (clicks.n_users, clicks.n_items, clicks.n_items)
        self.sums = tuple(np.full(size, START, np.float32) for size in sizes)

    def epoch(self, number: int) -> float:
        total = np.zeros(2)
        factors = (self.left, self.right, self.bias)
        for drawn in self.draws.blocks(number, kernel.BLOCK, factors[:2]):
            total += kernel.learn(drawn, self.loss, self.parameter, factors, self.sums, self.rates, self.l2)
        if total[1] == 0:
            raise StropError(
                "S209", "no user has an item left that they did not click", "keep more items, or fewer clicks"
            )
        finite = all(np.isfinite(a).all() for a in factors)
        return float(total[0] / total[1]) if finite else float("nan")

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        names = ("left_sum", "right_sum", "bias_sum")
        return {"left": self.left, "right": self.right, "bias": self.bias, **dict(zip(names, self.sums, strict=True))}

    def load(self, state: dict[str, npt.NDArray[np.generic]]) -> None:
        for name, array in self.state().items():
            array[...] = state[name]

    def scorer(self) -> Scorer:
        return MatrixFactorisation(self.left.copy(), self.right.copy(), self.bias.copy())


class Factors:
    """Matrix factorisation as tensors with gradients: what `training.PairLearner` continues from a fitted model."""

    def __init__(self, model: MatrixFactorisation) -> None:
        self.left, self.right = (t.clone().requires_grad_() for t in (model.left, model.right))
        self.bias = model.bias

    def parameters(self) -> dict[str, torch.Tensor]:
        """What is learned, by name."""
        return {"left": self.left, "right": self.right}

    def vectors(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(n_users, d) and (n_items, d): a score is their inner product."""
        return self.left, self.right

    def scorer(self) -> Scorer:
        return MatrixFactorisation(*(t.detach().numpy().copy() for t in (self.left, self.right)), self.bias.numpy())
