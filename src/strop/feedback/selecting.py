"""Which of a teacher's traces are learned from: all, the right ones, or the wrong ones, and as much of each?"""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from strop.errors import StropError
from strop.records import Answers

Array = npt.NDArray[Any]
Kind = Literal["all", "correct", "incorrect"]
Match = Literal["none", "count", "tokens"]
STREAM = 0x5E1E  # of the draw


def select(answers: Answers, kind: Kind, *, match: Match = "none", seed: int) -> Answers:
    """All answers (W2SR; no verdict needed), those that are right (W2SR-P), or those that are wrong (W2SR-N).

    match: none keeps them all; count draws as many of each kind as the smallest of the three that are not empty has; tokens
    as many tokens as the smallest has, to the nearest answer: wrong ones are longer, so that a difference may be one of
    volume alone. An answer without a verdict is in "all" only. The same draw for the same seed; the order stays.
    Errors: S202 none of this kind, with the counts of each; S301 kind, match; S305 tokens that are not known.
    Paper: w2sr2025
    """
    sets = _kinds(answers)
    if kind not in sets or match not in ("none", "count", "tokens"):
        raise StropError("S301", f'kind "{kind}", match "{match}"', "all, correct, incorrect; none, count, tokens")
    if not len(sets[kind]):
        what = {"correct": "no trace is right", "incorrect": "no trace is wrong"}[kind]
        mend = {
            "correct": "easier questions, a better teacher, more draws of each (--count with a --temperature), or --select all",
            "incorrect": "--select correct, or all: here they are the same",
        }[kind]
        raise StropError("S202", f"{what}: {counted(answers)}", mend, answers.name)
    chosen = sets[kind]
    if match == "none":
        return answers.take(chosen)
    order = chosen[np.random.default_rng([seed, STREAM]).permutation(len(chosen))]
    if match == "count":
        least = min(len(one) for one in sets.values() if len(one))
        return answers.take(np.sort(order[:least]))
    tokens = np.asarray(answers.tokens, np.int64)
    if not (tokens > 0).all():
        raise StropError("S305", "how many tokens some answers have is not known", "--match count", answers.name)
    wanted = min(int(tokens[one].sum()) for one in sets.values() if len(one))
    sums = np.cumsum(tokens[order])
    many = int(np.argmin(np.abs(sums - wanted))) + 1
    return answers.take(np.sort(order[:many]))


def counted(answers: Answers) -> str:
    """'12 right, 30 wrong, 2 without a verdict'."""
    right, wrong = int((answers.right == 1).sum()), int((answers.right == 0).sum())
    left = len(answers) - right - wrong
    return f"{right:,} right, {wrong:,} wrong" + (f", {left:,} without a verdict" if left else "")


def _kinds(answers: Answers) -> dict[str, Array]:
    return {
        "all": np.arange(len(answers)),
        "correct": np.flatnonzero(answers.right == 1),
        "incorrect": np.flatnonzero(answers.right == 0),
    }
