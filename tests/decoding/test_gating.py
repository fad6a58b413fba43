"""Retrieval gated by confidence: every threshold by hand, by a loop, by law, and where what pays is planted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.decoding.gating import choose, gating, looks_up
from strop.errors import StropError

quick = settings(derandomize=True, deadline=None, max_examples=60)


def test_by_hand():
    """Confidences 0.9, 0.5, none, 0.1; closed right 1 0 0 0, retrieved right 0 1 1 0.

    Below 0: the one without looks up: 1/4, right 1 0 1 0 = 1/2. Below 0.5: two, 1/2. Below 0.9: three, 3/4. All: 1/2.
    At random 3 of 4: 1/4 * 1/4 + 3/4 * 1/2 = 7/16. Oracle with 2: both that gain, 3/4; with 4 it loses the first: 1/2.
    """
    c, closed, found = np.array([0.9, 0.5, np.nan, 0.1]), [1, 0, 0, 0], [0, 1, 1, 0]
    curve = gating(c, np.array(closed), np.array(found))
    assert curve.thresholds.tolist() == [0, 0.1, 0.5, 0.9, 2]
    assert curve.rate == pytest.approx([0.25, 0.25, 0.5, 0.75, 1])
    assert curve.accuracy == pytest.approx([0.5, 0.5, 0.5, 0.75, 0.5])
    assert curve.random[3] == pytest.approx(7 / 16) and curve.oracle == pytest.approx([0.5, 0.5, 0.75, 0.75, 0.5])
    assert (curve.never, curve.always, curve.best) == (0.25, 0.5, 0.75) and curve.choose() == 0.9
    assert curve.choose(cost=1.0) == 0 and curve.at(0.6) == 3
    assert choose(c, list("abcd"), list("ABCD"), threshold=0.5) == ["a", "b", "C", "D"]


def test_a_confidence_of_0_is_not_below_0():
    curve = gating(np.array([0.0, 1.0]), np.array([1, 1]), np.array([0, 1]))
    assert curve.thresholds.tolist() == [0, 1, 2] and curve.rate.tolist() == [0, 0.5, 1]
    assert not looks_up(np.array([0.0]), threshold=0).any() and looks_up(np.array([np.nan]), threshold=0).all()


def worlds(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 30))
    c = np.where(rng.random(n) < 0.2, np.nan, rng.integers(0, 6, n) / 5)
    return c, rng.integers(0, 2, n), rng.integers(0, 2, n)


@quick
@given(st.integers(0, 2**32 - 1))
def test_every_point_is_what_choosing_gets(seed):
    c, closed, found = worlds(seed)
    curve = gating(c, closed, found)
    for threshold, rate, accuracy in zip(curve.thresholds, curve.rate, curve.accuracy, strict=True):
        assert np.mean(choose(c, closed.tolist(), found.tolist(), threshold=threshold)) == pytest.approx(accuracy)
        assert looks_up(c, threshold=threshold).mean() == pytest.approx(rate)
    assert (np.diff(curve.rate) >= 0).all() and curve.rate[-1] == 1
    assert (curve.accuracy <= curve.oracle + 1e-12).all() and curve.oracle.max() <= curve.best + 1e-12
    assert curve.accuracy[-1] == pytest.approx(curve.always)


@quick
@given(st.integers(0, 2**32 - 1))
def test_random_is_the_mean_over_all_ways_to_look_up_as_many(seed):
    c, closed, found = worlds(seed)
    curve, rng = gating(c, closed, found), np.random.default_rng(seed)
    point = len(curve.rate) // 2
    k = round(curve.rate[point] * len(c))
    drawn = []
    for _ in range(400):
        picked = rng.permutation(len(c)) < k
        drawn.append(np.where(picked, found, closed).mean())
    assert curve.random[point] == pytest.approx(np.mean(drawn), abs=5 * np.std(drawn) / 20 + 1e-9)


def test_the_threshold_that_pays_is_found():
    """Right with probability c closed-book, 0.7 with what is looked up: the best threshold is 0.7, and beats both ends."""
    rng = np.random.default_rng(0)
    c = rng.random(20_000)
    closed, found = rng.random(20_000) < c, rng.random(20_000) < 0.7
    chosen = gating(c[:10_000], closed[:10_000], found[:10_000]).choose()
    assert chosen == pytest.approx(0.7, abs=0.06)
    test = gating(c[10_000:], closed[10_000:], found[10_000:])
    point = test.at(chosen)
    assert test.accuracy[point] > max(test.never, test.always, test.random[point]) + 0.02
    turned = gating(1 - c, closed, found)
    assert turned.accuracy[turned.at(turned.choose())] == pytest.approx(turned.always, abs=0.01)


def test_bad_input_is_refused():
    good = np.array([0.5, 0.5]), np.array([1, 0]), np.array([1, 1])
    for arguments, code in (
        ((np.array([0.5, 1.5]), *good[1:]), "S211"),
        ((good[0], np.array([1, np.nan]), good[2]), "S211"),
        ((good[0][:1], *good[1:]), "S214"),
        ((np.zeros(0), np.zeros(0), np.zeros(0)), "S202"),
    ):
        with pytest.raises(StropError) as told:
            gating(*arguments)
        assert told.value.code == code
    with pytest.raises(StropError, match="S301"):
        looks_up(good[0], threshold=float("nan"))
    with pytest.raises(StropError, match="S301"):
        gating(*good).choose(cost=-1)
    with pytest.raises(StropError, match="S214"):
        choose(good[0], [1], [1, 2], threshold=0.5)
