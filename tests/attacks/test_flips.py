"""Planted flips lie in train alone, at the rates that were asked for, and where the law says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.attacks.flips import close_calls, flipped
from strop.errors import StropError
from strop.feedback.splits import split
from strop.records import Clicks, Split

LAWS = [("constant", 0.0), ("popularity", 0.7), ("margin", 1.0)]


def log(*, users=40, items=60, seed=0, times=True) -> Split:
    generator = np.random.default_rng(seed)
    chance = generator.uniform(0.05, 0.4, users)[:, None] * generator.uniform(0.2, 2, items)
    rows, columns = np.nonzero(generator.random((users, items)) < chance)
    stamps = np.arange(len(rows)) if times else None
    return split(Clicks(rows, columns, np.arange(users), np.arange(items), stamps), seed=seed)


def pairs(clicks: Clicks) -> set[tuple[int, int]]:
    return set(zip(clicks.users.tolist(), clicks.items.tolist(), strict=True))


@settings(max_examples=25, derandomize=True, deadline=None)
@given(st.floats(0, 0.4), st.floats(0, 0.4), st.sampled_from(LAWS), st.integers(0, 9), st.booleans())
def test_only_train_is_touched_and_every_flip_is_told(missed, invented, law, seed, times):
    data = log(seed=seed, times=times)
    found = flipped(data, missed=missed, invented=invented, by=law[0], strength=law[1], seed=seed)
    ours, real = pairs(found.data.train.take(found.planted)), pairs(found.data.train.take(~found.planted))
    hidden, whole = pairs(found.hidden), pairs(data.train)
    assert real | hidden == whole and not real & hidden
    assert not ours & (whole | pairs(data.validation) | pairs(data.test))
    assert found.data.validation is data.validation and found.data.test is data.test
    assert (found.data.train.times is not None) == times
    assert (found.missed + found.invented).max() < 1 and min(found.missed.min(), found.invented.min()) >= 0


@pytest.mark.parametrize(("by", "strength"), LAWS)
def test_the_rates_are_those_asked_for_and_what_is_seen_follows_them(by, strength):
    """Some 20,000 clicks: the standard error of a share is below .004. Within each user false clicks keep their share."""
    data = log(users=600, items=200)
    found = flipped(data, missed=0.3, invented=0.2, by=by, strength=strength, seed=1)
    train = data.train
    assert found.missed[train.users, train.items].mean() == pytest.approx(0.3, abs=1e-5)
    assert len(found.hidden) / len(train) == pytest.approx(0.3, abs=0.012)
    assert found.planted.mean() == pytest.approx(0.2, abs=0.012)
    free = np.ones((600, 200), bool)
    for part in (train, data.validation, data.test):
        free[part.users, part.items] = False
    expected = np.where(free, found.invented, 0).sum(1)
    kept = np.bincount(train.users, 1 - found.missed[train.users, train.items], 600)
    np.testing.assert_allclose(expected / (expected + kept), 0.2, atol=1e-5)
    many = found.invented > np.quantile(found.invented[free], 0.5)
    false = np.zeros((600, 200), bool)
    false[found.data.train.users[found.planted], found.data.train.items[found.planted]] = True
    for place in (free & many, free & ~many):
        assert false[place].mean() == pytest.approx(found.invented[place].mean(), rel=0.1)


def test_what_is_missed_and_what_is_invented_depends_on_what_was_said():
    data = log(users=600, items=200)
    train = data.train
    own = (train.users, train.items)
    by_popularity = flipped(data, missed=0.3, invented=0.2, by="popularity", strength=1.0, seed=1)
    assert np.corrcoef(by_popularity.missed[0], np.log1p(train.popularity))[0, 1] < -0.95
    assert np.corrcoef(by_popularity.invented[0], 1 + train.popularity)[0, 1] > 0.95
    gone, stay = (np.mean(train.popularity[c.items]) for c in (by_popularity.hidden, train))
    assert gone < 0.95 * stay
    by_margin = flipped(data, missed=0.3, invented=0.2, by="margin", strength=1.0, seed=1)
    size = np.abs(close_calls(train))
    for table in (by_margin.missed, by_margin.invented):
        assert (np.diff(table[0][np.argsort(size[0])]) <= 1e-6).all()
    assert size[by_margin.hidden.users, by_margin.hidden.items].mean() < 0.95 * size[own].mean()


def test_a_close_call_lies_at_the_users_cut():
    """As many items lie above 0 as the user has clicks (no ties at the cut here)."""
    train = log(users=300, items=80).train
    margins = close_calls(train)
    np.testing.assert_array_equal((margins > 0).sum(1), np.diff(train.indptr))


def test_nothing_is_the_split_itself_and_a_seed_repeats():
    data = log()
    none = flipped(data, missed=0, invented=0, by="constant", strength=0, seed=1)
    assert none.data is data and not none.planted.any() and not len(none.hidden) and not none.missed.any()
    first, again, other = (
        flipped(data, missed=0.2, invented=0.2, by="margin", strength=1.0, seed=s) for s in (1, 1, 2)
    )
    assert first.data.train.checksum == again.data.train.checksum != other.data.train.checksum
    assert "taken out" in first.data.notes[-1]
    train = first.data.train
    for row in np.flatnonzero(first.planted):
        assert train.times[row] in data.train.times[data.train.users == train.users[row]]


@pytest.mark.parametrize(
    "wrong",
    [
        {"missed": 1.0},
        {"missed": -0.1},
        {"missed": 0.5, "by": "popularity", "strength": 1.0},
        {"invented": 1.0},
        {"invented": float("nan")},
        {"by": "length", "strength": 1.0},
        {"strength": 1.0},
        {"by": "margin", "strength": 0.0},
        {"missed": 0.49, "invented": 0.7, "by": "margin", "strength": 50.0},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(StropError) as caught:
        flipped(log(), **{"missed": 0.2, "invented": 0.1, "by": "constant", "strength": 0.0, "seed": 0, **wrong})
    assert caught.value.code == "S301" and caught.value.help


def test_a_table_too_large_is_refused():
    part = Clicks(np.zeros(1, int), np.zeros(1, int), np.arange(10_000), np.arange(10_000))
    data = Split(part, part.take(np.empty(0, int)), None)
    with pytest.raises(StropError) as caught:
        flipped(data, missed=0.2, invented=0.1, by="constant", strength=0.0, seed=0)
    assert caught.value.code == "S502"
