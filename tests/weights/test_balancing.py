"""Balancing weights: by hand, against the primal problem, laws of the hinges, a planted choice, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.errors import StropError
from strop.weights.anchors import PairKernel, adaptive_anchors, random_anchors
from strop.weights.balancing import balance_gap, balanced_weights, kernel_balanced

THREE_OF_FOUR, HALF = np.array([[1.0], [1.0], [1.0], [0.0]]), np.array([0.5])


def test_by_hand():
    """Three of four have it, half of all do: 4 (1/2) / 3 = 2/3 and 2; 16 / (3 (4/9) + 4) = 3 ratings' worth.

    A slack of 0.1 stops at 0.6: 0.8 and 1.6. A strength of log 2 allows odds of 1 to 2 only, not 1 to 3: 0.8 and 1.6 too.
    """
    found = balanced_weights(THREE_OF_FOUR, HALF, slack=0)
    np.testing.assert_allclose(found.weights, [2 / 3] * 3 + [2], rtol=1e-6)
    assert (found.gap_before, found.gap_after) == pytest.approx((0.25, 0), abs=1e-7)
    assert found.effective == pytest.approx(3) and (found.anchors, found.unmet, found.at_bound) == (1, 0, 0)
    near = balanced_weights(THREE_OF_FOUR, HALF, slack=0.1)
    np.testing.assert_allclose(near.weights, [0.8] * 3 + [1.6], rtol=1e-6)
    assert near.gap_after == pytest.approx(0.1) and near.unmet == 0
    weak = balanced_weights(THREE_OF_FOUR, HALF, slack=0, strength=np.log(2))
    np.testing.assert_allclose(weak.weights, [0.8] * 3 + [1.6], rtol=1e-6)
    assert (weak.unmet, weak.at_bound) == (1, 1)


def test_weights_stay_near_their_base():
    """A base that has the mean already is kept as it is; one that has not is tilted: 0.5 : 0.5 with ratios 1 : 2 : 3 inside."""
    kept = balanced_weights(THREE_OF_FOUR, HALF, base=np.array([1.0, 2.0, 3.0, 6.0]), slack=1e-3)
    np.testing.assert_array_equal(kept.weights, [1 / 3, 2 / 3, 1, 2])
    tilted = balanced_weights(THREE_OF_FOUR, HALF, base=np.array([1.0, 2.0, 3.0, 1.0]), slack=0)
    np.testing.assert_allclose(tilted.weights, [1 / 3, 2 / 3, 1, 2], rtol=1e-6)


def test_anchors_do_not_make_up_for_each_other():
    """One anchor is 1/4 too high and the other 1/4 too low: their sum is 0, and one hinge on it would ask for nothing."""
    moments = np.column_stack([THREE_OF_FOUR, 1 - THREE_OF_FOUR])
    found = balanced_weights(moments, np.array([0.5, 0.5]), slack=0)
    assert (found.gap_before, found.gap_after) == pytest.approx((0.25, 0), abs=1e-7)


@pytest.mark.parametrize("strength", [0.3, 2.0, 100.0])
def test_the_dual_solves_the_primal(strength):
    """The problem of the docstring, by SLSQP with a variable above each hinge: the same weights, the same value."""
    optimize = pytest.importorskip("scipy.optimize")
    generator, n, count, slack = np.random.default_rng(5), 12, 3, 0.01
    moments, base = generator.random((n, count)), generator.random(n) + 0.5
    base /= base.mean()
    target = moments.mean(0) + np.array([0.08, -0.05, 0.12])

    def value(both):
        w = np.maximum(both[:n], 1e-12)
        return np.mean(w * np.log(w / base)) + strength * both[n:].sum()

    hinges = [
        {"type": "ineq", "fun": lambda both, s=s: both[n:] + slack - s * (target - both[:n] @ moments / n)}
        for s in (1, -1)
    ]
    start = np.concatenate([base, np.full(count, 0.2)])
    done = optimize.minimize(
        value,
        start,
        method="SLSQP",
        bounds=[(1e-9, None)] * n + [(0, None)] * count,
        constraints=[*hinges, {"type": "eq", "fun": lambda both: both[:n].mean() - 1}],
        options={"maxiter": 500, "ftol": 1e-12},
    )
    found = balanced_weights(moments, target, base=base, slack=slack, strength=strength)
    np.testing.assert_allclose(found.weights, done.x[:n], atol=2e-3)
    off = np.maximum(0, np.abs(target - found.weights @ moments / n) - slack)
    assert np.mean(found.weights * np.log(found.weights / base)) + strength * off.sum() <= done.fun + 1e-5
    assert (found.unmet, found.at_bound) == (
        (3, 3) if strength == 0.3 else (0, 0) if strength == 100 else (found.unmet, found.at_bound)
    )


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 1e-3, 0.1]), st.sampled_from([0.0, 1.0, 50.0]))
def test_laws(seed, slack, strength):
    """Mean 1, above 0; the sum of the hinges never rises; what is off has its multiplier at the bound; same bytes again."""
    generator = np.random.default_rng(seed)
    n, count = int(generator.integers(2, 30)), int(generator.integers(1, 5))
    moments, target = generator.random((n, count)), generator.random(count)
    found = balanced_weights(moments, target, slack=slack, strength=strength)
    assert found.weights.mean() == pytest.approx(1) and (found.weights > 0).all()
    hinges = [np.maximum(0, np.abs(target - w @ moments / n) - slack).sum() for w in (np.ones(n), found.weights)]
    assert hinges[1] <= hinges[0] + 1e-9
    assert found.unmet <= found.at_bound
    again = balanced_weights(moments, target, slack=slack, strength=strength)
    assert again.weights.tobytes() == found.weights.tobytes()


def test_nothing_asked_gives_ones():
    moments = np.random.default_rng(0).random((50, 4))
    for asked in ({"slack": 1.0}, {"strength": 0.0}):
        np.testing.assert_array_equal(balanced_weights(moments, np.full(4, 0.3), **asked).weights, 1)


def test_a_planted_choice_is_mended():
    """Pairs are rated with a chance that grows with a smooth function of both features; labels follow it too.

    The mean over all of the label's chance comes five times nearer with weights; so does the gap at pairs not held to.
    """
    generator = np.random.default_rng(7)
    users, items = generator.normal(size=(60, 1)), generator.normal(size=(50, 1))
    label = np.tanh(users + items.T)
    pairs = np.nonzero(generator.random(label.shape) < 0.3 / (1 + np.exp(-1.5 * (users + items.T))))
    kernel = PairKernel(users, items)
    found, (before, after) = kernel_balanced(kernel, pairs, random_anchors(kernel, count=12, seed=0))
    off = [abs(w @ label[pairs] / len(w) - label.mean()) for w in (np.ones(len(pairs[0])), found.weights)]
    assert off[0] > 0.2 and off[1] < off[0] / 5
    assert found.gap_after < 0.05 * found.gap_before and after < 0.05 * before
    other = kernel.moments(pairs, random_anchors(kernel, count=12, seed=1_000_003))
    assert (before, after) == (balance_gap(*other, np.ones(len(pairs[0]))), balance_gap(*other, found.weights))
    assert 100 < found.effective < len(pairs[0])
    anchors = adaptive_anchors(kernel, pairs, np.square(label[pairs] - 0.5), count=12, seed=0)
    assert kernel_balanced(kernel, pairs, anchors)[0].gap_after < 0.05 * found.gap_before


def test_the_gap_by_hand():
    """|1/2 - 3/4| and |1 - 0|, their mean 5/8; with weights 1, 1, 1, 3: |1/2 - 1/2| and 1, their mean 1/2."""
    moments, target = np.column_stack([THREE_OF_FOUR, np.zeros(4)]), np.array([0.5, 1.0])
    assert balance_gap(moments, target, np.ones(4)) == pytest.approx(5 / 8)
    assert balance_gap(moments, target, np.array([1, 1, 1, 3.0])) == pytest.approx(1 / 2)


@pytest.mark.parametrize(
    ("code", "moments", "target", "asked"),
    [
        ("S202", THREE_OF_FOUR[:0], HALF, {}),
        ("S202", np.zeros((4, 0)), np.zeros(0), {}),
        ("S211", THREE_OF_FOUR, HALF, {"base": np.array([1, 1, 1, 0.0])}),
        ("S211", THREE_OF_FOUR, HALF, {"base": np.array([1, 1, 1, np.nan])}),
        ("S211", THREE_OF_FOUR, HALF, {"base": np.array([1, 1, 1, -1.0])}),
        ("S211", np.where(THREE_OF_FOUR > 0, np.inf, 0), HALF, {}),
        ("S211", THREE_OF_FOUR, np.array([np.nan]), {}),
        ("S214", THREE_OF_FOUR, np.ones(2), {}),
        ("S214", THREE_OF_FOUR[:, 0], HALF, {}),
        ("S214", THREE_OF_FOUR, HALF, {"base": np.ones(3)}),
        ("S301", THREE_OF_FOUR, HALF, {"slack": -1e-9}),
        ("S301", THREE_OF_FOUR, HALF, {"strength": float("nan")}),
        ("S301", THREE_OF_FOUR, HALF, {"strength": float("inf")}),
    ],
)
def test_refuses(code, moments, target, asked):
    with pytest.raises(StropError) as caught:
        balanced_weights(moments, target, **asked)
    assert caught.value.code == code
