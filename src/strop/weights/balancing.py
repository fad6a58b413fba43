"""Which weights make the observed pairs look like all pairs, while staying as even as they can?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from strop.errors import StropError
from strop.weights.anchors import PairKernel, Pairs, random_anchors
from strop.weights.effective import effective_sample_size, self_normalised

Array = npt.NDArray[Any]
STARTS = 10


@dataclass(frozen=True, eq=False)
class Balanced:
    """Weights with their report.

    weights: (n,) above 0, mean 1; gap: mean over the anchors of |mean over all pairs - weighted mean over the observed|;
    effective: (sum w)^2 / sum w^2; unmet: anchors still off by more than the slack (1 % and 1e-6 are let pass); at_bound: those whose multiplier
    stands at the strength: to bring them nearer was not worth it.
    """

    weights: Array
    gap_before: float
    gap_after: float
    effective: float
    anchors: int
    unmet: int
    at_bound: int


def balance_gap(moments: Array, target: Array, weights: Array) -> float:
    """mean_j |target_j - mean_i w_i moments_ij|, the weights brought to mean 1 first: 0 where the means agree.

    moments: (n, J); target: (J,); weights: (n,). Errors: S202, S211, S214.
    Not for: two sets of moments of different scale.
    Ours: the mean over anchors of the imbalance
    """
    moments, target = _checked(moments, target, weights)
    return float(np.abs(target - self_normalised(weights) @ moments / len(moments)).mean())


def balanced_weights(
    moments: Array, target: Array, *, base: Array | None = None, slack: float = 1e-4, strength: float = 100.0
) -> Balanced:
    """min over w of mean(w log(w / base)) + strength sum_j max(0, |target_j - mean(w moments_j)| - slack), mean(w) = 1.

    moments: (n, J) of the observed; target: (J,), their means over everyone; base: (n,) above 0, what to stay near
    (inverse propensities), ones for None. Solved in the dual, w = base exp(moments l) / mean, by L-BFGS over
    |l_j| <= strength: the same bytes for the same input. Each anchor has its own hinge, so none makes up for another; the
    released code sums them first. The sum of the hinges never rises; with slack 0 the gap does not rise either.
    Errors: S202 no observed pair or no anchor, S211 base or moments, S214, S301.
    Not for: anchors whose target no weighted observed pair comes near: `unmet` counts them.
    Paper: kernel_balancing2024 (the hinge of each anchor, the dual and the base of the entropy are ours)
    """
    from scipy.optimize import minimize  # slow to import, and needed here only

    n = len(moments)
    b = self_normalised(np.ones(n) if base is None else base)
    moments, target = _checked(moments, target, b)
    if not b.all():
        raise StropError("S211", "a base weight is 0", "an observed pair had a chance above 0")
    for name, value in (("slack", slack), ("strength", strength)):
        if not 0 <= value < np.inf:
            raise StropError("S301", f"{name} is {value}", "allowed: 0 and above")
    count = len(target)

    def dual(both: Array) -> tuple[float, Array]:
        multipliers = both[:count] - both[count:]
        log_mean, weights = _tilted(b, moments @ multipliers)
        slope = weights @ moments / n - target
        value = log_mean - float(multipliers @ target) + slack * float(both.sum())
        return value, np.concatenate([slope + slack, slack - slope])

    options = {"maxiter": 3000, "maxfun": 6000, "ftol": 1e-13, "gtol": 1e-7, "maxcor": 30}
    bounds, both, least = [(0.0, strength)] * (2 * count), np.zeros(2 * count), np.inf
    for _ in range(STARTS):  # from where it stopped, until that gains nothing: far targets stop it early
        done = minimize(dual, both, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        both, gained, least = done.x, least - done.fun, done.fun
        if gained < 1e-6:
            break
    multipliers = both[:count] - both[count:]
    weights = _tilted(b, moments @ multipliers)[1]
    off = np.abs(target - weights @ moments / n)
    return Balanced(
        weights,
        balance_gap(moments, target, b),
        float(off.mean()),
        effective_sample_size(weights),
        count,
        int((off > 1.01 * slack + 1e-6).sum()),
        int((np.abs(multipliers) >= strength).sum()),
    )


def _tilted(base: Array, exponent: Array) -> tuple[float, Array]:
    """log mean(base e^x), and base e^x over that mean."""
    most = exponent.max()
    raised = base * np.exp(exponent - most)
    return float(np.log(raised.mean()) + most), raised / raised.mean()


def kernel_balanced(
    kernel: PairKernel,
    pairs: Pairs,
    anchors: Pairs,
    *,
    base: Array | None = None,
    slack: float = 1e-4,
    strength: float = 100.0,
    seed: int = 0,
) -> tuple[Balanced, tuple[float, float]]:
    """`balanced_weights` of the kernel at the anchors; with the gap before and after at as many other, random pairs.

    pairs: users and items observed, (n,) each; anchors: as `random_anchors`, `adaptive_anchors` or `worst_case_anchors`
    give them; seed: of the other pairs. Errors: as balanced_weights.
    Not for: features that what is observed does not depend on: the weights then cost records and mend nothing.
    Paper: kernel_balancing2024
    """
    found = balanced_weights(*kernel.moments(pairs, anchors), base=base, slack=slack, strength=strength)
    other = kernel.moments(pairs, random_anchors(kernel, count=len(anchors[0]), seed=seed + 1_000_003))
    before = balance_gap(*other, np.ones(len(pairs[0])) if base is None else base)
    return found, (before, balance_gap(*other, found.weights))


def _checked(moments: Array, target: Array, weights: Array) -> tuple[Array, Array]:
    """S202, S211, S214 where moments, means and weights do not fit each other."""
    moments, target = np.asarray(moments, np.float64), np.asarray(target, np.float64)
    if moments.ndim != 2 or target.shape != moments.shape[1:] or len(weights) != len(moments):
        raise StropError(
            "S214", f"moments {moments.shape}, means {target.shape}, {len(weights)} weights", "(n, J), (J,) and (n,)"
        )
    if not moments.size:
        raise StropError("S202", "no observed pair, or no anchor")
    if not (np.isfinite(moments).all() and np.isfinite(target).all()):
        raise StropError("S211", "a moment is not finite")
    return moments, target
