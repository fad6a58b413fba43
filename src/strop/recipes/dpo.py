"""A language model that learns which of two answers is preferred, without a reward model: the field's plain baseline."""

from functools import partial
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from strop.errors import StropError
from strop.losses import pairwise
from strop.losses.denoising import distributionally_robust, trimmed
from strop.losses.log_ratios import log_ratio_margin, positive_margin
from strop.models.language.encoding import encode_pairs
from strop.models.language.learning import AnswerLearner, Objective
from strop.models.language.opening import open_model, with_adapter
from strop.models.language.reading import Reader
from strop.models.language.reference import reference_log_probs
from strop.records import PairSplit, Trained
from strop.training import fit

SEARCH = {"beta": [0.1, 0.03, 0.3], "rate": [5e-6, 2e-6, 2e-5]}
COUPLED = ("trimmed", "robust")


def run(
    data: PairSplit,
    *,
    seed: int = 0,
    model: str = "smollm2",
    loss: Literal["dpo", "cdpo", "rdpo", "forward", "ipo", "hinge", "gce", "dpop", "trimmed", "robust"] = "dpo",
    flip_rate: float = 0.0,
    beta: float = 0.1,
    rate: float = 5e-6,
    batch: int = 4,
    passes: int = 1,
    window: int = 512,
    adapter: int = 0,
    folder: Path | None = None,
    save_seconds: float = 300.0,
) -> Trained:
    """Minimises l(beta (log-ratio of chosen - log-ratio of rejected)), log-ratios to the model that was there before. Paper: dpo2023, eq. 7. Not for: pairs whose answers neither model nor rater would write.

    seed: of the order of the pairs.
    model: a folder, a GGUF file, a hub name, or smollm2.
    loss: dpo; cdpo and forward: flips in the likelihood; rdpo: undone in the loss; ipo, hinge; gce: bounded; dpop: holds chosen up; trimmed: without the worst; robust: Dr. DPO.
    flip_rate: how often labels are wrong, for cdpo, rdpo and forward; the share that is trimmed.
    beta: how far the model may move; higher is nearer to the reference.
    rate: of AdamW.
    batch: pairs a step.
    passes: over the pairs.
    window: most tokens of a prompt with its answer.
    adapter: rank of a LoRA adapter on all linear layers; 0: all weights learn.
    folder: where checkpoints go.
    save_seconds: time between checkpoints.
    """
    objective = objective_of(loss, flip_rate=flip_rate, beta=beta)
    if loss == "trimmed" and flip_rate * batch < 1:
        raise StropError("S301", f"{flip_rate:g} of {batch} pairs a step is less than one", "a larger batch, or share")
    opened, tokenizer = open_model(model)
    encoded = encode_pairs(tokenizer, data.train, window=window)
    reader = Reader(opened)
    reference = reference_log_probs(reader, encoded.groups)
    if adapter:
        reader = Reader(with_adapter(opened, rank=adapter, seed=seed))
    learner = AnswerLearner(
        reader,
        encoded.groups,
        objective=objective,
        reference=reference,
        batch=batch,
        rate=rate,
        coupled=loss in COUPLED,
        seed=seed,
    )
    steps = passes * -(-len(encoded.groups) // batch)
    done = fit(learner, epochs=steps, folder=folder, save_seconds=save_seconds, name="dpo")
    learner.check()
    notes = [*encoded.notes, *done.skipped]
    if learner.still:
        notes.append(f"{learner.still:,} of {steps:,} steps moved no weight")
    return Trained(done.scorer, done.curve, tuple(notes))


def objective_of(loss: str, *, flip_rate: float, beta: float) -> Objective:
    """The loss of (n, 2) log-ratios. Errors: S301 a flip rate that this loss does not use, or outside [0, 0.5)."""
    if not 0 <= flip_rate < 0.5:
        raise StropError("S301", f"flip_rate is {flip_rate}", "allowed: from 0 to below 0.5")
    rated: dict[str, Any] = {
        "cdpo": partial(pairwise.logistic, slope=flip_rate),
        "rdpo": partial(pairwise.logistic, slope=pairwise.slope_of_unflipping(flip_rate)),
        "forward": partial(pairwise.forward_flip, flip_rate=flip_rate),
        "trimmed": lambda h: (each := pairwise.logistic(h)) * (kept := trimmed(each, drop=flip_rate)) / kept.mean(),
    }
    plain: dict[str, Any] = {
        "dpo": pairwise.logistic,
        "hinge": pairwise.hinge,
        "gce": pairwise.generalised_cross_entropy,
        "dpop": pairwise.logistic,
        "robust": lambda h: (each := pairwise.logistic(h)) * distributionally_robust(each, temperature=1.0),
    }
    if loss in rated and not flip_rate:
        raise StropError("S301", f"{loss} with a flip_rate of 0 is dpo", "--flip-rate E, or --loss dpo")
    if loss not in rated and flip_rate:
        raise StropError("S301", f"{loss} makes no use of a flip_rate", "cdpo, rdpo, forward, trimmed do")
    if loss == "ipo":  # beta is IPO's tau: the margin of plain log-ratios is pulled to 1 / (2 tau)
        return lambda over, _: pairwise.squared(over[:, 0] - over[:, 1], target=1 / (2 * beta))
    of_margin = {**rated, **plain}[loss]
    margin = positive_margin if loss == "dpop" else log_ratio_margin

    def objective(over: Tensor, _: Tensor) -> Tensor:
        found: Tensor = of_margin(margin(over[:, 0], over[:, 1], beta=beta))
        return found

    return objective
