"""Planted noise lies in train alone, where it is said to lie, and as much of it as was asked for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.attacks.labels import dropped_positives, random_positives
from strop.errors import StropError
from strop.feedback.splits import split
from strop.records import Clicks, Split


def log(*, users=40, items=60, density=0.2, seed=0, times=True) -> Split:
    generator = np.random.default_rng(seed)
    rows, columns = np.nonzero(generator.random((users, items)) < density * generator.uniform(0.2, 2, users)[:, None])
    stamps = np.arange(len(rows)) if times else None
    return split(Clicks(rows, columns, np.arange(users), np.arange(items), stamps), seed=seed)


def pairs(clicks: Clicks) -> set[tuple[int, int]]:
    return set(zip(clicks.users.tolist(), clicks.items.tolist(), strict=True))


@settings(max_examples=25, derandomize=True, deadline=None)
@given(st.floats(0, 1), st.integers(0, 9), st.booleans())
def test_random_clicks_are_new_pairs_in_train(share, seed, times):
    data = log(seed=seed, times=times)
    found = random_positives(data, share=share, seed=seed)
    ours, real = pairs(found.data.train.take(found.planted)), pairs(found.data.train.take(~found.planted))
    assert len(ours) == round(share * len(data.train))
    assert real == pairs(data.train)
    assert not ours & (pairs(data.train) | pairs(data.validation) | pairs(data.test))
    assert found.data.validation is data.validation and found.data.test is data.test and not len(found.hidden)


def test_random_clicks_are_repeated_by_the_seed_and_take_times_of_their_users():
    data = log()
    first, again, other = (random_positives(data, share=0.5, seed=s) for s in (1, 1, 2))
    assert first.data.train.checksum == again.data.train.checksum != other.data.train.checksum
    train = first.data.train
    for row in np.flatnonzero(first.planted):
        assert train.times[row] in data.train.times[data.train.users == train.users[row]]


def test_users_are_drawn_as_active_as_they_are_and_items_uniformly():
    """Two users of 300 and 100 clicks on 4,000 items: 3 of 4 random clicks are the first's (sd .022 over 400)."""
    users, items = np.repeat([0, 1], [300, 100]), np.concatenate([np.arange(300), np.arange(100)])
    part = Clicks(users, items, np.arange(2), np.arange(4000))
    data = Split(part, part.take(np.empty(0, int)), None)
    found = random_positives(data, share=1.0, seed=0)
    ours = found.data.train.take(found.planted)
    assert abs((ours.users == 0).mean() - 0.75) < 0.07
    assert abs(ours.items.mean() / 4000 - 0.5) < 0.1  # clicked items are the first 300: drawn by popularity it is .04


@settings(max_examples=25, derandomize=True, deadline=None)
@given(st.floats(0, 0.8), st.integers(0, 9))
def test_dropped_clicks_are_gone_and_every_user_keeps_one(share, seed):
    data = log(seed=seed, users=15)
    found = dropped_positives(data, share=share, seed=seed)
    assert pairs(found.hidden) | pairs(found.data.train) == pairs(data.train)
    assert len(found.hidden) == round(share * len(data.train)) == len(data.train) - len(found.data.train)
    assert set(found.data.train.users.tolist()) == set(data.train.users.tolist())
    assert not found.planted.any() and len(found.planted) == len(found.data.train)


def test_no_share_gives_the_split_itself():
    data = log()
    for plant in (random_positives, dropped_positives):
        found = plant(data, share=0.0, seed=1)
        assert found.data is data and not found.planted.any() and not len(found.hidden)


def test_what_was_done_is_said():
    data = log()
    assert "random clicks (20%) were added" in random_positives(data, share=0.2, seed=1).data.notes[-1]
    assert "clicks (30%) were taken out" in dropped_positives(data, share=0.3, seed=1).data.notes[-1]


@pytest.mark.parametrize(
    ("plant", "share", "code"),
    [
        (random_positives, -0.1, "S301"),
        (random_positives, 1.1, "S301"),
        (random_positives, float("nan"), "S301"),
        (dropped_positives, 1.0, "S301"),
        (dropped_positives, -0.1, "S301"),
        (dropped_positives, 0.99, "S209"),
    ],
)
def test_shares_that_cannot_be(plant, share, code):
    with pytest.raises(StropError) as error:
        plant(log(), share=share, seed=0)
    assert error.value.code == code and error.value.help


def test_a_full_table_has_nothing_left_and_a_nearly_full_one_is_filled():
    rows, columns = np.divmod(np.arange(40), 8)
    full = Clicks(rows, columns, np.arange(5), np.arange(8))
    nothing = full.take(np.empty(0, int))
    with pytest.raises(StropError, match="0 pairs are left") as error:
        random_positives(Split(full, nothing, None), share=0.1, seed=0)
    assert error.value.code == "S209"
    nearly = full.take(np.arange(40) % 2 == 0)
    found = random_positives(Split(nearly, nothing, None), share=1.0, seed=0)
    assert pairs(found.data.train) == pairs(full)
