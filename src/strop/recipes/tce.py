"""What if the clicks that are fitted worst are passed over? Truncated cross-entropy."""

from pathlib import Path
from typing import Literal

from strop.audits.outcome import validator
from strop.models.recommend.points import PointDraws, PointwiseLearner
from strop.records import Split, Trained
from strop.training import fit

SEARCH = {"drop": [0.1, 0.05, 0.15, 0.2], "ramp": [5.0, 20.0]}
CONTINUES = "bpo"  # a comparison hands it the settings that bpo was given by its own trials


def run(
    data: Split,
    *,
    seed: int = 0,
    drop: float = 0.1,
    ramp: float = 5.0,
    unlabelled: int = 1,
    negatives: Literal["uniform", "popularity"] = "uniform",
    dimensions: int = 64,
    rate: float = 0.05,
    l2: float = 0.02,
    bias_rate: float = 0.0,
    batch: int = 512,
    epochs: int = 200,
    patience: int = 30,
    folder: Path | None = None,
    save_seconds: float = 5.0,
) -> Trained:
    """Learns as bpo, but passes over the clicks of largest loss in each batch. Paper: adt2021. Not for: clean clicks; users of rare taste, whose clicks have large losses too.

    seed: of vectors, order and drawn items.
    drop: share of all labels of a batch that is passed over, all of it clicks: with unlabelled 1, 0.2 is 0.4 of the
        clicks. Below 1 / (1 + unlabelled); 0 is bpo.
    ramp: epochs over which the share grows from 0 (the paper counts batches).
    unlabelled: items not clicked that are drawn beside each click.
    negatives: how they are drawn, never one that the user clicked.
    dimensions: length of the vectors.
    rate: of row-wise Adagrad, the length of the first step.
    l2: decay of the rows that a label touches.
    bias_rate: rate of a bias for each item; 0: no biases.
    batch: clicks among which the worst are looked for, as they stand when the batch begins.
    epochs: passes over the clicks at most.
    patience: passes without a better validation NDCG@20 before it stops; 0: never.
    folder: where checkpoints go.
    save_seconds: time between checkpoints.
    """
    learner = PointwiseLearner(
        data.train,
        drop=drop,
        ramp=ramp,
        batch=batch,
        dimensions=dimensions,
        rate=rate,
        l2=l2,
        bias_rate=bias_rate,
        draws=PointDraws(data.train, unlabelled=unlabelled, negatives=negatives, seed=seed),
        seed=seed,
    )
    done = fit(
        learner,
        epochs=epochs,
        validate=validator(data),
        patience=patience,
        folder=folder,
        save_seconds=save_seconds,
        name="tce",
    )
    return Trained(done.scorer, done.curve, done.skipped)
