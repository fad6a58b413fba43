"""A probe finds what states say of answers, and nothing where they say nothing."""

import numpy as np
import pytest

from strop.audits.rated import pooled_auc
from strop.errors import StropError
from strop.experiments.confidence_probe import learned_probe


def planted(n, *, signal, seed=0):
    """States of 12 numbers, one of which, shifted and stretched, says how likely an answer is right."""
    rng = np.random.default_rng(seed)
    states = rng.normal(size=(n, 12))
    right = (rng.random(n) < 1 / (1 + np.exp(-signal * states[:, 3]))).astype(float)
    states[:, 3] = 50 + 7 * states[:, 3]
    return states, right


def test_it_is_nearly_as_good_as_what_was_planted_and_calibrated():
    states, right = planted(600, signal=3.0)
    fresh, truth = planted(4000, signal=3.0, seed=1)
    said = learned_probe(states, right, np.arange(600), seed=0)(fresh)
    assert pooled_auc(said, truth > 0) > pooled_auc(fresh[:, 3], truth > 0) - 0.02
    for low, high in ((0.1, 0.4), (0.6, 0.9)):
        these = (said > low) & (said < high)
        assert truth[these].mean() == pytest.approx(said[these].mean(), abs=0.07)


def test_as_another_library_says():
    """scikit-learn's logistic regression orders fresh answers alike."""
    linear = pytest.importorskip("sklearn.linear_model")
    states, right = planted(600, signal=2.0)
    fresh, _ = planted(500, signal=2.0, seed=1)
    theirs = linear.LogisticRegression().fit((states - states.mean(0)) / states.std(0), right)
    said = theirs.predict_proba((fresh - states.mean(0)) / states.std(0))[:, 1]
    assert np.abs(learned_probe(states, right, np.arange(600), seed=0)(fresh) - said).max() < 0.1


def test_states_that_say_nothing_order_nothing():
    states, right = planted(400, signal=0.0)
    fresh, truth = planted(2000, signal=0.0, seed=1)
    assert abs(pooled_auc(learned_probe(states, right, np.arange(400), seed=0)(fresh), truth > 0) - 0.5) < 0.05


def test_what_has_no_verdict_is_left_out_and_a_constant_column_does_no_harm():
    states, right = planted(300, signal=3.0)
    more, unknown = np.concatenate([states, 1e6 * states[:50]]), np.concatenate([right, np.full(50, np.nan)])
    said = learned_probe(states, right, np.arange(300), seed=0)(states)
    assert np.array_equal(learned_probe(more, unknown, np.arange(350), seed=0)(states), said)
    flat = np.concatenate([states, np.full((300, 1), 4.0)], 1)
    assert np.allclose(learned_probe(flat, right, np.arange(300), seed=0)(flat), said, atol=0.05)


@pytest.mark.parametrize("right", [np.ones(40), np.zeros(40), np.arange(40) < 9, np.full(40, np.nan)])
def test_too_few_of_a_kind(right):
    with pytest.raises(StropError, match="S209"):
        learned_probe(np.zeros((40, 3)), right.astype(float), np.arange(40), seed=0)
