"""LightGCN that must also know the same users and items again when some of the clicks are left out."""

from functools import partial
from pathlib import Path

from strop.audits.outcome import validator
from strop.losses.contrastive import info_nce
from strop.losses.pairwise import logistic
from strop.models.recommend.contrast import Contrast, DroppedEdges
from strop.models.recommend.matrix_factorisation import Draws
from strop.records import Split, Trained
from strop.training import PairLearner, fit, pairwise

SEARCH = {"strength": [0.03, 0.01, 0.1], "l2": [1e-3, 1e-2, 3e-2], "rho": [0.1, 0.3], "temperature": [0.2, 0.5]}
CONTINUES = "lightgcn"  # a comparison hands it the settings that lightgcn was given by its own trials


def run(
    data: Split,
    *,
    seed: int = 0,
    strength: float = 0.03,
    rho: float = 0.1,
    temperature: float = 0.2,
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
    """LightGCN's loss + strength * InfoNCE of two views with dropped clicks. Paper: sgl2021, eq. 10 and 12. Not for: most users with one click.

    seed: of vectors, order, negatives and views.
    strength: of the contrast, a mean over the batch's distinct users plus one over its items; the paper's 0.1 was too much on LastFM; 0: lightgcn.
    rho: share of the clicks that each view leaves out, drawn anew every epoch; in [0, 1).
    temperature: of InfoNCE; the lower, the more the nearest rivals count.
    dimensions: length of the vectors.
    layers: steps of smoothing.
    rate: of Adam.
    l2: half the squared norm of the free vectors that a record touches, times this; on LastFM two or three times lightgcn's was best.
    batch: records a step.
    epochs: passes over the clicks at most.
    patience: passes without a better validation NDCG@20 before it stops; 0: never.
    folder: where checkpoints go.
    save_seconds: time between checkpoints.
    """
    graph = DroppedEdges(data.train, rho=rho, dimensions=dimensions, layers=layers, seed=seed)
    source = Draws(data.train, seed=seed)
    alike = partial(info_nce, temperature=temperature)
    contrast = Contrast(graph, source, pairs=pairwise(logistic), alike=alike, strength=strength)
    learner = PairLearner(graph, contrast, objective=contrast.objective, rate=rate, l2=l2, batch=batch)
    done = fit(
        learner,
        epochs=epochs,
        validate=validator(data),
        patience=patience,
        folder=folder,
        save_seconds=save_seconds,
        name="sgl",
    )
    return Trained(done.scorer, done.curve, done.skipped)
