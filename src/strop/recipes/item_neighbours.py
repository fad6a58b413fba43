"""Which items were clicked by the same users? Cosine neighbours."""

from strop.models.recommend import item_neighbours
from strop.records import Split, Trained

SEARCH = {"neighbours": [200, 20, 50, 100, 400], "shrinkage": [10.0, 0.0, 50.0, 100.0]}


def run(data: Split, *, seed: int = 0, neighbours: int = 200, shrinkage: float = 10.0) -> Trained:
    """Sums the similarity of an item to the user's items. Paper: itemknn2001. Not for: users without clicks.

    seed: not used.
    neighbours: how many items each item keeps.
    shrinkage: added to the denominator, so that rare pairs weigh less.
    """
    return Trained(item_neighbours.fit(data.train, neighbours=neighbours, shrinkage=shrinkage))
