"""A linear model of items from items, solved in one step: the strongest simple baseline on small catalogues."""

from strop.models.recommend import ease
from strop.records import Split, Trained

SEARCH = {
    "regularisation": [
        400.0,
        25.0,
        50.0,
        75.0,
        100.0,
        150.0,
        200.0,
        250.0,
        300.0,
        350.0,
        500.0,
        600.0,
        700.0,
        800.0,
        1000.0,
        1200.0,
        1600.0,
        2000.0,
        3000.0,
        5000.0,
    ]
}


def run(data: Split, *, seed: int = 0, regularisation: float = 400.0, memory_bytes: int = 2_000_000_000) -> Trained:
    """Ridge regression of each item on all others without itself. Paper: ease2019, eq. 8. Not for: many items, as memory grows with their square.

    seed: not used; the solution is exact.
    regularisation: the ridge, lambda.
    memory_bytes: what it may take at most; beyond that it says what it needs.
    """
    return Trained(ease.fit(data.train, regularisation=regularisation, memory_bytes=memory_bytes))
