"""Which small tables of clicks do the tests of models share?"""

import numpy as np

from strop.records import Clicks


def clicks_of(table):
    """Clicks from a dense 0/1 table (users, items)."""
    users, items = np.nonzero(table)
    return Clicks(users, items, np.arange(len(table)), np.arange(len(table[0])))


def random_table(users, items, *, share=0.3, seed=0):
    """(users, items) of 0 and 1, each 1 with this chance."""
    return (np.random.default_rng(seed).random((users, items)) < share).astype(np.float64)


def two_clusters(*, users=200, items=30, seed=0):
    """Even users click items of the first half with chance 0.5, of the second with chance 0.1; odd users the reverse."""
    own = (np.arange(items) >= items // 2) == (np.arange(users) % 2 == 1)[:, None]
    return (np.random.default_rng(seed).random((users, items)) < np.where(own, 0.5, 0.1)).astype(np.float64)
