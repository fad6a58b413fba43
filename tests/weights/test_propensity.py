"""Weights from popularity: by hand, and what they refuse."""

import numpy as np
import pytest

from strop.errors import StropError
from strop.weights.propensity import inverse_popularity


def test_by_hand():
    """Popularity 100, 25, 4, 1: p = 1, 1/2, 1/5, 1/10 at power 0.5; 1/p = 1, 2, 5, 10, clipped at 6: 1, 2, 5, 6."""
    popularity = np.array([100, 25, 4, 1])
    assert inverse_popularity(popularity, clip=6.0).tolist() == pytest.approx([1, 2, 5, 6])
    assert inverse_popularity(popularity, power=1.0, clip=30.0).tolist() == pytest.approx([1, 4, 25, 30])
    assert inverse_popularity(popularity, power=0.0).tolist() == [1, 1, 1, 1]


def test_weighted_clicks_tell_the_likes_that_exposure_hid():
    """Planted: 400 users like each of two items, shown to all and to a quarter. Weighted counts are equal again."""
    clicks = np.repeat([400, 100], [400, 100])
    weights = inverse_popularity(clicks, power=1.0)
    assert weights[:400].sum() == pytest.approx(weights[400:].sum())


@pytest.mark.parametrize(
    ("popularity", "settings", "code"),
    [
        ([3, 0], {}, "S211"),
        ([3, -1], {}, "S211"),
        ([3.0, float("nan")], {}, "S211"),
        ([], {}, "S202"),
        ([3, 1], {"power": -0.5}, "S301"),
        ([3, 1], {"clip": 0.5}, "S301"),
        ([3, 1], {"clip": float("nan")}, "S301"),
    ],
)
def test_what_makes_no_sense_is_refused(popularity, settings, code):
    with pytest.raises(StropError) as error:
        inverse_popularity(np.array(popularity), **settings)
    assert error.value.code == code
