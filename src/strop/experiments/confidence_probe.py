"""What do a model's hidden states say of its answers? A linear head that learns from verdicts; the model stays as it is."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from strop.errors import StropError
from strop.experiments.pair_head import FOLDS, fitted_head

Array = npt.NDArray[Any]
LEAST = 10  # right answers, and wrong ones, that it takes


@dataclass(frozen=True, eq=False)
class Probe:
    """The chance that an answer is right, by its states. mean, spread: (d,), of the states it learned from; weights: (d + 1,)."""

    mean: Array
    spread: Array
    weights: Array

    def __call__(self, states: Array) -> Array:
        """(n,) of states (n, d)."""
        found: Array = expit(_columns(states, self.mean, self.spread) @ self.weights)
        return found


def learned_probe(states: Array, right: Array, questions: Array, *, seed: int) -> Probe:
    """Logistic regression with a ridge whose strength is chosen across questions; the mean of the heads of FOLDS parts.

    states: (n, d); right: (n,), NaN where not scored; questions: (n,) numbers. Errors: S209 fewer than
    LEAST right or wrong answers. Paper: saplma2023 (with a head of layers); ptrue2022
    """
    known = ~np.isnan(right)
    states, right = states[known].astype(np.float64), right[known] > 0
    clusters = np.unique(questions[known], return_inverse=True)[1]
    if min(right.sum(), (~right).sum()) < LEAST or len(np.unique(clusters)) < FOLDS:
        told = f"{right.sum()} right and {(~right).sum()} wrong answers to learn from"
        raise StropError("S209", told, f"{LEAST} of each, or more")
    mean, spread = states.mean(0), np.maximum(states.std(0), 1e-6)
    columns = _columns(states, mean, spread)
    size = float(np.sqrt(np.square(columns).sum(1).mean()))  # what the head divides by
    head = fitted_head(np.where(right, 1.0, -1.0)[:, None] * columns, clusters, seed=seed)
    return Probe(mean, spread, np.mean(head.weights, axis=0) / size)


def _columns(states: Array, mean: Array, spread: Array) -> Array:
    """(n, d + 1): each column with a mean of 0 and a deviation of 1 over sqrt(d); the last one for the share that is right."""
    even = (states - mean) / spread / states.shape[1] ** 0.5
    return np.concatenate([even, np.ones((len(states), 1))], 1)
