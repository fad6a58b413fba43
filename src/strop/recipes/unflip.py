"""What if each label is corrected for how often it is turned round? The backward correction, from stated rates."""

from pathlib import Path
from typing import Literal

from strop.audits.outcome import validator
from strop.models.recommend.points import PointDraws, PointwiseLearner
from strop.records import Split, Trained
from strop.training import fit

SEARCH = {"unseen": [0.05, 0.02, 0.1, 0.2], "misclick": [0.0, 0.05]}
CONTINUES = "bpo"  # a comparison hands it the settings that bpo was given by its own trials


def run(
    data: Split,
    *,
    seed: int = 0,
    unseen: float = 0.05,
    misclick: float = 0.0,
    form: Literal["unbiased", "clipped"] = "unbiased",
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
    """Learns as bpo with an unbiased loss under flips: [(1 - q) l(h) - r l(-h)] / (1 - r - q). Paper: natarajan2013. Not for: rates that were guessed; long training: the loss is unbounded below but for the clipped form, and badly fitted labels are chased for ever.

    seed: of vectors, order and drawn items.
    unseen: share of likes that show as no click, among the labels drawn, as in the recipe nbpo.
    misclick: share of the others that show as clicks; together below 1, and with both 0 it is bpo.
    form: clipped stops each label's loss at 0, which bounds it and makes it biased.
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
    Errors: S301 rates that sum to 1 or more.
    """
    learner = PointwiseLearner(
        data.train,
        loss="clipped" if form == "clipped" else "backward",
        missed=unseen,
        invented=misclick,
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
        name="unflip",
    )
    return Trained(done.scorer, done.curve, done.skipped)
