"""What would be liked if everything were shown alike? Matrix factorisation on all pairs, clicks weighted by exposure."""

from pathlib import Path
from typing import Literal

from strop.audits.unbiased import unbiased_validator
from strop.channels import item_propensity
from strop.models.recommend.all_pairs import AllPairsLearner
from strop.records import Split, Trained
from strop.training import fit
from strop.weights.effective import effective_sample_size
from strop.weights.propensity import unbiased_weights

SEARCH = {"clip": [0.5, 0.0, 0.1, 0.3], "l2": [0.003, 0.001, 0.01, 0.03], "power": [0.5, 0.25, 1.0]}


def run(
    data: Split,
    *,
    seed: int = 0,
    power: float = 0.5,
    clip: float = 0.5,
    loss: Literal["squared_sigmoid", "logistic"] = "squared_sigmoid",
    dimensions: int = 32,
    rate: float = 0.02,
    l2: float = 0.003,
    bias_rate: float = 0.02,
    epochs: int = 600,
    patience: int = 100,
    validation: Literal["plain", "user", "all"] = "user",
    validation_power: float = 0.5,
    folder: Path | None = None,
    save_seconds: float = 5.0,
) -> Trained:
    """Minimises the mean over all pairs of (y / t) d1 + (1 - y / t) d0, t = max(p, clip), p = (clicks / largest)^power. Paper: relmf2020. Not for: popularity that is liking; large tables, for every step takes users x items.

    d1, d0: the loss of a pair as a like and as none; y: whether it was clicked. power 0, or clip 1, is wmf with weight 1.
    seed: of the first vectors; nothing is drawn.
    power: how exposure grows with popularity; 0: everything is seen by all.
    clip: the least propensity, in [0, 1]; 0 is unbiased if the power is right, higher is biased and varies less.
    loss: of a pair; logistic falls without end where a click's weight as no like is below 0.
    dimensions: length of the vectors.
    rate: of Adam; at the authors' 0.005 the naive model needs over a thousand steps on Coat to leave popularity behind.
    l2: decay of the vectors, of every pair.
    bias_rate: Adam's for a bias of each item; 0: no biases.
    epochs: steps at most, each over all pairs.
    patience: steps without a better validation figure before it stops; 0: never.
    validation: what chooses the step: hits weighted by 1 / p, over the sum of 1 / p, by user or over all; or the plain NDCG@20.
    validation_power: the power for these weights.
    folder: where checkpoints go.
    save_seconds: time between checkpoints.
    Errors: S211 a click with the propensity 0, S301 settings, S502 no room for one user's items.
    """
    propensity = item_propensity(data.train, power=power)
    of_clicks = propensity[data.train.items]
    as_like, as_other = unbiased_weights(of_clicks, clip=clip)
    learner = AllPairsLearner(
        data.train,
        as_like=as_like,
        as_other=as_other,
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
        name="relmf",
    )
    size = effective_sample_size(as_like)
    notes = [f"the {len(of_clicks):,} weighted clicks are worth {size:,.0f} alike ones"]
    unseen, clipped = int((propensity == 0).sum()), int((of_clicks < clip).sum())
    if clipped:
        notes.append(f"{clipped:,} clicks have a propensity below {clip:g} and count as at it")
    if unseen:
        notes.append(
            f"{unseen:,} items have no click: their propensity is 0, and nothing can be told of who likes them"
        )
    if as_like.max() <= 1:
        notes.append("every propensity counts as 1: this is the naive model, wmf with weight 1")
    elif loss == "logistic":
        notes.append(
            "with log loss the sum is unbounded below where a click weighs more than 1: only early stopping holds it"
        )
    return Trained(done.scorer, done.curve, (*notes, *done.skipped))
