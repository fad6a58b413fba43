"""How much should a click on something rarely shown count, and how often is it shown?"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from strop.channels import power_propensity
from strop.errors import StropError
from strop.records import Clicks

Array = npt.NDArray[Any]
EFFECT_BYTES = 1 << 30
CELL_BYTES = 32  # of a pair: its logit, its chance and what stands between, in float64


def inverse_popularity(popularity: Array, *, power: float = 0.5, clip: float = 10.0) -> Array:
    """min(1 / p, clip) with p = (popularity / largest)**power: one over the assumed chance of being shown.

    popularity: (n,), of each record's item, above 0, all records at once (the largest is taken over them).
    power: 0 all alike, 0.5 as in relmf2020, 1 in proportion; clip: at least 1; 10 bites below a hundredth of the largest
    at power 0.5. Returns (n,), in [1, clip]. Errors: S211 popularity not above 0, S202 no record, S301.
    Not for: clicks whose exposure was logged (use that); the few clicks on rare items being mistakes, which it multiplies.
    Paper: schnabel2016; relmf2020
    """
    if not len(popularity):
        raise StropError("S202", "no record to weight")
    if not clip >= 1:
        raise StropError("S301", f"clip is {clip}", "allowed: 1 and above; 1 gives equal weights")
    largest = float(np.max(popularity))
    return np.minimum(1 / power_propensity(popularity, power=power, most=largest), clip)


def unbiased_weights(propensity: Array, *, clip: float = 0.0) -> tuple[Array, Array]:
    """(w, 1 - w) with w = 1 / max(propensity, clip): what a click counts as a like, and as none.

    propensity: (n,), of the clicks, in [0, 1]; clip: in [0, 1]; 1 takes every click for one like. The second is 0 or
    below: it takes back what the same like cost where it was not shown. Errors: S211 a propensity outside [0, 1], or 0
    with clip 0; S301.
    Not for: a loss that falls without end where its weight is below 0 (log loss); clicks by mistake.
    Paper: relmf2020
    """
    if not 0 <= clip <= 1:
        raise StropError("S301", f"clip is {clip}", "allowed: from 0 (unbiased) to 1 (clicks are taken for likes)")
    chance = np.asarray(propensity, np.float64)
    if not ((chance >= 0) & (chance <= 1)).all():
        raise StropError("S211", "a propensity is outside [0, 1]", "it is the chance that a pair was shown")
    chance = np.maximum(chance, clip)
    if not chance.all():
        raise StropError(
            "S211", "a click has the propensity 0", "what is never shown is never clicked; or clip above 0"
        )
    return 1 / chance, 1 - 1 / chance


def logistic_propensity(shown: Array, features: Array, *, l2: float = 1.0) -> Array:
    """s(c + w . x), the chance that a pair was shown, by logistic regression on the pairs' features.

    shown: (n,) of 0 and 1, over all pairs or a uniform sample of them; features: (n, d), made to have mean 0 and deviation
    1 first; l2: of |w|^2 / 2 beside the sum of the log losses, above 0. Returns (n,), in (0, 1). It assumes that exposure
    depends on these features and not on what is liked beyond them.
    Errors: S209 all or none were shown, S211 a feature that does not vary or is not finite, S214, S301.
    Not for: clicks in place of `shown`: it then learns the chance of a click, liking included.
    Paper: schnabel2016
    """
    x, y = np.asarray(features, np.float64), np.asarray(shown, np.float64)
    if x.ndim != 2 or y.shape != (len(x),):
        raise StropError("S214", f"features of shape {x.shape} for {y.shape} pairs", "a row of features for each pair")
    _check_fit(float(y.sum()), len(y), l2)
    if not np.isfinite(x).all():
        raise StropError("S211", "a feature is not finite")
    same = np.ptp(x, axis=0) == 0
    if same.any():
        where = int(np.flatnonzero(same)[0]) + 1
        raise StropError("S211", f"feature {where} is the same for all pairs", "leave it out: it says nothing")
    x = (x - x.mean(axis=0)) / x.std(axis=0)

    def loss(weights: Array) -> tuple[float, Array]:
        slope, value = _log_loss(weights[0] + x @ weights[1:], y)
        pull = l2 * weights[1:]
        return value + float(weights[1:] @ pull) / 2, np.concatenate([[slope.sum()], slope @ x + pull])

    found = _fitted(loss, x.shape[1] + 1, float(y.mean()))
    return np.asarray(_chance(found[0] + x @ found[1:]))


def effects_propensity(shown: Clicks, *, l2: float = 1.0, memory_bytes: int = EFFECT_BYTES) -> Array:
    """s(c + a_user + b_item), the chance that a pair was shown, from who was shown what: a number for each user and item.

    shown: the pairs that were shown (for ratings: that were rated), of all pairs of the table; l2: of |a|^2 / 2 + |b|^2 / 2
    beside the sum of the log losses over all pairs, above 0. Returns (n_users, n_items), in (0, 1). It assumes that users
    and items shift the odds each on their own.
    Errors: S209 all or none were shown, S211 users are all alike and items too, S301 l2, S502 memory.
    Not for: clicks in place of `shown`: it then learns the chance of a click, liking included.
    Paper: rasch1960; schnabel2016
    """
    shape = (shown.n_users, shown.n_items)
    cells = shape[0] * shape[1]
    _check_fit(float(len(shown)), cells, l2)
    if CELL_BYTES * cells > memory_bytes:
        need = f"{CELL_BYTES * cells / 1e9:.1f} GB, its budget is {memory_bytes / 1e9:.1f} GB"
        raise StropError(
            "S502", f"propensities of {shape[0]:,} x {shape[1]:,} pairs need {need}", "propensities by popularity"
        )
    counts = np.diff(shown.indptr).astype(float), shown.popularity.astype(float)
    if all(np.ptp(side) == 0 for side in counts):
        raise StropError(
            "S211", "all users and all items were shown equally often", "their propensities are one number"
        )

    def logits(found: Array) -> Array:
        return np.asarray(found[0] + found[1 : 1 + shape[0], None] + found[1 + shape[0] :])

    def loss(found: Array) -> tuple[float, Array]:
        z, pull = logits(found), l2 * found[1:]
        value = float(np.logaddexp(0, z).sum() - z[shown.users, shown.items].sum() + found[1:] @ pull / 2)
        chance = _chance(z)
        sides = np.concatenate([chance.sum(axis=1) - counts[0], chance.sum(axis=0) - counts[1]])
        return value, np.concatenate([[chance.sum() - len(shown)], sides + pull])

    return np.asarray(_chance(logits(_fitted(loss, 1 + sum(shape), len(shown) / cells))))


def _check_fit(ones: float, n: int, l2: float) -> None:
    if not 0 < ones < n:
        raise StropError("S209", f"{ones:,.0f} of {n:,} pairs were shown", "some must be, and some not")
    if not 0 < l2 < np.inf:
        raise StropError("S301", f"l2 is {l2}", "allowed: above 0; 1 is usual")


def _chance(logits: Array) -> Array:
    return np.asarray(np.exp(-np.logaddexp(0, -logits)))


def _log_loss(logits: Array, y: Array) -> tuple[Array, float]:
    """The slope of each log loss, and their sum."""
    return _chance(logits) - y, float((np.logaddexp(0, logits) - y * logits).sum())


def _fitted(loss: Callable[[Array], tuple[float, Array]], size: int, share: float) -> Array:
    """The minimum by L-BFGS, from the logit of the overall share."""
    from scipy.optimize import minimize  # slow to import, and needed here only

    start = np.zeros(size)
    start[0] = np.log(share / (1 - share))
    done = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 2000, "ftol": 1e-14, "gtol": 1e-7})
    return np.asarray(done.x)
