"""Where is the truth known? Splits whose test part does not share the bias of the training part."""

import numpy as np

from strop.feedback import datasets
from strop.feedback.splits import split
from strop.records import Clicks, Split


def planted_likes(*, seed: int, users: int = 1000, items: int = 500) -> Split:
    """A world in which everybody's likes are known and exposure is luck: clicks are likes that were shown.

    An item's exposure is a lognormal draw of its own, whatever its likes; the test part holds a third of all likes that
    were not clicked, drawn uniformly: the truth, not the log. Ours.
    """
    generator = np.random.default_rng([seed, 17])
    taste = generator.normal(size=(users, 8)) @ generator.normal(size=(8, items)) / np.sqrt(8)
    quality = generator.normal(size=items) * 0.7
    liked = generator.random((users, items)) < 1 / (1 + np.exp(-(1.5 * taste + quality - 2.2)))
    exposure = np.minimum(1, 0.25 * np.exp(generator.normal(size=items)))
    clicked = liked & (generator.random((users, items)) < exposure)
    clicked[np.arange(users), liked.argmax(1)] = True  # everybody has a click
    truth = liked & ~clicked & (generator.random((users, items)) < 1 / 3)
    names = (np.arange(users), np.arange(items))
    clicks = Clicks(*(side.astype(np.int32) for side in np.nonzero(clicked)), *names, name="planted likes")
    parts = split(clicks, seed=seed, shares=(0.8, 0.1, 0.1))
    assert parts.test is not None
    train = _joined(parts.train, parts.test)
    return Split(train, parts.validation, _table(truth, names, "planted likes, uniform"), "random", seed)


def coat(*, seed: int, threshold: float = 4.0) -> Split:
    """Coat: clicks are self-selected ratings of at least `threshold`, the test part the same of the uniform sample.

    Errors: S402 where the data are not to be had. Paper: schnabel2016.
    """
    ratings = datasets.load("coat").ratings
    assert ratings is not None
    parts = split(ratings.clicks(threshold), seed=seed, shares=(0.8, 0.1, 0.1))
    assert parts.test is not None
    train = _joined(parts.train, parts.test)
    uniform = datasets.coat_test()
    table = np.zeros((train.n_users, train.n_items), bool)
    kept = uniform.values >= threshold
    table[uniform.users[kept], uniform.items[kept]] = True
    for part in (train, parts.validation):
        table[part.users, part.items] = False  # a pair that was also chosen is no test
    return Split(
        train, parts.validation, _table(table, (train.user_ids, train.item_ids), "coat, uniform"), "random", seed
    )


def _joined(one: Clicks, other: Clicks) -> Clicks:
    pairs = (np.concatenate([one.users, other.users]), np.concatenate([one.items, other.items]))
    return Clicks(*pairs, one.user_ids, one.item_ids, name=one.name)


def _table(table: np.ndarray, names: tuple[np.ndarray, np.ndarray], name: str) -> Clicks:
    users, items = np.nonzero(table)
    return Clicks(users.astype(np.int32), items.astype(np.int32), *names, name=name)
