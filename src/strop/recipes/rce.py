"""What if labels that the model believes count more? Re-weighted cross-entropy."""

from pathlib import Path
from typing import Literal

from strop.audits.outcome import validator
from strop.models.recommend.points import PointDraws, PointwiseLearner
from strop.records import Split, Trained
from strop.training import fit

SEARCH = {"exponent": [0.1, 0.05, 0.2, 0.3]}
CONTINUES = "bpo"  # a comparison hands it the settings that bpo was given by its own trials


def run(
    data: Split,
    *,
    seed: int = 0,
    exponent: float = 0.1,
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
    """Learns as bpo, each label weighted by a power of the chance that the model gives it. Paper: adt2021. Not for: clean clicks; users of rare taste, whose clicks the model believes last.

    seed: of vectors, order and drawn items.
    exponent: of the weight: a label that the model gives the chance p counts p^exponent; 0 is bpo.
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
        loss="reweighted",
        exponent=exponent,
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
        name="rce",
    )
    return Trained(done.scorer, done.curve, done.skipped)
