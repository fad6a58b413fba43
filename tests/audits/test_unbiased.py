"""Hits weighted by exposure: by hand, against plain recall, by planted truth, and as what fit goes by."""

import numpy as np
import pytest

from strop.audits.outcome import validator
from strop.audits.ranking import per_user, top_k
from strop.audits.unbiased import self_normalised_gain, unbiased_validator
from strop.channels import item_propensity
from strop.errors import StropError
from strop.models.recommend.matrix_factorisation import MatrixFactorisation
from strop.records import Clicks, Split


def pairs(table) -> Clicks:
    users, items = np.nonzero(table)
    return Clicks(users, items, np.arange(len(table)), np.arange(len(table[0])))


TRUTH = pairs([[1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]])
TOP = np.array([[0, 2], [3, 2], [0, 1]])
PROPENSITY = np.array([1.0, 0.25, 0.5, 0.001])


def test_by_hand():
    """Weights 1, 4, 2. User 0 likes 0 and 1 (sum 5), hit at rank 1: 1/5. User 1 likes 2 (sum 2), hit at rank 2: 2/2, in
    dcg over log2(3). User 2 likes nothing. By user: the means over two; over all: (1 + 2) / (5 + 2)."""
    by_user = self_normalised_gain(TOP, TRUTH, PROPENSITY, k=2)
    late = 1 / np.log2(3)
    assert by_user == pytest.approx({"recall": (0.2 + 1) / 2, "dcg": (0.2 + late) / 2})
    over_all = self_normalised_gain(TOP, TRUTH, PROPENSITY, k=2, over="all")
    assert over_all == pytest.approx({"recall": 3 / 7, "dcg": (1 + 2 * late) / 7})
    floored = self_normalised_gain(TOP, TRUTH, PROPENSITY, k=2, floor=0.5)  # 1, 2, 2: 1/3
    assert floored["recall"] == pytest.approx((1 / 3 + 1) / 2)


def world(*, users=200, items=30, seed=0):
    generator = np.random.default_rng(seed)
    return pairs(generator.random((users, items)) < 0.3)


def test_with_equal_propensities_it_is_plain_recall():
    truth = world()
    scorer = MatrixFactorisation(*(np.random.default_rng(1).normal(size=s) for s in ((200, 3), (30, 3), (30,))))
    top = top_k(scorer, [], k=5)
    for level in (1.0, 0.3):
        ours = self_normalised_gain(top, truth, np.full(30, level), k=5)["recall"]
        assert ours == pytest.approx(per_user(top, truth, k=5)[1]["recall"].mean())


def test_it_tells_from_biased_clicks_what_plain_figures_of_all_likes_tell():
    """Planted: likes at random, clicks kept with a known chance. Model A lists items often shown, B those seldom shown.
    On all likes they are alike; on clicks plain recall puts A far ahead; weighted over all, the gap is gone."""
    likes = world(users=3000)
    propensity = np.linspace(1, 0.1, 30)
    seen = likes.take(np.random.default_rng(2).random(len(likes)) < propensity[likes.items])
    often, seldom = (np.tile(list_, (3000, 1)) for list_ in (np.arange(10), np.arange(20, 30)))
    gaps = {}
    for name, truth, weights in (
        ("likes", likes, np.ones(30)),
        ("plain", seen, np.ones(30)),
        ("ours", seen, propensity),
    ):
        a, b = (self_normalised_gain(top, truth, weights, k=10, over="all")["recall"] for top in (often, seldom))
        gaps[name] = a - b
    assert abs(gaps["likes"]) < 0.02 and gaps["plain"] > 0.3 and abs(gaps["ours"] - gaps["likes"]) < 0.03


def test_what_fit_goes_by():
    part = np.random.default_rng(3).random(len(world())) < 0.7
    data = Split(world().take(part), world().take(~part), None)
    scorer = MatrixFactorisation(*(np.random.default_rng(1).normal(size=s) for s in ((200, 3), (30, 3), (30,))))
    top, propensity = top_k(scorer, [data.train], k=20), item_propensity(data.train, power=0.8)
    for by in ("user", "all"):
        found = unbiased_validator(data, by=by, power=0.8)(scorer)
        assert found == self_normalised_gain(top, data.validation, propensity, over=by)["dcg"]
    assert unbiased_validator(data, by="plain")(scorer) == validator(data)(scorer)
    with pytest.raises(StropError) as error:
        unbiased_validator(Split(data.train, data.train.take(np.empty(0, int)), None))
    assert error.value.code == "S209"


def test_propensity_of_items():
    """Clicks 4, 1 and 0 of three items: 1, 1/2 and 0 at power 0.5; at power 0 what was clicked is seen by all."""
    clicks = Clicks(np.array([0, 1, 2, 3, 0]), np.array([0, 0, 0, 0, 1]), np.arange(4), np.arange(3))
    assert item_propensity(clicks, power=0.5).tolist() == [1, 0.5, 0]
    assert item_propensity(clicks, power=0.0).tolist() == [1, 1, 0]
    with pytest.raises(StropError) as error:
        item_propensity(clicks.take(np.empty(0, int)), power=0.5)
    assert error.value.code == "S209"


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"propensity": np.array([1.1, 1, 1, 1])}, "S211"),
        ({"propensity": np.array([np.nan, 1, 1, 1])}, "S211"),
        ({"propensity": np.ones(3)}, "S214"),
        ({"floor": 0.0}, "S301"),
        ({"truth": TRUTH.take(np.empty(0, int))}, "S209"),
    ],
)
def test_what_makes_no_sense_is_refused(settings, code):
    with pytest.raises(StropError) as error:
        self_normalised_gain(**({"top": TOP, "truth": TRUTH, "propensity": PROPENSITY, "k": 2} | settings))
    assert error.value.code == code
