"""Do the two floors do as they say: the same list for all, and a fair random order for each?"""

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from small_worlds import clicks_of

from strop.errors import StropError
from strop.models.recommend import chance, popular

CLICKS = clicks_of(np.array([[1, 1, 0], [1, 0, 0], [1, 1, 0]]))


def test_popular_counts_users():
    model = popular.fit(CLICKS)
    assert model.score(np.array([2, 0])).tolist() == [[3, 2, 0], [3, 2, 0]]
    assert model.score_list(np.array([2])).tolist() == model.similar(1).tolist() == [3, 2, 0]


def test_scores_may_be_masked_in_place():
    model = popular.fit(CLICKS)
    model.score(np.array([0, 1]))[0, 0] = -torch.inf
    model.score_list(np.array([0]))[0] = -torch.inf
    assert model.score(np.array([0])).tolist() == [[3, 2, 0]]


def test_chance_is_uniform_and_its_users_have_nothing_in_common():
    scores = chance.Chance(200, 500, 7).score(np.arange(200)).numpy()
    assert kstest(scores.ravel(), "uniform").pvalue > 0.01
    between = np.corrcoef(scores)[np.triu_indices(200, 1)]
    assert abs(between.mean()) < 0.002 and between.std() == pytest.approx(500**-0.5, rel=0.1)
    lags = [np.corrcoef(scores[:, :-1].ravel(), scores[:, 1:].ravel())[0, 1]]
    lags += [np.corrcoef(scores[:-1].ravel(), scores[1:].ravel())[0, 1]]
    assert np.abs(lags).max() < 0.012  # four standard errors of 100,000 pairs


def test_chance_depends_on_seed_and_user_alone():
    model = chance.fit(CLICKS, seed=3)
    assert torch.equal(model.score(np.array([2, 0])), model.score(np.arange(3))[[2, 0]])
    assert not torch.equal(model.score(np.array([0])), chance.fit(CLICKS, seed=4).score(np.array([0])))
    assert torch.equal(model.score_list(np.array([1, 0, 1])), model.score_list(np.array([0, 1])))
    assert not torch.equal(model.score_list(np.array([0])), model.score_list(np.array([1])))


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_out_of_range(seed):
    with pytest.raises(StropError, match="S301"):
        chance.fit(CLICKS, seed=seed)
