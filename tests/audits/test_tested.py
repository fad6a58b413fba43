"""Figures of tested items: by hand, against a plain loop and scikit-learn, and what they refuse."""

import numpy as np
import pytest

from strop.audits.ranking import tie_order
from strop.audits.tested import tested as figures_of
from strop.errors import StropError
from strop.models.recommend.matrix_factorisation import MatrixFactorisation
from strop.records import Ratings


def model(scores) -> MatrixFactorisation:
    """A model with exactly these scores, (users, items)."""
    scores = np.asarray(scores, float)
    return MatrixFactorisation(scores, np.eye(scores.shape[1]), np.zeros(scores.shape[1]))


def judged(table) -> Ratings:
    """Ratings from a table with 0 for what was not tested."""
    users, items = np.nonzero(table)
    table = np.asarray(table)
    return Ratings(users, items, table[users, items], np.arange(len(table)), np.arange(len(table[0])))


def test_by_hand():
    """User 0's tested items by score: like, no, like, like (item 4 was not tested).

    DCG@1 = 1; DCG@3 = 1 + 1/log2(3); DCG@5 adds 1/log2(4) = 1/2. Recall 1/3, 2/3, 1. MAP@5 = 1 + 2/3 + 3/4, not divided.
    AUC: of the pairs of a like and the one other, 1 of 3 is in order. User 1: no, like: DCG@1 = 0, DCG@3 = 1/log2(2) = 1,
    MAP@3 = 1/2, AUC 0. User 2 likes none of two: left out. User 3 likes all of one: no AUC.
    """
    scores = [[4, 3, 2, 1, 9], [2, 1, 0, 0, 0], [1, 2, 3, 4, 5], [0, 0, 0, 0, 0]]
    table = [[5, 2, 4, 4, 0], [1, 5, 0, 0, 0], [1, 2, 0, 0, 0], [0, 0, 0, 4, 0]]
    found = figures_of(model(scores), judged(table), liked=4)
    assert found.users.tolist() == [0, 1, 3] and found.left_out == 1
    third = 1 / np.log2(3)
    expected = {
        "dcg@1": [1, 0, 1],
        "dcg@3": [1 + third, 1, 1],
        "dcg@5": [1 + third + 1 / 2, 1, 1],
        "recall@1": [1 / 3, 0, 1],
        "recall@3": [2 / 3, 1, 1],
        "recall@5": [1, 1, 1],
        "map@1": [1, 0, 1],
        "map@3": [1 + 2 / 3, 1 / 2, 1],
        "map@5": [1 + 2 / 3 + 3 / 4, 1 / 2, 1],
        "auc": [1 / 3, 0, np.nan],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(found.per_user[name], values, err_msg=name)
    assert found.value("auc") == pytest.approx(1 / 6)
    (figure,) = [f for f in found.figures(draws=200) if f.name == "auc"]
    assert (figure.value, figure.n) == (pytest.approx(1 / 6), 2)


def test_another_road_with_ties_and_pairs_that_were_learned_from():
    """A loop over users, and scikit-learn's AUC, on scores of a few levels; every third pair was learned from."""
    metrics = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(0)
    scores = generator.integers(0, 4, (300, 1500))
    table = generator.integers(1, 6, (300, 1500)) * (generator.random((300, 1500)) < 0.02)
    seen = judged(table * (generator.random(table.shape) < 1 / 3))
    left = table.copy()
    left[seen.users, seen.items] = 0
    found = figures_of(model(scores), judged(table), liked=4, seen=seen)
    place, rows = tie_order(1500), {}
    for user in range(300):
        items = np.flatnonzero(left[user])
        items = sorted(items, key=lambda i: (-scores[user, i], place[i]))
        y = [int(left[user, i] >= 4) for i in items]
        if not sum(y):
            continue
        hits = [sum(y[: i + 1]) / (i + 1) * y[i] for i in range(len(y))]
        auc = metrics.roc_auc_score(y, [scores[user, i] for i in items]) if sum(y) < len(y) else np.nan
        gains = [y[i] / np.log2(max(i + 1, 2)) for i in range(len(y))]
        rows[user] = (sum(gains[:5]), sum(y[:5]) / sum(y), sum(hits[:5]), auc)
    assert found.users.tolist() == list(rows)
    for name, values in zip(("dcg@5", "recall@5", "map@5", "auc"), zip(*rows.values()), strict=True):
        np.testing.assert_allclose(found.per_user[name], values, atol=1e-12, err_msg=name)


def test_nothing_defined_is_none():
    found = figures_of(model([[1, 2]]), judged([[4, 5]]), liked=4)
    assert found.value("auc") is None
    assert {f.name: (f.value, f.n) for f in found.figures()}["auc"] == (None, 0)


@pytest.mark.parametrize(
    ("scores", "settings", "code"),
    [
        ([[1, 2]], {"liked": 6}, "S209"),
        ([[1, 2, 3]], {"liked": 4}, "S214"),
        ([[1, np.nan]], {"liked": 4}, "S601"),
        ([[1, 2]], {"liked": 4, "ks": (0, 5)}, "S301"),
        ([[1, 2]], {"liked": 4, "seen": judged([[1, 1]])}, "S209"),
    ],
)
def test_what_makes_no_sense_is_refused(scores, settings, code):
    with pytest.raises(StropError) as error:
        figures_of(model(scores), judged([[4, 5]]), **settings)
    assert error.value.code == code
