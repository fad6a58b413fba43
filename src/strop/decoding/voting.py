"""Which result do most answers to a question agree on?"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from strop.errors import StropError

Array = npt.NDArray[Any]


class Vote(NamedTuple):
    """questions: (q,) their numbers, in order; chosen: the result of each, None where no answer held one.

    share: (q,) the weight of the answers that agree with it, among all of the question's: the agreement of
    self-consistency, a confidence from 0 to 1; first: (q,) the place of the first answer with that result, -1 for none.
    """

    questions: Array
    chosen: list[str | None]
    share: Array
    first: Array


def majority(results: Sequence[str | None], questions: Array, weights: Array | None = None) -> Vote:
    """The result with the most weight behind it, question by question; of equal ones the one that was given first.

    results: n, None where an answer holds none: it votes for nothing, and counts against the agreement; questions: (n,)
    numbers; weights: (n,), 0 and above; None: every answer counts 1. Results agree where they are the same text: bring 7, 7.0 and 07 to
    one form before. Errors: S202 no answer, S214 lengths, S211 weights. Paper: self_consistency2022
    """
    asked = np.asarray(questions)
    counts = np.ones(len(asked)) if weights is None else np.asarray(weights, np.float64)
    if not len(results):
        raise StropError("S202", "no answer to vote")
    if not len(results) == len(asked) == len(counts):
        raise StropError("S214", f"{len(results)} results, {len(asked)} questions, {len(counts)} weights")
    if not ((counts >= 0) & np.isfinite(counts)).all():
        raise StropError("S211", "a weight is below 0, or not a number", "0 and above: 0 takes a vote away")
    names, of = np.unique(asked, return_inverse=True)
    votes: list[dict[str, float]] = [{} for _ in names]
    places: list[dict[str, int]] = [{} for _ in names]
    for place, (question, result) in enumerate(zip(of.tolist(), results, strict=True)):
        if result is not None:
            votes[question][result] = votes[question].get(result, 0.0) + float(counts[place])
            places[question].setdefault(result, place)
    chosen = [max(one, key=one.__getitem__) if one else None for one in votes]  # the first of equal ones
    total = np.bincount(of, weights=counts, minlength=len(names))
    most = np.array([0.0 if c is None else one[c] for c, one in zip(chosen, votes, strict=True)])
    share = np.divide(most, total, out=np.zeros(len(names)), where=total > 0)
    first = np.array([-1 if c is None else one[c] for c, one in zip(chosen, places, strict=True)])
    return Vote(names, chosen, share, first)


def agreement_of_others(results: Sequence[str | None], questions: Array) -> Array:
    """(n,): of the other answers to the same question, the share with the same result; NaN for an answer without one, or alone.

    results, questions: as `majority`. Its mean over draws is the chance that the model gives that result again: an answer does not
    count for itself. Consistency is not truth: what a model always gets wrong has 1. Errors: S214 lengths.
    Paper: sayself2024 (which counts the answer too)
    """
    asked = np.asarray(questions)
    if len(results) != len(asked):
        raise StropError("S214", f"{len(results)} results, {len(asked)} questions")
    keys = [(of, result) for of, result in zip(asked.tolist(), results, strict=True)]
    same, among = Counter(keys), Counter(of for of, _ in keys)
    found = [
        np.nan if result is None or among[key[0]] < 2 else (same[key] - 1) / (among[key[0]] - 1)
        for key, result in zip(keys, results, strict=True)
    ]
    return np.array(found, np.float64)
