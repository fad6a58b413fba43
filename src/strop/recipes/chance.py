"""How well does chance do? The other anchor."""

from strop.models.recommend import chance
from strop.records import Split, Trained


def run(data: Split, *, seed: int = 0) -> Trained:
    """Ranks items in a random order of each user's own. Ours: an anchor. Not for: use on its own.

    seed: which order.
    """
    return Trained(chance.fit(data.train, seed=seed))
