"""When is an answer kept as it is, and when is something looked up first? Retrieval gated by confidence, and what it is worth."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from strop.errors import StropError

Array = npt.NDArray[Any]
One = TypeVar("One")


def looks_up(confidence: Array, *, threshold: float) -> Array:
    """(n,) bool: whether to look things up: the confidence is below the threshold, or there is none (NaN).

    confidence: (n,) in [0, 1]; threshold: from 0 (only where there is no confidence) upwards; above 1: always. Errors: S211, S301.
    """
    c = np.asarray(confidence, np.float64)
    if ((c < 0) | (c > 1)).any():
        raise StropError("S211", "a confidence outside [0, 1]", "from 0 to 1, NaN for none")
    if not threshold >= 0:
        raise StropError("S301", f"the threshold is {threshold}", "0 and above; above 1 always looks up")
    return np.asarray(~(c >= threshold))


def choose(confidence: Array, closed: Sequence[One], retrieved: Sequence[One], *, threshold: float) -> list[One]:
    """n answers: the closed-book one where it is sure enough, else the one with what was looked up; none said: looked up.

    Errors: S214 lengths; as `looks_up`. Not for: confidences that were read with the retrieved text in sight.
    Paper: conqord2024
    """
    if not len(confidence) == len(closed) == len(retrieved):
        raise StropError("S214", f"{len(confidence)} confidences, {len(closed)} and {len(retrieved)} answers")
    gate = looks_up(confidence, threshold=threshold)
    return [b if looked else a for a, b, looked in zip(closed, retrieved, gate.tolist(), strict=True)]


@dataclass(frozen=True, eq=False)
class Gating:
    """What every threshold does: (t,) each, thresholds rising, so that the rate of looking up rises.

    rate: share looked up; accuracy: share right of what is then answered; random: the expected accuracy of looking up as many at
    random; oracle: of looking up as many where it helps most. never, always: accuracy of the two ends; best: of knowing for each.
    """

    thresholds: Array
    rate: Array
    accuracy: Array
    random: Array
    oracle: Array
    never: float
    always: float
    best: float

    def at(self, threshold: float) -> int:
        """The place of the point that this threshold makes: the least one of the curve at or above it."""
        return min(int(np.searchsorted(self.thresholds, threshold)), len(self.thresholds) - 1)

    def choose(self, *, cost: float = 0.0) -> float:
        """The threshold with the most accuracy - cost * rate; of equal ones that which looks up least. cost: 0 and above.

        To be chosen on validation questions, and reported on others. Errors: S301.
        """
        if not cost >= 0:
            raise StropError("S301", f"the cost is {cost}", "0 and above, in shares of right answers")
        worth = self.accuracy - cost * self.rate
        return float(self.thresholds[int(np.flatnonzero(worth >= worth.max() - 1e-12)[0])])


def gating(confidence: Array, closed: Array, retrieved: Array) -> Gating:
    """Every threshold that makes a difference: 0, each confidence there is, and 2 (always).

    confidence: (n,) in [0, 1], NaN for none; closed, retrieved: (n,) 1 or 0, whether each answer is right. Looking k of n up at
    random is expected to get (1 - k/n) mean(closed) + k/n mean(retrieved), exactly. Errors: S202 none, S211, S214.
    Not for: retrieval that costs nothing and never hurts (then look up always). Paper: conqord2024
    """
    c, a, b = (np.asarray(one, np.float64) for one in (confidence, closed, retrieved))
    if c.ndim != 1 or not c.shape == a.shape == b.shape:
        raise StropError("S214", f"{c.shape} confidences, {a.shape} and {b.shape} answers", "one each a question")
    if not len(c):
        raise StropError("S202", "no answer")
    if not (np.isin(a, (0, 1)) & np.isin(b, (0, 1))).all():
        raise StropError("S211", "right or not: 1 or 0, of both answers", "leave out what is not judged")
    looks_up(c, threshold=0.0)
    n = len(c)
    filled = np.where(np.isnan(c), -1.0, c)
    order = np.argsort(filled, kind="stable")
    thresholds = np.unique(np.r_[0.0, filled[filled >= 0], 2.0])
    k = np.searchsorted(filled[order], thresholds, side="left")
    rate = k / n
    accuracy = a.mean() + np.r_[0.0, np.cumsum((b - a)[order])][k] / n
    helped, hurt = int(((a == 0) & (b == 1)).sum()), int(((a == 1) & (b == 0)).sum())
    oracle = a.mean() + (np.minimum(k, helped) - np.maximum(0, k - (n - hurt))) / n
    random = (1 - rate) * a.mean() + rate * b.mean()
    best = float(np.maximum(a, b).mean())
    return Gating(thresholds, rate, accuracy, random, oracle, float(a.mean()), float(b.mean()), best)
