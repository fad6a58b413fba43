"""A loss that couples records sees the effective batch: k micro-batches, scores first and loss second, equal one batch."""

import pytest
import torch

from strop.losses.denoising import distributionally_robust, trimmed
from strop.losses.log_ratios import unpaired_margin
from strop.losses.pairwise import generalised_cross_entropy, logistic, slope_of_unflipping
from strop.losses.policy import clipped_ratio, standardised
from strop.losses.preference import davidson, log_confidence
from strop.training import weighted_mean
from strop.weights.flipped import chance_meant

N = 24
GENERATOR = torch.Generator().manual_seed(11)
X = torch.randn(N, 5, generator=GENERATOR, dtype=torch.float64)
WEIGHTS = torch.rand(N, generator=GENERATOR, dtype=torch.float64) + 0.2
WEAK = torch.rand(N, generator=GENERATOR, dtype=torch.float64)
GOOD = torch.rand(N, generator=GENERATOR) < 0.5
REWARDS = (torch.rand(N // 4, 4, generator=GENERATOR) < 0.5).double()


def dr_dpo(h):
    losses = logistic(h)
    return weighted_mean(losses, WEIGHTS * distributionally_robust(losses, temperature=0.5))


def trimmed_mean(h):
    losses = logistic(h)
    return weighted_mean(losses, WEIGHTS * trimmed(losses, drop=0.3))


def kto(h):
    """Its anchor is the mean log-ratio of the whole batch, not below 0."""
    margin = unpaired_margin(h, GOOD, beta=1.0, anchor=h.mean().clamp(min=0))
    return weighted_mean(generalised_cross_entropy(margin, q=1.0), WEIGHTS)


def grpo(h):
    return weighted_mean(clipped_ratio(h, h, standardised(REWARDS).values.flatten()), WEIGHTS)


OBJECTIVES = {
    "DPO": lambda h: weighted_mean(logistic(h), WEIGHTS),
    "rDPO, a rate a pair": lambda h: weighted_mean(logistic(h, slope=slope_of_unflipping(WEAK / 3)), WEIGHTS),
    "EM": lambda h: weighted_mean(logistic(h, slope=1 - chance_meant(h, flip_rate=0.2)), WEIGHTS),
    "ties": lambda h: weighted_mean(davidson(h, GOOD, tie=0.7), WEIGHTS),
    "Dr. DPO": dr_dpo,
    "trimmed": trimmed_mean,
    "log-confidence": lambda h: weighted_mean(log_confidence(h, WEAK, confidence=0.5), WEIGHTS),
    "KTO": kto,
    "GRPO": grpo,
}


def start():
    generator = torch.Generator().manual_seed(2)
    first = torch.randn(5, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    second = torch.randn(3, generator=generator, dtype=torch.float64, requires_grad=True)
    return first, second


def scores(model, x):
    """A small model that is not linear, a score a record."""
    return torch.tanh(x @ model[0]) @ model[1]


def in_one_batch(objective):
    model = start()
    objective(scores(model, X)).backward()
    return [p.grad for p in model]


def in_micro_batches(objective, k):
    """Scores of all without a gradient; the loss of all, and its gradient in the scores; then each part back once."""
    model = start()
    with torch.no_grad():
        all_scores = torch.cat([scores(model, part) for part in X.chunk(k)])
    all_scores.requires_grad_()
    (pull,) = torch.autograd.grad(objective(all_scores), all_scores)
    for part, its_pull in zip(X.chunk(k), pull.chunk(k), strict=True):
        scores(model, part).backward(its_pull)
    return [p.grad for p in model]


@pytest.mark.parametrize("k", [2, 6, 24])
@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
def test_micro_batches_equal_one_batch(objective, k):
    for found, expected in zip(in_micro_batches(objective, k), in_one_batch(objective), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "weights", [lambda x: distributionally_robust(x, temperature=0.5), lambda x: trimmed(x, drop=0.3)]
)
def test_a_coupled_loss_a_micro_batch_is_another_loss(weights):
    """Why scores come first: weights of 4 records at a time give another gradient."""
    h = scores(start(), X).detach()
    apart = torch.cat([weights(logistic(part)) for part in h.chunk(6)])
    assert not torch.allclose(apart, weights(logistic(h)), atol=0.1)
