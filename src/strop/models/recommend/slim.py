"""Which few items speak for each item? SLIM: EASE's regression with weights that are positive and mostly zero."""

from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from strop.models.recommend.ease import inverse
from strop.models.recommend.item_weights import ItemWeights, gram_matrix, strongest
from strop.models.recommend.settings import check_above, check_budget, check_least
from strop.records import Clicks

Array = npt.NDArray[Any]
# Near the fewest rounds on ML-100K, a larger synthetic table and two tiny ones, for l2 from 5 to 400.
STEP, RELAXATION = 4, 1.6


@final
class Slim(ItemWeights):
    """Each item's clicks predicted from a few other items, with weights that are never negative.

    Formula: s(u, i) = sum over the clicked j of W[j, i]; W = argmin |X - XW|^2 / 2 + l2 |W|^2 / 2 + l1 |W|_1 over W >= 0
    with diag(W) = 0. As accurate as ease, with short reasons; slower to fit. Not for: large catalogues, memory while
    fitting grows with items squared (take ials).
    Paper: slim2011, eq. 3.
    """

    KIND: ClassVar[str] = "slim"


def elastic_net(gram: Array, *, l1: float, l2: float, tolerance: float = 3e-4, rounds: int = 100) -> Array:
    """(n, n): every column's non-negative elastic net on all other columns, from the Gram matrix X'X.

    Alternating directions on all columns at once: one inverse, then one matrix product a round, where coordinate descent
    needs n dependent steps a sweep, and more sweeps (on ML-100K six times the time to the same error). Stops when no
    weight moves by more than the tolerance, and the ridge half and the sparse half agree to it.
    Paper: admmslim2020; over-relaxed, and diag = 0 is asked of the sparse half alone: as many rounds, less work.
    """
    n = len(gram)
    step = np.float32(STEP * (l2 + gram.diagonal().mean()))
    precision = gram.copy()
    np.einsum("ii->i", precision)[:] += l2 + step
    precision = np.ascontiguousarray(inverse(precision))
    ridge = precision @ gram
    sparse, dual = np.zeros((n, n), np.float32), np.zeros((n, n), np.float32)
    for _ in range(rounds):
        dense = precision @ (sparse - dual)
        dense *= step
        dense += ridge
        gap = np.abs(dense - sparse).max(initial=0)
        dense *= RELAXATION
        dense -= np.float32(RELAXATION - 1) * sparse
        dual += dense
        moved = np.maximum(dual - np.float32(l1) / step, 0)
        np.fill_diagonal(moved, 0)
        dual -= moved
        gap = max(gap, np.abs(moved - sparse).max(initial=0))
        sparse = moved
        if gap < tolerance:
            break
    return sparse


def fit(
    clicks: Clicks,
    *,
    l1: float = 1.0,
    l2: float = 200.0,
    neighbours: int = 400,
    memory_bytes: int = 2_000_000_000,
) -> Slim:
    """Fits all items at once. The defaults are among the best on validation parts of ML-100K.

    l1: at least 0, in clicks; more makes fewer reasons
    l2: above 0, in clicks; more makes weaker reasons
    neighbours: the strongest that are kept for each item; at the defaults few items have more
    memory_bytes: fitting takes 32 bytes times items squared

    Errors: S301, S502. Paper: slim2011, eq. 3; admmslim2020.
    """
    check_least("l1", l1, 0)
    check_above("l2", l2, 0)
    check_least("neighbours", neighbours, 1)
    n_items = clicks.n_items
    check_budget("SLIM", need=n_items**2 * 4 * 8, budget=memory_bytes, n_items=n_items)
    weights = elastic_net(gram_matrix(clicks), l1=l1, l2=l2)
    table = strongest(weights, neighbours=neighbours).T.tocsr()
    table.sort_indices()
    return Slim(clicks.matrix(), table)
