"""What does one label cost, and what if a missing click may only mean that nothing was shown?"""

import torch
from torch import Tensor

from strop.errors import StropError


def squared_sigmoid(margin: Tensor) -> Tensor:
    """s(-h)**2: the squared gap between a label and its predicted chance; bounded, in [0, 1].

    margin: (n,), the score for a like, minus the score otherwise. Returns (n,). Derivative: -2 s(-h)**2 s(h).
    A badly wrong score has hardly a slope left, and none that is unbounded where a weight is negative.
    Not for: chances that must be right far out in the tails; a poor start.
    Paper: relmf2020 (the loss of its released code; brier1950 as a score)
    """
    return torch.sigmoid(-margin).square()


def exposed(as_like: Tensor, as_other: Tensor, clicked: Tensor, propensity: Tensor, *, clip: float = 0.0) -> Tensor:
    """(y / t) d1 + (1 - y / t) d0 with t = max(propensity, clip): the loss of likes, from clicks seen with chance t.

    as_like, as_other: d1 and d0, the pair's losses if it is a like and if it is not; clicked: y, 0 or 1;
    propensity: in [0, 1], all (n,); clip: M in [0, 1]. Returns (n,). Over what was shown and liked its mean is the loss
    of the likes themselves where M = 0; with M above some t it is off by (t / M - 1) g (d1 - d0), g the chance of a like,
    and varies less. M = 1 takes clicks for likes. A click with t < 1 weighs d0 below 0.
    Errors: S211 a propensity outside [0, 1], or 0 at a click with clip 0; S301 clip.
    Not for: an unbounded d0 (log loss), which a negative weight drives without end; clicks by mistake.
    Paper: relmf2020, eq. of the unbiased estimator and of its clipped form
    """
    _check_propensity(clicked, propensity, clip)
    share = torch.where(clicked > 0, clicked / propensity.clamp(min=clip), torch.zeros_like(propensity))
    return share * as_like + (1 - share) * as_other


def _check_propensity(clicked: Tensor, propensity: Tensor, clip: float) -> None:
    """S301 for a clip, S211 for a propensity, with which a click has no weight."""
    if not 0 <= clip <= 1:
        raise StropError("S301", f"clip is {clip}", "allowed: from 0 (unbiased) to 1 (clicks are taken for likes)")
    if not bool(((propensity >= 0) & (propensity <= 1)).all()):
        raise StropError("S211", "a propensity is outside [0, 1]", "it is the chance that a pair was shown")
    if clip == 0 and bool((propensity[clicked > 0] == 0).any()):
        raise StropError(
            "S211", "a click has the propensity 0", "what is never shown is never clicked; or clip above 0"
        )
