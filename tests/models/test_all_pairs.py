"""The step on all pairs: its gradient against autograd, its step against torch's Adam, and what it refuses."""

import numpy as np
import pytest
import torch
from small_worlds import clicks_of, random_table, two_clusters

from strop.errors import StropError
from strop.losses.pairwise import logistic
from strop.losses.pointwise import exposed, squared_sigmoid
from strop.models.recommend.all_pairs import CELL_BYTES, AllPairsLearner
from strop.training import fit
from strop.weights.propensity import unbiased_weights

CLICKS = clicks_of(random_table(17, 9, seed=4))
PROPENSITY = np.random.default_rng(5).uniform(0.2, 1, len(CLICKS))
LOSSES = {"squared_sigmoid": squared_sigmoid, "logistic": logistic}


def learner(loss="squared_sigmoid", **settings):
    as_like, as_other = unbiased_weights(PROPENSITY, clip=0.3)
    plain = {"dimensions": 4, "l2": 0.02, "seed": 1}
    return AllPairsLearner(CLICKS, as_like=as_like, as_other=as_other, loss=loss, **(plain | settings))


def objective(tables, loss, l2):
    """The sum over all pairs, written plainly in float64: (without l2, with it)."""
    left, right, bias = tables
    clicked, propensity = torch.zeros(17, 9).double(), torch.ones(17, 9).double()
    clicked[CLICKS.users, CLICKS.items] = 1
    propensity[CLICKS.users, CLICKS.items] = torch.from_numpy(PROPENSITY)
    scores = left @ right.T + bias
    losses = exposed(LOSSES[loss](scores), LOSSES[loss](-scores), clicked, propensity, clip=0.3)
    squares = left.square().sum(1)[:, None] + right.square().sum(1)
    return losses.sum(), (losses + l2 / 2 * squares).sum()


@pytest.mark.parametrize("loss", list(LOSSES))
def test_gradients_and_loss_are_those_of_the_formula(loss):
    """Also block by block: room for two users only gives the same."""
    for settings in ({}, {"memory_bytes": 2 * 9 * CELL_BYTES}):
        made = learner(loss, **settings)
        made.tables["bias"].copy_(torch.linspace(-1, 1, 9))
        tables = [t.double().requires_grad_() for t in made.tables.values()]
        value, whole = objective(tables, loss, 0.02)
        total, gradients = made.gradients()
        assert made.block == (2 if settings else 29127)
        assert total == pytest.approx(value.item(), rel=1e-5)
        for expected, found in zip(torch.autograd.grad(whole, tables), gradients.values(), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_steps_are_those_of_adam():
    made = learner(rate=0.01, bias_rate=0.03)
    tables = [t.double().requires_grad_() for t in (t.clone() for t in made.tables.values())]
    groups = [{"params": tables[:2], "lr": 0.01}, {"params": tables[2:], "lr": 0.03}]
    adam = torch.optim.Adam(groups)
    for number in range(20):
        adam.zero_grad()
        value, whole = objective(tables, "squared_sigmoid", 0.02)
        whole.backward()
        adam.step()
        assert made.epoch(number) == pytest.approx(value.item() / (17 * 9), rel=1e-4)
    for expected, found in zip(tables, made.tables.values(), strict=True):
        np.testing.assert_allclose(found, expected.detach(), atol=1e-4)


def test_without_a_rate_biases_stay_at_0():
    made = learner(bias_rate=0.0)
    made.epoch(0)
    assert not made.tables["bias"].any() and learner().tables["left"].ne(made.tables["left"]).any()


def test_a_stopped_run_goes_on_to_the_same_bytes(tmp_path):
    whole = fit(learner(), epochs=8).scorer.state()
    fit(learner(), epochs=3, folder=tmp_path)
    resumed = fit(learner(), epochs=8, folder=tmp_path).scorer.state()
    assert all(a.tobytes() == resumed[name].tobytes() for name, a in whole.items())


def test_it_finds_planted_tastes():
    """Two clusters of tastes, 5 times more clicks inside than outside: inside scores higher for every user but a few."""
    clicks = clicks_of(two_clusters())
    made = AllPairsLearner(clicks, dimensions=8, rate=0.02)
    scores = fit(made, epochs=150).scorer.score(np.arange(200)).numpy()
    own = (np.arange(30) >= 15) == (np.arange(200) % 2 == 1)[:, None]
    inside, outside = (np.where(side, scores, np.nan) for side in (own, ~own))
    assert (np.nanmean(inside, axis=1) > np.nanmean(outside, axis=1)).mean() > 0.97


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"memory_bytes": 9 * CELL_BYTES - 1}, "S502"),
        ({"as_like": np.ones(3)}, "S214"),
        ({"as_other": np.full(len(CLICKS), np.nan)}, "S211"),
        ({"rate": 0.0}, "S301"),
        ({"l2": -1.0}, "S301"),
        ({"bias_rate": -1.0}, "S301"),
        ({"dimensions": 0}, "S301"),
    ],
)
def test_what_makes_no_sense_is_refused(settings, code):
    with pytest.raises(StropError) as error:
        AllPairsLearner(CLICKS, **settings)
    assert error.value.code == code
    with pytest.raises(StropError) as error:
        AllPairsLearner(CLICKS.take(np.zeros(len(CLICKS), bool)))
    assert error.value.code == "S209"


def test_a_step_that_runs_away_is_told():
    with pytest.raises(StropError) as error:
        fit(learner(rate=1e30), epochs=3)
    assert error.value.code == "S601"
