"""Does EASE without some clicks, by an update, equal EASE fitted without them, and does it refit where it must?"""

import numpy as np
import pytest
from small_worlds import clicks_of, random_table

from strop.errors import StropError
from strop.models.recommend import ease, ease_update

CLICKS = clicks_of(random_table(60, 25, share=0.25, seed=3))


def masks():
    """Random users, several at once, single clicks, whole items, a mixture."""
    random, n = np.random.default_rng(0), len(CLICKS)
    found = [CLICKS.users == user for user in random.integers(60, size=3)]
    found += [np.isin(CLICKS.users, random.choice(60, 5, replace=False)), np.arange(n) == random.integers(n)]
    found += [np.isin(np.arange(n), random.choice(n, 3, replace=False)), CLICKS.items == 7]
    found += [np.isin(CLICKS.items, [3, 8]), (CLICKS.users == 4) | (np.arange(n) == n - 1)]
    return found


@pytest.mark.parametrize("mask", masks())
@pytest.mark.parametrize("regularisation", [0.5, 400.0])
def test_equals_a_new_fit(mask, regularisation):
    before = ease_update.fit(CLICKS, regularisation=regularisation)
    after, said = before.without(CLICKS.take(mask))
    gold = ease_update.fit(CLICKS.take(~mask), regularisation=regularisation)
    assert said.startswith("updated exactly")
    np.testing.assert_allclose(after.weights(), gold.weights(), atol=1e-10)
    np.testing.assert_allclose(after.matrix, gold.matrix, atol=1e-10)
    everybody = np.arange(60)
    single = ease.fit(CLICKS.take(~mask), regularisation=regularisation).score(everybody)
    np.testing.assert_allclose(after.model().score(everybody).numpy(), single.numpy(), atol=1e-4)
    assert np.abs(before.weights() - gold.weights()).max() > 1e-6  # forgetting does change something


def test_by_hand():
    """Two items clicked by users {0, 1} and {0}, regularisation 1: A = [[3, 1], [1, 2]]. Without user 1: [[2, 1], [1, 2]],
    P = [[2, -1], [-1, 2]] / 3, and B[0, 1] = B[1, 0] = 0.5."""
    clicks = clicks_of(np.array([[1, 1], [1, 0]]))
    after, _ = ease_update.fit(clicks, regularisation=1.0)._refit(clicks.take(clicks.users != 1), "")
    assert after.weights()[0, 1] == pytest.approx(0.5)
    updated = ease_update.fit(clicks, regularisation=1.0)._updated(
        *ease_update._users_change(clicks, clicks.take(clicks.users != 1), clicks.take(clicks.users == 1))
    )
    np.testing.assert_allclose(updated * 3, [[2, -1], [-1, 2]], atol=1e-12)


def test_users_or_items_give_the_same_change():
    forget = CLICKS.take(np.isin(CLICKS.items, [3, 8]))
    stay = CLICKS.take(~np.isin(CLICKS.items, [3, 8]))
    gram = [c.matrix().astype(float).toarray() for c in (CLICKS, stay)]
    expected = gram[0].T @ gram[0] - gram[1].T @ gram[1]
    for rows, middle in (ease_update._users_change(CLICKS, stay, forget), ease_update._items_change(CLICKS, forget)):
        dense = rows.toarray()
        np.testing.assert_allclose(dense.T @ np.linalg.inv(middle) @ dense, expected, atol=1e-10)


def test_a_hundred_requests_do_not_drift():
    state = ease_update.fit(CLICKS, regularisation=5.0)
    for user in range(50):
        state, said = state.without(state.clicks.take(state.clicks.users == user))
        assert said.startswith("updated")
    gold = ease_update.fit(CLICKS.take(CLICKS.users >= 50), regularisation=5.0)
    np.testing.assert_allclose(state.weights(), gold.weights(), atol=1e-9)


def test_a_large_request_is_fitted_anew():
    before = ease_update.fit(CLICKS, regularisation=5.0)
    mask = CLICKS.users < 30
    after, said = before.without(CLICKS.take(mask))
    assert "fitted anew: so much changes (rank 30 of 25)" in said
    assert (after.matrix == ease_update.fit(CLICKS.take(~mask), regularisation=5.0).matrix).all()


def test_lost_digits_are_fitted_anew():
    """Only user 0 holds item 0, and next to no ridge stands against them: 1 - x P x' is about 1e-10."""
    table = random_table(40, 12, share=0.5)
    table[:, 0] = 0
    table[0, 0] = 1
    clicks = clicks_of(table)
    before = ease_update.fit(clicks, regularisation=1e-10)
    after, said = before.without(clicks.take(clicks.users == 0))
    assert said.startswith("fitted anew: the update would have lost")
    gold = ease_update.fit(clicks.take(clicks.users > 0), regularisation=1e-10)
    assert (after.matrix == gold.matrix).all()


def test_drift_is_seen_and_mended():
    good = ease_update.fit(CLICKS, regularisation=5.0)
    assert good.drift() < 1e-12
    damaged = ease_update.Precision(good.matrix + 1e-6, CLICKS, 5.0)
    assert damaged.drift() > 1e-6
    _, said = damaged.without(CLICKS.take(CLICKS.users == 2))
    assert said.startswith("fitted anew: the update drifted")


def test_the_inverse_is_read_back_from_a_saved_model():
    model = ease.fit(CLICKS, regularisation=20.0)
    found = ease_update.recovered(model, CLICKS, regularisation=20.0)
    gold = ease_update.fit(CLICKS, regularisation=20.0)
    np.testing.assert_allclose(found.matrix, gold.matrix, rtol=1e-4, atol=1e-8)
    after, said = found.without(CLICKS.take(CLICKS.users == 9))
    assert said.startswith("updated")
    left = ease_update.fit(CLICKS.take(CLICKS.users != 9), regularisation=20.0)
    np.testing.assert_allclose(after.weights(), left.weights(), atol=2e-6)


def test_what_is_not_that_model_is_refused():
    model = ease.fit(CLICKS, regularisation=20.0)
    with pytest.raises(StropError, match=r"S301.*not EASE with regularisation 30"):
        ease_update.recovered(model, CLICKS, regularisation=30.0)
    with pytest.raises(StropError, match=r"S214.*other clicks"):
        ease_update.recovered(model, CLICKS.take(CLICKS.users > 0), regularisation=20.0)


def test_a_click_that_is_not_there():
    before = ease_update.fit(CLICKS.take(CLICKS.users > 0), regularisation=5.0)
    with pytest.raises(StropError, match=r"S216.*user 0 has no click"):
        before.without(CLICKS.take(CLICKS.users == 0))
    with pytest.raises(StropError, match="S214"):
        before.without(clicks_of(np.eye(3)))
