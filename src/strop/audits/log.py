"""What does a log show before anything is trained: its skew, lists that are alike, its clock, what its split leaks?"""

from typing import Any

import numpy as np
import numpy.typing as npt

from strop.records import Clicks, Figure, Split

Array = npt.NDArray[Any]
LEAST_ALIKE = 10  # shorter lists may be alike by chance
DAY = 86_400


def shape(clicks: Clicks) -> tuple[Figure, ...]:
    """Density, the head's share of clicks, the median user, and the share of items with hardly a click. Ours: counts."""
    popularity = np.sort(clicks.popularity)[::-1]
    head = popularity[: max(1, clicks.n_items // 10)].sum() / len(clicks)
    return (
        Figure("density", len(clicks) / (clicks.n_users * clicks.n_items), n=len(clicks)),
        Figure("share of clicks on the top tenth of items", float(head), n=len(clicks)),
        Figure("median clicks a user", float(np.median(np.diff(clicks.indptr))), n=clicks.n_users),
        Figure("items with fewer than 5 clicks, share", float((clicks.popularity < 5).mean()), n=clicks.n_items),
    )


def accounts_alike(clicks: Clicks, *, least: int = LEAST_ALIKE) -> list[Array]:
    """Groups of users whose lists of at least `least` items are the same, largest group first. Ours: a count.

    Lists are compared by a sum of random numbers, one an item, and then item by item: no two lists are called alike
    that are not.
    """
    numbers = np.random.default_rng(0).integers(1, 1 << 62, clicks.n_items, dtype=np.int64)
    sums = np.concatenate([[0], np.cumsum(numbers[clicks.items])])  # wraps round, which keeps equal sums equal
    keys = sums[clicks.indptr[1:]] - sums[clicks.indptr[:-1]]
    users = np.flatnonzero(np.diff(clicks.indptr) >= least)
    users = users[np.argsort(keys[users], kind="stable")]
    groups = np.split(users, np.flatnonzero(np.diff(keys[users])) + 1)
    same = [
        group
        for group in groups
        if len(group) > 1 and all(np.array_equal(clicks.items_of(u), clicks.items_of(group[0])) for u in group[1:])
    ]
    return sorted(same, key=lambda group: (-len(group), int(group[0])))


def clock(clicks: Clicks) -> tuple[Figure, ...]:
    """The log's days, its longest silence in days, and the share of clicks in one second with another of the same user.

    Empty without times. Ours: counts. Many clicks in one second are a page of answers, or a script.
    """
    if clicks.times is None or len(clicks) < 2:
        return ()
    times = clicks.times.astype(np.int64)
    ordered = np.sort(times)
    by_user = np.lexsort((times, clicks.users))
    again = (np.diff(times[by_user]) == 0) & (np.diff(clicks.users[by_user]) == 0)
    together = np.concatenate([[False], again]) | np.concatenate([again, [False]])
    return (
        Figure("days from first to last click", float(ordered[-1] - ordered[0]) / DAY, n=len(clicks)),
        Figure("longest silence, days", float(np.diff(ordered).max()) / DAY, n=len(clicks)),
        Figure("clicks in one second with another of the same user, share", float(together.mean()), n=len(clicks)),
    )


def older_than_train(data: Split) -> Figure:
    """The share of test clicks that are older than the same user's newest train click; None without times or a test.

    What a random split lets a model know that it could not have known: its figures flatter by that. Ours: a count.
    """
    name = "test clicks older than their user's newest train click, share"
    if data.test is None or data.test.times is None or data.train.times is None or not len(data.test):
        return Figure(name, None)
    newest = np.zeros(data.train.n_users, np.int64)
    np.maximum.at(newest, data.train.users, data.train.times.astype(np.int64))
    return Figure(name, float((data.test.times < newest[data.test.users]).mean()), n=len(data.test))
