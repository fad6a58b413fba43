"""Figures of popularity: by hand, in proportion, and where they are undefined."""

import numpy as np
import pytest
from audit_worlds import clicks

from strop.audits import popularity as P
from strop.audits.measure import measure
from strop.errors import StropError

TRAIN = clicks([[0, 3], [0], [0, 1], [1, 2]], 4, 4)
TRUTH = clicks([[1, 2], [1, 3], [2, 3], [0]], 4, 4)
TOP = np.array([[1, 2], [1, 2], [3, 2], [3, 0]])


def test_the_4_by_4_case_by_hand():
    """Train clicks (popularity) 3 2 1 1; likes q = 1 2 2 2.
    Lists 12 12 32 30 against likes {1,2} {1,3} {2,3} {0}: hits u0 on 1 and 2, u1 on 1, u2 on 3 and 2, u3 on 0, so
    C = 1 2 2 1.
    DI(1): r = C/q = 1 1 1 0.5, mean 0.875, std sqrt((3 * 0.125^2 + 0.375^2) / 4) = 0.216506; over mean 0.247436.
    DI(1.3): r = C/q^0.7 = 1, 2^0.3, 2^0.3, 2^-0.7 = 1 1.231144 1.231144 0.615572, mean 1.019465, std 0.251559: 0.246756.
    DI(2): r = C: mean 1.5, std 0.5: 1/3.
    REO: four items make four groups of one, p = C/q: 0.247436 again.
    RSP: slots 1 2 3 2 over users who have not clicked it 1 2 3 3 = 1 1 1 2/3, mean 11/12, std sqrt((3 + 9) / 144 / 4) =
    0.144338: 0.157459.
    ARP: lists' means 1.5 1.5 1 2: 1.5. Coverage 4/4. Gini: slots 1 2 2 3: (-3*1 - 1*2 + 1*2 + 3*3) / (4 * 8) = 0.1875.
    Head: item 0 (a tenth, at least one): 1 of 8 slots. Recall (1 + 1/2 + 1 + 1) / 4 = 0.875.
    MI: C/q in bins 9 9 9 5; q in two bins (1 | 2 2 2, for the quantiles of 1 2 2 2 at 0.1 to 0.3 lie between 1 and 2).
    Cells (9,1) 1/4, (9,2) 1/2, (5,2) 1/4: 1/4 log(1/4 / (3/4 1/4)) + 1/2 log(1/2 / (3/4 3/4)) + 1/4 log(1/4 / (1/4 3/4))
    = 0.071921 - 0.058892 + 0.071921 = 0.084950.
    """
    found = measure(TOP, train=TRAIN, truth=TRUTH, k=2, gammas=(1, 1.3, 2)).values
    expected = {
        "recall@2": 0.875,
        "di@2 gamma=1.0": 0.247436,
        "di@2 gamma=1.3": 0.246756,
        "di@2 gamma=2.0": 1 / 3,
        "mi@2": 0.084950,
        "reo@2": 0.247436,
        "rsp@2": 0.157459,
        "arp@2": 1.5,
        "coverage@2": 1.0,
        "gini@2": 0.1875,
        "head_share@2": 0.125,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=2e-6)


def test_hits_in_proportion_to_likes_deviate_by_nothing():
    """gamma 1: C = q; gamma 1.5: q = 4 16 36, C = 2 4 6 = q^0.5; gamma 2: C = 3 everywhere. An unliked item is left out."""
    likes = np.array([4, 16, 36, 0])
    for gamma, hits in ((1.0, likes), (1.5, np.array([2, 4, 6, 0])), (2.0, np.array([3, 3, 3, 0]))):
        assert P.interaction_deviation(hits, likes, gamma=gamma) == pytest.approx(0, abs=1e-12)
        other = 1.5 if gamma != 1.5 else 1.0
        assert P.interaction_deviation(hits, likes, gamma=other) > 0.2


def test_groups_are_equal_ordered_by_train_clicks_and_leave_cold_items_out():
    popularity = np.random.default_rng(0).permutation(np.repeat([0, 1, 2, 3, 50], [5, 30, 30, 30, 3]))
    groups = P.popularity_groups(popularity)
    assert (groups[popularity == 0] == -1).all() and (groups[popularity == 50] == 9).all()
    assert sorted(np.bincount(groups[groups >= 0])) == [9] * 7 + [10] * 3
    means = [popularity[groups == g].mean() for g in range(10)]
    assert means == sorted(means)
    assert list(P.popularity_groups(np.array([5, 0, 9]))) == [0, -1, 1]
    assert list(P.popularity_groups(np.zeros(2, int))) == [-1, -1]


def test_ties_in_popularity_do_not_follow_the_order_of_the_items():
    groups = P.popularity_groups(np.ones(1000, int))
    assert abs(np.corrcoef(groups, np.arange(1000))[0, 1]) < 0.1
    assert abs(np.flatnonzero(P.head_items(np.ones(1000, int))).mean() - 499.5) < 100


@pytest.mark.parametrize("gamma", [0.99, 2.01, float("nan")])
def test_gamma_outside_its_range(gamma):
    with pytest.raises(StropError, match="S301"):
        P.interaction_deviation(np.ones(3, int), np.ones(3, int), gamma=gamma)
    with pytest.raises(StropError, match="S301"):
        measure(TOP, train=TRAIN, truth=TRUTH, k=2, gammas=(gamma,))


def test_spread_and_gini_where_undefined():
    assert np.isnan(P.relative_spread(np.array([1.0])))
    assert np.isnan(P.relative_spread(np.array([1.0, np.nan])))
    assert np.isnan(P.relative_spread(np.array([0.0, 0.0])))
    assert P.relative_spread(np.array([1.0, np.nan, 3.0])) == pytest.approx(0.5)
    assert np.isnan(P.gini_index(np.zeros(4, int), n_items=4))
    assert P.gini_index(np.array([7]), n_items=10) == pytest.approx(0.9)
    assert P.gini_index(np.full(5, 3), n_items=5) == pytest.approx(0)


def test_information_of_a_rate_that_is_a_function_of_likes():
    """Ten sizes of likes, a hundred items each, and a rate bin of its own for each size: log 10 nats. One rate for all: 0."""
    likes = np.repeat(np.arange(10, 110, 10), 100)
    edges = P.like_bins(likes)
    rates = np.repeat(np.arange(10), 100) / 10
    assert P.mutual_information((rates * likes).astype(int), likes, edges=edges) == pytest.approx(np.log(10))
    assert P.mutual_information(likes // 10 * 3, likes, edges=edges) == pytest.approx(0, abs=1e-12)


def test_unbiased_recall_by_hand():
    """Popularity 4 1 0. User 0 likes 0 and 1 and is shown 1: weights 1/2 and 1: 1 / 1.5. User 1 likes 2 (cold): left out.
    User 2 likes 0 and is shown it: 1. User 3 likes 0, is shown nothing: 0."""
    train = clicks([[], [0], [0], [0], [0, 1]], 5, 3)
    truth = clicks([[0, 1], [2], [0], [0], []], 5, 3)
    top = np.array([[1, -1], [2, 0], [0, 1], [-1, -1], [0, 1]])
    users, values = P.unbiased_recall(top, train=train, truth=truth, k=2)
    assert list(users) == [0, 2, 3]
    assert values == pytest.approx([2 / 3, 1, 0])
    plain = P.unbiased_recall(top, train=train, truth=truth, k=2, power=0)[1]
    assert plain == pytest.approx([1 / 2, 1, 0])
    with pytest.raises(StropError, match="S301"):
        P.unbiased_recall(top, train=train, truth=truth, k=2, power=-1)


def test_unbiased_recall_finds_the_recall_of_all_likes_again():
    """40,000 users like two of 50 items and are shown the 10 most popular; likes are observed with chance p ~ popularity.
    True recall: share of likes among the shown. The plain mean overstates it by 0.2 and more, the weighted by under 0.02
    (over all likes at once; per-user normalising with few likes keeps part of the bias, so the pooled ratio is compared)."""
    rng = np.random.default_rng(4)
    chance = np.linspace(0.05, 1, 50)
    likes = np.argsort(rng.random((40000, 50)), axis=1)[:, :2]
    seen = rng.random(likes.shape) < chance[likes]
    truth = clicks([set(row[kept]) for row, kept in zip(likes, seen)], 40000, 50)
    popular = [set(np.flatnonzero(rng.random(50) < chance)) for _ in range(4000)] + [()] * 36000
    train = clicks(popular, 40000, 50)
    hit = likes >= 40
    weights = 1 / train.popularity[likes]
    pooled = (hit * weights * seen).sum() / (weights * seen).sum()
    assert abs(pooled - hit.mean()) < 0.02
    top = np.tile(np.arange(40, 50), (40000, 1))
    plain = P.unbiased_recall(top, train=train, truth=truth, k=10, power=0)[1].mean()
    weighted = P.unbiased_recall(top, train=train, truth=truth, k=10, power=1)[1].mean()
    assert hit.mean() < weighted < plain - 0.01 < plain
