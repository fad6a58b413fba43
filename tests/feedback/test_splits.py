"""A split is disjoint, whole, the same for every order of rows, and says what it cannot show."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.errors import StropError
from strop.feedback import splits
from strop.records import Clicks

KINDS = ("random", "time", "last")


def clicks_of(rows, times=True):
    users, items, seconds = (np.array(column) for column in zip(*rows, strict=True))
    n_users, n_items = users.max() + 1, items.max() + 1
    return Clicks(users, items, np.arange(n_users), np.arange(n_items), seconds if times else None)


def table(seed=0, n_users=40, n_items=60):
    rng = np.random.default_rng(seed)
    liked = rng.random((n_users, n_items)) < rng.uniform(0.05, 0.5, (n_users, 1))
    users, items = np.nonzero(liked)
    return clicks_of(list(zip(users, items, rng.integers(10**9, 10**9 + 10**6, len(users)), strict=True)))


def keys(clicks):
    return set(zip(clicks.users.tolist(), clicks.items.tolist(), strict=True))


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 10**6))
@settings(max_examples=15, derandomize=True, deadline=None)
def test_parts_are_disjoint_and_whole(kind, seed):
    clicks = table(seed % 7)
    split = splits.split(clicks, kind=kind, seed=seed)
    parts = [keys(part) for part in (split.train, split.validation, split.test)]
    assert sum(map(len, parts)) == len(clicks) and set.union(*parts) == keys(clicks)
    assert split.kind == kind and split.seed == seed


def test_random_shares_by_hand():
    """10 clicks: round(.2 * 10) = 2 in test, 1 in validation; 3 clicks: 1, 1 and 1; 4: round(.8) = 1, 1 and 2;
    8: round(1.6) = 2, 1 and 5; 2 clicks and 1 click: all in train, said of 2 users.
    """
    sizes = [10, 3, 4, 8, 2, 1]
    rows = [(user, item, 1) for user, size in enumerate(sizes) for item in range(size)]
    split = splits.split(clicks_of(rows, times=False), seed=4)
    counts = [np.bincount(p.users, minlength=6).tolist() for p in (split.train, split.validation, split.test)]
    assert counts == [[7, 1, 2, 5, 2, 1], [1, 1, 1, 1, 0, 0], [2, 1, 1, 2, 0, 0]]
    assert "2 of 6 users have fewer than 3 clicks and stay in train" in split.notes


def test_every_user_of_three_clicks_stands_in_all_parts():
    clicks = table(1)
    split = splits.split(clicks, shares=(0.02, 0.49, 0.49))
    enough = np.diff(clicks.indptr) >= 3
    for part in (split.train, split.validation, split.test):
        assert (np.diff(part.indptr)[enough] > 0).all()


def test_random_is_fair():
    """Each click comes into the test part in about a fifth of 400 seeds: 0.2 +- 5 standard errors (0.02)."""
    clicks = clicks_of([(user, item, 1) for user in (0, 1) for item in range(20)], times=False)
    drawn = np.zeros((2, 20))
    for seed in range(400):
        test = splits.split(clicks, seed=seed).test
        drawn[test.users, test.items] += 1
    assert (np.abs(drawn / 400 - 0.2) < 0.1).all() and np.abs(drawn.mean() / 400 - 0.2) < 1e-9


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_rows_does_not_matter(kind):
    clicks = table(2)
    rows = list(zip(clicks.users.tolist(), clicks.items.tolist(), clicks.times.tolist(), strict=True))
    np.random.default_rng(0).shuffle(rows)
    one, two = (splits.split(c, kind=kind, seed=9) for c in (clicks, clicks_of(rows)))
    for part in ("train", "validation", "test"):
        assert getattr(one, part).checksum == getattr(two, part).checksum
    assert kind != "random" or keys(splits.split(clicks, seed=10).test) != keys(one.test)


def test_time_by_hand():
    """10 clicks at times 0..9: 0-6 in train, 7 in validation, 8 and 9 in test. User 3 and item 5 come in the test only:
    1 of 2 test users and 1 of 2 test items are cold.
    """
    rows = [(n % 3, n % 5, n) for n in range(7)] + [(0, 4, 7), (3, 0, 8), (1, 5, 9)]
    split = splits.split(clicks_of(rows), kind="time")
    assert sorted(split.train.times.tolist()) == list(range(7))
    assert split.validation.times.tolist() == [7] and sorted(split.test.times.tolist()) == [8, 9]
    assert "50.0% of the 2 test users are cold: they have no click in train" in split.notes
    assert "50.0% of the 2 test items are cold: they have no click in train" in split.notes
    assert not any("use a random split" in note for note in split.notes)


def test_time_suggests_random_where_most_users_are_cold():
    rows = [(n, n % 4, n) for n in range(20)]
    assert any("use a random split" in note for note in splits.split(clicks_of(rows), kind="time").notes)


def test_clicks_of_one_second_stay_together():
    """30 clicks at three times: the cuts at shares 0.7 and 0.8 both fall into the last ten, so nothing is left to choose by."""
    rows = [(n % 6, n // 6, n // 10) for n in range(30)]
    with pytest.raises(StropError) as caught:
        splits.split(clicks_of(rows), kind="time")
    assert caught.value.code == "S209"
    split = splits.split(clicks_of(rows), kind="time", shares=(0.4, 0.3, 0.3))
    assert [set(p.times.tolist()) for p in (split.train, split.validation, split.test)] == [{0}, {1}, {2}]


def test_last_by_hand():
    """User 0: times 5, 1, 3 of items 0, 1, 2: test item 0, validation item 2. User 1: items 1 and 2 at one time 9: the
    later in the table is the test. User 2 has two clicks: train. Newest in train: 9 (user 2); of the tests at 5 and 9,
    one of two is older.
    """
    rows = [(0, 0, 5), (0, 1, 1), (0, 2, 3), (1, 0, 2), (1, 1, 9), (1, 2, 9), (2, 0, 9), (2, 1, 7)]
    split = splits.split(clicks_of(rows), kind="last")
    assert keys(split.test) == {(0, 0), (1, 2)} and keys(split.validation) == {(0, 2), (1, 1)}
    assert "1 of 3 users have fewer than 3 clicks and stay in train" in split.notes
    assert "leakage: 50.0% of the test clicks are older than the newest click learned from" in split.notes
    assert any(note.startswith("1 users' last two clicks have one time") for note in split.notes)


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "leave"}, {"shares": (0.5, 0.5, 0.0)}, {"shares": (0.7, 0.1, 0.1)}, {"kind": "time"}, {"kind": "last"}],
)
def test_what_is_refused(wrong):
    clicks = clicks_of([(0, i, 1) for i in range(9)], times=False)
    with pytest.raises(StropError) as caught:
        splits.split(clicks, **wrong)
    assert caught.value.code == "S301"


def test_too_few_clicks_for_three_parts():
    with pytest.raises(StropError) as caught:
        splits.split(clicks_of([(0, 0, 1), (1, 1, 1)], times=False))
    assert caught.value.code == "S209"
