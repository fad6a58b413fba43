"""What is a stated confidence worth? Rewards for sureness that goes with quality: by order in a batch, or by a proper score."""

import math
from typing import Literal

import torch
from torch import Tensor

from strop.errors import StropError

BOUND = 5.0  # what the released code holds its rewards to
CLIP = 0.01  # a logarithm reads confidences as from here to 1 - it: else one sure error outweighs all


def _columns(confidence: Tensor, quality: Tensor, name: str) -> tuple[Tensor, Tensor, Tensor]:
    """(confidence, quality, which are stated), as numbers without a gradient. Errors: S214, S211."""
    if confidence.ndim != 1 or confidence.shape != quality.shape:
        told = f"confidence has shape {tuple(confidence.shape)}, {name} {tuple(quality.shape)}"
        raise StropError("S214", told, "(batch,) both")
    confidence, quality = 1.0 * confidence.detach(), 1.0 * quality.detach()
    outside = ~(confidence.isnan() | ((confidence >= 0) & (confidence <= 1)))
    if bool(outside.any()):
        row = int(outside.nonzero()[0])
        told = f"confidence {float(confidence[row])} is outside its range"
        raise StropError("S211", told, "from 0 to 1, or NaN where none was stated", row=row + 1)
    bad = ~quality.isfinite()
    if bool(bad.any()):
        row = int(bad.nonzero()[0])
        told = f"{name} is {float(quality[row])}"
        raise StropError("S211", told, "leave out answers without a verdict, before rewards are made", row=row + 1)
    return confidence, quality.to(confidence.dtype), ~confidence.isnan()


def order_preserving_reward(
    confidence: Tensor,
    quality: Tensor,
    group: Tensor | None = None,
    *,
    reduce: Literal["mean", "sum"] = "mean",
    standardise: bool = True,
) -> Tensor:
    """sum over j of (c_i - c_j)(q_i - q_j): an answer should be surer than the worse ones. CONQORD's alignment reward.

    confidence: (B,) from 0 to 1, NaN where none was stated: it takes no part and gets NaN; quality: (B,), any scale; group: (B,)
    whole numbers, answers are compared within one; None: all with all. B is the EFFECTIVE batch: gather all micro-batches first,
    parts of a batch have other rewards. reduce: mean divides by the answers compared, so that its scale is not the batch's;
    standardise: quality by its mean and deviation first, so that it is not quality's scale either; equal qualities get 0.
    Closed form, in O(B): n [(c_i - mean c)(q_i - mean q) + mean of that product].
    Noise: none; it is linear in the confidence, so its optimum is 1 above the mean quality and 0 below: order is learned,
    calibration is not. Errors: S209 fewer than two stated confidences to compare, S211 a quality or confidence that is no
    number or out of range (its row), S214, S301. Not for: probabilities that are to be used as they are (`proper_score_reward`, or a
    monotone map behind it); a batch of one, on which it is 0 whatever was said.
    Paper: conqord2024 (the sum, unstandardised)
    """
    if reduce not in ("mean", "sum"):
        raise StropError("S301", f'reduce is "{reduce}"', "mean or sum")
    confidence, quality, stated = _columns(confidence, quality, "quality")
    if group is not None and group.shape != confidence.shape:
        raise StropError("S214", f"group has shape {tuple(group.shape)}", f"{tuple(confidence.shape)}")
    number = (
        torch.zeros_like(stated, dtype=torch.long) if group is None else torch.unique(group, return_inverse=True)[1]
    )
    size = int(number.max()) + 1 if len(number) else 0
    counts = torch.bincount(number[stated], minlength=size)
    if not size or bool((counts < 2).any()):
        told = f"{int(counts.min()) if size else 0} answers with a stated confidence"
        mend = "a batch of one has no order: 8 answers or more together, gathered from all micro-batches"
        raise StropError("S209", told + ("" if group is None else " in a group"), mend)
    found = torch.full_like(confidence, math.nan)
    number, c, q = number[stated], confidence[stated].double(), quality[stated].double()
    n = counts[number].double()

    def mean(values: Tensor) -> Tensor:
        return (torch.zeros(size, dtype=values.dtype).index_add(0, number, values) / counts)[number]

    c, q = c - mean(c), q - mean(q)
    if standardise:
        largest = torch.zeros(size, dtype=q.dtype).scatter_reduce(0, number, quality[stated].double().abs(), "amax")
        flat = q.abs() <= 8 * torch.finfo(confidence.dtype).eps * largest[number]  # equal but for rounding
        q = torch.where(flat, 0.0, q)
        deviation = mean(q.square()).sqrt()
        q = torch.where(deviation > 0, q / deviation.where(deviation > 0, 1.0), 0.0)
    reward = c * q + mean(c * q)
    found[stated] = (reward if reduce == "mean" else n * reward).to(found.dtype)
    return found


def proper_score_reward(confidence: Tensor, right: Tensor, *, kind: Literal["brier", "log"] = "brier") -> Tensor:
    """-(c - r)^2 (brier), or r log c + (1 - r) log(1 - c) (log): highest where c is the chance of being right.

    confidence: (B,) from 0 to 1, NaN where none was stated, which gets NaN; right: (B,), 1 or 0. log reads a confidence as from
    0.01 to 0.99 (so 0 and 1 are no better and no worse than these): a sure error costs 4.6, not infinity. The paper adds it
    to the verdict: right - (c - r)^2. Noise: labels turned at rate e pull c towards e + (1 - 2e) p; the order of two answers is
    kept for e below one half. Errors: S211 right that is not 1 or 0, a confidence out of range (its row); S214; S301.
    Not for: qualities that are no verdicts (`order_preserving_reward`).
    Paper: rlcr2025 (brier); rewarding_doubt2026 (log)
    """
    if kind not in ("brier", "log"):
        raise StropError("S301", f'kind is "{kind}"', "brier or log")
    confidence, right, _ = _columns(confidence, right, "right")
    odd = (right != 0) & (right != 1)
    if bool(odd.any()):
        row = int(odd.nonzero()[0])
        raise StropError("S211", f"right is {float(right[row])}", "1 or 0", row=row + 1)
    if kind == "brier":
        return -(confidence - right).square()
    bounded = confidence.clamp(CLIP, 1 - CLIP)
    return torch.where(right > 0, bounded.log(), torch.log1p(-bounded))


def dual_reward(
    confidence: Tensor,
    quality: Tensor,
    *,
    reward: Literal["order", "order_sum", "quality", "pre", "brier", "log"] = "order",
    alpha: float = 10.0,
) -> Tensor:
    """z + alpha x what the stated confidence is worth, z the quality standardised in the step: CONQORD's total reward, and rivals.

    confidence: (B,), NaN where it could not be read: such an answer gets the least of the step, since a confidence is asked for;
    quality: (B,), NaN where not scored, which gets NaN. order: the mean form, `order_preserving_reward`; brier, log:
    `proper_score_reward`; quality: z alone; order_sum: as released, q + alpha x the sum, held to +-5; pre: (2q - 1)(2c - 1), what a
    reward model says that was taught "right and sure, or wrong and unsure" (reconstructed). alpha: 0 and above; quality and
    pre have none. order at alpha 0 is quality. Noise: none. Errors: S209 fewer than two answers with both; S301; as those two
    functions. Not for: answers of a part of a step: gather them first.
    Paper: conqord2024; rlcr2025; rewarding_doubt2026
    """
    if reward not in ("order", "order_sum", "quality", "pre", "brier", "log") or not 0 <= alpha < math.inf:
        raise StropError(
            "S301", f'reward "{reward}", alpha {alpha}', "order, order_sum, quality, pre, brier, log; 0 and above"
        )
    found = torch.full_like(quality, math.nan)
    scored = ~quality.isnan()
    stated = scored & ~confidence.isnan()
    q, c = quality[stated], confidence[stated]
    if len(q) < 2:
        told = f"{len(q)} of {len(quality)} answers of a step have a confidence that can be read, and a verdict"
        raise StropError("S209", told, "the line is not written yet: more --format-steps, or a higher --format-rate")
    if reward == "pre":
        found[stated] = (2 * q - 1) * (2 * c - 1)
    elif reward == "order_sum":
        worth = order_preserving_reward(c, q, reduce="sum", standardise=False)
        found[stated] = (q + alpha * worth).clamp(-BOUND, BOUND)
    else:
        found[stated] = _standardised(q) + (0.0 if reward == "quality" else alpha * _worth(c, q, reward))
    found[scored & ~stated] = float(found[stated].min())
    return found


def _standardised(quality: Tensor) -> Tensor:
    deviation = quality.std(unbiased=False)
    even = float(deviation) <= 8 * torch.finfo(quality.dtype).eps * float(quality.abs().max())
    return torch.zeros_like(quality) if even else (quality - quality.mean()) / deviation


def _worth(confidence: Tensor, quality: Tensor, reward: str) -> Tensor:
    if reward == "order":
        return order_preserving_reward(confidence, quality)
    return proper_score_reward(confidence, quality, kind="log" if reward == "log" else "brier")
