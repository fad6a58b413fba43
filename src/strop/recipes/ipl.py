"""Does every item get interactions in proportion to the users who like it? BPR continued with a penalty on the spread."""

from pathlib import Path

import torch

from strop.audits.outcome import validator
from strop.continuing import Schedule
from strop.errors import StropError
from strop.losses.popularity import interaction_spread
from strop.models.recommend.clicked import ClickTable
from strop.models.recommend.settings import check_least
from strop.records import Clicks, Split, Trained
from strop.training import Penalty

SEARCH = {"strength": [0.3, 0.05, 0.1, 0.15, 0.2, 0.25, 0.35, 0.4, 0.5, 0.6], "gamma": [1.0, 1.3]}
CONTINUES = "bpr"  # a comparison hands it the settings that bpr was given by its own trials
AIM = {"off": {"strength": 0.0}}  # it lowers bias: chosen by bias at a kept recall, not by accuracy


def run(
    data: Split,
    *,
    seed: int = 0,
    strength: float = 0.3,
    gamma: float = 1.0,
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
    """Continues BPR with `strength` times the spread over items of soft interactions per like. Paper: ipl2023. Not for: logs whose popularity is not exposure at all.

    strength: of the penalty; 0 is BPR trained as long.
    gamma: how exposure grows with popularity, in [1, 2]: likes are taken as clicks^(2 - gamma). 1 takes clicks for likes.
    seed: of vectors, order and negatives.
    dimensions, rate, l2, epochs, patience: of the BPR model that is continued, as in the recipe bpr; l2 holds for both.
    extra_epochs, extra_rate, batch: of the continuation, with Adam.
    folder: where checkpoints go.
    save_seconds: time between checkpoints.
    """
    schedule = Schedule(
        dimensions, rate, l2, epochs, patience, extra_epochs, extra_rate, batch, seed, folder, save_seconds
    )
    penalty = penalty_of(data.train, strength=strength, gamma=gamma)
    base = schedule.base(data.train, validate=validator(data))
    return schedule.further(base, data.train, penalty=penalty, name="ipl")


def penalty_of(train: Clicks, *, strength: float, gamma: float = 1.0) -> Penalty:
    """strength times the spread of soft interactions per like over the table. Errors: S301 settings, S209 one item."""
    check_least("strength", strength, 0)
    if not 1 <= gamma <= 2:
        raise StropError("S301", f"gamma is {gamma}", "gamma lies in [1, 2]")
    if (train.popularity > 0).sum() < 2:
        raise StropError("S209", "fewer than two items have clicks", "a spread needs at least two items")
    table, popularity = ClickTable(train), torch.from_numpy(train.popularity).float()

    def penalty(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        clicked = torch.sigmoid(table.scores(left, right))
        counts = torch.zeros(len(popularity), dtype=clicked.dtype).index_add(0, table.items, clicked)
        return strength * interaction_spread(counts, popularity, gamma=gamma)

    return penalty
