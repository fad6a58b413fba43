"""Does the compiled pass learn what a plain loop in torch learns, from rivals that are what they should be?"""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from small_worlds import clicks_of, random_table

from strop.errors import StropError
from strop.losses import pairwise
from strop.models.recommend import kernel
from strop.models.recommend.matrix_factorisation import START, Draws, PairwiseLearner, initial_vectors

LOSSES = {
    "logistic": lambda h, x: pairwise.logistic(h, slope=x),
    "hinge": lambda h, x: pairwise.hinge(h, width=x),
    "squared": lambda h, x: pairwise.squared(h, target=x),
    "generalised_cross_entropy": lambda h, x: pairwise.generalised_cross_entropy(h, q=x),
}


def epoch_of(draws, number=0, size=kernel.BLOCK, factors=None):
    """(users, items, rivals, weights) of a whole epoch."""
    factors = factors or (np.zeros((1, 1), np.float32), np.zeros((1, 1), np.float32))
    blocks = [[a.copy() for a in drawn] for drawn in draws.blocks(number, size, factors)]
    return [np.concatenate(parts) for parts in zip(*blocks, strict=True)]


def slowly(clicks, draws, *, loss, x, dimensions, rate, l2, bias_rate, seed, epochs):
    """A record at a time by autograd in float64: row-wise Adagrad, sums of the mean squared gradient of a row's record.

    The decay l2 * weight takes the same step, and is not part of the sums.
    """
    left, right = (torch.from_numpy(v).double() for v in initial_vectors(clicks, dimensions=dimensions, seed=seed))
    bias = torch.zeros(clicks.n_items, dtype=torch.float64)
    tables = (left, right, bias)
    sums = [torch.full((len(t),), START, dtype=torch.float64) for t in tables]
    for number in range(epochs):
        for u, i, j, w in zip(*epoch_of(draws, number), strict=True):
            rows = [t[k].clone().requires_grad_() for t, k in zip((left, right, right, bias, bias), (u, i, j, i, j))]
            margin = rows[0] @ (rows[1] - rows[2]) + rows[3] - rows[4]
            (float(w) * LOSSES[loss](margin, x)).backward()
            places = ((0, u), (1, i), (1, j), (2, i), (2, j))[: 5 if bias_rate else 3]
            for (table, k), row in zip(places, rows):
                sums[table][k] += row.grad.square().mean()
                step = (bias_rate if table == 2 else rate) / sums[table][k].sqrt()
                tables[table][k] -= step * (row.grad + l2 * float(w) * row.detach())
    return left, right, bias


CASES = [
    ("logistic", 0.0, False, 0.0),
    ("logistic", 0.2, True, 0.03),
    ("logistic", -0.3, True, 0.0),
    ("hinge", 1.0, True, 0.03),
    ("squared", 1.5, True, 0.03),
    ("generalised_cross_entropy", 0.7, True, 0.03),
]


@pytest.mark.parametrize(("loss", "x", "weighted", "bias_rate"), CASES)
def test_the_compiled_pass_equals_a_loop_of_autograd(loss, x, weighted, bias_rate):
    """Two epochs over some 200 clicks; float32 against float64, so to 2e-3 of vectors that have moved by about 0.5."""
    clicks = clicks_of(random_table(25, 20, seed=4, share=0.2))
    weights = np.random.default_rng(1).uniform(0.2, 3, len(clicks)) if weighted else None
    draws = Draws(clicks, weights=weights, seed=5)
    settings = {"dimensions": 8, "rate": 0.05, "l2": 0.02, "bias_rate": bias_rate, "seed": 5}
    learner = PairwiseLearner(clicks, loss=loss, parameter=x, draws=draws, **settings)
    start = learner.left.copy()
    for number in range(2):
        learner.epoch(number)
    wanted = slowly(clicks, draws, loss=loss, x=x, epochs=2, **settings)
    assert abs(learner.left - start).max() > 0.2
    for ours, theirs in zip((learner.left, learner.right, learner.bias), wanted, strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), atol=2e-3)


@pytest.mark.parametrize("loss", LOSSES)
def test_loss_and_slope_are_those_of_the_losses(loss):
    """The reported mean is that of every 16th record; here all margins are the same, so it is the loss of one."""
    x = 0.7
    for margin in (-30.0, -2.0, -0.1, 0.3, 5.0, 30.0):
        h = torch.tensor(margin, dtype=torch.float64, requires_grad=True)
        value = LOSSES[loss](h, x)
        (slope,) = torch.autograd.grad(value, h)
        arguments = (kernel.LOSSES[loss], np.float32(margin), np.float32(x))
        assert kernel._loss.py_func(*arguments) == pytest.approx(value.item(), rel=1e-5, abs=1e-6)
        assert kernel._slope.py_func(*arguments) == pytest.approx(slope.item(), rel=1e-5, abs=1e-6)


def test_an_epoch_visits_each_click_once_and_never_draws_a_positive():
    """For any block size, bit map or search, the same draws; another order in the next epoch; a short last group."""
    table = random_table(60, 40, seed=1)
    clicks = clicks_of(table)
    assert len(clicks) % kernel.GROUP
    weights = np.arange(1, len(clicks) + 1.0)
    weight_of = dict(zip(zip(clicks.users, clicks.items), (weights / weights.mean()).astype(np.float32)))
    for negatives in ("uniform", "popularity"):
        settings = {"negatives": negatives, "weights": weights, "seed": 3}
        users, items, rivals, drawn = first = epoch_of(Draws(clicks, **settings))
        assert sorted(zip(users, items)) == sorted(zip(clicks.users, clicks.items))
        assert (table[users, rivals] == 0).all() and (rivals >= 0).all()
        assert [weight_of[pair] for pair in zip(users, items)] == drawn.tolist()
        searched = Draws(clicks, bitmap_bytes=0, **settings)
        assert len(searched.known[0]) == 0 and len(Draws(clicks, **settings).known[0]) == 60
        for size in (kernel.BLOCK, 100, 7):
            assert all((a == b).all() for a, b in zip(first, epoch_of(searched, size=size), strict=True))
        other = epoch_of(searched, 1)
        assert (other[0] != users).mean() > 0.5 and (other[2] != rivals).mean() > 0.5
        assert sorted(zip(other[0], other[1])) == sorted(zip(users, items))


def test_rivals_are_drawn_uniformly_or_as_often_as_they_are_clicked():
    """One user clicked items 0-2 and is looked at alone: the others' rivals have known chances.

    Chi-square over the items that are left, df 16, 16 +- 5.7; below 45 with a chance of 0.9998.
    """
    generator = np.random.default_rng(0)
    table = (generator.random((2000, 20)) < np.linspace(0.02, 0.5, 20)).astype(float)
    table[:, :3], table[0] = 0, 0
    table[:200] = 0
    table[:200, :3] = 1
    clicks = clicks_of(table)
    for negatives in ("uniform", "popularity"):
        draws = Draws(clicks, negatives=negatives, seed=1)
        counts = np.zeros(20)
        for number in range(8):
            users, _, rivals, _ = epoch_of(draws, number)
            counts += np.bincount(rivals[users < 200], minlength=20)
        chance = np.ones(20) if negatives == "uniform" else clicks.popularity.astype(float)
        chance[:3] = 0
        expected = counts.sum() * chance[3:] / chance[3:].sum()
        assert counts.sum() == 8 * 600 and (counts[:3] == 0).all()
        assert ((counts[3:] - expected) ** 2 / expected).sum() < 45


def test_the_hardest_of_some_rivals_is_the_best_scored_of_them():
    """Scores of rivals rise with the item: the best of 3 of n is at the share 3/4 of the catalogue on average."""
    clicks = clicks_of(np.eye(400, 1000))
    left, right = np.ones((400, 1), np.float32), np.arange(1000, dtype=np.float32)[:, None] / 1000
    for hardest, sign in ((1, 1), (3, 1), (3, -1)):
        draws = Draws(clicks, hardest=hardest, seed=2)
        rivals = np.concatenate([epoch_of(draws, n, factors=(left * sign, right))[2] for n in range(5)])
        share = rivals.mean() / 1000 if sign > 0 else 1 - rivals.mean() / 1000
        assert share == pytest.approx(hardest / (hardest + 1), abs=0.03)  # 5 sd of 2,000 draws


def test_a_user_who_clicked_everything_is_passed_over():
    table = random_table(30, 12, seed=2)
    table[7] = 1
    clicks = clicks_of(table)
    for negatives in ("uniform", "popularity"):
        for hardest in (1, 4):
            draws = Draws(clicks, negatives=negatives, hardest=hardest, seed=0)
            learner = PairwiseLearner(clicks, dimensions=4, draws=draws, seed=0)
            users, _, rivals, _ = epoch_of(draws, factors=(learner.left, learner.right))
            assert ((rivals == -1) == (users == 7)).all()
            before = learner.left[7].copy()
            assert np.isfinite(learner.epoch(0)) and (learner.left[7] == before).all()
            assert (learner.left[6] != initial_vectors(clicks, dimensions=4, seed=0)[0][6]).any()


@pytest.mark.parametrize("full", [0, 1, 2, 3])
def test_a_few_clicks_have_a_loss_whoever_comes_first(full):
    """4 users, one of whom clicked both items: not to be taken for a divergence, in whatever order they come."""
    table = np.array([[1.0, 0]] * 4)
    table[full] = 1
    for seed in range(5):
        assert np.isfinite(PairwiseLearner(clicks_of(table), dimensions=2, seed=seed).epoch(0))


def test_nothing_to_compare_is_told_as_such():
    with pytest.raises(StropError) as caught:
        PairwiseLearner(clicks_of(np.ones((3, 2))), dimensions=2).epoch(0)
    assert caught.value.code == "S209"


def test_same_seed_same_bytes_and_another_seed_another_model():
    clicks = clicks_of(random_table(40, 30, seed=1))

    def bytes_of(seed):
        learner = PairwiseLearner(clicks, dimensions=8, seed=seed)
        losses = [learner.epoch(n) for n in range(3)]
        return b"".join(a.tobytes() for a in learner.state().values()), losses

    assert bytes_of(1) == bytes_of(1) and bytes_of(1)[0] != bytes_of(2)[0]
    losses = bytes_of(1)[1]
    assert losses[2] < losses[0]


def test_a_weight_of_0_changes_nothing():
    """Only one user's records count: all other users keep their bytes, and so do items of which no counted record tells."""
    clicks = clicks_of(random_table(40, 30, seed=1))
    weights = (clicks.users == 5).astype(float)
    draws = Draws(clicks, weights=weights, seed=1)
    learner = PairwiseLearner(clicks, dimensions=8, l2=0.05, bias_rate=0.1, draws=draws, seed=1)
    before = {name: a.copy() for name, a in learner.state().items()}
    assert np.isfinite(learner.epoch(0))
    after = learner.state()
    others = np.arange(40) != 5
    assert (after["left"][others] == before["left"][others]).all() and (after["left"][5] != before["left"][5]).all()
    users, items, rivals, _ = epoch_of(draws)
    touched = np.isin(np.arange(30), np.concatenate([items[users == 5], rivals[users == 5]]))
    assert (after["right"][~touched] == before["right"][~touched]).all() and not touched.all()
    assert (after["bias"] != 0).tolist() == touched.tolist()


@pytest.mark.parametrize("weight", [1e-6, 1e-3])
def test_a_tiny_weight_or_a_record_without_a_slope_does_not_throw_its_rows_about(weight):
    """No row may become much longer than it began (0.1 * sqrt(8) = 0.3) because its first gradients are nearly 0."""
    clicks = clicks_of(random_table(40, 30, seed=1))
    weights = np.where(clicks.users == 5, 1, weight)
    draws = Draws(clicks, weights=weights, seed=1)
    learner = PairwiseLearner(clicks, dimensions=8, l2=0.02, draws=draws, seed=1)
    learner.epoch(0)
    assert abs(learner.left[np.arange(40) != 5]).max() < 1
    right = PairwiseLearner(clicks, dimensions=8, l2=0.02, loss="hinge", parameter=1e-6, seed=1)
    right.epoch(0)
    assert max(abs(right.left).max(), abs(right.right).max()) < 1


@pytest.mark.parametrize(
    ("loss", "parameter"),
    [("hinge", 0.0), ("squared", -1.0), ("generalised_cross_entropy", 0.0), ("generalised_cross_entropy", 1.1)],
)
def test_a_parameter_that_the_loss_does_not_have_is_refused(loss, parameter):
    with pytest.raises(StropError) as caught:
        PairwiseLearner(clicks_of(np.eye(3)), loss=loss, parameter=parameter)
    assert caught.value.code == "S301"


def test_weights_and_settings_are_checked():
    clicks = clicks_of(np.eye(3))
    nan = float("nan")
    for code, settings in (
        ("S211", {"weights": np.array([1, -1, 1])}),
        ("S211", {"weights": np.array([1, nan, 1])}),
        ("S211", {"weights": np.zeros(3)}),
        ("S214", {"weights": np.ones(2)}),
        ("S301", {"hardest": 0}),
    ):
        with pytest.raises(StropError) as caught:
            Draws(clicks, **settings)
        assert caught.value.code == code
    with pytest.raises(StropError):
        Draws(clicks_of(np.zeros((2, 2))))


def test_divergence_is_seen():
    learner = PairwiseLearner(clicks_of(random_table(20, 10)), dimensions=4, rate=1e30, loss="squared", parameter=1.0)
    assert not all(np.isfinite(learner.epoch(n)) for n in range(3))


def test_the_second_process_compiles_nothing():
    """Whatever loss or weight: one entry in the cache serves them all."""
    program = """
import numpy as np
from strop.records import Clicks
from strop.models.recommend import kernel
from strop.models.recommend.matrix_factorisation import Draws, PairwiseLearner
clicks = Clicks(*np.nonzero(np.eye(20, 30)), np.arange(20), np.arange(30))
for loss, x in (("logistic", 0.0), ("hinge", 1.0), ("squared", 1.0), ("generalised_cross_entropy", 0.7)):
    for weights in (None, np.arange(1.0, 21)):
        draws = Draws(clicks, weights=weights, bitmap_bytes=0 if weights is None else 1 << 20)
        PairwiseLearner(clicks, loss=loss, parameter=x, draws=draws).epoch(0)
for f in (kernel.learn, kernel.draw, kernel.permute):
    print(sum(f.stats.cache_hits.values()), sum(f.stats.cache_misses.values()))
"""
    run = [sys.executable, "-c", program]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    said = [subprocess.run(run, capture_output=True, text=True, check=True, env=environment).stdout for _ in range(2)]
    assert said[1].split() == ["1", "0"] * 3
