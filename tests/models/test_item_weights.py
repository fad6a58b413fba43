"""Are item neighbours and RP3beta what a plain loop gives, over one block or many?"""

import numpy as np
import pytest
from small_worlds import clicks_of, random_table

from strop.models.recommend import item_neighbours, rp3beta
from strop.models.recommend.item_weights import strongest

TABLE = random_table(30, 12, seed=3)


def cosine_loop(table, shrinkage):
    n = table.shape[1]
    size = np.sqrt(table.sum(0))
    weights = np.zeros((n, n))
    for j in range(n):
        for i in range(n):
            if i != j:
                weights[j, i] = table[:, j] @ table[:, i] / (size[j] * size[i] + shrinkage)
    return weights


def walk_loop(table, alpha, beta):
    users, items = table.shape
    weights = np.zeros((items, items))
    for j in range(items):
        for v in range(users):
            for i in range(items):
                if i != j and table[v, j] and table[v, i]:
                    step = (1 / table[:, j].sum()) ** alpha * (1 / table[v].sum()) ** alpha
                    weights[j, i] += step / table[:, i].sum() ** beta
    return weights


@pytest.mark.parametrize("block_bytes", [8_000_000, 4 * 42 * 5])
@pytest.mark.parametrize("neighbours", [3, 100])
def test_both_against_a_loop(monkeypatch, neighbours, block_bytes):
    monkeypatch.setattr("strop.models.recommend.item_weights.BLOCK_BYTES", block_bytes)
    for model, weights in [
        (item_neighbours.fit(clicks_of(TABLE), neighbours=neighbours, shrinkage=2.0), cosine_loop(TABLE, 2.0)),
        (rp3beta.fit(clicks_of(TABLE), neighbours=neighbours, alpha=0.7, beta=0.4), walk_loop(TABLE, 0.7, 0.4)),
    ]:
        kept = model.weights.toarray()
        np.testing.assert_allclose(kept, np.where(kept > 0, weights, 0), rtol=1e-5)
        np.testing.assert_allclose(np.sort(kept, 0)[-neighbours:], np.sort(weights, 0)[-neighbours:], rtol=1e-5)
        assert (np.count_nonzero(kept, 0) <= neighbours).all()
        np.testing.assert_allclose(model.score(np.arange(30)).numpy(), TABLE @ kept, rtol=1e-5, atol=1e-7)


def test_the_walk_by_hand():
    """Item 0 has users 0, 1; user 0 has 2 items, user 1 has 1; item 1 has 1 user. alpha 1, beta 1:
    w(0, 1) = 1/2 * 1/2 / 1 = 1/4; w(1, 0) = 1/1 * 1/2 / 2 = 1/4."""
    model = rp3beta.fit(clicks_of(np.array([[1, 1], [1, 0]])), alpha=1.0, beta=1.0)
    assert model.weights.toarray().tolist() == [[0, 0.25], [0.25, 0]]


def test_strongest_keeps_no_zero_and_nothing_negative():
    block = np.array([[0.5, -1.0], [0.0, -2.0], [0.25, 3.0]], np.float32)
    assert strongest(block, neighbours=3).toarray().tolist() == [[0.5, 0, 0.25], [0, 0, 3.0]]
    assert strongest(block, neighbours=3).nnz == 3
    assert strongest(block, neighbours=1).toarray().tolist() == [[0.5, 0, 0], [0, 0, 3.0]]
