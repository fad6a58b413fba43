"""Matrix factorisation with vectors smoothed along the graph of clicks."""

from pathlib import Path

from strop.audits.outcome import validator
from strop.losses.pairwise import logistic
from strop.models.recommend.lightgcn import Graph
from strop.models.recommend.matrix_factorisation import Draws
from strop.records import Split, Trained
from strop.training import PairLearner, fit, pairwise

SEARCH = {"l2": [1e-3, 1e-4, 1e-2], "rate": [5e-3, 2e-3, 1e-2], "layers": [2, 1, 3]}


def run(
    data: Split,
    *,
    seed: int = 0,
    dimensions: int = 64,
    layers: int = 2,
    rate: float = 5e-3,
    l2: float = 1e-3,
    batch: int = 2048,
    epochs: int = 60,
    patience: int = 15,
    folder: Path | None = None,
    save_seconds: float = 5.0,
) -> Trained:
    """BPR's loss on smoothed vectors. Paper: lightgcn2020, eq. 7 and 15. Not for: graphs in which most users have one click.

    seed: of vectors, order and negatives.
    dimensions: length of the vectors.
    layers: steps of smoothing; 0 is matrix factorisation.
    rate: of Adam.
    l2: half the squared norm of the free vectors that a record touches, times this.
    batch: records a step.
    epochs: passes over the clicks at most.
    patience: passes without a better validation NDCG@20 before it stops; 0: never.
    folder: where checkpoints go.
    save_seconds: time between checkpoints.
    """
    graph = Graph(data.train, dimensions=dimensions, layers=layers, seed=seed)
    source = Draws(data.train, seed=seed)
    learner = PairLearner(graph, source, objective=pairwise(logistic), rate=rate, l2=l2, batch=batch)
    done = fit(
        learner,
        epochs=epochs,
        validate=validator(data),
        patience=patience,
        folder=folder,
        save_seconds=save_seconds,
        name="lightgcn",
    )
    return Trained(done.scorer, done.curve, done.skipped)
