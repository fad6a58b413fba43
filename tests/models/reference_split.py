"""Which split of ML-100K have several tools agreed on? EASE gives Recall@20 0.3688 and NDCG@20 0.4500 on it in all of them."""

import os
from pathlib import Path

import numpy as np
import pytest

from strop.errors import StropError
from strop.feedback.datasets import ml_100k
from strop.records import Clicks


def reference_split(seed=2026):
    """(train, test): every rating a click; of each user's rows, in file order, a random fifth is the test. Skips offline."""
    cache = Path(os.environ.get("STROP_CACHE") or Path.home() / ".cache" / "strop")
    try:
        ml_100k(cache=cache)
    except StropError as error:
        if error.code != "S402":
            raise
        pytest.skip(f"ML-100K is not to be had here: {error.message}")
    rows = np.loadtxt(cache / "ml-100k" / "ml-100k.inter", skiprows=1, usecols=(0, 1), delimiter="\t").astype(int)
    (user_ids, users), (item_ids, items) = (np.unique(column, return_inverse=True) for column in rows.T)
    generator, test = np.random.default_rng(seed), np.zeros(len(users), bool)
    for user in range(len(user_ids)):
        own = np.flatnonzero(users == user)
        test[generator.permutation(own)[: max(1, round(0.2 * len(own)))]] = True
    return tuple(Clicks(users[part], items[part], user_ids, item_ids) for part in (~test, test))


def recall_and_ndcg(model, train, test, *, k=20):
    """Recall over all test items, NDCG with the ideal cut at k; all items ranked, those of train left out."""
    scores = model.score(np.arange(train.n_users)).numpy().copy()
    scores[train.users, train.items] = -np.inf
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    hits = np.take_along_axis(test.matrix().toarray() > 0, best, axis=1)
    count = np.bincount(test.users, minlength=test.n_users)
    discount = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(discount)[np.minimum(count, k) - 1]
    return (hits.sum(1) / count).mean(), ((hits * discount).sum(1) / ideal).mean()
