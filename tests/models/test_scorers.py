"""What must hold for every recommender: the contract, the round trip, odd tables, and a planted world found again."""

import warnings

import numpy as np
import pytest
import torch
from safetensors.numpy import load as read
from safetensors.numpy import save as write
from small_worlds import clicks_of, random_table, two_clusters

from strop.errors import StropError
from strop.models.recommend import chance, ease, ials, item_neighbours, popular, rp3beta, slim
from strop.models.recommend.saved import HOMES, load, save_kind
from strop.protocols import Learner, Scorer

FITS = {
    "chance": chance.fit,
    "popular": popular.fit,
    "ease": lambda clicks: ease.fit(clicks, regularisation=50.0),
    "ials": lambda clicks: ials.fit(clicks, dimensions=4, regularisation=0.1),
    "item_neighbours": item_neighbours.fit,
    "rp3beta": rp3beta.fit,
    "slim": lambda clicks: slim.fit(clicks, l1=0.5, l2=50.0),
}
PERSONAL = sorted(set(FITS) - {"chance", "popular"})
BY_ITEM = sorted(set(PERSONAL) - {"ials"})
every = pytest.mark.parametrize("kind", sorted(FITS))


def empty_row_and_column():
    table = random_table(9, 6, seed=4)
    table[3], table[:, 2] = 0, 0
    return table


TABLES = {
    "random": random_table(30, 12),
    "empty row and column": empty_row_and_column(),
    "no click": np.zeros((3, 4)),
    "one item": np.ones((5, 1)),
    "one user": np.ones((1, 5)),
    "all clicked": np.ones((4, 3)),
}


@every
@pytest.mark.parametrize("name", sorted(TABLES))
def test_contract(kind, name):
    table = TABLES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = FITS[kind](clicks_of(table))
        users, items = table.shape
        order = np.arange(users)[::-1]
        scores = [model.score(order), model.score_list(np.array([0])), model.similar(items - 1)]
    assert isinstance(model, Scorer) and (model.n_users, model.n_items) == table.shape
    assert [tuple(s.shape) for s in scores] == [(users, items), (items,), (items,)]
    assert all(s.dtype == torch.float32 and s.isfinite().all() for s in scores)
    torch.testing.assert_close(model.score(np.arange(users)), scores[0].flip(0))
    assert model.score(np.arange(0)).shape == (0, items)


@pytest.mark.parametrize("kind", PERSONAL)
def test_who_clicked_nothing_scores_zero_and_what_nobody_clicked_too(kind):
    scores = FITS[kind](clicks_of(empty_row_and_column())).score(np.arange(9))
    assert (scores[3] == 0).all() and (scores[:, 2] == 0).all()
    assert scores.abs().max() > 0.01


@every
def test_state_round_trip_is_bit_equal(kind):
    model = FITS[kind](clicks_of(TABLES["random"]))
    again = load(save_kind(model), read(write(model.state())))
    assert save_kind(model) == kind and type(again) is type(model)
    assert torch.equal(again.score(np.arange(30)), model.score(np.arange(30)))
    assert torch.equal(again.score_list(np.array([1, 7])), model.score_list(np.array([1, 7])))
    assert torch.equal(again.similar(4), model.similar(4))


@every
def test_same_call_same_bytes(kind):
    clicks = clicks_of(TABLES["random"])
    assert torch.equal(FITS[kind](clicks).score(np.arange(30)), FITS[kind](clicks).score(np.arange(30)))


@pytest.mark.parametrize("kind", BY_ITEM)
def test_a_users_own_list_scores_as_the_user(kind):
    table = TABLES["random"]
    model = FITS[kind](clicks_of(table))
    for user in range(30):
        own = np.flatnonzero(table[user])[::-1]
        torch.testing.assert_close(model.score_list(own), model.score(np.array([user]))[0])


@every
def test_an_item_listed_twice_counts_once(kind):
    model = FITS[kind](clicks_of(TABLES["random"]))
    assert torch.equal(model.score_list(np.array([7, 1, 7])), model.score_list(np.array([1, 7])))


def share_of_own_cluster(model, table):
    """Of each user's first places among unclicked items, as many as their cluster has left: the share of that cluster."""
    users, items = table.shape
    scores = model.score(np.arange(users)).numpy()
    shares = []
    for user in range(users):
        own = (np.arange(items) // (items // 2) == user % 2) & (table[user] == 0)
        free = np.flatnonzero(table[user] == 0)
        best = free[np.argsort(-scores[user, free])][: own.sum()]
        shares.append(own[best].mean())
    return np.mean(shares)


@pytest.mark.parametrize("kind", PERSONAL)
def test_planted_clusters_are_found(kind):
    """Stated beforehand: at least 0.9 of the first places, where popularity and chance stay below 0.5."""
    table = two_clusters()
    assert share_of_own_cluster(FITS[kind](clicks_of(table)), table) >= 0.9


@pytest.mark.parametrize("kind", ["chance", "popular"])
def test_the_floors_do_not_find_them(kind):
    table = two_clusters()
    assert share_of_own_cluster(FITS[kind](clicks_of(table)), table) < 0.5


@pytest.mark.parametrize(
    "fit, setting",
    [
        (ease.fit, {"regularisation": 0.0}),
        (ease.fit, {"regularisation": float("nan")}),
        (slim.fit, {"l1": -1.0}),
        (slim.fit, {"l2": 0.0}),
        (slim.fit, {"neighbours": 0}),
        (rp3beta.fit, {"alpha": -0.1}),
        (rp3beta.fit, {"beta": float("inf")}),
        (rp3beta.fit, {"neighbours": 0}),
        (item_neighbours.fit, {"shrinkage": -1.0}),
        (item_neighbours.fit, {"neighbours": 0}),
        (ials.fit, {"epochs": 0}),
        (ials.fit, {"dimensions": 0}),
        (ials.fit, {"regularisation": 0.0}),
        (ials.fit, {"unobserved_weight": 0.0}),
    ],
)
def test_settings_out_of_range(fit, setting):
    name = next(iter(setting))
    with pytest.raises(StropError, match=f"S301.*{name}"):
        fit(clicks_of(TABLES["random"]), **setting)


def test_settings_at_the_edge_of_their_range():
    clicks = clicks_of(TABLES["random"])
    models = [
        slim.fit(clicks, l1=0.0, neighbours=1),
        rp3beta.fit(clicks, alpha=0.0, beta=0.0, neighbours=1),
        item_neighbours.fit(clicks, shrinkage=0.0, neighbours=1),
        ials.fit(clicks, epochs=1, dimensions=1),
    ]
    assert all(model.score(np.arange(30)).isfinite().all() for model in models)


def test_the_learner_is_one():
    learner: Learner = ials.IalsLearner(clicks_of(TABLES["random"]))
    assert learner.epoch(1) > learner.epoch(2) > 0
    assert isinstance(learner.scorer(), Scorer)


def test_unknown_kinds_and_foreign_states():
    with pytest.raises(StropError, match=r'S102.*did you mean "ease"'):
        load("eas", {})
    with pytest.raises(StropError, match=r"S302.*no array"):
        load("ease", popular.fit(clicks_of(TABLES["random"])).state())
    with pytest.raises(StropError, match="S102"):
        save_kind(object())
    assert {kind: type(fit(clicks_of(TABLES["random"]))).__name__ for kind, fit in FITS.items()} == {
        kind: home.rsplit(".", 1)[1] for kind, home in HOMES.items() if kind in FITS
    }
