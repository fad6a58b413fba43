"""How far has a model moved towards the better answer since its reference? Margins for the losses of one margin.

A log-ratio is log P(answer | prompt) under the model, minus the same under the reference: a sum over the answer's tokens.
Without a reference it is the log-probability itself.
"""

import math

import torch
from torch import Tensor

from strop.errors import StropError


def _check(name: str, value: float, low: float) -> None:
    """S301 for a number that is not finite, or not above `low`."""
    if not low < value < math.inf:
        raise StropError("S301", f"{name} is {value}", f"a finite number above {low:g}")


def log_ratio_margin(chosen: Tensor, rejected: Tensor, *, beta: float) -> Tensor:
    """beta (c - r): the margin of DPO and its kin, per sequence.

    chosen, rejected: c and r, the log-ratios of both answers, (n,); beta: above 0, 0.1 is usual. Returns (n,).
    Noise: none of its own; the loss that follows has it. IPO per sequence: `squared` with beta 1, target 1 / (2 tau).
    Derivative: beta in c, -beta in r: a large margin says nothing of c alone, which may fall; `positive_margin` minds.
    Errors: S301 beta. Not for: answers of very different lengths, where the longer sum decides (`per_token_margin`).
    Paper: dpo2023, eq. 7; ipo2023
    """
    _check("beta", beta, 0)
    return beta * (chosen - rejected)


def per_token_margin(
    chosen: Tensor, rejected: Tensor, chosen_tokens: Tensor, rejected_tokens: Tensor, *, beta: float
) -> Tensor:
    """beta (c / n_c - r / n_r): the margin of two means over tokens, in place of two sums.

    chosen, rejected: c and r, log-ratios summed over the tokens; chosen_tokens, rejected_tokens: n_c, n_r, at least 1,
    all (n,); beta: above 0, and larger than per sequence by about the usual length. Returns (n,).
    Repeating an answer's every token leaves it as it is. IPO per token: `squared` with beta 1, target 1 / (2 tau); a
    target of so much a token is a far larger one for the sequence. Derivative: beta / n_c in c, -beta / n_r in r.
    Errors: S301 beta, S211 an answer without a token. Not for: claims about the tilted policy, which is one of sums.
    Paper: ipo2023 (there per sequence; the mean over tokens as in later trainers)
    """
    _check("beta", beta, 0)
    if not bool(((chosen_tokens > 0) & (rejected_tokens > 0)).all()):
        raise StropError("S211", "an answer has no token", "count the answer's own tokens, with its end")
    return beta * (chosen / chosen_tokens - rejected / rejected_tokens)


def positive_margin(chosen: Tensor, rejected: Tensor, *, beta: float, penalty: float = 50.0) -> Tensor:
    """beta (c - r - penalty max(0, -c)): the margin also falls where the chosen answer does (DPO-positive).

    chosen, rejected: c and r, log-ratios, (n,); beta: above 0; penalty: 0 (`log_ratio_margin`) and above, 50 is the
    paper's. Returns (n,). max(0, -c) is how far the chosen answer fell below its reference.
    Derivative: beta (1 + penalty [c < 0]) in c, -beta in r: no fall of r by less than penalty + 1 times makes up for c's.
    Errors: S301. Not for: flipped pairs, whose wrong answer it holds up; references that are rightly left behind.
    Paper: dpop2024, eq. 3
    """
    _check("beta", beta, 0)
    if not 0 <= penalty < math.inf:
        raise StropError("S301", f"penalty is {penalty}", "0 and above")
    return beta * (chosen - rejected - penalty * torch.relu(-chosen))


def unpaired_margin(log_ratio: Tensor, good: Tensor, *, beta: float, anchor: float | Tensor = 0.0) -> Tensor:
    """beta (c - z) for good answers, beta (z - c) for bad ones: the margin of answers that were judged alone.

    log_ratio: c; good: true or false, both (n,); beta: above 0; anchor: z, what an answer must beat, a number or (n,),
    held without a gradient. Returns (n,). It is defined when all answers are bad (negative-only), or all good.
    KTO: `generalised_cross_entropy` with q 1, z the mean log-ratio of answers to other prompts over the effective batch,
    not below 0. APO-zero: the same with z 0. NPO: 2 / beta times `logistic` of bad answers, z 0. Class weights are
    weights. Noise: none assumed; q 1 is bounded, so a wrong verdict is given up. Derivative: beta for good, -beta for bad.
    Errors: S301 beta, S214. Not for: pairs of one prompt (its difficulty cancels in a pair only); bad answers
    alone for long, which drive c down without end unless something holds the good ones.
    Paper: kto2024, eq. 8; apo2024; npo2024
    """
    _check("beta", beta, 0)
    if log_ratio.shape != good.shape:
        raise StropError("S214", f"shapes {tuple(log_ratio.shape)} and {tuple(good.shape)}", "one verdict an answer")
    held = anchor.detach() if isinstance(anchor, Tensor) else anchor
    return torch.where(good.bool(), beta, -beta) * (log_ratio - held)
