"""Planted exposure hides clicks of train alone, with the chances it tells: weighted clicks count as all did."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.attacks.exposure import by_popularity, by_position, semi_synthetic
from strop.errors import StropError
from strop.feedback.splits import split
from strop.records import Clicks, Ratings, Split


def log(*, users=60, items=40, seed=0) -> Split:
    """Items differ in popularity, users in how much they click."""
    generator = np.random.default_rng(seed)
    chance = generator.uniform(0.2, 1, (users, 1)) * np.linspace(0.1, 0.9, items)
    rows, columns = np.nonzero(generator.random((users, items)) < chance)
    return split(Clicks(rows, columns, np.arange(users), np.arange(items)), seed=seed)


def keys(clicks: Clicks) -> set[int]:
    return set((clicks.users.astype(np.int64) * clicks.n_items + clicks.items).tolist())


HIDE = {
    "popularity": lambda data, dose, seed: by_popularity(data, power=dose, seed=seed),
    "position": lambda data, dose, seed: by_position(data, eta=dose, seed=seed),
}


@pytest.mark.parametrize("how", list(HIDE))
@settings(max_examples=20, derandomize=True, deadline=None)
@given(st.floats(0, 4), st.integers(0, 9))
def test_train_is_parted_and_the_rest_left_alone(how, dose, seed):
    data = log(seed=seed)
    found = HIDE[how](data, dose, seed)
    seen = found.data.train
    assert keys(seen) | keys(found.hidden) == keys(data.train) and not keys(seen) & keys(found.hidden)
    assert set(seen.users) == set(data.train.users)
    assert found.data.validation is data.validation and found.data.test is data.test
    assert len(found.propensity) == len(seen) and (found.propensity > 0).all() and (found.propensity <= 1).all()
    assert found.data.notes[:-1] == data.notes and f"{len(found.hidden):,} of" in found.data.notes[-1]
    assert (f"{found.rescued} users keep one" in found.data.notes[-1]) == (found.rescued > 0)
    again = HIDE[how](data, dose, seed)
    assert again.data.train.checksum == seen.checksum
    if dose == 0:
        assert seen.checksum == data.train.checksum and (found.propensity == 1).all()


@pytest.mark.parametrize(("how", "dose"), [("popularity", 1.0), ("position", 0.5)])
def test_weighted_by_one_over_the_propensity_clicks_count_as_all_did(how, dose):
    """Users of 9 clicks at least, so that nobody needs a rescue. Means over 300 draws: each item's weighted count is
    within 4 standard errors of what it was, the plain count of the rarer half far below."""
    data = log(users=80, items=60, seed=1)
    many = np.diff(data.train.indptr) >= 9
    data = Split(data.train.take(many[data.train.users]), data.validation, data.test)
    draws = [HIDE[how](data, dose, seed) for seed in range(300)]
    assert sum(d.rescued for d in draws) == 0
    truth = data.train.popularity
    counts = np.array([np.bincount(d.data.train.items, 1 / d.propensity, 60) for d in draws])
    plain = np.mean([d.data.train.popularity for d in draws], axis=0)
    off = counts.mean(axis=0) - truth
    assert (np.abs(off) <= 4 * counts.std(axis=0) / np.sqrt(len(draws)) + 1e-9).all()
    assert (plain < 0.75 * truth)[:30][truth[:30] > 0].all()


def test_position_by_hand():
    """Items 0, 1, 2 have 3, 2 and 1 clicks: user 0, who clicked all, sees them at ranks 1, 2, 3: chances 1, 1/2, 1/3."""
    train = Clicks(np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 2, 0, 1, 0]), np.arange(3), np.arange(3))
    data = Split(train, train.take(np.empty(0, int)), None)
    chances = {}
    for seed in range(60):
        found = by_position(data, eta=1.0, seed=seed)
        pairs = zip(found.data.train.users.tolist(), found.data.train.items.tolist(), found.propensity.tolist())
        chances |= {(u, i): p for u, i, p in pairs}
    assert chances == {(0, 0): 1, (0, 1): 1 / 2, (0, 2): 1 / 3, (1, 0): 1, (1, 1): 1 / 2, (2, 0): 1}


def test_everybody_keeps_the_click_that_was_nearest_to_being_seen():
    """Popularity 100 against 1 at power 3: user 100's one click is all but never seen, and is kept, counted and said."""
    train = Clicks(np.arange(101), np.repeat([0, 1], [100, 1]), np.arange(101), np.arange(2))
    found = by_popularity(Split(train, train.take(np.empty(0, int)), None), power=3.0, seed=0)
    assert found.rescued == 1 and len(found.data.train) == 101
    assert found.propensity[-1] == pytest.approx(1e-6)
    assert found.data.notes[-1].endswith("1 users keep one that would have been hidden too")


def rated(users=120, items=50, seed=0) -> Ratings:
    generator = np.random.default_rng(seed)
    taste = generator.normal(size=(users, 2)) @ generator.normal(size=(2, items)) + np.linspace(-1, 1, items)
    shown = generator.random((users, items)) < np.linspace(0.1, 0.6, items)
    rows, columns = np.nonzero(shown)
    return Ratings(rows, columns, np.clip(np.round(3 + taste), 1, 5)[shown], np.arange(users), np.arange(items))


def test_a_semi_synthetic_world_is_what_it_says():
    """Clicks come at the rate gamma theta, tested pairs at gamma, and exposure is that of the ratings."""
    ratings = rated()
    world = semi_synthetic(ratings, epsilon=3.0, power=0.7, seed=1, tests=15)
    data, chance = world.data, world.relevance * world.exposure
    clicks = len(data.train) + len(data.validation)
    assert abs(clicks - chance.sum()) < 4 * np.sqrt((chance * (1 - chance)).sum())
    assert len(data.validation) == clicks // 10
    tested = world.tested
    clicked = keys(data.train) | keys(data.validation)
    assert not clicked & keys(tested.clicks()) and keys(data.test) == keys(tested.clicks(1.0))
    assert (np.bincount(tested.users) == 15).all()
    # of what was not clicked, a like is left with chance gamma (1 - theta) / (1 - gamma theta)
    gamma, theta = (table[tested.users, tested.items].astype(float) for table in (world.relevance, world.exposure))
    left = gamma * (1 - theta) / (1 - gamma * theta)
    assert abs(tested.values.sum() - left.sum()) < 4 * np.sqrt((left * (1 - left)).sum())
    by_item = np.bincount(ratings.items, minlength=50)
    assert np.corrcoef(world.exposure.sum(0), by_item)[0, 1] > 0.95
    truth = np.zeros((120, 50))
    truth[ratings.users, ratings.items] = ratings.values
    high, low = (world.relevance[truth == v].mean() for v in (5, 1))
    assert high > low + 0.3
    again = semi_synthetic(ratings, epsilon=3.0, power=0.7, seed=1, tests=15)
    assert again.data.train.checksum == data.train.checksum and np.array_equal(again.relevance, world.relevance)


def test_epsilon_and_power_move_relevance_and_exposure():
    """s(clip(r, 1, 5) - 5) lies in [s(-4), 1/2]; power 0 shows everything to all."""
    world = semi_synthetic(rated(), power=0.0, seed=0)
    assert world.relevance.max() <= 0.5 and world.relevance.min() >= 1 / (1 + np.exp(4)) - 1e-6
    assert (world.exposure == 1).all()
    assert len(world.data.train) + len(world.data.validation) == pytest.approx(world.relevance.sum(), rel=0.2)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: by_popularity(log(), power=-1.0, seed=0), "S301"),
        (lambda: by_position(log(), eta=-1.0, seed=0), "S301"),
        (lambda: by_position(log(), eta=float("nan"), seed=0), "S301"),
        (lambda: semi_synthetic(rated(), power=-1.0, seed=0), "S301"),
        (lambda: semi_synthetic(rated(), epsilon=float("inf"), seed=0), "S301"),
        (lambda: semi_synthetic(rated(), tests=0, seed=0), "S301"),
        (lambda: semi_synthetic(rated(), epsilon=60.0, seed=0), "S209"),
        (lambda: semi_synthetic(rated(), memory_bytes=1000, seed=0), "S502"),
    ],
)
def test_what_makes_no_sense_is_refused(call, code):
    with pytest.raises(StropError) as error:
        call()
    assert error.value.code == code


def test_without_clicks_there_is_nothing_to_hide():
    empty = log().train.take(np.empty(0, int))
    for hide in HIDE.values():
        with pytest.raises(StropError) as error:
            hide(Split(empty, empty, None), 1.0, 0)
        assert error.value.code == "S209"
