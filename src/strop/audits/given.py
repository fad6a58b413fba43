"""What lists does another tool's output stand for, once what a user knows already is taken out?"""

from typing import Any

import numpy as np
import numpy.typing as npt

from strop.audits.ranking import hits, top_k_of_scores
from strop.records import Split

Array = npt.NDArray[Any]


def top_of(given: Array, data: Split, *, k: int = 20) -> Array:
    """(n_users, k) lists from scores (n_users, n_items, floating) or from lists (n_users, any, integer; -1 fills).

    Items of train (and of validation, where the test part is measured) are taken out, and the rest moves up.
    Ours: bring your own.
    """
    seen = [data.train] if data.test is None else [data.train, data.validation]
    if np.issubdtype(given.dtype, np.floating):
        return top_k_of_scores(given, seen, k=k)
    kept = given >= 0
    for part in seen:
        kept &= ~hits(given, part)
    order = np.argsort(~kept, axis=1, kind="stable")[:, :k]
    lists = np.where(np.take_along_axis(kept, order, 1), np.take_along_axis(given, order, 1), -1)
    out = np.full((len(given), k), -1, np.int32)
    out[:, : lists.shape[1]] = lists
    return out
