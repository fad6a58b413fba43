"""Is trouble that we planted found, where it is, and is none found in a clean log?"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.errors import StropError
from strop.experiments.found_again import BOTS, found_again, plant, pushed, sees, trouble
from strop.experiments.suspicion import Suspicion, examine, mid_ranks
from strop.experiments.worlds import planted_likes
from strop.records import Clicks


@pytest.fixture(scope="module")
def clean():
    return planted_likes(seed=5).train


def looked(clicks, planted):
    seen = examine(clicks, seed=0)
    return seen, trouble(seen, seen.at_most(draws=200), planted)


def test_mid_ranks_by_hand():
    """Of (3, 1, 1, 9): the two ones share places 1 and 2 of 4, so 1/4 each; 3 is above two and a half, 9 above three and a half."""
    assert mid_ranks(torch.tensor([[3.0, 1.0, 1.0, 9.0]])).tolist() == [[0.625, 0.25, 0.25, 0.875]]


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.lists(st.lists(st.integers(-2, 2), min_size=6, max_size=6), min_size=1, max_size=4))
def test_mid_ranks_by_another_road(rows):
    scores = torch.tensor(rows, dtype=torch.float32)
    counted = [[(sum(b < a for b in row) + sum(b == a for b in row) / 2) / len(row) for a in row] for row in rows]
    assert np.allclose(mid_ranks(scores).numpy(), counted)


def test_a_click_across_camps_is_doubted_most():
    """Two camps of users and items: the click across the border fits worse than all of the user's own camp."""
    users, items = np.nonzero(np.kron(np.eye(2), np.ones((40, 10))))
    clicks = Clicks(np.append(users, 0), np.append(items, 15), np.arange(80), np.arange(20))
    seen = examine(clicks, seed=0)
    across = (clicks.users == 0) & (clicks.items == 15)
    assert seen.doubt[across][0] > 0.95
    assert seen.doubt[~across].max() <= 0.75
    assert seen.check_first[0] == np.flatnonzero(across)[0]


def test_all_three_kinds_of_planted_trouble_are_found(clean):
    bad = plant(clean, seed=1, false_share=0.2, bots=30)
    item = int(np.flatnonzero((clean.popularity >= 25) & (clean.popularity <= 45))[0])
    dirty = pushed(bad.clicks, item, seed=1)
    planted = found_again(clean, seed=1)
    seen, found = looked(dirty, planted)
    assert found.random is True
    assert item in found.items and len(found.items) <= 3
    assert np.isin(np.flatnonzero(bad.bots), found.accounts).mean() > 0.9
    assert seen.at_most(draws=200).high > 0.2 / 1.2  # the bound holds


def test_nothing_is_found_in_a_clean_log(clean):
    seen, found = looked(clean, found_again(clean, seed=1))
    assert found.random is False
    assert len(found.accounts) == len(found.items) == 0
    assert seen.others.mean() > 0.99


def test_where_planted_clicks_are_not_seen_nothing_is_claimed():
    """Clicks without any taste in them: a planted one looks like every other, and so do bots."""
    table = np.random.default_rng(0).random((300, 120)) < 0.1
    clicks = Clicks(*np.nonzero(table), np.arange(300), np.arange(120))
    planted = found_again(clicks, seed=0)
    assert not sees(planted, "false clicks")
    assert looked(clicks, planted)[1].random is None


def test_information_is_n_times_what_is_meant_by_hand():
    """Doubts all at one density (uniform): each click is meant with chance 1 - s, worth n (1 - s)^2. All doubts in the
    first of 20 bins: density 20 there, each is meant with chance 1 - s/20."""
    clicks = Clicks(np.arange(200), np.zeros(200, int), np.arange(200), np.arange(1))
    flat = Suspicion(clicks, (np.arange(200) + 0.5) / 200, np.ones(1))
    assert flat.information(0.2) == pytest.approx(200 * 0.8**2)
    sharp = Suspicion(clicks, np.full(200, 0.01), np.ones(1))
    assert sharp.information(0.2) == pytest.approx(200 * 0.99**2)
    assert (flat.meant(0.0) == 1).all()


def test_what_is_planted_is_new_counted_and_marked(clean):
    planted = plant(clean, seed=3)
    clicks = planted.clicks
    assert clicks.n_users == clean.n_users + BOTS
    real = ~planted.bots[clicks.users] & ~planted.false
    key = clicks.users[real].astype(np.int64) * clicks.n_items + clicks.items[real]
    assert np.array_equal(key, clean.users.astype(np.int64) * clicks.n_items + clean.items)
    assert planted.false.sum() == round(0.05 * len(clean))
    rare = int(np.flatnonzero(clean.popularity == 20)[0])
    more = pushed(clean, rare, seed=0)
    assert more.popularity[rare] == 200
    assert (np.delete(more.popularity, rare) == np.delete(clean.popularity, rare)).all()


def test_planted_clicks_and_bots_are_found_far_beyond_chance(clean):
    planted = found_again(clean, seed=0)
    assert sees(planted, "false clicks") and sees(planted, "bots")


def test_too_many_items_for_ease_is_said():
    clicks = Clicks(np.arange(4), np.arange(4), np.arange(4), np.arange(20_000))
    with pytest.raises(StropError, match="S502"):
        examine(clicks, seed=0)
