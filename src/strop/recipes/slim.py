"""Which few items explain each item? A sparse, non-negative linear model."""

from strop.models.recommend import slim
from strop.records import Split, Trained

SEARCH = {"l1": [1.0, 0.1, 0.5, 2.0, 5.0], "l2": [200.0, 10.0, 100.0, 500.0]}


def run(data: Split, *, seed: int = 0, l1: float = 1.0, l2: float = 200.0) -> Trained:
    """Elastic net of each item on the others. Paper: slim2011. Not for: many items, as memory grows with their square.

    seed: not used; the solution is exact to a tolerance.
    l1, l2: the two penalties.
    """
    return Trained(slim.fit(data.train, l1=l1, l2=l2))
