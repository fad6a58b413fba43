"""Does the score of a click say how popular the item is? BPR continued with a penalty on that correlation."""

from pathlib import Path

import torch

from strop.audits.outcome import validator
from strop.errors import StropError
from strop.losses.pairwise import logistic
from strop.losses.popularity import squared_correlation
from strop.models.recommend.clicked import ClickTable
from strop.models.recommend.matrix_factorisation import Draws, Factors, PairwiseLearner
from strop.records import Split, Trained
from strop.training import fit, fit_pairs, pairwise

SEARCH = {
    "strength": [
        0.05,
        0.002,
        0.005,
        0.01,
        0.02,
        0.03,
        0.04,
        0.06,
        0.08,
        0.1,
        0.12,
        0.15,
        0.2,
        0.25,
        0.3,
        0.4,
        0.5,
        0.7,
        1.0,
        2.0,
    ]
}
AIM = {"off": {"strength": 0.0}}  # it lowers bias: chosen by bias at a kept recall, not by accuracy


def run(
    data: Split,
    *,
    seed: int = 0,
    strength: float = 0.05,
    dimensions: int = 64,
    rate: float = 0.05,
    l2: float = 0.02,
    epochs: int = 200,
    patience: int = 30,
    extra_epochs: int = 6,
    extra_rate: float = 2e-3,
    batch: int = 2048,
    folder: Path | None = None,
    save_seconds: float = 5.0,
) -> Trained:
    """Continues BPR with `strength` times the squared correlation of clicked pairs' scores with popularity. Paper: popularity_opportunity2021. Not for: data in which popular items are better liked.

    strength: of the penalty; 0 is BPR trained as long.
    seed: of vectors, order and negatives.
    dimensions, rate, l2, epochs, patience: of the BPR model that is continued, as in the recipe bpr; l2 holds for both.
    extra_epochs, extra_rate, batch: of the continuation, with Adam.
    folder: where checkpoints go.
    save_seconds: time between checkpoints.
    """
    if not strength >= 0:
        raise StropError("S301", f"strength is {strength}", "strength is at least 0")
    learner = PairwiseLearner(data.train, dimensions=dimensions, rate=rate, l2=l2, seed=seed)
    base = fit(
        learner,
        epochs=epochs,
        validate=validator(data),
        patience=patience,
        folder=folder and Path(folder) / "base",
        save_seconds=save_seconds,
        name="bpr",
    )
    table = ClickTable(data.train)
    popularity = torch.from_numpy(data.train.popularity[data.train.items]).float()

    def penalty(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return strength * squared_correlation(table.scores(left, right), popularity)

    done = fit_pairs(
        Factors(base.scorer),
        Draws(data.train, seed=seed + 1),
        objective=pairwise(logistic),
        penalty=penalty,
        epochs=extra_epochs,
        rate=extra_rate,
        l2=l2,
        batch=batch,
        folder=folder and Path(folder) / "continued",
        save_seconds=save_seconds,
        name="popularity_correlation",
    )
    return Trained(
        done.scorer, base.curve + tuple((base.curve[-1][0] + e, *rest) for e, *rest in done.curve), done.skipped
    )
