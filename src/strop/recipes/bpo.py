"""Matrix factorisation from single labels, clicked or not: the plain baseline of what corrects such labels."""

from pathlib import Path
from typing import Literal

from strop.audits.outcome import validator
from strop.models.recommend.points import PointDraws, PointwiseLearner
from strop.records import Split, Trained
from strop.training import fit

SEARCH = {"l2": [0.02, 0.005, 0.01, 0.04], "rate": [0.05, 0.02, 0.1], "dimensions": [64, 128]}


def run(
    data: Split,
    *,
    seed: int = 0,
    unlabelled: int = 1,
    negatives: Literal["uniform", "popularity"] = "uniform",
    dimensions: int = 64,
    rate: float = 0.05,
    l2: float = 0.02,
    bias_rate: float = 0.0,
    epochs: int = 200,
    patience: int = 30,
    folder: Path | None = None,
    save_seconds: float = 5.0,
) -> Trained:
    """Learns a vector for each user and item with the logistic loss of clicks and of drawn items. Paper: nbpo2020 (its baseline). Not for: rankings of many items, where pairs (bpr) are usually better.

    seed: of vectors, order and drawn items.
    unlabelled: items not clicked that are drawn beside each click.
    negatives: how they are drawn, never one that the user clicked.
    dimensions: length of the vectors.
    rate: of row-wise Adagrad, the length of the first step.
    l2: decay of the rows that a label touches.
    bias_rate: rate of a bias for each item; 0: no biases.
    epochs: passes over the clicks at most.
    patience: passes without a better validation NDCG@20 before it stops; 0: never.
    folder: where checkpoints go.
    save_seconds: time between checkpoints.
    """
    learner = PointwiseLearner(
        data.train,
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
        name="bpo",
    )
    return Trained(done.scorer, done.curve, done.skipped)
