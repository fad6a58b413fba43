"""What if each click counted as often as it was unlikely to be shown? BPR continued with inverse propensity weights."""

from pathlib import Path

from strop.audits.outcome import validator
from strop.continuing import Schedule
from strop.records import Split, Trained
from strop.weights.propensity import inverse_popularity

SEARCH = {"power": [0.2, 0.02, 0.05, 0.1, 0.15, 0.25, 0.3, 0.4, 0.5, 0.7], "clip": [10.0, 3.0]}
CONTINUES = "bpr"  # a comparison hands it the settings that bpr was given by its own trials
AIM = {"off": {"power": 0.0}}  # it lowers bias: chosen by bias at a kept recall, not by accuracy


def run(
    data: Split,
    *,
    seed: int = 0,
    power: float = 0.2,
    clip: float = 10.0,
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
    """Continues BPR with the weight min(1/p, clip), p = (popularity / its maximum)^power, made to have mean 1. Paper: ips2017. Not for: popularity that is liking: the weights then add noise and remove signal.

    power: how exposure grows with popularity.
    clip: the largest weight.
    seed: of vectors, order and negatives.
    dimensions, rate, l2, epochs, patience: of the BPR model that is continued, as in the recipe bpr; l2 holds for both.
    extra_epochs, extra_rate, batch: of the continuation, with Adam.
    folder: where checkpoints go.
    save_seconds: time between checkpoints.
    """
    schedule = Schedule(
        dimensions, rate, l2, epochs, patience, extra_epochs, extra_rate, batch, seed, folder, save_seconds
    )
    weights = inverse_popularity(data.train.popularity[data.train.items], power=power, clip=clip)
    base = schedule.base(data.train, validate=validator(data))
    return schedule.further(base, data.train, weights=weights, name="ips")
