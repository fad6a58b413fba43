"""What would a user click if the item were not known for being popular? Item and user heads take the popular part away."""

from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import embedding, softplus

from strop.audits.outcome import validator
from strop.models.recommend.adjusted import AdjustedFactorisation
from strop.models.recommend.matrix_factorisation import Draws, Factors, MatrixFactorisation, initial_vectors
from strop.protocols import Scorer
from strop.records import Split, Trained
from strop.training import fit_pairs

SEARCH = {"c": [1.0, 0.3, 3.0, 10.0, 30.0], "alpha": [0.01, 0.001], "l2": [0.01, 0.003]}
AIM = {"off": {"c": 0.0}}  # it lowers bias: chosen by bias at a kept recall, not by accuracy


class _Heads(Factors):
    """Factors with a linear head on item vectors and one on user vectors."""

    def __init__(self, model: MatrixFactorisation, c: float) -> None:
        super().__init__(model)
        self.c = c
        self.item_head, self.user_head = (torch.zeros(model.left.shape[1]).requires_grad_() for _ in range(2))

    def parameters(self) -> dict[str, torch.Tensor]:
        return {**super().parameters(), "item_head": self.item_head, "user_head": self.user_head}

    def scorer(self) -> Scorer:
        left, right = (t.detach() for t in (self.left, self.right))
        scale = torch.sigmoid(right @ self.item_head.detach())
        # the user's own factor is the same for all items, and changes no list
        return AdjustedFactorisation(left.numpy().copy(), right.numpy().copy(), scale.numpy(), -self.c, 0.0)


def run(
    data: Split,
    *,
    seed: int = 0,
    c: float = 1.0,
    alpha: float = 0.01,
    beta: float = 0.01,
    dimensions: int = 64,
    rate: float = 5e-3,
    l2: float = 0.01,
    batch: int = 2048,
    epochs: int = 40,
    patience: int = 10,
    folder: Path | None = None,
    save_seconds: float = 5.0,
) -> Trained:
    """Learns y = s * sigmoid(item head) * sigmoid(user head), ranks by (s - c) * sigmoid(item head). Paper: macr2021, eq. 3 to 8. Not for: data without a reference for c.

    seed: of vectors, order and negatives.
    c: what is taken off the matching score; larger takes away more of the popular part.
    alpha, beta: weights of the item head's and the user head's own losses.
    dimensions: length of the vectors.
    rate, l2, batch: of Adam, as in the recipe lightgcn.
    epochs: passes over the clicks at most.
    patience: passes without a better validation NDCG@20 before it stops; 0: never.
    folder: where checkpoints go.
    save_seconds: time between checkpoints.
    """
    vectors = initial_vectors(data.train, dimensions=dimensions, seed=seed)
    model = _Heads(MatrixFactorisation(*vectors, np.zeros(data.train.n_items, np.float32)), c)

    def objective(
        left: torch.Tensor, right: torch.Tensor, users: torch.Tensor, items: torch.Tensor, rivals: torch.Tensor
    ) -> torch.Tensor:
        mine = embedding(users, left)
        user = mine @ model.user_head
        total = beta * (softplus(-user) + softplus(user))  # a click and a rival, as in the item head
        for sign, which in ((-1.0, items), (1.0, rivals)):
            vector = embedding(which, right)
            item = vector @ model.item_head
            score = (mine * vector).sum(1) * torch.sigmoid(item) * torch.sigmoid(user)
            total = total + softplus(sign * score) + alpha * softplus(sign * item)
        return total

    done = fit_pairs(
        model,
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
        name="macr",
    )
    return Trained(done.scorer, done.curve, done.skipped)
