"""What would everybody be shown by popularity alone? The anchor of every comparison."""

from strop.models.recommend import popular
from strop.records import Split, Trained


def run(data: Split, *, seed: int = 0) -> Trained:
    """Ranks items by their clicks in train, the same list for everybody. Ours: an anchor. Not for: use on its own.

    seed: not used; every recipe has one.
    """
    return Trained(popular.fit(data.train))
