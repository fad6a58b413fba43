"""Which pairs are learned from, chosen by, and measured on? Whole questions, drawn at random."""

import numpy as np

from strop.errors import StropError
from strop.records import Pairs, PairSplit


def split_pairs(pairs: Pairs, *, seed: int = 0, shares: tuple[float, float, float] = (0.8, 0.1, 0.1)) -> PairSplit:
    """Questions (the covariate, else the prompts) drawn into parts of about these shares of the pairs.

    Errors: S209 fewer than three questions, S301 shares that do not sum to 1.
    """
    if min(shares) <= 0 or abs(sum(shares) - 1) > 1e-9:
        raise StropError("S301", f"shares are {shares}", "three above 0 that sum to 1")
    asked = pairs.covariates.get("question")
    names = [str(prompt) for prompt in pairs.prompts] if asked is None else [str(one) for one in asked]
    _, codes = np.unique(names, return_inverse=True)
    many = int(codes.max()) + 1
    if many < 3:
        raise StropError(
            "S209", f"{many} question{'s' if many > 1 else ''}", "three at least: no question may stand in two parts"
        )
    order = np.random.default_rng([seed, 31]).permutation(many)
    done = np.cumsum(np.bincount(codes)[order]) / len(codes)
    part = np.searchsorted(np.cumsum(shares)[:2], done - 1e-9)
    part[-1], part[0] = 2, 0
    if not (part == 1).any():
        part[len(part) // 2 if many > 3 else 1] = 1
    of = np.empty(many, int)
    of[order] = part
    parts = [pairs.take(of[codes] == n) for n in range(3)]
    sizes = ", ".join(
        f"{len(p):,} {what}" for p, what in zip(parts, ("to learn from", "to choose by", "to test"), strict=True)
    )
    return PairSplit(*parts, notes=(f"{many:,} questions, each in one part: {sizes} pairs",))
