"""What if pairs were weighted so that they spoke for likes, not for clicks? BPR with both propensities of a pair."""

from pathlib import Path
from typing import Literal

import numpy as np

from strop.audits.unbiased import unbiased_validator
from strop.channels import item_propensity
from strop.errors import StropError
from strop.losses.pairwise import logistic
from strop.models.recommend.matrix_factorisation import Factors, MatrixFactorisation, initial_vectors
from strop.models.recommend.settings import check_least
from strop.models.recommend.unbiased_pairs import UnbiasedPairs
from strop.records import Split, Trained
from strop.training import fit_pairs, pairwise

SEARCH = {"clip": [0.5, 0.1, 0.3], "l2": [0.1, 0.02, 0.05, 0.2], "power": [0.5, 0.25]}


def run(
    data: Split,
    *,
    seed: int = 0,
    power: float = 0.5,
    clip: float = 0.5,
    negative_part: Literal["kept", "left out"] = "left out",
    dimensions: int = 32,
    rate: float = 0.01,
    l2: float = 0.1,
    batch: int = 1024,
    epochs: int = 200,
    patience: int = 40,
    validation: Literal["plain", "user", "all"] = "user",
    validation_power: float = 0.5,
    folder: Path | None = None,
    save_seconds: float = 5.0,
) -> Trained:
    """Weights a pair of a clicked i and any other item j by (1 / t_i) (1 - y_j / t_j), t = max(p, clip), p = (clicks / largest)^power. Paper: ubpr2020 (the weights; our reconstruction). Not for: popularity that is liking.

    seed: of vectors, order and rivals.
    power: how exposure grows with popularity; 0: everything is seen by all, which is BPR.
    clip: the least propensity, in [0, 1].
    negative_part: pairs of two clicked items, whose weight is 0 or below: kept (unbiased, and it may run away), or left out.
    dimensions: length of the vectors; there are no item biases.
    rate: of Adam.
    l2: decay of the vectors that a pair touches.
    batch: pairs a step.
    epochs: passes over the clicks at most.
    patience: passes without a better validation figure before it stops; 0: never.
    validation: what chooses the pass: hits weighted by 1 / p, over the sum of 1 / p, by user or over all; or the plain NDCG@20.
    validation_power: the power for these weights.
    folder: where checkpoints go.
    save_seconds: time between checkpoints.
    Errors: S211 weights of a batch that sum to 0 or less, S301 settings.
    """
    check_least("dimensions", dimensions, 1)
    if not 0 <= clip <= 1:
        raise StropError("S301", f"clip is {clip}", "allowed: [0, 1]")
    propensity = item_propensity(data.train, power=power)
    vectors = initial_vectors(data.train, dimensions=dimensions, seed=seed)
    done = fit_pairs(
        Factors(MatrixFactorisation(*vectors, np.zeros(data.train.n_items, np.float32))),
        UnbiasedPairs(data.train, np.maximum(propensity, clip), negative_part=negative_part, seed=seed),
        objective=pairwise(logistic),
        epochs=epochs,
        rate=rate,
        l2=l2,
        batch=batch,
        validate=unbiased_validator(data, by=validation, power=validation_power),
        patience=patience,
        folder=folder,
        save_seconds=save_seconds,
        name="unbiased_bpr",
    )
    unseen, below = int((propensity == 0).sum()), int((propensity[data.train.items] < clip).sum())
    notes = [f"{unseen:,} items have no click: nothing can be told of who likes them"] if unseen else []
    notes += [f"{below:,} clicks have a propensity below {clip:g} and count as at it"] if below else []
    return Trained(done.scorer, done.curve, (*notes, *done.skipped))
