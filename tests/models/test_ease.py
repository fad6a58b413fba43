"""Is EASE the constrained ridge that its paper asks for, in both precisions, and does it keep to its memory?"""

import numpy as np
import pytest
import torch
from small_worlds import clicks_of, random_table

from strop.errors import StropError
from strop.models.recommend import ease
from strop.models.recommend.item_weights import gram_matrix


def brute_force(table, regularisation):
    """Each column by a ridge on the other columns alone."""
    n = table.shape[1]
    weights = np.zeros((n, n))
    for j in range(n):
        others = [k for k in range(n) if k != j]
        x = table[:, others]
        weights[others, j] = np.linalg.solve(x.T @ x + regularisation * np.eye(n - 1), x.T @ table[:, j])
    return weights


TABLE = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 0], [1, 0, 0, 1], [0, 0, 1, 1]], float)


def test_by_hand_two_items():
    """Two items, n(1)=2, n(2)=1, both clicked by 1 user, regularisation 1: B[2,1] = 1/(1+1) = 0.5, B[1,2] = 1/(2+1)."""
    model = ease.fit(clicks_of(np.array([[1, 1], [1, 0]])), regularisation=1.0)
    assert model.similar(1).tolist() == pytest.approx([0.5, 0])
    assert model.similar(0).tolist() == pytest.approx([0, 1 / 3])
    assert model.score(np.array([1]))[0].tolist() == pytest.approx([0, 1 / 3])


@pytest.mark.parametrize("regularisation", [0.5, 20.0])
def test_equals_a_ridge_for_each_column(regularisation):
    model = ease.fit(clicks_of(TABLE), regularisation=regularisation)
    weights = brute_force(TABLE, regularisation)
    np.testing.assert_allclose(model.weights.numpy(), weights, atol=2e-6)
    np.testing.assert_allclose(model.score(np.arange(5)).numpy(), TABLE @ weights, atol=5e-6)


def test_ill_conditioned_data_are_solved_in_double_precision():
    table = random_table(60, 12)
    table[:, 1] = table[:, 0]  # twins: single precision is off by 0.1 here
    model = ease.fit(clicks_of(table), regularisation=1e-4)
    np.testing.assert_allclose(model.weights.numpy(), brute_force(table, 1e-4), atol=1e-5)


def test_gram_matrix_over_several_blocks(monkeypatch):
    monkeypatch.setattr("strop.models.recommend.item_weights.BLOCK_BYTES", 4 * (9 + 7) * 2)
    table = random_table(9, 7)
    assert (gram_matrix(clicks_of(table)) == table.T @ table).all()


def test_too_many_items_for_the_budget():
    with pytest.raises(StropError, match=r"S502.*EASE not run, needs 0\.0 GB for 4 items") as caught:
        ease.fit(clicks_of(TABLE), memory_bytes=24 * 16 - 1)
    assert caught.value.exit_status == 6
    ease.fit(clicks_of(TABLE), memory_bytes=24 * 16)


def test_a_hopeless_regularisation_is_told():
    with pytest.raises(StropError, match=r"S301.*too small"):
        ease.fit(clicks_of(np.ones((4, 3))), regularisation=1e-300)


def test_thread_count_leaves_the_ranking():
    clicks, before = clicks_of(random_table(50, 20)), torch.get_num_threads()
    one = ease.fit(clicks).score(np.arange(50))
    try:
        torch.set_num_threads(2)
        two = ease.fit(clicks).score(np.arange(50))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(one, two)
