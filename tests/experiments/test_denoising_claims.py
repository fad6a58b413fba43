"""The shared part of the receipts of T-CE and R-CE: figures by hand, and the clicks that a given model passes over."""

import numpy as np
import pytest

from strop.attacks.labels import random_positives
from strop.audits.measure import measure
from strop.experiments.claims import denoising, rce, tce
from strop.models.recommend.matrix_factorisation import MatrixFactorisation
from strop.records import Clicks, Ratings, Split


def test_what_clicks_were_rated_is_found_by_name():
    """Other tables, other positions: user b rated y 2; nobody rated x but a."""
    ratings = Ratings(
        np.array([0, 1]), np.array([0, 1]), np.array([5.0, 2]), np.array(["a", "b"]), np.array(["x", "y"])
    )
    clicks = Clicks(np.array([0, 0, 1]), np.array([0, 1, 1]), np.array(["b", "a"]), np.array(["y", "x"]))
    np.testing.assert_array_equal(denoising.values_of(ratings, clicks), [2, np.nan, 5])


@pytest.mark.parametrize(("clean", "dirty", "wanted"), [(0.4, 0.3, 0.25), (0.3, 0.36, -0.2), (0.0, 0.1, None), (None, 0.1, None), (0.4, None, None)])  # fmt: skip
def test_robustness_drop(clean, dirty, wanted):
    assert denoising.drop(clean, dirty) == (wanted if wanted is None else pytest.approx(wanted))


def test_recall_by_thirds_of_activity():
    """Users 0, 1, 2 with 3, 1, 2 train clicks and one like each: user 0 alone is hit, who is the most active third."""
    train = Clicks(np.array([0, 0, 0, 1, 2, 2]), np.array([0, 1, 2, 0, 0, 1]), np.arange(3), np.arange(6))
    truth = Clicks(np.arange(3), np.array([3, 4, 5]), np.arange(3), np.arange(6))
    found = measure(np.tile([3] + [-1] * 19, (3, 1)), train=train, truth=truth)
    figures = denoising.levels(found, train)
    thirds = [figures[f"recall@20 of the {name} active third"] for name in ("least", "middling", "most")]
    assert thirds == [0, 0, 1] and figures["recall@20"] == pytest.approx(1 / 3)


def world():
    """40 users, 200 items of 4 kinds: each user clicked 30 of the own kind; the model scores just the own kind 1."""
    generator = np.random.default_rng(0)
    kinds = np.arange(200) % 4
    users = np.repeat(np.arange(40), 30)
    items = np.concatenate([generator.permutation(np.flatnonzero(kinds == u % 4))[:30] for u in range(40)])
    train = Clicks(users, items, np.arange(40), np.arange(200))
    data = Split(train, train.take(np.empty(0, int)), None)
    left, right = np.eye(4, dtype=np.float32)[np.arange(40) % 4], np.eye(4, dtype=np.float32)[kinds]
    return random_positives(data, share=0.2, seed=1), MatrixFactorisation(left, right, np.zeros(200))


def test_a_model_that_knows_better_passes_over_planted_clicks():
    """1,440 clicks, a sixth planted, of which 3 of 4 score 0 and no true one does: a share of 0.05 is 0.1 of the clicks."""
    dirty, model = world()
    gone = denoising.passed_over(model, dirty.data.train, drop=0.05, seed=0)
    assert len(dirty.data.train) == 1440 and gone.sum() == pytest.approx(144, abs=3)
    assert dirty.planted[gone].all()
    ratings = Ratings(np.array([0]), np.array([0]), np.array([2.0]), np.arange(40), np.arange(200))
    told = denoising.mistrusted("rce", model, {"exponent": 1.0}, dirty, ratings, seed=0)
    own = np.mean(dirty.data.train.users[dirty.planted] % 4 == dirty.data.train.items[dirty.planted] % 4)
    s = 1 / (1 + np.exp(-1))
    assert told[denoising.WEIGHT] == pytest.approx((own * s + (1 - own) * 0.5) / s, rel=1e-5)


def test_without_its_effect_each_is_bpo():
    assert [check["met"] for claim in (tce, rce) for check in claim.exact({})] == [True, True]
    assert not denoising.identical("tce", {"drop": 0.2})
