"""A contextual bandit: questions with a known chance of being right, eleven confidences to state, and each reward's own limit.

Forty contexts, chances between 0 and 1 with a mean of 0.45, all begin at 0.9 with some spread; a softmax policy a context
follows the rewards of batches of 64, drawn at temperature 1.
"""

import numpy as np
import pytest
import torch

from strop.audits.calibration import calibration
from strop.losses.confidence import dual_reward

CONTEXTS, LEVELS, BATCH = 40, 11, 64


def learned(reward, *, alpha, seed, steps=1000, rate=0.9):
    """(40,) stated confidences, and how often each context is right."""
    rng = np.random.default_rng(seed)
    chance = rng.beta(0.9, 1.1, CONTEXTS)
    logits = np.full((CONTEXTS, LEVELS), 0.0)
    logits[:, 9] = 2.0
    values = np.arange(LEVELS) / 10
    for _ in range(steps):
        x = rng.integers(CONTEXTS, size=BATCH)
        shares = np.exp(logits[x] - logits[x].max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
        level = (shares.cumsum(1) < rng.random(BATCH)[:, None]).sum(1).clip(max=LEVELS - 1)
        right = (rng.random(BATCH) < chance[x]).astype(float)
        earned = dual_reward(
            torch.from_numpy(values[level]), torch.from_numpy(right), reward=reward, alpha=alpha
        ).numpy()
        earned = earned - earned.mean()
        slope = -shares * earned[:, None]
        slope[np.arange(BATCH), level] += earned
        np.add.at(logits, x, rate * slope / BATCH * CONTEXTS / 10)
    stated = values[logits.argmax(1)]
    return stated, chance


def measured(stated, chance, seed):
    """Over 100 answers a context: (AUROC, ECE, share of confidences at 0 or 1)."""
    rng = np.random.default_rng([seed, 1])
    c = np.repeat(stated, 100)
    found = calibration(c, (rng.random(len(c)) < np.repeat(chance, 100)).astype(float), draws=20)
    return found.auroc.value, found.ece.value, float(np.isin(stated, (0, 1)).mean())


@pytest.fixture(scope="module")
def found():
    arms = {"quality": 0.0, "order": 1.0, "brier": 1.0}
    return {
        arm: np.mean([measured(*learned(arm, alpha=alpha, seed=seed), seed) for seed in (1, 2)], 0)
        for arm, alpha in arms.items()
    }


def test_order_is_learned(found):
    """Stated beforehand: 0.1 above what quality alone leaves, and near what knowing every chance would give (0.81)."""
    assert found["order"][0] > found["quality"][0] + 0.1
    assert found["order"][0] > 0.7


def test_calibration_is_not(found):
    """The order reward drives confidences to 0 and 1; Brier's states what is between, and comes closer to what holds."""
    assert found["order"][2] > 2 * found["brier"][2]
    assert found["brier"][1] < 0.75 * found["order"][1]
