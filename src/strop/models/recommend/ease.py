"""Which items speak for which, in closed form? EASE: each item's column is predicted from all others by one ridge."""

from typing import Any, ClassVar, Self, final

import numpy as np
import numpy.typing as npt
import torch
from scipy.linalg import get_lapack_funcs
from scipy.sparse import csr_matrix
from torch.nn.functional import embedding_bag

from strop.errors import StropError
from strop.models.recommend.item_weights import click_table, gram_matrix
from strop.models.recommend.settings import check_above, check_budget
from strop.records import Clicks

Array = npt.NDArray[Any]
# Up to this bound of the condition number float32 weights were right to five digits on real data; beyond it, float64.
SINGLE_PRECISION_CONDITION = 10_000


@final
class Ease:
    """Each item's clicks predicted from all other items by one ridge regression, in closed form.

    Formula: s(u, i) = sum over the clicked j of B[j, i]; B = argmin |X - XB|^2 + regularisation |B|^2, diag(B) = 0.
    Strong and quick on catalogues of up to about ten thousand items; its lists lean to popular items. Not for: larger
    catalogues, memory grows with items squared (take ials).
    Paper: ease2019, eq. 1 and 2.
    """

    KIND: ClassVar[str] = "ease"

    def __init__(self, clicks: csr_matrix, weights: Array) -> None:
        self.clicks, self.weights = clicks, torch.from_numpy(weights)
        self.n_users, self.n_items = clicks.shape

    def score(self, users: Array) -> torch.Tensor:
        """(len(users), n_items) float32: X_u B; 0 for a user without clicks."""
        rows = self.clicks[users]
        return self._sum(rows.indices, rows.indptr)

    def score_list(self, items: Array) -> torch.Tensor:
        """(n_items,) float32: as for a user who clicked these items, each counted once."""
        chosen = np.unique(items).astype(np.int32)
        return self._sum(chosen, np.array([0, len(chosen)], np.int32))[0]

    def similar(self, item: int) -> torch.Tensor:
        """(n_items,) float32: the weights from this item; 0 to itself."""
        return self.weights[item].clone()

    def _sum(self, items: Array, offsets: Array) -> torch.Tensor:
        """Each row's sum of its items' weights."""
        places = torch.from_numpy(items), torch.from_numpy(offsets)
        return embedding_bag(places[0], self.weights, places[1], mode="sum", include_last_offset=True)

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """The clicks as CSR arrays, and the weights (n_items, n_items) float32."""
        return {
            "click_offsets": self.clicks.indptr,
            "click_items": self.clicks.indices,
            "weights": self.weights.numpy(),
        }

    @classmethod
    def from_state(cls, state: dict[str, npt.NDArray[Any]]) -> Self:
        """The model that gave this state."""
        weights = state["weights"]
        return cls(click_table(state["click_offsets"], state["click_items"], len(weights)), weights)


def inverse(matrix: Array) -> Array:
    """The inverse of a symmetric positive definite matrix by Cholesky; overwrites it. Errors: S301 not definite."""
    factorise, invert = get_lapack_funcs(("potrf", "potri"), (matrix,))
    # LAPACK counts columns first: the transpose of a symmetric matrix is itself, and needs no copy.
    factor, failed = factorise(matrix.T, lower=1, clean=1, overwrite_a=1)
    if failed:
        raise StropError("S301", "regularisation is too small for these data", "raise it: 400 is a fair first value")
    half, _ = invert(factor, lower=1, overwrite_c=1)
    half += np.tril(half, -1).T
    return half.T


def fit(clicks: Clicks, *, regularisation: float = 400.0, memory_bytes: int = 2_000_000_000) -> Ease:
    """B[j, i] = -P[j, i] / P[i, i], with P = (X'X + regularisation I)^-1.

    regularisation: above 0, in clicks; 400 was the best of 200, 400, 800 on validation parts of ML-100K, larger data ask
        for more
    memory_bytes: fitting takes at most 24 bytes times items squared

    The inverse is taken in float32 where a bound of the condition number allows it, else in float64.
    Errors: S301, S502. Paper: ease2019, eq. 8.
    """
    check_above("regularisation", regularisation, 0)
    n_items = clicks.n_items
    check_budget("EASE", need=n_items**2 * 8 * 3, budget=memory_bytes, n_items=n_items)
    gram = gram_matrix(clicks)
    if gram.sum(1, dtype=np.float64).max(initial=0) > (SINGLE_PRECISION_CONDITION - 1) * regularisation:
        gram = gram.astype(np.float64)
    np.einsum("ii->i", gram)[:] += regularisation
    precision = inverse(gram)
    diagonal = precision.diagonal().copy()
    weights = (precision / -diagonal).astype(np.float32, copy=False)
    np.fill_diagonal(weights, 0)
    return Ease(clicks.matrix(), np.ascontiguousarray(weights))
