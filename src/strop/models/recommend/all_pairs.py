"""Which items fit a user, learned from every pair of user and item, clicked or not, with nothing drawn?"""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from strop.errors import StropError
from strop.models.recommend.adam import Adam
from strop.models.recommend.matrix_factorisation import MatrixFactorisation, initial_vectors
from strop.models.recommend.settings import check_above, check_budget, check_least
from strop.protocols import Scorer
from strop.records import Clicks

Array = npt.NDArray[Any]
BYTES = 256 << 20
CELLS = 1 << 18  # pairs a block: 1 MB of scores, which stays in the cache
CELL_BYTES = 16  # the score, its chance, its gradient and one for what stands between


class AllPairsLearner:
    """Matrix factorisation from all pairs at once: one step of Adam an epoch, in blocks of users.

    The sum over clicks of a d1 + b d0 and over all other pairs of d0, d1 and d0 being the loss of the pair as a like and
    as none, with l2 / 2 times the squared vectors of every pair. as_like, as_other: a and b, (n,) in the order of the
    clicks; b may be below 0. loss: squared_sigmoid or logistic, of s = left[u] . right[i] + bias[i]. bias_rate: Adam's
    for the items' biases, which l2 leaves alone; 0: none. memory_bytes: for one block.
    A step takes time in proportion to users x items, whatever was clicked.
    Errors: S209 no click, S211 weights that are not finite, S214 lengths, S301 settings, S502 not room for one user.
    """

    def __init__(
        self,
        clicks: Clicks,
        *,
        as_like: Array | None = None,
        as_other: Array | None = None,
        loss: Literal["squared_sigmoid", "logistic"] = "squared_sigmoid",
        dimensions: int = 32,
        rate: float = 0.005,
        l2: float = 0.01,
        bias_rate: float = 0.005,
        seed: int = 0,
        memory_bytes: int = BYTES,
    ) -> None:
        check_least("dimensions", dimensions, 1)
        check_above("rate", rate, 0)
        for name, value in (("l2", l2), ("bias_rate", bias_rate)):
            check_least(name, value, 0)
        need = CELL_BYTES * clicks.n_items
        check_budget("a factorisation of all pairs", need=need, budget=memory_bytes, n_items=clicks.n_items)
        if not len(clicks):
            raise StropError("S209", "there is no click to learn from")
        self.clicks, self.loss, self.l2 = clicks, loss, l2
        self.weights = tuple(_checked(w, len(clicks), plain) for w, plain in ((as_like, 1.0), (as_other, 0.0)))
        self.block = min(max(1, CELLS // clicks.n_items), memory_bytes // need)
        left, right = initial_vectors(clicks, dimensions=dimensions, seed=seed)
        tables = {"left": left, "right": right, "bias": np.zeros(clicks.n_items, np.float32)}
        self.tables = {name: torch.from_numpy(a) for name, a in tables.items()}
        self.rates = {"left": rate, "right": rate, "bias": bias_rate}
        self.adam = Adam(self.tables)

    def epoch(self, number: int) -> float:
        """One step over all pairs; its loss, as a mean over them and without l2."""
        total, gradients = self.gradients()
        self.adam.step(gradients, rates=self.rates)
        return total / (self.clicks.n_users * self.clicks.n_items) if self.adam.finite() else float("nan")

    def gradients(self) -> tuple[float, dict[str, torch.Tensor]]:
        """The sum of the losses over all pairs, and the gradients of that sum with l2."""
        left, right, bias = (self.tables[name] for name in ("left", "right", "bias"))
        of_left, of_right, of_bias, total = torch.empty_like(left), torch.zeros_like(right), torch.zeros_like(bias), 0.0
        for start in range(0, len(left), self.block):
            rows = left[start : start + self.block]
            slopes, loss = self._slopes(start, torch.addmm(bias, rows, right.T))
            total += loss
            of_left[start : start + self.block] = slopes @ right
            of_right.addmm_(slopes.T, rows)
            of_bias += slopes.sum(0)
        n_users, n_items = len(left), len(right)
        of_left.add_(left, alpha=self.l2 * n_items)
        of_right.add_(right, alpha=self.l2 * n_users)
        return total, {"left": of_left, "right": of_right, "bias": of_bias}

    def _slopes(self, start: int, scores: torch.Tensor) -> tuple[torch.Tensor, float]:
        """The derivative of every pair's loss in its score, and the sum of the losses; by hand: autograd takes twice as long."""
        indptr, n_items = self.clicks.indptr, self.clicks.n_items
        begin, end = indptr[start], indptr[min(start + self.block, self.clicks.n_users)]
        users = self.clicks.users[begin:end].astype(np.int64) - start
        cells = torch.from_numpy(users * n_items + self.clicks.items[begin:end])
        a, b = (w[begin:end] for w in self.weights)
        p = torch.sigmoid(scores)
        own = p.view(-1)[cells]
        if self.loss == "squared_sigmoid":
            slopes = (1 - p).mul_(p).mul_(p).mul_(2)
            at_clicks = 2 * own * (1 - own) * (b * own - a * (1 - own))
            other, like, every = own.square(), (1 - own).square(), torch.dot(p.view(-1), p.view(-1))
        else:
            slopes = p
            at_clicks = b * own - a * (1 - own)
            softplus = torch.nn.functional.softplus
            value = scores.view(-1)[cells]
            other, like, every = softplus(value), softplus(-value), softplus(scores).sum()
        slopes.view(-1)[cells] = at_clicks
        return slopes, float(every) + float((a * like + (b - 1) * other).sum())

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        return self.adam.state()

    def load(self, state: dict[str, npt.NDArray[np.generic]]) -> None:
        self.adam.load(state)

    def scorer(self) -> Scorer:
        return MatrixFactorisation(*(self.tables[name].numpy().copy() for name in ("left", "right", "bias")))


def _checked(weights: Array | None, n: int, plain: float) -> torch.Tensor:
    """The weights of the clicks as a tensor. Errors: S211, S214."""
    values = np.full(n, plain) if weights is None else np.asarray(weights, np.float64)
    if values.shape != (n,):
        raise StropError("S214", f"weights of shape {values.shape} for {n} clicks")
    if not np.isfinite(values).all():
        raise StropError("S211", "a weight is not finite", "a click needs a propensity above 0, or a clip")
    return torch.from_numpy(values.astype(np.float32))
