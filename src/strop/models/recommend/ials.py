"""Which factors explain who clicked what, when silence is weak evidence? Alternating least squares (iALS)."""

import warnings
from typing import Any, ClassVar, NamedTuple, Self, final

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_matrix
from torch.nn.functional import embedding_bag

from strop.errors import StropError
from strop.models.recommend.settings import check_above, check_least
from strop.records import Clicks

Array = npt.NDArray[Any]
# Two preconditioned steps a half-epoch leave the objective on ML-100K within 0.1 % of what exact solves reach.
STEPS = 2
TINY = 1e-30


class Side(NamedTuple):
    """The clicks seen from one side, users or items, as a CSR table with one row each.

    pattern: the same as a sparse tensor; weight: (n,) of each click; penalty: (rows,) of each row's squared factors;
    share: (columns,) each column's weight over the number of rows.
    """

    offsets: torch.Tensor
    others: torch.Tensor
    weight: torch.Tensor
    pattern: torch.Tensor
    penalty: torch.Tensor
    share: torch.Tensor


def side_of(table: csr_matrix, *, regularisation: float, unobserved_weight: float) -> Side:
    """One side of the clicks, from a table whose values are the clicks' weights."""
    table.sort_indices()
    offsets, others = torch.from_numpy(table.indptr), torch.from_numpy(table.indices)
    with warnings.catch_warnings():  # torch calls its CSR tensors beta; the one operation used here is tested
        warnings.simplefilter("ignore", UserWarning)
        pattern = torch.sparse_csr_tensor(offsets, others, torch.zeros(table.nnz), table.shape)
    by_row, by_column = (torch.from_numpy(np.asarray(table.sum(axis), np.float32).ravel()) for axis in (1, 0))
    penalty = regularisation * (by_row + unobserved_weight * table.shape[1])
    return Side(offsets, others, torch.from_numpy(table.data), pattern, penalty, by_column / table.shape[0])


def scores_of_clicks(side: Side, rows: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """(n,): the score of each click."""
    return torch.sparse.sampled_addmm(side.pattern, rows, others.T, beta=0.0).values()


def _sum(side: Side, values: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """(rows, dimensions): each row's sum of its clicks' factors, times the values (n,)."""
    return embedding_bag(
        side.others, others, side.offsets, mode="sum", per_sample_weights=values, include_last_offset=True
    )


def improve(
    rows: torch.Tensor, others: torch.Tensor, side: Side, *, unobserved_weight: float, steps: int = STEPS
) -> torch.Tensor:
    """Each row's factors, moved towards the solution of A p = b by conjugate gradients: the objective never rises.

    A = sum over clicks of w q q' + unobserved_weight Q'Q + penalty I; b = sum over clicks of w q.
    All rows at once, and no row's A is built; the preconditioner is the mean of all A, one small matrix.
    """
    unseen = unobserved_weight * (others.T @ others)
    mean = unseen + others.T @ (others * side.share[:, None]) + side.penalty.mean() * torch.eye(len(unseen))
    preconditioner = torch.cholesky_inverse(torch.linalg.cholesky(mean))
    penalty = side.penalty[:, None]
    residual = _sum(side, side.weight * (1 - scores_of_clicks(side, rows, others)), others)
    residual -= rows @ unseen + penalty * rows
    direction = residual @ preconditioner
    length = (residual * direction).sum(1, keepdim=True)
    for _ in range(steps):
        change = _sum(side, side.weight * scores_of_clicks(side, direction, others), others)
        change += direction @ unseen + penalty * direction
        size = length / (direction * change).sum(1, keepdim=True).clamp_min(TINY)
        rows = rows + size * direction
        residual -= size * change
        near = residual @ preconditioner
        previous, length = length, (residual * near).sum(1, keepdim=True)
        direction = near + length / previous.clamp_min(TINY) * direction
    return rows


@final
class Ials:
    """Factors of users and items: a click asks for a score of 1, every pair asks a little for 0.

    Formula: s(u, i) = p_u . q_i at the minimum of
    sum over clicks of w (1 - s)^2 + a * sum over all pairs of s^2
    + regularisation * (sum of (n_u + a n_items) |p_u|^2 + sum of (n_i + a n_users) |q_i|^2),
    with a the weight of the unobserved, n_u and n_i the weights of the clicks of a user and of an item, summed.
    Strong at every size; memory grows with users and items only, and a new user costs one small solve. Not for: data in
    which a pair that was never shown must not count as a weak no.
    Paper: ials2008, eq. 3; ials2021, section 2 (weight of the unobserved, regularisation scaled by frequency).
    """

    KIND: ClassVar[str] = "ials"

    def __init__(
        self, user_factors: torch.Tensor, item_factors: torch.Tensor, *, regularisation: float, unobserved_weight: float
    ) -> None:
        self.user_factors, self.item_factors = user_factors, item_factors
        self.regularisation, self.unobserved_weight = regularisation, unobserved_weight
        self.n_users, self.n_items = len(user_factors), len(item_factors)

    def score(self, users: Array) -> torch.Tensor:
        """(len(users), n_items) float32: p_u . q_i; 0 for a user without clicks."""
        return torch.from_numpy(self.user_factors.numpy()[users]) @ self.item_factors.T

    def score_list(self, items: Array) -> torch.Tensor:
        """(n_items,) float32: as for a user who clicked these items, each counted once with weight 1: one exact solve."""
        clicked = self.item_factors[torch.from_numpy(np.unique(items).astype(np.int64))]
        penalty = self.regularisation * (len(clicked) + self.unobserved_weight * self.n_items)
        matrix = self.unobserved_weight * (self.item_factors.T @ self.item_factors) + clicked.T @ clicked
        matrix += penalty * torch.eye(len(matrix))
        factors = torch.cholesky_solve(clicked.sum(0)[:, None], torch.linalg.cholesky(matrix))
        return self.item_factors @ factors[:, 0]

    def similar(self, item: int) -> torch.Tensor:
        """(n_items,) float32: the cosine between item factors, 1 with itself; 0 for an item that nobody clicked."""
        near = torch.nn.functional.normalize(self.item_factors, dim=1)
        return near @ near[item]

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """The factors, and what a new user's solve needs."""
        return {
            "user_factors": self.user_factors.numpy(),
            "item_factors": self.item_factors.numpy(),
            "settings": np.array([self.regularisation, self.unobserved_weight]),
        }

    @classmethod
    def from_state(cls, state: dict[str, npt.NDArray[Any]]) -> Self:
        """The model that gave this state."""
        regularisation, unobserved_weight = (float(value) for value in state["settings"])
        factors = (torch.from_numpy(state[name]) for name in ("user_factors", "item_factors"))
        return cls(*factors, regularisation=regularisation, unobserved_weight=unobserved_weight)


@final
class IalsLearner:
    """Improves all users' factors, then all items', once an epoch; starts from seeded normal factors.

    The settings are those of `fit`. The same seed and thread count give the same bytes. Errors: S211, S214, S301.
    """

    def __init__(
        self,
        clicks: Clicks,
        *,
        dimensions: int = 64,
        regularisation: float = 0.02,
        unobserved_weight: float = 0.15,
        weight: Array | None = None,
        seed: int = 0,
    ) -> None:
        check_least("dimensions", dimensions, 1)
        check_above("regularisation", regularisation, 0)
        check_above("unobserved_weight", unobserved_weight, 0)
        self.regularisation, self.unobserved_weight = regularisation, unobserved_weight
        table = clicks.matrix()
        if weight is not None:
            table.data = check_weight(weight, len(clicks))
        settings = {"regularisation": regularisation, "unobserved_weight": unobserved_weight}
        self.users, self.items = side_of(table, **settings), side_of(table.T.tocsr(), **settings)
        generator = np.random.default_rng(seed)
        # Rows without a click start at 0, which is their solution, and stay there.
        self.user_factors, self.item_factors = (
            torch.from_numpy(generator.normal(0, dimensions**-0.5, (n, dimensions)).astype(np.float32))
            * (other.share > 0)[:, None]
            for n, other in ((clicks.n_users, self.items), (clicks.n_items, self.users))
        )

    def epoch(self, number: int) -> float:
        """Users, then items. Returns the objective, a click; nothing is random here."""
        alpha = self.unobserved_weight
        self.user_factors = improve(self.user_factors, self.item_factors, self.users, unobserved_weight=alpha)
        self.item_factors = improve(self.item_factors, self.user_factors, self.items, unobserved_weight=alpha)
        return self.objective() / max(len(self.users.weight), 1)

    def objective(self) -> float:
        """What is minimised, as the model's formula says."""
        users, items = self.user_factors, self.item_factors
        misses = self.users.weight * (1 - scores_of_clicks(self.users, users, items)) ** 2
        unseen = self.unobserved_weight * ((users.T @ users) * (items.T @ items)).sum()
        penalty = (self.users.penalty @ users.square()).sum() + (self.items.penalty @ items.square()).sum()
        return float(misses.sum() + unseen + penalty)

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """The factors: all that changes."""
        return {"user_factors": self.user_factors.numpy(), "item_factors": self.item_factors.numpy()}

    def load(self, state: dict[str, npt.NDArray[np.generic]]) -> None:
        """Puts the factors back."""
        self.user_factors = torch.from_numpy(state["user_factors"].copy())
        self.item_factors = torch.from_numpy(state["item_factors"].copy())

    def scorer(self) -> Ials:
        """The model as it is now."""
        return Ials(
            self.user_factors,
            self.item_factors,
            regularisation=self.regularisation,
            unobserved_weight=self.unobserved_weight,
        )


def check_weight(weight: Array, n: int) -> Array:
    """The weights as float32. Errors: S214 where their number is not n, S211 where one is negative or not finite."""
    values = np.array(weight, np.float32)
    if values.shape != (n,):
        raise StropError("S214", f"weight has shape {values.shape}, expected ({n},)", "one weight a click")
    bad = np.flatnonzero(~(values >= 0) | np.isinf(values))
    if len(bad):
        raise StropError("S211", f"weight[{bad[0]}] is {values[bad[0]]}", "weights are finite and at least 0")
    return values


def fit(
    clicks: Clicks,
    *,
    epochs: int = 12,
    dimensions: int = 64,
    regularisation: float = 0.02,
    unobserved_weight: float = 0.15,
    weight: Array | None = None,
    seed: int = 0,
) -> Ials:
    """Alternates between users and items for some epochs. The defaults are among the best on validation parts of ML-100K.

    epochs: at 12 the validation figures have settled
    regularisation: above 0, a share of each row's weight, so that it need not grow with the data
    unobserved_weight: above 0, what a pair without a click weighs beside a click; larger catalogues ask for less
    weight: (n,), at least 0, how far to trust each click; 1 for None, 0 for a click that never was

    Errors: S211, S214, S301.
    """
    check_least("epochs", epochs, 1)
    learner = IalsLearner(
        clicks,
        dimensions=dimensions,
        regularisation=regularisation,
        unobserved_weight=unobserved_weight,
        weight=weight,
        seed=seed,
    )
    for number in range(1, epochs + 1):
        learner.epoch(number)
    return learner.scorer()
