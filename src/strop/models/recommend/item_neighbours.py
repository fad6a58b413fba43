"""Which items share their users? The oldest neighbourhood model: cosine similarity between items."""

from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from strop.models.recommend.item_weights import ItemWeights, nearest
from strop.models.recommend.settings import check_least
from strop.records import Clicks


@final
class ItemNeighbours(ItemWeights):
    """Items like those that were clicked, by the cosine of their users.

    Formula: s(u, i) = sum over the clicked j of n(j, i) / (sqrt(n(j) n(i)) + shrinkage), n counting users, over the
    nearest j only. Easy to explain: "because you clicked j". Not for: the highest accuracy (ease, ials).
    Paper: itemknn2001, with shrinkage.
    """

    KIND: ClassVar[str] = "item_neighbours"


def fit(clicks: Clicks, *, neighbours: int = 200, shrinkage: float = 10.0) -> ItemNeighbours:
    """Finds the nearest items of each item. The defaults are among the best on validation parts of ML-100K.

    neighbours: how many are kept for each item
    shrinkage: at least 0, in users; damps pairs that few users share

    Errors: S301.
    """
    check_least("neighbours", neighbours, 1)
    check_least("shrinkage", shrinkage, 0)
    size = np.sqrt(np.maximum(clicks.popularity, 1)).astype(np.float32)

    def cosine(block: npt.NDArray[Any], columns: slice) -> npt.NDArray[Any]:
        return block / (size[:, None] * size[columns] + np.float32(shrinkage))

    return ItemNeighbours(clicks.matrix(), nearest(clicks, cosine, neighbours=neighbours))
