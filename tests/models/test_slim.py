"""Does SLIM solve its elastic net, and keep the strongest reasons?"""

import numpy as np
import pytest
from small_worlds import clicks_of, random_table

from strop.errors import StropError
from strop.models.recommend import ease, slim


def violation(weights, gram, l1, l2):
    """The largest breach of the optimality conditions, in clicks.

    With g = GW - G + l2 W + l1: g >= 0 everywhere off the diagonal, g = 0 where W > 0.
    """
    gradient = gram @ weights - gram + l2 * weights + l1
    np.fill_diagonal(gradient, 0)
    return max((-gradient).max(), np.abs(gradient * (weights > 0)).max())


@pytest.mark.parametrize("l1, l2", [(0.0, 3.0), (1.0, 10.0), (2.0, 100.0)])
def test_optimality_conditions(l1, l2):
    table = random_table(80, 15)
    gram = table.T @ table
    weights = slim.elastic_net(gram.astype(np.float32), l1=l1, l2=l2, tolerance=1e-6, rounds=2000).astype(float)
    assert (weights >= 0).all() and (weights.diagonal() == 0).all() and weights.max() > 0.01
    assert violation(weights, gram, l1, l2) < 2e-3  # of a Gram matrix with entries up to 35
    assert violation(weights * 1.05, gram, l1, l2) > 0.05


def test_by_hand_two_items():
    """n(1)=3, n(2)=2, 2 in common: W[1,2] = (2 - l1)/(3 + l2) = 1/4 and W[2,1] = (2 - l1)/(2 + l2) = 1/3."""
    model = slim.fit(clicks_of(np.array([[1, 1], [1, 1], [1, 0]])), l1=1.0, l2=1.0)
    assert model.weights.toarray() == pytest.approx(np.array([[0, 1 / 4], [1 / 3, 0]]), abs=2e-3)


def test_without_l1_and_where_all_weights_are_positive_it_is_ease():
    table = np.vstack([np.ones((3, 4)), np.eye(4)])
    free = slim.elastic_net((table.T @ table).astype(np.float32), l1=0, l2=2.0, tolerance=1e-7, rounds=2000)
    np.testing.assert_allclose(free, ease.fit(clicks_of(table), regularisation=2.0).weights.numpy(), atol=1e-5)


def test_keeps_the_strongest_of_each_item():
    clicks = clicks_of(random_table(80, 15))
    whole = slim.fit(clicks, l1=0.5, l2=10.0).weights.toarray()
    few = slim.fit(clicks, l1=0.5, l2=10.0, neighbours=2).weights.toarray()
    assert ((few > 0).sum(0) == 2).all() and (whole > 0).sum() > 2 * 15
    assert (few[few > 0] == whole[few > 0]).all()
    assert few.sum(0) == pytest.approx(np.sort(whole, 0)[-2:].sum(0))


def test_too_many_items_for_the_budget():
    with pytest.raises(StropError, match=r"S502.*SLIM not run"):
        slim.fit(clicks_of(random_table(5, 10)), memory_bytes=3199)
