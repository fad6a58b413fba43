"""What if popularity confounds: is learned as a factor, and left out (PD) or put back by choice (PDA) when ranking?"""

from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import elu, embedding

from strop.audits.outcome import validator
from strop.errors import StropError
from strop.losses.pairwise import logistic
from strop.models.recommend.adjusted import AdjustedFactorisation
from strop.models.recommend.matrix_factorisation import Draws, Factors, MatrixFactorisation, initial_vectors
from strop.protocols import Scorer
from strop.records import Split, Trained
from strop.training import fit_pairs

SEARCH = {"gamma": [0.1, 0.02, 0.05, 0.15, 0.25], "l2": [0.01, 0.003], "rate": [5e-3, 2e-3]}
AIM = {"off": {"gamma": 0.0}}  # it lowers bias: chosen by bias at a kept recall, not by accuracy


class _Scaled(Factors):
    """Factors whose scorer ranks by (elu(s) + 1) * scale."""

    def __init__(self, model: MatrixFactorisation, scale: torch.Tensor) -> None:
        super().__init__(model)
        self.scale = scale

    def scorer(self) -> Scorer:
        left, right = (t.detach().numpy().copy() for t in (self.left, self.right))
        return AdjustedFactorisation(left, right, self.scale.numpy(), 1.0, 1.0)


def run(
    data: Split,
    *,
    seed: int = 0,
    gamma: float = 0.1,
    ranking_gamma: float = 0.0,
    dimensions: int = 64,
    rate: float = 5e-3,
    l2: float = 0.01,
    batch: int = 2048,
    epochs: int = 40,
    patience: int = 10,
    folder: Path | None = None,
    save_seconds: float = 5.0,
) -> Trained:
    """BPR on (elu(s) + 1) * popularity^gamma, ranked without popularity. Paper: pda2021, eq. 7 and 9. Not for: popularity that is quality.

    seed: of vectors, order and negatives.
    gamma: power of popularity while learning; 0 is BPR on a bent score.
    ranking_gamma: power of popularity while ranking: 0 leaves it out (PD), above 0 puts it back (PDA).
    dimensions: length of the vectors.
    rate, l2, batch: of Adam, as in the recipe lightgcn.
    epochs: passes over the clicks at most.
    patience: passes without a better validation NDCG@20 before it stops; 0: never.
    folder: where checkpoints go.
    save_seconds: time between checkpoints.
    """
    if not (gamma >= 0 and ranking_gamma >= 0):
        raise StropError("S301", f"gamma is {gamma}, ranking_gamma {ranking_gamma}", "both are at least 0")
    popularity = torch.from_numpy(data.train.popularity / max(1, data.train.popularity.max())).float()
    learned = popularity**gamma

    def objective(
        left: torch.Tensor, right: torch.Tensor, users: torch.Tensor, items: torch.Tensor, rivals: torch.Tensor
    ) -> torch.Tensor:
        mine = embedding(users, left)
        best, other = (
            (elu((mine * embedding(i, right)).sum(1)) + 1) * embedding(i, learned[:, None])[:, 0]
            for i in (items, rivals)
        )
        return logistic(best - other)

    vectors = initial_vectors(data.train, dimensions=dimensions, seed=seed)
    start = MatrixFactorisation(*vectors, np.zeros(data.train.n_items, np.float32))
    done = fit_pairs(
        _Scaled(start, popularity**ranking_gamma),
        Draws(data.train, seed=seed),
        objective=objective,
        epochs=epochs,
        rate=rate,
        l2=l2,
        batch=batch,
        validate=validator(data),
        patience=patience,
        folder=folder,
        save_seconds=save_seconds,
        name="pda",
    )
    return Trained(done.scorer, done.curve, done.skipped)
