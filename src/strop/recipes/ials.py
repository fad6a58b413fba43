"""Implicit alternating least squares: every click a 1, all else a lightly weighted 0."""

from pathlib import Path

from strop.audits.outcome import validator
from strop.models.recommend.ials import IalsLearner
from strop.records import Split, Trained
from strop.training import fit

SEARCH = {"regularisation": [0.02, 0.003, 0.01, 0.05], "unobserved_weight": [0.15, 0.03, 0.08, 0.3, 0.6]}


def run(
    data: Split,
    *,
    seed: int = 0,
    dimensions: int = 64,
    regularisation: float = 0.02,
    unobserved_weight: float = 0.15,
    epochs: int = 15,
    patience: int = 0,
    folder: Path | None = None,
    save_seconds: float = 5.0,
) -> Trained:
    """Solves for all users, then for all items, in turn. Paper: ials2021. Not for: data in which a missing click says nothing.

    seed: of the first vectors.
    dimensions: length of the vectors.
    regularisation: the ridge of each solve, scaled by how often a row occurs.
    unobserved_weight: weight of a missing click, where a click has 1.
    epochs: rounds of both solves at most.
    patience: rounds without a better validation NDCG@20 before it stops; 0: never.
    folder: where checkpoints go.
    save_seconds: time between checkpoints.
    """
    learner = IalsLearner(
        data.train, dimensions=dimensions, regularisation=regularisation, unobserved_weight=unobserved_weight, seed=seed
    )
    done = fit(
        learner,
        epochs=epochs,
        validate=validator(data),
        patience=patience,
        folder=folder,
        save_seconds=save_seconds,
        name="ials",
    )
    return Trained(done.scorer, done.curve, done.skipped)
