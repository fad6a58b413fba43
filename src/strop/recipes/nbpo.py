"""What if a like may be unseen and a click a mistake? Flip rates put into the likelihood of single labels."""

from pathlib import Path
from typing import Any, Literal

import numpy as np

from strop.audits.outcome import validator
from strop.models.recommend.points import PointDraws, PointwiseLearner
from strop.models.recommend.settings import check_above
from strop.records import Clicks, Split, Trained
from strop.training import fit

SEARCH = {"unseen": [0.05, 0.02, 0.1, 0.3], "by": ["constant", "popularity", "learned"], "misclick": [0.0, 0.05]}
CONTINUES = "bpo"  # a comparison hands it the settings that bpo was given by its own trials


def run(
    data: Split,
    *,
    seed: int = 0,
    unseen: float = 0.05,
    by: Literal["constant", "popularity", "learned"] = "constant",
    power: float = 0.5,
    flip_l2: float = 0.1,
    misclick: float = 0.0,
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
    """Learns as bpo from the likelihood of the label that was seen. Paper: nbpo2020. Not for: rates that are far too high; learned rates as a finding: clicks alone cannot tell unseen from unliked.

    -log[(1 - a) s + b (1 - s)] for a click, -log[a s + (1 - b) (1 - s)] for an item not clicked: likely likes among
    those count less. Both rates 0 is bpo.
    seed: of vectors, order and drawn items.
    unseen: a, the share of likes that show as no click, among the labels drawn: with a share p of likes among what is
        not clicked, p unlabelled / (1 + p unlabelled).
    by: whether a is one number; or differs by item as popularity^power does, with the mean `unseen` over the items;
        or is learned for each user and item, from `unseen` on.
    power: by popularity, above 0: a is highest for items never clicked.
    flip_l2: learned: decay of what is learned.
    misclick: b, the share of the others that show as clicks; a + b below 1.
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
    missed: Any = unseen
    if by == "popularity":
        missed = unseen_by_popularity(data.train, mean=unseen, power=power)
    learner = PointwiseLearner(
        data.train,
        loss="forward",
        missed=missed,
        invented=misclick,
        learned_l2=flip_l2 if by == "learned" else None,
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
        name="nbpo",
    )
    return Trained(done.scorer, done.curve, done.skipped)


def unseen_by_popularity(train: Clicks, *, mean: float, power: float) -> Any:
    """(n_items,): a share of 1 - (popularity / largest)^power, with this mean over the items. Errors: S301 power."""
    check_above("power", power, 0)
    away = 1 - (train.popularity / max(train.popularity.max(), 1)) ** power
    return mean * away / away.mean() if away.any() else np.full(len(away), mean)
