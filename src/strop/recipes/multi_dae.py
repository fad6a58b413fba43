"""A network that learns to write a user's whole list of clicks from half of it: denoising by input dropout."""

from pathlib import Path

from strop.audits.outcome import validator
from strop.models.recommend.autoencoder import AutoencoderLearner
from strop.records import Split, Trained
from strop.training import fit

SEARCH = {"dropout": [0.5, 0.3, 0.7], "l2": [3e-3, 1e-2, 1e-3], "rate": [5e-3, 2e-3], "dimensions": [64, 128]}


def run(
    data: Split,
    *,
    seed: int = 0,
    dropout: float = 0.5,
    dimensions: int = 64,
    rate: float = 5e-3,
    l2: float = 3e-3,
    batch: int = 128,
    epochs: int = 200,
    patience: int = 30,
    folder: Path | None = None,
    save_seconds: float = 5.0,
) -> Trained:
    """Minimises -sum of log softmax at the clicks, from an input with dropout. Paper: multivae2018, eq. 2. Not for: most users with one or two clicks.

    seed: of the first tables, order of users and dropout.
    dropout: chance that an input click is left out, drawn anew every epoch; in [0, 1).
    dimensions: width of the one hidden layer (tanh).
    rate: of Adam.
    l2: half the squared norm of both tables of item vectors, times this.
    batch: users a step.
    epochs: passes over the users at most.
    patience: passes without a better validation NDCG@20 before it stops; 0: never.
    folder: where checkpoints go.
    save_seconds: time between checkpoints.
    """
    learner = AutoencoderLearner(
        data.train, dropout=dropout, dimensions=dimensions, rate=rate, l2=l2, batch=batch, seed=seed
    )
    done = fit(
        learner,
        epochs=epochs,
        validate=validator(data),
        patience=patience,
        folder=folder,
        save_seconds=save_seconds,
        name="multi_dae",
    )
    idle = data.train.n_users - len(learner.users)
    notes = (
        [f"{idle:,} users have no click in train: nothing is learned from them, and all get the same list"]
        if idle
        else []
    )
    return Trained(done.scorer, done.curve, (*notes, *done.skipped))
