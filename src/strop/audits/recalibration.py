"""Which map makes a confidence as high as its answers are right, fitted on some answers and used on others?"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression
from scipy.special import expit, logit

from strop.audits.reward import likeliest_slope
from strop.audits.sureness import checked_answers, from_zero
from strop.errors import StropError

Array = npt.NDArray[Any]
FEWEST = 20  # answers that a map is fitted on
SHRINK = 0.999  # a confidence c is read as 0.999 c + 0.0005 where its log-odds are needed, so that 0 and 1 have some
MOST_SLOPE = 100.0


@dataclass(frozen=True, eq=False)
class Map:
    """A confidence in, a calibrated one out, (n,) in [0, 1] both, NaN for NaN; it never falls. Ours: a record."""

    name: str
    apply: Callable[[Array], Array]
    temperature: float | None = None

    def __call__(self, confidence: Array) -> Array:
        c = np.asarray(confidence, np.float64)
        if ((c < 0) | (c > 1)).any():
            raise StropError("S211", "a confidence outside [0, 1]", "from 0 to 1, or NaN for none")
        return np.clip(self.apply(c), 0.0, 1.0)


def _for_map(confidence: Array, right: Array) -> tuple[Array, Array]:
    """Errors: S209 fewer than FEWEST answers, S305 all right or all wrong."""
    c, y, _ = checked_answers(confidence, right, None)
    c, y = c[~np.isnan(c)], y[~np.isnan(c)]
    if len(c) < FEWEST:
        raise StropError("S209", f"{len(c)} judged answers with a confidence", f"{FEWEST} at least to fit a map on")
    if y.min() == y.max():
        raise StropError("S305", f"all {len(c)} answers are {'right' if y[0] else 'wrong'}", "a map needs both kinds")
    return c, y


def isotonic_map(confidence: Array, right: Array) -> Map:
    """The rising map with the least Brier on these answers; straight between their values, level beyond them.

    confidence: (n,), right: (n,), NaN of either left out. It may reach 0 and 1. Errors: S209, S305, S211, S214. Not for: the
    answers it was fitted on; a log score; some dozens of answers (a temperature bends less). Paper: isotonic2002
    """
    c, y = _for_map(confidence, right)
    values, place = np.unique(c, return_inverse=True)
    sizes = np.bincount(place)
    fitted = isotonic_regression(np.bincount(place, y) / sizes, weights=sizes.astype(float)).x
    return Map("isotonic", lambda new: np.where(np.isnan(new), np.nan, np.interp(new, values, fitted)))


def temperature_map(confidence: Array, right: Array) -> Map:
    """c -> s(logit(c') / T), T the likeliest on these answers, from 0.01 up; c' = 0.999 c + 0.0005, so that 0 and 1 have log-odds.

    It keeps every order. Where no T above 0 helps (the surer, the more often wrong) T is infinite: one half for all.
    Errors: S209, S305, S211, S214. Not for: a confidence that is off at one half, which no temperature moves. Paper: calibration2017
    """
    c, y = _for_map(confidence, right)
    margins = _log_odds(c) * (2 * y - 1)
    slope = likeliest_slope(margins)
    if slope is None:  # no finite one: every answer on the side that its confidence says, or none of them
        slope = MOST_SLOPE if (margins >= 0).all() and margins.any() else 0.0
    a = float(np.clip(slope, 0.0, MOST_SLOPE))
    return Map("temperature", lambda new: expit(a * _log_odds(new)), np.inf if a == 0 else 1 / a)


def _log_odds(c: Array) -> Array:
    return np.asarray(logit(SHRINK * np.asarray(c) + (1 - SHRINK) / 2))


def cross_fitted(
    fit: Callable[[Array, Array], Map], confidence: Array, right: Array, *, clusters: Array | None = None, seed: int = 0
) -> Array:
    """(n,) what a map makes of each confidence that was fitted on the other half of the questions; NaN where there is none.

    fit: isotonic_map or temperature_map. Errors: as those, of a half. Not for: a map to hand on (fit that on all). Ours: two
    halves, each judged by the other.
    """
    names = np.arange(len(confidence)) if clusters is None else clusters
    groups = from_zero(np.asarray(names))
    half = (np.random.default_rng([seed, 0xCA1]).permutation(int(groups.max()) + 1) % 2)[groups]
    found = np.full(len(groups), np.nan)
    for part in (0, 1):
        found[half == part] = fit(confidence[half != part], right[half != part])(confidence[half == part])
    return found
