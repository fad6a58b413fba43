"""Does the one loop stop, resume and choose as it says, and is a batch step the gradient step that was meant?"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.checkpoints import Store
from strop.errors import StropError
from strop.losses.pairwise import logistic
from strop.models.recommend.lightgcn import Graph
from strop.models.recommend.matrix_factorisation import Draws, Factors, MatrixFactorisation, initial_vectors
from strop.records import Clicks
from strop.training import PairLearner, fit, fit_pairs, pairwise, weighted_mean


class Walk:
    """A learner that adds a random step, of (seed, number), to its place; its scorer is the place."""

    def __init__(self, *, stop_in=None, spoil=None):
        self.place, self.speed = np.zeros(3), np.zeros(3)
        self.stop_in, self.spoil = stop_in, spoil

    def epoch(self, number):
        if number == self.stop_in:
            raise RuntimeError("the light went out")
        self.speed = 0.5 * self.speed + np.random.default_rng([1, number]).standard_normal(3)
        self.place += self.speed
        return float("nan") if number == self.spoil else float(abs(self.speed).sum())

    def state(self):
        return {"place": self.place, "speed": self.speed}

    def load(self, state):
        for name, array in self.state().items():
            array[...] = state[name]

    def scorer(self):
        return self.place.copy()


def first(scorer):
    """What validates: the first coordinate."""
    return float(scorer[0])


def same(a, b):
    """The same model, road and choice, bit for bit."""
    return a.scorer.tobytes() == b.scorer.tobytes() and (a.best_epoch, a.best, a.curve) == (
        b.best_epoch,
        b.best,
        b.curve,
    )


@pytest.mark.parametrize("validate", [None, first])
@pytest.mark.parametrize("save_seconds", [0.0, 3600.0])
def test_stopped_in_any_epoch_it_ends_as_if_left_alone(validate, save_seconds, tmp_path):
    """Interrupted in each epoch (of 7): the same bytes, curve and best epoch."""
    how = {"epochs": 7, "validate": validate, "validate_every": 3, "save_seconds": save_seconds}
    whole = fit(Walk(), **how)
    for at in range(7):
        folder = tmp_path / str(at)
        with pytest.raises(RuntimeError):
            fit(Walk(stop_in=at), folder=folder, **how)
        assert same(fit(Walk(), folder=folder, **how), whole)
        assert same(fit(Walk(stop_in=0), folder=folder, **how), whole), "a finished run is not run again"


def test_more_epochs_go_on_from_where_a_run_ended(tmp_path):
    fit(Walk(), epochs=4, folder=tmp_path)
    assert same(fit(Walk(stop_in=3), epochs=9, folder=tmp_path), fit(Walk(), epochs=9))


def test_the_best_validated_epoch_is_returned_and_patience_stops():
    """Figures at epochs 2, 4, 6, ... are 1, 5, 3, 4, 2, 0: best 4; with patience 4 it stops after epoch 8."""
    figures = [1, 5, 3, 4, 2, 0]

    def run(**how):
        left = iter(figures)
        return fit(Walk(), validate=lambda scorer: next(left), validate_every=2, epochs=12, **how)

    places, walk = [], Walk()
    for number in range(12):
        walk.epoch(number)
        places.append(walk.place.copy())
    for patience, epochs in ((0, 12), (4, 8), (3, 7), (5, 9)):
        done = run(patience=patience)
        assert (done.best_epoch, done.best, len(done.curve)) == (4, 5, epochs)
        assert (done.scorer == places[3]).all()
    assert [row[2] for row in run().curve] == [None, 1, None, 5, None, 3, None, 4, None, 2, None, 0]
    last = fit(Walk(), epochs=12, patience=2)
    assert last.best_epoch == 12 and (last.scorer == places[11]).all() and last.curve[3][2] is None


def test_the_last_epoch_is_validated_too():
    done = fit(Walk(), epochs=7, validate=first, validate_every=5)
    assert [row[0] for row in done.curve if row[2] is not None] == [5, 7]


def test_a_loss_that_is_not_a_number_stops_the_run_and_leaves_the_checkpoint(tmp_path):
    with pytest.raises(StropError) as caught:
        fit(Walk(spoil=3), epochs=9, folder=tmp_path, save_seconds=0)
    assert caught.value.code == "S601" and "epoch 4" in caught.value.message
    assert Store(tmp_path).newest().step == 3
    with pytest.raises(StropError) as caught:
        fit(Walk(), epochs=0)
    assert caught.value.code == "S301"


def test_pins_that_differ_are_refused_by_name(tmp_path):
    """A tuple is a list once it has been saved: that is no difference. A pin that the saved run did not have is one."""
    pins = {"data": "abc", "threads": 1, "shape": (3, 4)}
    fit(Walk(), epochs=2, folder=tmp_path, pins=pins)
    fit(Walk(), epochs=3, folder=tmp_path, pins=pins)
    for changed in ({**pins, "threads": 2}, {**pins, "code": "x"}):
        with pytest.raises(StropError) as caught:
            fit(Walk(), epochs=4, folder=tmp_path, pins=changed)
        assert caught.value.code == "S304" and ("threads" in str(caught.value) or "code" in str(caught.value))


# Pairs learned in batches


def world(users=20, items=20, seed=0):
    """Clicks, each with chance 0.2."""
    table = np.random.default_rng(seed).random((users, items)) < 0.2
    return Clicks(*np.nonzero(table), np.arange(users), np.arange(items))


def factors(clicks, seed=0):
    left, right = initial_vectors(clicks, dimensions=4, seed=seed)
    return Factors(MatrixFactorisation(left, right, np.zeros(clicks.n_items)))


def by_hand(clicks, draws, *, rate, l2, batch, epochs, penalty=None):
    """Adam in numpy-like steps, betas (.9, .999), eps 1e-8; gradients from the formulas, in float64."""
    start = initial_vectors(clicks, dimensions=4, seed=0)
    tables = [torch.from_numpy(v).double() for v in start]
    means, squares = ([torch.zeros_like(t) for t in tables] for _ in range(2))
    step = 0
    for number in range(epochs):
        for u, i, j, w in draws.blocks(number, batch, start):
            left, right = tables
            w = torch.from_numpy(w).double()
            gaps = right[i] - right[j]
            slope = -torch.sigmoid(-(left[u] * gaps).sum(1)) * w / w.sum()
            decay = l2 * w / w.sum()
            gradients = [torch.zeros_like(t) for t in tables]
            for row in range(len(u)):
                gradients[0][u[row]] += slope[row] * gaps[row] + decay[row] * left[u[row]]
                gradients[1][i[row]] += slope[row] * left[u[row]] + decay[row] * right[i[row]]
                gradients[1][j[row]] += -slope[row] * left[u[row]] + decay[row] * right[j[row]]
            if penalty:
                for table, gradient in zip(tables, gradients, strict=True):
                    gradient += 2 * penalty * table
            step += 1
            for table, gradient, mean, square in zip(tables, gradients, means, squares, strict=True):
                mean.mul_(0.9).add_(0.1 * gradient)
                square.mul_(0.999).add_(0.001 * gradient**2)
                table -= rate * (mean / (1 - 0.9**step)) / ((square / (1 - 0.999**step)).sqrt() + 1e-8)
    return tables


@pytest.mark.parametrize("penalty", [None, 0.01])
@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_a_step_is_adam_on_the_weighted_mean_and_half_the_touched_norms(l2, penalty):
    clicks = world()
    weights = np.random.default_rng(2).uniform(0.1, 3, len(clicks))
    learner = PairLearner(
        factors(clicks),
        Draws(clicks, weights=weights, seed=1),
        objective=pairwise(logistic),
        penalty=penalty and (lambda left, right: penalty * (left.square().sum() + right.square().sum())),
        rate=0.01,
        l2=l2,
        batch=50,
    )
    for number in range(2):
        assert np.isfinite(learner.epoch(number))
    wanted = by_hand(
        clicks, Draws(clicks, weights=weights, seed=1), rate=0.01, l2=l2, batch=50, epochs=2, penalty=penalty
    )
    for ours, theirs in zip(learner.model.vectors(), wanted, strict=True):
        np.testing.assert_allclose(ours.detach().numpy(), theirs.numpy(), atol=5e-5)


def learner_of(kind, clicks, batch=50):
    model = factors(clicks) if kind == "factors" else Graph(clicks, dimensions=4, seed=0)
    return PairLearner(model, Draws(clicks, seed=1), objective=pairwise(logistic), l2=0.01, batch=batch)


def bytes_of(learner):
    return b"".join(a.tobytes() for _, a in sorted(learner.state().items()))


@pytest.mark.parametrize("kind", ["factors", "graph"])
@pytest.mark.parametrize("at", [0, 1, 3])
def test_a_loaded_state_goes_on_bit_for_bit(kind, at):
    """Also before the first step: Adam with moments of 0 is Adam that has not begun."""
    clicks = world()
    whole, half = (learner_of(kind, clicks) for _ in range(2))
    for number in range(at):
        whole.epoch(number)
        half.epoch(number)
    state = {name: array.copy() for name, array in half.state().items()}
    other = learner_of(kind, clicks)
    other.epoch(9)  # whatever it was before
    other.load(state)
    assert bytes_of(other) == bytes_of(whole)
    losses = [[one.epoch(number) for number in range(at, at + 2)] for one in (whole, other)]
    assert losses[0] == losses[1] and bytes_of(other) == bytes_of(whole)


@pytest.mark.parametrize("kind", ["factors", "graph"])
def test_same_bytes_for_the_same_number_of_threads(kind):
    clicks, threads = world(300, 100), torch.get_num_threads()
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            one, two = (learner_of(kind, clicks, batch=2048) for _ in range(2))
            assert one.epoch(0) == two.epoch(0) and bytes_of(one) == bytes_of(two)
    finally:
        torch.set_num_threads(threads)


def test_records_that_count_for_nothing_do_not_make_a_batch_undefined():
    """Batches of one record, of which many weigh 0; and a user who clicked everything, alone in a batch."""
    table = np.random.default_rng(0).random((8, 6)) < 0.4
    table[2] = True
    clicks = Clicks(*np.nonzero(table), np.arange(8), np.arange(6))
    draws = Draws(clicks, weights=(clicks.users % 2 == 0).astype(float), seed=0)
    learner = PairLearner(factors(clicks), draws, objective=pairwise(logistic), l2=0.1, batch=1)
    before = learner.model.left.detach().numpy().copy()
    assert np.isfinite(learner.epoch(0))
    still = (learner.model.left.detach().numpy() == before).all(1)
    assert still[[1, 3, 5, 7]].all() and not still[[0, 4, 6]].any()


def test_nothing_to_compare_is_told_as_such():
    clicks = Clicks(*np.nonzero(np.ones((3, 2))), np.arange(3), np.arange(2))
    with pytest.raises(StropError) as caught:
        PairLearner(factors(clicks), Draws(clicks), objective=pairwise(logistic)).epoch(0)
    assert caught.value.code == "S209"


def test_divergence_is_seen_and_settings_are_checked():
    clicks = world()
    learner = learner_of("factors", clicks)
    learner.model.left.data[3, 0] = float("inf")
    assert np.isnan(learner.epoch(0))
    for bad in ({"rate": 0.0}, {"rate": float("nan")}, {"l2": -1.0}, {"batch": 0}):
        with pytest.raises(StropError) as caught:
            PairLearner(factors(clicks), Draws(clicks), objective=pairwise(logistic), **bad)
        assert caught.value.code == "S301"


def test_no_epochs_leave_the_model_as_it_is():
    clicks = world()
    model = factors(clicks)
    done = fit_pairs(model, Draws(clicks), objective=pairwise(logistic), epochs=0)
    assert (done.scorer.left == model.left).all() and done.curve == ()


@settings(derandomize=True, max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(-9, 9), st.integers(0, 5)), min_size=1).filter(lambda r: any(w for _, w in r)))
def test_an_integer_weight_is_that_many_records(rows):
    losses, weights = (torch.tensor(c, dtype=torch.float64) for c in zip(*rows, strict=True))
    repeated = [loss for loss, weight in rows for _ in range(weight)]
    assert weighted_mean(losses, weights).item() == pytest.approx(np.mean(repeated), abs=1e-9)
