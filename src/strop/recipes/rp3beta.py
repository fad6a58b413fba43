"""Where does a walk of three steps from a user end, popular ends held back?"""

from strop.models.recommend import rp3beta
from strop.records import Split, Trained

SEARCH = {"alpha": [0.8, 0.5, 0.6, 1.0, 1.2], "beta": [0.5, 0.2, 0.35, 0.65]}


def run(data: Split, *, seed: int = 0, alpha: float = 0.8, beta: float = 0.5, neighbours: int = 200) -> Trained:
    """Random walks user - item - user - item. Paper: rp3beta2017. Not for: users without clicks.

    seed: not used; the walk is summed exactly.
    alpha: power of the transition probabilities.
    beta: power of the popularity that ends are divided by.
    neighbours: how many items each item keeps.
    """
    return Trained(rp3beta.fit(data.train, alpha=alpha, beta=beta, neighbours=neighbours))
