"""Is the likelihood the multinomial's, its gradient right, and are hidden clicks of a planted world written again?"""

import numpy as np
import pytest
import torch
from small_worlds import clicks_of, random_table, two_clusters

from strop.errors import StropError
from strop.models.recommend.adam import Adam
from strop.models.recommend.autoencoder import AutoencoderLearner, unit_rows
from strop.models.recommend.saved import load, save_kind
from strop.training import fit


def learner_of(table, **settings):
    return AutoencoderLearner(clicks_of(table), **{"dimensions": 5, "seed": 2, **settings})


def bytes_of(learner):
    return b"".join(a.tobytes() for _, a in sorted(learner.state().items()))


def test_the_loss_by_hand():
    """One user, three items, clicks 0 and 1, d 1: into (1, 3, 0), z = (1 + 3) / sqrt 2 + b with b = -4 / sqrt 2, so h = 0.

    Then the scores are out_bias = (log 2, 0, 0), their softmax (1/2, 1/4, 1/4): loss = -(log 1/2 + log 1/4) = 3 log 2.
    Slopes: 2 * softmax - click = (0, -1/2, 1/2), which is out_bias's gradient; out's is that times h = 0, and l2 * out.
    """
    learner = learner_of([[1, 1, 0]], dimensions=1, l2=0.1)
    tables = {
        "into": [[1.0], [3], [0]],
        "into_bias": [-4 / np.sqrt(2)],
        "out": [[0.0], [1], [3]],
        "out_bias": [np.log(2), 0, 0],
    }
    for name, values in tables.items():
        learner.tables[name].copy_(torch.tensor(values))
    rows = learner.clicks
    loss, found = learner.gradients(rows, unit_rows(rows))
    assert loss == pytest.approx(3 * np.log(2), rel=1e-5)
    np.testing.assert_allclose(found["out_bias"], [0, -0.5, 0.5], atol=1e-6)
    np.testing.assert_allclose(found["out"][:, 0], [0, 0.1, 0.3], atol=1e-6)
    # h' = 1: the inner slope is -1/2 * 1 + 1/2 * 3 = 1, which each click gets over sqrt 2
    np.testing.assert_allclose(found["into_bias"], [1], atol=1e-6)
    np.testing.assert_allclose(found["into"][:, 0], [1 / np.sqrt(2) + 0.1, 1 / np.sqrt(2) + 0.3, 0], atol=1e-6)


def test_the_gradient_is_autograds():
    """Of the dense formula in torch, with an input that differs from the list, and l2."""
    learner = learner_of(random_table(12, 9, seed=1), l2=0.3)
    rows = learner.clicks
    left = unit_rows(rows)
    left.data *= np.random.default_rng(0).random(rows.nnz) >= 0.5
    loss, found = learner.gradients(rows, left)
    free = {name: t.clone().requires_grad_() for name, t in learner.tables.items()}
    h = torch.tanh(torch.from_numpy(left.toarray()) @ free["into"] + free["into_bias"])
    scores = h @ free["out"].T + free["out_bias"]
    plain = -(torch.from_numpy(rows.toarray()) * torch.log_softmax(scores, 1)).sum(1).mean()
    whole = plain + 0.15 * (free["into"].square().sum() + free["out"].square().sum())
    assert loss == pytest.approx(float(plain.detach()), rel=1e-5)
    for (name, t), gradient in zip(free.items(), torch.autograd.grad(whole, list(free.values())), strict=True):
        torch.testing.assert_close(found[name], gradient, atol=1e-6, rtol=1e-4, msg=f"{t.shape} {name}")


def test_adam_is_torchs():
    """Ten steps of both on one gradient a step; a table whose rate is 0 stays."""
    tables = {name: torch.ones(3, 2) for name in ("moved", "kept")}
    ours, theirs = Adam(tables), torch.ones(3, 2, requires_grad=True)
    other = torch.optim.Adam([theirs], lr=0.1)
    generator = torch.Generator().manual_seed(0)
    for _ in range(10):
        gradient = torch.randn(3, 2, generator=generator)
        theirs.grad = gradient.clone()
        other.step()
        ours.step({"moved": gradient, "kept": gradient}, rates={"moved": 0.1, "kept": 0.0})
    torch.testing.assert_close(tables["moved"], theirs.detach(), atol=1e-6, rtol=1e-5)
    assert (tables["kept"] == 1).all()


def test_dropout_is_of_the_input_and_new_in_every_epoch():
    """Of 6,000 clicks about 0.3 are left out, what stays is divided by 0.7; the list to be written stays whole."""
    seen = []
    learner = learner_of(random_table(200, 100, seed=3), dropout=0.3, batch=500)
    plain = learner.gradients
    learner.gradients = lambda rows, left: (seen.append((rows.copy(), left.copy())), plain(rows, left))[1]
    for number in (0, 1, 0):
        learner.epoch(number)
    kept = [left.toarray() > 0 for _, left in seen]
    for rows, left in seen:
        inside = left.toarray()[rows.toarray() > 0]
        assert (inside == 0).mean() == pytest.approx(0.3, abs=0.03)
        full = unit_rows(rows).toarray()
        np.testing.assert_allclose(left.toarray(), np.where(left.toarray() > 0, full / 0.7, 0), rtol=1e-5)
    assert (kept[0] == kept[2]).all() and (kept[0].sum(), 0) != (kept[1].sum(), 0) and (kept[0] != kept[1]).any()


def test_without_dropout_the_whole_list_goes_in():
    seen = []
    learner = learner_of(random_table(30, 20, seed=3), dropout=0.0)
    plain = learner.gradients
    learner.gradients = lambda rows, left: (seen.append((rows, left)), plain(rows, left))[1]
    learner.epoch(0)
    for rows, left in seen:
        np.testing.assert_allclose(left.toarray(), unit_rows(rows).toarray())


def test_clusters_are_found_and_popularity_is_beaten():
    """Stated beforehand: of each user's first places as many as their cluster has left, at least 0.9 are of it; by popularity below 0.5."""
    table = two_clusters(users=400)
    done = fit(learner_of(table, dimensions=8, rate=0.02, l2=0.01, batch=64), epochs=40)
    users, items = table.shape
    shares = {"ours": [], "popular": []}
    for name, scores in (("ours", done.scorer.score(np.arange(users)).numpy()), ("popular", np.tile(table.sum(0), (users, 1)))):  # fmt: skip
        for user in range(users):
            own = (np.arange(items) // (items // 2) == user % 2) & (table[user] == 0)
            free = np.flatnonzero(table[user] == 0)
            shares[name].append(own[free[np.argsort(-scores[user, free])][: own.sum()]].mean())
    assert np.mean(shares["ours"]) >= 0.9 and np.mean(shares["popular"]) < 0.5


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_a_stopped_run_goes_on_to_the_same_bytes(dropout, tmp_path):
    table = two_clusters(users=60)
    whole, again = (learner_of(table, dropout=dropout, batch=25) for _ in range(2))
    losses = [[one.epoch(number) for number in range(4)] for one in (whole, again)]
    assert losses[0] == losses[1] and bytes_of(whole) == bytes_of(again)
    fit(learner_of(table, dropout=dropout, batch=25), epochs=2, folder=tmp_path)
    done = fit(learner_of(table, dropout=dropout, batch=25), epochs=4, folder=tmp_path)
    assert all(np.array_equal(a, whole.scorer().state()[name]) for name, a in done.scorer.state().items())


def test_who_clicked_nothing_and_what_nobody_clicked():
    """They teach nothing, get what the biases alone give, and an item without clicks sinks below all that have some."""
    table = random_table(40, 9, share=0.5, seed=4)
    table[3], table[:, 2] = 0, 0
    learner = learner_of(table, rate=0.02)
    assert 3 not in learner.users and len(learner.users) == 39
    for number in range(40):
        learner.epoch(number)
    model = learner.scorer()
    t = model.tables
    torch.testing.assert_close(model.score(np.array([3]))[0], t["out"] @ torch.tanh(t["into_bias"]) + t["out_bias"])
    assert (model.score(np.arange(40)).argmin(1) == 2).all() and model.score(np.arange(40)).isfinite().all()
    torch.testing.assert_close(model.score_list(np.array([], int)), model.score(np.array([3]))[0])


def test_a_new_list_is_scored_as_a_known_one_and_the_state_comes_back():
    table = random_table(30, 12)
    learner = learner_of(table)
    learner.epoch(0)
    model = learner.scorer()
    again = load(save_kind(model), {name: a.copy() for name, a in model.state().items()})
    assert save_kind(model) == "autoencoder" and torch.equal(again.score(np.arange(30)), model.score(np.arange(30)))
    for user in range(30):
        own = np.flatnonzero(table[user])[::-1]
        torch.testing.assert_close(again.score_list(np.append(own, own)), model.score(np.array([user]))[0])
    near = model.similar(4)
    assert near.shape == (12,) and near[4] == pytest.approx(1, abs=1e-5) and near.abs().max() < 1 + 1e-5
    learner.epoch(1)
    assert torch.equal(again.score(np.arange(30)), model.score(np.arange(30))), "a scorer does not learn on"


@pytest.mark.parametrize("batch", [1, 10**6])
def test_any_batch_learns(batch):
    """A user at a time, and all at once: the loss falls by a tenth at least."""
    learner = learner_of(two_clusters(users=40), batch=batch, rate=0.02, dropout=0.3)
    losses = [learner.epoch(number) for number in range(40)]
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize(
    ("table", "settings", "code"),
    [
        (np.eye(3), {"dropout": 1.0}, "S301"),
        (np.eye(3), {"dropout": -0.1}, "S301"),
        (np.eye(3), {"dropout": float("nan")}, "S301"),
        (np.eye(3), {"dimensions": 0}, "S301"),
        (np.eye(3), {"rate": 0.0}, "S301"),
        (np.eye(3), {"l2": -1.0}, "S301"),
        (np.eye(3), {"batch": 0}, "S301"),
        (np.eye(3), {"memory_bytes": 100}, "S502"),
        (np.zeros((2, 3)), {}, "S209"),
    ],
)
def test_what_cannot_be_is_refused(table, settings, code):
    with pytest.raises(StropError) as caught:
        learner_of(table, **settings)
    assert caught.value.code == code


def test_a_rate_that_runs_away_is_told():
    with pytest.raises(StropError, match="S601"), np.errstate(all="ignore"):
        fit(learner_of(two_clusters(users=40), rate=3e37), epochs=5)
