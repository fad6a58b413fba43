"""Does a model stop when it has answered, or does it go on, loop, and talk itself out of its first answer?"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from strop.audits.pairs import clustered_share
from strop.errors import StropError
from strop.records import Answers, Figure

Array = npt.NDArray[Any]
TIMES, LEAST, READ = 3, 12, 4000  # repeats that make a loop; letters that they must fill; letters that are looked at
DEFINITIONS = {
    "last answer right, share": "Share of answers whose last result is right; those without a verdict are left out. Intervals by question.",
    "first answer right, share": "The same by the first result in the text: above the last one where a model answers and goes on.",
    "stopped, share": "Answers that the model ended itself, and were not cut at the most tokens.",
    "not looping, share": "Answers that were not cut while they repeated themselves: the same letters three times or more up to the cut.",
}  # fmt: skip


class Stopping(NamedTuple):
    """Figures over answers: right by the last result and by the first, stopped, not looping."""

    last: Figure
    first: Figure
    stopped: Figure
    straight: Figure


def stopping(answers: Answers, *, first: Array | None = None) -> Stopping:
    """Right by the last result (`answers.right`) and by the first one, ended by itself, and not cut in a loop.

    first: (n,) verdicts on the first result of each text, 1, 0 or NaN; None: each text has one result. Intervals by
    question. Answers of which it is not known how they ended are left out of the last two. Errors: S214 lengths.
    Not for: answers whose texts are not known. Paper: w2sr2025 (what others found)
    """
    begun = answers.right if first is None else np.asarray(first, np.float64)
    if begun.shape != answers.right.shape:
        raise StropError("S214", f"{len(begun)} verdicts on first results, {len(answers)} answers")
    known = np.array([how != "" for how in answers.finished], bool)
    cut = np.array([how == "length" for how in answers.finished], bool)
    looped = np.array([bool(c) and loops(text) for c, text in zip(cut, answers.texts, strict=True)], bool)
    names = list(DEFINITIONS)
    values = (answers.right, begun, np.where(known, ~cut, np.nan), np.where(known, ~looped, np.nan))
    made = []
    for name, value in zip(names, values, strict=True):
        there = ~np.isnan(value)
        made.append(clustered_share(name, value[there], np.asarray(answers.questions)[there]))
    return Stopping(*made)


def loops(text: str) -> bool:
    """Whether a text ends in the same letters three times over or more, twelve letters in all at least. Ours: a rule.

    Found for any period: z[p], how far the text read backwards agrees with itself p letters on, is 2p at least.
    """
    back = text[: -READ - 1 : -1]
    reach, left, right = np.zeros(len(back), np.int64), 0, 0
    for at in range(1, len(back)):  # the Z function
        far = min(right - at, int(reach[at - left])) if at < right else 0
        while at + far < len(back) and back[far] == back[at + far]:
            far += 1
        reach[at] = far
        if at + far > right:
            left, right = at, at + far
        if far >= (TIMES - 1) * at and far + at >= LEAST:
            return True
    return False
