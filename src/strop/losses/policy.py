"""How much better is an answer than the others to its prompt, and how far may a step follow that? Groups of rewards.

Rewards are (prompts, answers): a row is a group. NaN is an answer that was not scored: it is left out, never a 0.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from strop.errors import StropError


class Advantages(NamedTuple):
    """values: (prompts, answers), 0 where there is nothing to learn; scored: the same, what may count in the mean;
    informative: (prompts,), whether a group's rewards differ at all: without any such group a step moves nothing."""

    values: Tensor
    scored: Tensor
    informative: Tensor


def _plain(rewards: Tensor) -> Tensor:
    """Rewards as numbers (verdicts that are true or false are 1 and 0), without a gradient. Errors: S214 not a table."""
    if rewards.ndim != 2:
        raise StropError("S214", f"rewards have shape {tuple(rewards.shape)}", "(prompts, answers): a row a group")
    return 1.0 * rewards.detach()


def _group(rewards: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(rewards less their group's mean, scored, informative, scored answers a group). Errors: S214, S301, S211."""
    rewards = _plain(rewards)
    if rewards.shape[1] < 2:
        raise StropError("S301", f"{rewards.shape[1]} answers a prompt", "2 or more: an answer alone has no rivals")
    if bool(rewards.isinf().any()):
        raise StropError("S211", "a reward is infinite", "leave it out: NaN is an answer that was not scored")
    scored = ~rewards.isnan()
    count = scored.sum(1, keepdim=True)
    known = torch.where(scored, rewards, 0.0)
    high = torch.where(scored, rewards, -math.inf).amax(1)
    low = torch.where(scored, rewards, math.inf).amin(1)
    # rewards that differ by rounding alone do not differ
    informative = high - low > 8 * torch.finfo(rewards.dtype).eps * known.abs().amax(1)
    centred = torch.where(scored & informative[:, None], rewards - known.sum(1, keepdim=True) / count, 0.0)
    return centred, scored, informative, count


def mean_centred(rewards: Tensor) -> Advantages:
    """r - mean of its group: Dr. GRPO's advantage.

    rewards: (prompts, answers), NaN where not scored. An affine change of all rewards scales it and nothing more.
    Noise: none. It is `leave_one_out` times (G - 1) / G. A group whose scored rewards are all equal gets 0, and is told.
    Errors: S301 fewer than two answers a prompt, S211 an infinite reward, S214. Not for: rewards on scales that differ
    from prompt to prompt (`standardised`).
    Paper: drgrpo2025
    """
    centred, scored, informative, _ = _group(rewards)
    return Advantages(centred, scored, informative)


def leave_one_out(rewards: Tensor) -> Advantages:
    """r - mean of the others in its group (RLOO): a baseline that the answer itself has no part in, so unbiased.

    rewards: (prompts, answers), NaN where not scored. Noise: none.
    Errors: S301 fewer than two answers a prompt, S211, S214. Not for: as `mean_centred`.
    Paper: rloo2024
    """
    centred, scored, informative, count = _group(rewards)
    return Advantages(centred * count / (count - 1).clamp(min=1), scored, informative)


def standardised(rewards: Tensor) -> Advantages:
    """(r - mean) / deviation of its group: GRPO's advantage; the deviation is that of these answers (over G, not G - 1).

    rewards: (prompts, answers), NaN where not scored. 0/1 rewards with a share p of 1: sqrt((1 - p) / p) and
    -sqrt(p / (1 - p)). No constant is added to the deviation: a group without one gets 0, and is told.
    Noise: none, and any verifier error that is the same for the whole group cancels, as does its correction.
    Errors: S301 fewer than two answers a prompt, S211, S214. Not for: groups with a deviation that is chance alone, which
    it blows up to 1; prompts that should count by how much is at stake.
    Paper: grpo2024, section 4.1
    """
    return _divided(*_group(rewards)[:3])


def _divided(centred: Tensor, scored: Tensor, informative: Tensor) -> Advantages:
    """By the deviation; first by the largest, so that no square overflows or vanishes."""
    scaled = centred / centred.abs().amax(1, keepdim=True).where(informative[:, None], 1.0)
    variance = scaled.square().sum(1, keepdim=True) / scored.sum(1, keepdim=True)
    return Advantages(scaled / variance.sqrt().where(informative[:, None], 1.0), scored, informative)


def virtual_best(rewards: Tensor, *, best: float = 1.0) -> Advantages:
    """`standardised` with one more answer in each group, whose reward is the best there is: NGRPO.

    rewards: (prompts, answers), none above best, NaN where not scored; best: the highest reward. A group of G answers
    that are all equally wrong gets -1 / sqrt(G) in place of 0; one that is all best gets 0, and is told. The mean is no
    longer 0: every other group is pushed down too. Noise: none; a verifier that fails right answers is believed.
    Errors: S301 best, S211, S214. Not for: unsure verifiers, prompts that cannot be solved; without a clip (the paper's
    is tighter for what is pushed down: `clipped_ratio`'s low below its high).
    Paper: ngrpo2025
    """
    if not math.isfinite(best):
        raise StropError("S301", f"best is {best}", "the highest reward that an answer can get")
    if bool((rewards > best).any()):
        raise StropError("S211", f"a reward is above best, {best}", "best is the highest reward that an answer can get")
    known = _plain(rewards)
    grown = torch.cat([known, known.new_full((len(known), 1), best)], 1)
    values, scored, informative = _divided(*_group(grown)[:3])
    return Advantages(values[:, :-1], scored[:, :-1], informative)


def sign_weighted(advantages: Tensor, *, positive: float, negative: float) -> Tensor:
    """positive * A where A > 0, negative * A where A < 0: how much to learn from right and from wrong answers.

    advantages: any shape, or rewards of 1 and -1; positive, negative: 0 and above, not both 0. PSR: 1 and 0; NSR: 0 and 1;
    weighted REINFORCE: 0.1 and 1. Noise: NSR for verifiers whose passes are doubtful, PSR for those whose fails are.
    Errors: S301. Not for: rewards of 0 and 1 as they are (no wrong answer is below 0).
    Paper: nsr2025
    """
    if not (0 <= positive < math.inf and 0 <= negative < math.inf and positive + negative > 0):
        raise StropError("S301", f"positive {positive}, negative {negative}", "0 and above, and not both 0")
    return torch.where(advantages > 0, positive, negative) * advantages


def verifier_corrected(rewards: Tensor, *, false_pass: float | Tensor, false_fail: float | Tensor) -> Tensor:
    """(r - f0) / (1 - f0 - f1): verdicts whose mean over the verifier's errors is the true one.

    rewards: verdicts of 0 and 1, any shape, NaN where not scored (and so returned); false_pass: f0, how often a wrong
    answer passes; false_fail: f1, how often a right one fails; numbers, or tensors that go with rewards. Returns the
    same shape. Noise: a verifier with these rates. Guarantee: unbiased; its variance grows as (1 - f0 - f1)**-2.
    Errors: S301 a rate outside [0, 1], or f0 + f1 of 1 and more. Not for: `standardised`, where rates that are the same
    for a whole group cancel: `standardised_of_corrected` says so; rates that were guessed.
    Paper: noisy_verifier2025 (backward correction); natarajan2013
    """
    rewards = 1.0 * rewards
    passed, failed = (torch.as_tensor(r, dtype=rewards.dtype, device=rewards.device) for r in (false_pass, false_fail))
    if not all(bool(((rate >= 0) & (rate <= 1)).all()) for rate in (passed, failed)):
        raise StropError("S301", f"false_pass {false_pass}, false_fail {false_fail}", "shares in [0, 1]")
    if not bool((passed + failed < 1 - 1e-6).all()):
        raise StropError("S301", "false_pass + false_fail is 1 or more", "such verdicts say nothing: drop them")
    return (rewards - passed) / (1 - passed - failed)


def standardised_of_corrected(rewards: Tensor, *, false_pass: float | Tensor, false_fail: float | Tensor) -> Advantages:
    """`standardised` of `verifier_corrected`: for rates that differ from answer to answer within a group.

    rewards: (prompts, answers); false_pass, false_fail: as `verifier_corrected`. Rates that are the same for all answers
    to a prompt shift and scale its group, which standardising takes out again: then, in every group, nothing would change.
    Noise: a verifier whose rates depend on the answer (its type, length, language). The corrected rewards are unbiased,
    their ratio to a deviation that goes with the same errors is not: of a planted bias two fifths were left in groups of
    4, a tenth in groups of 16, nothing in groups of 64. `mean_centred` of `verifier_corrected` leaves none at any size.
    Errors: S305 the rates differ within no group; S301, S211, S214. Not for: rates by prompt only, or small groups.
    Paper: noisy_verifier2025; grpo2024
    """
    corrected = verifier_corrected(rewards, false_pass=false_pass, false_fail=false_fail)
    told = False
    for rate in (false_pass, false_fail):
        each = torch.as_tensor(rate, dtype=corrected.dtype, device=corrected.device).expand_as(corrected)
        told = told or bool(_group(each.masked_fill(corrected.isnan(), math.nan))[2].any())
    if not told:
        raise StropError(
            "S305",
            "the verifier's rates are the same within every group: standardising takes their correction out again",
            "rates by answer, or mean_centred of verifier_corrected in place of standardised",
        )
    return standardised(corrected)


def clipped_ratio(
    log_prob: Tensor, old_log_prob: Tensor, advantage: Tensor, *, low: float = 0.2, high: float = 0.2
) -> Tensor:
    """-min(rho A, clip(rho, 1 - low, 1 + high) A), rho = exp(log_prob - old_log_prob): PPO's objective, one value a token.

    log_prob, old_log_prob, advantage: of one shape, a token each (or a sequence: its mean log-ratio); old_log_prob is held
    without a gradient: pass log_prob itself when the policy has not moved. low in [0, 1], high above 0; 0.2 and 0.28: DAPO.
    Derivative: -rho A; 0 where A > 0 and rho > 1 + high, or A < 0 and rho < 1 - low.
    The mean is the caller's weights: 1 for each token (DAPO), 1 / length (GRPO); 0 where the answer was not scored.
    Noise: none. Errors: S301. Not for: A < 0 with a rho far above 1, where it is unbounded: the samples are too old.
    Paper: ppo2017, eq. 7; dapo2025 (two bounds); grpo2024
    """
    if not (0 <= low <= 1 and 0 <= high < math.inf):
        raise StropError("S301", f"low {low}, high {high}", "low in [0, 1], high 0 and above")
    ratio = torch.exp(log_prob - old_log_prob.detach())
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - low, 1 + high) * advantage)


def reference_kl(log_prob: Tensor, reference_log_prob: Tensor) -> Tensor:
    """exp(d) - d - 1, d = reference - policy: Schulman's k3, one value a token; never below 0, 0 where both agree.

    log_prob, reference_log_prob: of one shape, of tokens that the policy itself drew. Its mean is KL(policy || reference).
    Derivative: 1 - exp(d): on average the gradient of KL(reference || policy), the other one, when used as a loss.
    Noise: none. Not for: tokens that another policy drew (weigh them); d far above 0, where it explodes.
    Paper: kl_approx2020; grpo2024, eq. 4
    """
    gap = reference_log_prob - log_prob
    return torch.expm1(gap) - gap
