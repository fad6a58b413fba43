"""Which items fit a user, learned from single labels each of which has flip rates of its own?"""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from strop.errors import StropError
from strop.models.recommend import kernel, kernel_rated
from strop.models.recommend.matrix_factorisation import START, MatrixFactorisation, initial_vectors
from strop.models.recommend.points import PointDraws
from strop.models.recommend.settings import check_above, check_budget, check_least
from strop.protocols import Scorer
from strop.records import Clicks

Array = npt.NDArray[Any]
BUDGET_BYTES = 2_000_000_000  # 12 bytes a pair of user and item


class RatedLearner:
    """Matrix factorisation from clicks (1) and drawn items not clicked (0), each corrected by the rates of its pair.

    As PointwiseLearner without biases: forward or backward, with missed, invented and shift as tables (n_users, n_items),
    or what broadcasts to that: missed and invented in [0, 1), their sum below 1; the shift is added to the score while
    learning, and not when ranking (`channels.sampled_rates` gives all three for drawn labels).
    Not for: large tables, it takes 12 bytes a pair. Errors: S209, S214 shapes, S301 settings, S502 over 2 GB.
    """

    def __init__(
        self,
        clicks: Clicks,
        *,
        loss: Literal["forward", "backward"],
        missed: Array | float,
        invented: Array | float,
        shift: Array | float = 0.0,
        dimensions: int = 64,
        rate: float = 0.05,
        l2: float = 0.01,
        draws: PointDraws | None = None,
        seed: int = 0,
    ) -> None:
        check_least("dimensions", dimensions, 1)
        check_above("rate", rate, 0)
        check_least("l2", l2, 0)
        shape = (clicks.n_users, clicks.n_items)
        check_budget("a table of rates", need=12 * shape[0] * shape[1], budget=BUDGET_BYTES, n_items=shape[1])
        try:
            tables = [np.broadcast_to(np.asarray(table, np.float32), shape) for table in (missed, invented, shift)]
        except ValueError:
            raise StropError("S214", "a table of rates does not fit", f"shape {shape}, or what broadcasts") from None
        low, both = min(tables[0].min(), tables[1].min()), (tables[0] + tables[1]).max()
        if not (low >= 0 and both < 1 - 1e-6 and np.isfinite(tables[2]).all()):
            message = f"a rate is {low}, two rates sum to {both}, or a shift is not finite"
            raise StropError(
                "S301", message, "rates lie in [0, 1) and sum to less than 1: else a label says its opposite"
            )
        self.rates = np.stack(tables, axis=-1)
        self.draws = draws or PointDraws(clicks, seed=seed)
        self.kind = {"backward": 0, "forward": 2}[loss]
        self.rate, self.l2 = np.float32(rate), np.float32(l2)
        self.left, self.right = initial_vectors(clicks, dimensions=dimensions, seed=seed)
        self.sums = tuple(np.full(size, START, np.float32) for size in shape)

    def epoch(self, number: int) -> float:
        total, factors = np.zeros(3), (self.left, self.right)
        for drawn in self.draws.blocks(number, kernel.BLOCK, factors):
            total += kernel_rated.learn_rated(drawn, self.kind, self.rates, factors, self.sums, self.rate, self.l2)
        if total[2] == 0:
            raise StropError("S209", "no user has an item left that they did not click", "keep more items")
        finite = all(np.isfinite(a).all() for a in factors)
        return float(total[0] / total[1]) if finite else float("nan")

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        sums = dict(zip(("left_sum", "right_sum"), self.sums, strict=True))
        return {"left": self.left, "right": self.right, **sums}

    def load(self, state: dict[str, npt.NDArray[np.generic]]) -> None:
        for name, array in self.state().items():
            array[...] = state[name]

    def scorer(self) -> Scorer:
        return MatrixFactorisation(self.left.copy(), self.right.copy(), np.zeros(len(self.right), np.float32))
