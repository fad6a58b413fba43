"""Do the models reach on ML-100K what other tools' reach, or more?"""

import pytest
from reference_split import recall_and_ndcg, reference_split

from strop.models.recommend import ease, ials, item_neighbours, popular, rp3beta, slim

# Recall@20 and NDCG@20 of other tools on this split: EASE of four tools, ALS of implicit 0.7.3 (64 factors, tuned).
PUBLISHED_EASE, PUBLISHED_ALS = (0.3688, 0.4500), (0.3638, 0.4374)


@pytest.fixture(scope="module")
def split():
    return reference_split()


@pytest.mark.slow
def test_the_split_and_ease_to_four_digits(split):
    train, test = split
    assert (len(train), len(test), train.n_users, train.n_items) == (80_000, 20_000, 943, 1682)
    assert [round(f, 4) for f in recall_and_ndcg(ease.fit(train, regularisation=400.0), train, test)] == [0.3688, 0.45]


@pytest.mark.slow
@pytest.mark.parametrize(
    "fit, recall, ndcg",
    [
        (ials.fit, *PUBLISHED_ALS),
        (slim.fit, 0.366, 0.447),
        (rp3beta.fit, 0.333, 0.409),
        (item_neighbours.fit, 0.327, 0.394),
    ],
)
def test_defaults_reach(split, fit, recall, ndcg):
    train, test = split
    reached = recall_and_ndcg(fit(train), train, test)
    assert reached[0] >= recall and reached[1] >= ndcg
    floor = recall_and_ndcg(popular.fit(train), train, test)
    assert reached[0] > 1.8 * floor[0] and reached[1] > 1.8 * floor[1]
