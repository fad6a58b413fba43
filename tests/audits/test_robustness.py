"""Do the figures of robustness say what they are defined to say, by hand, in loops, and for lists that are odd?"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.audits.robustness import (
    jaccard_at,
    noise_resistance,
    offset_on_metric,
    offset_on_output,
    rbo,
    robustness_drop,
    robustness_improvement,
    top_output_stability,
)
from strop.errors import StropError

ON_LISTS = [jaccard_at, rbo, top_output_stability, offset_on_output]


def lists(*rows):
    return np.array(rows, np.int32)


def test_lists_that_are_the_same_and_lists_that_share_nothing():
    """The same: RD 0, Jaccard 1, RBO 1, TO 1, offset 0. Nothing shared: 0, 0, 0, 1."""
    one, other = lists([3, 1, 2], [0, 5, -1]), lists([0, 5, 4], [3, 1, 2])
    assert robustness_drop(0.2, 0.2) == 0 == offset_on_metric(0.2, 0.2)
    for figure, same, apart in zip(ON_LISTS, (1, 1, 1, 0), (0, 0, 0, 1), strict=True):
        assert figure(one, one, k=3).value == pytest.approx(same, abs=1e-15)
        assert figure(one, other, k=3).value == apart


def test_drops_by_hand():
    """(.4 - .3) / .4 = .25; a gain: (.4 - .5) / .4 = -.25; from .4 to .1 a defence to .2 of a rise from .1 to .5: 1 - .1/.4."""
    assert robustness_drop(0.4, 0.3) == pytest.approx(0.25)
    assert robustness_drop(0.4, 0.5) == pytest.approx(-0.25)
    assert robustness_drop(0.0, 0.1) is None
    assert offset_on_metric(0.4, 0.5) == pytest.approx(0.1) == offset_on_metric(0.5, 0.4)
    assert robustness_improvement(0.1, 0.5, 0.2) == pytest.approx(0.75)
    assert robustness_improvement(0.1, 0.5, 0.5) == 0 and robustness_improvement(0.1, 0.5, 0.1) == 1
    assert robustness_improvement(0.1, 0.5, 0.0) == pytest.approx(1.25)
    assert robustness_improvement(0.3, 0.3, 0.1) is None is robustness_improvement(0.3, 0.2, 0.1)


def test_resistance_to_noise_by_hand():
    """RD .25 at .1, .5 at .3: .1 * .25 / 2 + .2 * (.25 + .5) / 2 = .0875. In proportion, 2 * share up to .3: .09."""
    drops, area = noise_resistance(0.4, {0.3: 0.2, 0.1: 0.3})
    assert drops == pytest.approx((0.25, 0.5)) and area == pytest.approx(0.0875)
    assert noise_resistance(1.0, {0.3: 0.4, 0.05: 0.9, 0.2: 0.6})[1] == pytest.approx(0.09)
    assert noise_resistance(0.0, {0.1: 0.0}) == ((None,), None)


def test_lists_by_hand():
    """k 3. [1 2 3] and [2 1 9]: common at depths 1, 2, 3: 0, 2, 2; Jaccard 2/4; RBO (0 + .5 + .25 * 2/3) / 1.75, p .5.

    [4 - -] and [5 4 -]: common 0, 1; Jaccard 1/2; RBO up to depth 2: (0 + .5 * 1/2) / 1.5 = 1/6. First kept: both.
    """
    before, after = lists([1, 2, 3], [4, -1, -1], [-1, -1, -1]), lists([2, 1, 9], [5, 4, -1], [-1, -1, -1])
    found = [f(before, after, k=3) for f in ON_LISTS]
    assert [f.value for f in found[:1] + found[2:]] == [0.5, 1, 0.5] and {f.n for f in found} == {2}
    wanted = (0.5 + 0.25 * 2 / 3) / 1.75
    assert rbo(before, after, k=3, p=0.5).value == pytest.approx((wanted + 1 / 6) / 2)
    assert top_output_stability(after, before, k=3).value == 0.5, "item 5 is gone, item 2 is there"
    assert top_output_stability(before, after, k=1).value == 0
    other = offset_on_output(before, after, k=3, similarity="rbo")
    same = rbo(before, after, k=3)
    assert (other.value, other.low, other.high) == pytest.approx((1 - same.value, 1 - same.high, 1 - same.low))


def test_undefined_is_none():
    nobody = lists([-1, -1])
    assert all(f(nobody, nobody, k=2).value is None for f in ON_LISTS)
    assert top_output_stability(nobody, lists([1, 2]), k=2).value is None
    one = jaccard_at(lists([1, 2]), lists([1, 3]), k=2)
    assert (one.value, one.low, one.n) == (pytest.approx(1 / 3), None, 1)


def in_loops(first, second, p):
    """(Jaccard, RBO) of two plain lists, as the formulas stand."""
    both = len(set(first) & set(second))
    deepest = max(len(first), len(second))
    weights = [p ** (d - 1) for d in range(1, deepest + 1)]
    shares = [len(set(first[:d]) & set(second[:d])) / d for d in range(1, deepest + 1)]
    return both / len(set(first) | set(second)), sum(np.multiply(weights, shares)) / sum(weights)


one_list = st.lists(st.integers(0, 12), min_size=1, max_size=6, unique=True)


@settings(derandomize=True, max_examples=80, deadline=None)
@given(one_list, one_list, st.floats(0.05, 0.95))
def test_the_formulas_in_loops(first, second, p):
    before, after = (lists(row + [-1] * (6 - len(row))) for row in (first, second))
    jaccard, ranked = in_loops(first, second, p)
    assert jaccard_at(before, after, k=6).value == pytest.approx(jaccard)
    assert rbo(before, after, k=6, p=p).value == pytest.approx(ranked)
    assert rbo(after, before, k=6, p=p).value == pytest.approx(ranked)
    assert 0 <= ranked <= 1 + 1e-12
    assert offset_on_output(before, after, k=6).value == pytest.approx(1 - jaccard)


def test_bad_input():
    good = lists([1, 2], [3, 4])
    for bad, code in (
        (lists([1, 2, 3], [4, 5, 6]), "S214"),
        (lists([1, 2]), "S214"),
        (good.astype(float), "S211"),
        (np.array([[1, np.nan], [1, 2]]), "S211"),
        (lists([1, 1], [3, 4]), "S212"),
        (lists([-2, 1], [3, 4]), "S211"),
    ):
        for figure in ON_LISTS:
            with pytest.raises(StropError) as caught:
                figure(good, bad, k=2)
            assert caught.value.code == code
    for call, code in (
        (lambda: robustness_drop(float("nan"), 0.1), "S203"),
        (lambda: robustness_drop(0.1, -0.1), "S203"),
        (lambda: offset_on_metric(0.1, float("inf")), "S203"),
        (lambda: robustness_improvement(0.1, 0.2, float("nan")), "S203"),
        (lambda: noise_resistance(0.1, {}), "S202"),
        (lambda: noise_resistance(0.1, {0.0: 0.1}), "S301"),
        (lambda: noise_resistance(0.1, {1.5: 0.1}), "S301"),
        (lambda: noise_resistance(0.1, {0.1: float("nan")}), "S203"),
        (lambda: rbo(good, good, k=2, p=1.0), "S301"),
        (lambda: jaccard_at(good, good, k=3), "S214"),
        (lambda: jaccard_at(good, good, k=0), "S301"),
        (lambda: offset_on_output(good, good, k=2, similarity="cosine"), "S301"),
    ):
        with pytest.raises(StropError) as caught:
            call()
        assert caught.value.code == code
