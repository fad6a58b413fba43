"""What can be counted once it is known how sure each answer was and whether it was right: of the answers, and of resamples."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from strop.audits.intervals import middle, resampled_counts
from strop.errors import StropError

Array = npt.NDArray[Any]
MOST_VALUES, MOST_BLOCKS = 2000, 5000  # told apart while questions are drawn again
GAP, SAYS, RIGHT = "confidence over right, gap in share", "mean confidence, share", "right, share"
FIGURES = ("ECE, error", "MCE, error", "Brier, error", "AUROC", "AURC, error", SAYS, RIGHT, GAP)


@dataclass(frozen=True, eq=False)
class Counted:
    """How many answers have each confidence, and how many of them are right, question by question. Ours: a record.

    values: (k,) the distinct confidences, rising; answers, right: (k, questions) counts; bins: (k,) the bin of each value,
    from 0 up, or (k,) zeros where none are wanted.
    """

    values: Array
    answers: Any
    right: Any
    bins: Array

    def resampled(self, *, draws: int, seed: int) -> dict[str, Array]:
        """FIGURES by name, (draws,) each, NaN where undefined: whole questions drawn again.

        Of more than 5,000 questions blocks are drawn, put together at random, and of more than 2,000 values in a bin neighbours
        count as one; the draws are then moved by what that changes. Paper: efron1993
        """
        rough = self._rough()
        blocks = [
            counted_figures(rough.values, rough.answers @ counts, rough.right @ counts, rough.bins)
            for counts in _counts(rough.answers.shape[1], draws, seed)
        ]
        exact, near = self.found(), self.found() if rough is self else rough.found()
        return {
            name: np.concatenate([block[name] for block in blocks]) + (exact[name] - near[name]) for name in FIGURES
        }

    def _rough(self) -> "Counted":
        k, many = self.answers.shape
        if k <= MOST_VALUES and many <= MOST_BLOCKS:
            return self
        mass = np.asarray(self.answers.sum(1))
        rank = (np.cumsum(mass) - mass / 2) / mass.sum() * MOST_VALUES if k > MOST_VALUES else np.arange(k)
        new = np.r_[True, (np.diff(np.floor(rank)) > 0) | (np.diff(self.bins) > 0)]
        starts = np.flatnonzero(new)
        merge = csr_array((np.ones(k), (np.cumsum(new) - 1, np.arange(k))), shape=(len(starts), k))
        blocks = in_blocks(np.arange(many))
        into = csr_array((np.ones(many), (np.arange(many), blocks)), shape=(many, int(blocks.max()) + 1))
        values = np.add.reduceat(self.values * mass, starts) / np.add.reduceat(mass, starts)
        return Counted(values, merge @ self.answers @ into, merge @ self.right @ into, self.bins[starts])

    def found(self) -> dict[str, float]:
        """FIGURES of the answers as they are, NaN where undefined. Ours: a count."""
        one = np.ones((self.answers.shape[1], 1))
        told = counted_figures(self.values, self.answers @ one, self.right @ one, self.bins)
        return {name: float(told[name][0]) for name in FIGURES}


def _counts(n: int, draws: int, seed: int) -> Iterator[Array]:
    for counts in resampled_counts(n, draws=draws, seed=seed):
        yield counts.astype(np.float64)


def checked_answers(confidence: Array, right: Array, clusters: Array | None) -> tuple[Array, Array, Array]:
    """The judged answers' confidences, rights and clusters (numbers from 0). Errors: S214, S211, S202. Ours: a check."""
    c, y = np.asarray(confidence, np.float64), np.asarray(right, np.float64)
    names = np.arange(len(c)) if clusters is None else np.asarray(clusters)
    if c.ndim != 1 or y.shape != c.shape or len(names) != len(c):
        raise StropError(
            "S214", f"{c.shape} confidences, {y.shape} verdicts, {len(names)} clusters", "one each an answer"
        )
    for what, bad in (
        ("confidence", ~(np.isnan(c) | ((c >= 0) & (c <= 1)))),
        ("right", ~(np.isnan(y) | (y == 0) | (y == 1))),
    ):
        if bad.any():
            place = int(np.argmax(bad))
            value = (c if what == "confidence" else y)[place]
            raise StropError("S211", f"{value} in place {place}", "confidences from 0 to 1, right 1 or 0", column=what)
    judged = ~np.isnan(y)
    if not judged.any():
        raise StropError("S202", "no answer is judged", "right: 1 or 0, of some at least")
    return c[judged], y[judged], from_zero(names[judged])


def from_zero(names: Array) -> Array:
    """(n,) whole numbers: equal names have equal ones. Ours: a count."""
    return np.asarray(np.unique(names, return_inverse=True)[1])


def in_blocks(groups: Array) -> Array:
    """(n,) the block of each group (whole numbers from 0): itself, or one of 5,000 put together at random of more.

    Resampling blocks of independent groups tells what resampling the groups tells, in less time. Ours: a shortcut.
    """
    many = int(groups.max()) + 1
    blocks = np.random.default_rng(many).permutation(many) % MOST_BLOCKS if many > MOST_BLOCKS else np.arange(many)
    return np.asarray(blocks[groups])


def counted(confidence: Array, right: Array, groups: Array, *, bins: int, scheme: str) -> Counted:
    """The counts of (n,) confidences in [0, 1] and rights, 1 or 0; groups: (n,) whole numbers from 0, the question. Ours: a count."""
    values, place = np.unique(confidence, return_inverse=True)
    shape = (len(values), int(groups.max()) + 1)
    answers, hits = (csr_array((of, (place, groups)), shape=shape) for of in (np.ones(len(place)), right))
    return Counted(values, answers, hits, bins_of(values, np.bincount(place), bins=bins, scheme=scheme))


def bins_of(values: Array, sizes: Array, *, bins: int, scheme: str) -> Array:
    """(k,) the bin of each of k rising values that `sizes` answers have.

    width: (0, 1/m], ..., the first with 0 in it; mass: as many answers in each, as far as equal values stay together.
    Errors: S301 another scheme, bins below 1. Paper: ece2015; nixon2019
    """
    if scheme not in ("width", "mass") or bins < 1:
        raise StropError("S301", f"{bins} bins by {scheme}", "1 bin at least, by width or mass")
    if scheme == "width":
        return np.asarray(np.searchsorted(np.arange(1, bins) / bins, values, side="left"))
    middle_rank = np.cumsum(sizes) - sizes / 2
    return np.asarray(np.minimum((middle_rank / sizes.sum() * bins).astype(np.int64), bins - 1))


def counted_figures(values: Array, answers: Array, right: Array, bins: Array) -> dict[str, Array]:
    """FIGURES of (k, draws) counts of answers and of right ones at k rising confidences, (draws,) each.

    ECE: sum over bins of |sum of (confidence - right)| / n; MCE: the largest |mean (confidence - right)| of a bin; Brier: mean
    (confidence - right)**2; AUROC: how often a right answer is surer than a wrong one, a tie a half; AURC: the mean over
    k = 1..n of the share wrong among the k surest, ties in random order (its expectation).
    Paper: ece2015; brier1950; fawcett2006; aurc2017
    """
    c, total, hits = values[:, None], answers.sum(0), right.sum(0)
    starts = np.flatnonzero(np.r_[True, np.diff(bins) > 0])
    gaps = np.abs(np.add.reduceat(c * answers - right, starts, axis=0))
    inside = np.add.reduceat(answers, starts, axis=0)
    wrong = answers - right
    with np.errstate(invalid="ignore", divide="ignore"):
        mean, accuracy = (c * answers).sum(0) / total, hits / total
        below = np.cumsum(wrong, axis=0) - wrong / 2
        return {
            "ECE, error": gaps.sum(0) / total,
            "MCE, error": np.where(inside > 0, gaps / inside, 0.0).max(0),
            "Brier, error": ((c * c) * answers + (1 - 2 * c) * right).sum(0) / total,
            "AUROC": (right * below).sum(0) / (hits * (total - hits)),
            "AURC, error": _area(answers[::-1], wrong[::-1]) / total,
            SAYS: mean,
            RIGHT: accuracy,
            GAP: mean - accuracy,
        }


def _area(answers: Array, wrong: Array) -> Array:
    """Sum over k of the expected share wrong among the first k, for groups of ties in this order.

    Within a group from a to b of which a share s is wrong, E(a) wrong before it: sum of (E(a) + s (k - a)) / k
    = s (b - a) + (E(a) - s a) (H(b) - H(a)), with the harmonic numbers H.
    """
    after = np.cumsum(answers, axis=0)
    before = after - answers
    share = np.divide(wrong, answers, out=np.zeros_like(wrong), where=answers > 0)
    most = int(after[-1].max())
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, most + 1))])
    rise = harmonic[after.astype(np.int64)] - harmonic[before.astype(np.int64)]
    return np.asarray((wrong + (np.cumsum(wrong, axis=0) - wrong - share * before) * rise).sum(0))


def resampled_bounds(drawn: Array) -> tuple[float, float] | tuple[None, None]:
    """The middle 95 % of the draws; none where they are all the same, since then resampling tells nothing. Paper: efron1993"""
    found = middle(drawn)
    return (None, None) if found is None or found[1] - found[0] < 1e-12 else found


def ece_by_chance(values: Array, sizes: Array, bins: Array, *, draws: int, seed: int) -> Array:
    """(draws,) the ECE of a writer that is calibrated to the letter, with as many answers of each confidence as these.

    What is right is drawn with the confidence itself, each answer for itself. Not for: answers of one question that are right
    or wrong together (then more is left to chance). Paper: broecker2007
    """
    generator = np.random.default_rng([seed, 0xECE])
    starts = np.flatnonzero(np.r_[True, np.diff(bins) > 0])
    found = np.empty(draws)
    for draw in range(draws):
        gaps = values * sizes - generator.binomial(sizes, values)
        found[draw] = np.abs(np.add.reduceat(gaps, starts)).sum() / sizes.sum()
    return found
