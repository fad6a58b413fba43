"""How many answers can be kept, if so many of the kept are to be right?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from strop.audits.pairs import clustered_share
from strop.audits.sureness import checked_answers
from strop.errors import StropError
from strop.records import Figure

Array = npt.NDArray[Any]
POINTS = 20
FEWEST = 20  # kept answers, before a threshold is chosen by how many of them are right
RIGHT, COVERED = "right among the kept, share", "kept, share"


@dataclass(frozen=True)
class Keeping:
    """A threshold to keep answers from, and what it does. Ours: a record.

    threshold: chosen on all answers, None where no threshold reaches the wanted share; right, covered: of questions that the
    threshold was not chosen on, both halves by the other one's; None without a value where a half reaches it nowhere.
    """

    wanted: float
    threshold: float | None
    right: Figure
    covered: Figure


def kept_curve(confidence: Array, right: Array, *, clusters: Array | None = None) -> tuple[tuple[float, Figure], ...]:
    """(coverage, share right of the kept) from few to all, at some 20 thresholds that the confidences allow.

    Answers without a confidence are never kept, and count in the coverage. Errors: as `calibration`. Not for: choosing a threshold
    and reporting it on the same answers (`keeping` parts them). Paper: aurc2017
    """
    c, y, groups = checked_answers(confidence, right, clusters)
    values = np.unique(c[~np.isnan(c)])[::-1]
    if not len(values):
        raise StropError("S202", "no judged answer has a confidence")
    covered = np.searchsorted(np.sort(-c[~np.isnan(c)]), -values, side="right") / len(c)
    wanted = np.unique(np.searchsorted(covered, np.arange(1, POINTS + 1) / POINTS * covered[-1] - 1e-12))
    found = []
    for place in np.minimum(wanted, len(values) - 1):
        kept = c >= values[place]
        found.append((float(covered[place]), clustered_share(RIGHT, y[kept], groups[kept])))
    return tuple(found)


def least_threshold(confidence: Array, right: Array, *, share: float) -> float | None:
    """The lowest confidence from which on at least this share is right, of 20 kept answers or more; None where there is none.

    confidence, right: (n,), no NaN. Ours: a choice; on the answers it was made on it looks better than it is.
    """
    order = np.argsort(-confidence, kind="stable")
    c, hits = confidence[order], np.cumsum(right[order])
    last = np.flatnonzero(np.r_[c[1:] < c[:-1], True])  # of each value
    fine = last[(hits[last] >= share * (last + 1) - 1e-9) & (last + 1 >= FEWEST)]
    return float(c[fine[-1]]) if len(fine) else None


def keeping(
    confidence: Array, right: Array, *, share: float = 0.9, clusters: Array | None = None, seed: int = 0
) -> Keeping:
    """The threshold that keeps this share right, and how it does on questions it was not chosen on.

    share: in (0, 1); clusters: (n,) questions, which are parted into halves. Errors: as `calibration`; S301 share. Not for: a
    guarantee (the interval says how far off it may be). Ours: `least_threshold` of each half, judged by the other half.
    """
    if not 0 < share < 1:
        raise StropError("S301", f"the share is {share}", "between 0 and 1")
    c, y, groups = checked_answers(confidence, right, clusters)
    known = ~np.isnan(c)
    half = (np.random.default_rng([seed, 0x6E9]).permutation(int(groups.max()) + 1) % 2)[groups]
    kept = np.zeros(len(c), bool)
    reached = True
    for part in (0, 1):
        fit = known & (half != part)
        threshold = least_threshold(c[fit], y[fit], share=share) if fit.any() else None
        reached &= threshold is not None
        kept |= known & (half == part) & (c >= (2.0 if threshold is None else threshold))
    overall = least_threshold(c[known], y[known], share=share) if known.any() else None
    if not reached or not kept.any():
        return Keeping(share, overall, Figure(RIGHT, None, n=len(c)), Figure(COVERED, None, n=len(c)))
    right_kept = clustered_share(RIGHT, y[kept], groups[kept])
    return Keeping(share, overall, right_kept, clustered_share(COVERED, kept.astype(float), groups))
