"""Top lists against a full sort, ties, masks and bad scores; accuracy against ir-measures."""

import ir_measures
import numpy as np
import pytest
import torch
from audit_worlds import Fixed, clicks
from ir_measures import AP, RR, P, Qrel, R, ScoredDoc, Success, nDCG

from strop.audits import ranking
from strop.errors import StropError


def none_seen(n_users, n_items):
    return clicks([[] for _ in range(n_users)], n_users, n_items)


def sorted_in_full(scores, seen, k):
    """Each user's items in the order of (score, place in the circle), by Python's own sort."""
    n_users, n_items = scores.shape
    circle = ranking.tie_order(n_items)
    top = np.full((n_users, k), -1)
    for user in range(n_users):
        entry = int(ranking._hash(np.array([user], np.uint64))[0] % np.uint64(n_items))
        known = {int(i) for part in seen for i in part.items_of(user)}
        left = [i for i in range(n_items) if i not in known and scores[user, i] > -np.inf]
        left.sort(key=lambda i: (-scores[user, i], (int(circle[i]) - entry) % n_items))
        top[user, : min(k, len(left))] = left[:k]
    return top


@pytest.mark.parametrize("levels", [1, 3, 40, 10**6])
@pytest.mark.parametrize("k", [1, 7, 40, 60])
def test_the_top_is_that_of_a_full_sort_with_masks_ties_and_short_lists(levels, k):
    rng = np.random.default_rng(levels + k)
    scores = (rng.integers(-levels, levels, size=(30, 40)) / 4).astype(np.float32)
    scores[0, :5], scores[1, :3], scores[2] = [np.inf, -np.inf, np.inf, -np.inf, 0], -np.inf, -np.inf
    parts = [clicks([rng.choice(40, 40 if u == 4 else u, replace=False) for u in range(30)], 30, 40) for _ in range(2)]
    expected = sorted_in_full(scores, parts, k)
    for memory in (256 << 20, 48 * 40 * 7):
        assert np.array_equal(ranking.top_k(Fixed(scores), parts, k=k, memory_bytes=memory), expected)
    assert np.array_equal(ranking.top_k_of_scores(scores.astype(np.float64), parts, k=k), expected)
    some = np.array([29, 4, 7])
    assert np.array_equal(ranking.top_k(Fixed(scores), parts, k=k, users=some), expected[some])
    assert (expected[4] == -1).all() and (expected[2] == -1).all()


def test_minus_zero_ties_with_zero():
    scores = np.where(np.random.default_rng(0).random((50, 20)) < 0.5, np.float32(-0.0), np.float32(0.0))
    equal = ranking.top_k(Fixed(np.zeros((50, 20))), [], k=5)
    assert np.array_equal(ranking.top_k(Fixed(scores), [], k=5), equal)


def test_equal_scores_show_every_item_about_as_often_and_not_in_the_order_of_the_file():
    """4,000 users enter a circle of 50 items, so an item stands in 4,000 * 10 / 50 = 800 lists; places a user are binomial
    (p = 0.2, sd 25): five of them leave 675 to 925. The first ten items would have 4,000 each."""
    top = ranking.top_k(Fixed(np.zeros((4000, 50))), [], k=10)
    shown = np.bincount(top.ravel(), minlength=50)
    assert shown.min() > 675 and shown.max() < 925
    order = ranking.tie_order(50)
    assert sorted(order) == list(range(50)) and abs(np.corrcoef(order, np.arange(50))[0, 1]) < 0.3
    assert list(ranking.tie_order(6)) == [4, 3, 0, 5, 1, 2]  # splitmix64 in plain integers


def test_the_models_own_scores_are_left_alone():
    model = Fixed(np.random.default_rng(1).random((6, 9)))
    model.score = lambda users: model.scores[users[0] : users[-1] + 1]
    before = model.scores.clone()
    ranking.top_k(model, [clicks([[0, 1]] * 6, 6, 9)], k=3)
    assert torch.equal(model.scores, before)


def test_a_score_that_is_not_a_number_is_refused_where_it_would_be_ranked():
    scores = np.random.default_rng(2).random((5, 8))
    scores[3, 6] = np.nan
    with pytest.raises(StropError, match=r"S601.*user 3"):
        ranking.top_k(Fixed(scores), [], k=2)
    with pytest.raises(StropError, match=r"S203.*user 3 and item 6"):
        ranking.top_k_of_scores(scores, [], k=2)
    known = ranking.top_k(Fixed(scores), [clicks([[6]] * 5, 5, 8)], k=2)
    assert not (known == 6).any()


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("S301", {"k": 0}),
        ("S502", {"memory_bytes": 48 * 8 - 1}),
        ("S211", {"users": np.array([5])}),
        ("S211", {"users": np.array([-1])}),
        ("S214", {"seen": [none_seen(5, 9)]}),
        ("S214", {"seen": [none_seen(4, 8)]}),
    ],
)
def test_requests_that_make_no_sense(code, change):
    with pytest.raises(StropError) as caught:
        ranking.top_k(Fixed(np.zeros((5, 8))), **{"seen": [], "k": 2, **change})
    assert caught.value.code == code


def test_scores_of_another_shape_are_refused_rather_than_stretched():
    model = Fixed(np.zeros((5, 8)))
    model.score = lambda users: torch.zeros(1, 8)
    with pytest.raises(StropError, match="S214"):
        ranking.top_k(model, [], k=2)
    with pytest.raises(StropError, match="S214"):
        ranking.top_k_of_scores(np.zeros(8), [], k=2)


def test_accuracy_equals_ir_measures_on_1000_random_rankings():
    rng = np.random.default_rng(3)
    likes = [rng.choice(60, rng.integers(0, 40), replace=False) for _ in range(1000)]
    top = np.argsort(rng.random((1000, 60)), axis=1)[:, :25]
    for user in range(0, 1000, 7):
        top[user, rng.integers(0, 20) :] = -1
    users, found = ranking.per_user(top, clicks(likes, 1000, 60), k=20)
    judged = [Qrel(str(u), str(i), 1) for u in range(1000) for i in likes[u]]
    run = [ScoredDoc(str(u), str(i), -float(r)) for u in range(1000) for r, i in enumerate(top[u]) if i >= 0]
    names = {"recall": R @ 20, "ndcg": nDCG @ 20, "map": AP @ 20, "mrr": RR @ 20, "hit_rate": Success @ 20}
    names["precision"] = P @ 20
    theirs = {(str(m.measure), int(m.query_id)): m.value for m in ir_measures.iter_calc(names.values(), judged, run)}
    assert list(users) == [u for u in range(1000) if len(likes[u])]
    for name, measure in names.items():
        expected = [theirs.get((str(measure), u), 0.0) for u in users]  # an empty list is not judged there: 0
        assert np.abs(found[name] - expected).max() < 1e-6, name


def test_accuracy_by_hand():
    """Likes {2, 5, 7}, list 5 1 2 -: hits at ranks 1 and 3. Recall 2/3. NDCG (1 + 1/2) / (1 + 0.63093 + 1/2) = 1.5 /
    2.13093 = 0.70392. AP (1/1 + 2/3) / 3 = 0.55556. RR 1. P 2/4. User 1 likes nothing and is left out."""
    users, found = ranking.per_user(np.array([[5, 1, 2, -1], [0, 1, 2, 3]]), clicks([[2, 5, 7], []], 2, 8), k=4)
    expected = {"recall": 2 / 3, "ndcg": 0.70392, "map": 0.55556, "mrr": 1, "hit_rate": 1, "precision": 0.5}
    assert list(users) == [0]
    assert {name: values[0] for name, values in found.items()} == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("code", "top"),
    [
        ("S214", np.zeros((3, 2), int)),
        ("S214", np.zeros((2, 1), int)),
        ("S214", np.zeros(2, int)),
        ("S211", np.array([[0, 8], [0, 1]])),
        ("S211", np.array([[0, -2], [0, 1]])),
        ("S211", np.array([[0.0, 1.0], [0.0, 1.0]])),
        ("S212", np.array([[0, 1], [3, 3]])),
    ],
)
def test_lists_that_are_not_lists_of_these_items(code, top):
    with pytest.raises(StropError) as caught:
        ranking.per_user(top, clicks([[1], [2]], 2, 8), k=2)
    assert caught.value.code == code
