"""Is every recipe that mistrusts labels bpo where it mistrusts none, and does each find again what was planted?"""

import numpy as np
import pytest

from strop.attacks.labels import dropped_positives, random_positives
from strop.audits.outcome import measured
from strop.catalogue import parameters, recipe_constants
from strop.errors import StropError
from strop.models.recommend.points import PointwiseLearner
from strop.recipes import bpo, bpr, nbpo, rce, tce, unflip
from strop.records import Clicks, Split

SETTINGS = {"seed": 3, "dimensions": 8, "epochs": 6, "patience": 0, "bias_rate": 0.02}


def clustered(*, users=300, items=60, seed=0):
    """Even users click the first half of the items with chance 0.4, of the rest 0.02; odd users the reverse."""
    own = (np.arange(items) >= items // 2) == (np.arange(users) % 2 == 1)[:, None]
    generator = np.random.default_rng(seed)
    rows, columns = np.nonzero(generator.random((users, items)) < np.where(own, 0.4, 0.02))
    part = generator.choice(3, len(rows), p=[0.6, 0.1, 0.3])
    return Split(*(Clicks(rows[part == p], columns[part == p], np.arange(users), np.arange(items)) for p in range(3)))


DATA = clustered()


def parameters_of(recipe, data=DATA, **settings):
    found = recipe.run(data.without_test(), **{**SETTINGS, **settings})
    return [a.tobytes() for a in found.scorer.state().values()]


CASES = [
    (nbpo, {"unseen": 0.0}, {"unseen": 0.1}),
    (nbpo, {"unseen": 0.0, "by": "popularity"}, {"unseen": 0.1, "by": "popularity"}),
    (nbpo, {"unseen": 0.0, "by": "learned"}, {"unseen": 0.1, "by": "learned"}),
    (nbpo, {"unseen": 0.0}, {"unseen": 0.0, "misclick": 0.1}),
    (tce, {"drop": 0.0}, {"drop": 0.1}),
    (rce, {"exponent": 0.0}, {"exponent": 0.1}),
    (unflip, {"unseen": 0.0}, {"unseen": 0.1}),
    (unflip, {"unseen": 0.0, "form": "clipped"}, {"unseen": 0.1, "form": "clipped"}),
]


@pytest.mark.parametrize(("recipe", "nothing", "something"), CASES)
def test_strength_0_is_bpo_bit_for_bit(recipe, nothing, something):
    for more in ({}, {"unlabelled": 2, "negatives": "popularity"}):
        plain = parameters_of(bpo, **more)
        assert parameters_of(recipe, **nothing, **more) == plain != parameters_of(recipe, **something, **more)


@pytest.mark.parametrize("recipe", [nbpo, tce, rce, unflip])
def test_a_comparison_hands_down_every_setting_of_bpo(recipe):
    name = recipe.__name__.rsplit(".")[-1]
    known = {p.name: p.default for p in parameters(name)}
    for one in parameters("bpo"):
        assert known[one.name] == one.default
    assert recipe_constants(name)["CONTINUES"] == "bpo"
    search = recipe_constants(name)["SEARCH"]
    assert all(known[key] == values[0] for key, values in search.items())


def test_bpo_ranks_well_above_chance_and_the_hardest_of_some_rivals_is_there():
    found = measured(bpo.run(DATA.without_test(), seed=1, dimensions=8, epochs=30).scorer, DATA)
    assert found.values["recall@20"] > 0.6  # a list of one's own half: 0.7; chance: 1/3
    assert bpr.run(DATA.without_test(), hardest=4, epochs=2).curve


def test_truncation_passes_over_planted_clicks_more_often_than_over_others():
    """A click on the other half is planted for every fifth; after ten epochs the dropped hold three times their share."""
    dirty = random_positives(DATA, share=0.2, seed=1)
    train = dirty.data.train
    learner = PointwiseLearner(train, dimensions=8, l2=0.02, drop=0.05, batch=512, seed=1)
    for number in range(10):
        learner.epoch(number)
    users, items, dropped = passed_over(learner, 10)
    planted = np.zeros((train.n_users, train.n_items), bool)
    planted[train.users[dirty.planted], train.items[dirty.planted]] = True
    assert planted[users, items][dropped].mean() > 2 * dirty.planted.mean()


def passed_over(learner, number):
    """(users, items, dropped) of one epoch of batches, with the vectors as they are."""
    rows = []
    for drawn in learner.draws.blocks(number, learner.batch, (learner.left, learner.right)):
        rows.append((drawn[0].copy(), drawn[1].copy(), learner.dropped(drawn, number) == 1))
    return [np.concatenate(column) for column in zip(*rows, strict=True)]


def test_nbpo_doubts_hidden_likes_more_than_true_negatives():
    """30 % of the clicks hidden: weight s'/s of bpo's slope, (1 - a - b) / (a e^score + 1 - b), is lower for them."""
    hidden = dropped_positives(DATA, share=0.3, seed=1)
    scorer = nbpo.run(hidden.data.without_test(), seed=1, dimensions=8, epochs=15, unseen=0.3).scorer
    scores = scorer.score(np.arange(300)).numpy()
    weight = 0.7 / (0.3 * np.exp(scores) + 1 - 0.3)
    known = np.zeros((300, 60), bool)
    for part in (hidden.data.train, DATA.validation, DATA.test, hidden.hidden):
        known[part.users, part.items] = True
    assert weight[hidden.hidden.users, hidden.hidden.items].mean() < 0.9 * weight[~known].mean()


def test_unseen_by_popularity_worked_by_hand():
    """Popularity 4, 1, 0 and power 0.5: 1 - sqrt is 0, 0.5, 1, whose mean is 0.5: scaled to 0.2, that is 0, 0.2, 0.4."""
    clicks = Clicks(np.array([0, 1, 2, 3, 0]), np.array([0, 0, 0, 0, 1]), np.arange(4), np.arange(3))
    np.testing.assert_allclose(nbpo.unseen_by_popularity(clicks, mean=0.2, power=0.5), [0, 0.2, 0.4])
    even = Clicks(np.arange(2), np.arange(2), np.arange(2), np.arange(2))
    np.testing.assert_allclose(nbpo.unseen_by_popularity(even, mean=0.2, power=0.5), [0.2, 0.2])


@pytest.mark.parametrize(
    ("recipe", "settings"),
    [
        (nbpo, {"unseen": 0.6, "misclick": 0.4}),
        (nbpo, {"unseen": -0.1}),
        (nbpo, {"by": "popularity", "unseen": 0.9}),
        (nbpo, {"by": "popularity", "power": 0.0}),
        (nbpo, {"by": "learned", "flip_l2": -1.0}),
        (unflip, {"unseen": 0.5, "misclick": 0.5}),
        (tce, {"drop": 0.5}),
        (tce, {"drop": 0.34, "unlabelled": 2}),
        (tce, {"ramp": -1.0}),
        (rce, {"exponent": -0.1}),
        (bpo, {"unlabelled": 0}),
    ],
)
def test_settings_that_cannot_be_are_refused(recipe, settings):
    with pytest.raises(StropError) as caught:
        recipe.run(DATA.without_test(), **{**SETTINGS, **settings})
    assert caught.value.code == "S301" and caught.value.help
