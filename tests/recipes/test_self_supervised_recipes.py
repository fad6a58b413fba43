"""Are the recipes that look at distorted views sound: nothing distorted is the base, odd settings are refused, planted tastes are found?"""

import numpy as np
import pytest

from strop.audits.outcome import measured
from strop.catalogue import parameters, recipe_constants
from strop.errors import StropError
from strop.recipes import lightgcn, multi_dae, popular, sgl, simgcl
from strop.records import Clicks, Split

SMALL = {"seed": 3, "dimensions": 8, "epochs": 4, "patience": 0}


def clustered(*, users=200, items=60, idle=0, seed=0):
    """Even users click the first half of the items with chance 0.4, of the rest 0.02; odd users the reverse; `idle` users nothing."""
    own = (np.arange(items) >= items // 2) == (np.arange(users) % 2 == 1)[:, None]
    generator = np.random.default_rng(seed)
    rows, columns = np.nonzero(generator.random((users, items)) < np.where(own, 0.4, 0.02))
    part = generator.choice(3, len(rows), p=[0.6, 0.1, 0.3])
    n_users = users + idle
    return Split(*(Clicks(rows[part == p], columns[part == p], np.arange(n_users), np.arange(items)) for p in range(3)))


DATA = clustered()


def bytes_of(recipe, data=DATA, **settings):
    found = recipe.run(data.without_test(), **{**SMALL, **settings})
    return [a.tobytes() for a in found.scorer.state().values()]


def test_sgl_of_strength_0_is_lightgcn_bit_for_bit():
    """Whatever the views would be."""
    plain = bytes_of(lightgcn)
    assert bytes_of(sgl, strength=0.0) == bytes_of(sgl, strength=0.0, rho=0.5, temperature=1.0) == plain
    assert bytes_of(sgl, strength=0.1) != plain


def test_simgcl_of_strength_0_does_not_depend_on_its_noise():
    plain = bytes_of(simgcl, strength=0.0)
    assert bytes_of(simgcl, strength=0.0, epsilon=0.5, temperature=1.0) == plain != bytes_of(simgcl, strength=0.1)


def test_views_that_change_nothing_are_two_times_the_same():
    """rho 0 and epsilon 0: nothing random is left in them, and only the contrast itself is learned."""
    for recipe, nothing in ((sgl, {"rho": 0.0}), (simgcl, {"epsilon": 0.0})):
        again = bytes_of(recipe, strength=0.1, **nothing)
        assert again == bytes_of(recipe, strength=0.1, **nothing) != bytes_of(recipe, strength=0.0)


@pytest.mark.parametrize(("recipe", "settings"), [(sgl, {"rho": 0.95}), (sgl, {"rho": 0.999}), (simgcl, {"epsilon": 100.0})])  # fmt: skip
def test_a_distortion_that_leaves_nothing_still_gives_finite_scores(recipe, settings):
    """Most users lose every click in a view: their vectors there are their free ones over layers + 1."""
    found = recipe.run(DATA.without_test(), **SMALL, strength=0.1, **settings)
    assert found.scorer.score(np.arange(200)).isfinite().all() and np.isfinite([row[1] for row in found.curve]).all()


@pytest.mark.parametrize("recipe", [sgl, simgcl, multi_dae])
def test_who_clicked_nothing_gets_a_finite_list(recipe):
    """Ten users have no click; multi_dae says so and gives them all the same list."""
    data = clustered(users=60, idle=10)
    found = recipe.run(data.without_test(), **SMALL)
    scores = found.scorer.score(np.arange(70))
    assert scores.isfinite().all()
    if recipe is multi_dae:
        assert (scores[60:] == scores[60]).all() and any("10 users have no click" in note for note in found.notes)


@pytest.mark.parametrize("recipe", [sgl, simgcl, multi_dae])
def test_a_batch_of_one_learns(recipe):
    """One pair a batch: InfoNCE of one row is 0, against nobody; the pairs alone are learned."""
    found = recipe.run(clustered(users=12, items=20).without_test(), **{**SMALL, "batch": 1, "epochs": 3})
    losses = [row[1] for row in found.curve]
    assert np.isfinite(losses).all() and losses[-1] < losses[0]


@pytest.mark.parametrize("recipe", [sgl, simgcl])
def test_a_weak_contrast_keeps_what_lightgcn_finds(recipe):
    """Recall@20 above 0.6, where a list of one's own half has about 0.67 and popularity less than 0.45."""
    found = recipe.run(DATA.without_test(), seed=1, dimensions=8, epochs=40, strength=0.02, rate=0.02, batch=512)
    assert measured(found.scorer, DATA).values["recall@20"] > 0.6
    assert measured(popular.run(DATA.without_test()).scorer, DATA).values["recall@20"] < 0.45


def test_multi_dae_finds_what_lightgcn_finds():
    found = multi_dae.run(DATA.without_test(), seed=1, dimensions=8, epochs=60)
    assert measured(found.scorer, DATA).values["recall@20"] > 0.6


@pytest.mark.parametrize("recipe", [sgl, simgcl])
def test_a_comparison_hands_down_every_setting_of_lightgcn(recipe):
    name = recipe.__name__.rsplit(".")[-1]
    known = {p.name: p.default for p in parameters(name)}
    for one in parameters("lightgcn"):
        assert known[one.name] == one.default
    assert recipe_constants(name)["CONTINUES"] == "lightgcn"


@pytest.mark.parametrize("name", ["lightgcn", "sgl", "simgcl", "multi_dae"])
def test_the_search_begins_at_the_defaults(name):
    known = {p.name: p.default for p in parameters(name)}
    assert all(known[key] == values[0] for key, values in recipe_constants(name)["SEARCH"].items())


@pytest.mark.parametrize("name", ["sgl", "simgcl", "multi_dae"])
def test_a_stopped_run_goes_on_to_the_same_bytes(name, tmp_path):
    """Stopped after five epochs, where both runs validate."""
    recipe = {"sgl": sgl, "simgcl": simgcl, "multi_dae": multi_dae}[name]
    whole = bytes_of(recipe, epochs=10)
    bytes_of(recipe, epochs=5, folder=tmp_path)
    assert bytes_of(recipe, epochs=10, folder=tmp_path) == whole != bytes_of(recipe, epochs=10, seed=4)


@pytest.mark.parametrize(
    ("recipe", "settings"),
    [
        (sgl, {"rho": 1.0}),
        (sgl, {"rho": -0.1}),
        (sgl, {"rho": float("nan")}),
        (sgl, {"temperature": 0.0}),
        (sgl, {"temperature": -0.2}),
        (sgl, {"temperature": float("nan")}),
        (sgl, {"strength": -0.1}),
        (sgl, {"strength": float("inf")}),
        (sgl, {"batch": 0}),
        (sgl, {"layers": -1}),
        (simgcl, {"epsilon": -0.1}),
        (simgcl, {"epsilon": float("inf")}),
        (simgcl, {"temperature": 0.0}),
        (simgcl, {"strength": float("nan")}),
        (simgcl, {"layers": 0}),
        (multi_dae, {"dropout": 1.0}),
        (multi_dae, {"dropout": -0.1}),
        (multi_dae, {"batch": 0}),
        (multi_dae, {"epochs": 0}),
    ],
)
def test_settings_that_cannot_be_are_refused(recipe, settings):
    with pytest.raises(StropError) as caught:
        recipe.run(DATA.without_test(), **{**SMALL, **settings})
    assert caught.value.code == "S301" and caught.value.help


@pytest.mark.parametrize("recipe", [sgl, simgcl, multi_dae])
def test_no_click_is_told(recipe):
    data = Split(DATA.train.take(np.empty(0, int)), DATA.validation, None)
    with pytest.raises(StropError) as caught:
        recipe.run(data, **SMALL)
    assert caught.value.code == "S209"
