"""Weighted pairs speak for likes: by enumeration, by hand, and what they refuse."""

from itertools import product

import numpy as np
import pytest
from small_worlds import clicks_of, random_table

from strop.errors import StropError
from strop.models.recommend.unbiased_pairs import UnbiasedPairs

FACTORS = (np.zeros((1, 1)), np.zeros((1, 1)))


def test_expected_weights_are_those_of_likes_by_enumeration():
    """One user, three items: over all draws of what is shown and liked, y_i times the weight of (i, j) is g_i (1 - g_j)."""
    like, shown = np.array([0.8, 0.3, 0.5]), np.array([0.9, 0.4, 0.6])
    found = np.zeros((3, 3))
    for o in product((0, 1), repeat=3):
        for r in product((0, 1), repeat=3):
            y = np.array(o) * np.array(r)
            chance = np.where(o, shown, 1 - shown).prod() * np.where(r, like, 1 - like).prod()
            if not y.any():
                continue
            source = UnbiasedPairs(clicks_of(y[None, :]), shown, negative_part="kept")
            i, j = np.array([(i, j) for i in range(3) for j in range(3) if i != j and y[i]]).T
            found[i, j] += chance * source.weights(np.zeros(len(i), int), i, j)
    expected = np.outer(like, 1 - like)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_by_hand():
    """t = 1/2, 1/4, 1; items 0 and 1 clicked: (0, 1): 2 (1 - 4) = -6, or left out; (0, 2): 2; (1, 2): 4."""
    clicks, propensity = clicks_of([[1, 1, 0]]), np.array([0.5, 0.25, 1.0])
    pairs = (np.zeros(3, int), np.array([0, 0, 1]), np.array([1, 2, 2]))
    assert UnbiasedPairs(clicks, propensity, negative_part="kept").weights(*pairs).tolist() == [-6, 2, 4]
    assert UnbiasedPairs(clicks, propensity).weights(*pairs).tolist() == [0, 2, 4]


def test_an_epoch_has_every_click_once_with_another_item_and_is_repeated_by_the_seed():
    clicks = clicks_of(random_table(30, 8))
    source = UnbiasedPairs(clicks, np.full(8, 0.5), seed=3)
    blocks = [[a.copy() for a in b] for b in source.blocks(0, 16, FACTORS)]
    users, items, rivals, weights = (np.concatenate(part) for part in zip(*blocks))
    key = np.sort(users.astype(int) * 8 + items)
    assert np.array_equal(key, clicks.users.astype(int) * 8 + clicks.items)
    assert (items != rivals).all() and set(rivals.tolist()) == set(range(8))
    table = random_table(30, 8)
    assert np.array_equal(weights, np.where(table[users, rivals] > 0, 0, 2))
    again = np.concatenate([b[2] for b in UnbiasedPairs(clicks, np.full(8, 0.5), seed=3).blocks(0, 16, FACTORS)])
    later = np.concatenate([b[2] for b in source.blocks(1, 16, FACTORS)])
    assert np.array_equal(again, rivals) and not np.array_equal(later, rivals)


def test_weights_that_would_turn_the_loss_round_are_refused():
    """Everything is clicked: each pair weighs 10 (1 - 10)."""
    source = UnbiasedPairs(clicks_of(np.ones((4, 3))), np.full(3, 0.1), negative_part="kept")
    with pytest.raises(StropError) as error:
        next(iter(source.blocks(0, 12, FACTORS)))
    assert error.value.code == "S211"


@pytest.mark.parametrize(
    ("table", "propensity", "code"),
    [
        ([[0, 0]], [1.0, 1.0], "S209"),
        ([[1]], [1.0], "S209"),
        ([[1, 0]], [1.0], "S214"),
        ([[1, 0]], [0.0, 1.0], "S211"),
        ([[1, 0]], [1.5, 1.0], "S211"),
    ],
)
def test_what_makes_no_sense_is_refused(table, propensity, code):
    with pytest.raises(StropError) as error:
        UnbiasedPairs(clicks_of(table), np.array(propensity))
    assert error.value.code == code
    assert UnbiasedPairs(clicks_of([[1, 0]]), np.array([1.0, 0.0])).inverse.tolist() == [
        1,
        0,
    ]  # never clicked: harmless
