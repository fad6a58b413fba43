"""Which model would please if everything were shown alike, told from clicks that were not? Hits weighted by exposure."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from strop.audits.outcome import K, validator
from strop.audits.ranking import checked_lists, hits, top_k
from strop.channels import item_propensity
from strop.errors import StropError
from strop.protocols import Scorer
from strop.records import Clicks, Split

Array = npt.NDArray[Any]
FLOOR = 0.01


def self_normalised_gain(
    top: Array,
    truth: Clicks,
    propensity: Array,
    *,
    k: int = K,
    floor: float = FLOOR,
    over: Literal["user", "all"] = "user",
) -> dict[str, float]:
    """recall and dcg of lists, each like weighted by 1 / max(propensity, floor), over the sum of these weights.

    recall: the weight of the hits in the top k; dcg: the same over log2(rank + 1). top: (n_users, at least k) items;
    propensity: (n_items,), in [0, 1]; over: "user" divides by each user's own sum and takes the mean over users who like
    something (of a user with one like nothing is weighted at all); "all" divides once. At equal propensities recall over
    users is that of audits.ranking. Errors: S209 nobody likes anything, S211, S212, S214, S301.
    Paper: relmf2020 (its released validation, over users); "all": ours
    """
    if not 0 < floor <= 1:
        raise StropError("S301", f"floor is {floor}", "allowed: (0, 1]; it bounds the largest weight by 1 / floor")
    if propensity.shape != (truth.n_items,):
        raise StropError("S214", f"{propensity.shape} propensities for {truth.n_items} items")
    if not ((propensity >= 0) & (propensity <= 1)).all():
        raise StropError("S211", "a propensity is outside [0, 1]", "it is the chance that an item was shown")
    if not len(truth):
        raise StropError("S209", "nobody likes anything there", "give the validation part a larger share")
    lists = checked_lists(top, n_users=truth.n_users, n_items=truth.n_items, k=k)
    weights = 1 / np.maximum(propensity, floor)
    hit = hits(lists, truth) * weights[lists]
    possible = np.bincount(truth.users, weights[truth.items], truth.n_users)
    gained = {"recall": hit.sum(axis=1), "dcg": hit @ (1 / np.log2(np.arange(2, k + 2)))}
    if over == "all":
        return {name: float(gain.sum() / possible.sum()) for name, gain in gained.items()}
    likers = possible > 0
    return {name: float((gain[likers] / possible[likers]).mean()) for name, gain in gained.items()}


def unbiased_validator(
    data: Split, *, by: Literal["plain", "user", "all"] = "user", power: float = 0.5, k: int = K
) -> Callable[[Scorer], float]:
    """The self-normalised dcg@k on the validation part, for `training.fit`; "plain" is the house's NDCG@20.

    by: over what it is normalised, as `self_normalised_gain`; power: of popularity in train, for the propensities.
    Errors: S209 nobody likes anything there, S301.
    Paper: relmf2020
    """
    if by == "plain":
        return validator(data, k=k)
    if not len(data.validation):
        raise StropError("S209", "the validation part has no click", "give it a larger share, or more data")
    propensity = item_propensity(data.train, power=power)

    def figure(scorer: Scorer) -> float:
        top = top_k(scorer, [data.train], k=k)
        return self_normalised_gain(top, data.validation, propensity, k=k, over=by)["dcg"]

    return figure
