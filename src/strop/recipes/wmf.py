"""Matrix factorisation on all pairs, a click for a like and no click for none: the naive baseline of exposure methods."""

from pathlib import Path
from typing import Literal

import numpy as np

from strop.audits.unbiased import unbiased_validator
from strop.models.recommend.all_pairs import AllPairsLearner
from strop.models.recommend.settings import check_above
from strop.records import Split, Trained
from strop.training import fit

SEARCH = {"weight": [10.0, 1.0, 2.0, 5.0], "l2": [0.03, 0.003, 0.01, 0.1], "dimensions": [32, 128]}


def run(
    data: Split,
    *,
    seed: int = 0,
    weight: float = 10.0,
    loss: Literal["squared_sigmoid", "logistic"] = "squared_sigmoid",
    dimensions: int = 32,
    rate: float = 0.02,
    l2: float = 0.03,
    bias_rate: float = 0.02,
    epochs: int = 600,
    patience: int = 100,
    validation: Literal["plain", "user", "all"] = "user",
    validation_power: float = 0.5,
    folder: Path | None = None,
    save_seconds: float = 5.0,
) -> Trained:
    """Minimises the sum over clicks of weight d1 and over all other pairs of d0, their losses as a like and as none. Paper: ials2008; relmf2020. Not for: clicks that follow what was shown; large tables, for every step takes users x items.

    With the squared sigmoid: (1 - s)^2 and s^2 of the score; ials fits the score itself, in closed form.
    seed: of the first vectors; nothing is drawn.
    weight: of a click, above 0; 1 is the naive model. The default is what Coat's validation parts chose.
    loss: of a pair.
    dimensions: length of the vectors.
    rate: of Adam; at the authors' 0.005 the naive model needs over a thousand steps on Coat to leave popularity behind.
    l2: decay of the vectors, of every pair.
    bias_rate: Adam's for a bias of each item; 0: no biases.
    epochs: steps at most, each over all pairs.
    patience: steps without a better validation figure before it stops; 0: never.
    validation: what chooses the step: hits weighted by 1 / p, over the sum of 1 / p, by user or over all; or the plain NDCG@20.
    validation_power: p is (clicks / largest)^power.
    folder: where checkpoints go.
    save_seconds: time between checkpoints.
    """
    check_above("weight", weight, 0)
    learner = AllPairsLearner(
        data.train,
        as_like=np.full(len(data.train), weight),
        loss=loss,
        dimensions=dimensions,
        rate=rate,
        l2=l2,
        bias_rate=bias_rate,
        seed=seed,
    )
    done = fit(
        learner,
        epochs=epochs,
        validate=unbiased_validator(data, by=validation, power=validation_power),
        validate_every=10,
        patience=patience,
        folder=folder,
        save_seconds=save_seconds,
        name="wmf",
    )
    return Trained(done.scorer, done.curve, done.skipped)
