"""Do the recipes that weight by exposure reduce to the naive ones, say what they did, and find what exposure hid?"""

import numpy as np
import pytest

from strop.attacks.exposure import by_popularity
from strop.audits.tested import tested as figures_of
from strop.catalogue import parameters
from strop.errors import StropError
from strop.recipes import relmf, unbiased_bpr, wmf
from strop.records import Clicks, Ratings, Split


def clustered(*, users=250, items=60, seed=0):
    """Two tastes; clicks are likes, split at random, with the last item never clicked."""
    own = (np.arange(items) >= items // 2) == (np.arange(users) % 2 == 1)[:, None]
    generator = np.random.default_rng(seed)
    table = generator.random((users, items)) < np.where(own, 0.4, 0.05)
    table[:, -1] = False
    rows, columns = np.nonzero(table)
    part = generator.choice(2, len(rows), p=[0.8, 0.2])
    sides = [Clicks(rows[part == p], columns[part == p], np.arange(users), np.arange(items)) for p in range(2)]
    return Split(*sides, None)


DATA = clustered()
SHORT = {"seed": 2, "l2": 0.01, "dimensions": 6, "epochs": 20, "patience": 0}


def parameters_of(recipe, **settings):
    return [a.tobytes() for a in recipe.run(DATA, **{**SHORT, **settings}).scorer.state().values()]


@pytest.mark.parametrize("more", [{}, {"loss": "logistic", "bias_rate": 0.0}, {"l2": 0.1, "validation": "plain"}])
def test_relmf_without_exposure_is_wmf_of_weight_1_bit_for_bit(more):
    plain = parameters_of(wmf, weight=1.0, **more)
    assert parameters_of(relmf, power=0.0, clip=0.0, **more) == plain
    assert parameters_of(relmf, clip=1.0, **more) == plain
    assert parameters_of(relmf, **more) != plain != parameters_of(wmf, weight=2.0, **more)


def test_pairs_without_exposure_weigh_alike():
    """power 0 or clip 1: both ways of the negative part are the same, for 1 - y is never below 0."""
    one, two = ({"clip": 1.0, "negative_part": part} for part in ("kept", "left out"))
    assert parameters_of(unbiased_bpr, **one) == parameters_of(unbiased_bpr, **two)
    assert parameters_of(unbiased_bpr, power=0.0, clip=0.0) == parameters_of(unbiased_bpr, **one)
    assert parameters_of(unbiased_bpr) != parameters_of(unbiased_bpr, **one)


def test_notes_say_what_was_done():
    def notes(recipe, **settings):
        return " / ".join(recipe.run(DATA, **{**SHORT, "epochs": 1, **settings}).notes)

    assert "1 items have no click" in notes(relmf) and "1 items have no click" in notes(unbiased_bpr)
    assert "naive model" in notes(relmf, clip=1.0) and "naive model" in notes(relmf, power=0.0)
    assert "naive model" not in notes(relmf)
    below = int((DATA.train.popularity[DATA.train.items] < 0.81 * DATA.train.popularity.max()).sum())
    assert f"{below:,} clicks have a propensity below 0.9" in notes(relmf, clip=0.9)
    assert f"{below:,} clicks have a propensity below 0.9" in notes(unbiased_bpr, clip=0.9)
    assert "unbounded below" in notes(relmf, loss="logistic") and "unbounded" not in notes(relmf)
    assert "unbounded" not in notes(relmf, loss="logistic", clip=1.0)


@pytest.mark.parametrize("recipe", [relmf, wmf, unbiased_bpr])
def test_a_stopped_run_goes_on_to_the_same_bytes(recipe, tmp_path):
    whole = parameters_of(recipe)
    recipe.run(DATA, **{**SHORT, "epochs": 7}, folder=tmp_path)
    assert parameters_of(recipe, folder=tmp_path) == whole


def test_relmf_has_every_setting_of_wmf_but_the_weight():
    known = {p.name: p.default for p in parameters("relmf")}
    assert all(known[p.name] == p.default for p in parameters("wmf") if p.name not in ("weight", "l2"))


def test_likes_hidden_by_planted_exposure_are_ordered_better_with_its_propensities():
    """Popularity is exposure alone: every item is liked by as many, and shown with chances from 1 down to 0.04.

    Trained without item biases (they would only hold exposure) and without validation by choice, on what was seen, all
    pairs that were not clicked are ordered by true likes: Rel-MF is above the naive model by 0.02 in AUC at least.
    """
    users, items, generator = 400, 60, np.random.default_rng(4)
    own = (np.arange(items) % 2 == 1) == (np.arange(users) % 2 == 1)[:, None]
    likes = generator.random((users, items)) < np.where(own, 0.6, 0.1)
    shown = generator.random((users, items)) < np.linspace(1, 0.2, items) ** 2
    names = (np.arange(users), np.arange(items))
    clicks = Clicks(*np.nonzero(likes & shown), *names)
    part = generator.random(len(clicks)) < 0.9
    data = Split(clicks.take(part), clicks.take(~part), None)
    rows, columns = np.nonzero(~(likes & shown))
    judged = Ratings(rows, columns, likes[rows, columns], *names)
    settings = {"dimensions": 4, "rate": 0.02, "l2": 0.01, "epochs": 200, "patience": 0}
    naive = figures_of(wmf.run(data, weight=1.0, **settings).scorer, judged, liked=1).value("auc")
    ours = figures_of(relmf.run(data, power=1.0, clip=0.05, **settings).scorer, judged, liked=1).value("auc")
    assert ours > naive + 0.02


@pytest.mark.parametrize(
    ("recipe", "settings"),
    [
        (relmf, {"clip": -0.1}),
        (relmf, {"clip": 1.5}),
        (relmf, {"power": -1.0}),
        (relmf, {"validation_power": -1.0}),
        (wmf, {"weight": 0.0}),
        (unbiased_bpr, {"clip": 2.0}),
        (unbiased_bpr, {"power": -1.0}),
        (unbiased_bpr, {"dimensions": 0}),
    ],
)
def test_settings_out_of_range(recipe, settings):
    with pytest.raises(StropError) as error:
        recipe.run(DATA, **{**SHORT, **settings})
    assert error.value.code == "S301"


def test_planted_exposure_leaves_a_split_that_recipes_train_on():
    seen = by_popularity(DATA, power=1.0, seed=0)
    assert relmf.run(seen.data, **SHORT, power=1.0).scorer.n_items == 60
