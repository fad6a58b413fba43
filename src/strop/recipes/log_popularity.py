"""What does simply taking popularity off the scores cost and bring? The cheapest debiasing, and the one to beat."""

import numpy as np

from strop.audits.outcome import validator
from strop.errors import StropError
from strop.models.recommend.matrix_factorisation import MatrixFactorisation, PairwiseLearner
from strop.records import Clicks, Split, Trained
from strop.training import fit

SEARCH = {
    "strength": [
        0.1,
        0.01,
        0.02,
        0.03,
        0.05,
        0.07,
        0.15,
        0.2,
        0.25,
        0.3,
        0.35,
        0.4,
        0.5,
        0.6,
        0.7,
        0.8,
        0.9,
        1.0,
        1.2,
        1.5,
    ]
}
CONTINUES = "bpr"  # a comparison hands it the settings that bpr was given by its own trials
AIM = {"off": {"strength": 0.0}}  # it lowers bias: chosen by bias at a kept recall, not by accuracy


def run(
    data: Split,
    *,
    seed: int = 0,
    strength: float = 0.1,
    dimensions: int = 64,
    rate: float = 0.05,
    l2: float = 0.02,
    epochs: int = 200,
    patience: int = 30,
) -> Trained:
    """Ranks by BPR's score - strength * log(1 + popularity). Ours: a baseline. Not for: a lasting cure; scores have no common scale.

    seed: of vectors, order and negatives.
    strength: how much is taken off.
    dimensions, rate, l2, epochs, patience: as in the recipe bpr.
    """
    if not strength >= 0:
        raise StropError("S301", f"strength is {strength}", "strength is at least 0")
    learner = PairwiseLearner(data.train, dimensions=dimensions, rate=rate, l2=l2, seed=seed)
    done = fit(learner, epochs=epochs, validate=validator(data), patience=patience, name="bpr")
    return Trained(rerank(done.scorer, data.train, strength=strength), done.curve)


def rerank(model: MatrixFactorisation, train: Clicks, *, strength: float) -> MatrixFactorisation:
    """The model with strength * log(1 + popularity) taken off each item's score."""
    bias = model.bias.numpy() - np.float32(strength) * np.log1p(train.popularity).astype(np.float32)
    return MatrixFactorisation(model.left.numpy(), model.right.numpy(), bias)
