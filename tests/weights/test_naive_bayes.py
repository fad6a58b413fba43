"""The chance that a pair was rated, from its value: by hand, the sum over all pairs, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.errors import StropError
from strop.weights.naive_bayes import naive_bayes_propensity

LIKES = np.array([1] * 6 + [0] * 2, bool)
DRAWN = np.array([1] * 2 + [0] * 6, bool)


def test_by_hand():
    """6 of 8 given are likes, but 1/4 of the drawn, in a table of 40: (6/40) / (1/4) = 0.6, and (2/40) / (3/4) = 1/15."""
    found = naive_bayes_propensity(LIKES, DRAWN, n_pairs=40)
    np.testing.assert_allclose(found, [0.6] * 6 + [1 / 15] * 2)


def test_a_table_drawn_as_it_is_gives_the_share_that_was_rated():
    np.testing.assert_allclose(naive_bayes_propensity(LIKES, LIKES, n_pairs=80), 0.1)


@settings(derandomize=True, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=40), st.integers(0, 3))
def test_inverse_chances_add_up_to_all_pairs(given_too, more):
    """With each of the four ratings both given and drawn at least once; n_pairs large enough for chances below 1."""
    given_, drawn = np.array([1, 2, 3, 4, *given_too]), np.array([1, 2, 3, 4, *[1 + more] * 5])
    n_pairs = 10 * len(given_)
    found = naive_bayes_propensity(given_, drawn, n_pairs=n_pairs)
    assert (1 / found).sum() == pytest.approx(n_pairs)
    assert ((found > 0) & (found <= 1)).all()


@pytest.mark.parametrize(
    ("observed", "uniform", "n_pairs", "code", "words"),
    [
        (LIKES, np.ones(5, bool), 40, "S305", "none of the 5 uniformly drawn labels is False"),
        (LIKES, np.zeros(5, bool), 40, "S305", "all of the 5 uniformly drawn labels is False"),
        (np.array([1, 2, 5]), np.array([1, 2, 1]), 40, "S305", "none of the 3 uniformly drawn labels is 5"),
        (np.array([1.0, np.nan]), np.array([1.0, 2.0]), 40, "S305", "is nan"),
        (LIKES, LIKES[:0], 40, "S305", "none of the 0"),
        (LIKES[:0], DRAWN, 40, "S202", "no observed pair"),
        (LIKES, DRAWN, 7, "S301", "n_pairs is 7, with 8 observed"),
        (LIKES, DRAWN, 20, "S211", "1.2 for True"),
        (LIKES[:, None], DRAWN, 40, "S214", "labels of shapes"),
    ],
)
def test_refuses(observed, uniform, n_pairs, code, words):
    with pytest.raises(StropError) as caught:
        naive_bayes_propensity(observed, uniform, n_pairs=n_pairs)
    assert caught.value.code == code and words in str(caught.value)
