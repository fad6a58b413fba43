"""How likely was a rating to be given at all, judged from its value, where a few uniformly drawn ratings are known?"""

from typing import Any

import numpy as np
import numpy.typing as npt

from strop.errors import StropError

Array = npt.NDArray[Any]


def naive_bayes_propensity(observed: Array, uniform: Array, *, n_pairs: int) -> Array:
    """P(o = 1 | y) = P(y | o = 1) P(o = 1) / P(y): the chance that a pair of that value was rated, (n,), in (0, 1].

    observed: (n,) labels or ratings that users chose to give; uniform: (m,) those of pairs drawn without regard to
    anything; n_pairs: users x items, so that P(o = 1) = n / n_pairs. Where every value of the sample was given too, the
    sum of 1 / P over the observed is n_pairs: IPS and its self-normalised form are then the same.
    Errors: S202 nothing observed, S214 not a row each, S301 n_pairs below n, S305 P(y) is 0 or 1 in the uniform sample,
    S211 a chance above 1.
    Not for: a choice of what to rate that depends on more than the value; a sample so small that P(y) is a guess.
    Paper: schnabel2016
    """
    given, drawn = np.asarray(observed), np.asarray(uniform)
    if given.ndim != 1 or drawn.ndim != 1:
        raise StropError("S214", f"labels of shapes {given.shape} and {drawn.shape}", "one value a pair")
    if not len(given):
        raise StropError("S202", "no observed pair")
    if n_pairs < len(given):
        raise StropError(
            "S301", f"n_pairs is {n_pairs}, with {len(given)} observed", "users x items of the whole table"
        )
    values, where, counts = np.unique(given, return_inverse=True, return_counts=True)
    chance = np.array([np.mean(drawn == value) for value in values]) if len(drawn) else np.zeros(len(values))
    if not ((chance > 0) & (chance < 1)).all():
        value = values[int(np.argmin((chance > 0) & (chance < 1)))]
        share = "all" if len(drawn) and (drawn == value).all() else "none"
        raise StropError(
            "S305",
            f"{share} of the {len(drawn)} uniformly drawn labels is {value}: P(y) is 0 or 1",
            "a larger uniform sample, or fewer classes of ratings",
        )
    propensity = counts / n_pairs / chance
    if propensity.max() > 1:
        raise StropError(
            "S211",
            f"the chance of being rated comes out as {propensity.max():.3g} for {values[int(propensity.argmax())]}",
            "the uniform sample is too small, or not uniform",
        )
    return np.asarray(propensity[where])
