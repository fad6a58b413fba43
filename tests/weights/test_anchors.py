"""The kernel on pairs against plain loops, and anchors: drawn, where losses live, and where the weights are worst."""

import numpy as np
import pytest

from strop.errors import StropError
from strop.weights import anchors
from strop.weights.anchors import PairKernel, adaptive_anchors, random_anchors, worst_case_anchors

MAKE = np.random.default_rng(0)
USERS, ITEMS = MAKE.normal(size=(7, 2)), MAKE.normal(size=(5, 3))
ALL = np.divmod(np.arange(35), 5)


def kernel_of(users=USERS, items=ITEMS, bandwidth=2.0) -> PairKernel:
    return PairKernel(users, items, bandwidth=bandwidth)


def plain(a, b, bandwidth) -> float:
    """The kernel of two pairs (user, item), from the definition."""
    rows = [np.concatenate([(USERS - USERS.mean(0))[u] / USERS.std(0), (ITEMS - ITEMS.mean(0))[i] / ITEMS.std(0)]) for u, i in (a, b)]  # fmt: skip
    return float(np.exp(-np.sum((rows[0] - rows[1]) ** 2) / (2 * bandwidth**2)))


def test_moments_and_their_mean_over_all_pairs_by_plain_loops():
    pairs, at = (np.array([0, 3, 6]), np.array([4, 1, 1])), (np.array([2, 5]), np.array([0, 3]))
    moments, target = kernel_of(bandwidth=1.3).moments(pairs, at)
    for j, anchor in enumerate(zip(*at, strict=True)):
        for i, pair in enumerate(zip(*pairs, strict=True)):
            assert moments[i, j] == pytest.approx(plain(pair, anchor, 1.3))
        assert target[j] == pytest.approx(np.mean([plain(pair, anchor, 1.3) for pair in zip(*ALL, strict=True)]))


def test_scale_place_and_columns_that_do_not_vary_change_nothing():
    odd = np.column_stack([USERS * [3, -0.1] + [5, 100], np.full(7, 0.1)])
    at = random_anchors(kernel_of(), count=6, seed=0)
    for ours, theirs in zip(kernel_of().moments(ALL, at), kernel_of(users=odd).moments(ALL, at), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_random_anchors_are_different_and_follow_from_the_seed():
    found = random_anchors(kernel_of(), count=20, seed=3)
    assert len(set(zip(*found, strict=True))) == 20 and found[0].max() < 7 and found[1].max() < 5
    np.testing.assert_array_equal(found, random_anchors(kernel_of(), count=20, seed=3))
    assert not np.array_equal(found, random_anchors(kernel_of(), count=20, seed=4))
    assert set(zip(*random_anchors(kernel_of(), count=35, seed=0), strict=True)) == set(zip(*ALL, strict=True))


def test_adaptive_anchors_are_the_largest_of_kernel_ridge():
    """scikit-learn's kernel ridge on the same kernel; ridge 1 beside the diagonal of ones."""
    ridge = pytest.importorskip("sklearn.kernel_ridge")
    losses = np.random.default_rng(1).random(35)
    kernel = kernel_of()
    model = ridge.KernelRidge(alpha=1.0, kernel="precomputed").fit(kernel.moments(ALL, ALL)[0], losses)
    found = adaptive_anchors(kernel, ALL, losses, count=8, seed=0)
    assert set(found[0] * 5 + found[1]) == set(np.argsort(-np.abs(model.dual_coef_))[:8])


def test_adaptive_anchors_are_where_the_losses_live():
    """Losses that are two bumps of the kernel: with little ridge, their centres are the two anchors."""
    kernel = kernel_of(bandwidth=0.8)
    centres = np.array([1, 4]), np.array([2, 0])
    losses = kernel.moments(ALL, centres)[0] @ [1.0, 2.0]
    found = adaptive_anchors(kernel, ALL, losses, count=2, seed=0, ridge=1e-6)
    assert set(zip(*found, strict=True)) == {(1, 2), (4, 0)}


def test_the_worst_function_is_worse_than_any_other():
    """e solves max of e.d / sqrt(e'(K + ridge)e), with d the imbalance: 200 other directions stay below; `_ridge` gives e."""
    kernel, weights = kernel_of(), np.random.default_rng(2).random(12)
    pairs = ALL[0][:12], ALL[1][:12]
    matrix, target = kernel.moments(ALL, ALL)
    d = target - (weights / weights.sum()) @ kernel.moments(pairs, ALL)[0]
    ridged = matrix + 0.01 * np.eye(35)
    e = np.linalg.solve(ridged, d)

    def off(direction):
        return abs(direction @ d) / np.sqrt(direction @ ridged @ direction)

    others = np.random.default_rng(3).normal(size=(200, 35))
    assert off(e) > max(map(off, others))
    found = worst_case_anchors(kernel, pairs, weights, count=5, seed=0)
    assert set(found[0] * 5 + found[1]) == set(np.argsort(-np.abs(e))[:5])


def test_what_is_refused():
    kernel, one = kernel_of(), (np.array([0]), np.array([0]))
    cases = [
        ("S301", lambda: kernel_of(bandwidth=0)),
        ("S301", lambda: kernel_of(bandwidth=float("nan"))),
        ("S301", lambda: kernel_of(bandwidth=float("inf"))),
        ("S211", lambda: kernel_of(users=np.ones((7, 2)), items=np.full((5, 1), 0.1))),  # all features equal
        ("S211", lambda: kernel_of(users=np.where(USERS > 1, np.nan, USERS))),
        ("S214", lambda: kernel_of(items=ITEMS[:, 0])),
        ("S214", lambda: kernel_of(items=ITEMS[:0])),
        ("S301", lambda: random_anchors(kernel, count=36, seed=0)),
        ("S301", lambda: random_anchors(kernel, count=0, seed=0)),
        ("S301", lambda: adaptive_anchors(kernel, ALL, np.ones(35), count=11, seed=0, candidates=10)),
        ("S301", lambda: adaptive_anchors(kernel, one, np.ones(1), count=2, seed=0)),
        ("S301", lambda: adaptive_anchors(kernel, ALL, np.ones(35), count=2, seed=0, ridge=0)),
        ("S211", lambda: adaptive_anchors(kernel, one, np.array([np.nan]), count=1, seed=0)),
        ("S214", lambda: adaptive_anchors(kernel, ALL, np.ones(34), count=2, seed=0)),
        ("S202", lambda: adaptive_anchors(kernel, (ALL[0][:0], ALL[1][:0]), np.ones(0), count=1, seed=0)),
        ("S301", lambda: worst_case_anchors(kernel, ALL, np.ones(35), count=11, seed=0, candidates=10)),
        ("S301", lambda: worst_case_anchors(kernel, ALL, np.ones(35), count=36, seed=0)),
        ("S211", lambda: worst_case_anchors(kernel, one, np.array([-1.0]), count=1, seed=0)),
        ("S211", lambda: worst_case_anchors(kernel, one, np.array([np.inf]), count=1, seed=0)),
        ("S214", lambda: worst_case_anchors(kernel, one, np.ones(2), count=1, seed=0)),
        ("S202", lambda: worst_case_anchors(kernel, (ALL[0][:0], ALL[1][:0]), np.ones(0), count=1, seed=0)),
    ]
    for number, (code, call) in enumerate(cases):
        with pytest.raises(StropError) as caught:
            call()
        assert caught.value.code == code, number


def test_a_kernel_too_large_for_its_memory_is_refused(monkeypatch):
    monkeypatch.setattr(anchors, "BUDGET_BYTES", 16 * 35 * 4 - 1)
    with pytest.raises(StropError, match="35 pairs at 4 anchors") as caught:
        kernel_of().moments(ALL, random_anchors(kernel_of(), count=4, seed=0))
    assert caught.value.code == "S502"
    kernel_of().moments(ALL, random_anchors(kernel_of(), count=3, seed=0))
