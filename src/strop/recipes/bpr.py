"""Matrix factorisation from pairs of a clicked and another item: the field's plain baseline."""

from pathlib import Path
from typing import Literal

from strop.audits.outcome import validator
from strop.models.recommend.matrix_factorisation import Draws, PairwiseLearner
from strop.records import Split, Trained
from strop.training import fit

SEARCH = {"l2": [0.02, 0.005, 0.01, 0.04], "rate": [0.05, 0.02, 0.1], "dimensions": [64, 128]}


def run(
    data: Split,
    *,
    seed: int = 0,
    loss: Literal["logistic", "hinge", "squared", "generalised_cross_entropy"] = "logistic",
    parameter: float = 0.0,
    dimensions: int = 64,
    rate: float = 0.05,
    l2: float = 0.02,
    bias_rate: float = 0.0,
    negatives: Literal["uniform", "popularity"] = "uniform",
    hardest: int = 1,
    epochs: int = 200,
    patience: int = 30,
    folder: Path | None = None,
    save_seconds: float = 5.0,
) -> Trained:
    """Learns a vector for each user and item from pairs. Paper: bpr2009, eq. 4. Not for: clicks that mostly repeat what was shown.

    seed: of vectors, order and negatives.
    loss: of the margin between the two scores.
    parameter: the loss's own (slope, width, target or q).
    dimensions: length of the vectors.
    rate: of row-wise Adagrad, the length of the first step.
    l2: decay of the rows that a record touches.
    bias_rate: rate of a bias for each item; 0: no biases.
    negatives: how the other item is drawn, never one that the user clicked.
    hardest: takes the best scored of so many draws.
    epochs: passes over the clicks at most.
    patience: passes without a better validation NDCG@20 before it stops; 0: never.
    folder: where checkpoints go.
    save_seconds: time between checkpoints.
    """
    draws = Draws(data.train, negatives=negatives, hardest=hardest, seed=seed)
    learner = PairwiseLearner(
        data.train,
        loss=loss,
        parameter=parameter,
        dimensions=dimensions,
        rate=rate,
        l2=l2,
        bias_rate=bias_rate,
        draws=draws,
        seed=seed,
    )
    done = fit(
        learner,
        epochs=epochs,
        validate=validator(data),
        patience=patience,
        folder=folder,
        save_seconds=save_seconds,
        name="bpr",
    )
    return Trained(done.scorer, done.curve, done.skipped)
