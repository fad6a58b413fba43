"""The one report on weights: by hand, by law, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.errors import StropError
from strop.weights.effective import effective_sample_size, report, self_normalised

vectors = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=30).map(np.array)


def test_by_hand():
    """Weights 1, 2, 5: mean 8/3, so 0.375, 0.75, 1.875; (sum)**2 / sum of squares = 64 / 30 = 2.1333."""
    weights = np.array([1.0, 2.0, 5.0])
    assert self_normalised(weights).tolist() == pytest.approx([0.375, 0.75, 1.875])
    assert effective_sample_size(weights) == pytest.approx(64 / 30)
    assert report(weights, clip=5.0) == {
        "n": 3,
        "max": 5.0,
        "clip_share": pytest.approx(1 / 3),
        "effective_sample_size": pytest.approx(64 / 30),
    }
    assert report(weights)["clip_share"] is None


@given(weights=vectors, scale=st.floats(1e-3, 1e3))
@settings(derandomize=True, deadline=None)
def test_identity_13_between_1_and_n_whatever_the_scale(weights, scale):
    size = effective_sample_size(weights)
    assert 1 - 1e-9 <= size <= len(weights) + 1e-9
    assert effective_sample_size(weights * scale) == pytest.approx(size)
    assert self_normalised(weights * scale) == pytest.approx(self_normalised(weights))
    assert self_normalised(weights).mean() == pytest.approx(1)


def test_the_variance_of_a_weighted_mean_is_that_of_the_effective_sample():
    """Planted noise of variance 1, 4,000 draws: var(mean) * effective size = 1 within 4.5 standard errors (10 %)."""
    chance = np.random.default_rng(0)
    weights = chance.exponential(size=50)
    means = (chance.normal(size=(4000, 50)) * weights).sum(1) / weights.sum()
    assert means.var() * effective_sample_size(weights) == pytest.approx(1, abs=0.1)


def test_huge_weights_do_not_overflow():
    assert effective_sample_size(np.array([1e300, 1e300])) == pytest.approx(2)


@pytest.mark.parametrize(
    ("weights", "code"),
    [
        ([], "S202"),
        ([1.0, -0.1], "S211"),
        ([1.0, float("nan")], "S211"),
        ([1.0, float("inf")], "S211"),
        ([0.0], "S211"),
    ],
)
@pytest.mark.parametrize("function", [self_normalised, effective_sample_size, report])
def test_what_makes_no_sense_is_refused(function, weights, code):
    with pytest.raises(StropError) as error:
        function(np.array(weights))
    assert error.value.code == code
