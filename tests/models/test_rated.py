"""A rate a pair: equal to the learner of one rate where all are alike, to autograd where they differ, and refused if false."""

import numpy as np
import pytest
import torch

from strop.channels import GroupFlips
from strop.errors import StropError
from strop.models.recommend.points import PointDraws, PointwiseLearner
from strop.models.recommend.rated import RatedLearner
from strop.records import Clicks, Judgements

TABLE = np.random.default_rng(3).random((30, 20)) < 0.2
CLICKS = Clicks(*np.nonzero(TABLE), np.arange(30), np.arange(20))
MISSED = np.random.default_rng(4).uniform(0, 0.4, (30, 20))
INVENTED = np.random.default_rng(5).uniform(0, 0.4, (30, 20))
SHIFT = np.random.default_rng(6).normal(0, 1, (30, 20))
SETTINGS = {"dimensions": 8, "rate": 0.05, "l2": 0.02, "seed": 5}


def learned(learner, epochs=2):
    for number in range(epochs):
        learner.epoch(number)
    return learner


@pytest.mark.parametrize("loss", ["forward", "backward"])
@pytest.mark.parametrize("unlabelled", [1, 3])
@pytest.mark.parametrize(("missed", "invented"), [(0.0, 0.0), (0.3, 0.1)])
def test_one_rate_for_all_is_the_learner_of_one_rate(loss, unlabelled, missed, invented):
    rates = {"loss": loss, "missed": missed, "invented": invented}
    ours = learned(RatedLearner(CLICKS, **rates, **SETTINGS, draws=PointDraws(CLICKS, unlabelled=unlabelled, seed=5)))
    theirs = learned(
        PointwiseLearner(CLICKS, **rates, **SETTINGS, draws=PointDraws(CLICKS, unlabelled=unlabelled, seed=5))
    )
    start = RatedLearner(CLICKS, loss="forward", missed=0, invented=0, **SETTINGS)
    assert abs(ours.left - start.left).max() > 0.1
    for name in ("left", "right"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=1e-5)


@pytest.mark.parametrize("loss", ["forward", "backward"])
def test_a_rate_for_each_pair_equals_a_loop_of_autograd_on_the_channel(loss):
    """The loss is strop.channels.GroupFlips's own, on the score of the pair plus its shift; float64 beside float32."""
    draws = PointDraws(CLICKS, seed=5)
    settings = {"loss": loss, "missed": MISSED, "invented": INVENTED, "shift": SHIFT}
    learner = RatedLearner(CLICKS, **settings, **SETTINGS, draws=draws)
    tables = [torch.from_numpy(a.astype(np.float64)) for a in (learner.left, learner.right)]
    sums = [torch.full((len(t),), 1e-8, dtype=torch.float64) for t in tables]
    channel = GroupFlips("record", MISSED.ravel(), INVENTED.ravel())
    for number in range(2):
        for users, items, rivals, _ in draws.blocks(number, 8192, (learner.left, learner.right)):
            for u, i, j in zip(users.tolist(), items.tolist(), rivals[0].tolist(), strict=True):
                step_both(tables, sums, channel, loss, u, i, clicked=True)
                step_both(tables, sums, channel, loss, u, j, clicked=False)
    learned(learner)
    for ours, wanted in zip((learner.left, learner.right), tables, strict=True):
        np.testing.assert_allclose(ours, wanted.numpy(), atol=2e-3)


def step_both(tables, sums, channel, loss, u, i, *, clicked):
    """One step on both rows: row-wise Adagrad of the mean squared gradient, then decay by what the rows held before."""
    p, q = (t[k].clone().requires_grad_() for t, k in zip(tables, (u, i), strict=True))
    seen = Judgements(np.array([clicked]), {"record": np.array([u * 20 + i])})
    margin = (1 if clicked else -1) * (p @ q + SHIFT[u, i])
    gradients = torch.autograd.grad(getattr(channel, loss)(margin[None], seen).sum(), (p, q))
    for table, total, row, gradient in zip(tables, sums, (u, i), gradients, strict=True):
        total[row] += gradient.square().mean()
        rate = SETTINGS["rate"] / total[row].sqrt()
        table[row] = table[row] * max(1 - rate * SETTINGS["l2"], 0.5) - rate * gradient


def test_a_state_goes_on_and_another_seed_is_another_model():
    rates = {"loss": "forward", "missed": MISSED, "invented": INVENTED, "shift": SHIFT}
    first, second = (RatedLearner(CLICKS, **rates, **SETTINGS) for _ in range(2))
    learned(first)
    second.load({name: a.copy() for name, a in first.state().items()})
    first.epoch(2), second.epoch(2)
    assert [a.tobytes() for a in first.state().values()] == [a.tobytes() for a in second.state().values()]
    other = learned(RatedLearner(CLICKS, **rates, **{**SETTINGS, "seed": 6}), 3)
    assert (other.left != first.left).any()
    scores = first.scorer().score(np.arange(30)).numpy()
    np.testing.assert_allclose(scores, first.left @ first.right.T, atol=1e-5)


@pytest.mark.parametrize(
    ("code", "settings"),
    [
        ("S301", {"missed": 0.6, "invented": 0.4}),
        ("S301", {"missed": -0.1}),
        ("S301", {"invented": float("nan")}),
        ("S301", {"shift": float("inf")}),
        ("S214", {"missed": np.zeros(3)}),
        ("S301", {"rate": 0.0}),
        ("S301", {"l2": -1.0}),
    ],
)
def test_rates_that_cannot_be_are_refused(code, settings):
    with pytest.raises(StropError) as caught:
        RatedLearner(CLICKS, **{"loss": "forward", "missed": 0.1, "invented": 0.1, **settings})
    assert caught.value.code == code and caught.value.help


def test_divergence_and_a_full_table_are_seen():
    learner = RatedLearner(CLICKS, loss="forward", missed=0, invented=0, rate=1e30, l2=0.0)
    assert not all(np.isfinite(learner.epoch(n)) for n in range(3))
    full = Clicks(*np.nonzero(np.ones((3, 2))), np.arange(3), np.arange(2))
    with pytest.raises(StropError) as caught:
        RatedLearner(full, loss="forward", missed=0, invented=0).epoch(0)
    assert caught.value.code == "S209"
    huge = Clicks(np.zeros(1, int), np.zeros(1, int), np.arange(20_000), np.arange(20_000))
    with pytest.raises(StropError) as caught:
        RatedLearner(huge, loss="forward", missed=0, invented=0)
    assert caught.value.code == "S502"
