"""Where does a short random walk from my items end? RP3beta: three steps on the graph, with popular ends held back."""

from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from strop.models.recommend.item_weights import ItemWeights, nearest
from strop.models.recommend.settings import check_least
from strop.records import Clicks


@final
class Rp3Beta(ItemWeights):
    """Where a walk from a clicked item, over its users, to their items ends; popular ends are held back.

    Formula: s(u, i) = sum over the clicked j, and the users v of both j and i, of (n(j) n(v))^-alpha n(i)^-beta, over
    the strongest j only. 1/n(j) is the chance to step from item j to one of its users, 1/n(v) from user v to one of
    their items; alpha bends the chances, beta trades popularity for variety. The first step, from u to their items,
    only scales u's scores, and is left out. Not for: items with a handful of clicks, their walks are noise.
    Paper: rp3beta2017.
    """

    KIND: ClassVar[str] = "rp3beta"


def fit(clicks: Clicks, *, alpha: float = 0.8, beta: float = 0.5, neighbours: int = 200) -> Rp3Beta:
    """Finds the strongest items of each item. The defaults are near the best on validation parts of ML-100K.

    alpha: at least 0; 1 is the plain walk
    beta: at least 0; 0 does not hold popular items back
    neighbours: how many are kept for each item

    Errors: S301.
    """
    check_least("alpha", alpha, 0)
    check_least("beta", beta, 0)
    check_least("neighbours", neighbours, 1)
    count = np.maximum(clicks.popularity, 1).astype(np.float64)
    start, end = (count**-alpha).astype(np.float32), (count**-beta).astype(np.float32)
    user_weight = np.maximum(np.diff(clicks.indptr), 1).astype(np.float64) ** -alpha

    def chance(block: npt.NDArray[Any], columns: slice) -> npt.NDArray[Any]:
        return start[:, None] * block * end[columns]

    return Rp3Beta(clicks.matrix(), nearest(clicks, chance, neighbours=neighbours, user_weight=user_weight))
