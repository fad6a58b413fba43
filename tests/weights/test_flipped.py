"""Rounds of EM for flipped labels: by hand, by law, and with flips that were planted."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.channels.flips import ConstantFlips
from strop.errors import StropError
from strop.losses.pairwise import forward_flip, logistic
from strop.records import Judgements
from strop.weights.flipped import chance_meant, em_flip_rate

margins = st.lists(st.floats(-40, 40), min_size=1, max_size=30).map(lambda h: torch.tensor(h, dtype=torch.float64))
rates = st.floats(0.01, 0.99)
lawful = settings(derandomize=True, deadline=None, max_examples=60)
WRONG = torch.tensor([-2.0, 0.0, 3.0], dtype=torch.float64)


def test_by_hand():
    """h = log 3 (s = 3/4), e = 0.2: 0.8 * 3/4 / (0.8 * 3/4 + 0.2 * 1/4) = 12/13; with q = 0.4: 0.6 / 0.7 = 6/7.

    One round from 0.2 over margins log 3 and -log 3: 1 - 12/13 = 1/13, 1 - 0.8/4 / (0.8/4 + 0.2 * 3/4) = 3/7: 0.252747.
    """
    h = torch.tensor([math.log(3.0), -math.log(3.0)], dtype=torch.float64)
    assert chance_meant(h, flip_rate=0.2)[0].item() == pytest.approx(12 / 13)
    assert chance_meant(h, flip_rate=0.2, other_rate=0.4)[0].item() == pytest.approx(6 / 7)
    assert em_flip_rate(h, start=0.2, rounds=1).rate == pytest.approx((1 / 13 + 3 / 7) / 2)


@given(h=margins, r=rates, q=rates)
@lawful
def test_the_step_of_em_is_the_step_of_the_likelihood(h, r, q):
    """w l(h) + (1 - w) l(-h), w held, has the gradient of -log((1 - r) s(h) + q s(-h)), and of the channel's forward."""
    one, other, third = (h.clone().requires_grad_() for _ in range(3))
    w = chance_meant(one, flip_rate=r, other_rate=q)
    assert not w.requires_grad and ((w >= 0) & (w <= 1)).all()
    (of_em,) = torch.autograd.grad((w * logistic(one) + (1 - w) * logistic(-one)).sum(), one)
    (of_slope,) = torch.autograd.grad(logistic(third, slope=1 - w).sum(), third)
    (of_forward,) = torch.autograd.grad(forward_flip(other, flip_rate=r, other_rate=q).sum(), other)
    torch.testing.assert_close(of_em, of_forward, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(of_slope, of_forward, rtol=1e-9, atol=1e-12)
    channel = ConstantFlips(r, q).forward(other, Judgements(np.ones(len(h), bool)))
    torch.testing.assert_close(torch.autograd.grad(channel.sum(), other)[0], of_em, rtol=1e-9, atol=1e-12)


@given(h=margins.filter(lambda h: bool(h.any())), start=rates)
@lawful
def test_the_likelihood_never_falls(h, start):
    """And where it stands still no other rate does better: it has one top only."""
    found = em_flip_rate(h, start=start, rounds=3000)
    assert (np.diff(found.likelihoods) >= -1e-12).all()
    assert 0 <= found.rate <= 1
    if len(found.likelihoods) < 3000:
        best = max(-forward_flip(h, flip_rate=e).mean().item() for e in np.linspace(0.001, 0.999, 99))
        assert found.likelihoods[-1] >= best - 1e-5


def test_the_likelihood_never_falls_when_the_model_learns_in_between():
    """Rounds of (weights, model to its optimum, rate) on 4 000 pairs in 3 features, 0.25 flipped: found within 0.03.

    EM is slow: 40 rounds are too few. What is suspected, 1 - weight, puts the flipped first (AUC above 0.8).
    """
    generator = np.random.default_rng(7)
    x = torch.from_numpy(generator.normal(size=(4000, 3)))
    truth = torch.from_numpy(generator.random(4000)) < torch.sigmoid(x @ torch.tensor([3.0, -2.0, 1.0]).double())
    flipped = torch.from_numpy(generator.random(4000) < 0.25)
    signed = torch.where((truth ^ flipped)[:, None], x, -x)
    theta, rate, likelihoods = torch.zeros(3, dtype=x.dtype, requires_grad=True), 0.1, []
    for _ in range(100):
        w = chance_meant(signed @ theta, flip_rate=rate)
        optimiser = torch.optim.LBFGS([theta], max_iter=50, line_search_fn="strong_wolfe")

        def closure(optimiser=optimiser, w=w):
            optimiser.zero_grad()
            loss = logistic(signed @ theta, slope=1 - w).mean()
            loss.backward()
            return loss

        optimiser.step(closure)
        found = em_flip_rate(signed @ theta, start=rate, rounds=1)
        rate = found.rate
        likelihoods.append(found.likelihoods[-1])
    assert (np.diff(likelihoods) >= -1e-10).all()
    assert rate == pytest.approx(0.25, abs=0.03)
    suspicion = 1 - found.weights
    auc = (suspicion[flipped][:, None] > suspicion[~flipped]).double().mean().item()
    assert auc > 0.8


def test_planted_flips_are_counted():
    """40 000 labels of calibrated margins of deviation 2, 0.15 flipped: within 0.01. Margins twice too sure: too many."""
    generator = np.random.default_rng(3)
    h = generator.normal(0, 2, 40_000)
    label = (generator.random(40_000) < 1 / (1 + np.exp(-h))) ^ (generator.random(40_000) < 0.15)
    toward = torch.from_numpy(np.where(label, h, -h))
    assert em_flip_rate(toward).rate == pytest.approx(0.15, abs=0.01)
    assert em_flip_rate(2 * toward).rate > 0.19
    assert em_flip_rate(toward / 2).rate < 0.11


def test_no_flips_are_no_doubt():
    assert (chance_meant(WRONG, flip_rate=0.0) == 1).all()
    assert (chance_meant(torch.tensor([-1e4, -60.0]), flip_rate=0.2).isfinite()).all()


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: chance_meant(WRONG, flip_rate=1.1), "S301"),
        (lambda: chance_meant(WRONG, flip_rate=0.1, other_rate=-0.1), "S301"),
        (lambda: chance_meant(WRONG, flip_rate=1.0, other_rate=0.0), "S301"),
        (lambda: chance_meant(WRONG, flip_rate=torch.tensor([0.1, math.nan, 0.1])), "S301"),
        (lambda: em_flip_rate(WRONG, start=0.0), "S301"),
        (lambda: em_flip_rate(WRONG, rounds=0), "S301"),
        (lambda: em_flip_rate(WRONG[:0]), "S202"),
        (lambda: em_flip_rate(torch.tensor([1.0, math.nan])), "S211"),
        (lambda: em_flip_rate(0 * WRONG), "S305"),
    ],
)
def test_what_is_refused(call, code):
    with pytest.raises(StropError) as error:
        call()
    assert error.value.code == code
