"""How does EASE forget clicks exactly, without a new fit? A few rows of its Gram matrix change, and so does its inverse."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import lu_factor, lu_solve
from scipy.linalg.lapack import dgecon
from scipy.sparse import csr_matrix, vstack

from strop.errors import StropError
from strop.models.recommend.ease import Ease, inverse
from strop.models.recommend.item_weights import gram_matrix
from strop.models.recommend.settings import check_above, check_budget
from strop.records import Clicks

Array = npt.NDArray[Any]
DOUBLE, SINGLE = (
    1e-9,
    1e-4,
)  # how far A P may be from the unit matrix: for P held in float64, or read from float32 weights
SMALLEST = 1e-8  # of the small matrix against 1: below it the update would lose half of the digits
CHEAPER = 0.25  # of the items: an update of higher rank takes as long as a new fit
PROBES = 4
BLOCK = 1024


@dataclass(frozen=True, eq=False)
class Precision:
    """P = (X'X + regularisation I)^-1 of the clicks X, kept in float64, from which clicks can be taken out again.

    tolerance: the drift beyond which `without` refits. Formula of a change of rank k, with A' = A - U C U':
    P' = P + PU (C^-1 - U'PU)^-1 U'P, in 2 k n^2 operations for n items instead of n^3.
    Paper: ease2019, eq. 8; woodbury1950.
    Not for: larger catalogues, 8 bytes times items squared stay in memory.
    """

    matrix: Array
    clicks: Clicks
    regularisation: float
    tolerance: float = DOUBLE

    def drift(self, *, seed: int = 0) -> float:
        """The largest entry of (A P - I) z over a few random signs z: 0 where P is the inverse."""
        signs = np.random.default_rng(seed).choice([-1.0, 1.0], (len(self.matrix), PROBES))
        image, table = self.matrix @ signs, self.clicks.matrix().astype(np.float64)
        return float(np.abs(table.T @ (table @ image) + self.regularisation * image - signs).max())

    def weights(self) -> Array:
        """(n_items, n_items) float64: B[j, i] = -P[j, i] / P[i, i], 0 on the diagonal."""
        found: Array = self.matrix / -self.matrix.diagonal()
        np.fill_diagonal(found, 0)
        return found

    def model(self) -> Ease:
        """The recommender, with weights in float32."""
        return Ease(self.clicks.matrix(), np.ascontiguousarray(self.weights(), np.float32))

    def without(self, forget: Clicks) -> tuple["Precision", str]:
        """The same of the clicks that stay, and how it was come by, in words: updated, or fitted anew and why.

        forget: clicks of this table, all of them among these. Errors: S216 a pair that is not among them.
        """
        stay = self.clicks.take(~_among(forget, self.clicks))
        by_users, by_items = _rank(forget, stay)
        rank = min(by_users, by_items)
        if rank > CHEAPER * len(self.matrix):
            return self._refit(
                stay, f"so much changes (rank {rank} of {len(self.matrix)}) that an update is no cheaper"
            )
        change = (
            _users_change(self.clicks, stay, forget) if by_users <= by_items else _items_change(self.clicks, forget)
        )
        updated = self._updated(*change)
        if updated is None:
            return self._refit(stay, "the update would have lost half of its digits")
        found = Precision(updated, stay, self.regularisation, self.tolerance)
        drift = found.drift()
        if not drift <= self.tolerance:
            return self._refit(stay, f"the update drifted by {drift:.1e}")
        return found, f"updated exactly by rank {rank}; the inverse is right to {drift:.0e}"

    def _refit(self, stay: Clicks, why: str) -> tuple["Precision", str]:
        return fit(stay, regularisation=self.regularisation), f"fitted anew: {why}"

    def _updated(self, rows: csr_matrix, middle: Array) -> Array | None:
        """P' for A' = A - U C U', with U' the rows and `middle` C^-1; None where too many digits would be lost."""
        across = rows @ self.matrix
        small = middle - rows @ across.T
        factor = lu_factor(small, check_finite=False)
        scale = float(np.abs(small).sum(axis=0).max())
        if not dgecon(factor[0], scale)[0] * scale > SMALLEST:
            return None
        found: Array = self.matrix + across.T @ lu_solve(factor, across, check_finite=False)
        return found


def _rank(forget: Clicks, stay: Clicks) -> tuple[int, int]:
    """The rank of the change seen by users (1 for a whole user, 2 else) and by items (2 each)."""
    users = np.unique(forget.users)
    return int((1 + (np.diff(stay.indptr)[users] > 0)).sum()), 2 * len(np.unique(forget.items))


def _among(pairs: Clicks, clicks: Clicks) -> Array:
    """(len(clicks),) bool: which of the clicks are these pairs. Errors: S214 another table, S216 a pair is not there."""
    if (pairs.n_users, pairs.n_items) != (clicks.n_users, clicks.n_items):
        raise StropError("S214", "the clicks to forget are of another table of users and items")
    wanted, known = (c.users.astype(np.int64) * c.n_items + c.items for c in (pairs, clicks))
    places = np.minimum(np.searchsorted(known, wanted), len(known) - 1)  # clicks are sorted, none stands twice
    missing = np.flatnonzero(known[places] != wanted)
    if len(missing):
        user, item = pairs.user_ids[pairs.users[missing[0]]], pairs.item_ids[pairs.items[missing[0]]]
        raise StropError("S216", f"user {user} has no click on item {item} to forget", "name clicks that are there")
    found = np.zeros(len(known), bool)
    found[places] = True
    return found


def _users_change(clicks: Clicks, stay: Clicks, forget: Clicks) -> tuple[csr_matrix, Array]:
    """Each user's row x goes and what is left of it comes: A - A' = sum of x x' - y y'."""
    users = np.unique(forget.users)
    left = users[np.diff(stay.indptr)[users] > 0]
    rows = vstack([clicks.matrix()[users], stay.matrix()[left]]).tocsr().astype(np.float64)
    return rows, np.diag(np.repeat([1.0, -1.0], [len(users), len(left)]))


def _items_change(clicks: Clicks, forget: Clicks) -> tuple[csr_matrix, Array]:
    """With F the forgotten clicks, A - A' = X'F + F'X - F'F = Y E' + E Y': Y = X'F - F'F / 2, E units."""
    items, gone = np.unique(forget.items), forget.matrix().astype(np.float64)
    gone = gone[:, items]
    table = clicks.matrix().astype(np.float64)
    full = csr_matrix((np.ones(len(items)), (np.arange(len(items)), items)), (len(items), clicks.n_items))
    half = (gone.T @ table) - (gone.T @ gone) @ full / 2
    rows = vstack([half, full]).tocsr()
    unit = np.eye(len(items))
    return rows, np.block([[0 * unit, unit], [unit, 0 * unit]])


def fit(clicks: Clicks, *, regularisation: float = 400.0, memory_bytes: int = 2_000_000_000) -> Precision:
    """P in float64, to be kept where clicks will have to be forgotten.

    regularisation: as `ease.fit`; memory_bytes: takes at most 24 bytes times items squared. Errors: S301, S502.
    """
    check_above("regularisation", regularisation, 0)
    check_budget("EASE", need=clicks.n_items**2 * 24, budget=memory_bytes, n_items=clicks.n_items)
    gram = gram_matrix(clicks).astype(np.float64)
    np.einsum("ii->i", gram)[:] += regularisation
    return Precision(inverse(gram), clicks, regularisation)


def recovered(model: Ease, clicks: Clicks, *, regularisation: float) -> Precision:
    """P read back from a saved model and its clicks, as exact as its float32 weights.

    P = (I - B) D, and the diagonal D follows from the fit itself: 1 / P[i, i] = regularisation + sum over the users who
    clicked i of 1 - s(u, i). Ours: one pass over the clicks, where a new fit is cubic in the items.
    Errors: S214 other clicks than the model's, S301 weights that are not those of EASE with this regularisation.
    """
    table = clicks.matrix()
    same = table.shape == model.clicks.shape and np.array_equal(table.indptr, model.clicks.indptr)
    if not (same and np.array_equal(table.indices, model.clicks.indices)):
        raise StropError("S214", "the model was fitted on other clicks", "hand over the train part of its own run")
    weights = model.weights.numpy().astype(np.float64)
    inverted = np.full(clicks.n_items, float(regularisation))
    for start in range(0, clicks.n_users, BLOCK):
        rows = table[start : start + BLOCK].astype(np.float64)
        inverted += rows.multiply(1 - rows @ weights).sum(axis=0).A1
    if not (inverted > 0).all():
        raise StropError("S301", f"not EASE with regularisation {regularisation} on these clicks", "as it was trained")
    np.fill_diagonal(weights, -1.0)
    weights /= -inverted
    found = Precision((weights + weights.T) / 2, clicks, regularisation, SINGLE)
    drift = found.drift()
    if not drift <= SINGLE:
        message = f"not EASE with regularisation {regularisation} on these clicks: off by {drift:.1e}"
        raise StropError("S301", message, "give the regularisation that it was trained with")
    return found
