"""Which labels were meant as they stand, and how many were flipped, judged by a model's margins? Rounds of EM.

A margin is above 0 where the model agrees with the label that was seen; s is the sigmoid, P(the label is right) = s(h).
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from strop.errors import StropError

STILL = 1e-9  # a rate that moves by less has arrived


class FlipRate(NamedTuple):
    """rate: the share of flipped labels; weights: (n,), the chance that each was meant; likelihoods: the start's, then
    one a round."""

    rate: float
    weights: Tensor
    likelihoods: tuple[float, ...]


def chance_meant(margin: Tensor, *, flip_rate: float | Tensor, other_rate: float | Tensor | None = None) -> Tensor:
    """(1 - r) s(h) / ((1 - r) s(h) + q s(-h)) = s(h + log((1 - r) / q)): the chance that a label was not flipped.

    margin: (n,); flip_rate: r, how often records that truly have this label show the other one; other_rate: q, how often
    the others show this one; None: the same; numbers or (n,). Returns (n,) in [0, 1], without a gradient; ones at q = 0.
    EM's step: w l(h) + (1 - w) l(-h), which is `logistic` with slope 1 - w, has the gradient of `forward_flip` at the
    margins where w was taken. As a plain weight, w l(h), it only lets suspects count less.
    Noise: flips at stated rates, and margins that are calibrated. Errors: S301 a rate outside [0, 1], or r = 1 with q = 0.
    Not for: margins of a model that has fitted the same flips (it agrees with them all); margins at another scale.
    Paper: em1977; natarajan2013 (the noise)
    """
    stated = (flip_rate, flip_rate if other_rate is None else other_rate)
    own, other = (torch.as_tensor(rate, dtype=margin.dtype, device=margin.device) for rate in stated)
    kept = 1 - own
    shares = all(bool(((rate >= 0) & (rate <= 1)).all()) for rate in (kept, other))
    if not shares or not bool((kept + other > 0).all()):
        raise StropError("S301", f"rates {flip_rate} and {other_rate}", "shares in [0, 1], not 1 and 0 together")
    return torch.sigmoid(margin.detach() + kept.log() - other.log())


def em_flip_rate(margins: Tensor, *, start: float = 0.1, rounds: int = 200) -> FlipRate:
    """rate <- mean of 1 - `chance_meant`, again and again: the flip rate under which these margins' labels are likeliest.

    margins: (n,), of a model that is calibrated and did not learn from these very labels; start: in (0, 1); rounds: at
    most so many, fewer where the rate stands still. Returns FlipRate; the mean log-likelihood, of (1 - e) s(h) + e s(-h),
    never falls from one round to the next, and has one top only. A rate above 1/2: the labels say the opposite.
    To learn the model as well: it, by `logistic` with slope 1 - weights, then the rate with its margins, a hundred times.
    Noise: symmetric flips at one unknown rate. It has no interval: the margins' own error is the larger one.
    Errors: S301 start, rounds; S202 none; S211 not finite; S305 all margins are 0, so that any rate does as well.
    Not for: margins too sure of themselves (the rate comes out too large) or too timid (too small); rates that vary.
    Paper: em1977; dawid1979
    """
    if not 0 < start < 1 or rounds < 1:
        raise StropError("S301", f"start {start}, rounds {rounds}", "start in (0, 1), one round at least")
    h = margins.detach().double()
    if not len(h):
        raise StropError("S202", "no margin")
    if not bool(h.isfinite().all()):
        raise StropError("S211", "a margin is not finite", row=int((~h.isfinite()).nonzero()[0]) + 1)
    if not bool(h.any()):
        raise StropError("S305", "all margins are 0: any flip rate does as well", "train the model first")
    rate, found = start, [_likelihood(h, start)]
    for _ in range(rounds):
        before, rate = rate, float((1 - chance_meant(h, flip_rate=rate)).mean())
        found.append(_likelihood(h, rate))
        if abs(rate - before) < STILL:
            break
    return FlipRate(rate, chance_meant(margins, flip_rate=rate), tuple(found))


def _likelihood(margins: Tensor, rate: float) -> float:
    """The mean log-likelihood of the labels that were seen."""
    e = torch.tensor(rate, dtype=margins.dtype)
    return float(torch.logaddexp(torch.log1p(-e) + logsigmoid(margins), e.log() + logsigmoid(-margins)).mean())
