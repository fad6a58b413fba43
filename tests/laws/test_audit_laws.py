"""What holds for every audit, whatever the lists: bounds, order, and indifference to names."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.audits import intervals, popularity, ranking
from strop.audits.measure import measure
from strop.records import Clicks

seeds = st.integers(0, 2**32 - 1)
quick = settings(derandomize=True, deadline=None, max_examples=40)


class Table:
    def __init__(self, scores):
        self.scores, (self.n_users, self.n_items) = torch.from_numpy(scores), scores.shape

    def score(self, users):
        return self.scores[torch.from_numpy(users)]


def of(mask):
    users, items = np.nonzero(mask)
    return Clicks(users, items, np.arange(mask.shape[0]), np.arange(mask.shape[1]))


def world(seed):
    """Scores without ties, and train and test masks in which no two items have the same number of train clicks."""
    rng = np.random.default_rng(seed)
    n_items = int(rng.integers(4, 25))
    n_users = n_items + int(rng.integers(2, 20))
    train = np.zeros((n_users, n_items), bool)
    for item, count in enumerate(rng.permutation(n_items) + 1):
        train[rng.permutation(n_users)[:count], item] = True
    truth = (rng.random(train.shape) < 0.25) & ~train
    return rng.permuted(np.arange(train.size, dtype=np.float32)).reshape(train.shape), train, truth


def audited(scores, train, truth, k=6):
    top = ranking.top_k(Table(scores), [of(train)], k=k)
    return measure(top, train=of(train), truth=of(truth), k=k)


@quick
@given(seeds)
def test_names_of_users_and_items_change_nothing(seed):
    scores, train, truth = world(seed)
    rng = np.random.default_rng(seed + 1)
    users, items = (rng.permutation(n) for n in scores.shape)
    first = audited(scores, train, truth)
    other = audited(*(table[users][:, items].copy() for table in (scores, train, truth)))
    assert other.values == pytest.approx(first.values, nan_ok=True)
    assert np.array(other.points(), float) == pytest.approx(np.array(first.points(), float), nan_ok=True)


@quick
@given(seeds)
def test_only_the_order_of_scores_matters(seed):
    scores, train, truth = world(seed)
    squeezed = np.arctan(scores.astype(np.float64) / scores.size).astype(np.float32)
    if len(np.unique(squeezed)) == squeezed.size:
        assert audited(squeezed, train, truth).values == pytest.approx(
            audited(scores, train, truth).values, nan_ok=True
        )


@quick
@given(seeds, st.integers(1, 12))
def test_bounds_and_order_of_the_accuracy_figures(seed, k):
    scores, train, truth = world(seed)
    top = ranking.top_k(Table(scores), [of(train)], k=k + 1)
    users, small = ranking.per_user(top, of(truth), k=k)
    large = ranking.per_user(top, of(truth), k=k + 1)[1]
    likes = truth.sum(axis=1)[users]
    for values in small.values():
        assert ((values >= 0) & (values <= 1)).all()
    for name in ("recall", "map", "mrr", "hit_rate"):
        assert (large[name] >= small[name] - 1e-12).all()
    assert small["precision"] * k == pytest.approx(small["recall"] * likes)
    assert ((small["mrr"] > 0) == (small["hit_rate"] == 1)).all()
    assert (small["map"] <= small["recall"] + 1e-12).all()


@quick
@given(seeds)
def test_a_list_of_all_the_likes_first_is_perfect_and_hits_are_in_proportion(seed):
    _, train, truth = world(seed)
    k = max(1, int(truth.sum(axis=1).max()))
    best = audited(truth.astype(np.float32), train, truth, k=k)
    for name in ("recall", "ndcg", "map", "mrr", "hit_rate"):
        assert best.values[f"{name}@{k}"] == pytest.approx(1)
    for name in (f"di@{k} gamma=1.0", f"reo@{k}"):
        assert best.values[name] == pytest.approx(0, abs=1e-9) or best.value(name) is None


@quick
@given(seeds, st.integers(1, 8), st.integers(1, 30))
def test_lists_hold_no_seen_item_no_item_twice_and_all_that_is_left(seed, levels, k):
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 9)), int(rng.integers(1, 25)))
    scores = rng.integers(0, levels, size=shape).astype(np.float32)
    seen = [rng.random(shape) < rng.random((shape[0], 1)) * 1.3 for _ in range(2)]
    top = ranking.top_k(Table(scores), [of(mask) for mask in seen], k=k)
    for user, row in enumerate(top):
        shown, left = row[row >= 0], np.flatnonzero(~(seen[0] | seen[1])[user])
        assert len(set(shown)) == len(shown) == min(k, len(left)) and set(shown) <= set(left)
        assert (row[len(shown) :] == -1).all()
        assert list(scores[user, shown]) == sorted(scores[user, left], reverse=True)[: len(shown)]


@quick
@given(seeds, st.floats(0.5, 1.5))
def test_equal_scores_recommend_what_is_as_popular_as_the_average(seed, slope):
    """Lists of 10 from 100 items for 2,000 users who each enter the circle of ties elsewhere: every stretch of the circle
    is met about 20 times, so the mean popularity of lists is near that of the items; the first ten ids are far off."""
    popular = np.arange(1, 101) ** -slope * 1999 + 1
    train = np.arange(2000)[:, None] < popular
    top = ranking.top_k(Table(np.zeros((2000, 100), np.float32)), [], k=10)
    arp = measure(top, train=of(train), truth=of(~train[:, :]), k=10).values["arp@10"]
    shown = train.sum(axis=0).mean()
    assert abs(arp / shown - 1) < 0.15
    assert train.sum(axis=0)[:10].mean() > 2 * shown


@quick
@given(seeds, st.sampled_from([1.0, 1.25, 1.5, 1.75, 2.0]), st.integers(1, 5))
def test_deviation_is_0_for_hits_in_proportion_and_keeps_its_value_when_all_hits_double(seed, gamma, share):
    rng = np.random.default_rng(seed)
    likes = rng.integers(1, 12, size=15) ** 4  # so that likes^(2 - gamma) is whole
    hits = share * np.round(likes ** (2 - gamma)).astype(int)
    assert popularity.interaction_deviation(hits, likes, gamma=gamma) == pytest.approx(0, abs=1e-7)
    uneven = hits + rng.integers(0, 5, size=15)
    value = popularity.interaction_deviation(uneven, likes, gamma=gamma)
    assert popularity.interaction_deviation(2 * uneven, likes, gamma=gamma) == pytest.approx(value)


@quick
@given(seeds)
def test_bounds_of_the_item_figures(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 40))
    likes = rng.integers(0, 30, size=n)
    hits = rng.binomial(likes, rng.random())
    if likes.any():
        information = popularity.mutual_information(hits, likes, edges=popularity.like_bins(likes))
        assert -1e-9 <= information <= np.log(10) + 1e-9
    gini = popularity.gini_index(likes, n_items=n + 3)
    assert np.isnan(gini) or 0 <= gini <= 1 - 1 / (n + 3) + 1e-12
    spread = popularity.relative_spread(likes.astype(float))
    assert np.isnan(spread) or 0 <= spread <= np.sqrt(n - 1) + 1e-9


@quick
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_keeps_the_order_and_lies_between_p_and_bonferroni(p):
    adjusted = intervals.holm(p)
    assert (adjusted >= np.array(p)).all() and (adjusted <= np.minimum(1, len(p) * np.array(p)) + 1e-15).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()
    assert sorted(adjusted) == pytest.approx(sorted(intervals.holm(p[::-1])))
