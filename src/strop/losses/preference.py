"""What if two answers are as good as each other, or the label is a weaker teacher's? Losses of ties and of self-trust."""

import math

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from strop.errors import StropError
from strop.losses.pairwise import logistic


def _checked_tie(margin: Tensor, tied: Tensor, tie: float | Tensor) -> Tensor:
    """The tie parameter as a tensor. Errors: S214 shapes; S301 below 0, or 0 where a record is tied."""
    if margin.shape != tied.shape:
        raise StropError("S214", f"shapes {tuple(margin.shape)} and {tuple(tied.shape)}", "one verdict a margin")
    value = torch.as_tensor(tie, dtype=margin.dtype, device=margin.device)
    if not bool(((value >= 0) & (value < math.inf)).all()):
        raise StropError("S301", f"tie is {tie}", "0 and above")
    if bool(tied.any()) and bool((value == 0).any()):
        raise StropError("S301", "tie is 0, and some records are tied", "above 0: at 0 a tie has no chance at all")
    return value


def rao_kupper(margin: Tensor, tied: Tensor, *, tie: float | Tensor) -> Tensor:
    """-log s(h - t), or of s(h + t) - s(h - t) for a tie: a gap too small to be noticed is called a tie.

    margin: (n,), towards the chosen answer, or either one of a tie; tied: (n,), true or false; tie: t, the least gap that
    is noticed, 0 and above (log of the paper's theta; t = 0 is `logistic`, and no record may be tied). A tensor can be
    learned; it stays above 0. Returns (n,). The chances of win, tie and loss sum to 1: s(h - t), the rest, s(-h - t).
    Derivative: -s(t - h) for a win, s(h + t) - s(t - h) for a tie, which draws h to 0.
    Noise: judges who cannot tell small gaps apart; no wrong labels. Errors: S301 tie, S214.
    Not for: ties that mean "I did not look"; labels that were forced, where no tie is ever seen (t then cannot be told).
    Paper: rao_kupper1967; dpo_ties2024
    """
    t = _checked_tie(margin, tied, tie)
    win, lose = -logsigmoid(margin - t), -logsigmoid(-margin - t)
    # P(tie) = (e^2t - 1) P(win) P(loss); the inner where keeps a tie of 0 from making NaN where nothing is tied
    known = torch.where(t > 0, t, 1.0)
    return torch.where(tied.bool(), win + lose - 2 * known - torch.log(-torch.expm1(-2 * known)), win)


def davidson(margin: Tensor, tied: Tensor, *, tie: float | Tensor) -> Tensor:
    """-log of e^(h/2) / Z, or of tie / Z for a tie, with Z = e^(h/2) + e^(-h/2) + tie: a tie as a third answer.

    margin, tied: as `rao_kupper`; tie: 0 (`logistic`, and no record may be tied) and above; equals tie with the chance
    tie / (2 + tie), and a tie's odds are the geometric mean of the two others' times it. A tensor can be learned; it
    stays above 0. Returns (n,). Derivative: -(P(loss) + P(tie) / 2) for a win, (P(win) - P(loss)) / 2 for a tie.
    Noise: judges for whom a tie is a choice of its own; no wrong labels. Errors: S301 tie, S214.
    Not for: as `rao_kupper`; it lets ties die out with half the rate at which losses do, whatever the margin.
    Paper: davidson1970; dpo_ties2024
    """
    strength = torch.log(_checked_tie(margin, tied, tie))
    half = strength - margin / 2  # log of the tie's odds against a win
    win = -logsigmoid(-torch.logaddexp(-margin, half))
    return torch.where(tied.bool(), win - torch.where(tied.bool(), half, 0.0), win)


def hardened(logits: Tensor, weak: Tensor) -> Tensor:
    """1 for the highest logits, as many as the weak labels add up to, else 0: one's own verdicts, in the teacher's balance.

    logits, weak: (n,), weak in [0, 1]: chances of a yes. Returns (n,) without a gradient; its sum is sum(weak), rounded.
    Of equal logits the first are taken. It couples records: give it the effective batch.
    Errors: S211 weak outside [0, 1], S214. Not for: a teacher whose share of yes is itself far off.
    Paper: weak_to_strong2023, section 4.3 (there a quantile; here a count, which is exact)
    """
    if logits.shape != weak.shape:
        raise StropError("S214", f"shapes {tuple(logits.shape)} and {tuple(weak.shape)}", "one label a record")
    if not bool(((weak >= 0) & (weak <= 1)).all()):
        raise StropError("S211", "a weak label is outside [0, 1]", "it is the chance of a yes")
    order = logits.detach().argsort(descending=True, stable=True)
    labels = torch.zeros_like(logits, requires_grad=False)
    labels[order[: round(float(weak.sum()))]] = 1
    return labels


def log_confidence(logits: Tensor, weak: Tensor, *, confidence: float) -> Tensor:
    """Cross-entropy to (1 - c) weak + c `hardened`: a strong student may keep to its own verdict against its teacher's.

    logits: (n,), of a yes (for a pair: the margin of the first answer); weak: (n,), the teacher's chances, in [0, 1];
    confidence: c in [0, 1]; 0 is plain, the paper warms it up from 0 to 0.5. Returns (n,). With target y it is
    `logistic` with the slope 1 - y. Derivative: s(logit) - y. It couples records by `hardened`: the effective batch.
    Noise: a teacher who errs by habit, where the student begins to know better; nothing is guaranteed.
    Errors: S301, S211, S214. Not for: the first steps (it hardens what is chance); a student no better than its teacher.
    Paper: weak_to_strong2023, section 4.3
    """
    if not 0 <= confidence <= 1:
        raise StropError("S301", f"confidence is {confidence}", "allowed: [0, 1]; 0.5 at the end is usual")
    own = hardened(logits, weak)
    return logistic(logits, slope=1 - ((1 - confidence) * weak + confidence * own))
