"""Weighted and doubly robust factorisation of ratings: gradients, reductions, what biases and weights do, saved states."""

import numpy as np
import pytest
import torch

from strop.errors import StropError
from strop.models.recommend import explicit, saved
from strop.models.recommend.explicit import ExplicitLearner, RatedFactorisation
from strop.records import Ratings
from strop.training import fit

LOSSES = ("weighted", "doubly robust")
BIASES = ("none", "users and items")
BCE = torch.nn.functional.binary_cross_entropy_with_logits


def some_ratings(seed=0, users=6, items=5, n=17) -> Ratings:
    generator = np.random.default_rng(seed)
    cells = np.sort(generator.choice(users * items, n, replace=False))
    return Ratings(
        cells // items, cells % items, generator.integers(1, 6, n).astype(float), np.arange(users), np.arange(items)
    )


RATINGS = some_ratings()
WEIGHTS = np.random.default_rng(1).random(17) * 3


def learner(ratings=RATINGS, **asked) -> ExplicitLearner:
    return ExplicitLearner(ratings, **{"threshold": 3, "dimensions": 2, **asked})


def moved(one: ExplicitLearner, seed=2) -> ExplicitLearner:
    """The learner with normal values in all its tables that can move."""
    generator = torch.Generator().manual_seed(seed)
    for tables in (one.model, one.imputed):
        for name, table in tables.named.items() if tables else ():
            if tables.rates[name]:
                table.copy_(torch.randn(table.shape, generator=generator))
    return one


def leaves(tables) -> dict[str, torch.Tensor]:
    return {name: t.clone().double().requires_grad_() for name, t in tables.named.items()}


def table_of(t) -> torch.Tensor:
    return t["left"] @ t["right"].T + t["user_bias"][:, None] + t["bias"] + t["offset"]


def squares(t, weights, l2) -> torch.Tensor:
    """l2 per rating, as often as it weighs: half the squares of what a rating touches."""
    w = torch.tensor(weights / weights.sum())
    u, i = torch.from_numpy(RATINGS.users.astype(int)), torch.from_numpy(RATINGS.items.astype(int))
    touched = t["left"][u].square().sum(1) + t["right"][i].square().sum(1) + t["user_bias"][u] ** 2 + t["bias"][i] ** 2
    return l2 / 2 * (w * touched).sum()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("biases", BIASES)
@pytest.mark.parametrize("total", [None, 30.0])
def test_gradients_by_autograd(loss, biases, total):
    """The losses of the docstring, pair by pair, in double precision; the imputed labels are held, and so is the model."""
    one = moved(learner(weights=WEIGHTS, total=total, loss=loss, biases=biases, l2=0.1))
    share, y = torch.tensor(WEIGHTS / (total or WEIGHTS.sum())), torch.tensor(RATINGS.values >= 3).double()
    at = RATINGS.users, RATINGS.items
    t = leaves(one.model)
    s = table_of(t)
    value = (share * BCE(s[at], y, reduction="none")).sum()
    if one.imputed is not None:
        other = leaves(one.imputed)
        guess = torch.sigmoid(table_of(other))
        f = BCE(s, guess.detach(), reduction="none")
        value = f.mean() + (share * (BCE(s[at], y, reduction="none") - f[at])).sum()
        off = BCE(s.detach()[at], y, reduction="none") - BCE(s.detach(), guess, reduction="none")[at]
        miss = (share * off.square()).sum()
        check(*one.imputed_gradients(), miss, squares(other, WEIGHTS, 0.1), other, one.imputed.rates)
    check(*one.gradients(), value, squares(t, WEIGHTS, 0.1), t, one.model.rates)


def check(told, gradients, value, pull, leaves_, rates) -> None:
    (value + pull).backward()
    assert told == pytest.approx(value.item(), rel=1e-5)
    for name, leaf in leaves_.items():
        if rates[name]:
            np.testing.assert_allclose(gradients[name], leaf.grad, rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("loss", LOSSES)
def test_weights_of_one_and_their_scale_are_the_plain_loss(loss):
    """Ones are None bit for bit, and so are weights of 8 (self-normalised); a total of the sum of the weights too."""
    plain = trained(loss=loss)
    for asked in ({"weights": np.ones(17)}, {"weights": np.full(17, 8.0)}, {"total": 17.0}):
        same(trained(loss=loss, **asked), plain)
    with pytest.raises(AssertionError):
        same(trained(loss=loss, weights=WEIGHTS), plain)


def trained(epochs=4, **asked) -> dict[str, np.ndarray]:
    one = learner(**asked)
    fit(one, epochs=epochs, name="ratings")
    return {name: array.copy() for name, array in one.state().items()}


def same(ours, theirs) -> None:
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        assert array.tobytes() == theirs[name].tobytes(), name


def test_a_rating_of_weight_0_is_not_there():
    """Up to the rounding of sums in another order."""
    weights = np.ones(17)
    weights[3] = 0
    rest = np.arange(17) != 3
    without = Ratings(*(a[rest] for a in (RATINGS.users, RATINGS.items, RATINGS.values)), np.arange(6), np.arange(5))
    ours, theirs = trained(weights=weights), trained(ratings=without)
    for name, array in ours.items():
        np.testing.assert_allclose(array, theirs[name], rtol=1e-3, atol=1e-6)


def test_without_biases_they_stay_0():
    state = trained(biases="none")
    assert not any(state[name].any() for name in ("user_bias", "bias", "offset"))
    assert all(trained()[name].any() for name in ("user_bias", "bias", "offset"))


def test_l2_pulls_to_0():
    sizes = [np.abs(trained(epochs=60, l2=l2, rate=0.05)["left"]).max() for l2 in (0.0, 0.1, 1.0)]
    assert sizes[0] > 1.5 * sizes[1] and sizes[2] < 0.05


def test_weights_move_the_offset_to_the_weighted_share():
    """Nothing but an offset can be learned (l2 of 100): its sigmoid is the weighted share of likes."""
    one = learner(weights=WEIGHTS, l2=100.0, rate=0.05)
    fit(one, epochs=400, name="ratings")
    liked = RATINGS.values >= 3
    found = 1 / (1 + np.exp(-one.scorer().score(np.arange(6)).numpy()))
    np.testing.assert_allclose(found, WEIGHTS[liked].sum() / WEIGHTS.sum(), atol=0.02)


def test_doubly_robust_with_right_imputed_labels_is_the_plain_loss_of_all_pairs():
    """Imputed labels that equal the labels: the correction is 0, and the loss is the mean over all pairs against them."""
    ratings = Ratings(*np.divmod(np.arange(6), 3), np.array([5.0, 1, 5, 1, 5, 1]), np.arange(2), np.arange(3))
    one = moved(learner(ratings, loss="doubly robust", dimensions=1))
    for name in ("user_bias", "bias", "offset"):
        one.imputed.named[name].zero_()
    one.imputed.named["left"].copy_(torch.tensor([[60.0], [-60.0]]))
    one.imputed.named["right"].copy_(torch.tensor([[1.0], [-1.0], [1.0]]))
    plain = moved(learner(ratings, dimensions=1))
    value, gradients = one.gradients()
    wanted, plain_gradients = plain.gradients()
    assert value == pytest.approx(wanted)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, plain_gradients[name], atol=1e-7)
    assert one.imputed_gradients()[0] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_planted_likes_are_learned(loss):
    """Two groups of users who like two halves of the items: unrated pairs are told apart too."""
    generator = np.random.default_rng(3)
    liked = (np.arange(40)[:, None] % 2) == (np.arange(30) % 2)
    users, items = np.nonzero(generator.random(liked.shape) < 0.4)
    ratings = Ratings(users, items, np.where(liked[users, items], 5.0, 1.0), np.arange(40), np.arange(30))
    one = learner(ratings, loss=loss, rate=0.05)
    fit(one, epochs=150, name="ratings")
    scores = one.scorer().score(np.arange(40)).numpy()
    rated = np.zeros(liked.shape, bool)
    rated[users, items] = True
    assert scores[liked & ~rated].min() > scores[~liked & ~rated].max()
    assert one.losses().mean() < 0.3


def test_losses_by_hand():
    """Scores of 0: log 2 for every rating; an offset of 1: log(1 + 1/e) for a like, 1 more for a dislike."""
    one = learner()
    for table in one.model.named.values():
        table.zero_()
    np.testing.assert_allclose(one.losses(), np.log(2), rtol=1e-6)
    one.model.named["offset"].fill_(1)
    np.testing.assert_allclose(one.losses(), np.log1p(np.exp(-1)) + (RATINGS.values < 3), rtol=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_stopped_run_goes_on_to_the_same_bytes(loss):
    whole = trained(6, loss=loss, weights=WEIGHTS)
    second = learner(loss=loss, weights=WEIGHTS)
    second.load(trained(3, loss=loss, weights=WEIGHTS))
    for number in range(3, 6):
        second.epoch(number)
    same(second.state(), whole)


def test_a_model_comes_back_as_it_was():
    one = moved(learner())
    model = one.scorer()
    users = np.array([4, 0, 4])
    np.testing.assert_allclose(model.score(users), table_of(one.model.named)[users], rtol=1e-5, atol=1e-6)
    kind = saved.save_kind(model)
    again = saved.load(kind, model.state())
    assert kind == "rated_factorisation" and isinstance(again, RatedFactorisation)
    assert again.score(users).numpy().tobytes() == model.score(users).numpy().tobytes()
    state = model.state()
    del state["user_bias"]
    with pytest.raises(StropError, match="user_bias"):
        saved.load(kind, state)


def test_not_finite_is_said():
    """A step that leaves a table not finite gives NaN at once, which `fit` turns into S601, though the loss before it was."""
    one = learner()
    one.model.adam.moments["bias"][0].fill_(np.inf)
    assert np.isnan(one.epoch(0))


@pytest.mark.parametrize(
    ("code", "asked"),
    [
        ("S209", {"threshold": 6}),
        ("S209", {"threshold": 0}),
        ("S211", {"weights": np.where(np.arange(17) == 4, np.nan, 1)}),
        ("S211", {"weights": np.where(np.arange(17) == 4, np.inf, 1)}),
        ("S211", {"weights": np.where(np.arange(17) == 4, -0.1, 1)}),
        ("S211", {"weights": np.zeros(17)}),
        ("S214", {"weights": np.ones(16)}),
        ("S214", {"weights": np.ones((17, 1))}),
        ("S301", {"dimensions": 0}),
        ("S301", {"rate": 0}),
        ("S301", {"l2": -1}),
        ("S301", {"total": 0}),
        ("S301", {"total": float("nan")}),
    ],
)
def test_refuses(code, asked):
    with pytest.raises(StropError) as caught:
        learner(**asked)
    assert caught.value.code == code


def test_a_table_too_large_for_doubly_robust(monkeypatch):
    monkeypatch.setattr(explicit, "BUDGET_BYTES", 24 * 30 - 1)
    learner()
    with pytest.raises(StropError) as caught:
        learner(loss="doubly robust")
    assert caught.value.code == "S502"
