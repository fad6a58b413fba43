"""What does it cost that a margin is small: the losses of one margin, whoever made it.

A margin is above 0 where the model agrees with the label: a gap of two scores, of two rewards, or of two log-ratios.
h is the margin, s the sigmoid, l(h) = softplus(-h). Each docstring gives the derivative that a compiled loop needs.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from strop.errors import StropError


def _check(name: str, value: float | Tensor, low: float, high: float, *, open_low: bool = False) -> None:
    """S301 for a plain number outside [low, high]; tensors were checked where they were made."""
    if isinstance(value, Tensor):
        return
    if not low <= value <= high or (open_low and value == low):
        raise StropError("S301", f"{name} is {value}", f"allowed: {'(' if open_low else '['}{low:g}, {high:g}]")


def logistic(margin: Tensor, *, slope: float | Tensor = 0.0) -> Tensor:
    """softplus(-h) + slope * h: the logistic loss with every linear correction of its labels.

    margin: (n,); slope: a number, or (n,). Returns (n,).
    slope 0: BPR, Bradley-Terry, RankNet, DPO (log 2 at h = 0). slope e: labels smoothed at rate e (cDPO).
    slope -e/(1-2e): flips at rate e undone (rDPO). slope -(1-t)/t: a click seen with propensity t (Rel-MF).
    slope 1: reverse BPR, softplus(h). `slope_of_unflipping` gives the two negative ones. A rate for each pair or rater:
    a slope (n,). Graded labels: h - m in place of h asks for a margin m (ODPO). A slope 1 - w, w = `chance_meant`, is EM.
    Derivative: slope - s(-h); rDPO's is -[(1 - e) s(-h) + e s(h)] / (1 - 2e).
    Noise: flips at a stated rate, the same for both labels of a pair. rDPO's mean over the flips is the clean loss.
    The best margin is finite only for 0 < slope < 1, at s(-h) = slope. A negative slope is unbiased, and unbounded
    below as h grows: `clipped_logistic` stops it. Slope 1 and more has no optimum either (h falls without end).
    Not for: labels that are often flipped where the model can fit each of them: it chases the badly wrong ones for ever.
    Paper: bpr2009; dpo2023; cdpo2023; rdpo2024; odpo2024; relmf2020
    """
    return -logsigmoid(margin) + slope * margin


def clipped_logistic(margin: Tensor, *, slope: float | Tensor, floor: float = 0.0) -> Tensor:
    """max(floor, softplus(-h) + slope * h): the logistic loss of a correction, stopped where it would run away.

    margin, slope: as `logistic`; floor: at most 0, the loss below which a record says nothing more. Returns (n,).
    Derivative: slope - s(-h) where the loss is not below the floor, else 0.
    The lower the floor, the smaller the bias and the larger the variance; at minus infinity it is `logistic`.
    Not for: slopes in [0, 1], which are bounded below by themselves; a mean that must stay unbiased.
    Paper: nnpu2017 (the idea of a floor; there on the risk of a batch, here on each record: ours)
    """
    _check("floor", floor, -math.inf, 0.0)
    return torch.clamp(logistic(margin, slope=slope), min=floor)


def slope_of_unflipping(flip_rate: float | Tensor, other_rate: float | Tensor | None = None) -> float | Tensor:
    """-r / (1 - r - q): the slope with which `logistic` is unbiased although labels were flipped.

    flip_rate: r, how often records that truly have this record's label show the other one; a number or (n,).
    other_rate: q, how often records that truly have the other label show this one; None: the same rate.
    (e, e) is robust DPO; (1 - t, 0) is Rel-MF's click seen with propensity t. Errors: S301 unless r + q < 1.
    Not for: rates that were guessed: the slope grows without bound as r + q nears 1, and its variance with it.
    Paper: natarajan2013, lemma 1
    """
    other = flip_rate if other_rate is None else other_rate
    _check("flip_rate", flip_rate, 0.0, 1.0)
    _check("other_rate", other, 0.0, 1.0)
    left = 1.0 - flip_rate - other
    if not bool((torch.as_tensor(left) > 1e-9).all()):
        raise StropError("S301", "the two flip rates sum to 1 or more", "such labels say nothing, or the opposite")
    return -flip_rate / left


def hinge(margin: Tensor, *, width: float = 1.0) -> Tensor:
    """max(0, width - h): nothing is asked of a pair beyond the width (SLiC).

    margin: (n,); width: above 0. Returns (n,).
    Noise: none assumed; a pair beyond the width pulls no more, a flipped one always does.
    Derivative: -1 where h < width, else 0.
    Not for: calibrated margins (all beyond the width count the same); flipped labels, which it chases like `logistic`.
    Paper: ranksvm2002; slichf2023
    """
    _check("width", width, 0.0, math.inf, open_low=True)
    return torch.relu(width - margin)


def squared(margin: Tensor, *, target: float = 1.0) -> Tensor:
    """(h - target)**2: the margin is pulled to a target, from both sides.

    margin: (n,); target: above 0. Returns (n,). Derivative: 2 (h - target).
    IPO with regularisation tau: the margin with beta 1, and the target 1 / (2 tau); `log_ratio_margin` gives the one per
    sequence, `per_token_margin` the one per token. Noise: labels without any, which drive the logistic margin to infinity;
    with a share e of flips the best margin is (1 - 2e) target: bounded.
    Not for: data with a few wildly wrong margins, whose gradient grows without bound; margins that may rightly be large.
    Paper: ipo2023, eq. 17
    """
    _check("target", target, 0.0, math.inf, open_low=True)
    return (margin - target).square()


def generalised_cross_entropy(margin: Tensor, *, q: float = 0.7) -> Tensor:
    """(1 - s(h)**q) / q: between the logistic loss (q near 0: DPO) and the bounded 1 - s(h) (q = 1: KTO's value).

    margin: (n,); q: in (0, 1], 0.7 is the paper's. Returns (n,), in [0, 1/q].
    Derivative: -s(h)**q * s(-h).
    A badly wrong record is given up (its slope goes to 0): that is what helps against flips.
    Noise: symmetric flips, at a rate that need not be known; q = 1 has the clean loss's minimum under them.
    Not for: hard but rightly labelled records, a poor start (the model gives up what it has yet to learn), clean labels.
    Paper: gce2018
    """
    _check("q", q, 0.0, 1.0, open_low=True)
    return -torch.expm1(q * logsigmoid(margin)) / q


def forward_flip(margin: Tensor, *, flip_rate: float | Tensor, other_rate: float | Tensor | None = None) -> Tensor:
    """-log((1 - r) s(h) + q s(-h)): the likelihood of the label that was seen, flips included.

    margin: (n,); flip_rate: r, other_rate: q, as `slope_of_unflipping` (None: both the same). Returns (n,).
    Derivative: -(1 - r - q) s(h) s(-h) / ((1 - r) s(h) + q s(-h)); divide by s(h) where h > 0, by s(-h) where h < 0.
    Noise: flips at stated rates, of both classes (r, q). Preference pairs without a class: r = q.
    With r = q = e it is flattened between -log(1 - e) and -log(e): bounded, so that stated rates that are too high do
    no more than drive a margin to infinity; not convex.
    Not for: a poor start (badly wrong records have no slope); a model that cannot be right, where it is no longer the
    clean loss on average (`slope_of_unflipping` is).
    Paper: nbpo2020; patrini2017, theorem 2
    """
    other = flip_rate if other_rate is None else other_rate
    _check("flip_rate", flip_rate, 0.0, 1.0)
    _check("other_rate", other, 0.0, 1.0)
    kept = torch.log1p(-torch.as_tensor(flip_rate, dtype=margin.dtype, device=margin.device))
    invented = torch.log(torch.as_tensor(other, dtype=margin.dtype, device=margin.device))
    return -torch.logaddexp(kept + logsigmoid(margin), invented + logsigmoid(-margin))
