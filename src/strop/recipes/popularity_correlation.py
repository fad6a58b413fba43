"""Does the score of a click say how popular the item is? BPR continued with a penalty on that correlation."""

from pathlib import Path

import torch

from strop.audits.outcome import validator
from strop.continuing import Schedule
from strop.losses.popularity import squared_correlation
from strop.models.recommend.clicked import ClickTable
from strop.models.recommend.settings import check_least
from strop.records import Clicks, Split, Trained
from strop.training import Penalty

SEARCH = {
    "strength": [
        0.05,
        0.002,
        0.005,
        0.01,
        0.02,
        0.03,
        0.04,
        0.06,
        0.08,
        0.1,
        0.12,
        0.15,
        0.2,
        0.25,
        0.3,
        0.4,
        0.5,
        0.7,
        1.0,
        2.0,
    ]
}
CONTINUES = "bpr"  # a comparison hands it the settings that bpr was given by its own trials
AIM = {"off": {"strength": 0.0}}  # it lowers bias: chosen by bias at a kept recall, not by accuracy


def run(
    data: Split,
    *,
    seed: int = 0,
    strength: float = 0.05,
    dimensions: int = 64,
    rate: float = 0.05,
    l2: float = 0.02,
    epochs: int = 200,
    patience: int = 30,
    extra_epochs: int = 6,
    extra_rate: float = 2e-3,
    batch: int = 2048,
    folder: Path | None = None,
    save_seconds: float = 5.0,
) -> Trained:
    """Continues BPR with `strength` times the squared correlation of clicked pairs' scores with popularity. Paper: popularity_opportunity2021. Not for: data in which popular items are better liked.

    strength: of the penalty; 0 is BPR trained as long.
    seed: of vectors, order and negatives.
    dimensions, rate, l2, epochs, patience: of the BPR model that is continued, as in the recipe bpr; l2 holds for both.
    extra_epochs, extra_rate, batch: of the continuation, with Adam.
    folder: where checkpoints go.
    save_seconds: time between checkpoints.
    """
    schedule = Schedule(
        dimensions, rate, l2, epochs, patience, extra_epochs, extra_rate, batch, seed, folder, save_seconds
    )
    penalty = penalty_of(data.train, strength=strength)
    base = schedule.base(data.train, validate=validator(data))
    return schedule.further(base, data.train, penalty=penalty, name="popularity_correlation")


def penalty_of(train: Clicks, *, strength: float) -> Penalty:
    """strength times the squared correlation of clicked scores with popularity. Errors: S301."""
    check_least("strength", strength, 0)
    table = ClickTable(train)
    popularity = torch.from_numpy(train.popularity[train.items]).float()

    def penalty(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return strength * squared_correlation(table.scores(left, right), popularity)

    return penalty
