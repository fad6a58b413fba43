"""Is planted trouble found where it can be, and is nothing claimed where it cannot?"""

from dataclasses import replace

import numpy as np
import pytest

from strop.experiments.audit_clicks import BOTS, audit_clicks, audit_lists, found_again, plant, suspicion
from strop.experiments.worlds import planted_likes
from strop.feedback.splits import split
from strop.records import Clicks


@pytest.fixture(scope="module")
def data():
    """Three camps of 100 users and 40 items each; everybody clicked a third of the camp's items."""
    camps = np.kron(np.eye(3), np.ones((100, 40))) * np.random.default_rng(0).random((300, 120))
    users, items = np.nonzero(camps > 2 / 3)
    return split(Clicks(users, items, np.arange(300), np.arange(120)))


def test_what_is_planted_is_new_counted_and_marked(data):
    planted = plant(data.train, seed=3)
    clicks = planted.clicks
    assert clicks.n_users == data.train.n_users + BOTS
    people = ~planted.bots[clicks.users]
    real = people & ~planted.false
    key = clicks.users[real].astype(np.int64) * clicks.n_items + clicks.items[real]
    assert np.array_equal(key, data.train.users.astype(np.int64) * clicks.n_items + data.train.items)
    assert planted.false.sum() == round(0.05 * len(data.train))
    assert (np.diff(clicks.indptr)[planted.bots] == 60).all()


def test_suspicion_is_one_minus_the_share_of_items_that_fit_less():
    """Two camps of users and items: a click across the border fits worse than all items of the user's own camp."""
    users, items = np.nonzero(np.kron(np.eye(2), np.ones((40, 10))))
    extra = np.append(users, 0), np.append(items, 15)
    clicks = Clicks(extra[0], extra[1], np.arange(80), np.arange(20))
    doubt = suspicion(clicks, seed=0)
    across = (clicks.users == 0) & (clicks.items == 15)
    assert doubt[across][0] == 1.0  # all others fit better, for no click speaks for itself
    assert doubt[~across].max() <= 0.5  # the other camp fits worse


def test_planted_clicks_are_found_far_beyond_chance_and_a_clean_log_is_not_suspected_by_them(data):
    figures = {f.name: f for f in found_again(data, seed=0)}
    found, chance = figures["false clicks found, most suspicious first"], figures["false clicks found by chance"]
    assert found.low > 1.5 * chance.value
    assert figures["bots found, most suspicious first"].low > 3 * figures["bots found by chance"].value


def test_a_log_of_noise_teaches_nothing_and_the_audit_says_so():
    generator = np.random.default_rng(0)
    table = generator.random((300, 80)) < 0.15
    users, items = np.nonzero(table)
    part = generator.integers(0, 10, len(users))
    whole = Clicks(users, items, np.arange(300), np.arange(80))
    world = planted_likes(seed=0, users=300, items=80)
    data = replace(world, train=whole.take(part < 7), validation=whole.take(part == 7), test=whole.take(part > 7))
    result = audit_clicks(data, draws=200)
    assert result.verdict.startswith("Nothing in this log is learned beyond chance")


def test_an_audit_names_its_best_model_and_lists_of_other_tools_stand_beside_the_same_anchors(data):
    result = audit_clicks(data, draws=200)
    best = max(
        (a for a in result.arms if a.name not in ("chance", "popular")), key=lambda a: a.figure("recall@20").value
    )
    assert best.name in result.verdict
    perfect = np.full((data.train.n_users, 20), -1, np.int32)
    for user in range(data.train.n_users):
        own = data.test.items_of(user)[:20]
        perfect[user, : len(own)] = own
    lists = audit_lists({"oracle": perfect}, data, draws=200)
    assert [a.name for a in lists.arms] == ["oracle", "popular", "ease"]
    assert lists.arms[0].figure("hit_rate@20").value == 1.0
    assert "oracle finds" in lists.verdict
