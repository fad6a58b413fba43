"""How good is an answer, as one number? A reward model learned from which of two was preferred: Bradley-Terry."""

from functools import partial
from pathlib import Path
from typing import Literal

from strop.errors import StropError
from strop.losses import pairwise
from strop.models.language.encoding import encode_pairs
from strop.models.language.learning import AnswerLearner
from strop.models.language.opening import open_model
from strop.models.language.rewarding import RewardReader, rewarder
from strop.records import PairSplit, Trained
from strop.training import fit

SEARCH = {"rate": [2e-5, 5e-6, 5e-5], "passes": [1, 2]}


def run(
    data: PairSplit,
    *,
    seed: int = 0,
    model: str = "smollm2",
    loss: Literal["logistic", "smoothed", "unflipped", "forward", "gce"] = "logistic",
    flip_rate: float = 0.0,
    rate: float = 2e-5,
    batch: int = 4,
    passes: int = 1,
    window: int = 512,
    folder: Path | None = None,
    save_seconds: float = 300.0,
) -> Trained:
    """Minimises l(reward of chosen - reward of rejected), the reward a linear head on the last token. Paper: bradley1952; instructgpt2022, eq. 1. Not for: rewards of answers unlike those that were judged.

    seed: of the head's first weights and the order of the pairs.
    model: a folder, a GGUF file, a hub name, or smollm2.
    loss: of the margin; smoothed and forward: flips in the likelihood; unflipped: undone in the loss; gce: bounded.
    flip_rate: how often labels are wrong, for smoothed, unflipped and forward.
    rate: of AdamW.
    batch: pairs a step.
    passes: over the pairs.
    window: most tokens of a prompt with its answer.
    folder: where checkpoints go.
    save_seconds: time between checkpoints.
    """
    if not 0 <= flip_rate < 0.5:
        raise StropError("S301", f"flip_rate is {flip_rate}", "allowed: from 0 to below 0.5")
    if (loss in ("smoothed", "unflipped", "forward")) != (flip_rate > 0):
        raise StropError(
            "S301", f"{loss} with a flip_rate of {flip_rate:g}", "smoothed, unflipped, forward take one above 0"
        )
    of_margin = {
        "logistic": pairwise.logistic,
        "smoothed": partial(pairwise.logistic, slope=flip_rate),
        "unflipped": partial(pairwise.logistic, slope=pairwise.slope_of_unflipping(flip_rate)),
        "forward": partial(pairwise.forward_flip, flip_rate=flip_rate),
        "gce": pairwise.generalised_cross_entropy,
    }[loss]
    opened, tokenizer = open_model(model)
    encoded = encode_pairs(tokenizer, data.train, window=window)
    learner = AnswerLearner(
        RewardReader(rewarder(opened, tokenizer, seed=seed)),
        encoded.groups,
        objective=lambda rewards, _: of_margin(rewards[:, 0] - rewards[:, 1]),
        batch=batch,
        rate=rate,
        coupled=False,
        seed=seed,
    )
    steps = passes * -(-len(encoded.groups) // batch)
    done = fit(learner, epochs=steps, folder=folder, save_seconds=save_seconds, name="reward")
    learner.check()
    return Trained(done.scorer, done.curve, (*encoded.notes, *done.skipped))
