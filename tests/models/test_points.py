"""Does the compiled pass over single labels learn what a plain loop in torch learns, and what does it pass over?"""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from small_worlds import clicks_of, random_table

from strop.channels import ConstantFlips
from strop.errors import StropError
from strop.losses import denoising, pairwise
from strop.losses.denoising import truncated
from strop.models.recommend import kernel, kernel_points
from strop.models.recommend.matrix_factorisation import START, Draws, initial_vectors
from strop.models.recommend.points import PointDraws, PointwiseLearner
from strop.records import Judgements

CLICKS = clicks_of(random_table(25, 20, seed=4, share=0.2))
MISSED = np.linspace(0, 0.5, 20)


def believed(margin, exponent):
    """R-CE's loss of margins."""
    weights = denoising.reweighted(margin, torch.ones_like(margin, dtype=torch.bool), exponent=exponent)
    return weights * pairwise.logistic(margin)


def judged(label, missed, invented):
    return ConstantFlips(missed, invented), Judgements(np.array([label > 0]))


def loss_of(name, margin, label, missed, invented, exponent):
    """The loss of one margin as strop.losses and strop.channels have it."""
    h = margin.reshape(1)
    if name == "reweighted":
        return believed(h, exponent)[0]
    channel, seen = judged(label, missed, invented)
    if name == "forward":
        return channel.forward(h, seen)[0]
    corrected = channel.backward(h, seen)[0]
    return torch.clamp(corrected, min=0) if name == "clipped" else corrected


def blocks_of(draws, number, size):
    factors = (np.zeros((1, 1), np.float32), np.zeros((1, 1), np.float32))
    return [[a.copy() for a in drawn] for drawn in draws.blocks(number, size, factors)]


def slowly(
    clicks, draws, *, loss, missed, invented, exponent, dimensions, rate, l2, bias_rate, drop, batch, epochs, seed
):
    """A label at a time by autograd in float64; which clicks of a batch are passed over is told by `truncated`."""
    left, right = (torch.from_numpy(v).double() for v in initial_vectors(clicks, dimensions=dimensions, seed=seed))
    tables = (left, right, torch.zeros(clicks.n_items, dtype=torch.float64))
    sums = [torch.full((len(t),), START, dtype=torch.float64) for t in tables]
    missed = np.broadcast_to(missed, clicks.n_items)
    for number in range(epochs):
        for users, items, rivals, weights in blocks_of(draws, number, batch):
            where = np.concatenate([items, *rivals])
            labels = torch.cat([torch.ones(len(items)), -torch.ones(rivals.size)])
            scores = (left[np.tile(users, 1 + len(rivals))] * right[where]).sum(1) + tables[2][where]
            kept = truncated(pairwise.logistic(labels * scores), labels > 0, drop=drop)
            for place, (u, w) in enumerate(zip(users, weights, strict=True)):
                for turn, i in enumerate((items[place], *rivals[:, place])):
                    if i < 0 or not kept[turn * len(items) + place]:
                        continue
                    label = -1 if turn else 1
                    rows = [t[k].clone().requires_grad_() for t, k in zip(tables, (u, i, i), strict=True)]
                    margin = label * (rows[0] @ rows[1] + rows[2])
                    (float(w) * loss_of(loss, margin, label, missed[i], invented, exponent)).backward()
                    for table, k in ((0, u), (1, i), (2, i))[: 3 if bias_rate else 2]:
                        gradient = rows[table].grad
                        sums[table][k] += gradient.square().mean()
                        step = (bias_rate if table == 2 else rate) / sums[table][k].sqrt()
                        tables[table][k] -= step * (gradient + l2 * float(w) * rows[table].detach())
    return tables


PLAIN = {"missed": 0.0, "invented": 0.0, "exponent": 0.0, "bias_rate": 0.0, "drop": 0.0, "batch": kernel.BLOCK}
CASES = {
    "bpo": {"loss": "forward"},
    "bpo, biases": {"loss": "forward", "bias_rate": 0.03},
    "nbpo": {"loss": "forward", "missed": 0.3, "invented": 0.1, "bias_rate": 0.03},
    "nbpo, an item's own": {"loss": "forward", "missed": MISSED},
    "backward": {"loss": "backward", "missed": 0.2, "invented": 0.05},
    "clipped": {"loss": "clipped", "missed": 0.3, "invented": 0.2},
    "reweighted": {"loss": "reweighted", "exponent": 0.3},
    "truncated": {"loss": "forward", "drop": 0.1, "batch": 40},
}


@pytest.mark.parametrize("unlabelled", [1, 3])
@pytest.mark.parametrize("case", CASES)
def test_the_compiled_pass_equals_a_loop_of_autograd(case, unlabelled):
    """Two epochs over some 100 clicks; float32 against float64, so to 2e-3 of vectors that have moved by about 0.5."""
    settings = {**PLAIN, **CASES[case], "dimensions": 8, "rate": 0.05, "l2": 0.02, "seed": 5}
    draws = PointDraws(CLICKS, unlabelled=unlabelled, seed=5)
    loss = "logistic" if case.startswith(("bpo", "truncated")) else settings["loss"]
    learner = PointwiseLearner(CLICKS, draws=draws, **{**settings, "loss": loss})
    start = learner.left.copy()
    for number in range(2):
        learner.epoch(number)
    wanted = slowly(CLICKS, draws, epochs=2, **settings)
    assert abs(learner.left - start).max() > 0.15
    for ours, theirs in zip((learner.left, learner.right, learner.bias), wanted, strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), atol=2e-3)


MARGINS = (-100.0, -30.0, -2.0, -0.1, 0.3, 5.0, 30.0, 100.0)


@pytest.mark.parametrize("margin", MARGINS)
def test_loss_and_slope_are_those_of_the_losses(margin):
    cases = [
        ("logistic", lambda h: pairwise.logistic(h, slope=-0.3), -0.3, 0.0),
        ("clipped", lambda h: pairwise.clipped_logistic(h, slope=-0.3), -0.3, 0.0),
        ("forward", lambda h: pairwise.forward_flip(h, flip_rate=0.3, other_rate=0.1), 0.3, 0.1),
        ("forward", lambda h: pairwise.forward_flip(h, flip_rate=0.3, other_rate=0.0), 0.3, 0.0),
        ("forward", lambda h: pairwise.forward_flip(h, flip_rate=0.0, other_rate=0.2), 0.0, 0.2),
        ("reweighted", lambda h: believed(h, 0.4), 0.4, 0.0),
    ]
    for name, loss, own, other in cases:
        h = torch.tensor(margin, dtype=torch.float64, requires_grad=True)
        value = loss(h)
        (slope,) = torch.autograd.grad(value, h)
        arguments = (kernel_points.LOSSES[name], *np.float32([margin, own, other]))
        with np.errstate(over="ignore"):
            assert kernel_points._loss.py_func(*arguments) == pytest.approx(value.item(), rel=1e-5, abs=1e-6), name
            assert kernel_points._slope.py_func(*arguments) == pytest.approx(slope.item(), rel=1e-5, abs=1e-6), name


def test_reweighting_steps_as_generalised_cross_entropy_does():
    """Its gradient, the weight held, is that of (1 - s**q) / q at q = a."""
    h = torch.linspace(-6, 6, 25, dtype=torch.float64, requires_grad=True)
    ours = torch.autograd.grad(believed(h, 0.3).sum(), h)[0]
    torch.testing.assert_close(ours, torch.autograd.grad(pairwise.generalised_cross_entropy(h, q=0.3).sum(), h)[0])


def model_of(epochs=2, seed=3, unlabelled=1, **settings):
    draws = PointDraws(CLICKS, unlabelled=unlabelled, seed=seed)
    learner = PointwiseLearner(CLICKS, dimensions=8, l2=0.02, bias_rate=0.02, draws=draws, seed=seed, **settings)
    losses = [learner.epoch(n) for n in range(epochs)]
    assert np.isfinite(losses).all()
    return [a.tobytes() for a in learner.scorer().state().values()]


NOTHING = [
    {"loss": "forward"},
    {"loss": "backward"},
    {"loss": "clipped"},
    {"loss": "reweighted"},
    {"loss": "forward", "learned_l2": 0.1},
    {"drop": 0.0, "batch": 7, "ramp": 3.0},
    {"loss": "forward", "missed": np.zeros(20)},
]
SOMETHING = [
    {"loss": "forward", "missed": 0.1},
    {"loss": "backward", "invented": 0.1},
    {"loss": "clipped", "missed": 0.2},
    {"loss": "reweighted", "exponent": 0.1},
    {"loss": "forward", "missed": 0.1, "learned_l2": 0.1},
    {"drop": 0.1, "batch": 20},
    {"loss": "forward", "missed": MISSED},
]


@pytest.mark.parametrize(("nothing", "something"), list(zip(NOTHING, SOMETHING, strict=True)))
@pytest.mark.parametrize("unlabelled", [1, 2])
def test_strength_0_is_the_plain_model_bit_for_bit(nothing, something, unlabelled):
    plain = model_of(unlabelled=unlabelled)
    assert model_of(unlabelled=unlabelled, **nothing) == plain != model_of(unlabelled=unlabelled, **something)


def test_the_learned_rate_goes_where_the_likelihood_says():
    """Its factors move by the gradient of the seen label's likelihood: against finite differences, one label each."""
    for table, wanted in ((np.eye(1, 2), "click"), (np.eye(1, 2)[:, ::-1], "other")):
        clicks = clicks_of(table)
        learner = PointwiseLearner(
            clicks, loss="forward", missed=0.3, invented=0.1, learned_l2=0.0, dimensions=4, l2=0.0, rate=1e-4, seed=1
        )
        before = {name: a.astype(np.float64).copy() for name, a in learner.state().items()}
        (_, items, rivals, _) = next(learner.draws.blocks(0, 1, (learner.left, learner.right)))
        learner.epoch(0)
        item, sign = (int(items[0]), 1) if wanted == "click" else (int(rivals[0, 0]), -1)

        def loss(q, p=before["flip_left"][0], item=item, sign=sign, before=before):
            s = 1 / (1 + np.exp(-before["left"][0] @ before["right"][item]))
            a = 0.9 / (1 + np.exp(-np.log(0.3 / 0.6) - p @ q))
            return -np.log((1 - a) * s + 0.1 * (1 - s) if sign > 0 else a * s + 0.9 * (1 - s))

        start = before["flip_right"][item]
        slope = np.array([(loss(start + e) - loss(start - e)) / 2e-5 for e in 1e-5 * np.eye(4)])
        step = learner.flips[1][item] - start
        cosine = -(slope @ step) / np.linalg.norm(slope) / np.linalg.norm(step)
        assert cosine > 0.999 and np.linalg.norm(step) > 1e-5


def test_truncation_passes_over_the_worst_clicks_and_grows():
    """Share 0.1 of 2 labels a click is 0.2 of the clicks; of 4 labels, 0.4: those of the smallest scores as the batch begins."""
    for unlabelled, count in ((1, 8), (3, 16)):
        draws = PointDraws(CLICKS, unlabelled=unlabelled, seed=1)
        learner = PointwiseLearner(CLICKS, dimensions=8, drop=0.1, ramp=2.0, batch=40, draws=draws, seed=1)
        learner.epoch(0)
        drawn = next(draws.blocks(1, 40, (learner.left, learner.right)))
        scores = (learner.left[drawn[0]] * learner.right[drawn[1]]).sum(1)
        flags = learner.dropped(drawn, 2.0)
        assert flags.sum() == count and set(np.flatnonzero(flags)) == set(np.argsort(scores)[:count])
        assert [int(learner.dropped(drawn, t).sum()) for t in (0.0, 1.0, 9.0)] == [0, count // 2, count]


def test_a_batch_of_one_click_keeps_it():
    learner = PointwiseLearner(CLICKS, dimensions=4, drop=0.4, batch=1, seed=1)
    assert np.isfinite(learner.epoch(0)) and model_of(drop=0.4, batch=1) == model_of()


def test_the_first_unlabelled_items_are_those_of_pairs_and_the_others_are_others():
    ours, theirs = blocks_of(PointDraws(CLICKS, unlabelled=3, seed=2), 1, 16), blocks_of(Draws(CLICKS, seed=2), 1, 16)
    for a, b in zip(ours, theirs, strict=True):
        assert (a[0] == b[0]).all() and (a[1] == b[1]).all() and (a[2][0] == b[2]).all()
    rivals, users = np.concatenate([a[2] for a in ours], axis=1), np.concatenate([a[0] for a in ours])
    assert (rivals[0] != rivals[1]).mean() > 0.5 and (rivals[1] != rivals[2]).mean() > 0.5
    assert not CLICKS.matrix().toarray()[np.tile(users, 3), rivals.ravel()].any()


def test_who_clicked_everything_is_learned_from_without_others():
    table = random_table(30, 12, seed=2)
    table[7] = 1
    learner = PointwiseLearner(clicks_of(table), dimensions=4, seed=0)
    before = learner.left[7].copy()
    assert np.isfinite(learner.epoch(0)) and (learner.left[7] != before).any()
    with pytest.raises(StropError) as caught:
        PointwiseLearner(clicks_of(np.ones((3, 2))), dimensions=2).epoch(0)
    assert caught.value.code == "S209"


@pytest.mark.parametrize("settings", SOMETHING)
def test_same_seed_same_bytes_another_seed_another_model_and_a_state_goes_on(settings):
    assert model_of(**settings) == model_of(**settings) != model_of(seed=4, **settings)
    first, second = (PointwiseLearner(CLICKS, dimensions=8, seed=3, **settings) for _ in range(2))
    for number in range(2):
        first.epoch(number)
    second.load({name: a.copy() for name, a in first.state().items()})
    first.epoch(2), second.epoch(2)
    assert [a.tobytes() for a in first.state().values()] == [a.tobytes() for a in second.state().values()]


@pytest.mark.parametrize(
    ("code", "settings"),
    [
        ("S301", {"drop": 0.5}),
        ("S301", {"drop": -0.1}),
        ("S301", {"drop": float("nan")}),
        ("S301", {"loss": "forward", "missed": 0.6, "invented": 0.4}),
        ("S301", {"loss": "backward", "missed": 0.5, "invented": 0.5}),
        ("S301", {"loss": "forward", "missed": -0.1}),
        ("S301", {"loss": "forward", "invented": 1.0}),
        ("S301", {"loss": "forward", "missed": float("nan")}),
        ("S301", {"loss": "forward", "missed": MISSED, "learned_l2": 0.1}),
        ("S301", {"loss": "forward", "missed": 0.1, "learned_l2": -1.0}),
        ("S214", {"loss": "forward", "missed": np.zeros(3)}),
        ("S301", {"loss": "reweighted", "exponent": -0.1}),
        ("S301", {"batch": 0}),
        ("S301", {"rate": 0.0}),
        ("S301", {"ramp": -1.0}),
    ],
)
def test_settings_that_cannot_be_are_refused(code, settings):
    with pytest.raises(StropError) as caught:
        PointwiseLearner(CLICKS, dimensions=4, **settings)
    assert caught.value.code == code and caught.value.help
    with pytest.raises(StropError):
        PointDraws(CLICKS, unlabelled=0)


def test_divergence_is_seen():
    learner = PointwiseLearner(CLICKS, dimensions=4, rate=1e30, l2=0.0)
    assert not all(np.isfinite(learner.epoch(n)) for n in range(3))


def test_the_second_process_compiles_nothing():
    program = """
import numpy as np
from strop.records import Clicks
from strop.models.recommend import kernel_points
from strop.models.recommend.points import PointDraws, PointwiseLearner
clicks = Clicks(*np.nonzero(np.eye(20, 30)), np.arange(20), np.arange(30))
for settings in ({}, {"loss": "forward", "missed": 0.1, "learned_l2": 0.1}, {"drop": 0.1, "batch": 5}):
    for unlabelled in (1, 3):
        PointwiseLearner(clicks, draws=PointDraws(clicks, unlabelled=unlabelled), **settings).epoch(0)
for f in (kernel_points.learn_points, kernel_points.click_margins):
    print(sum(f.stats.cache_hits.values()), sum(f.stats.cache_misses.values()))
"""
    run = [sys.executable, "-c", program]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    said = [subprocess.run(run, capture_output=True, text=True, check=True, env=environment).stdout for _ in range(2)]
    assert said[1].split() == ["1", "0"] * 2
