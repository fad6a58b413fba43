"""What holds for every channel: planted as stated, undone without bias, and a likelihood that adds up."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from strop import catalogue
from strop.channels import ConstantFlips, CovariateFlips, Exposure, GroupFlips
from strop.losses.pairwise import hinge, logistic, slope_of_unflipping, squared
from strop.records import Judgements

lawful = settings(derandomize=True, deadline=None, max_examples=30)
RATES = np.array([0.0, 0.05, 0.2, 0.35, 0.45])
CHANNELS = {
    "symmetric": ConstantFlips(0.2, 0.2),
    "by class": ConstantFlips(0.1, 0.3),
    "by record": GroupFlips("record", np.linspace(0, 0.45, 64), np.linspace(0.3, 0, 64)),
    "by rater": GroupFlips("rater", RATES, RATES),
    "by margin": CovariateFlips("margin", 1.0, -1.5),
    "by length": CovariateFlips("length", -4.0, 0.8),
    "by popularity": CovariateFlips("popularity", 0.5, -0.4),
    "exposure": Exposure(1000.0, 0.5),
}
each = pytest.mark.parametrize("channel", CHANNELS.values(), ids=CHANNELS)


def world(n: int, *, seed: int = 0) -> Judgements:
    """True verdicts with all covariates."""
    chance = np.random.default_rng(seed)
    covariates = {
        "record": np.arange(n) % 64,
        "rater": chance.integers(0, 5, n),
        "margin": chance.normal(0, 2, n),
        "length": np.exp(chance.normal(4, 1, n)),
        "popularity": np.ceil(np.minimum(1000, np.exp(chance.normal(3, 1.5, n)))),
    }
    return Judgements(chance.random(n) < 0.4, covariates)


def seen_as(judgements: Judgements, positive: np.ndarray) -> Judgements:
    return Judgements(positive, judgements.covariates)


def test_every_channel_stands_under_these_laws():
    known = {e.code for e in catalogue.entries() if e.room == "channel"}
    assert known == {type(c).__name__ for c in CHANNELS.values()}


@each
def test_planted_as_stated(channel):
    """The share of flips in each class is the mean of its rates, within 4.5 standard deviations of 40,000 records."""
    truth = world(40_000)
    seen = channel.corrupt(truth, seed=3).positive
    for rates, rows in zip(channel.rates(truth), (truth.positive, ~truth.positive)):
        expected = rates[rows]
        flipped = (seen != truth.positive)[rows]
        assert abs(flipped.mean() - expected.mean()) <= 4.5 * np.sqrt((expected * (1 - expected)).sum()) / rows.sum()


@each
def test_same_seed_same_verdicts_and_the_truth_is_left_alone(channel):
    truth = world(500)
    before = truth.positive.copy()
    first, again, other = (channel.corrupt(truth, seed=s).positive for s in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert np.array_equal(truth.positive, before)


@each
def test_each_repeat_passes_through_anew(channel):
    truth = world(20_000)
    truth = Judgements(truth.positive, truth.covariates, repeats=np.tile(truth.positive[:, None], (1, 2)))
    seen = channel.corrupt(truth, seed=5)
    missed, invented = channel.rates(truth)
    rate = np.where(truth.positive, missed, invented)
    expected = (2 * rate * (1 - rate)).mean()
    for one, two in ((seen.positive, seen.repeats[:, 0]), (seen.repeats[:, 0], seen.repeats[:, 1])):
        assert np.mean(one != two) == pytest.approx(expected, abs=4.5 * np.sqrt(expected / 20_000))


@each
@pytest.mark.parametrize("loss", [logistic, hinge, squared])
@given(seed=st.integers(0, 1000))
@lawful
def test_the_mean_of_backward_over_all_draws_is_the_clean_loss(channel, loss, seed):
    """Every record's two outcomes are counted out with their probabilities: identity 3, for any loss."""
    truth = world(40, seed=seed)
    toward_truth = torch.tensor(np.random.default_rng(seed).normal(0, 5, 40))
    missed, invented = channel.rates(truth)
    flip = torch.tensor(np.where(truth.positive, missed, invented))
    kept = channel.backward(toward_truth, truth, loss=loss)
    turned = channel.backward(-toward_truth, seen_as(truth, ~truth.positive), loss=loss)
    torch.testing.assert_close((1 - flip) * kept + flip * turned, loss(toward_truth), rtol=1e-9, atol=1e-9)


@each
@given(seed=st.integers(0, 1000))
@lawful
def test_forward_is_minus_the_log_probability_of_what_was_seen(channel, seed):
    """By brute force over the two true labels, and e**-forward sums to 1 over the two that may be seen."""
    seen = world(40, seed=seed)
    score = np.random.default_rng(seed).normal(0, 3, 40)  # toward positive
    missed, invented = channel.rates(seen)
    likes = 1 / (1 + np.exp(-score))
    positive = likes * (1 - missed) + (1 - likes) * invented
    expected = -np.log(np.where(seen.positive, positive, 1 - positive))
    margin = torch.tensor(np.where(seen.positive, score, -score))
    found = channel.forward(margin, seen)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9, atol=1e-12)
    other = channel.forward(-margin, seen_as(seen, ~seen.positive))
    np.testing.assert_allclose((-found).exp() + (-other).exp(), 1.0, rtol=1e-12)


@each
def test_backward_of_the_logistic_loss_is_one_slope(channel):
    seen, margin = world(200), torch.linspace(-8, 8, 200, dtype=torch.float64)
    own, other = (torch.tensor(r) for r in channel.rates_toward(seen))
    sloped = logistic(margin, slope=slope_of_unflipping(own, other))
    torch.testing.assert_close(channel.backward(margin, seen), sloped, rtol=1e-9, atol=1e-9)


@each
@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_both_corrections_keep_shape_and_kind_and_stay_finite_far_out(channel, kind):
    margin = torch.tensor([-1e4, -60.0, 60.0, 1e4], dtype=kind, requires_grad=True)
    for loss in (channel.forward(margin, world(4)), channel.backward(margin, world(4))):
        (slope,) = torch.autograd.grad(loss.sum(), margin)
        assert loss.shape == (4,) and loss.dtype == kind
        assert loss.isfinite().all() and slope.isfinite().all()


def test_no_flips_no_change():
    truth, margin = world(50), torch.linspace(-9, 9, 50)
    clear = ConstantFlips(0.0, 0.0)
    assert np.array_equal(clear.corrupt(truth, seed=0).positive, truth.positive)
    torch.testing.assert_close(clear.forward(margin, truth), logistic(margin))
    torch.testing.assert_close(clear.backward(margin, truth), logistic(margin))
