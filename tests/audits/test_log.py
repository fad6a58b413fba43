"""Are alike lists, silences and leaks counted, and nothing else?"""

from dataclasses import replace

import numpy as np

from strop.audits.log import accounts_alike, clock, older_than_train, shape
from strop.records import Clicks, Split


def table(pairs, n_users, n_items, times=None):
    users, items = np.array(pairs).T
    return Clicks(users, items, np.arange(n_users), np.arange(n_items), None if times is None else np.array(times))


def test_shape_by_hand():
    """3 users x 20 items, 6 clicks: density 0.1; the top tenth (2 items) has 3 + 1 of 6; medians 1, 2, 3 -> 2."""
    pairs = [(0, 0), (1, 0), (1, 1), (2, 0), (2, 2), (2, 3)]
    found = {f.name: f.value for f in shape(table(pairs, 3, 20))}
    assert found["density"] == 0.1
    assert found["share of clicks on the top tenth of items"] == 4 / 6
    assert found["median clicks a user"] == 2
    assert found["items with fewer than 5 clicks, share"] == 1.0


def test_lists_are_alike_only_where_every_item_is():
    same, other = [1, 4, 5, 8], [1, 4, 5, 9]
    lists = [same, other, same, [0, 1], [0, 1], other, same, other, [2]]
    pairs = [(user, item) for user, items in enumerate(lists) for item in items]
    groups = accounts_alike(table(pairs, 9, 10), least=3)
    assert [g.tolist() for g in groups] == [[0, 2, 6], [1, 5, 7]]  # lists of two are too short to be called alike
    assert accounts_alike(table(pairs, 9, 10), least=5) == []


def test_the_clock_by_hand():
    """Clicks at 0, 0 (one user), 0 (another), 10 days: span 10 days, silence 10, two of four share their second."""
    day = 86_400
    found = clock(table([(0, 0), (0, 1), (1, 0), (1, 1)], 2, 2, [100, 100, 100, 100 + 10 * day]))
    assert [f.value for f in found] == [10.0, 10.0, 0.5]
    assert clock(table([(0, 0), (0, 1)], 1, 2)) == ()


def test_test_clicks_older_than_what_their_user_taught():
    """User 0: train at 50, tests at 40 and 60: one of two is older. User 1 has no train click: not older."""
    train, validation = table([(0, 0)], 2, 5, [50]), table([(1, 4)], 2, 5, [1])
    data = Split(train, validation, table([(0, 1), (0, 2), (1, 0)], 2, 5, [40, 60, 70]))
    assert older_than_train(data).value == 1 / 3
    assert older_than_train(data.without_test()).value is None
    untimed = replace(data, test=replace(data.test, times=None))
    assert older_than_train(untimed).value is None
