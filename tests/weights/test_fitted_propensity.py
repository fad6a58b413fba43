"""Fitted propensities: against scikit-learn, against their own equations, and what they refuse."""

import numpy as np
import pytest

from strop.errors import StropError
from strop.records import Clicks
from strop.weights.propensity import effects_propensity, logistic_propensity, unbiased_weights


def pairs(table) -> Clicks:
    users, items = np.nonzero(table)
    return Clicks(users, items, np.arange(len(table)), np.arange(len(table[0])))


def sample(n=600, seed=0):
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(n, 3)) * [1, 10, 0.1] + [0, 5, 1]
    chance = 1 / (1 + np.exp(1 - features[:, 0] - 0.1 * (features[:, 1] - 5)))
    return features, chance, generator.random(n) < chance


@pytest.mark.parametrize("l2", [0.1, 1.0, 50.0])
def test_features_as_scikit_learn_fits_them(l2):
    linear = pytest.importorskip("sklearn.linear_model")
    features, _, shown = sample()
    x = (features - features.mean(0)) / features.std(0)
    other = linear.LogisticRegression(C=1 / l2, tol=1e-10, max_iter=10_000).fit(x, shown)
    ours = logistic_propensity(shown, features, l2=l2)
    np.testing.assert_allclose(ours, other.predict_proba(x)[:, 1], atol=1e-6)
    stretched = logistic_propensity(shown, features * [2, 0.01, 7] - 3, l2=l2)
    np.testing.assert_allclose(stretched, ours, atol=1e-6)  # units do not matter


def test_planted_chances_are_found():
    """Six thousand pairs: within 0.03 of the truth on average, where the mean alone is 0.19 off."""
    features, chance, shown = sample(6000)
    assert np.abs(logistic_propensity(shown, features) - chance).mean() < 0.03
    assert np.abs(shown.mean() - chance).mean() > 0.15


def test_effects_solve_their_equations_and_find_what_was_planted():
    """At the optimum each user's and item's surplus of chances is -l2 times its effect, and effects sum to 0."""
    generator = np.random.default_rng(1)
    logits = generator.normal(size=(60, 1)) + generator.normal(size=80) - 1
    chance = 1 / (1 + np.exp(-logits))
    table = generator.random((60, 80)) < chance
    found = effects_propensity(pairs(table), l2=0.5)
    fitted = np.log(found / (1 - found))
    items = fitted.mean(0) - fitted.mean()  # the effects, which sum to 0
    users = fitted.mean(1) - fitted.mean()
    np.testing.assert_allclose(found.sum(0) - table.sum(0), -0.5 * items, atol=1e-4)
    np.testing.assert_allclose(found.sum(1) - table.sum(1), -0.5 * users, atol=1e-4)
    off = np.abs(found - chance).mean()
    assert off < 0.06 and np.abs(table.mean(0) - chance).mean() > 2 * off  # the latter: popularity alone


def test_a_click_counts_as_a_like_and_takes_back_what_it_cost_unseen():
    """t = 1, 1/2, 1/4 and clip 0.4: w = 1, 2, 2.5; as no like 0, -1, -1.5."""
    like, other = unbiased_weights(np.array([1, 0.5, 0.25]), clip=0.4)
    assert like.tolist() == [1, 2, 2.5] and other.tolist() == [0, -1, -1.5]
    assert [w.tolist() for w in unbiased_weights(np.array([0.3, 0.0]), clip=1.0)] == [[1, 1], [0, 0]]


SHOWN, FEATURES = np.array([1, 0, 1, 0]), np.array([[1.0], [2], [3], [5]])


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: logistic_propensity(SHOWN, np.full((4, 1), 0.1)), "S211"),
        (lambda: logistic_propensity(SHOWN, FEATURES * np.nan), "S211"),
        (lambda: logistic_propensity(SHOWN[:3], FEATURES), "S214"),
        (lambda: logistic_propensity(SHOWN, FEATURES[:, 0]), "S214"),
        (lambda: logistic_propensity(np.ones(4), FEATURES), "S209"),
        (lambda: logistic_propensity(np.zeros(4), FEATURES), "S209"),
        (lambda: logistic_propensity(SHOWN, FEATURES, l2=0.0), "S301"),
        (lambda: effects_propensity(pairs(np.eye(3)), l2=-1.0), "S301"),
        (lambda: effects_propensity(pairs(np.eye(3))), "S211"),
        (lambda: effects_propensity(pairs(np.ones((3, 2)))), "S209"),
        (lambda: effects_propensity(pairs(np.zeros((3, 2)))), "S209"),
        (lambda: effects_propensity(pairs(np.tri(3)), memory_bytes=100), "S502"),
        (lambda: unbiased_weights(np.array([0.0, 1.0])), "S211"),
        (lambda: unbiased_weights(np.array([1.1]), clip=0.5), "S211"),
        (lambda: unbiased_weights(np.array([0.5]), clip=1.1), "S301"),
    ],
)
def test_what_makes_no_sense_is_refused(call, code):
    with pytest.raises(StropError) as error:
        call()
    assert error.value.code == code
