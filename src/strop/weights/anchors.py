"""Where should the observed pairs look like all pairs? A kernel on pairs of user and item, and the places to hold it to."""

from typing import Any

import numpy as np
import numpy.typing as npt

from strop.errors import StropError
from strop.weights.effective import self_normalised

Array = npt.NDArray[Any]
Pairs = tuple[Array, Array]  # users and items, (J,) each
BUDGET_BYTES = 1 << 30


class PairKernel:
    """k(x, x') = exp(-|x - x'|^2 / (2 b^2)) on pairs x = (features of the user, features of the item).

    users (n_users, a), items (n_items, b): each column is made to have mean 0 and deviation 1 (one that does not vary is
    0); bandwidth: b, above 0. The kernel is a product of one on users and one on items, so a mean over all pairs of the
    table is a product of two means: exact, and in time proportional to users + items.
    Errors: S211 features not finite, or all equal; S214 not a row each; S301 bandwidth.
    """

    def __init__(self, users: Array, items: Array, *, bandwidth: float = 2.0) -> None:
        if not 0 < bandwidth < np.inf:
            raise StropError("S301", f"bandwidth is {bandwidth}", "allowed: above 0; 2 for standardised features")
        self.bandwidth = bandwidth
        self.users, self.items = _standard(users), _standard(items)
        if not self.users.any() and not self.items.any():
            raise StropError("S211", "all features are equal", "pairs that cannot be told apart need no weights")

    def sides(self, anchors: Pairs) -> Pairs:
        """(n_users, J) and (n_items, J): the kernel's factors between everybody and the anchors."""
        return self._side(self.users, anchors[0]), self._side(self.items, anchors[1])

    def _side(self, features: Array, chosen: Array) -> Array:
        others = features[chosen]
        squares = np.square(features).sum(1)[:, None] + np.square(others).sum(1) - 2 * features @ others.T
        return np.asarray(np.exp(-np.maximum(squares, 0) / (2 * self.bandwidth**2)))

    def moments(self, pairs: Pairs, anchors: Pairs) -> tuple[Array, Array]:
        """(k(x_i, x_j) for each pair i and anchor j, (n, J)), (mean over all pairs of the table, (J,)). Errors: S502."""
        need = 16 * len(pairs[0]) * len(anchors[0])
        if need > BUDGET_BYTES:
            raise StropError(
                "S502",
                f"the kernel of {len(pairs[0]):,} pairs at {len(anchors[0]):,} anchors needs {need / 1e9:.1f} GB",
                f"fewer anchors; the budget is {BUDGET_BYTES / 1e9:.1f} GB",
            )
        of_users, of_items = self.sides(anchors)
        return of_users[pairs[0]] * of_items[pairs[1]], of_users.mean(0) * of_items.mean(0)


def _standard(features: Array) -> Array:
    x = np.asarray(features, np.float64)
    if x.ndim != 2 or not len(x):
        raise StropError("S214", f"features have shape {x.shape}", "a row for each user, or each item")
    if not np.isfinite(x).all():
        raise StropError("S211", "a feature is not finite")
    spread = np.where(np.ptp(x, axis=0) > 0, x.std(axis=0), np.inf)
    return np.asarray((x - x.mean(axis=0)) / spread)


def _check(count: int, candidates: int, ridge: float = 1.0) -> None:
    if not 1 <= count <= candidates:
        raise StropError("S301", f"{count} anchors of {candidates} candidates", "allowed: from 1 to all candidates")
    if not 0 < ridge < np.inf:
        raise StropError("S301", f"ridge is {ridge}", "allowed: above 0")


def random_anchors(kernel: PairKernel, *, count: int, seed: int) -> Pairs:
    """`count` different pairs, drawn uniformly from all of the table. Errors: S301 more anchors than pairs.

    Not for: few anchors in many dimensions, where they hold the weights to next to nothing.
    Paper: kernel_balancing2024 (RKB)
    """
    n_users, n_items = len(kernel.users), len(kernel.items)
    _check(count, n_users * n_items)
    cells = np.random.default_rng([seed, 11]).choice(n_users * n_items, count, replace=False)
    return cells // n_items, cells % n_items


def adaptive_anchors(
    kernel: PairKernel,
    pairs: Pairs,
    losses: Array,
    *,
    count: int,
    seed: int,
    candidates: int = 1000,
    ridge: float = 1.0,
) -> Pairs:
    """The `count` of the largest |e| in losses = sum_j e_j k(x_j, x), fitted by ridge: where a model's losses live.

    pairs: the observed ones, with the current loss of each, (n,); at most `candidates` of them are drawn. ridge: beside
    the kernel's 1 on the diagonal. Errors: S202 no observed pair, S211 losses, S214, S301 more anchors than candidates.
    Not for: losses of a model that has learned its records by heart: they are all 0.
    Paper: kernel_balancing2024 (AKB)
    """
    if len(losses) != len(pairs[0]):
        raise StropError("S214", f"{len(losses)} losses for {len(pairs[0])} pairs")
    if not len(losses):
        raise StropError("S202", "no observed pair")
    if not np.isfinite(losses).all():
        raise StropError("S211", "a loss is not finite")
    chosen = np.random.default_rng([seed, 12]).permutation(len(losses))[:candidates]
    _check(count, len(chosen), ridge)
    drawn = pairs[0][chosen], pairs[1][chosen]
    found = _ridge(kernel, drawn, np.asarray(losses, np.float64)[chosen], ridge)
    return _largest(drawn, found, count)


def worst_case_anchors(
    kernel: PairKernel,
    pairs: Pairs,
    weights: Array,
    *,
    count: int,
    seed: int,
    candidates: int = 1000,
    ridge: float = 1e-2,
) -> Pairs:
    """The `count` of the largest |e| in the function of norm 1 whose weighted observed mean is farthest off.

    It is sum_j e_j k(x_j, x) with e in proportion to (K + ridge)^-1 (mean over all pairs - weighted mean over the observed),
    over `candidates` pairs drawn from the table. Errors: S202 no observed pair, S211 weights, S214, S301.
    Not for: a ridge near 0, with which the noise of the observed is what is found.
    Paper: kernel_balancing2024 (WKB)
    """
    from scipy.sparse import csr_matrix  # slow to import, and needed here only

    if len(weights) != len(pairs[0]):
        raise StropError("S214", f"{len(weights)} weights for {len(pairs[0])} pairs")
    w = self_normalised(weights)
    drawn = random_anchors(kernel, count=min(candidates, len(kernel.users) * len(kernel.items)), seed=seed)
    _check(count, len(drawn[0]), ridge)
    of_users, of_items = kernel.sides(drawn)
    weighted = csr_matrix((w / len(w), pairs), shape=(len(kernel.users), len(kernel.items)))
    observed = ((weighted @ of_items) * of_users).sum(0)
    found = _ridge(kernel, drawn, of_users.mean(0) * of_items.mean(0) - observed, ridge)
    return _largest(drawn, found, count)


def _ridge(kernel: PairKernel, drawn: Pairs, values: Array, ridge: float) -> Array:
    matrix, _ = kernel.moments(drawn, drawn)
    return np.asarray(np.linalg.solve(matrix + ridge * np.eye(len(matrix)), values))


def _largest(drawn: Pairs, found: Array, count: int) -> Pairs:
    best = np.sort(np.argsort(-np.abs(found), kind="stable")[:count])
    return drawn[0][best], drawn[1][best]
